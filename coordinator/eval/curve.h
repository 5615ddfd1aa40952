/* From matches to figures: the curve of miss rate against false positives per image (FPPI), the figures read
 * off it, and precision, recall and box quality at one threshold.
 *
 * Detections of equal score enter together, since no threshold can tell them apart. (The published code lets them
 * in one by one, in the order of the file; with scores that are all different the figures are the same.)
 */
#ifndef COORDINATOR_EVAL_CURVE_H
#define COORDINATOR_EVAL_CURVE_H

#include "coordinator/eval/match.h"

enum { EVAL_REFERENCES = 9 /* FPPI points of the log-average: 10^-2, 10^-1.75, .. 10^0 */ };
extern const double eval_reference_fppi[EVAL_REFERENCES];

/* clang-format off */
#define EVAL_FIGURE_MAP(X)                                                                \
    X(MISS_RATE_01,  "miss_rate_0.1",         "miss rate at 0.1 FPPI")                    \
    X(MISS_RATE_001, "miss_rate_0.01",        "miss rate at 0.01 FPPI")                   \
    X(LOG_AVERAGE,   "log_average_miss_rate", "log-average miss rate")                    \
    X(PRECISION,     "precision",             "precision")                                \
    X(RECALL,        "recall",                "recall")                                   \
    X(MEAN_IOU,      "mean_iou",              "mean IoU of matches")
enum eval_figure {
#define X(name, key, text) EVAL_##name,
    EVAL_FIGURE_MAP(X)
#undef X
    EVAL_FIGURES
};
/* clang-format on */
extern const char *const eval_figure_key[EVAL_FIGURES];
extern const char *const eval_figure_text[EVAL_FIGURES];

struct eval_figures {
    double value[EVAL_FIGURES]; /* NAN where not defined: no person, nothing found */
    double miss[EVAL_REFERENCES];
    double fppi; /* at the threshold */
};

/* weights: how often each frame counts (bootstrap), or NULL for once each. threshold: for the last three figures
 * and fppi; detections with this score still count. */
void eval_figures_compute(const struct eval_match *match, const uint32_t *weights, double threshold,
                          struct eval_figures *out);

/* The lowest threshold whose FPPI is not above `fppi`. It is the score of the last detection that
 * still counts, or just above the best score when not even that one may. INFINITY without detections. */
double eval_threshold_at(const struct eval_match *match, double fppi);

/* FPPI when everything in the file counts: figures at a higher FPPI are only bounds. */
double eval_fppi_reached(const struct eval_match *match);

struct eval_point {
    double threshold, fppi, miss;
};
/* One point for each different score, best first; free() them. Returns PROTO_OK or PROTO_NO_MEMORY. */
int eval_curve_points(const struct eval_match *match, struct eval_point **points, uint32_t *count);

#endif
