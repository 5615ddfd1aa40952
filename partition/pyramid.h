/* The scale pyramid of one frame size: octave bases, levels, and the pixels each cell needs.
 * Pure arithmetic; DESIGN.md section 3, "Canonical pyramid", and struct proto_sampling.
 *
 *   f_k = person_px / first_person_px * 2^(-k / per_octave), person_px of the net serving level k
 *   level rows = floor(padded_h f + 1/2) + 2 border_rows, columns likewise from the frame's width
 *   base o: 0 if f >= 1/2, otherwise the smallest o with f 2^o > 1/2;  step = llround(2^32 / (f 2^o))
 */
#ifndef PARTITION_PYRAMID_H
#define PARTITION_PYRAMID_H

#include "partition/model.h"
#include "proto/types.h"

struct partition_base {
    int32_t w, h;     /* stored pixels */
    int32_t padded_h; /* rows with the zero padding below */
};

struct partition_level {
    int32_t level;      /* k */
    int32_t net;        /* index into model->nets */
    double scale;       /* f_k: level pixels per frame pixel */
    int32_t base;       /* octave base it samples */
    int64_t step;       /* base pixels per level pixel, 32.32 */
    int32_t w, h;       /* level pixels, with border */
    int32_t rows, cols; /* cells; 0 x 0 when no window fits (such a level has no tiles) */
};

struct partition_pyramid {
    struct proto_size frame;
    int32_t padded_h;
    int32_t base_count;
    struct partition_base bases[PROTO_BASES_MAX];
    int32_t level_count;
    struct partition_level levels[PROTO_LEVELS_MAX];
};

/* Returns PROTO_OK, or PROTO_INVALID for a frame side < 1 or > PROTO_FRAME_SIDE_MAX. */
int partition_pyramid_init(struct partition_pyramid *pyramid, const struct partition_model *model,
                           struct proto_size frame);

/* Rows of the level's base that the given cells are sampled from, clipped to the stored rows
 * (empty, y0 == y1, when they lie wholly in the padding). */
struct proto_band partition_pyramid_band(const struct partition_pyramid *pyramid,
                                         const struct partition_model *model, int level,
                                         int32_t row0, int32_t rows);

/* Geometry for sampling a tile's pixels; the band fields (band_y0, band_y1, band_offset) are left zero. */
void partition_pyramid_sampling(const struct partition_pyramid *pyramid,
                                const struct partition_model *model, int level,
                                const struct proto_rect *cells, struct proto_sampling *out);

/* The person's box, in frame pixels, at a (fractional) cell of a level: height person_px / f, width
 * aspect * height. */
void partition_pyramid_box(const struct partition_pyramid *pyramid,
                           const struct partition_model *model, int level, double row, double col,
                           double box_xywh[4]);

/* Fill base o+1 from base o: (a + b + c + d + 2) >> 2 of each 2x2 block of u8 RGB, coordinates past
 * the right edge repeat the last column; rows past the stored ones are zero while there is padding
 * below, otherwise they repeat the last row. src is src_base.w x src_base.h, tightly packed. */
void partition_pyramid_halve(const struct partition_base *src_base, const uint8_t *src,
                             const struct partition_base *dst_base, uint8_t *dst);

#endif
