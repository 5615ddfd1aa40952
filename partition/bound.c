/* The lower bound of the period. */
#include "partition/bound.h"

#include <math.h>
#include <stdlib.h>

#include "partition/bound_sets.h"
#include "proto/status.h"

/* Whole frames in turn: worker j takes a share of the frames, its time for one at a time; all are busy
 * throughout when the shares are as 1 / time. */
static double bound_of_replicas(const struct plan_problem *problem)
{
    double rate = 0;
    for (int32_t j = 0; j < problem->workers; j++) {
        double us = problem->fixed_us[j];
        for (uint32_t i = 0; i < problem->items; i++)
            us += plan_us(problem, j, i);
        rate += 1 / fmax(us, problem->all_bytes / problem->link[j]);
    }
    return fmax(1 / rate, problem->all_bytes / problem->port) * (1 - 1e-12);
}

int partition_bound_period(const struct partition_pyramid *pyramid,
                           const struct partition_tiles *tiles,
                           const struct partition_plan_settings *settings, double *period_us)
{
    const uint32_t count = settings->ids ? settings->id_count : tiles->count;
    struct plan_problem *problem = NULL;
    bool *able = NULL;
    int status = partition_plan_check(settings, count, &able);
    if (status == PROTO_OK)
        status = plan_problem_open(pyramid, tiles, settings, able, false, &problem);
    if (status == PROTO_OK && settings->split == PARTITION_SPLIT_FRAME) {
        *period_us = bound_of_replicas(problem);
    } else if (status == PROTO_OK) {
        *period_us = problem->bound_us;
        if (!problem->bytes_free)
            status = bound_sets_raise(problem, period_us);
    }
    plan_problem_close(problem);
    free(able);
    return status;
}
