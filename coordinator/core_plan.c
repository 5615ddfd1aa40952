/* Who computes what: the plan of the next frames, and when another one is worth it.
 *
 * A plan is made anew when workers come or go, and when costs have changed so much that another one
 * would gain replan_gain of the period. Trying costs a few milliseconds, so it is done only where
 * the cheapest bound leaves room, and ever more rarely while it finds nothing. A worker that is left
 * out because it was slow is tried again now and then, or nobody would learn that it no longer is.
 * Detections do not depend on any of it.
 */
#include "coordinator/core_state.h"

#include <math.h>
#include <stdlib.h>

enum { REVIEW_FIRST = 4, REVIEW_RAREST = 1024 };
#define DEADLINE_SHARE 0.8 /* of the time until a deadline: predictions are not exact */
enum { RETRY_FRAMES = 128, RETRY_DOUBLINGS = 5 }; /* until one that was left out is tried again */

static struct core_shares *shares_new(struct partition_plan *plan)
{
    struct core_shares *shares = calloc(1, sizeof *shares);
    if (!shares) {
        partition_plan_close(plan);
        return NULL;
    }
    *shares = (struct core_shares){
        .plan = plan, .users = 1, .period_us = NAN, .bound = NAN, .own_us = NAN};
    return shares;
}

void core_shares_drop(struct core_shares *shares)
{
    if (!shares || --shares->users > 0)
        return;
    partition_plan_close(shares->plan);
    free(shares);
}

/* Costs of the workers that are able, in the core's scratch. */
static void settings_fill(struct coordinator_core *core, const bool *able, bool busy,
                          struct partition_plan_settings *settings)
{
    const struct core_geometry *g = core->geometry;
    partition_plan_defaults(settings);
    for (int32_t w = 0; w < core->settings.workers; w++) {
        core->costs[w] = g->costs[w];
        if (!able[w])
            core->costs[w].tile_us = NULL;
        else if (busy)
            core->costs[w].busy_us = core_watch_busy_us(core, w);
    }
    settings->workers = core->costs;
    settings->worker_count = core->settings.workers;
    settings->port_bytes_per_us = core->settings.port_bytes_per_us;
    settings->split = core->settings.split;
    settings->period_slack = core->settings.period_slack;
}

struct core_shares *core_plan_share(struct coordinator_core *core, const bool *able, bool busy,
                                    const uint32_t *ids, uint32_t count)
{
    const struct core_geometry *g = core->geometry;
    struct partition_plan_settings settings;
    struct partition_plan *plan;
    bool any = false;
    for (int32_t w = 0; w < core->settings.workers; w++)
        any |= able[w];
    if (!any || g->tiles->count == 0)
        return NULL;
    settings_fill(core, able, busy, &settings);
    settings.ids = ids;
    settings.id_count = count;
    if (ids) /* what is left of a frame: to be done as soon as possible */
        settings.split = PARTITION_SPLIT_TILE;
    if (partition_plan_open(&g->pyramid, g->tiles, &settings, &plan))
        return NULL;
    return shares_new(plan);
}

/* Fills core->able: the workers of the best kind there is: able ones, the reserve, late ones. While a
 * new PLAN is being answered those that were asked count too. Returns whether there are any. */
static bool able_fill(struct coordinator_core *core)
{
    for (int kind = 0; kind < 3; kind++) {
        bool any = false;
        for (int32_t w = 0; w < core->settings.workers; w++) {
            const struct core_worker *worker = &core->workers[w];
            const bool may =
                core_worker_able(worker) || (core->assembling && worker->state == WORKER_PREPARING);
            const bool spare = w == core->settings.reserve || worker->unfed;
            const int its = worker->late ? 2 : spare ? 1 : 0;
            core->able[w] = may && its == kind;
            any |= core->able[w];
        }
        if (any)
            return true;
    }
    return false;
}

/* All of the work at all of the speed: without the fixed parts of a frame no plan is shorter, with them it
 * is what replicas achieve. */
static double all_at_once_us(const struct coordinator_core *core, bool fixed)
{
    const struct core_geometry *g = core->geometry;
    double rate = 0.0;
    for (int32_t w = 0; w < core->settings.workers; w++) {
        double us = fixed ? g->costs[w].frame_us : 0.0;
        for (uint32_t t = 0; core->able[w] && t < g->tiles->count; t++)
            us += g->costs[w].tile_us[t];
        if (core->able[w] && us > 0.0)
            rate += 1.0 / us;
    }
    return rate > 0.0 ? 1.0 / rate : INFINITY;
}

