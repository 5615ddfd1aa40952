/* Bilinear sampling of level pixels from an octave base; proto/types.h, struct proto_sampling. */
#include "gpu/ref/ref.h"
#include "gpu/sampling.h"

static int32_t pixel(const struct proto_sampling *s, const uint8_t *frame, int32_t row,
                     int32_t column, int32_t channel)
{
    if (row >= s->base_h || row < s->band_y0 || row >= s->band_y1)
        return 0;
    const uint8_t *band = frame + s->band_offset;
    size_t at = (size_t)(row - s->band_y0) * (size_t)s->base_w + (size_t)column;
    return band[at * PROTO_CHANNELS + (size_t)channel];
}

void gpu_ref_sample(const struct proto_sampling *s, const uint8_t *frame, float *out)
{
    for (int32_t c = 0; c < PROTO_CHANNELS; c++)
        for (int32_t y = 0; y < s->h; y++)
            for (int32_t x = 0; x < s->w; x++) {
                struct gpu_sampling_at row = gpu_sampling_row(s, y),
                                       col = gpu_sampling_column(s, x);
                int32_t fx = col.weight, fy = row.weight;
                int32_t v = (256 - fx) * (256 - fy) * pixel(s, frame, row.i, col.i, c) +
                            fx * (256 - fy) * pixel(s, frame, row.i, col.next, c) +
                            (256 - fx) * fy * pixel(s, frame, row.next, col.i, c) +
                            fx * fy * pixel(s, frame, row.next, col.next, c);
                float product = (float)v * (1.0f / 65536.0f) * s->scale;
                *out++ = product + s->offset;
            }
}
