/* The sums behind a run's report, and what follows from them. No I/O.
 */
#ifndef COORDINATOR_RUN_STATS_H
#define COORDINATOR_RUN_STATS_H

#include "coordinator/histogram.h"
#include "coordinator/report.h"

struct coordinator_worker_stats {
    int32_t rank;
    uint64_t frames, tiles, macs, bytes;
    double compute_ms, transfer_ms, queue_ms;
};

/* Zeroed is empty. */
struct coordinator_run_stats {
    uint64_t frames, broken, incomplete, persons, outside, bytes, macs;
    double coverage_sum; /* over readable frames */
    uint64_t cut;        /* of the incomplete ones, those whose deadline came first */
    double compute_ms;   /* all workers' time */
    double throttled_ms; /* frames waited so long for the power budget */
    /* Over completely searched frames whose plan's period was predicted: sums. */
    uint64_t predicted;
    double predicted_ms, measured_ms;
    uint64_t bounded; /* of them, those with a lower bound */
    double bounded_ms, bound_ms;
    struct coordinator_histogram latency, compute, capture, merge;
    uint32_t worker_count, worker_cap;
    struct coordinator_worker_stats *workers; /* in order of appearance; owned */
};

/* Allocates only when a worker appears for the first time. Returns PROTO_OK or PROTO_NO_MEMORY. */
int coordinator_run_stats_add(struct coordinator_run_stats *stats,
                              const struct coordinator_frame_report *frame);
void coordinator_run_stats_free(struct coordinator_run_stats *stats);

/* NULL: this worker never computed. */
const struct coordinator_worker_stats *
coordinator_run_stats_worker(const struct coordinator_run_stats *stats, int32_t rank);

/* NAN: not known. coordinator/sink_report.h says what they mean. */
struct coordinator_run_summary {
    double fps, coverage, speedup, efficiency;
    double predicted_ms, lower_bound_ms, measured_ms;
    double gap, model_error;
    double macs; /* all */
};
struct coordinator_run_summary coordinator_run_summarise(const struct coordinator_run_stats *stats,
                                                         const struct coordinator_run *run);

/* A worker's part of all MACs: 0..1. */
double coordinator_run_share(const struct coordinator_worker_stats *worker,
                             const struct coordinator_run_summary *summary);

#endif
