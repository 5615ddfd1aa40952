#include "coordinator/bench/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void bench_run_free(struct bench_run *run)
{
    free(run->done_ms);
    free(run->latency_ms);
    free(run->workers);
    free(run->spans);
    *run = (struct bench_run){0};
}

void bench_results_free(struct bench_results *results)
{
    for (uint32_t i = 0; i < results->count; i++)
        bench_run_free(&results->list[i].run);
    free(results->list);
    *results = (struct bench_results){0};
}

static bool same_budget(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

const struct bench_result *bench_results_find(const struct bench_results *results,
                                              const struct bench_point *point, int32_t workers,
                                              const char *split)
{
    for (uint32_t i = 0; i < results->count; i++) {
        const struct bench_point *p = &results->list[i].point;
        if (p->role == BENCH_CLUSTER && p->workers == workers && strcmp(p->split, split) == 0 &&
            p->ground_plane == point->ground_plane && same_budget(p->budget_w, point->budget_w))
            return &results->list[i];
    }
    return NULL;
}

void bench_results_relate(struct bench_results *results, bool equal_boards)
{
    for (uint32_t i = 0; i < results->count; i++) {
        struct bench_result *result = &results->list[i];
        const struct bench_figures *f = &result->run.figures;
        const struct bench_result *one = bench_results_find(results, &result->point, 1, "tile");
        result->speedup = result->efficiency = result->latency_speedup = NAN;
        if (!one || result->point.role != BENCH_CLUSTER)
            continue;
        result->speedup = f->fps / one->run.figures.fps;
        result->latency_speedup = one->run.figures.latency.p50 / f->latency.p50;
        result->efficiency = equal_boards ? result->speedup / result->point.workers
                                          : f->lower_bound_ms / f->period_ms;
    }
}

static int compare(const void *pa, const void *pb)
{
    const double a = *(const double *)pa, b = *(const double *)pb;
    return (a > b) - (a < b);
}

double bench_percentile(double *values, uint32_t count, double percent)
{
    if (count == 0)
        return NAN;
    qsort(values, count, sizeof *values, compare);
    const double rank = ceil(percent / 100 * count);
    const uint32_t index = rank < 1 ? 0 : (uint32_t)rank - 1;
    return values[index < count ? index : count - 1];
}
