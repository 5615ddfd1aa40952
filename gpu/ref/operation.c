/* Single operations, written to be read. */
#include <math.h>

#include "gpu/operation.h"
#include "gpu/ref/ref.h"

static void pool_3d(const struct gpu_operation_shape *s, const float *a, float *out)
{
    const struct gpu_operation_size size = gpu_operation_result(s);
    for (int32_t c = 0; c < size.c; c++)
        for (int32_t y = 0; y < size.h; y++)
            for (int32_t x = 0; x < size.w; x++) {
                float largest = -INFINITY;
                for (int32_t i = 0; i < 3; i++)
                    for (int32_t j = 0; j < PROTO_NMS_ROWS; j++)
                        for (int32_t k = 0; k < PROTO_NMS_COLS; k++)
                            largest = fmaxf(largest,
                                            a[((size_t)(c + i) * (size_t)s->h + (size_t)(y + j)) *
                                                  (size_t)s->w +
                                              (size_t)(x + k)]);
                *out++ = largest;
            }
}

static void softmax(const float *a, int32_t n, float *out)
{
    float largest = a[0], sum = 0;
    for (int32_t i = 1; i < n; i++)
        largest = fmaxf(largest, a[i]);
    for (int32_t i = 0; i < n; i++)
        sum += out[i] = expf(a[i] - largest);
    for (int32_t i = 0; i < n; i++)
        out[i] /= sum;
}

void gpu_ref_operation(const struct gpu_operation_shape *s, const float *a, const float *b,
                       float *out)
{
    const struct proto_size size = {.w = s->w, .h = s->h};
    const size_t count = (size_t)s->c * (size_t)s->h * (size_t)s->w;
    struct proto_layer layer = s->layer;
    static const float no_bias[1 << 14];

    switch (s->kind) {
    case GPU_OPERATION_CONV:
        layer.weights = b;
        layer.bias = no_bias;
        gpu_ref_conv(&layer, a, size, out);
        break;
    case GPU_OPERATION_POOL:
        gpu_ref_pool(&layer, a, size, out);
        break;
    case GPU_OPERATION_POOL_3D:
        pool_3d(s, a, out);
        break;
    case GPU_OPERATION_SOFTMAX:
        for (size_t i = 0; i < count; i += (size_t)s->w)
            softmax(a + i, s->w, out + i);
        break;
    case GPU_OPERATION_DOT: {
        double sum = 0;
        for (size_t i = 0; i < count; i++)
            sum += (double)a[i] * (double)b[i];
        out[0] = (float)sum;
        break;
    }
    default:
        for (size_t i = 0; i < count; i++)
            out[i] = s->kind == GPU_OPERATION_ADD        ? a[i] + b[i]
                     : s->kind == GPU_OPERATION_MULTIPLY ? a[i] * b[i]
                                                         : fmaxf(a[i], 0);
    }
}
