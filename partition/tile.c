/* The tile set and the pixel bands tiles need. */
#include "partition/tile.h"

#include <stdlib.h>

#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

void partition_tile_defaults(struct partition_tile_settings *settings)
{
    *settings = (struct partition_tile_settings){.max_rows = 74, .max_cols = 0};
}

/* Fewest parts of at most `max` cells; 0 means no limit. */
static int32_t parts_of(int32_t cells, int32_t max)
{
    if (cells == 0)
        return 0;
    return max > 0 ? (cells - 1) / max + 1 : 1;
}

/* First cell of part i of n: parts differ by at most one cell. */
static int32_t part_start(int32_t cells, int32_t n, int32_t i)
{
    return (int32_t)((int64_t)cells * i / n);
}

static struct partition_rows rows_of(const struct partition_pyramid *pyramid,
                                     const struct partition_tile_settings *settings, int level)
{
    const struct partition_rows all = {0, pyramid->levels[level].rows};
    return settings->bands ? settings->bands[level] : all;
}

static uint64_t count_tiles(const struct partition_pyramid *pyramid,
                            const struct partition_tile_settings *settings)
{
    uint64_t count = 0;
    for (int k = 0; k < pyramid->level_count; k++)
        count += (uint64_t)parts_of(rows_of(pyramid, settings, k).rows, settings->max_rows) *
                 (uint64_t)parts_of(pyramid->levels[k].cols, settings->max_cols);
    return count;
}

static struct partition_tile make_tile(const struct partition_pyramid *pyramid,
                                       const struct partition_model *model, int level,
                                       struct proto_rect cells)
{
    const struct partition_net *net = &model->nets[pyramid->levels[level].net];
    struct proto_sampling sampling;
    partition_pyramid_sampling(pyramid, model, level, &cells, &sampling);
    return (struct partition_tile){
        .level = level,
        .cells = cells,
        .band = partition_pyramid_band(pyramid, model, level, cells.y, cells.h),
        .input = {.w = sampling.w, .h = sampling.h},
        .macs = partition_net_macs(net, sampling.h, sampling.w),
    };
}

static void cut_level(struct partition_tiles *tiles, const struct partition_pyramid *pyramid,
                      const struct partition_model *model, int level,
                      const struct partition_tile_settings *settings)
{
    const struct partition_level *l = &pyramid->levels[level];
    const struct partition_rows band = rows_of(pyramid, settings, level);
    const int32_t down = parts_of(band.rows, settings->max_rows);
    const int32_t across = parts_of(l->cols, settings->max_cols);
    for (int32_t i = 0; i < down; i++)
        for (int32_t j = 0; j < across; j++) {
            const int32_t y = part_start(band.rows, down, i), x = part_start(l->cols, across, j);
            struct partition_tile *tile = &tiles->tile[tiles->count];
            *tile = make_tile(pyramid, model, level,
                              (struct proto_rect){.x = x,
                                                  .y = band.row0 + y,
                                                  .w = part_start(l->cols, across, j + 1) - x,
                                                  .h = part_start(band.rows, down, i + 1) - y});
            tile->id = tiles->count++;
            tiles->macs += tile->macs;
        }
}

int partition_tiles_open(const struct partition_pyramid *pyramid,
                         const struct partition_model *model,
                         const struct partition_tile_settings *settings,
                         struct partition_tiles **out)
{
    *out = NULL;
    const uint64_t count = count_tiles(pyramid, settings);
    if (count > PROTO_TILES_MAX) {
        proto_log_error(AREA, "%llu tiles for a frame of %d x %d, at most %d; use larger tiles",
                        (unsigned long long)count, pyramid->frame.w, pyramid->frame.h,
                        PROTO_TILES_MAX);
        return PROTO_LIMIT;
    }
    struct partition_tiles *tiles = calloc(1, sizeof(*tiles));
    if (!tiles)
        return PROTO_NO_MEMORY;
    tiles->tile = calloc(count ? count : 1, sizeof(*tiles->tile));
    if (!tiles->tile)
        goto fail;
    for (int k = 0; k < pyramid->level_count; k++)
        cut_level(tiles, pyramid, model, k, settings);
    *out = tiles;
    return PROTO_OK;
fail:
    partition_tiles_close(tiles);
    return PROTO_NO_MEMORY;
}

void partition_tiles_close(struct partition_tiles *tiles)
{
    if (!tiles)
        return;
    free(tiles->tile);
    free(tiles);
}

static int compare_bands(const void *pa, const void *pb)
{
    const struct proto_band *a = pa, *b = pb;
    if (a->base != b->base)
        return a->base < b->base ? -1 : 1;
    if (a->y0 != b->y0)
        return a->y0 < b->y0 ? -1 : 1;
    return (a->y1 > b->y1) - (a->y1 < b->y1);
}

uint32_t partition_tile_bands(const struct partition_tiles *tiles, const uint32_t *ids,
                              uint32_t count, struct proto_band *bands)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        if (tiles->tile[ids[i]].band.y0 < tiles->tile[ids[i]].band.y1)
            bands[n++] = tiles->tile[ids[i]].band;
    if (n == 0)
        return 0;
    qsort(bands, n, sizeof(*bands), compare_bands);
    uint32_t last = 0;
    for (uint32_t i = 1; i < n; i++) {
        if (bands[i].base != bands[last].base || bands[i].y0 > bands[last].y1)
            bands[++last] = bands[i];
        else if (bands[i].y1 > bands[last].y1)
            bands[last].y1 = bands[i].y1;
    }
    return last + 1;
}

static uint64_t band_bytes(const struct partition_pyramid *pyramid, struct proto_band band)
{
    return (uint64_t)(band.y1 - band.y0) * (uint64_t)pyramid->bases[band.base].w * PROTO_CHANNELS;
}

uint64_t partition_band_bytes(const struct partition_pyramid *pyramid,
                              const struct proto_band *bands, uint32_t count)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += band_bytes(pyramid, bands[i]);
    return bytes;
}

int partition_band_find(const struct partition_pyramid *pyramid, const struct proto_band *bands,
                        uint32_t count, struct proto_band need, struct proto_sampling *sampling)
{
    uint64_t offset = 0;
    sampling->band_y0 = sampling->band_y1 = 0;
    sampling->band_offset = 0;
    if (need.y0 >= need.y1)
        return PROTO_OK; /* padding only: every row it touches is zero */
    for (uint32_t i = 0; i < count; i++) {
        if (bands[i].base == need.base && bands[i].y0 <= need.y0 && bands[i].y1 >= need.y1) {
            sampling->band_y0 = bands[i].y0;
            sampling->band_y1 = bands[i].y1;
            sampling->band_offset = offset;
            return PROTO_OK;
        }
        offset += band_bytes(pyramid, bands[i]);
    }
    return PROTO_INVALID;
}

struct proto_tile_area partition_tile_area(const struct partition_pyramid *pyramid,
                                           const struct partition_tile *tile)
{
    return (struct proto_tile_area){
        .tile = tile->id,
        .row0 = tile->cells.y,
        .col0 = tile->cells.x,
        .rows = tile->cells.h,
        .cols = tile->cells.w,
        .level_rows = pyramid->levels[tile->level].rows,
        .level_cols = pyramid->levels[tile->level].cols,
    };
}
