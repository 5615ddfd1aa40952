/* The planner's problem in numbers, and an assignment with its rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/plan_parts.h"
#include "proto/status.h"

struct edge {
    int32_t base, y;
};

static int compare_edges(const void *pa, const void *pb)
{
    const struct edge *a = pa, *b = pb;
    if (a->base != b->base)
        return a->base < b->base ? -1 : 1;
    return (a->y > b->y) - (a->y < b->y);
}

static uint32_t find_edge(const struct edge *edges, uint32_t count, struct edge key)
{
    const struct edge *at = bsearch(&key, edges, count, sizeof *edges, compare_edges);
    return (uint32_t)(at - edges);
}

/* Edges e and e + 1 of one base bound part e; the gap between two bases is a part of no bytes. */
static int cut_parts(struct plan_problem *problem, const struct partition_pyramid *pyramid,
                     const struct proto_band *need)
{
    uint32_t count = 0;
    struct edge *edges = calloc(2 * (size_t)problem->items + 1, sizeof *edges);
    if (!edges)
        return PROTO_NO_MEMORY;
    for (uint32_t i = 0; i < problem->items; i++) {
        if (need[i].y0 >= need[i].y1)
            continue;
        edges[count++] = (struct edge){need[i].base, need[i].y0};
        edges[count++] = (struct edge){need[i].base, need[i].y1};
    }
    qsort(edges, count, sizeof *edges, compare_edges);
    uint32_t distinct = 0;
    for (uint32_t e = 0; e < count; e++)
        if (e == 0 || compare_edges(&edges[e], &edges[distinct - 1]) != 0)
            edges[distinct++] = edges[e];
    problem->parts = distinct > 0 ? distinct - 1 : 0;
    for (uint32_t e = 0; e < problem->parts; e++)
        if (edges[e].base == edges[e + 1].base)
            problem->bytes[e] = (uint32_t)(edges[e + 1].y - edges[e].y) *
                                (uint32_t)pyramid->bases[edges[e].base].w * PROTO_CHANNELS;
    for (uint32_t i = 0; i < problem->items; i++) {
        if (need[i].y0 >= need[i].y1)
            continue;
        problem->first[i] = find_edge(edges, distinct, (struct edge){need[i].base, need[i].y0});
        problem->last[i] = find_edge(edges, distinct, (struct edge){need[i].base, need[i].y1});
    }
    free(edges);
    return PROTO_OK;
}

/* An item that is a whole level is one band: its strips' bands overlap or touch. */
static void join_band(struct proto_band *to, struct proto_band band)
{
    if (band.y0 >= band.y1)
        return;
    if (to->y0 >= to->y1) {
        *to = band;
        return;
    }
    to->y0 = band.y0 < to->y0 ? band.y0 : to->y0;
    to->y1 = band.y1 > to->y1 ? band.y1 : to->y1;
}

static void name_items(struct plan_problem *problem, const struct partition_tiles *tiles,
                       const uint32_t *ids, uint32_t count, bool by_level)
{
    uint32_t number[PROTO_LEVELS_MAX];
    memset(number, 0xff, sizeof number);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *of_level = &number[tiles->tile[ids ? ids[i] : i].level];
        if (!by_level || *of_level == UINT32_MAX)
            *of_level = problem->items++;
        problem->item_of[i] = *of_level;
    }
}

static void fill_workers(struct plan_problem *problem,
                         const struct partition_plan_settings *settings, const bool *able,
                         uint32_t count)
{
    for (int32_t w = 0; w < settings->worker_count; w++) {
        const struct partition_plan_worker *worker = &settings->workers[w];
        if (!able[w])
            continue;
        const int32_t j = problem->workers++;
        problem->worker[j] = w;
        problem->fixed_us[j] = worker->frame_us + worker->busy_us;
        problem->link[j] = worker->bytes_per_us;
        problem->delay_us[j] = worker->latency_us;
        for (uint32_t i = 0; i < count; i++)
            problem->us[(size_t)j * problem->items + problem->item_of[i]] +=
                worker->tile_us[settings->ids ? settings->ids[i] : i];
    }
}

