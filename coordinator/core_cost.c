/* What the core knows of speeds: from profiles and boards' files at first, then from RESULTs.
 *
 * Of each worker and tile shape the robust mean of its last times is kept; a shape it has not
 * computed yet counts by its MACs at the worker's mean speed. Workers of which nothing is known count as fast as
 * the mean of the others.
 */
#include "coordinator/core_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEARNT_FEW = 3 }; /* times of a shape, or of a worker, before they are believed */

static int compare_shapes(const void *pa, const void *pb)
{
    const struct partition_shape_cost *a = pa, *b = pb;
    if (a->net != b->net)
        return a->net < b->net ? -1 : 1;
    if (a->input.w != b->input.w)
        return a->input.w < b->input.w ? -1 : 1;
    return (a->input.h > b->input.h) - (a->input.h < b->input.h);
}

static struct partition_shape_cost shape_of(const struct core_geometry *g, uint32_t tile)
{
    const struct partition_tile *t = &g->tiles->tile[tile];
    return (struct partition_shape_cost){.net = g->pyramid.levels[t->level].net, .input = t->input};
}

static int shapes_find(struct core_geometry *g)
{
    const uint32_t count = g->tiles->count;
    g->shapes = calloc((size_t)count + 1, sizeof *g->shapes);
    g->shape_of = calloc((size_t)count + 1, sizeof *g->shape_of);
    if (!g->shapes || !g->shape_of)
        return PROTO_NO_MEMORY;
    for (uint32_t t = 0; t < count; t++)
        g->shapes[t] = shape_of(g, t);
    qsort(g->shapes, count, sizeof *g->shapes, compare_shapes);
    for (uint32_t t = 0; t < count; t++)
        if (t == 0 || compare_shapes(&g->shapes[t], &g->shapes[g->shape_count - 1]) != 0)
            g->shapes[g->shape_count++] = g->shapes[t];
    for (uint32_t t = 0; t < count; t++) {
        const struct partition_shape_cost key = shape_of(g, t);
        const struct partition_shape_cost *found =
            bsearch(&key, g->shapes, g->shape_count, sizeof key, compare_shapes);
        g->shape_of[t] = (uint32_t)(found - g->shapes);
    }
    return PROTO_OK;
}

/* Tiles as the profile has them, otherwise their MACs: what `factor` is relative to. */
static void base_fill(struct coordinator_core *core, int w)
{
    struct core_geometry *g = core->geometry;
    const struct core_worker *worker = &core->workers[w];
    struct partition_speed macs;
    partition_speed_defaults(&macs);
    partition_cost_tiles(worker->known ? &worker->speed : &macs, &g->pyramid, g->tiles, 1.0,
                         g->base_us + (size_t)w * g->tiles->count);
}

void coordinator_core_know(struct coordinator_core *core, int w,
                           const struct partition_speed *speed)
{
    struct core_worker *worker = &core->workers[w];
    worker->known = true;
    worker->speed = *speed;
    worker->factor = worker->frame_us = (struct partition_cost_learner){0};
    if (core->geometry)
        base_fill(core, w);
}

int core_cost_open(struct coordinator_core *core, struct core_geometry *g)
{
    const size_t workers = (size_t)core->settings.workers;
    const int status = shapes_find(g);
    if (status)
        return status;
    g->learnt = calloc(workers * g->shape_count + 1, sizeof *g->learnt);
    g->prepared = calloc(workers * g->shape_count + 1, sizeof *g->prepared);
    g->tile_us = calloc(workers * g->tiles->count + 1, sizeof *g->tile_us);
    g->costs = calloc(workers, sizeof *g->costs);
    g->shape_us = calloc((size_t)g->shape_count + 1, sizeof *g->shape_us);
    g->base_us = calloc(workers * g->tiles->count + 1, sizeof *g->base_us);
    if (!g->base_us || !g->shape_us || !g->learnt || !g->prepared || !g->tile_us || !g->costs)
        return PROTO_NO_MEMORY;
    for (int32_t w = 0; w < core->settings.workers; w++)
        base_fill(core, w);
    core_cost_refresh(core);
    return PROTO_OK;
}

