/* What follows from the size of the frames: pyramid, tile set, merges, plan, the PLAN message. */
#include "coordinator/core_state.h"

#include <math.h>
#include <stdlib.h>

#include "proto/codec.h"
#include "proto/log.h"

struct core_shares *core_shares_new(struct partition_plan *plan)
{
    struct core_shares *shares = calloc(1, sizeof *shares);
    if (!shares) {
        partition_plan_close(plan);
        return NULL;
    }
    shares->plan = plan;
    shares->users = 1;
    return shares;
}

void core_shares_drop(struct core_shares *shares)
{
    if (!shares || --shares->users > 0)
        return;
    partition_plan_close(shares->plan);
    free(shares);
}

/* All workers count as equally fast; measured speeds are for the report only. */
int core_plan_open(const struct core_geometry *g, const bool *able, const double *busy_us,
                   int32_t workers, const uint32_t *ids, uint32_t id_count,
                   struct partition_plan **out)
{
    struct partition_plan_settings settings;
    struct partition_plan_worker alike;
    struct partition_speed speed;
    struct partition_plan_worker *each = calloc((size_t)workers, sizeof *each);
    double *tile_us = calloc((size_t)g->tiles->count + 1, sizeof *tile_us);
    int status = PROTO_NO_MEMORY;

    *out = NULL;
    if (each && tile_us) {
        partition_speed_defaults(&speed);
        partition_plan_worker_init(&alike, &speed, &g->pyramid, g->tiles, 1.0, tile_us);
        for (int32_t w = 0; w < workers; w++) {
            each[w] = alike;
            each[w].busy_us = busy_us ? busy_us[w] : 0.0;
            if (!able[w])
                each[w].tile_us = NULL;
        }
        partition_plan_defaults(&settings);
        settings.workers = each;
        settings.worker_count = workers;
        settings.ids = ids;
        settings.id_count = id_count;
        status = partition_plan_open(&g->pyramid, g->tiles, &settings, out);
    }
    free(each);
    free(tile_us);
    return status;
}

void core_geometry_replan(struct coordinator_core *core)
{
    struct core_geometry *g = core->geometry;
    const int32_t workers = core->settings.workers;
    struct partition_plan *plan = NULL;
    bool *able = calloc((size_t)workers, sizeof *able);

    core_shares_drop(g->shares);
    g->shares = NULL;
    if (!able)
        return;
    bool any = false;
    for (int w = 0; w < workers; w++) {
        /* While a new PLAN is being answered the workers that were asked count too. */
        able[w] = core->workers[w].state == WORKER_READY ||
                  (core->assembling && core->workers[w].state == WORKER_PREPARING);
        any |= able[w];
    }
    if (any && g->tiles->count > 0 &&
        core_plan_open(g, able, NULL, workers, NULL, 0, &plan) == PROTO_OK)
        g->shares = core_shares_new(plan);
    free(able);
}

/* No FRAME of this size can be larger than one with all tiles and all rows of all bases. */
static uint64_t frame_bytes_max(const struct core_geometry *g)
{
    uint64_t bytes = 0;
    for (int32_t o = 0; o < g->pyramid.base_count; o++)
        bytes += (uint64_t)g->pyramid.bases[o].w * (uint64_t)g->pyramid.bases[o].h * PROTO_CHANNELS;
    return bytes + proto_codec_frame_header_max(g->tiles->count, g->tiles->count);
}

static int tables_fill(struct core_geometry *g)
{
    const uint32_t count = g->tiles->count;
    uint64_t survivors = 0;

    g->wire = calloc(count ? count : 1, sizeof *g->wire);
    g->mark = calloc(count ? count : 1, 1);
    if (!g->wire || !g->mark)
        return PROTO_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        const struct partition_tile *tile = &g->tiles->tile[i];
        g->wire[i] = (struct proto_plan_tile){
            .level = (uint32_t)tile->level,
            .row0 = (uint32_t)tile->cells.y,
            .col0 = (uint32_t)tile->cells.x,
            .rows = (uint32_t)tile->cells.h,
            .cols = (uint32_t)tile->cells.w,
        };
        survivors += partition_merge_survivors_max(&g->pyramid, tile);
    }
    if (survivors > UINT32_MAX)
        return PROTO_LIMIT;
    g->survivors_max = (uint32_t)survivors;
    g->scratch = calloc(survivors ? (size_t)survivors : 1, sizeof *g->scratch);
    if (!g->scratch)
        return PROTO_NO_MEMORY;
    g->frame_bytes_max = frame_bytes_max(g);
    return PROTO_OK;
}

