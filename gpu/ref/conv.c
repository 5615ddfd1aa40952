/* Valid convolution, fp32. */
#include "gpu/ref/ref.h"
#include "gpu/shape.h"

static float conv_at(const struct proto_layer *l, const float *weights, const float *in,
                     struct proto_size size, int32_t y, int32_t x)
{
    float sum = 0.0f;
    for (int32_t c = 0; c < l->cin; c++)
        for (int32_t i = 0; i < l->kh; i++)
            for (int32_t j = 0; j < l->kw; j++) {
                size_t row = (size_t)c * (size_t)size.h + (size_t)(y * l->sh + i);
                sum += *weights++ * in[row * (size_t)size.w + (size_t)(x * l->sw + j)];
            }
    return sum;
}

void gpu_ref_conv(const struct proto_layer *l, const float *in, struct proto_size size, float *out)
{
    struct proto_size to = gpu_shape_layer(l, size);
    size_t kernel = gpu_shape_weights(l) / (size_t)l->cout;
    for (int32_t o = 0; o < l->cout; o++)
        for (int32_t y = 0; y < to.h; y++)
            for (int32_t x = 0; x < to.w; x++) {
                float z = l->bias[o] + conv_at(l, l->weights + (size_t)o * kernel, in, size, y, x);
                *out++ = l->relu && z < 0.0f ? 0.0f : z;
            }
}
