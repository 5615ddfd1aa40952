/* Octave bases, levels and sampling geometry of one frame size (DESIGN.md section 3). All sizes are
 * integers once partition_pyramid_init has run, so every process works out the same pixels.
 */
#include "partition/pyramid.h"

#include <math.h>
#include <string.h>

#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

enum {
    CELLS_MAX = 65535,     /* a survivor's row and column have 16 bits */
    HALVE_STEP = 96,       /* source bytes a step of the fast loop: 16 pairs of pixels */
    PIXEL = PROTO_CHANNELS /* bytes */
};

static struct partition_base base_half(const struct partition_base *base)
{
    return (struct partition_base){
        .w = (base->w + 1) / 2, .h = (base->h + 1) / 2, .padded_h = (base->padded_h + 1) / 2};
}

/* Octave base for scale f, and the factor that remains from there. */
static int32_t base_for(double f, double *remaining)
{
    int32_t base = 0;
    if (f < 0.5)
        while (f <= 0.5) {
            f *= 2;
            base++;
        }
    *remaining = f;
    return base;
}

static int level_init(struct partition_level *level, const struct partition_pyramid *pyramid,
                      const struct partition_model *model, int k)
{
    const struct partition_net *net = partition_model_net(model, k);
    if (!net) {
        proto_log_error(AREA, "level %d is served by no net", k);
        return PROTO_INVALID;
    }
    const double f = net->person_px / model->first_person_px * exp2(-(double)k / model->per_octave);
    const double w = floor(pyramid->frame.w * f + 0.5) + 2.0 * net->border_cols;
    const double h = floor(pyramid->padded_h * f + 0.5) + 2.0 * net->border_rows;
    if (!(f > 0) || !(w < INT32_MAX / 4) || !(h < INT32_MAX / 4)) {
        proto_log_error(AREA, "level %d: %.0f x %.0f pixels at scale %g", k, w, h, f);
        return PROTO_INVALID;
    }
    *level = (struct partition_level){.level = k,
                                      .net = (int32_t)(net - model->nets),
                                      .scale = f,
                                      .w = (int32_t)w,
                                      .h = (int32_t)h};
    const int32_t rows = partition_net_rows(net, level->h);
    const int32_t cols = partition_net_cols(net, level->w);
    if (rows == 0 || cols == 0)
        return PROTO_OK; /* no window fits: no cells, no base needed */
    if (rows > CELLS_MAX || cols > CELLS_MAX) {
        proto_log_error(AREA, "level %d: %d x %d cells, at most %d", k, rows, cols, CELLS_MAX);
        return PROTO_INVALID;
    }
    double remaining;
    level->base = base_for(f, &remaining);
    if (level->base >= PROTO_BASES_MAX) {
        proto_log_error(AREA, "level %d: scale %g needs more than %d octaves", k, f,
                        PROTO_BASES_MAX);
        return PROTO_INVALID;
    }
    level->rows = rows;
    level->cols = cols;
    level->step = llround(4294967296.0 / remaining);
    return PROTO_OK;
}

int partition_pyramid_init(struct partition_pyramid *pyramid, const struct partition_model *model,
                           struct proto_size frame)
{
    memset(pyramid, 0, sizeof(*pyramid));
    if (frame.w < 1 || frame.h < 1 || frame.w > PROTO_FRAME_SIDE_MAX ||
        frame.h > PROTO_FRAME_SIDE_MAX) {
        proto_log_error(AREA, "frame of %d x %d pixels; sides of 1 to %d are supported", frame.w,
                        frame.h, PROTO_FRAME_SIDE_MAX);
        return PROTO_INVALID;
    }
    pyramid->frame = frame;
    pyramid->padded_h = frame.h + (int32_t)floor(frame.h * model->pad_below + 0.5);
    pyramid->level_count = model->levels;
    pyramid->base_count = 1;
    for (int k = 0; k < model->levels; k++) {
        int status = level_init(&pyramid->levels[k], pyramid, model, k);
        if (status != PROTO_OK)
            return status;
        if (pyramid->levels[k].base >= pyramid->base_count)
            pyramid->base_count = pyramid->levels[k].base + 1;
    }
    pyramid->bases[0] =
        (struct partition_base){.w = frame.w, .h = frame.h, .padded_h = pyramid->padded_h};
    for (int o = 1; o < pyramid->base_count; o++)
        pyramid->bases[o] = base_half(&pyramid->bases[o - 1]);
    return PROTO_OK;
}

/* Upper of the two base rows that level row y is mixed from (struct proto_sampling). */
static int32_t base_row(int32_t y, int32_t border, int64_t step, int32_t padded_h)
{
    int64_t u = (((2 * ((int64_t)y - border) + 1) * step) >> 1) - (INT64_C(1) << 31) + (1 << 23);
    const int64_t max = (int64_t)(padded_h - 1) << 32;
    if (u < 0)
        u = 0;
    if (u > max)
        u = max;
    return (int32_t)(u >> 32);
}

