/* Check of a sampling before any pixel is read; see sampling.h. */
#include "gpu/sampling.h"

#include "proto/log.h"
#include "proto/status.h"

static bool fields_plausible(const struct proto_sampling *s)
{
    const int32_t side = PROTO_FRAME_SIDE_MAX;
    return s->w >= 1 && s->h >= 1 && s->x0 >= 0 && s->y0 >= 0 && s->step >= 1 &&
           s->step <= (int64_t)side << 32 && s->base_w >= 1 && s->base_w <= side &&
           s->base_h >= 1 && s->base_h <= side && s->base_padded_h >= s->base_h &&
           s->base_padded_h <= 16 * side && s->band_y0 >= 0 && s->band_y0 <= s->band_y1 &&
           s->band_y1 <= s->base_h;
}

int gpu_sampling_check(const struct proto_sampling *s, size_t frame_bytes)
{
    if (!fields_plausible(s)) {
        proto_log_error("gpu", "a sampling of %d x %d pixels from a base of %d x %d makes no sense",
                        (int)s->w, (int)s->h, (int)s->base_w, (int)s->base_h);
        return PROTO_INVALID;
    }
    uint64_t band_bytes =
        (uint64_t)(s->band_y1 - s->band_y0) * (uint64_t)s->base_w * PROTO_CHANNELS;
    if (s->band_offset > frame_bytes || band_bytes > frame_bytes - s->band_offset) {
        proto_log_error("gpu", "rows %d to %d of a base lie outside the %zu bytes of the frame",
                        (int)s->band_y0, (int)s->band_y1, frame_bytes);
        return PROTO_INVALID;
    }
    struct gpu_sampling_at first = gpu_sampling_row(s, 0), last = gpu_sampling_row(s, s->h - 1);
    int32_t from = first.i;
    int32_t to = (last.weight ? last.next : last.i) + 1;
    if (to > s->base_h)
        to = s->base_h;
    if (from < to && (from < s->band_y0 || to > s->band_y1)) {
        proto_log_error("gpu", "rows %d to %d of a base are needed, %d to %d are there", (int)from,
                        (int)to, (int)s->band_y0, (int)s->band_y1);
        return PROTO_INVALID;
    }
    return PROTO_OK;
}