void core_cost_close(struct core_geometry *g)
{
    free(g->shapes);
    free(g->shape_of);
    free(g->learnt);
    free(g->prepared);
    free(g->tile_us);
    free(g->costs);
    free(g->shape_us);
    free(g->base_us);
}

bool core_cost_absolute(const struct core_worker *worker)
{
    return worker->known || worker->factor.count > 0;
}

/* Mean time of a MAC on the workers that answered already; 0: on none. */
static double mean_us_per_mac(const struct coordinator_core *core)
{
    double speeds = 0.0;
    int32_t count = 0;
    for (int32_t w = 0; w < core->settings.workers; w++) {
        const struct core_worker *worker = &core->workers[w];
        if (!core_cost_absolute(worker))
            continue;
        double speed = worker->known ? worker->speed.macs_per_us : 1.0;
        speed /= partition_cost_factor(&worker->factor);
        if (speed > 0.0 && isfinite(speed)) {
            speeds += speed;
            count++;
        }
    }
    return count > 0 ? (double)count / speeds : 0.0;
}

static void worker_refresh(struct coordinator_core *core, int w, double *shape_us, double mean)
{
    struct core_geometry *g = core->geometry;
    const struct core_worker *worker = &core->workers[w];
    const uint32_t count = g->tiles->count;
    const double *base_us = g->base_us + (size_t)w * count;
    double *us = g->tile_us + (size_t)w * count;
    double factor = partition_cost_factor(&worker->factor);

    if (!core_cost_absolute(worker) && mean > 0.0)
        factor = mean;
    for (uint32_t t = 0; t < count; t++)
        us[t] = factor * base_us[t];
    for (uint32_t s = 0; s < g->shape_count; s++) {
        const struct partition_cost_learner *learnt = &g->learnt[(size_t)w * g->shape_count + s];
        shape_us[s] = learnt->count >= LEARNT_FEW ? partition_cost_factor(learnt) : NAN;
    }
    for (uint32_t t = 0; t < count; t++)
        if (!isnan(shape_us[g->shape_of[t]]))
            us[t] = shape_us[g->shape_of[t]];
    g->costs[w] = (struct partition_plan_worker){
        .tile_us = us,
        .frame_us = worker->known ? factor * worker->speed.frame_us : 0.0,
        .bytes_per_us = worker->known ? worker->speed.bytes_per_us : INFINITY,
        .latency_us = worker->known ? worker->speed.latency_us : 0.0,
    };
    if (worker->frame_us.count > 0)
        g->costs[w].frame_us = partition_cost_factor(&worker->frame_us);
}

uint64_t core_cost_sent(struct coordinator_core *core, int w, uint64_t bytes, uint64_t begun_us,
                        uint64_t now_us)
{
    struct core_worker *worker = &core->workers[w];
    const uint64_t since_us = begun_us > worker->gone_us ? begun_us : worker->gone_us;
    const uint64_t us = now_us > since_us ? now_us - since_us : 0;
    partition_cost_learn(&worker->link, (double)us, (double)bytes);
    worker->gone_us = now_us;
    return us;
}

/* Links are learnt only where they matter: one on which a frame's pixels take longer than computing
 * half of it. Shorter times are mostly those of a busy processor. */
static void link_refresh(struct coordinator_core *core, int w)
{
    struct core_geometry *g = core->geometry;
    const struct core_worker *worker = &core->workers[w];
    const double us_per_byte = partition_cost_factor(&worker->link);
    double compute_us = g->costs[w].frame_us;
    if (worker->link.count < LEARNT_FEW || isfinite(g->costs[w].bytes_per_us))
        return;
    for (uint32_t t = 0; t < g->tiles->count; t++)
        compute_us += g->tile_us[(size_t)w * g->tiles->count + t];
    if (us_per_byte * (double)g->frame_bytes_max > compute_us / 2.0)
        g->costs[w].bytes_per_us = 1.0 / us_per_byte;
}

