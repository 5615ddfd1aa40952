/* The tile set and the pixel bands tiles need. */
#include "partition/tile.h"

#include <math.h>
#include <stdlib.h>

#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

void partition_tile_defaults(struct partition_tile_settings *settings)
{
    *settings =
        (struct partition_tile_settings){.halo_share = 0.05, .tile_share = 0.75, .max_workers = 8};
}

void partition_tile_configure(struct partition_tile_settings *settings,
                              const struct proto_config_detect *config)
{
    if (config->tile_rows >= 0 || config->tile_cols >= 0)
        settings->halo_share = 0;
    if (config->tile_rows >= 0)
        settings->max_rows = config->tile_rows;
    if (config->tile_cols >= 0)
        settings->max_cols = config->tile_cols;
    if (config->halo_share >= 0)
        settings->halo_share = config->halo_share;
    if (config->tile_share > 0)
        settings->tile_share = config->tile_share;
    if (config->max_workers > 0)
        settings->max_workers = config->max_workers;
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

/* How a level is cut. */
struct cut {
    int32_t down, across;
};

/* What cutting costs a level. */
struct cost {
    uint64_t macs, largest; /* of all its tiles; of the largest */
    double bytes;           /* pixels, were each tile on a worker of its own */
};

enum {
    /* A byte sent counts as so many MACs: what a board of 125 GMAC/s computes while a byte passes a link of
     * 1 Gbit/s. It decides between rows and columns only. */
    MACS_PER_BYTE = 1000,
};

struct cutter {
    const struct partition_pyramid *pyramid;
    const struct partition_model *model;
    const struct partition_tile_settings *settings;
    struct cut cuts[PROTO_LEVELS_MAX];
    struct cost costs[PROTO_LEVELS_MAX];
    bool done[PROTO_LEVELS_MAX]; /* can't be cut further */
};

static struct proto_rect tile_cells(const struct cutter *cutter, int level, struct cut cut,
                                    int32_t i, int32_t j)
{
    const struct partition_rows band = rows_of(cutter->pyramid, cutter->settings, level);
    const int32_t cols = cutter->pyramid->levels[level].cols;
    const int32_t y = part_start(band.rows, cut.down, i), x = part_start(cols, cut.across, j);
    return (struct proto_rect){.x = x,
                               .y = band.row0 + y,
                               .w = part_start(cols, cut.across, j + 1) - x,
                               .h = part_start(band.rows, cut.down, i + 1) - y};
}

static struct cost cost_of(const struct cutter *cutter, int level, struct cut cut)
{
    const struct partition_level *l = &cutter->pyramid->levels[level];
    const struct partition_net *net = &cutter->model->nets[l->net];
    struct cost cost = {0};
    for (int32_t i = 0; i < cut.down; i++) {
        const struct proto_rect left = tile_cells(cutter, level, cut, i, 0);
        const struct proto_band band =
            partition_pyramid_band(cutter->pyramid, cutter->model, level, left.y, left.h);
        const double bytes = (double)partition_band_bytes(cutter->pyramid, &band, 1);
        for (int32_t j = 0; j < cut.across; j++) {
            const struct proto_rect cells = tile_cells(cutter, level, cut, i, j);
            const uint64_t macs =
                partition_net_macs(net, (cells.h - 1) * net->stride.h + net->window.h,
                                   (cells.w - 1) * net->stride.w + net->window.w);
            cost.macs += macs;
            cost.largest = macs > cost.largest ? macs : cost.largest;
            cost.bytes += bytes;
        }
    }
    return cost;
}

/* Cut the level once more, the cheaper way, if that makes its largest tile smaller and adds at most
 * `spare` MACs. Returns what it adds, or UINT64_MAX. */
static uint64_t cut_once(struct cutter *cutter, int level, uint64_t spare)
{
    const struct partition_level *l = &cutter->pyramid->levels[level];
    const int32_t rows = rows_of(cutter->pyramid, cutter->settings, level).rows;
    const struct cut now = cutter->cuts[level];
    const struct cut ways[2] = {{now.down + 1, now.across}, {now.down, now.across + 1}};
    const struct cost before = cutter->costs[level];
    double least = INFINITY;
    for (int way = 0; way < 2; way++) {
        if (ways[way].down > rows || ways[way].across > l->cols)
            continue;
        const struct cost after = cost_of(cutter, level, ways[way]);
        const double cost = (double)after.macs + MACS_PER_BYTE * after.bytes;
        if (after.largest >= before.largest || after.macs - before.macs > spare || cost >= least)
            continue;
        least = cost;
        cutter->cuts[level] = ways[way];
        cutter->costs[level] = after;
    }
    return isfinite(least) ? cutter->costs[level].macs - before.macs : UINT64_MAX;
}

/* Whole levels, then as the limits say, then the largest tile's level again and again. */
static uint64_t cut_levels(struct cutter *cutter, uint64_t *whole_macs)
{
    const struct partition_tile_settings *settings = cutter->settings;
    const int levels = cutter->pyramid->level_count;
    uint64_t count = 0;
    *whole_macs = 0;
    for (int k = 0; k < levels; k++) {
        const int32_t rows = rows_of(cutter->pyramid, settings, k).rows;
        const int32_t cols = cutter->pyramid->levels[k].cols;
        if (rows > 0 && cols > 0)
            *whole_macs += cost_of(cutter, k, (struct cut){1, 1}).macs;
        cutter->cuts[k] =
            (struct cut){parts_of(rows, settings->max_rows), parts_of(cols, settings->max_cols)};
        count += (uint64_t)cutter->cuts[k].down * (uint64_t)cutter->cuts[k].across;
    }
    if (!(settings->halo_share > 0) || settings->max_workers < 1 || count > PROTO_TILES_MAX)
        return count;
    uint64_t spare = (uint64_t)(settings->halo_share * (double)*whole_macs);
    const double enough = settings->tile_share * (double)*whole_macs / settings->max_workers;
    for (int k = 0; k < levels; k++)
        cutter->costs[k] = cost_of(cutter, k, cutter->cuts[k]);
    for (;;) {
        int largest = -1;
        for (int k = 0; k < levels; k++)
            if (!cutter->done[k] && (double)cutter->costs[k].largest > enough &&
                (largest < 0 || cutter->costs[k].largest > cutter->costs[largest].largest))
                largest = k;
        if (largest < 0 || count >= PROTO_TILES_MAX)
            return count;
        const struct cut *cut = &cutter->cuts[largest];
        const uint64_t before = (uint64_t)cut->down * (uint64_t)cut->across;
        const uint64_t added = cut_once(cutter, largest, spare);
        if (added == UINT64_MAX) {
            cutter->done[largest] = true;
            continue;
        }
        spare -= added;
        count += (uint64_t)cut->down * (uint64_t)cut->across - before;
    }
}

static void add_level(struct partition_tiles *tiles, const struct cutter *cutter, int level)
{
    const struct cut cut = cutter->cuts[level];
    for (int32_t i = 0; i < cut.down; i++)
        for (int32_t j = 0; j < cut.across; j++) {
            struct partition_tile *tile = &tiles->tile[tiles->count];
            *tile = make_tile(cutter->pyramid, cutter->model, level,
                              tile_cells(cutter, level, cut, i, j));
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
    struct cutter cutter = {.pyramid = pyramid, .model = model, .settings = settings};
    uint64_t whole_macs;
    const uint64_t count = cut_levels(&cutter, &whole_macs);
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
    tiles->whole_macs = whole_macs;
    for (int k = 0; k < pyramid->level_count; k++)
        add_level(tiles, &cutter, k);
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