/* A part between two items' bands that none needs counts for nobody. */
static int see_bytes(struct plan_problem *problem)
{
    uint8_t *needed = calloc(problem->parts + 1, 1);
    double slowest = problem->port / problem->workers;
    if (!needed)
        return PROTO_NO_MEMORY;
    for (uint32_t i = 0; i < problem->items; i++)
        memset(needed + problem->first[i], 1, problem->last[i] - problem->first[i]);
    for (uint32_t e = 0; e < problem->parts; e++)
        problem->all_bytes += needed[e] ? problem->bytes[e] : 0;
    free(needed);
    for (int32_t j = 0; j < problem->workers; j++)
        slowest = fmin(slowest, problem->link[j]);
    problem->bound_us = plan_problem_bound(problem);
    problem->bytes_free = problem->all_bytes / slowest <= problem->bound_us;
    return PROTO_OK;
}

int plan_problem_open(const struct partition_pyramid *pyramid, const struct partition_tiles *tiles,
                      const struct partition_plan_settings *settings, const bool *able,
                      bool by_level, struct plan_problem **out)
{
    const uint32_t count = settings->ids ? settings->id_count : tiles->count;
    const size_t workers = (size_t)settings->worker_count;
    struct plan_problem *problem = calloc(1, sizeof *problem);
    struct proto_band *need = calloc(count + 1, sizeof *need);
    int status = PROTO_NO_MEMORY;
    *out = NULL;
    if (!problem || !need)
        goto fail;
    problem->port = settings->port_bytes_per_us;
    problem->item_of = calloc(count + 1, sizeof *problem->item_of);
    problem->worker = calloc(workers, sizeof *problem->worker);
    problem->fixed_us = calloc(workers, sizeof *problem->fixed_us);
    problem->link = calloc(workers, sizeof *problem->link);
    problem->delay_us = calloc(workers, sizeof *problem->delay_us);
    problem->us = calloc(workers * count + 1, sizeof *problem->us);
    problem->bytes = calloc(2 * (size_t)count + 1, sizeof *problem->bytes);
    problem->first = calloc(count + 1, sizeof *problem->first);
    problem->last = calloc(count + 1, sizeof *problem->last);
    problem->least_us = calloc(count + 1, sizeof *problem->least_us);
    problem->speed = calloc(workers, sizeof *problem->speed);
    problem->rank = calloc(workers, sizeof *problem->rank);
    problem->by_us = calloc(count + 1, sizeof *problem->by_us);
    if (!problem->least_us || !problem->speed || !problem->rank || !problem->by_us)
        goto fail;
    if (!problem->item_of || !problem->worker || !problem->fixed_us || !problem->link ||
        !problem->delay_us || !problem->us || !problem->bytes || !problem->first || !problem->last)
        goto fail;
    name_items(problem, tiles, settings->ids, count, by_level);
    for (uint32_t i = 0; i < count; i++)
        join_band(&need[problem->item_of[i]],
                  tiles->tile[settings->ids ? settings->ids[i] : i].band);
    fill_workers(problem, settings, able, count);
    status = cut_parts(problem, pyramid, need);
    if (status == PROTO_OK)
        status = plan_problem_rank(problem);
    if (status == PROTO_OK)
        status = see_bytes(problem);
    if (status != PROTO_OK)
        goto fail;
    free(need);
    *out = problem;
    return PROTO_OK;
fail:
    free(need);
    plan_problem_close(problem);
    return status;
}

void plan_problem_close(struct plan_problem *problem)
{
    if (!problem)
        return;
    free(problem->item_of);
    free(problem->worker);
    free(problem->fixed_us);
    free(problem->link);
    free(problem->delay_us);
    free(problem->us);
    free(problem->bytes);
    free(problem->first);
    free(problem->last);
    free(problem->least_us);
    free(problem->speed);
    free(problem->rank);
    free(problem->by_us);
    free(problem);
}

struct plan_state *plan_state_new(const struct plan_problem *problem)
{
    const size_t workers = (size_t)problem->workers;
    struct plan_state *state = calloc(1, sizeof *state);
    if (!state)
        return NULL;
    state->problem = problem;
    state->of = calloc(problem->items + 1, sizeof *state->of);
    state->load = calloc(workers, sizeof *state->load);
    state->received = calloc(workers, sizeof *state->received);
    state->held = calloc(workers, sizeof *state->held);
    state->cover = calloc(workers * problem->parts + 1, sizeof *state->cover);
    if (state->of && state->load && state->received && state->held && state->cover) {
        plan_state_clear(state);
        return state;
    }
    plan_state_free(state);
    return NULL;
}