void core_cost_refresh(struct coordinator_core *core)
{
    struct core_geometry *g = core->geometry;
    const double mean = mean_us_per_mac(core);
    for (int32_t w = 0; w < core->settings.workers; w++)
        worker_refresh(core, w, g->shape_us, mean);
    for (int32_t w = 0; w < core->settings.workers; w++)
        if (core_cost_absolute(&core->workers[w]))
            link_refresh(core, w);
}

void core_cost_learn(struct coordinator_core *core, int w, const struct proto_result *result)
{
    struct core_geometry *g = core->geometry;
    struct core_worker *worker = &core->workers[w];
    const double us = (double)(result->finished_us - result->started_us);
    double base = 0.0, tiles_us = 0.0;

    /* The answer may be one that nobody has looked into: its frame was reported already. */
    if (result->plan != g->number || result->finished_us < result->started_us)
        return;
    for (uint32_t i = 0; i < result->tile_count; i++)
        if (result->tiles[i] >= g->tiles->count)
            return;
    core_cost_prepared(core, w, result->tiles, result->tile_count);
    if (worker->timed++ == 0)
        return; /* caches and clocks were cold */
    for (uint32_t i = 0; i < result->tile_count; i++) {
        const uint32_t t = result->tiles[i];
        base += g->base_us[(size_t)w * g->tiles->count + t];
        tiles_us += (double)result->tile_us[i];
        partition_cost_learn(&g->learnt[(size_t)w * g->shape_count + g->shape_of[t]],
                             (double)result->tile_us[i], 1.0);
    }
    partition_cost_learn(&worker->factor, tiles_us > 0.0 ? tiles_us : us, base);
    if (tiles_us > 0.0)
        partition_cost_learn(&worker->frame_us, us > tiles_us ? us - tiles_us : 1e-3, 1.0);
}

void core_cost_forget(struct coordinator_core *core, int w)
{
    struct core_geometry *g = core->geometry;
    struct core_worker *worker = &core->workers[w];
    worker->factor = worker->frame_us = (struct partition_cost_learner){0};
    memset(g->learnt + (size_t)w * g->shape_count, 0, g->shape_count * sizeof *g->learnt);
}

bool core_cost_settled(const struct coordinator_core *core, const struct partition_plan *plan)
{
    for (int32_t w = 0; w < core->settings.workers; w++)
        if (plan->shares[w].tile_count > 0 && !core->workers[w].late &&
            core->workers[w].factor.count < LEARNT_FEW)
            return false;
    return true;
}

double core_cost_share_us(const struct coordinator_core *core, int w,
                          const struct partition_share *share)
{
    const struct core_geometry *g = core->geometry;
    const uint8_t *prepared = g->prepared + (size_t)w * g->shape_count;
    double us = g->costs[w].frame_us;
    if (core->workers[w].factor.count == 0)
        return NAN;
    for (uint32_t i = 0; i < share->tile_count; i++) {
        if (!prepared[g->shape_of[share->tiles[i]]])
            return NAN;
        us += g->costs[w].tile_us[share->tiles[i]];
    }
    return us;
}

void core_cost_prepared(struct coordinator_core *core, int w, const uint32_t *tiles, uint32_t count)
{
    struct core_geometry *g = core->geometry;
    if (!g)
        return;
    uint8_t *prepared = g->prepared + (size_t)w * g->shape_count;
    if (!tiles)
        memset(prepared, 0, g->shape_count);
    for (uint32_t i = 0; tiles && i < count; i++)
        prepared[g->shape_of[tiles[i]]] = 1;
}
