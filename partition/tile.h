/* The tile set: all tiles of frames of one size. A function of model and frame size and the tile
 * settings only, never of the workers (law 1).
 */
#ifndef PARTITION_TILE_H
#define PARTITION_TILE_H

#include "partition/pyramid.h"

/* A range of rows of a level's cells; rows 0: none. */
struct partition_rows {
    int32_t row0, rows;
};

struct partition_tile_settings {
    /* cells; 74: halo work +2.1 % MACs, enough tiles for 8 workers (0: no limit) */
    int32_t max_rows;
    int32_t max_cols; /* cells; 0: full width */
    /* Of each level the rows to search (partition/camera.h); borrowed. NULL: all. Their ends are cut
     * edges like any other, only without a neighbour. */
    const struct partition_rows *bands;
};
void partition_tile_defaults(struct partition_tile_settings *settings);

struct partition_tile {
    uint32_t id; /* index in the set */
    int32_t level;
    struct proto_rect cells; /* of the level */
    struct proto_band band;  /* base rows it needs */
    struct proto_size input; /* level pixels it is computed from */
    uint64_t macs;
};

struct partition_tiles {
    uint32_t count;
    struct partition_tile *tile; /* by level, then row, then column */
    uint64_t macs;               /* sum */
};

/* Cut every level, or its band, into the fewest equal rectangles (heights differ by at most one cell) within the limits.
 * Returns PROTO_OK, PROTO_NO_MEMORY, PROTO_LIMIT (over PROTO_TILES_MAX). */
int partition_tiles_open(const struct partition_pyramid *pyramid,
                         const struct partition_model *model,
                         const struct partition_tile_settings *settings,
                         struct partition_tiles **out);
void partition_tiles_close(struct partition_tiles *tiles);

/* Union of the tiles' bands: per base, sorted, disjoint row ranges (touching ones joined).
 * bands: caller's array of at least `count` entries. Returns the number written. */
uint32_t partition_tile_bands(const struct partition_tiles *tiles, const uint32_t *ids,
                              uint32_t count, struct proto_band *bands);
/* Pixel bytes of bands. */
uint64_t partition_band_bytes(const struct partition_pyramid *pyramid,
                              const struct proto_band *bands, uint32_t count);
/* Where rows [need.y0, need.y1) lie in the packed pixels of `bands`: fills the band fields of `sampling`.
 * Returns PROTO_OK or PROTO_INVALID when no band holds them. */
int partition_band_find(const struct partition_pyramid *pyramid, const struct proto_band *bands,
                        uint32_t count, struct proto_band need, struct proto_sampling *sampling);
/* Area of a tile, for the local NMS. */
struct proto_tile_area partition_tile_area(const struct partition_pyramid *pyramid,
                                           const struct partition_tile *tile);

#endif