/* The figures of a plan by the costs known now. The bound takes longer: core_plan_idle. */
static void shares_judge(struct coordinator_core *core, struct core_shares *shares)
{
    struct partition_plan_settings settings;
    shares->period_us = NAN;
    shares->bound_due = false;
    for (int32_t w = 0; w < core->settings.workers; w++)
        if (shares->plan->shares[w].tile_count > 0 && !core_cost_absolute(&core->workers[w]))
            return;
    settings_fill(core, core->able, false, &settings);
    shares->period_us = core->settings.split == PARTITION_SPLIT_FRAME
                            ? all_at_once_us(core, true)
                            : partition_plan_period(shares->plan, &settings);
    shares->bound_due = isnan(shares->bound);
}

static void whole_drop(struct coordinator_core *core)
{
    for (int32_t w = 0; w < core->settings.workers; w++) {
        core_shares_drop(core->geometry->whole[w]);
        core->geometry->whole[w] = NULL;
    }
}

static void shares_take(struct coordinator_core *core, struct core_shares *shares)
{
    struct core_geometry *g = core->geometry;
    core_shares_drop(g->shares);
    core_shares_drop(g->brief);
    g->brief = NULL;
    whole_drop(core);
    g->shares = shares;
    core->reviewed = core->handed_out;
    core->review_after = REVIEW_FIRST;
}

void core_plan_renew(struct coordinator_core *core)
{
    struct core_geometry *g = core->geometry;
    const bool first = !g->shares && !g->planned;
    g->replan_due = false;
    core_cost_refresh(core);
    shares_take(core, able_fill(core) ? core_plan_share(core, core->able, false, NULL, 0) : NULL);
    if (!g->shares)
        return;
    g->planned = true;
    core->events.replans += !first && !core->assembling;
    shares_judge(core, g->shares);
}

/* Has somebody been left out for long? Then nothing is known of it any more. */
static bool retry_due(struct coordinator_core *core)
{
    bool due = false;
    for (int32_t w = 0; w < core->settings.workers; w++) {
        struct core_worker *worker = &core->workers[w];
        if (core->geometry->shares->plan->shares[w].tile_count > 0) {
            if (worker->factor.count >= PARTITION_COST_MEMORY)
                worker->left_out = 0; /* it stayed */
            worker->used_at = core->handed_out;
        } else if (core->able[w] &&
                   core->handed_out >= worker->used_at + (RETRY_FRAMES << worker->left_out)) {
            core_cost_forget(core, w);
            worker->used_at = core->handed_out;
            worker->left_out += worker->left_out < RETRY_DOUBLINGS;
            due = true;
        }
    }
    return due;
}

/* Would another plan gain enough? */
static void review(struct coordinator_core *core)
{
    struct core_geometry *g = core->geometry;
    const double gain = core->settings.replan_gain;
    struct core_shares *other = NULL;

    if (!able_fill(core))
        return;
    if (core->settings.split != PARTITION_SPLIT_FRAME && retry_due(core)) {
        core_plan_renew(core);
        return;
    }
    core_cost_refresh(core);
    shares_judge(core, g->shares);
    core->reviewed = core->handed_out;
    if (isnan(g->shares->period_us) || !core_cost_settled(core, g->shares->plan) ||
        core->settings.split == PARTITION_SPLIT_FRAME) /* whoever is free gets the next frame */
        return;
    if (all_at_once_us(core, false) < g->shares->period_us * (1.0 - gain))
        other = core_plan_share(core, core->able, false, NULL, 0);
    if (other && other->plan->period_us < g->shares->period_us * (1.0 - gain)) {
        shares_take(core, other);
        shares_judge(core, other);
        core->events.replans++;
    } else {
        core_shares_drop(other);
        if (core->review_after < (uint64_t)core->settings.replan_frames)
            core->review_after = (uint64_t)core->settings.replan_frames;
        else if (other && core->review_after < REVIEW_RAREST)
            core->review_after *= 2;
    }
}

static void plan_check(struct coordinator_core *core)
{
    const struct core_geometry *g = core->geometry;
    if (g->replan_due || !g->shares)
        core_plan_renew(core);
    else if (core->settings.replan_frames > 0 &&
             core->handed_out >= core->reviewed + core->review_after)
        review(core);
    else if (isnan(g->shares->period_us) && core->handed_out > core->reviewed) {
        /* The first answers are there, perhaps of all workers: now times are known. */
        core_cost_refresh(core);
        able_fill(core);
        shares_judge(core, g->shares);
    }
}

/* All tiles on one worker. */
static double whole_us(const struct coordinator_core *core, int32_t w)
{
    const struct core_geometry *g = core->geometry;
    double us = g->costs[w].frame_us;
    for (uint32_t t = 0; t < g->tiles->count; t++)
        us += g->costs[w].tile_us[t];
    return us;
}

