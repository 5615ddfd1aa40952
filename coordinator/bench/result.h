/* What a scaling experiment runs and what it measures: plain structs that the reader (run.h) fills and
 * the report (report.h, plots.h) shows. Milliseconds, watts, joules; NAN is "not known".
 */
#ifndef COORDINATOR_BENCH_RESULT_H
#define COORDINATOR_BENCH_RESULT_H

#include <stdbool.h>
#include <stdint.h>

enum { BENCH_NAME_MAX = 96, BENCH_DEVICES_MAX = 128, BENCH_PERCENTILES_MAX = 8 };

enum bench_role {
    BENCH_CLUSTER, /* one of the asked-for counts and splits */
    BENCH_BIGGER,  /* one bigger board, at no more watts than the cluster it stands beside */
};

struct bench_point {
    char name[BENCH_NAME_MAX]; /* of its files: "w04-tile-ground" */
    enum bench_role role;
    int32_t workers;
    char devices[BENCH_DEVICES_MAX]; /* "4 x sim:tx1,empty" */
    const char *split;               /* "tile", "level", "frame" */
    bool ground_plane;
    double budget_w; /* NAN: none */
};

struct bench_latency {
    double mean, min, max, p50, p90, p95, p99;
};

/* One run, after its warm-up. */
struct bench_figures {
    uint64_t frames;
    double fps;
    struct bench_latency latency;
    double period_ms;      /* 1000 / fps */
    double predicted_ms;   /* the plan's period */
    double lower_bound_ms; /* T*: no plan can beat it */
    double gap;            /* predicted / lower bound - 1 */
    double model_error;    /* period / predicted - 1 */
    double watts, joules_per_frame;
    double coverage;
    double coordinator_cpu_ms; /* a frame */
    double bytes_per_frame;
    bool same_detections; /* as the experiment's first run with this ground plane */
};

/* Where a worker's time went, ms a frame. */
struct bench_worker {
    int32_t rank;
    double compute_ms, transfer_ms, wait_ms;
};

/* One frame on one worker, ms since the frame was sent. */
struct bench_span {
    int32_t rank;
    double received_ms, started_ms, finished_ms, answered_ms;
};

struct bench_run {
    struct bench_figures figures;
    uint32_t time_count; /* of frames after the warm-up */
    double *done_ms, *latency_ms;
    uint32_t worker_count;
    struct bench_worker *workers;
    uint32_t span_count;
    struct bench_span *spans; /* of the frame with the median latency */
};
void bench_run_free(struct bench_run *run);

/* A point with its repeats. */
struct bench_result {
    struct bench_point point;
    int32_t repeats;      /* that finished */
    struct bench_run run; /* the one with the median frame rate */
    double fps_min, fps_max;
    /* Against one worker with everything else equal; NAN without such a point. */
    double speedup, efficiency, latency_speedup;
};

struct bench_results {
    uint32_t count;
    struct bench_result *list;
};
void bench_results_free(struct bench_results *results);

/* The result of `workers` workers that is otherwise like `point`; NULL: there is none. */
const struct bench_result *bench_results_find(const struct bench_results *results,
                                              const struct bench_point *point, int32_t workers,
                                              const char *split);
/* Fill speedup, efficiency and latency_speedup of all. With unequal boards efficiency is T* over the
 * period, as a worker more is no fixed share more. */
void bench_results_relate(struct bench_results *results, bool equal_boards);

/* Smallest value that `percent` per cent of the values do not exceed (nearest rank); NAN when empty. Sorts them. */
double bench_percentile(double *values, uint32_t count, double percent);

#endif