void plan_state_free(struct plan_state *state)
{
    if (!state)
        return;
    free(state->of);
    free(state->load);
    free(state->received);
    free(state->held);
    free(state->cover);
    free(state);
}

void plan_state_clear(struct plan_state *state)
{
    const struct plan_problem *problem = state->problem;
    const size_t workers = (size_t)problem->workers;
    for (uint32_t i = 0; i < problem->items; i++)
        state->of[i] = -1;
    memset(state->load, 0, workers * sizeof *state->load);
    memset(state->received, 0, workers * sizeof *state->received);
    memset(state->held, 0, workers * sizeof *state->held);
    memset(state->cover, 0, workers * problem->parts * sizeof *state->cover);
    state->sent = 0;
}

void plan_state_copy(struct plan_state *to, const struct plan_state *from)
{
    const struct plan_problem *problem = from->problem;
    const size_t workers = (size_t)problem->workers;
    memcpy(to->of, from->of, problem->items * sizeof *to->of);
    memcpy(to->load, from->load, workers * sizeof *to->load);
    memcpy(to->received, from->received, workers * sizeof *to->received);
    memcpy(to->held, from->held, workers * sizeof *to->held);
    memcpy(to->cover, from->cover, workers * problem->parts * sizeof *to->cover);
    to->sent = from->sent;
}

double plan_state_more(const struct plan_state *state, uint32_t item, int32_t worker)
{
    const struct plan_problem *problem = state->problem;
    const uint16_t *cover = state->cover + (size_t)worker * problem->parts;
    uint32_t bytes = 0; /* a base has fewer than 2^32 */
    for (uint32_t e = problem->first[item]; e < problem->last[item]; e++)
        bytes += cover[e] == 0 ? problem->bytes[e] : 0;
    return bytes;
}

double plan_state_less(const struct plan_state *state, uint32_t item)
{
    const struct plan_problem *problem = state->problem;
    const uint16_t *cover = state->cover + (size_t)state->of[item] * problem->parts;
    uint32_t bytes = 0; /* a base has fewer than 2^32 */
    for (uint32_t e = problem->first[item]; e < problem->last[item]; e++)
        bytes += cover[e] == 1 ? problem->bytes[e] : 0;
    return bytes;
}

void plan_state_put(struct plan_state *state, uint32_t item, int32_t worker)
{
    const struct plan_problem *problem = state->problem;
    uint16_t *cover = state->cover + (size_t)worker * problem->parts;
    const double more = plan_state_more(state, item, worker);
    for (uint32_t e = problem->first[item]; e < problem->last[item]; e++)
        cover[e]++;
    if (state->held[worker]++ == 0)
        state->load[worker] = problem->fixed_us[worker];
    state->load[worker] += plan_us(problem, worker, item);
    state->received[worker] += more;
    state->sent += more;
    state->of[item] = worker;
}

void plan_state_take(struct plan_state *state, uint32_t item)
{
    const struct plan_problem *problem = state->problem;
    const int32_t worker = state->of[item];
    uint16_t *cover = state->cover + (size_t)worker * problem->parts;
    const double less = plan_state_less(state, item);
    for (uint32_t e = problem->first[item]; e < problem->last[item]; e++)
        cover[e]--;
    if (--state->held[worker] == 0)
        state->load[worker] = 0; /* exactly: sums of what came and went need not cancel */
    else
        state->load[worker] -= plan_us(problem, worker, item);
    state->received[worker] -= less;
    state->sent -= less;
    state->of[item] = -1;
}

double plan_state_period(const struct plan_state *state, int32_t *critical)
{
    const struct plan_problem *problem = state->problem;
    double period = state->sent / problem->port;
    *critical = -1;
    for (int32_t j = 0; j < problem->workers; j++) {
        const double row = fmax(state->load[j], state->received[j] / problem->link[j]);
        if (row > period) {
            period = row;
            *critical = j;
        }
    }
    return period;
}