/* Replicas: the worker that will have finished first takes the whole frame. */
static int32_t whole_worker(struct coordinator_core *core)
{
    int32_t best = -1;
    double best_us = 0.0;
    if (!able_fill(core))
        return -1;
    for (int32_t w = 0; w < core->settings.workers; w++) {
        const struct core_worker *worker = &core->workers[w];
        if (!core->able[w] || worker->hand_count >= core->settings.depth)
            continue;
        double us = core_watch_busy_us(core, w) + whole_us(core, w);
        /* Before anything was measured: who has the fewest. */
        if (!core_cost_absolute(worker))
            us *= 1.0 + worker->hand_count;
        if (best < 0 || us < best_us) {
            best = w;
            best_us = us;
        }
    }
    return best;
}

static struct core_shares *whole_next(struct coordinator_core *core)
{
    struct core_geometry *g = core->geometry;
    const int32_t w = whole_worker(core);
    if (w < 0)
        return NULL;
    if (!g->whole[w]) {
        for (int32_t i = 0; i < core->settings.workers; i++)
            core->able[i] = i == w;
        g->whole[w] = core_plan_share(core, core->able, false, NULL, 0);
    }
    if (g->whole[w]) { /* the figures are those of the rotation */
        g->whole[w]->own_us = whole_us(core, w);
        g->whole[w]->period_us = g->shares->period_us;
        g->whole[w]->bound = g->shares->bound;
    }
    return g->whole[w];
}

/* Does everybody with a share have room for it? */
static bool room(const struct coordinator_core *core, const struct core_shares *shares)
{
    const int32_t most = core->settings.deadline_us > 0 ? core->settings.depth : core->hand_max;
    for (int32_t w = 0; w < core->settings.workers; w++)
        if (shares->plan->shares[w].tile_count > 0 && core->workers[w].hand_count >= most)
            return false;
    return true;
}

/* How many tiles can be searched before the frame's deadline, persons nearby first: these are the last in
 * the tile set, the cheapest, and those that matter most to whoever needs an answer in time. */
static uint32_t tiles_in_time(struct coordinator_core *core, const struct core_slot *slot)
{
    const struct core_geometry *g = core->geometry;
    const uint64_t deadline_us = core_slot_deadline_us(core, slot);
    double us = 0.0, fixed_us = 0.0, left_us;
    uint32_t count = 0;
    if (deadline_us == UINT64_MAX || isnan(g->shares->period_us) || !able_fill(core))
        return g->tiles->count;
    for (int32_t w = 0; w < core->settings.workers; w++)
        if (core->able[w])
            fixed_us =
                fmax(fixed_us, core_watch_busy_us(core, w) + g->costs[w].frame_us +
                                   core->workers[w].travel_us + core->workers[w].travel_dev_us);
    left_us = (double)(deadline_us - core->now_us) * DEADLINE_SHARE - fixed_us;
    for (; count < g->tiles->count; count++) {
        double rate = 0.0;
        for (int32_t w = 0; w < core->settings.workers; w++)
            if (core->able[w])
                rate += 1.0 / g->costs[w].tile_us[g->tiles->count - 1 - count];
        us += 1.0 / rate;
        if (us > left_us)
            break;
    }
    return count;
}

/* A plan of those tiles only. */
static struct core_shares *brief_plan(struct coordinator_core *core, uint32_t count)
{
    struct core_geometry *g = core->geometry;
    const uint32_t all = g->tiles->count;
    if (!g->brief || g->brief_count != count) {
        core_shares_drop(g->brief);
        g->brief = core_plan_share(core, core->able, false, g->all + all - count, count);
        g->brief_count = count;
        if (g->brief)
            g->brief->partial = true;
    }
    return g->brief;
}

bool core_plan_next(struct coordinator_core *core, const struct core_slot *slot,
                    struct core_shares **shares)
{
    struct core_geometry *g = core->geometry;
    plan_check(core);
    *shares = g->shares;
    if (!g->shares)
        return core_worker_hope_us(core) == 0 ||
               core->now_us >= core->alone_us + core_worker_hope_us(core);
    const uint32_t count = tiles_in_time(core, slot);
    if (count == 0 && g->tiles->count > 0)
        return false; /* they have no time for it yet, perhaps never */
    if (count < g->tiles->count)
        *shares = brief_plan(core, count);
    else if (core->settings.split == PARTITION_SPLIT_FRAME)
        *shares = whole_next(core);
    if (!*shares || !room(core, *shares))
        return false;
    (*shares)->users++;
    return true;
}

void core_plan_idle(struct coordinator_core *core)
{
    struct core_geometry *g = core->geometry;
    struct partition_plan_settings settings;
    double bound_us;
    if (!g || !g->shares || !g->shares->bound_due)
        return;
    g->shares->bound_due = false;
    able_fill(core);
    settings_fill(core, core->able, false, &settings);
    const double period_us = core->settings.split == PARTITION_SPLIT_FRAME
                                 ? all_at_once_us(core, true)
                                 : partition_plan_period(g->shares->plan, &settings);
    if (partition_bound_period(&g->pyramid, g->tiles, &settings, &bound_us) == PROTO_OK &&
        period_us > 0.0)
        g->shares->bound = bound_us / period_us;
}
