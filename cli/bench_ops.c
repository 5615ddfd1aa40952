#include "cli/bench_ops.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "coordinator/bench/result.h"
#include "gpu/operation.h"
#include "proto/log.h"
#include "proto/status.h"

enum { RUNS = 50, WARM_UP = 3, PRECISIONS = 2 };

#define FILTERS(k)                                                                                 \
    {                                                                                              \
        GPU_OPERATION_CONV, 3, 240, 320,                                                           \
        {                                                                                          \
            .kind = PROTO_LAYER_CONV, .cin = 3, .cout = 200, .kh = (k), .kw = (k), .sh = 1,        \
            .sw = 1                                                                                \
        }                                                                                          \
    }

/* The paper names the operations and, for the convolutions, image and number of filters; the other sizes
 * are ours: a million values, and the stack of score maps of a 640 x 480 frame. */
static const struct {
    const char *name;
    struct gpu_operation_shape shape;
} operations[] = {
    {"matrix product 1000 x 1000",
     {GPU_OPERATION_CONV,
      1000,
      1,
      1000,
      {.kind = PROTO_LAYER_CONV, .cin = 1000, .cout = 1000, .kh = 1, .kw = 1, .sh = 1, .sw = 1}}},
    {"add, 1000 x 1000", {GPU_OPERATION_ADD, 1, 1000, 1000, {0}}},
    {"multiply, 1000 x 1000", {GPU_OPERATION_MULTIPLY, 1, 1000, 1000, {0}}},
    {"ReLU, 1000 x 1000", {GPU_OPERATION_RELU, 1, 1000, 1000, {0}}},
    {"softmax, 1000 rows of 1000", {GPU_OPERATION_SOFTMAX, 1, 1000, 1000, {0}}},
    {"dot product, 1,000,000", {GPU_OPERATION_DOT, 1, 1000, 1000, {0}}},
    {"convolution 3x3, 200 filters", FILTERS(3)},
    {"convolution 5x5, 200 filters", FILTERS(5)},
    {"convolution 7x7, 200 filters", FILTERS(7)},
    {"convolution 11x11, 200 filters", FILTERS(11)},
    {"max pool 2x2, 200 x 320 x 240",
     {GPU_OPERATION_POOL,
      200,
      240,
      320,
      {.kind = PROTO_LAYER_POOL, .cin = 200, .cout = 200, .kh = 2, .kw = 2, .sh = 2, .sw = 2}}},
    {"3D max pool 3x7x3, 26 x 160 x 107", {GPU_OPERATION_POOL_3D, 26, 160, 107, {0}}},
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

static const char *const precisions[PRECISIONS] = {"f32", "f16"};

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static float *random_values(size_t count)
{
    float *values = malloc(count * sizeof *values);
    uint32_t state = 1;
    for (size_t i = 0; values && i < count; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(int32_t)state / 2147483648.0f;
    }
    return values;
}

static size_t second_count(const struct gpu_operation_shape *s)
{
    switch (s->kind) {
    case GPU_OPERATION_CONV:
        return (size_t)s->layer.cout * (size_t)s->layer.cin * (size_t)s->layer.kh *
               (size_t)s->layer.kw;
    case GPU_OPERATION_ADD:
    case GPU_OPERATION_MULTIPLY:
    case GPU_OPERATION_DOT:
        return (size_t)s->c * (size_t)s->h * (size_t)s->w;
    default:
        return 0;
    }
}

/* *ms stays NAN when the device has not got it. */
static int measure(struct gpu_device *device, const struct gpu_operation_shape *shape, double *ms)
{
    const size_t b_count = second_count(shape);
    float *a = random_values((size_t)shape->c * (size_t)shape->h * (size_t)shape->w);
    float *b = b_count ? random_values(b_count) : NULL;
    struct gpu_operation *operation = NULL;
    double times[RUNS];
    int status = a && (b || !b_count) ? PROTO_OK : PROTO_NO_MEMORY;
    if (!status)
        status = gpu_operation_open(device, shape, a, b, &operation);
    for (int i = -WARM_UP; !status && i < RUNS; i++) {
        const double start = now_ms();
        status = gpu_operation_run(operation);
        if (i >= 0)
            times[i] = now_ms() - start;
    }
    if (!status)
        *ms = bench_percentile(times, RUNS, 50);
    gpu_operation_close(operation);
    free(a);
    free(b);
    return status == PROTO_UNSUPPORTED ? PROTO_OK : status;
}

static int measure_all(const char *name, double ms[OPERATIONS][PRECISIONS])
{
    const struct gpu_settings settings = {.threads = 0};
    int status = PROTO_OK;
    for (int p = 0; p < PRECISIONS && !status; p++) {
        char spec[128];
        struct gpu_device *device;
        snprintf(spec, sizeof spec, "%s,%s", name, precisions[p]);
        status = gpu_device_open(spec, &settings, &device);
        if (status)
            break;
        for (int i = 0; i < OPERATIONS && !status; i++) {
            ms[i][p] = NAN;
            status = measure(device, &operations[i].shape, &ms[i][p]);
            if (status)
                proto_log_error("bench", "%s on %s: %s", operations[i].name, spec,
                                proto_status_text(status));
        }
        gpu_device_close(device);
    }
    return status;
}

static void print_ms(double ms)
{
    if (isfinite(ms))
        printf(" %10.4f", ms);
    else
        printf(" %10s", "-");
}

static void print_text(const char *device, double ms[OPERATIONS][PRECISIONS])
{
    bool any = false;
    printf("%s, median of %d runs\n%-36s %10s %10s %8s\n", device, RUNS, "operation", "f32 ms",
           "f16 ms", "f32/f16");
    for (int i = 0; i < OPERATIONS; i++) {
        printf("%-36s", operations[i].name);
        print_ms(ms[i][0]);
        print_ms(ms[i][1]);
        if (isfinite(ms[i][0] / ms[i][1]))
            printf(" %7.2fx", ms[i][0] / ms[i][1]);
        putchar('\n');
        any |= isnan(ms[i][1]);
    }
    if (any)
        puts("-: this device has not got the operation in this precision");
}

static int print_json(const char *device, double ms[OPERATIONS][PRECISIONS])
{
    json_t *list = json_array();
    for (int i = 0; list && i < OPERATIONS; i++) {
        json_t *row = json_pack("{s:s}", "operation", operations[i].name);
        for (int p = 0; p < PRECISIONS; p++) {
            char key[16];
            snprintf(key, sizeof key, "%s_ms", precisions[p]);
            json_object_set_new(row, key, isfinite(ms[i][p]) ? json_real(ms[i][p]) : json_null());
        }
        json_array_append_new(list, row);
    }
    json_t *root = json_pack("{s:s, s:i, s:o}", "device", device, "runs", RUNS, "operations", list);
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(root);
    if (!text)
        return PROTO_NO_MEMORY;
    puts(text);
    free(text);
    return PROTO_OK;
}

int bench_ops_run(const char *device, bool json)
{
    double ms[OPERATIONS][PRECISIONS];
    const int status = measure_all(device, ms);
    if (status)
        return status;
    if (json)
        return print_json(device, ms);
    print_text(device, ms);
    return PROTO_OK;
}
