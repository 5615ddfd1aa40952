/* What follows from the size of the frames: pyramid, tile set, merges, plan, the PLAN message. */
#include "coordinator/core_state.h"

#include <math.h>
#include <stdlib.h>

#include "proto/codec.h"
#include "proto/log.h"

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
    g->orphans = calloc(count ? count : 1, sizeof *g->orphans);
    g->all = calloc(count ? count : 1, sizeof *g->all);
    if (!g->wire || !g->mark || !g->orphans || !g->all)
        return PROTO_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        const struct partition_tile *tile = &g->tiles->tile[i];
        g->all[i] = i;
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
        slot->tile_reports =
            calloc(g->tiles->count ? g->tiles->count : 1, sizeof *slot->tile_reports);
        if (!slot->tiles || !slot->tile_reports)
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

/* Distances at which a standing person peaks on a level: its body height over that of the level's
 * person, and half a level's step to both sides. */
static void reach_fill(const struct coordinator_core *core, struct core_geometry *g)
{
    const struct partition_model *model = core->settings.model;
    const struct proto_config_camera *camera = core->settings.camera;
    if (!camera)
        return;
    for (int32_t k = 0; k < g->pyramid.level_count; k++) {
        const struct partition_level *level = &g->pyramid.levels[k];
        const double step = pow(2.0, 0.5 / model->per_octave);
        const double px = model->nets[level->net].person_px / level->scale;
        g->reach[k] = (struct coordinator_distances){
            .near_m = fmax(g->camera.fy * camera->body_min_m / (px * step), camera->distance_min_m),
            .far_m = fmin(g->camera.fy * camera->body_max_m / (px / step), camera->distance_max_m),
        };
    }
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
    if (!status)
        status = core_cost_open(core, g);
    g->whole = calloc((size_t)core->settings.workers, sizeof *g->whole);
    if (!status && !g->whole)
        status = PROTO_NO_MEMORY;
    if (!status)
        reach_fill(core, g);
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
        free(slot->tile_reports);
        slot->tile_reports = NULL;
    }
    core_shares_drop(g->shares);
    core_shares_drop(g->brief);
    for (int32_t w = 0; g->whole && w < core->settings.workers; w++)
        core_shares_drop(g->whole[w]);
    free(g->whole);
    core_cost_close(g);
    free(g->orphans);
    free(g->all);
    partition_tiles_close(g->tiles);
    free(g->wire);
    free(g->scratch);
    free(g->mark);
    free(g);
    core->geometry = NULL;
}

void core_geometry_plan_message(struct coordinator_core *core, int worker, struct proto_plan *plan)
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
    if (g->shares && core->settings.split == PARTITION_SPLIT_FRAME) {
        plan->mine_count = g->tiles->count; /* each of them computes whole frames */
        plan->mine = g->all;
    } else if (g->shares) {
        plan->mine_count = g->shares->plan->shares[worker].tile_count;
        plan->mine = g->shares->plan->shares[worker].tiles;
    }
    core_cost_prepared(core, worker, plan->mine, plan->mine_count);
}
