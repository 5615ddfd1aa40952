/* All assignments of few items, cut off where they can't be better than the best so far. */
#include <math.h>

#include "partition/plan_parts.h"

/* Larger problems, and those whose cuts do not bite, keep what the search has found. */
enum { ITEMS_MAX = 16, NODES_MAX = 400000 };

struct exact {
    struct plan_state *now, *best;
    double best_us;
    double rest[ITEMS_MAX + 1]; /* work of the items from this one on, at speed 1 */
    uint32_t nodes;
};

/* Whether the items from `depth` on could still end before the best. */
static bool hopeful(const struct exact *exact, uint32_t depth)
{
    const struct plan_state *state = exact->now;
    const struct plan_problem *problem = state->problem;
    const double aim = exact->best_us * (1 - 1e-9);
    double room = 0;
    for (int32_t j = 0; j < problem->workers; j++) {
        const double load = state->held[j] ? state->load[j] : problem->fixed_us[j];
        room += problem->speed[j] * fmax(0, aim - load);
    }
    return room >= exact->rest[depth] * (1 - 1e-9);
}

static void branch(struct exact *exact, uint32_t depth)
{
    struct plan_state *state = exact->now;
    const struct plan_problem *problem = state->problem;
    int32_t critical;
    const double period = plan_state_period(state, &critical);
    if (period >= exact->best_us * (1 - 1e-9) || ++exact->nodes > NODES_MAX)
        return;
    if (depth == problem->items) {
        exact->best_us = period;
        plan_state_copy(exact->best, state);
        return;
    }
    if (!hopeful(exact, depth))
        return;
    const uint32_t item = problem->by_us[depth];
    for (int32_t r = 0; r < problem->workers; r++) {
        if (!(plan_us(problem, problem->rank[r], item) <= PARTITION_US_MAX))
            continue;
        plan_state_put(state, item, problem->rank[r]);
        branch(exact, depth + 1);
        plan_state_take(state, item);
    }
}

double plan_exact(struct plan_state *now, struct plan_state *best, double best_us)
{
    const struct plan_problem *problem = now->problem;
    struct exact exact = {.now = now, .best = best, .best_us = best_us};
    if (problem->items > ITEMS_MAX)
        return best_us;
    for (uint32_t i = problem->items; i-- > 0;)
        exact.rest[i] = exact.rest[i + 1] + plan_problem_work(problem, problem->by_us[i]);
    plan_state_clear(now);
    branch(&exact, 0);
    return exact.best_us;
}
