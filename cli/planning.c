/* See planning.h. */
#include "cli/planning.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/bound.h"
#include "proto/log.h"
#include "proto/status.h"

enum { FRONTIER_STEPS = 24 };

/* ---- one plan ---- */

/* Whoever works draws idle_w, and more while computing. */
static double watts_of(const struct cli_workers *workers, const struct cli_plan *plan)
{
    double watts = 0;
    for (int32_t i = 0; i < plan->count; i++) {
        const struct cli_worker_kind *kind = cli_workers_kind(workers, i);
        const struct partition_share *share = &plan->plan->shares[i];
        const double busy = share->compute_us / plan->plan->period_us;
        if (share->left_out == PARTITION_USED)
            watts += kind->idle_w + (kind->busy_w - kind->idle_w) * fmin(busy, 1);
    }
    return watts;
}

static void settings_init(const struct cli_plan *plan, const struct cli_plan_settings *from,
                          struct partition_plan_settings *settings)
{
    partition_plan_defaults(settings);
    settings->worker_count = plan->count;
    settings->workers = plan->workers;
    settings->port_bytes_per_us = from->port_bytes_per_us;
    settings->split = from->split;
}

int cli_plan_open(const struct cli_work *work, const struct cli_workers *workers, int32_t count,
                  const struct cli_plan_settings *settings, struct cli_plan *out)
{
    const size_t tiles = work->tiles->count;
    struct partition_plan_settings plan_settings;
    *out = (struct cli_plan){.count = count};
    out->workers = calloc((size_t)count, sizeof *out->workers);
    out->tile_us = calloc((size_t)count * tiles + 1, sizeof *out->tile_us);
    if (!out->workers || !out->tile_us)
        return PROTO_NO_MEMORY;
    for (int32_t i = 0; i < count; i++)
        partition_plan_worker_init(&out->workers[i], &cli_workers_kind(workers, i)->speed,
                                   &work->pyramid, work->tiles, 1,
                                   out->tile_us + (size_t)i * tiles);
    settings_init(out, settings, &plan_settings);
    int status = partition_plan_open(&work->pyramid, work->tiles, &plan_settings, &out->plan);
    if (status == PROTO_OK)
        status =
            partition_bound_period(&work->pyramid, work->tiles, &plan_settings, &out->bound_us);
    if (status != PROTO_OK)
        return status;
    out->gap = fmax(0, out->plan->period_us / out->bound_us - 1);
    out->watts = settings->split == PARTITION_SPLIT_FRAME ? NAN : watts_of(workers, out);
    return PROTO_OK;
}

void cli_plan_close(struct cli_plan *plan)
{
    partition_plan_close(plan->plan);
    free(plan->workers);
    free(plan->tile_us);
    *plan = (struct cli_plan){0};
}

/* ---- what if ---- */

/* Frames per second of each kind alone. */
static int alone(const struct cli_work *work, const struct cli_workers *workers,
                 const struct cli_plan_settings *settings, double *fps)
{
    int status = PROTO_OK;
    for (int32_t k = 0; k < workers->kind_count && status == PROTO_OK; k++) {
        struct cli_plan plan;
        int32_t zero = 0;
        const struct cli_workers one = {1, &workers->kinds[k], 1, &zero};
        status = cli_plan_open(work, &one, 1, settings, &plan);
        if (status == PROTO_OK)
            fps[k] = 1e6 / plan.plan->period_us;
        cli_plan_close(&plan);
    }
    return status;
}

static int row_of(const struct cli_work *work, const struct cli_workers *workers, int32_t count,
                  const struct cli_plan_settings *settings, const double *alone_fps,
                  struct cli_what_if *row)
{
    struct cli_plan plan;
    double sum = 0;
    const int status = cli_plan_open(work, workers, count, settings, &plan);
    if (status == PROTO_OK) {
        *row = (struct cli_what_if){.count = count,
                                    .fps = 1e6 / plan.plan->period_us,
                                    .latency_ms = plan.plan->latency_us / 1e3,
                                    .gap = plan.gap,
                                    .watts = plan.watts};
        for (int32_t i = 0; i < count; i++) {
            row->used += plan.plan->shares[i].left_out == PARTITION_USED;
            sum += alone_fps[cli_workers_kind(workers, i) - workers->kinds];
        }
        row->speedup = row->fps / alone_fps[cli_workers_kind(workers, 0) - workers->kinds];
        row->efficiency = row->fps / sum;
    }
    cli_plan_close(&plan);
    return status;
}

int cli_what_if(const struct cli_work *work, const struct cli_workers *workers, int32_t from,
                int32_t to, const struct cli_plan_settings *settings, struct cli_what_if *rows)
{
    double *alone_fps = calloc((size_t)workers->kind_count, sizeof *alone_fps);
    int status = alone_fps ? alone(work, workers, settings, alone_fps) : PROTO_NO_MEMORY;
    for (int32_t n = from; n <= to && status == PROTO_OK; n++)
        status = row_of(work, workers, n, settings, alone_fps, &rows[n - from]);
    free(alone_fps);
    return status;
}

