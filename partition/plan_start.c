/* First assignments, for the search to improve. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/plan_parts.h"

/* To the worker that would finish the item first; of equals the fastest, so that slow ones are left out
 * where they are not needed. */
static bool put_longest(struct plan_state *state, uint32_t item, int32_t workers)
{
    const struct plan_problem *problem = state->problem;
    int32_t best = -1;
    double best_us = PARTITION_US_MAX;
    for (int32_t r = 0; r < workers; r++) {
        const int32_t j = problem->rank[r];
        double us =
            plan_us(problem, j, item) + (state->held[j] ? state->load[j] : problem->fixed_us[j]);
        if (us >= best_us)
            continue;
        if (!problem->bytes_free)
            us =
                fmax(us, (state->received[j] + plan_state_more(state, item, j)) / problem->link[j]);
        if (us < best_us) {
            best_us = us;
            best = j;
        }
    }
    if (best >= 0)
        plan_state_put(state, item, best);
    return best >= 0;
}

/* The longest item first. Only the fastest `workers` are considered. */
bool plan_start_longest(struct plan_state *state, int32_t workers)
{
    plan_state_clear(state);
    for (uint32_t i = 0; i < state->problem->items; i++)
        if (!put_longest(state, state->problem->by_us[i], workers))
            return false;
    return true;
}

bool plan_start_from(struct plan_state *state, const int32_t *of)
{
    const struct plan_problem *problem = state->problem;
    plan_state_clear(state);
    for (uint32_t i = 0; i < problem->items; i++)
        if (of[i] >= 0 && plan_us(problem, of[i], i) <= PARTITION_US_MAX)
            plan_state_put(state, i, of[i]);
    for (uint32_t i = 0; i < problem->items; i++) {
        const uint32_t item = problem->by_us[i];
        if (state->of[item] < 0 && !put_longest(state, item, problem->workers))
            return false;
    }
    return true;
}

/* Rows a worker has so far, one range a base; gaps inside count as had. A base is where parts
 * of bytes stand together: base b's parts are [base_first[b], base_first[b + 1]). */
struct hull {
    uint32_t first, last;
};

struct plan_fill {
    struct plan_state *state;
    double period_us;
    int kind;
    double *before;  /* bytes of parts before a part */
    uint32_t *group; /* of each part: number of its base */
    struct hull hulls[PROTO_BASES_MAX + 1];
    uint32_t *open; /* items not yet given out, in order of by_us */
    uint32_t count;
    int32_t *was; /* of each item: its worker before plan_fill_again */
};

static double hull_more(const struct plan_fill *fill, uint32_t item)
{
    const struct plan_problem *problem = fill->state->problem;
    const uint32_t first = problem->first[item], last = problem->last[item];
    if (first == last)
        return 0;
    const struct hull *hull = &fill->hulls[fill->group[first]];
    if (hull->first == hull->last)
        return fill->before[last] - fill->before[first];
    double more = 0;
    if (first < hull->first)
        more += fill->before[hull->first] - fill->before[first];
    if (last > hull->last)
        more += fill->before[last] - fill->before[hull->last];
    return more;
}

static void hull_add(struct plan_fill *fill, uint32_t item)
{
    const struct plan_problem *problem = fill->state->problem;
    const uint32_t first = problem->first[item], last = problem->last[item];
    if (first == last)
        return;
    struct hull *hull = &fill->hulls[fill->group[first]];
    const bool empty = hull->first == hull->last;
    hull->first = empty || first < hull->first ? first : hull->first;
    hull->last = empty || last > hull->last ? last : hull->last;
}

/* What speaks for an item as a worker's first: the larger the better. */
static double seed_value(const struct plan_fill *fill, uint32_t item)
{
    const struct plan_problem *problem = fill->state->problem;
    const double bytes = fill->before[problem->last[item]] - fill->before[problem->first[item]];
    switch (fill->kind) {
    case 0:
        return bytes; /* the widest window */
    case 1:
        return -(double)problem->first[item]; /* the topmost */
    case 2:
        return (double)problem->last[item]; /* the lowest */
    default:
        return problem->least_us[item];
    }
}

/* The next item for worker j, as an index into open; count when none fits. The first one by kind, then
 * the one with the fewest bytes for its work. */
static uint32_t fill_next(const struct plan_fill *fill, int32_t j)
{
    const struct plan_state *state = fill->state;
    const struct plan_problem *problem = state->problem;
    const double load = state->held[j] ? state->load[j] : problem->fixed_us[j];
    uint32_t best = fill->count;
    double best_value = 0;
    for (uint32_t o = 0; o < fill->count; o++) {
        const uint32_t item = fill->open[o];
        const double us = plan_us(problem, j, item);
        if (load + us > fill->period_us)
            continue;
        const double more = hull_more(fill, item);
        if (state->received[j] + more > fill->period_us * problem->link[j])
            continue;
        const double value =
            state->held[j] ? -more / (us + 1e-9 * fill->period_us) : seed_value(fill, item);
        if (best == fill->count || value > best_value) {
            best = o;
            best_value = value;
        }
    }
    return best;
}

