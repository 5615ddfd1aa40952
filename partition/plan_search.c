/* Local search: from several starts, moves and swaps that shorten the critical row, then small kicks.
 *
 * Budgets are counts, never clocks, so the same problem gives the same plan everywhere.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/plan_parts.h"
#include "proto/status.h"

/* A gain smaller than this is none: sums of times are not exact. */
#define GAIN 1e-9
#define AIM  0.98 /* of the best period: what share_anew aims at */

enum {
    BUDGET = 16000000,     /* comparisons */
    MOST_AGAIN = 6,        /* workers that share_anew looks at together */
    FILL_ITEMS_MAX = 2000, /* a fill compares all items for each */
};

struct search {
    const struct plan_problem *problem;
    struct plan_state *now, *best;
    struct plan_fill *fill;
    double best_us;
    uint64_t tried, budget;     /* comparisons */
    double aim_us, port_weight; /* of squeeze */
    uint64_t random;
};

/* splitmix64 */
static uint64_t next_random(struct search *search)
{
    uint64_t z = search->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* What looking at an item's parts costs, in units of one comparison. */
static uint64_t look(const struct search *search, uint32_t item)
{
    return 4 + (search->problem->last[item] - search->problem->first[item]) / 2;
}

static double row_of(const struct plan_problem *problem, int32_t worker, double load,
                     double received)
{
    return fmax(load, received / problem->link[worker]);
}

static double load_with(const struct plan_state *state, int32_t worker, double us)
{
    return us + (state->held[worker] ? state->load[worker] : state->problem->fixed_us[worker]);
}

static double load_without(const struct plan_state *state, int32_t worker, double us)
{
    return state->held[worker] > 1 ? state->load[worker] - us : 0;
}

struct step {
    uint32_t item, other; /* other: UINT32_MAX for a move */
    int32_t to;
    double value;
};

/* The best move of an item away from the critical worker. */
static void try_moves(struct search *search, int32_t from, uint32_t item, struct step *best)
{
    const struct plan_problem *problem = search->problem;
    const struct plan_state *state = search->now;
    const double own = plan_us(problem, from, item);
    double less = 0;
    if (!problem->bytes_free)
        less = plan_state_less(state, item);
    const double rest =
        row_of(problem, from, load_without(state, from, own), state->received[from] - less);
    search->tried += (uint64_t)problem->workers;
    if (rest >= best->value)
        return;
    for (int32_t j = 0; j < problem->workers; j++) {
        double row = load_with(state, j, plan_us(problem, j, item));
        if (j == from || row >= best->value)
            continue;
        if (!problem->bytes_free) {
            const double more = plan_state_more(state, item, j);
            search->tried += look(search, item);
            row = fmax(row, (state->received[j] + more) / problem->link[j]);
            row = fmax(row, (state->sent + more - less) / problem->port);
        }
        row = fmax(row, rest);
        if (row < best->value)
            *best = (struct step){item, UINT32_MAX, j, row};
    }
}

/* Rows of two workers and the port after items have changed places, in bytes too. */
static double swapped_value(struct search *search, uint32_t item, uint32_t other)
{
    struct plan_state *state = search->now;
    const struct plan_problem *problem = search->problem;
    const int32_t from = state->of[item], to = state->of[other];
    const double load[2] = {state->load[from], state->load[to]};
    const double received[2] = {state->received[from], state->received[to]}, sent = state->sent;
    plan_state_take(state, item);
    plan_state_take(state, other);
    plan_state_put(state, item, to);
    plan_state_put(state, other, from);
    const double value = fmax(state->sent / problem->port,
                              fmax(row_of(problem, from, state->load[from], state->received[from]),
                                   row_of(problem, to, state->load[to], state->received[to])));
    plan_state_take(state, item);
    plan_state_take(state, other);
    plan_state_put(state, item, from);
    plan_state_put(state, other, to);
    state->load[from] = load[0];
    state->load[to] = load[1];
    state->received[from] = received[0];
    state->received[to] = received[1];
    state->sent = sent;
    search->tried += 8 * (look(search, item) + look(search, other));
    return value;
}

static void try_swaps(struct search *search, int32_t from, uint32_t item, struct step *best)
{
    const struct plan_problem *problem = search->problem;
    const struct plan_state *state = search->now;
    const double own = plan_us(problem, from, item);
    search->tried += problem->items;
    for (uint32_t other = 0; other < problem->items; other++) {
        const int32_t to = state->of[other];
        if (to == from)
            continue;
        const double load_from = state->load[from] - own + plan_us(problem, from, other);
        const double load_to =
            state->load[to] - plan_us(problem, to, other) + plan_us(problem, to, item);
        double value = fmax(load_from, load_to);
        if (value >= best->value)
            continue;
        if (!problem->bytes_free)
            value = swapped_value(search, item, other);
        if (value < best->value)
            *best = (struct step){item, other, to, value};
    }
}

static void apply(struct plan_state *state, const struct step *step)
{
    const int32_t from = state->of[step->item];
    plan_state_take(state, step->item);
    if (step->other != UINT32_MAX)
        plan_state_take(state, step->other);
    plan_state_put(state, step->item, step->to);
    if (step->other != UINT32_MAX)
        plan_state_put(state, step->other, from);
}

static bool relieve_worker(struct search *search, int32_t worker, double period)
{
    const struct plan_problem *problem = search->problem;
    struct step best = {0, UINT32_MAX, -1, period * (1 - GAIN)};
    for (uint32_t i = 0; i < problem->items && search->tried < search->budget; i++)
        if (search->now->of[i] == worker)
            try_moves(search, worker, i, &best);
    for (uint32_t i = 0; i < problem->items && search->tried < search->budget; i++)
        if (search->now->of[i] == worker)
            try_swaps(search, worker, i, &best);
    if (best.to < 0)
        return false;
    apply(search->now, &best);
    return true;
}

/* The move that takes most bytes off the port while every row stays below the period. */
static bool relieve_port(struct search *search, double period)
{
    const struct plan_problem *problem = search->problem;
    const struct plan_state *state = search->now;
    const double limit = period * (1 - GAIN);
    struct step best = {0, UINT32_MAX, -1, -GAIN * state->sent};
    for (uint32_t i = 0; i < problem->items; i++) {
        const int32_t from = state->of[i];
        const double less = plan_state_less(state, i);
        search->tried += look(search, i);
        if (-less >= best.value)
            continue;
        for (int32_t j = 0; j < problem->workers; j++) {
            if (j == from || load_with(state, j, plan_us(problem, j, i)) >= limit)
                continue;
            const double more = plan_state_more(state, i, j);
            search->tried += look(search, i);
            if (more - less < best.value && (state->received[j] + more) / problem->link[j] < limit)
                best = (struct step){i, UINT32_MAX, j, more - less};
        }
    }
    if (best.to < 0)
        return false;
    apply(search->now, &best);
    return true;
}

static void keep_if_better(struct search *search)
{
    int32_t critical;
    const double period = plan_state_period(search->now, &critical);
    if (period < search->best_us * (1 - GAIN)) {
        search->best_us = period;
        plan_state_copy(search->best, search->now);
    }
}

/* port: also where the port limits, which takes long for what it gains. */
static void descend(struct search *search, bool port)
{
    for (bool better = true; better && search->tried < search->budget;) {
        search->tried += search->problem->items + (uint64_t)search->problem->workers;
        int32_t critical;
        const double period = plan_state_period(search->now, &critical);
        better = critical >= 0 ? relieve_worker(search, critical, period)
                               : port && relieve_port(search, period);
    }
    keep_if_better(search);
}

/* The shortest period at which a fill succeeds and the port keeps up, to within a percent. */
static void start_by_fill(struct search *search, int kind)
{
    const struct plan_problem *problem = search->problem;
    double low = problem->bound_us, high = search->best_us;
    bool any = false;
    if (problem->items > FILL_ITEMS_MAX)
        return;
    for (int step = 0; step < 8 && high > low * 1.01; step++) {
        const double middle = kind > 0 && step == 0 ? high * 0.99 : sqrt(low * high);
        const bool placed = plan_fill_all(search->fill, search->now, middle, kind) &&
                            search->now->sent <= middle * problem->port;
        search->tried += (uint64_t)problem->items * problem->items;
        any |= placed;
        if (placed)
            high = middle;
        else if (kind > 0 && step == 0)
            return; /* no better than another kind */
        else
            low = middle;
    }
    if (any && plan_fill_all(search->fill, search->now, high, kind))
        descend(search, false);
}

/* A few items go elsewhere, anywhere. */
static void kick(struct search *search)
{
    const struct plan_problem *problem = search->problem;
    struct plan_state *state = search->now;
    const uint32_t count = 2 + (uint32_t)(next_random(search) % 3);
    for (uint32_t n = 0; n < count; n++) {
        const uint32_t item = (uint32_t)(next_random(search) % problem->items);
        const int32_t j = (int32_t)(next_random(search) % (uint64_t)problem->workers);
        if (j == state->of[item] || !(plan_us(problem, j, item) <= PARTITION_US_MAX))
            continue;
        plan_state_take(state, item);
        plan_state_put(state, item, j);
    }
}

/* How far a worker's rows, or the port's, are above the period aimed at. */
static double over(const struct search *search, int32_t worker, double load, double received)
{
    return fmax(0, load - search->aim_us) +
           fmax(0, received / search->problem->link[worker] - search->aim_us);
}

static double port_over(const struct search *search, double sent)
{
    return search->port_weight * fmax(0, sent / search->problem->port - search->aim_us);
}

/* Give the item to where all rows together are least above the aim. Returns whether it moved. */
static bool settle(struct search *search, uint32_t item, int32_t idle)
{
    const struct plan_problem *problem = search->problem;
    struct plan_state *state = search->now;
    const int32_t from = state->of[item];
    const double less = plan_state_less(state, item);
    const double base = port_over(search, state->sent);
    const double gain = over(search, from, state->load[from], state->received[from]) -
                        over(search, from, load_without(state, from, plan_us(problem, from, item)),
                             state->received[from] - less);
    /* Bytes count a little below the aim, too: room for what comes. */
    const double byte_us = 1e-3 * search->port_weight / problem->port;
    const double most = gain + base - port_over(search, state->sent - less) + byte_us * less;
    struct step best = {item, UINT32_MAX, -1, GAIN * search->aim_us};
    search->tried += look(search, item) + (uint64_t)problem->workers;
    if (most <= best.value)
        return false;
    for (int32_t j = 0; j < problem->workers; j++) {
        if (j == from || (state->held[j] == 0 && j != idle))
            continue;
        const double load = load_with(state, j, plan_us(problem, j, item));
        const double before = over(search, j, state->load[j], state->received[j]);
        if (most - (over(search, j, load, state->received[j]) - before) <= best.value)
            continue;
        const double more = plan_state_more(state, item, j);
        search->tried += look(search, item);
        const double value = gain - (over(search, j, load, state->received[j] + more) - before) +
                             base - port_over(search, state->sent + more - less) -
                             byte_us * (more - less);
        if (value > best.value)
            best = (struct step){item, UINT32_MAX, j, value};
    }
    if (best.to < 0)
        return false;
    apply(state, &best);
    return true;
}

/* The fastest worker without items; -1 if there is none. */
static int32_t fastest_idle(const struct plan_state *state)
{
    for (int32_t r = 0; r < state->problem->workers; r++)
        if (state->held[state->problem->rank[r]] == 0)
            return state->problem->rank[r];
    return -1;
}

/* Where bytes limit, the critical row alone is a poor guide: a period is aimed at that is a little shorter
 * than the best, and what all rows are above it is brought down together. */
static void squeeze(struct search *search)
{
    const struct plan_problem *problem = search->problem;
    static const double weights[] = {1, 2, 4, 8};
    search->port_weight = weights[next_random(search) % 4];
    search->aim_us = search->best_us * (next_random(search) % 2 ? 0.995 : 0.98);
    const uint32_t start = (uint32_t)(next_random(search) % problem->items);
    for (bool moved = true; moved && search->tried < search->budget;) {
        int32_t critical;
        moved = false;
        for (uint32_t i = 0; i < problem->items && search->tried < search->budget; i++)
            moved |= settle(search, (start + i) % problem->items, fastest_idle(search->now));
        if (plan_state_period(search->now, &critical) <= search->aim_us)
            break;
    }
}

static bool good_enough(const struct search *search)
{
    return search->best_us <= search->problem->bound_us * (1 + 1e-3);
}

/* How far all rows together are above the aim. */
static double all_over(const struct search *search)
{
    const struct plan_state *state = search->now;
    double sum = port_over(search, state->sent);
    for (int32_t j = 0; j < search->problem->workers; j++)
        sum += over(search, j, state->load[j], state->received[j]);
    return sum;
}

/* Two to four workers, of whom the first has items, the others mostly rows that the first has, too. */
static int32_t choose_workers(struct search *search, int32_t *who)
{
    const struct plan_problem *problem = search->problem;
    const struct plan_state *state = search->now;
    const int32_t wanted = 2 + (int32_t)(next_random(search) % (MOST_AGAIN - 1));
    int32_t count = 0;
    uint32_t seed = 0;
    for (int32_t turn = 0; turn < 8 * MOST_AGAIN && count < wanted; turn++) {
        const uint32_t item = (uint32_t)(next_random(search) % problem->items);
        int32_t j = state->of[item];
        if (count == 0)
            seed = item;
        else if (turn % 8 == 7)
            j = fastest_idle(state);
        else if (problem->last[item] <= problem->first[seed] ||
                 problem->first[item] >= problem->last[seed])
            continue;
        bool had = j < 0;
        for (int32_t k = 0; k < count; k++)
            had |= who[k] == j;
        if (!had)
            who[count++] = j;
    }
    for (int32_t k = count - 1; k > 0; k--) {
        const int32_t other = (int32_t)(next_random(search) % (uint64_t)(k + 1)), j = who[k];
        who[k] = who[other];
        who[other] = j;
    }
    return count;
}

/* Where bytes limit, moves of single items lead out of few plans: a worker's rows belong together. So all that
 * a few workers have is given out anew among them, again and again. */
static void share_anew(struct search *search, uint64_t budget)
{
    const struct plan_problem *problem = search->problem;
    plan_state_copy(search->now, search->best);
    search->port_weight = 1;
    search->aim_us = search->best_us * AIM;
    double value = all_over(search);
    while (search->tried < budget && !good_enough(search)) {
        int32_t who[MOST_AGAIN];
        const int32_t count = choose_workers(search, who);
        uint64_t open = 0;
        for (int32_t k = 0; k < count; k++)
            open += search->now->held[who[k]];
        search->tried += open * open + 16 * open + 12 * (uint64_t)problem->items +
                         4 * (uint64_t)problem->workers + 400;
        const bool placed = plan_fill_again(search->fill, search->now, search->best_us * (1 - GAIN),
                                            (int)(next_random(search) % PLAN_FILLS), who, count);
        const double now = placed ? all_over(search) : INFINITY;
        if (!(now <= value * (1 + GAIN))) {
            plan_fill_undo(search->fill);
            continue;
        }
        value = now;
        keep_if_better(search);
        if (value <= 0 || search->best_us <= search->aim_us) {
            search->aim_us = search->best_us * AIM;
            value = all_over(search);
        }
    }
}

static void start_anywhere(struct search *search)
{
    const struct plan_problem *problem = search->problem;
    if (plan_start_longest(search->now, problem->workers))
        descend(search, false);
    for (int kind = 0; kind < PLAN_FILLS && !problem->bytes_free; kind++)
        start_by_fill(search, kind);
    for (int32_t workers = problem->workers; workers > 1 && !problem->bytes_free;) {
        workers -= (workers + 3) / 4;
        if (isfinite(search->best_us) && search->tried > search->budget / 4)
            break;
        if (plan_start_longest(search->now, workers))
            descend(search, true);
    }
}

static void search_all(struct search *search, const int32_t *from)
{
    const struct plan_problem *problem = search->problem;
    if (from && plan_start_from(search->now, from))
        descend(search, true);
    if (!isfinite(search->best_us))
        start_anywhere(search);
    if (!problem->bytes_free && isfinite(search->best_us) && search->tried < search->budget)
        share_anew(search, search->tried + (search->budget - search->tried) * 9 / 10);
    while (search->tried < search->budget && !good_enough(search)) {
        plan_state_copy(search->now, search->best);
        kick(search);
        if (!problem->bytes_free)
            squeeze(search);
        descend(search, true);
        search->tried += (uint64_t)problem->workers * problem->parts / 8 + problem->items;
    }
    if (isfinite(search->best_us) && search->best_us > problem->bound_us * (1 + GAIN))
        search->best_us = plan_exact(search->now, search->best, search->best_us);
}

/* 500 items on 64 workers take 20 to 40 ms of a 2.5 GHz core, from a plan 4 to 6 ms; small problems, such as
 * the tiles of a lost worker, less than one. */
static uint64_t budget_of(const struct plan_problem *problem, const int32_t *from)
{
    const uint64_t size = (uint64_t)problem->items * (uint64_t)problem->workers;
    const uint64_t wanted = 20000 + 4000 * size, most = from ? BUDGET / 8 : BUDGET;
    return wanted < most ? wanted : most;
}

int plan_search(const struct plan_problem *problem, const int32_t *from, struct plan_state *best)
{
    struct search search = {
        .problem = problem,
        .best = best,
        .best_us = INFINITY,
        .budget = budget_of(problem, from),
        .random = 1,
    };
    int status = PROTO_NO_MEMORY;
    search.now = plan_state_new(problem);
    search.fill = plan_fill_new(problem);
    if (search.now && search.fill) {
        search_all(&search, from);
        status = PROTO_OK;
    }
    plan_fill_free(search.fill);
    plan_state_free(search.now);
    return status;
}
