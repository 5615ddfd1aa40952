/* muster bench --ladder: the steps by which Eisenbach et al. 2017 made one board fast, one after the other on the
 * device at hand, beside the paper's figures.
 */
#ifndef CLI_BENCH_LADDER_H
#define CLI_BENCH_LADDER_H

#include <stdbool.h>
#include <stdint.h>

struct bench_ladder_settings {
    const char *device; /* "cpu", "cuda:0": without precision, the ladder chooses it */
    const char *model_dir;
    const char *input;  /* its first picture is used */
    const char *camera; /* file, for the step with the ground plane; "" : that step is left out */
    int32_t repeats;    /* the median of so many frames counts */
    bool json;
};

/* Prints a row a step. Returns PROTO_OK, or why a step failed: logged. */
int bench_ladder_run(const struct bench_ladder_settings *settings);

#endif
