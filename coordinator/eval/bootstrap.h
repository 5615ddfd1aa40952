/* How far the figures would move with other pictures: 95 % intervals by drawing frames with replacement
 * (percentile bootstrap, Efron 1979). Frames are drawn whole, because persons and false alarms
 * of one picture belong together. Seeded, so a report is the same each time.
 */
#ifndef COORDINATOR_EVAL_BOOTSTRAP_H
#define COORDINATOR_EVAL_BOOTSTRAP_H

#include "coordinator/eval/curve.h"

struct eval_bootstrap_settings {
    uint32_t rounds; /* 1000; at most 1000000 */
    uint64_t seed;   /* 1 */
};
void eval_bootstrap_defaults(struct eval_bootstrap_settings *settings);

struct eval_interval {
    double low, high; /* NAN when not defined */
};

/* threshold: the one of the last three figures; it stays fixed. A round in which a figure is not
 * defined (no person drawn) is left out for that figure.
 * Returns PROTO_OK, PROTO_INVALID (rounds) or PROTO_NO_MEMORY. */
int eval_bootstrap(const struct eval_match *match, double threshold,
                   const struct eval_bootstrap_settings *settings,
                   struct eval_interval intervals[EVAL_FIGURES]);

struct eval_difference {
    double value; /* b - a */
    struct eval_interval interval;
    bool significant; /* the interval does not hold 0 */
};

/* Two detectors on the same frames: the same draws for both, so that what makes a picture hard for both
 * cancels out. Both matches are of the same frames in the same order. Returns as above. */
int eval_bootstrap_compare(const struct eval_match *a, double threshold_a,
                           const struct eval_match *b, double threshold_b,
                           const struct eval_bootstrap_settings *settings,
                           struct eval_difference differences[EVAL_FIGURES]);

#endif