/* Items for worker j, which has none, as long as one fits. */
static void fill_worker(struct plan_fill *fill, int32_t j)
{
    memset(fill->hulls, 0, sizeof fill->hulls);
    for (uint32_t o; (o = fill_next(fill, j)) < fill->count;) {
        const uint32_t item = fill->open[o];
        plan_state_put(fill->state, item, j);
        hull_add(fill, item);
        fill->count--;
        memmove(fill->open + o, fill->open + o + 1, (fill->count - o) * sizeof *fill->open);
    }
}

void plan_fill_free(struct plan_fill *fill)
{
    if (!fill)
        return;
    free(fill->before);
    free(fill->group);
    free(fill->open);
    free(fill->was);
    free(fill);
}

struct plan_fill *plan_fill_new(const struct plan_problem *problem)
{
    struct plan_fill *fill = calloc(1, sizeof *fill);
    if (!fill)
        return NULL;
    fill->before = calloc((size_t)problem->parts + 2, sizeof *fill->before);
    fill->group = calloc((size_t)problem->parts + 1, sizeof *fill->group);
    fill->open = calloc((size_t)problem->items + 1, sizeof *fill->open);
    fill->was = calloc((size_t)problem->items + 1, sizeof *fill->was);
    if (!fill->before || !fill->group || !fill->open || !fill->was) {
        plan_fill_free(fill);
        return NULL;
    }
    for (uint32_t e = 0; e < problem->parts; e++) {
        fill->before[e + 1] = fill->before[e] + problem->bytes[e];
        fill->group[e + 1] = fill->group[e] + (problem->bytes[e] == 0);
    }
    return fill;
}

bool plan_fill_all(struct plan_fill *fill, struct plan_state *state, double period_us, int kind)
{
    const struct plan_problem *problem = state->problem;
    fill->state = state;
    fill->period_us = period_us;
    fill->kind = kind;
    plan_state_clear(state);
    fill->count = problem->items;
    memcpy(fill->open, problem->by_us, problem->items * sizeof *fill->open);
    for (int32_t r = 0; r < problem->workers && fill->count > 0; r++)
        fill_worker(fill, problem->rank[r]);
    return fill->count == 0;
}

/* To whoever needs the fewest further bytes for it and stays within the period. */
static bool put_cheaply(struct plan_fill *fill, uint32_t item)
{
    struct plan_state *state = fill->state;
    const struct plan_problem *problem = state->problem;
    double least = INFINITY;
    int32_t best = -1;
    for (int32_t j = 0; j < problem->workers; j++) {
        if (state->held[j] == 0 || state->load[j] + plan_us(problem, j, item) > fill->period_us)
            continue;
        const double more = plan_state_more(state, item, j);
        if (more < least && state->received[j] + more <= fill->period_us * problem->link[j]) {
            least = more;
            best = j;
        }
    }
    if (best >= 0)
        plan_state_put(state, item, best);
    return best >= 0;
}

bool plan_fill_again(struct plan_fill *fill, struct plan_state *state, double period_us, int kind,
                     const int32_t *who, int32_t count)
{
    const struct plan_problem *problem = state->problem;
    fill->state = state;
    fill->period_us = period_us;
    fill->kind = kind;
    fill->count = 0;
    for (uint32_t n = 0; n < problem->items; n++) {
        const uint32_t item = problem->by_us[n];
        bool open = false;
        for (int32_t k = 0; k < count; k++)
            open |= state->of[item] == who[k];
        fill->was[item] = state->of[item];
        if (open)
            fill->open[fill->count++] = item;
    }
    for (uint32_t n = 0; n < fill->count; n++)
        plan_state_take(state, fill->open[n]);
    for (int32_t k = 0; k < count; k++)
        fill_worker(fill, who[k]);
    bool placed = true;
    for (uint32_t n = 0; n < fill->count && placed; n++)
        placed = put_cheaply(fill, fill->open[n]);
    return placed;
}

void plan_fill_undo(struct plan_fill *fill)
{
    struct plan_state *state = fill->state;
    for (uint32_t i = 0; i < state->problem->items; i++)
        if (state->of[i] >= 0 && state->of[i] != fill->was[i])
            plan_state_take(state, i);
    for (uint32_t i = 0; i < state->problem->items; i++)
        if (state->of[i] < 0)
            plan_state_put(state, i, fill->was[i]);
}
