/* The latency of one frame, brought down by moves and swaps while the period stays within a limit.
 *
 * The port serves one worker after the other, so those served late should compute less: with equal shares
 * the last answer comes a whole port's time after the first.
 */
#include <math.h>
#include <stdlib.h>

#include "partition/plan_parts.h"
#include "proto/status.h"

enum { BUDGET = 2000000 }; /* comparisons: about 5 ms */
#define GAIN 1e-6          /* of the latency; less is not worth another plan */

struct turn {
    double tail_us, port_us;
    int32_t worker;
};

struct latency {
    struct plan_state *state;
    double limit_us; /* of the period */
    struct turn *turns;
    int32_t count;    /* workers with items, in the port's order */
    int32_t critical; /* index into turns: whose answer is the last */
    uint64_t tried;
};

static double latency_of(struct latency *latency)
{
    const struct plan_state *state = latency->state;
    const struct plan_problem *problem = state->problem;
    double port_us = 0, last = 0;
    latency->count = 0;
    for (int32_t j = 0; j < problem->workers; j++) {
        if (state->held[j] == 0)
            continue;
        const double sent_us = state->received[j] / problem->port;
        const struct turn turn = {
            .tail_us = problem->delay_us[j] +
                       fmax(0, state->received[j] / problem->link[j] - sent_us) + state->load[j],
            .port_us = sent_us,
            .worker = j};
        int32_t at = latency->count++;
        for (; at > 0 && latency->turns[at - 1].tail_us < turn.tail_us; at--)
            latency->turns[at] = latency->turns[at - 1];
        latency->turns[at] = turn;
    }
    latency->tried += (uint64_t)problem->workers * 4;
    for (int32_t t = 0; t < latency->count; t++) {
        port_us += latency->turns[t].port_us;
        if (port_us + latency->turns[t].tail_us > last) {
            last = port_us + latency->turns[t].tail_us;
            latency->critical = t;
        }
    }
    return last;
}

static void move(struct latency *latency, uint32_t item, int32_t to)
{
    const struct plan_problem *problem = latency->state->problem;
    plan_state_take(latency->state, item);
    plan_state_put(latency->state, item, to);
    latency->tried += 4 + 2 * (problem->last[item] - problem->first[item]);
}

static bool better(struct latency *latency, double than)
{
    int32_t critical;
    return plan_state_period(latency->state, &critical) <= latency->limit_us &&
           latency_of(latency) < than * (1 - GAIN);
}

static bool fits(const struct latency *latency, uint32_t item, int32_t to, double without)
{
    const struct plan_state *state = latency->state;
    const double load = state->held[to] ? state->load[to] - without : state->problem->fixed_us[to];
    return load + plan_us(state->problem, to, item) <= latency->limit_us;
}

/* Move one item, or exchange it with one of another worker, if that helps. */
static bool improve_item(struct latency *latency, uint32_t item, double now_us, bool swap)
{
    struct plan_state *state = latency->state;
    const struct plan_problem *problem = state->problem;
    const int32_t from = state->of[item];
    for (int32_t j = 0; j < problem->workers && latency->tried < BUDGET; j++) {
        if (j == from || !fits(latency, item, j, 0))
            continue;
        move(latency, item, j);
        if (better(latency, now_us))
            return true;
        move(latency, item, from);
    }
    for (uint32_t other = 0; swap && other < problem->items && latency->tried < BUDGET; other++) {
        const int32_t to = state->of[other];
        latency->tried++;
        if (to == from || plan_us(problem, from, other) >= plan_us(problem, from, item) ||
            !fits(latency, item, to, plan_us(problem, to, other)))
            continue;
        move(latency, item, to);
        move(latency, other, from);
        if (better(latency, now_us))
            return true;
        move(latency, other, to);
        move(latency, item, from);
    }
    return false;
}

/* Items of the worker that answers last, then of those served before it. */
static bool improve(struct latency *latency)
{
    const struct plan_problem *problem = latency->state->problem;
    const double now_us = latency_of(latency);
    for (int32_t t = latency->critical; t >= 0; t--) {
        const bool swap = t == latency->critical;
        const int32_t worker = latency->turns[t].worker;
        for (uint32_t n = 0; n < problem->items && latency->tried < BUDGET; n++) {
            const uint32_t item = problem->by_us[problem->items - 1 - n];
            if (latency->state->of[item] == worker && improve_item(latency, item, now_us, swap))
                return true;
        }
        latency_of(latency); /* turns as they are again */
    }
    return false;
}

int plan_shorten_latency(struct plan_state *state, double slack)
{
    struct latency latency = {.state = state};
    int32_t critical;
    latency.limit_us = plan_state_period(state, &critical) * (1 + slack) * (1 + 1e-12);
    latency.turns = calloc((size_t)state->problem->workers + 1, sizeof *latency.turns);
    if (!latency.turns)
        return PROTO_NO_MEMORY;
    while (latency.tried < BUDGET && improve(&latency))
        ;
    free(latency.turns);
    return PROTO_OK;
}
