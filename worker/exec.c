/* Tiles -> operators -> survivors; see exec.h. */
#include "worker/exec.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "partition/merge.h"
#include "partition/pyramid.h"
#include "partition/tile.h"
#include "proto/log.h"
#include "proto/status.h"
#include "worker/chain_cache.h"

/* A tile of the plan, made ready for gpu calls as far as that is possible before a frame. */
struct exec_tile {
    struct gpu_net *net;
    struct gpu_chain *chain;        /* NULL until made ready */
    struct proto_band band;         /* base rows it needs */
    struct proto_sampling sampling; /* but for where the band lies */
    struct proto_tile_area area;
    uint64_t macs; /* its share of work that a device does for all tiles at once */
    uint32_t survivor_first, survivor_cap; /* its part of exec->survivors */
    uint32_t survivor_count;               /* in this frame */
    uint64_t frame;                        /* exec->frame of the last frame it was part of */
};

struct worker_exec {
    const struct partition_model *model; /* borrowed */
    struct gpu_device *device;
    struct gpu_net *nets[PROTO_NETS_MAX];
    struct worker_chain_cache chains;
    /* The plan. */
    bool planned;
    uint32_t plan;
    float candidate_threshold;
    struct partition_pyramid pyramid;
    uint32_t tile_count;
    struct exec_tile *tiles;
    /* Results of a frame: room for each tile's largest possible share. */
    struct proto_survivor *survivors;
    uint32_t *result_tiles, *result_us;
    struct gpu_chain **mine; /* of the plan's tiles, in their order */
    uint64_t frame;          /* frames run so far */
    char text[256];
};

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* Why something failed, for the result and the log. Returns status. */
__attribute__((format(printf, 3, 4))) static int complain(struct worker_exec *exec, int status,
                                                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(exec->text, sizeof exec->text, format, args);
    va_end(args);
    proto_log_error("worker", "%s", exec->text);
    return status;
}

int worker_exec_open(const char *device_spec, const struct gpu_settings *settings,
                     const struct partition_model *model, struct worker_exec **out)
{
    *out = NULL;
    struct worker_exec *exec = calloc(1, sizeof *exec);
    if (!exec)
        return PROTO_NO_MEMORY;
    exec->model = model;
    worker_chain_cache_init(&exec->chains);
    int status = gpu_device_open(device_spec, settings, &exec->device);
    for (int i = 0; i < model->net_count && status == PROTO_OK; i++)
        status = gpu_net_open(exec->device, model->nets[i].layers, model->nets[i].layer_count,
                              &exec->nets[i]);
    if (status != PROTO_OK) {
        worker_exec_close(exec);
        return status;
    }
    *out = exec;
    return PROTO_OK;
}

static void plan_drop(struct worker_exec *exec)
{
    free(exec->tiles);
    free(exec->survivors);
    free(exec->result_tiles);
    free(exec->result_us);
    free(exec->mine);
    exec->tiles = NULL;
    exec->survivors = NULL;
    exec->result_tiles = NULL;
    exec->result_us = NULL;
    exec->mine = NULL;
    exec->tile_count = 0;
    exec->planned = false;
}

void worker_exec_close(struct worker_exec *exec)
{
    if (!exec)
        return;
    plan_drop(exec);
    worker_chain_cache_close(&exec->chains);
    for (int i = 0; i < PROTO_NETS_MAX; i++)
        gpu_net_close(exec->nets[i]);
    gpu_device_close(exec->device);
    free(exec);
}

const char *worker_exec_device(const struct worker_exec *exec)
{
    return exec->device->name;
}

const char *worker_exec_kernels(const struct worker_exec *exec)
{
    return gpu_device_kernels(exec->device);
}

static bool tile_fits(const struct proto_plan_tile *t, const struct partition_pyramid *pyramid)
{
    if (t->level >= (uint32_t)pyramid->level_count || t->rows < 1 || t->cols < 1)
        return false;
    uint64_t rows = (uint64_t)pyramid->levels[t->level].rows;
    uint64_t cols = (uint64_t)pyramid->levels[t->level].cols;
    return (uint64_t)t->row0 + t->rows <= rows && (uint64_t)t->col0 + t->cols <= cols;
}

static int tile_init(struct worker_exec *exec, uint32_t id, const struct proto_plan_tile *from)
{
    const struct partition_pyramid *pyramid = &exec->pyramid;
    if (!tile_fits(from, pyramid))
        return complain(exec, PROTO_INVALID,
                        "tile %u of the plan: %u x %u cells at row %u, column %u do not lie "
                        "within level %u",
                        id, from->rows, from->cols, from->row0, from->col0, from->level);
    int level = (int)from->level;
    const struct partition_tile tile = {.id = id,
                                        .level = level,
                                        .cells = {.x = (int32_t)from->col0,
                                                  .y = (int32_t)from->row0,
                                                  .w = (int32_t)from->cols,
                                                  .h = (int32_t)from->rows}};
    struct exec_tile *t = &exec->tiles[id];
    t->net = exec->nets[pyramid->levels[level].net];
    t->band = partition_pyramid_band(pyramid, exec->model, level, tile.cells.y, tile.cells.h);
    partition_pyramid_sampling(pyramid, exec->model, level, &tile.cells, &t->sampling);
    t->area = partition_tile_area(pyramid, &tile);
    t->survivor_cap = partition_merge_survivors_max(pyramid, &tile);
    return PROTO_OK;
}

