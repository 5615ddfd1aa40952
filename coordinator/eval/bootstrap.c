#include "coordinator/eval/bootstrap.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"

enum { ROUNDS_MAX = 1000000 };

void eval_bootstrap_defaults(struct eval_bootstrap_settings *settings)
{
    *settings = (struct eval_bootstrap_settings){.rounds = 1000, .seed = 1};
}

/* SplitMix64 (Steele, Lea, Flood 2014): small, and the same numbers on every machine. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void draw_frames(uint64_t *state, uint32_t *weights, uint32_t count)
{
    memset(weights, 0, count * sizeof(*weights));
    for (uint32_t i = 0; i < count; i++)
        weights[((next_random(state) >> 32) * count) >> 32]++;
}

static int compare_doubles(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

/* Linear between the two nearest of n sorted values. */
static double quantile(const double *sorted, uint32_t n, double q)
{
    double at = q * (n - 1);
    uint32_t low = (uint32_t)at, high = low + 1 < n ? low + 1 : low;
    return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

/* Sorts the values. */
static struct eval_interval interval_of(double *values, uint32_t rounds)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rounds; i++)
        if (!isnan(values[i]))
            values[n++] = values[i];
    if (n == 0)
        return (struct eval_interval){NAN, NAN};
    qsort(values, n, sizeof(*values), compare_doubles);
    return (struct eval_interval){quantile(values, n, 0.025), quantile(values, n, 0.975)};
}

/* Draw, compute, and keep rounds values of each figure; b NULL: of a, otherwise of b - a. */
static int run(const struct eval_match *a, double threshold_a, const struct eval_match *b,
               double threshold_b, const struct eval_bootstrap_settings *settings,
               struct eval_interval intervals[EVAL_FIGURES])
{
    uint32_t rounds = settings->rounds;
    if (rounds == 0 || rounds > ROUNDS_MAX)
        return PROTO_INVALID;
    double *values = calloc((size_t)rounds * EVAL_FIGURES, sizeof(*values));
    uint32_t *weights = calloc((size_t)a->frame_count + 1, sizeof(*weights));
    uint64_t state = settings->seed;
    int status = values && weights ? PROTO_OK : PROTO_NO_MEMORY;
    for (uint32_t round = 0; !status && round < rounds; round++) {
        struct eval_figures figures, other = {{0}, {0}, 0};
        draw_frames(&state, weights, a->frame_count);
        eval_figures_compute(a, weights, threshold_a, &figures);
        if (b)
            eval_figures_compute(b, weights, threshold_b, &other);
        for (int f = 0; f < EVAL_FIGURES; f++)
            values[(size_t)f * rounds + round] =
                b ? other.value[f] - figures.value[f] : figures.value[f];
    }
    for (int f = 0; !status && f < EVAL_FIGURES; f++)
        intervals[f] = interval_of(values + (size_t)f * rounds, rounds);
    free(values);
    free(weights);
    return status;
}

int eval_bootstrap(const struct eval_match *match, double threshold,
                   const struct eval_bootstrap_settings *settings,
                   struct eval_interval intervals[EVAL_FIGURES])
{
    return run(match, threshold, NULL, 0, settings, intervals);
}

int eval_bootstrap_compare(const struct eval_match *a, double threshold_a,
                           const struct eval_match *b, double threshold_b,
                           const struct eval_bootstrap_settings *settings,
                           struct eval_difference differences[EVAL_FIGURES])
{
    assert(a->frame_count == b->frame_count);
    struct eval_interval intervals[EVAL_FIGURES];
    struct eval_figures of_a, of_b;
    int status = run(a, threshold_a, b, threshold_b, settings, intervals);
    if (status)
        return status;
    eval_figures_compute(a, NULL, threshold_a, &of_a);
    eval_figures_compute(b, NULL, threshold_b, &of_b);
    for (int f = 0; f < EVAL_FIGURES; f++) {
        differences[f].value = of_b.value[f] - of_a.value[f];
        differences[f].interval = intervals[f];
        differences[f].significant = intervals[f].low > 0 || intervals[f].high < 0;
    }
    return PROTO_OK;
}
