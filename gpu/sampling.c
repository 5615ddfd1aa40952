/* Check of a sampling before any pixel is read; see sampling.h. */
#include "gpu/sampling.h"

#include "proto/log.h"
#include "proto/status.h"

/* Limits that no pyramid comes near, and that keep the arithmetic within 64 bits. */
enum { PIXELS_MAX = 1 << 20, STEP_MAX_LOG2 = 40 };

static bool within(int32_t value, int32_t lowest, int32_t highest)
{
    return value >= lowest && value <= highest;
}

static bool fields_plausible(const struct proto_sampling *s)
{
    return within(s->w, 1, PIXELS_MAX) && within(s->h, 1, PIXELS_MAX) &&
           within(s->x0, 0, PIXELS_MAX) && within(s->y0, 0, PIXELS_MAX) &&
           within(s->border_x, 0, PIXELS_MAX) && within(s->border_y, 0, PIXELS_MAX) &&
           s->step >= 1 && s->step <= INT64_C(1) << STEP_MAX_LOG2 &&
           within(s->base_w, 1, PROTO_FRAME_SIDE_MAX) &&
           within(s->base_h, 1, PROTO_FRAME_SIDE_MAX) &&
           within(s->base_padded_h, s->base_h, PIXELS_MAX) && within(s->band_y1, 0, s->base_h) &&
           within(s->band_y0, 0, s->band_y1);
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
