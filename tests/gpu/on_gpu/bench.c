/* The CUDA device on whole frames of 640 x 480, default topology with random weights, as JSON on stdout.
 *
 *   bench [DEVICE [SECONDS [WIDTH HEIGHT [small]]]]      cuda:0 5 640 480
 *
 * Medians of what fits into SECONDS a row, after a warm-up. GPU time is by events around a frame's work (option
 * "timed"), copies included; host time is the clock's around the same frame minus that. `hash` is of all
 * survivors of the frame: equal on equal GPUs, in every process, with every option that only changes the way
 * of running.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "partition/camera.h"
#include "proto/status.h"
#include "tests/gpu/on_gpu/gemm.h"
#include "tests/worker/exec_support.h"
#include "worker/exec.h"

enum { FRAMES_MAX = 4096, WARM_UP = 5 };

struct scene {
    struct exec_model model;
    struct exec_picture picture;
};

struct row {
    double gpu_ms, wall_ms, host_ms; /* medians */
    uint64_t hash;
    int frames;
    uint32_t tiles;
    double gmacs;
};

static void check(const char *what, int status)
{
    if (status == PROTO_OK)
        return;
    fprintf(stderr, "bench: %s: %s\n", what, proto_status_text(status));
    exit(status == PROTO_NOT_FOUND ? 77 : 1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash_of(const struct proto_result *result)
{
    const unsigned char *bytes = (const unsigned char *)result->survivors;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < result->survivor_count * sizeof *result->survivors; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* GPU time where the device is "timed", otherwise 0. */
static double frame_ms(struct worker_exec *exec, const struct exec_frame *frame, bool timed,
                       double *wall_ms, uint64_t *hash)
{
    struct proto_result result;
    double gpu_us = 0, begin = now_ms();
    check("a frame", worker_exec_run(exec, &frame->frame, frame->pixels, &result));
    *wall_ms = now_ms() - begin;
    *hash = hash_of(&result);
    for (uint32_t i = 0; i < result.tile_count && timed; i++)
        gpu_us += result.tile_us[i];
    return gpu_us / 1e3;
}

static struct row row_run(const char *device, const struct scene *s,
                          const struct partition_tile_settings *tiles, double seconds)
{
    static double gpu[FRAMES_MAX], wall[FRAMES_MAX], host[FRAMES_MAX];
    const struct gpu_settings settings = {.threads = 1};
    const bool timed = strstr(device, "timed") != NULL;
    struct exec_plan plan;
    struct exec_frame frame;
    struct worker_exec *exec;
    struct row row = {0};
    check(device, worker_exec_open(device, &settings, &s->model.model, &exec));
    exec_plan_open_with(&plan, &s->picture, &s->model.model, tiles, 0.0f);
    exec_frame_open(&frame, &s->picture, &plan, plan.ids, plan.tiles->count);
    plan.plan.frame_bytes_max = frame.frame.pixel_bytes;
    check("the plan", worker_exec_plan(exec, &plan.plan));
    const double begin = now_ms();
    for (int i = -WARM_UP; i < FRAMES_MAX; i++) {
        const int at = i < 0 ? 0 : i;
        gpu[at] = frame_ms(exec, &frame, timed, &wall[at], &row.hash);
        host[at] = wall[at] - gpu[at];
        row.frames = at + 1;
        if (now_ms() - begin > 1e3 * seconds)
            break;
    }
    row.tiles = plan.tiles->count;
    row.gmacs = (double)plan.tiles->macs / 1e9;
    row.gpu_ms = median(gpu, row.frames);
    row.wall_ms = median(wall, row.frames);
    row.host_ms = median(host, row.frames);
    exec_frame_close(&frame);
    exec_plan_close(&plan);
    worker_exec_close(exec);
    return row;
}

static void row_print(const char *before, const char *name, const char *device,
                      const struct row *row)
{
    printf("%s  {\"step\": \"%s\", \"device\": \"%s\", \"frames\": %d, \"tiles\": %u, \"gmacs\": "
           "%.2f, ",
           before, name, device, row->frames, row->tiles, row->gmacs);
    if (row->gpu_ms > 0)
        printf("\"gpu_ms\": %.4f, \"host_ms\": %.4f, \"tflops\": %.2f, ", row->gpu_ms, row->host_ms,
               2 * row->gmacs / row->gpu_ms);
    printf("\"wall_ms\": %.4f, \"hash\": \"%016llx\"}", row->wall_ms,
           (unsigned long long)row->hash);
}

/* The camera of rendered scenes (configs/cameras/scene.yaml), without its file. */
static bool bands_of_scene_camera(const struct scene *s, struct partition_rows *bands)
{
    const struct proto_size frame = s->picture.pyramid.frame;
    const double focal = 554.256 * frame.w / 640;
    const struct proto_config_camera config = {.width = frame.w,
                                               .height = frame.h,
                                               .fx = focal,
                                               .fy = focal,
                                               .cx = frame.w / 2.0,
                                               .cy = frame.h / 2.0,
                                               .height_m = 1.2,
                                               .height_tolerance_m = 0.02,
                                               .pitch_deg = 5,
                                               .pitch_tolerance_deg = 1,
                                               .roll_tolerance_deg = 1,
                                               .body_min_m = 1.4,
                                               .body_max_m = 2.0,
                                               .distance_min_m = 1.9,
                                               .distance_max_m = 13.1,
                                               .cut_below = 1};
    struct partition_camera camera;
    return partition_camera_init(&camera, &config, frame) == PROTO_OK &&
           partition_camera_bands(&camera, &s->picture.pyramid, &s->model.model, bands) == PROTO_OK;
}

/* Shapes of the tiles, for a comparison with others: [h, w, net]. */
static void shapes_print(const struct scene *s, const struct partition_tile_settings *settings)
{
    struct exec_plan plan;
    exec_plan_open_with(&plan, &s->picture, &s->model.model, settings, 0.0f);
    printf(" \"tile_shapes\": [");
    for (uint32_t i = 0; i < plan.tiles->count; i++) {
        const struct partition_tile *tile = &plan.tiles->tile[i];
        printf("%s[%d, %d, %d]", i ? ", " : "", (int)tile->input.h, (int)tile->input.w,
               (int)s->picture.pyramid.levels[tile->level].net);
    }
    printf("],\n");
    exec_plan_close(&plan);
}

static const struct step {
    const char *name, *options;
    bool banded;
} steps[] = {
    {"everything copied and made anew, fp32", ",f32,dynamic,roundtrip,timed", false},
    {"on the GPU, static shapes, fp32", ",f32,nograph,serial,timed", false},
    {"fp16", ",f16,nograph,serial,timed", false},
    {"lanes", ",f16,nograph,timed", false},
    {"CUDA graph", ",f16,timed", false},
    {"CUDA graph, by the clock alone", ",f16", false},
    {"first layer and pool apart", ",f16,unfused,timed", false},
    {"own convolutions", ",f16,own,timed", false},
    {"ground plane", ",f16,timed", true},
};

int main(int argc, char **argv)
{
    const char *device = argc > 1 ? argv[1] : "cuda:0";
    const double seconds = argc > 2 ? atof(argv[2]) : 5;
    const struct proto_size size = {.w = argc > 4 ? atoi(argv[3]) : 640,
                                    .h = argc > 4 ? atoi(argv[4]) : 480};
    struct scene s;
    struct partition_tile_settings whole, banded;
    struct partition_rows bands[PROTO_LEVELS_MAX];
    struct gpu_device *opened;
    check(device, gpu_device_open(device, NULL, &opened));
    const bool small = argc > 5 && strcmp(argv[5], "small") == 0;
    if (small)
        exec_model_default_small(&s.model);
    else
        exec_model_default(&s.model);
    exec_picture_open(&s.picture, &s.model.model, size, 1);
    partition_tile_defaults(&whole);
    banded = whole;
    banded.bands = bands_of_scene_camera(&s, bands) ? bands : NULL;
    printf("{\"device\": \"%s\", \"kernels\": \"%s\", \"width\": %d, \"height\": %d,\n", device,
           gpu_device_kernels(opened), (int)size.w, (int)size.h);
    gpu_device_close(opened);
    shapes_print(&s, &whole);
    printf(" \"gemm_tflops\": %.2f,\n \"steps\": [\n", gemm_best_tflops());
    const size_t count = sizeof steps / sizeof steps[0];
    for (size_t i = 0; i < count; i++) {
        char spec[GPU_SPEC_MAX];
        if ((steps[i].banded && !banded.bands) || (small && strstr(steps[i].options, "own")))
            continue; /* on the emulation the own kernels take minutes */
        snprintf(spec, sizeof spec, "%.64s%s", device, steps[i].options);
        const struct row row = row_run(spec, &s, steps[i].banded ? &banded : &whole, seconds);
        row_print(i ? ",\n" : "", steps[i].name, spec, &row);
        fflush(stdout);
    }
    printf("\n ]}\n");
    exec_picture_close(&s.picture);
    exec_model_close(&s.model);
    return 0;
}