static int slots_fit(struct coordinator_core *core)
{
    const struct core_geometry *g = core->geometry;
    const struct coordinator_core_settings *s = &core->settings;

    for (int32_t i = 0; i < s->slots; i++) {
        struct core_slot *slot = &core->slots[i];
        slot->tiles = calloc(g->tiles->count ? g->tiles->count : 1, 1);
        if (!slot->tiles)
            return PROTO_NO_MEMORY;
        int status =
            partition_merge_open(&g->pyramid, s->model, g->tiles, s->threshold, &slot->merge);
        if (status)
            return status;
        partition_merge_borrow_camera(slot->merge, s->camera ? &g->camera : NULL);
    }
    return PROTO_OK;
}

/* The tile set in use, and for the report the cost of that within the bands against all. */
static int tiles_choose(struct core_geometry *g, const struct coordinator_core_settings *s)
{
    struct partition_tile_settings all = s->tiles, banded = s->tiles;
    struct partition_tiles *other = NULL;
    const bool on = s->ground_plane == COORDINATOR_GROUND_ON;

    g->macs_share = 1.0;
    if (s->ground_plane == COORDINATOR_GROUND_OFF)
        return partition_tiles_open(&g->pyramid, s->model, &all, &g->tiles);
    int status = partition_camera_bands(&g->camera, &g->pyramid, s->model, g->bands);
    banded.bands = g->bands;
    if (!status)
        status = partition_tiles_open(&g->pyramid, s->model, on ? &banded : &all, &g->tiles);
    if (!status)
        status = partition_tiles_open(&g->pyramid, s->model, on ? &all : &banded, &other);
    if (!status) {
        const double share = (double)g->tiles->macs / (double)other->macs;
        g->macs_share = on ? share : 1.0 / share;
    }
    partition_tiles_close(other);
    return status;
}

int core_geometry_open(struct coordinator_core *core, struct proto_size size)
{
    const uint32_t number = core->plans + 1;
    core_geometry_close(core);
    struct core_geometry *g = calloc(1, sizeof *g);
    if (!g)
        return PROTO_NO_MEMORY;
    core->geometry = g;
    core->plans = g->number = number;
    int status = partition_pyramid_init(&g->pyramid, core->settings.model, size);
    if (!status && core->settings.camera)
        status = partition_camera_init(&g->camera, core->settings.camera, size);
    if (!status)
        status = tiles_choose(g, &core->settings);
    if (!status)
        status = tables_fill(g);
    if (!status)
        status = slots_fit(core);
    if (status) {
        proto_log_error("coordinator", "can't plan for frames of %d x %d: %s", size.w, size.h,
                        proto_status_text(status));
        core_geometry_close(core);
    }
    return status;
}

void core_geometry_close(struct coordinator_core *core)
{
    struct core_geometry *g = core->geometry;
    if (!g)
        return;
    for (int32_t i = 0; i < core->settings.slots; i++) {
        struct core_slot *slot = &core->slots[i];
        partition_merge_close(slot->merge);
        slot->merge = NULL;
        free(slot->tiles);
        slot->tiles = NULL;
    }
    core_shares_drop(g->shares);
    partition_tiles_close(g->tiles);
    free(g->wire);
    free(g->scratch);
    free(g->mark);
    free(g);
    core->geometry = NULL;
}

void core_geometry_plan_message(const struct coordinator_core *core, int worker,
                                struct proto_plan *plan)
{
    const struct core_geometry *g = core->geometry;
    *plan = (struct proto_plan){
        .plan = g->number,
        .frame = g->pyramid.frame,
        .candidate_threshold = core->settings.model->candidate_threshold,
        .depth = (uint32_t)core->settings.depth,
        .frame_bytes_max = g->frame_bytes_max,
        .tile_count = g->tiles->count,
        .tiles = g->wire,
    };
    if (g->shares) {
        plan->mine_count = g->shares->plan->shares[worker].tile_count;
        plan->mine = g->shares->plan->shares[worker].tiles;
    }
}
