/* The report of a scaling experiment: report.json (everything) and report.md (for readers). */
#ifndef COORDINATOR_BENCH_REPORT_H
#define COORDINATOR_BENCH_REPORT_H

#include <jansson.h>

#include "coordinator/bench/result.h"

struct bench_about {
    const char *command; /* as it was given */
    const char *input, *model;
    const char *date; /* UTC */
    const char *version;
    double warmup_ms, duration_s;
    int64_t iterations;
    int32_t repeats, points_planned;
    json_t *system; /* borrowed: a list of bench_host_json, one a host; NULL: not known */
};

/* Facts of one machine as an object: host, system, board, cpu, cores, memory_bytes, power_mode, clocks, link. NULL
 * without memory. */
struct proto_host;
json_t *bench_host_json(const struct proto_host *host);

/* Written under a temporary name and renamed: a reader never sees half a report.
 * Returns PROTO_OK, PROTO_IO (logged) or PROTO_NO_MEMORY. */
int bench_report_json_write(const char *path, const struct bench_about *about,
                            const struct bench_results *results);
int bench_report_text_write(const char *path, const struct bench_about *about,
                            const struct bench_results *results);
/* The same keys on one line on stdout (--json). */
int bench_report_json_print(const struct bench_about *about, const struct bench_results *results);
/* The times of every frame, for each point (--exportTimes): [{"name": .., "done_ms": [..],
 * "latency_ms": [..]}]. */
int bench_report_times_write(const char *path, const struct bench_results *results);

#endif
