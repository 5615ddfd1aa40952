/* Keeping to a power budget: frames are handed out no faster than the watts allow, and where even that is
 * not enough, workers get no work.
 *
 * Where the workers' idle and busy watts are known (a board's file) the spacing of frames follows from the
 * plan: a frame costs e = sum of (busy - idle) x its computing time, and with one frame every s seconds
 *   mean watts            idle + e / s                               <= budget
 *   any second            idle + e (n + min(1, r / c)),  n = floor(1 / s), r = 1 - n s   <= 1.018 budget
 * with c the longest share's computing time: a second that begins with a frame holds the most. Otherwise
 * the energy that BEATs report is followed, second by second: spacing goes with measured watts / budget.
 */
#include "coordinator/core_state.h"

#include <math.h>
#include <string.h>

#include "proto/log.h"

#define SECOND_SLACK 1.018 /* of the budget, in any one second: 2 % less what timers are late */
enum { WINDOW_US = 1000000 };

void coordinator_core_know_watts(struct coordinator_core *core, int w, double idle_w, double busy_w)
{
    core->workers[w].idle_w = idle_w;
    core->workers[w].busy_w = busy_w;
}

/* ---- from the plan ---- */

struct demand {
    double idle_w;
    double frame_j; /* above idle */
    double longest_s;
    int32_t hungriest; /* of those with a share, who draws most; -1: nobody */
    int32_t count;     /* with a share */
};

/* False if the watts of a worker are not known. */
static bool demand_of(const struct coordinator_core *core, const struct core_shares *shares,
                      struct demand *d)
{
    const struct core_geometry *g = core->geometry;
    double most_w = 0.0;
    *d = (struct demand){.hungriest = -1};
    for (int32_t w = 0; w < core->settings.workers; w++) {
        const struct core_worker *worker = &core->workers[w];
        const struct partition_share *share = &shares->plan->shares[w];
        if (!core_worker_in_use(worker))
            continue;
        if (!(worker->busy_w > 0.0))
            return false;
        d->idle_w += worker->idle_w;
        if (share->tile_count == 0)
            continue;
        double us = g->costs[w].frame_us;
        for (uint32_t i = 0; i < share->tile_count; i++)
            us += g->costs[w].tile_us[share->tiles[i]];
        d->count++;
        d->frame_j += (worker->busy_w - worker->idle_w) * us / 1e6;
        d->longest_s = fmax(d->longest_s, us / 1e6);
        if (worker->busy_w - worker->idle_w > most_w) {
            most_w = worker->busy_w - worker->idle_w;
            d->hungriest = w;
        }
    }
    return true;
}

/* The most that any second holds with a frame every s seconds. */
static double worst_second_w(const struct demand *d, double s)
{
    const double n = floor(1.0 / s), rest = 1.0 - n * s;
    return d->idle_w + d->frame_j * (n + fmin(1.0, rest / d->longest_s));
}

/* Seconds between two frames; INFINITY: not even one now and then keeps to the budget. */
static double spacing_s(const struct demand *d, double budget_w)
{
    if (d->frame_j <= 0.0)
        return d->idle_w <= budget_w ? 0.0 : INFINITY;
    if (d->idle_w >= budget_w ||
        d->idle_w + d->frame_j / fmax(1.0, d->longest_s) > budget_w * SECOND_SLACK)
        return INFINITY;
    double s = d->frame_j / (budget_w - d->idle_w);
    while (s < 1.0 + d->longest_s && worst_second_w(d, s) > budget_w * SECOND_SLACK)
        s *= 1.005;
    return s;
}

/* ---- from what is measured ---- */

void core_power_beat(struct coordinator_core *core, int w, const struct proto_beat *beat)
{
    struct core_worker *worker = &core->workers[w];
    if (beat->power_us == 0)
        return;
    worker->energy_uj = beat->energy_uj;
    worker->own_rail = beat->power_own != 0;
}

/* All energy reported so far, a host's rail counted once. */
static uint64_t energy_uj(const struct coordinator_core *core)
{
    uint64_t sum = 0;
    for (int32_t w = 0; w < core->settings.workers; w++) {
        const struct core_worker *worker = &core->workers[w];
        bool counted = false;
        for (int32_t i = 0; i < w && !worker->own_rail; i++)
            counted |= core->workers[i].energy_uj > 0 && !core->workers[i].own_rail &&
                       strcmp(core->workers[i].host, worker->host) == 0;
        if (!counted)
            sum += worker->energy_uj;
    }
    return sum;
}

/* Each second: as much faster or slower as the watts were below or above the budget. */
static void follow(struct coordinator_core *core)
{
    struct core_power *p = &core->power;
    const uint64_t us = core->now_us - p->window_us, energy = energy_uj(core);
    if (p->window_us > 0 && us < WINDOW_US)
        return;
    if (p->window_us > 0 && energy > p->window_uj && core->handed_out > p->window_frames) {
        const double watts = (double)(energy - p->window_uj) / (double)us;
        const double frames = (double)(core->handed_out - p->window_frames);
        const double over = watts / core->settings.budget_w;
        if (over > 0.98 || p->spacing_us > 0.0)
            p->spacing_us = (double)us / frames * fmax(over, 0.8) * 1.005;
    } else if (p->window_us > 0 && energy == 0 && !p->said) {
        proto_log_warn("coordinator",
                       "there is no power data of any worker: the budget of %g W "
                       "can't be kept to",
                       core->settings.budget_w);
        p->said = true;
    }
    p->window_us = core->now_us;
    p->window_uj = energy;
    p->window_frames = core->handed_out;
}

/* ---- admission ---- */

/* A worker more that gets no work, or, with one left, the truth. */
static void do_without(struct coordinator_core *core, const struct demand *d)
{
    struct core_power *p = &core->power;
    if (d->count > 1 && d->hungriest >= 0) {
        proto_log_warn("coordinator",
                       "rank %d on %s gets no work: with it the budget of %g W can't be kept to",
                       d->hungriest + 1, core->workers[d->hungriest].host, core->settings.budget_w);
        core->workers[d->hungriest].unfed = true;
        core->geometry->replan_due = true;
    } else if (!p->said) {
        proto_log_error("coordinator",
                        "a budget of %g W can't be kept to: the workers draw %.1f W when idle, and "
                        "%.1f W with one of them at work",
                        core->settings.budget_w, d->idle_w,
                        d->idle_w + d->frame_j / fmax(1.0, d->longest_s));
        p->said = true;
    }
}

uint64_t core_power_next_us(struct coordinator_core *core, const struct core_shares *shares)
{
    struct core_power *p = &core->power;
    struct demand d;
    if (isnan(core->settings.budget_w))
        return 0;
    if (!isnan(shares->period_us) && demand_of(core, shares, &d)) {
        const double s = spacing_s(&d, core->settings.budget_w);
        if (isinf(s))
            do_without(core, &d);
        p->spacing_us = (isinf(s) ? 1.0 + d.longest_s : s) * 1e6;
    } else {
        follow(core);
    }
    return p->last_us > 0 ? p->last_us + (uint64_t)p->spacing_us : 0;
}
