/* Plain types that more than one folder needs; no functions.
 *
 * Pixels are counted from the top-left corner, rows downwards. "Level pixel" means a pixel of a
 * pyramid level including its border; "cell" means an output position of a net on a level.
 * CUDA files include this header: keep it in the common subset of C11 and C++17.
 */
#ifndef PROTO_TYPES_H
#define PROTO_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PROTO_CHANNELS = 3,    /* R, G, B */
    PROTO_LEVELS_MAX = 64, /* pyramid levels */
    PROTO_BASES_MAX = 12,  /* octave bases: B0 is the frame, each next one half its size */
    PROTO_NETS_MAX = 8,    /* nets of one model */
    PROTO_LAYERS_MAX = 64, /* layers of one net */
    PROTO_WORKERS_MAX = 1024,
    PROTO_TILES_MAX = 65536,
    PROTO_FRAME_SIDE_MAX = 16384, /* pixels */
    PROTO_NMS_ROWS = 7,           /* in-plane window of the local NMS, cells */
    PROTO_NMS_COLS = 3,
    PROTO_NMS_REACH_ROWS = PROTO_NMS_ROWS / 2, /* 3: how far a window reaches beyond its cell */
    PROTO_NMS_REACH_COLS = PROTO_NMS_COLS / 2, /* 1 */
};

struct proto_size {
    int32_t w, h;
};

struct proto_rect {
    int32_t x, y, w, h;
};

/* Rows [y0, y1) of one octave base over its full width, u8 RGB, tightly packed row after row. */
struct proto_band {
    int32_t base;
    int32_t y0, y1;
};

/* One layer of a net. Convolutions are valid (no padding), weights OIHW, sums fp32.
 * A fully connected layer is a convolution as large as its input. Max-pooling floors. */
enum proto_layer_kind { PROTO_LAYER_CONV, PROTO_LAYER_POOL, PROTO_LAYER_KINDS };

struct proto_layer {
    enum proto_layer_kind kind;
    int32_t cin, cout; /* equal for a pool */
    int32_t kh, kw, sh, sw;
    bool relu;            /* conv only: clamp below at zero after the bias */
    const float *weights; /* conv only: cout x cin x kh x kw; borrowed */
    const float *bias;    /* conv only: cout; borrowed */
    char name[64];        /* the ONNX node's name, for messages */
};

/* How one tile's level pixels are sampled from an octave base (DESIGN.md, "Canonical pyramid").
 *
 * Everything is integer, so the result is the same bits on every device and however a level is
 * cut. For level pixel (x, y), counted with the border, and S = step:
 *   U  = (((2 * (x - border_x) + 1) * S) >> 1) - 2^31 + 2^23      32.32 fixed point
 *   U  = clamp(U, 0, (base_w - 1) << 32);  i = U >> 32;  fx = (U >> 24) & 255;  i1 = min(i + 1, base_w - 1)
 * and the same for rows with border_y and base_padded_h. A base row at or beyond base_h is zero
 * (the padding below the frame). Then, with p the four u8 neighbours,
 *   v = (256-fx)(256-fy)p00 + fx(256-fy)p01 + (256-fx)fy p10 + fx fy p11     < 2^24
 *   value = (float)v * (1/65536) * scale + offset       product rounded, then sum rounded (no fma)
 */
struct proto_sampling {
    int64_t step;               /* base pixels per level pixel, 32.32 */
    int32_t border_x, border_y; /* level pixels */
    int32_t base_w;
    int32_t base_h; /* rows with pixels; below them zeros up to base_padded_h */
    int32_t base_padded_h;
    int32_t x0, y0;           /* level pixel of the tile's top-left corner */
    int32_t w, h;             /* level pixels of the tile */
    int32_t band_y0, band_y1; /* base rows present in the pixel buffer */
    uint64_t band_offset;     /* bytes from the start of the frame's pixels to row band_y0 */
    float scale, offset;      /* net input = pixel value (0..255) * scale + offset */
};

/* Where a tile's cells lie in their level. An edge of the tile that is not an edge of the level
 * is "cut": windows there reach into a neighbouring tile. */
struct proto_tile_area {
    uint32_t tile;
    int32_t row0, col0, rows, cols; /* cells */
    int32_t level_rows, level_cols; /* cells of the whole level */
};

enum {
    /* Maximum of its 7x3 window as far as the tile sees it. */
    PROTO_SURVIVOR_PEAK = 1,
    /* Within 3 rows / 1 column of a cut edge: the merge finishes its in-plane test, and uses it to
     * finish that of its neighbours. Sent even when it is no peak. */
    PROTO_SURVIVOR_EDGE = 2,
};

/* A candidate that goes to the coordinator. Row and column are cells of the level, not the tile. */
struct proto_survivor {
    uint32_t tile;
    uint16_t row, col;
    float score; /* z_person - z_background */
    uint32_t flags;
};

/* A person found, in frame pixels. */
struct proto_detection {
    float x, y, w, h;
    float score;
    int32_t level;
    float distance_m; /* NAN: not known */
};

#endif
