/* The tile set: all tiles of frames of one size. A function of model, frame size, the camera's bands and the
 * tile settings only, never of the workers (law 1).
 *
 * Every level is cut into the fewest equal rectangles within max_rows and max_cols. Then, while halo_share
 * allows, the largest tile's level is cut once more, by rows or by columns, whichever costs less: a
 * cut by rows computes the window's height twice and shares the pixel rows out, one by columns
 * only the window's width, but both sides need the same rows. It ends when no tile is larger than
 * tile_share of a frame's MACs over max_workers.
 */
#ifndef PARTITION_TILE_H
#define PARTITION_TILE_H

#include "partition/pyramid.h"

/* A range of rows of a level's cells; rows 0: none. */
struct partition_rows {
    int32_t row0, rows;
};

struct partition_tile_settings {
    int32_t max_rows, max_cols; /* cells; 0: no limit (0, 0) */
    double
        halo_share; /* MACs that further cuts may add, of those of whole levels; 0: none (0.05) */
    double tile_share;   /* largest tile, of a worker's part of a frame (0.75) */
    int32_t max_workers; /* that should find enough tiles to be busy (8) */
    /* Of each level the rows to search (partition/camera.h); borrowed. NULL: all. Their ends are cut
     * edges like any other, only without a neighbour. */
    const struct partition_rows *bands;
};
void partition_tile_defaults(struct partition_tile_settings *settings);
/* What a configuration says: explicit limits turn further cuts off unless it asks for these, too. */
void partition_tile_configure(struct partition_tile_settings *settings,
                              const struct proto_config_detect *config);

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
    uint64_t whole_macs; /* of the levels or their bands uncut: what halos add is the rest */
};

/* Tiles of a level differ by at most one cell in each direction, so a level has at most four shapes, two where it
 * is cut one way. Returns PROTO_OK, PROTO_NO_MEMORY, PROTO_LIMIT (over PROTO_TILES_MAX). */
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
