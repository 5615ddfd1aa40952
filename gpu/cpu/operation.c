/* Single operations on the CPU, fp32: convolutions by oneDNN, the others loops for the compiler to
 * vectorise. Threads are OpenMP's.
 */
#include "gpu/cpu/operation.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/cpu/chain.h"
#include "proto/status.h"

struct cpu_operation {
    struct gpu_operation base;
    size_t a_count, out_count;
    float *a, *b, *out; /* planar; but a and out of CONV: as its kernel wants them */
    void *scratch;
    struct proto_layer layer; /* CONV: weights and bias are b and zeros behind it */
    struct cpu_weights *weights;
    struct cpu_conv *conv;
    struct cpu_tensor in, result;
};

static struct cpu_operation *of(struct gpu_operation *operation)
{
    return (struct cpu_operation *)operation;
}

static float *take(size_t count)
{
    return aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
}

static size_t count_of(struct gpu_operation_size size)
{
    return (size_t)size.c * (size_t)size.h * (size_t)size.w;
}

/* Where element (c, y, x) of a tensor lies, see tensor.h. */
static size_t at(const struct cpu_tensor *t, size_t c, size_t pixel)
{
    const size_t block = (size_t)t->block, pixels = (size_t)t->h * (size_t)t->w;
    return (c / block * pixels + pixel) * block + c % block;
}

static int conv_open(struct cpu_operation *op, struct cpu_device *device, const float *a,
                     const float *b)
{
    const struct gpu_operation_shape *s = &op->base.shape;
    const struct cpu_weights_settings settings = {.stored = GPU_F32, .first = false, .last = true};
    const size_t weights =
        (size_t)s->layer.cout * (size_t)s->layer.cin * (size_t)s->layer.kh * (size_t)s->layer.kw;
    op->b = take(weights + (size_t)s->layer.cout);
    if (!op->b)
        return PROTO_NO_MEMORY;
    memcpy(op->b, b, weights * sizeof *b);
    memset(op->b + weights, 0, (size_t)s->layer.cout * sizeof *b);
    op->layer = s->layer;
    op->layer.weights = op->b;
    op->layer.bias = op->b + weights;
    int status = cpu_weights_open(device->dnnl, &op->layer, &settings, &op->weights);
    if (!status)
        status =
            cpu_conv_open(op->weights, (struct proto_size){.w = s->w, .h = s->h}, 1, &op->conv);
    if (status)
        return status;
    op->in = *cpu_conv_in(op->conv);
    op->result = *cpu_conv_out(op->conv);
    op->a = take(cpu_tensor_elements(&op->in));
    op->out = take(cpu_tensor_elements(&op->result));
    op->scratch = aligned_alloc(64, (cpu_conv_scratch_bytes(op->conv) + 64) / 64 * 64);
    if (!op->a || !op->out || !op->scratch)
        return PROTO_NO_MEMORY;
    const size_t pixels = (size_t)s->h * (size_t)s->w;
    memset(op->a, 0, cpu_tensor_bytes(&op->in));
    for (size_t c = 0; c < (size_t)s->c; c++)
        for (size_t p = 0; p < pixels; p++)
            op->a[at(&op->in, c, p)] = a[c * pixels + p];
    return PROTO_OK;
}

static int plain_open(struct cpu_operation *op, const float *a, const float *b)
{
    op->a = take(op->a_count);
    op->b = b ? take(op->a_count) : NULL;
    op->out = take(op->out_count);
    if (!op->a || !op->out || (b && !op->b))
        return PROTO_NO_MEMORY;
    memcpy(op->a, a, op->a_count * sizeof *a);
    if (b)
        memcpy(op->b, b, op->a_count * sizeof *b);
    return PROTO_OK;
}

static void operation_close(struct gpu_operation *operation)
{
    struct cpu_operation *op = of(operation);
    cpu_conv_close(op->conv);
    cpu_weights_close(op->weights);
    free(op->a);
    free(op->b);
    free(op->out);
    free(op->scratch);
    free(op);
}

static int operation_open(struct gpu_device *device, const struct gpu_operation_shape *shape,
                          const float *a, const float *b, struct gpu_operation **out)
{
    if (device->precision != GPU_F32)
        return PROTO_UNSUPPORTED;
    struct cpu_operation *op = calloc(1, sizeof *op);
    if (!op)
        return PROTO_NO_MEMORY;
    op->base.device = device;
    op->base.shape = *shape;
    op->a_count = (size_t)shape->c * (size_t)shape->h * (size_t)shape->w;
    op->out_count = count_of(gpu_operation_result(shape));
    const int status = shape->kind == GPU_OPERATION_CONV
                           ? conv_open(op, (struct cpu_device *)device, a, b)
                           : plain_open(op, a, b);
    if (status) {
        operation_close(&op->base);
        return status;
    }
    *out = &op->base;
    return PROTO_OK;
}

/* ---- the loops; n: elements, s: their shape ---- */

