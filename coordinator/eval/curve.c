#include "coordinator/eval/curve.h"

#include <math.h>
#include <stdlib.h>

#include "proto/status.h"

/* clang-format off */
const double eval_reference_fppi[EVAL_REFERENCES] = {
    0.01, 0.017782794100389228, 0.031622776601683791, 0.056234132519034912, 0.1,
    0.17782794100389229, 0.31622776601683794, 0.56234132519034907, 1.0,
};
enum { AT_001 = 0, AT_01 = 4 }; /* where 0.01 and 0.1 stand in it */

const char *const eval_figure_key[EVAL_FIGURES] = {
#define X(name, key, text) key,
    EVAL_FIGURE_MAP(X)
#undef X
};
const char *const eval_figure_text[EVAL_FIGURES] = {
#define X(name, key, text) text,
    EVAL_FIGURE_MAP(X)
#undef X
};
/* clang-format on */

struct sums {
    double frames, persons;
    double found, alarms, iou; /* so far, from the best score down */
};

static struct sums count_frames(const struct eval_match *match, const uint32_t *weights)
{
    struct sums sums = {0};
    for (uint32_t i = 0; i < match->frame_count; i++) {
        double weight = weights ? weights[i] : 1;
        sums.frames += weight;
        sums.persons += weight * match->frame_persons[i];
    }
    return sums;
}

/* Add all detections of the score at `at`; returns the index behind them. */
static uint32_t add_group(const struct eval_match *match, const uint32_t *weights, uint32_t at,
                          struct sums *sums)
{
    double score = match->hits[at].score;
    for (; at < match->hit_count && match->hits[at].score == score; at++) {
        const struct eval_hit *hit = &match->hits[at];
        double weight = weights ? weights[hit->frame] : 1;
        sums->found += hit->found ? weight : 0;
        sums->alarms += hit->found ? 0 : weight;
        sums->iou += weight * hit->iou;
    }
    return at;
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static void at_threshold(const struct sums *sums, struct eval_figures *out)
{
    out->value[EVAL_PRECISION] = ratio(sums->found, sums->found + sums->alarms);
    out->value[EVAL_RECALL] = ratio(sums->found, sums->persons);
    out->value[EVAL_MEAN_IOU] = ratio(sums->iou, sums->found);
    out->fppi = ratio(sums->alarms, sums->frames);
}

static double log_average(const double miss[EVAL_REFERENCES])
{
    double sum = 0;
    for (int i = 0; i < EVAL_REFERENCES; i++)
        sum += log(miss[i] > 1e-10 ? miss[i] : 1e-10);
    return exp(sum / EVAL_REFERENCES);
}

void eval_figures_compute(const struct eval_match *match, const uint32_t *weights, double threshold,
                          struct eval_figures *out)
{
    struct sums sums = count_frames(match, weights);
    bool passed = false; /* the threshold */
    int reference = 0;
    double miss = ratio(sums.persons, sums.persons); /* 1, or undefined without persons */
    for (uint32_t at = 0; at < match->hit_count && !(passed && reference == EVAL_REFERENCES);) {
        if (!passed && match->hits[at].score < threshold) {
            at_threshold(&sums, out);
            passed = true;
        }
        at = add_group(match, weights, at, &sums);
        while (reference < EVAL_REFERENCES &&
               sums.alarms / sums.frames > eval_reference_fppi[reference])
            out->miss[reference++] = miss; /* that of the group before */
        miss = ratio(sums.persons - sums.found, sums.persons);
    }
    while (reference < EVAL_REFERENCES)
        out->miss[reference++] = miss;
    if (!passed)
        at_threshold(&sums, out);
    out->value[EVAL_MISS_RATE_01] = out->miss[AT_01];
    out->value[EVAL_MISS_RATE_001] = out->miss[AT_001];
    out->value[EVAL_LOG_AVERAGE] = sums.persons > 0 ? log_average(out->miss) : NAN;
}

double eval_threshold_at(const struct eval_match *match, double fppi)
{
    struct sums sums = count_frames(match, NULL);
    double threshold = match->hit_count ? nextafter(match->hits[0].score, INFINITY) : INFINITY;
    for (uint32_t at = 0; at < match->hit_count;) {
        double score = match->hits[at].score;
        at = add_group(match, NULL, at, &sums);
        if (sums.alarms / sums.frames > fppi)
            break;
        threshold = score;
    }
    return threshold;
}

double eval_fppi_reached(const struct eval_match *match)
{
    struct sums sums = count_frames(match, NULL);
    for (uint32_t at = 0; at < match->hit_count;)
        at = add_group(match, NULL, at, &sums);
    return ratio(sums.alarms, sums.frames);
}

int eval_curve_points(const struct eval_match *match, struct eval_point **points, uint32_t *count)
{
    struct sums sums = count_frames(match, NULL);
    *count = 0;
    *points = calloc((size_t)match->hit_count + 1, sizeof(**points));
    if (!*points)
        return PROTO_NO_MEMORY;
    for (uint32_t at = 0; at < match->hit_count;) {
        double score = match->hits[at].score;
        at = add_group(match, NULL, at, &sums);
        (*points)[(*count)++] = (struct eval_point){score, sums.alarms / sums.frames,
                                                    ratio(sums.persons - sums.found, sums.persons)};
    }
    return PROTO_OK;
}
