/* The scaling experiment behind `muster bench`: one `muster detect` under mpirun after the other, and the report after
 * each point.
 */
#ifndef CLI_BENCH_EXPERIMENT_H
#define CLI_BENCH_EXPERIMENT_H

#include <jansson.h>

#include "cli/bench_options.h"
#include "cli/models.h"

/* Zeroed, then filled by the caller down to `point_count`. */
struct bench {
    struct bench_options options;
    char program[CLI_PATH_MAX];
    char input[CLI_PATH_MAX], camera[CLI_PATH_MAX];
    char command[CLI_PATH_MAX], date[32];
    uint64_t pictures; /* of the input */
    struct bench_point *points;
    int point_count;
    struct bench_results results;
    uint64_t digest[2]; /* of the first run, without and with ground plane */
    bool digest_known[2];
    json_t *system;
    double begun_s;
    int64_t runs_done, runs_kept;
};

/* Run all points; finished runs that are in the folder already are taken from there. Returns PROTO_OK, PROTO_CANCELED,
 * or why a run or the report failed: logged. What was finished stands in the report in any case. */
int bench_experiment_run(struct bench *bench);
void bench_experiment_close(struct bench *bench);

#endif