/* ---- watts ---- */

static int check_modes(const struct cli_workers *workers)
{
    for (int32_t k = 0; k < workers->kind_count; k++)
        if (workers->kinds[k].mode_count == 0) {
            proto_log_error(
                "cli",
                "--budget: nothing is known of the watts of '%s': a profile has no power "
                "modes, name its board (see configs/boards)",
                workers->kinds[k].name);
            return PROTO_INVALID;
        }
    return PROTO_OK;
}

/* All boards in their hungriest modes. */
static double most_watts(const struct cli_workers *workers)
{
    double sum = 0;
    for (int32_t i = 0; i < workers->count; i++) {
        const struct cli_worker_kind *kind = cli_workers_kind(workers, i);
        double most = 0;
        for (int32_t m = 0; m < kind->mode_count; m++)
            most = fmax(most, kind->modes[m].busy_w);
        sum += most;
    }
    return sum;
}

/* The least with which one board can be on and compute something. */
static double least_watts(const struct cli_workers *workers)
{
    double least = INFINITY;
    for (int32_t k = 0; k < workers->kind_count; k++)
        for (int32_t m = 0; m < workers->kinds[k].mode_count; m++)
            least = fmin(least, workers->kinds[k].modes[m].idle_w);
    return least;
}

static int choose(const struct cli_work *work, const struct cli_workers *workers,
                  const struct partition_power_board *boards,
                  const struct cli_plan_settings *settings, double budget_w,
                  struct cli_frontier_point *point)
{
    struct partition_power_choice choice = {.mode = point->mode};
    const int status = partition_power_choose(&work->pyramid, work->tiles, boards, workers->count,
                                              settings->port_bytes_per_us, budget_w, &choice);
    point->watts = choice.watts;
    point->fps = choice.fps;
    point->bound_fps = choice.bound_fps;
    point->latency_ms = choice.latency_us / 1e3;
    point->exact = choice.exact;
    return status;
}

/* Keep a point only if it is faster than all that cost no more. */
static void keep(struct cli_frontier *frontier, const struct cli_frontier_point *point)
{
    const struct cli_frontier_point *last =
        frontier->count ? &frontier->points[frontier->count - 1] : NULL;
    if (point->fps > 0 && (!last || point->fps > last->fps * (1 + 1e-9)))
        frontier->points[frontier->count++] = *point;
}

static void silent(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg, (void)level, (void)area, (void)text;
}

/* Budgets from the least to the most, with the asked one among them. */
static int walk(const struct cli_work *work, const struct cli_workers *workers,
                const struct partition_power_board *boards,
                const struct cli_plan_settings *settings, struct cli_frontier *frontier)
{
    const double least = least_watts(workers), most = most_watts(workers);
    int status = PROTO_OK;
    for (int step = 1; step <= FRONTIER_STEPS && status == PROTO_OK; step++) {
        struct cli_frontier_point point = {.mode = frontier->modes +
                                                   (size_t)step * (size_t)workers->count};
        const double budget = least + (most - least) * step / FRONTIER_STEPS;
        /* What is below the cheapest board is no point of the frontier, and no error here. */
        proto_log_set_sink(silent, NULL);
        status = choose(work, workers, boards, settings, budget, &point);
        proto_log_set_sink(NULL, NULL);
        if (status == PROTO_OK)
            keep(frontier, &point);
        else if (status == PROTO_INVALID)
            status = PROTO_OK;
    }
    return status;
}

int cli_frontier_open(const struct cli_work *work, const struct cli_workers *workers,
                      const struct cli_plan_settings *settings, double budget_w,
                      struct cli_frontier *out)
{
    *out = (struct cli_frontier){0};
    int status = check_modes(workers);
    if (status != PROTO_OK)
        return status;
    const size_t count = (size_t)workers->count;
    struct partition_power_board *boards = calloc(count, sizeof *boards);
    out->points = calloc(FRONTIER_STEPS + 1, sizeof *out->points);
    out->modes = calloc((FRONTIER_STEPS + 1) * count, sizeof *out->modes);
    if (!boards || !out->points || !out->modes)
        status = PROTO_NO_MEMORY;
    for (size_t i = 0; status == PROTO_OK && i < count; i++) {
        const struct cli_worker_kind *kind = cli_workers_kind(workers, (int32_t)i);
        boards[i] =
            (struct partition_power_board){kind->name, &kind->speed, kind->mode_count, kind->modes};
    }
    out->chosen.mode = out->modes;
    if (status == PROTO_OK)
        status = choose(work, workers, boards, settings, budget_w, &out->chosen);
    if (status == PROTO_OK)
        status = walk(work, workers, boards, settings, out);
    free(boards);
    return status;
}

void cli_frontier_close(struct cli_frontier *frontier)
{
    free(frontier->points);
    free(frontier->modes);
    *frontier = (struct cli_frontier){0};
}