static void add(const float *restrict a, const float *restrict b, size_t n, float *restrict out)
{
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] + b[i];
}

static void multiply(const float *restrict a, const float *restrict b, size_t n,
                     float *restrict out)
{
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] * b[i];
}

static void relu(const float *restrict a, size_t n, float *restrict out)
{
#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] > 0 ? a[i] : 0;
}

static void dot(const float *restrict a, const float *restrict b, size_t n, float *restrict out)
{
    float sum = 0;
#pragma omp parallel for simd schedule(static) reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    out[0] = sum;
}

static void softmax_row(const float *restrict a, int32_t n, float *restrict out)
{
    float largest = a[0], sum = 0;
#pragma omp simd reduction(max : largest)
    for (int32_t i = 1; i < n; i++)
        largest = a[i] > largest ? a[i] : largest;
    for (int32_t i = 0; i < n; i++)
        out[i] = expf(a[i] - largest);
#pragma omp simd reduction(+ : sum)
    for (int32_t i = 0; i < n; i++)
        sum += out[i];
    const float share = 1 / sum;
#pragma omp simd
    for (int32_t i = 0; i < n; i++)
        out[i] *= share;
}

static void softmax(const float *a, size_t n, int32_t w, float *out)
{
    const int rows = (int)(n / (size_t)w);
#pragma omp parallel for schedule(static)
    for (int r = 0; r < rows; r++)
        softmax_row(a + (size_t)r * (size_t)w, w, out + (size_t)r * (size_t)w);
}

/* One row of output: the maximum over `depth` planes, kh rows and kw columns. */
static void pool_row(const float *restrict a, const struct gpu_operation_shape *s, int32_t depth,
                     int32_t kh, int32_t kw, int32_t sw, int32_t w, float *restrict out)
{
    for (int32_t x = 0; x < w; x++)
        out[x] = -INFINITY;
    for (int32_t i = 0; i < depth; i++)
        for (int32_t j = 0; j < kh; j++) {
            const float *row = a + ((size_t)i * (size_t)s->h + (size_t)j) * (size_t)s->w;
            for (int32_t k = 0; k < kw; k++)
#pragma omp simd
                for (int32_t x = 0; x < w; x++)
                    out[x] = row[x * sw + k] > out[x] ? row[x * sw + k] : out[x];
        }
}

static void pool(const struct cpu_operation *op)
{
    const struct gpu_operation_shape *s = &op->base.shape;
    const struct gpu_operation_size size = gpu_operation_result(s);
    const bool deep = s->kind == GPU_OPERATION_POOL_3D;
    const int32_t kh = deep ? PROTO_NMS_ROWS : s->layer.kh,
                  kw = deep ? PROTO_NMS_COLS : s->layer.kw;
    const int32_t sh = deep ? 1 : s->layer.sh, sw = deep ? 1 : s->layer.sw;
#pragma omp parallel for schedule(static)
    for (int r = 0; r < size.c * size.h; r++) {
        const int32_t c = r / size.h, y = r % size.h;
        pool_row(op->a + ((size_t)c * (size_t)s->h + (size_t)(y * sh)) * (size_t)s->w, s,
                 deep ? 3 : 1, kh, kw, sw, size.w, op->out + (size_t)r * (size_t)size.w);
    }
}

static int operation_run(struct gpu_operation *operation)
{
    struct cpu_operation *op = of(operation);
    omp_set_num_threads(((struct cpu_device *)operation->device)->threads);
    switch (operation->shape.kind) {
    case GPU_OPERATION_CONV:
        return cpu_conv_run(op->conv, 0, op->a, op->out, op->scratch);
    case GPU_OPERATION_POOL:
    case GPU_OPERATION_POOL_3D:
        pool(op);
        break;
    case GPU_OPERATION_ADD:
        add(op->a, op->b, op->a_count, op->out);
        break;
    case GPU_OPERATION_MULTIPLY:
        multiply(op->a, op->b, op->a_count, op->out);
        break;
    case GPU_OPERATION_RELU:
        relu(op->a, op->a_count, op->out);
        break;
    case GPU_OPERATION_SOFTMAX:
        softmax(op->a, op->a_count, operation->shape.w, op->out);
        break;
    default:
        dot(op->a, op->b, op->a_count, op->out);
    }
    return PROTO_OK;
}

static int operation_get(struct gpu_operation *operation, float *out)
{
    const struct cpu_operation *op = of(operation);
    if (!op->conv) {
        memcpy(out, op->out, op->out_count * sizeof *out);
        return PROTO_OK;
    }
    const size_t pixels = (size_t)op->result.h * (size_t)op->result.w;
    for (size_t c = 0; c < (size_t)op->result.c; c++)
        for (size_t p = 0; p < pixels; p++)
            out[c * pixels + p] = op->out[at(&op->result, c, p)];
    return PROTO_OK;
}

const struct gpu_operations cpu_operations = {
    .open = operation_open,
    .run = operation_run,
    .get = operation_get,
    .close = operation_close,
};
