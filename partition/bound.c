/* The lower bound of the period. */
#include "partition/bound.h"

#include <math.h>
#include <stdlib.h>
#include <stdlib.h>

#include "partition/plan_parts.h"
#include "proto/status.h"

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
    if (status == PROTO_OK) {
        *period_us = problem->bound_us;
    }
    plan_problem_close(problem);
    free(able);
    return status;
}
