/* Made-up clusters for tests and benchmarks of the planner; a seed always makes the same one. */
#ifndef TESTS_PARTITION_PLAN_CASES_H
#define TESTS_PARTITION_PLAN_CASES_H

#include "partition/plan.h"
#include "tests/partition/support.h"

struct plan_case {
    struct partition_model model;
    struct partition_pyramid pyramid;
    struct partition_tiles *tiles;
    struct partition_plan_settings settings;
    struct partition_plan_worker *workers;
    double *us; /* workers x tiles */
};

struct plan_case_limits {
    int32_t workers_min, workers_max;
    uint32_t tiles_min, tiles_max; /* roughly: what the cut makes of it */
    double port_min, port_max;     /* Gbit/s; port_max 0: no limit of port and links */
    bool alike; /* workers differ in speed only; otherwise each shape does, too */
};
/* 2..64 workers, speeds spread 1:8, links and port 0.1..10 Gbit/s, 26 levels, 20..500 tiles. */
void plan_case_limits_defaults(struct plan_case_limits *limits);

int plan_case_open(struct plan_case *c, const struct plan_case_limits *limits, uint64_t seed);
void plan_case_close(struct plan_case *c);
double plan_case_largest_us(const struct plan_case *c); /* of a tile, where it is fastest */

#endif