struct proto_band partition_pyramid_band(const struct partition_pyramid *pyramid,
                                         const struct partition_model *model, int level,
                                         int32_t row0, int32_t rows)
{
    const struct partition_level *l = &pyramid->levels[level];
    const struct partition_net *net = &model->nets[l->net];
    const struct partition_base *base = &pyramid->bases[l->base];
    const int32_t first = row0 * net->stride.h;
    const int32_t last = (row0 + rows - 1) * net->stride.h + net->window.h - 1;
    struct proto_band band = {
        .base = l->base,
        .y0 = base_row(first, net->border_rows, l->step, base->padded_h),
        /* the lower of the two rows is touched even when its weight is zero */
        .y1 = base_row(last, net->border_rows, l->step, base->padded_h) + 2,
    };
    if (band.y1 > base->h)
        band.y1 = base->h;
    if (band.y0 > band.y1)
        band.y0 = band.y1;
    return band;
}

void partition_pyramid_sampling(const struct partition_pyramid *pyramid,
                                const struct partition_model *model, int level,
                                const struct proto_rect *cells, struct proto_sampling *out)
{
    const struct partition_level *l = &pyramid->levels[level];
    const struct partition_net *net = &model->nets[l->net];
    const struct partition_base *base = &pyramid->bases[l->base];
    *out = (struct proto_sampling){
        .step = l->step,
        .border_x = net->border_cols,
        .border_y = net->border_rows,
        .base_w = base->w,
        .base_h = base->h,
        .base_padded_h = base->padded_h,
        .x0 = cells->x * net->stride.w,
        .y0 = cells->y * net->stride.h,
        .w = (cells->w - 1) * net->stride.w + net->window.w,
        .h = (cells->h - 1) * net->stride.h + net->window.h,
        .scale = net->scale,
        .offset = net->offset,
    };
}

void partition_pyramid_box(const struct partition_pyramid *pyramid,
                           const struct partition_model *model, int level, double row, double col,
                           double box_xywh[4])
{
    const struct partition_level *l = &pyramid->levels[level];
    const struct partition_net *net = &model->nets[l->net];
    const double h = net->person_px / l->scale;
    const double w = model->aspect * h;
    const double cx = (col * net->stride.w + net->window.w / 2.0 - net->border_cols) / l->scale;
    const double cy = (row * net->stride.h + net->window.h / 2.0 - net->border_rows) / l->scale;
    box_xywh[0] = cx - w / 2;
    box_xywh[1] = cy - h / 2;
    box_xywh[2] = w;
    box_xywh[3] = h;
}

/* One output row from two source rows. The mean of each byte and the one a pixel to its right is
 * computed for all bytes of a step (half of them in vain, but in straight vectors), then every
 * second pixel is kept: 640x480 takes 0.06 ms where gathering pixel pairs took 0.25 ms. */
static void halve_row(const uint8_t *restrict a, const uint8_t *restrict b, int32_t src_w,
                      uint8_t *restrict dst, int32_t dst_w)
{
    const int64_t bytes = (int64_t)src_w * PIXEL;
    uint8_t mean[HALVE_STEP];
    int64_t at = 0;
    for (; at + HALVE_STEP + PIXEL <= bytes; at += HALVE_STEP, dst += HALVE_STEP / 2) {
        for (int i = 0; i < HALVE_STEP; i++)
            mean[i] =
                (uint8_t)((a[at + i] + a[at + i + PIXEL] + b[at + i] + b[at + i + PIXEL] + 2) >> 2);
        for (int i = 0; i < HALVE_STEP / (2 * PIXEL); i++)
            memcpy(dst + i * PIXEL, mean + i * 2 * PIXEL, PIXEL);
    }
    for (int32_t x = (int32_t)(at / (2 * PIXEL)); x < dst_w; x++, dst += PIXEL) {
        const int64_t p = (int64_t)x * 2 * PIXEL;
        const int64_t q = 2 * x + 1 < src_w ? p + PIXEL : p;
        for (int c = 0; c < PIXEL; c++)
            dst[c] = (uint8_t)((a[p + c] + a[q + c] + b[p + c] + b[q + c] + 2) >> 2);
    }
}

/* The last output row when only its upper source row is stored and zeros follow. */
static void halve_row_over_zeros(const uint8_t *a, int32_t src_w, uint8_t *dst, int32_t dst_w)
{
    for (int32_t x = 0; x < dst_w; x++, dst += PIXEL) {
        const int64_t p = (int64_t)x * 2 * PIXEL;
        const int64_t q = 2 * x + 1 < src_w ? p + PIXEL : p;
        for (int c = 0; c < PIXEL; c++)
            dst[c] = (uint8_t)((a[p + c] + a[q + c] + 2) >> 2);
    }
}

void partition_pyramid_halve(const struct partition_base *src_base, const uint8_t *src,
                             const struct partition_base *dst_base, uint8_t *dst)
{
    const int64_t src_stride = (int64_t)src_base->w * PIXEL;
    const int64_t dst_stride = (int64_t)dst_base->w * PIXEL;
    for (int32_t y = 0; y < dst_base->h; y++) {
        const uint8_t *a = src + 2 * y * src_stride;
        uint8_t *row = dst + y * dst_stride;
        if (2 * y + 1 < src_base->h)
            halve_row(a, a + src_stride, src_base->w, row, dst_base->w);
        else if (src_base->padded_h > src_base->h)
            halve_row_over_zeros(a, src_base->w, row, dst_base->w);
        else
            halve_row(a, a, src_base->w, row, dst_base->w);
    }
}
