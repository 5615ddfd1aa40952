/* Max-pooling. */
#include "gpu/ref/ref.h"
#include "gpu/shape.h"

static float pool_at(const struct proto_layer *l, const float *in, struct proto_size size,
                     int32_t c, int32_t y, int32_t x)
{
    const float *window = in + ((size_t)c * (size_t)size.h + (size_t)(y * l->sh)) * (size_t)size.w +
                          (size_t)(x * l->sw);
    float largest = window[0];
    for (int32_t i = 0; i < l->kh; i++)
        for (int32_t j = 0; j < l->kw; j++) {
            float value = window[(size_t)i * (size_t)size.w + (size_t)j];
            largest = value > largest ? value : largest;
        }
    return largest;
}

void gpu_ref_pool(const struct proto_layer *l, const float *in, struct proto_size size, float *out)
{
    struct proto_size to = gpu_shape_layer(l, size);
    for (int32_t c = 0; c < l->cout; c++)
        for (int32_t y = 0; y < to.h; y++)
            for (int32_t x = 0; x < to.w; x++)
                *out++ = pool_at(l, in, size, c, y, x);
}
