/* The run's report: totals, percentiles, per-worker shares, speed-up, gap and model error, as JSON
 * (--report FILE) and as a screenful of text.
 *
 *   speed-up     sum of all compute times / wall time
 *   efficiency   speed-up / workers
 *   gap          planned period / lower bound - 1: what the plan gives away
 *   model error  measured period / planned period - 1: what the cost model gets wrong; the measured
 *                period is the compute time of a frame's slowest worker, or what sending took where
 *                the coordinator's port is known to be limited
 *                Both are means over the frames whose plan had a prediction: with neither profile nor
 *                board's file that is from when all workers have answered once.
 *   recovery     counts, and when, why and where each lost worker was last given up
 *   ground plane on, off or measure; macs_share is what its bands cost, as a share of the whole
 *                pyramid; detections_lost counts, with measure, those that peak outside the bands
 */
#ifndef COORDINATOR_SINK_REPORT_H
#define COORDINATOR_SINK_REPORT_H

#include <stdio.h>

#include "coordinator/sink.h"

/* path: of the JSON file, "-" for stdout, NULL for none (only printed).
 * Returns PROTO_OK, PROTO_IO (logged), PROTO_NO_MEMORY. */
int coordinator_sink_report_open(const char *path, struct coordinator_sink **out);

/* Print the text form. sink: from coordinator_sink_report_open. */
void coordinator_sink_report_print(const struct coordinator_sink *sink,
                                   const struct coordinator_run *run, FILE *out);

/* Totals, for the exit code. */
struct coordinator_sink_report_totals {
    uint64_t frames;     /* all */
    uint64_t broken;     /* could not be read */
    uint64_t incomplete; /* read, but coverage below 1 */
    uint64_t cut;        /* of them, those whose deadline came first */
    uint64_t persons;
};
struct coordinator_sink_report_totals
coordinator_sink_report_totals(const struct coordinator_sink *sink);

#endif