static int tiles_init(struct worker_exec *exec, const struct proto_plan *plan)
{
    if (plan->tile_count > PROTO_TILES_MAX)
        return complain(exec, PROTO_LIMIT, "a plan of %u tiles", plan->tile_count);
    exec->tiles = calloc(plan->tile_count + 1u, sizeof *exec->tiles);
    if (!exec->tiles)
        return PROTO_NO_MEMORY;
    exec->tile_count = plan->tile_count;
    uint64_t survivors = 0;
    for (uint32_t id = 0; id < plan->tile_count; id++) {
        int status = tile_init(exec, id, &plan->tiles[id]);
        if (status != PROTO_OK)
            return status;
        exec->tiles[id].survivor_first = (uint32_t)survivors;
        survivors += exec->tiles[id].survivor_cap;
        if (survivors > UINT32_MAX)
            return complain(exec, PROTO_LIMIT, "the plan's tiles may have over 2^32 survivors");
    }
    exec->survivors = malloc((size_t)(survivors + 1) * sizeof *exec->survivors);
    exec->result_tiles = malloc((plan->tile_count + 1u) * sizeof *exec->result_tiles);
    exec->result_us = malloc((plan->tile_count + 1u) * sizeof *exec->result_us);
    exec->mine = malloc((plan->mine_count + 1u) * sizeof(struct gpu_chain *));
    return exec->survivors && exec->result_tiles && exec->result_us && exec->mine ? PROTO_OK
                                                                                  : PROTO_NO_MEMORY;
}

static int tile_make_ready(struct worker_exec *exec, struct exec_tile *tile)
{
    int status = tile->chain ? PROTO_OK
                             : worker_chain_cache_get(&exec->chains, tile->net, tile->sampling.h,
                                                      tile->sampling.w, &tile->chain);
    if (status != PROTO_OK)
        return complain(exec, status, "tile %u of %d x %d pixels can't be made ready: %s",
                        tile->area.tile, (int)tile->sampling.w, (int)tile->sampling.h,
                        proto_status_text(status));
    if (tile->chain->rows != tile->area.rows || tile->chain->cols != tile->area.cols)
        return complain(exec, PROTO_MISMATCH, "tile %u: the net gives %d x %d cells, not %d x %d",
                        tile->area.tile, tile->chain->rows, tile->chain->cols, (int)tile->area.rows,
                        (int)tile->area.cols);
    return PROTO_OK;
}

static int plan_build(struct worker_exec *exec, const struct proto_plan *plan)
{
    int status = partition_pyramid_init(&exec->pyramid, exec->model, plan->frame);
    if (status == PROTO_OK)
        status = tiles_init(exec, plan);
    for (uint32_t i = 0; i < plan->mine_count && status == PROTO_OK; i++) {
        if (plan->mine[i] >= plan->tile_count)
            return complain(exec, PROTO_INVALID, "the plan has no tile %u", plan->mine[i]);
        status = tile_make_ready(exec, &exec->tiles[plan->mine[i]]);
        exec->mine[i] = exec->tiles[plan->mine[i]].chain;
    }
    if (status != PROTO_OK)
        return status;
    status = gpu_frame_prepare(exec->device, exec->mine, plan->mine_count,
                               (size_t)plan->frame_bytes_max);
    if (status != PROTO_OK)
        complain(exec, status, "the plan's %u tiles can't be made ready: %s", plan->mine_count,
                 proto_status_text(status));
    return status;
}

int worker_exec_plan(struct worker_exec *exec, const struct proto_plan *plan)
{
    plan_drop(exec);
    worker_chain_cache_next_plan(&exec->chains);
    int status = plan_build(exec, plan);
    worker_chain_cache_trim(&exec->chains);
    if (status != PROTO_OK) {
        plan_drop(exec);
        return status;
    }
    exec->plan = plan->plan;
    exec->candidate_threshold = plan->candidate_threshold;
    exec->planned = true;
    return PROTO_OK;
}

