/* The bound where bytes limit the period; for partition/bound*.c only.
 *
 * No worker can compute more than its share of the period, so it
 * can't have the whole frame's work for the whole frame's bytes, and every further worker is sent
 * rows that another has, too.
 *
 * Lagrange's relaxation of "each item is computed once": with a price of p_i bytes an item, all workers
 * together must be sent at least
 *     sum_i p_i - sum_j max over sets S that worker j can compute in T of (p(S) - bytes(S))
 * so when that is more than the port passes in T, no plan has period T. Any prices are valid; they are
 * improved by subgradient steps (Held, Wolfe, Crowder 1974). The inner maximum is overestimated:
 *   - a worker's items of one base lie in ranges of rows; of its longest range the length is enumerated
 *     (in classes), further and shorter ones are relaxed to any share of the best ones;
 *   - of the items inside the ranges the best fractional knapsack, from above: the least over a grid
 *     of prices m per work of  m C_j + sum_i max(0, p_i - m work_i);
 *   - rows of the coarser bases are relaxed to any share.
 * Nobody needs to trust the prices: what follows from them is proved anew for each period tried.
 */
#ifndef PARTITION_BOUND_SETS_H
#define PARTITION_BOUND_SETS_H

#include "partition/plan_parts.h"

enum {
    BOUND_PRICES = 12,    /* of work */
    BOUND_CLASSES = 64,   /* lengths of ranges of the base with most bytes */
    BOUND_CLASSES_1 = 12, /* and of the second */
    BOUND_LIMITS = 3,     /* of lengths of further ranges: 1/2, 1/4, 1/8 */
    BOUND_EDGES = 64, /* begins, and ends, of items of a base; more are rounded to fewer bytes */
    BOUND_BASES = PROTO_BASES_MAX,
    BOUND_RANGES = 16, /* further ranges remembered, for the direction of steps only */
};

struct bound_range {
    int32_t begin, end; /* indices into begins and ends */
};

struct bound_ranges {
    int32_t count;
    struct bound_range list[BOUND_RANGES];
};

struct bound_base {
    uint32_t first, last; /* parts */
    int32_t begin_count, end_count, class_count;
    uint32_t *begins, *ends; /* parts, ascending */
    int32_t *before;         /* of each begin: ends that are not behind it */
    double bytes;
    double *sum;   /* begins x ends */
    double *until; /* ends + 1 */
    int32_t *from;
    double least[BOUND_CLASSES + 1],
        most[BOUND_CLASSES + 1]; /* bytes of a class's ranges; class 0 is none */
    double value[BOUND_CLASSES + 1][BOUND_PRICES];
    struct bound_range best[BOUND_CLASSES + 1][BOUND_PRICES];
    struct bound_ranges rest[BOUND_LIMITS]
                            [BOUND_PRICES]; /* further ranges, by their greatest length */
    int32_t limit_of[BOUND_CLASSES + 1]; /* how long further ones can be: bytes / 2^(1 + limit) */
};

struct bound_density {
    double density, work; /* price per work */
};

struct bound_kind {
    double fixed_us, speed, link;
    double count; /* workers alike */
};

struct bound_sets {
    const struct plan_problem *problem;
    double *work, *price, *best_price, *taken, *mean; /* of each item */
    double *before;                                   /* bytes of the parts before a part */
    uint8_t *inside;
    int32_t *base_of; /* of each item; -1: needs no pixels */
    int32_t *begin_of, *end_of;
    int32_t base_count;
    struct bound_base bases[BOUND_BASES];
    double work_price[BOUND_PRICES];
    double loose[BOUND_PRICES]; /* value of what is not enumerated */
    int32_t kind_count;
    struct bound_kind *kinds;
    struct bound_density *densities; /* scratch: items */
    double worth; /* 1: bytes through the port have a price; 0: only links limit */
};

/* bound_sets.c */
struct bound_sets *bound_sets_new(const struct plan_problem *problem);
void bound_sets_free(struct bound_sets *sets);
static inline double bound_range_bytes(const struct bound_sets *sets, const struct bound_base *base,
                                       int32_t begin, int32_t end)
{
    return sets->before[base->ends[end]] - sets->before[base->begins[begin]];
}
/* Class of a range's length, from 1. */
int32_t bound_class_of(const struct bound_base *base, double bytes);

/* bound_prices.c: bytes that must pass the port at least, for the prices set. Also fills taken: how often
 * each item is computed in the relaxation. */
double bound_bytes(struct bound_sets *sets, double period_us);

/* bound_climb.c: raises *period_us as far as it can show that no plan is faster. Returns PROTO_OK or
 * PROTO_NO_MEMORY. */
int bound_sets_raise(const struct plan_problem *problem, double *period_us);

#endif
