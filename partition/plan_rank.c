/* Items by length, workers by speed, and the period that follows from both in closed form. */
#include <math.h>
#include <stdlib.h>

#include "partition/plan_parts.h"
#include "proto/status.h"

struct keyed {
    double key;
    uint32_t index;
};

static int compare_keyed(const void *pa, const void *pb)
{
    const struct keyed *a = pa, *b = pb;
    if (a->key != b->key)
        return a->key > b->key ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static double relative_speed(const struct plan_problem *problem, int32_t worker)
{
    double least = 0, own = 0;
    for (uint32_t i = 0; i < problem->items; i++)
        if (plan_us(problem, worker, i) <= PARTITION_US_MAX) {
            least += problem->least_us[i];
            own += plan_us(problem, worker, i);
        }
    return own > 0 ? least / own : 1;
}

int plan_problem_rank(struct plan_problem *problem)
{
    const uint32_t workers = (uint32_t)problem->workers;
    const uint32_t larger = problem->items > workers ? problem->items : workers;
    struct keyed *sorted = calloc((size_t)larger + 1, sizeof *sorted);
    if (!sorted)
        return PROTO_NO_MEMORY;
    for (uint32_t i = 0; i < problem->items; i++) {
        problem->least_us[i] = INFINITY;
        for (int32_t j = 0; j < problem->workers; j++)
            problem->least_us[i] = fmin(problem->least_us[i], plan_us(problem, j, i));
        sorted[i] = (struct keyed){problem->least_us[i], i};
    }
    qsort(sorted, problem->items, sizeof *sorted, compare_keyed);
    for (uint32_t i = 0; i < problem->items; i++)
        problem->by_us[i] = sorted[i].index;
    for (uint32_t j = 0; j < workers; j++) {
        problem->speed[j] = relative_speed(problem, (int32_t)j);
        sorted[j] = (struct keyed){problem->speed[j], j};
    }
    qsort(sorted, workers, sizeof *sorted, compare_keyed);
    for (uint32_t j = 0; j < workers; j++)
        problem->rank[j] = (int32_t)sorted[j].index;
    free(sorted);
    return PROTO_OK;
}

/* Work in the time of a worker of speed 1: however an item is shared, it takes worker j at least
 * min_j speed_j us_ij / speed_j. For workers that only differ in speed this is the LP's optimum. */
double plan_problem_work(const struct plan_problem *problem, uint32_t item)
{
    double work = INFINITY;
    for (int32_t j = 0; j < problem->workers; j++)
        if (plan_us(problem, j, item) <= PARTITION_US_MAX)
            work = fmin(work, problem->speed[j] * plan_us(problem, j, item));
    return work;
}

/* The least T with sum_j speed_j max(0, T - fixed_j) >= work. Counting on more workers than begin before T
 * only raises the line's root, so from all of them it falls to the right one in at most `workers`
 * steps. */
static double filled_by(const struct plan_problem *problem, double work)
{
    double period = INFINITY;
    for (int32_t step = 0; step <= problem->workers; step++) {
        double sum = work, slope = 0;
        for (int32_t j = 0; j < problem->workers; j++)
            if (problem->fixed_us[j] < period) {
                sum += problem->speed[j] * problem->fixed_us[j];
                slope += problem->speed[j];
            }
        if (!(slope > 0) || !(sum / slope < period))
            break;
        period = sum / slope;
    }
    return period;
}

double plan_problem_bound(const struct plan_problem *problem)
{
    double work = 0, largest = 0;
    for (uint32_t i = 0; i < problem->items; i++) {
        double alone = INFINITY;
        for (int32_t j = 0; j < problem->workers; j++)
            alone = fmin(alone, problem->fixed_us[j] + plan_us(problem, j, i));
        largest = fmax(largest, alone);
        work += plan_problem_work(problem, i);
    }
    if (problem->items > 0)
        largest = fmax(largest, filled_by(problem, work));
    return fmax(largest, problem->all_bytes / problem->port) * (1 - 1e-12);
}