static int frame_check(struct worker_exec *exec, const struct proto_frame *frame)
{
    if (!exec->planned || frame->plan != exec->plan)
        return complain(exec, PROTO_MISMATCH, "frame %llu belongs to plan %u, not to this one",
                        (unsigned long long)frame->seq, frame->plan);
    for (uint32_t i = 0; i < frame->band_count; i++) {
        const struct proto_band *b = &frame->bands[i];
        if (b->base < 0 || b->base >= exec->pyramid.base_count || b->y0 < 0 || b->y1 < b->y0 ||
            b->y1 > exec->pyramid.bases[b->base].h)
            return complain(exec, PROTO_INVALID, "frame %llu: band %u (base %d, rows %d to %d)",
                            (unsigned long long)frame->seq, i, (int)b->base, (int)b->y0,
                            (int)b->y1);
    }
    for (uint32_t i = 0; i < frame->tile_count; i++) {
        uint32_t id = frame->tiles[i];
        if (id >= exec->tile_count || exec->tiles[id].frame == exec->frame)
            return complain(exec, PROTO_INVALID, "frame %llu: tile %u is %s",
                            (unsigned long long)frame->seq, id,
                            id >= exec->tile_count ? "not in the plan" : "named twice");
        exec->tiles[id].frame = exec->frame;
    }
    return PROTO_OK;
}

static int tile_run(struct worker_exec *exec, const struct proto_frame *frame, uint32_t id)
{
    struct exec_tile *tile = &exec->tiles[id];
    struct proto_sampling sampling = tile->sampling;
    int status = tile_make_ready(exec, tile);
    if (status != PROTO_OK)
        return status;
    if (partition_band_find(&exec->pyramid, frame->bands, frame->band_count, tile->band,
                            &sampling) != PROTO_OK)
        return complain(exec, PROTO_INVALID, "frame %llu: no band holds rows %d to %d of base %d",
                        (unsigned long long)frame->seq, (int)tile->band.y0, (int)tile->band.y1,
                        (int)tile->band.base);
    status = gpu_sample(tile->chain, &sampling);
    if (status == PROTO_OK)
        status = gpu_run(tile->chain);
    if (status == PROTO_OK)
        status = gpu_local_nms(tile->chain, &tile->area, exec->candidate_threshold,
                               &exec->survivors[tile->survivor_first], tile->survivor_cap,
                               &tile->survivor_count);
    if (status != PROTO_OK)
        return complain(exec, status, "frame %llu, tile %u: %s", (unsigned long long)frame->seq, id,
                        proto_status_text(status));
    return PROTO_OK;
}

static int tiles_run(struct worker_exec *exec, const struct proto_frame *frame,
                     const uint8_t *pixels)
{
    int status = gpu_frame_begin(exec->device, pixels, (size_t)frame->pixel_bytes);
    if (status != PROTO_OK)
        return complain(exec, status, "frame %llu can't begin: %s", (unsigned long long)frame->seq,
                        proto_status_text(status));
    for (uint32_t i = 0; i < frame->tile_count && status == PROTO_OK; i++) {
        uint64_t start = now_us();
        status = tile_run(exec, frame, frame->tiles[i]);
        exec->result_tiles[i] = frame->tiles[i];
        exec->result_us[i] = (uint32_t)(now_us() - start);
    }
    int end = gpu_frame_end(exec->device);
    gpu_frame_times(exec->device, exec->result_us, frame->tile_count); /* where they are known */
    if (status == PROTO_OK && end != PROTO_OK)
        status = complain(exec, end, "frame %llu can't end: %s", (unsigned long long)frame->seq,
                          proto_status_text(end));
    return status;
}

/* Move the survivors of this frame's tiles together, in order of tile. Returns their number. */
static uint32_t survivors_join(struct worker_exec *exec)
{
    uint32_t total = 0;
    for (uint32_t id = 0; id < exec->tile_count; id++) {
        const struct exec_tile *tile = &exec->tiles[id];
        if (tile->frame != exec->frame)
            continue;
        assert(tile->survivor_count <= tile->survivor_cap); /* the NMS rule allows no more */
        memmove(&exec->survivors[total], &exec->survivors[tile->survivor_first],
                tile->survivor_count * sizeof *exec->survivors);
        total += tile->survivor_count;
    }
    return total;
}

int worker_exec_run(struct worker_exec *exec, const struct proto_frame *frame,
                    const uint8_t *pixels, struct proto_result *result)
{
    exec->frame++;
    exec->text[0] = '\0';
    *result = (struct proto_result){.plan = frame->plan,
                                    .seq = frame->seq,
                                    .assignment = frame->assignment,
                                    .text = exec->text,
                                    .started_us = now_us()};
    int status = frame_check(exec, frame);
    if (status == PROTO_OK)
        status = tiles_run(exec, frame, pixels);
    result->status = status;
    result->finished_us = now_us();
    if (status != PROTO_OK)
        return status;
    result->tile_count = frame->tile_count;
    result->tiles = exec->result_tiles;
    result->tile_us = exec->result_us;
    result->survivor_count = survivors_join(exec);
    result->survivors = exec->survivors;
    return PROTO_OK;
}
