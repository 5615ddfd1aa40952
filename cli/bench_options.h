/* The options of `muster bench`, and the points that follow from them. */
#ifndef CLI_BENCH_OPTIONS_H
#define CLI_BENCH_OPTIONS_H

#include "coordinator/bench/result.h"

enum {
    BENCH_COUNTS_MAX = 64,
    BENCH_SPECS_MAX = 64,
    BENCH_BUDGETS_MAX = 16,
    BENCH_POINTS_MAX = 4096,
};

struct bench_options {
    const char *input; /* NULL: a rendered clip */
    const char *out;   /* report folder */
    const char *model, *camera;
    int32_t counts[BENCH_COUNTS_MAX];
    int count_count;
    const char *specs[BENCH_SPECS_MAX]; /* device of worker i; the last one's for all further */
    int spec_count;
    const char *splits[3];
    int split_count;
    bool ground[2]; /* ground_count of them */
    int ground_count;
    double budgets_w[BENCH_BUDGETS_MAX];
    int budget_count;
    const char *bigger; /* device spec, "auto", or "none" */
    const char *launcher;
    double warmup_ms, duration_s, limit_s;
    int64_t iterations;
    int32_t repeats;
    const char *times;  /* --exportTimes */
    char *const *extra; /* for detect */
    int extra_count;
    bool json, quiet, facts, ladder, ops;
};

/* Returns true with options filled, or false with the exit code in *code. */
bool bench_options_parse(int argc, char **argv, struct bench_options *options, int *code);

/* All points, in the order in which they are to be run: baselines first, few workers before many. `list` has
 * room for BENCH_POINTS_MAX. Returns their number, or -1 when there are more. */
int bench_points_fill(const struct bench_options *options, struct bench_point *list);

/* Device of the i-th worker (from 0) of a point. */
const char *bench_point_device(const struct bench_options *options, const struct bench_point *point,
                               int32_t worker);

/* --bigger auto: the fastest board and mode that draws no more than the largest cluster of simulated boards. False
 * where there are no profiles to compare, or none is faster than one of the cluster's own. */
bool bench_bigger_choose(const struct bench_options *options, char spec[BENCH_DEVICES_MAX]);

#endif
