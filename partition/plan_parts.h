/* What the files of the planner share; nobody else includes this. */
#ifndef PARTITION_PLAN_PARTS_H
#define PARTITION_PLAN_PARTS_H

#include "partition/plan.h"

/* Longer is "can't": sums of such times stay finite. */
#define PARTITION_US_MAX 1e30

/* Complains (in the log) when no plan can be made. able: one per worker, to be freed also on error. */
int partition_plan_check(const struct partition_plan_settings *settings, uint32_t count,
                         bool **able);

static inline double partition_plan_link_us(const struct partition_plan_worker *worker,
                                            uint64_t bytes)
{
    return (double)bytes / worker->bytes_per_us;
}

/* What is to be shared out, reduced to numbers: items (tiles, or the tiles of a level together), the
 * workers that are able, and the rows of all bases cut into parts at every item's ends, so that what
 * an item needs is a range of parts. */
struct plan_problem {
    uint32_t items, parts;
    int32_t workers;
    int32_t *worker; /* index in the settings */
    double *us;      /* workers x items; over PARTITION_US_MAX: can't */
    double *fixed_us, *link, *delay_us;
    double port;
    uint32_t *bytes;        /* of each part */
    uint32_t *first, *last; /* of each item: parts [first, last); empty: needs no pixels */
    uint32_t *item_of;      /* of each listed tile */
    double *least_us;       /* of each item, on the worker that is fastest at it */
    double *speed;          /* of each worker, relative: least_us over us, of all it can compute */
    int32_t *rank;          /* workers, the fastest first */
    uint32_t *by_us;        /* items, the longest first */
    double all_bytes;       /* of the parts some item needs */
    bool bytes_free;        /* even all bytes to everybody would not limit the period */
    double bound_us;        /* plan_problem_bound */
};

/* by_level: an item is all listed tiles of a level. */
int plan_problem_open(const struct partition_pyramid *pyramid, const struct partition_tiles *tiles,
                      const struct partition_plan_settings *settings, const bool *able,
                      bool by_level, struct plan_problem **out);
void plan_problem_close(struct plan_problem *problem);
static inline double plan_us(const struct plan_problem *problem, int32_t worker, uint32_t item)
{
    return problem->us[(size_t)worker * problem->items + item];
}
/* plan_rank.c: fills least_us, speed, rank, by_us. */
int plan_problem_rank(struct plan_problem *problem);
/* plan_rank.c: time of an item on a worker of speed 1, at most. */
double plan_problem_work(const struct plan_problem *problem, uint32_t item);
/* plan_rank.c: a period that no plan can beat, in closed form. */
double plan_problem_bound(const struct plan_problem *problem);

/* An assignment on its way, with all rows kept up to date. */
struct plan_state {
    const struct plan_problem *problem;
    int32_t *of;      /* worker of each item; -1: nobody yet */
    double *load;     /* compute row: fixed_us and items; 0 without an item */
    double *received; /* bytes */
    uint32_t *held;   /* items of each worker */
    uint16_t *cover;  /* workers x parts: items that need the part */
    double sent;      /* bytes through the port */
};
struct plan_state *plan_state_new(const struct plan_problem *problem);
void plan_state_free(struct plan_state *state);
void plan_state_clear(struct plan_state *state);
void plan_state_copy(struct plan_state *to, const struct plan_state *from);
void plan_state_put(struct plan_state *state, uint32_t item, int32_t worker);
void plan_state_take(struct plan_state *state, uint32_t item);
/* Bytes a worker would need more with the item, and less without it. */
double plan_state_more(const struct plan_state *state, uint32_t item, int32_t worker);
double plan_state_less(const struct plan_state *state, uint32_t item);
/* The largest row; critical: the worker whose it is (the lowest of equals), -1: the port. */
double plan_state_period(const struct plan_state *state, int32_t *critical);

/* plan_start.c: first assignments. Return false when one cannot be made. */
bool plan_start_longest(struct plan_state *state, int32_t workers);
/* As `of` says, worker of each item; where that is -1, to the worker that would finish it first. */
bool plan_start_from(struct plan_state *state, const int32_t *of);
/* Worker by worker, within period_us; what would be sent is kept small. kind: PLAN_FILLS ways. */
enum { PLAN_FILLS = 4 };
struct plan_fill;
struct plan_fill *plan_fill_new(const struct plan_problem *problem);
void plan_fill_free(struct plan_fill *fill);
bool plan_fill_all(struct plan_fill *fill, struct plan_state *state, double period_us, int kind);
/* What some workers have is shared out anew, one after the other as listed; what is left over goes to any worker.
 * Returns false when something doesn't fit: then, or if it is worse, plan_fill_undo. */
bool plan_fill_again(struct plan_fill *fill, struct plan_state *state, double period_us, int kind,
                     const int32_t *who, int32_t count);
void plan_fill_undo(struct plan_fill *fill);

/* plan_search.c: best becomes a good assignment. from: worker of each item, or -1, to start from; NULL:
 * from nothing. */
int plan_search(const struct plan_problem *problem, const int32_t *from, struct plan_state *best);

/* plan_latency.c: brings the latency down; the period may grow by a share of `slack`. */
int plan_shorten_latency(struct plan_state *state, double slack);

/* plan_exact.c: for few items looks at all assignments better than best, whose period is best_us, as far as
 * that takes a few milliseconds. `now` is scratch. Returns best's period. */
double plan_exact(struct plan_state *now, struct plan_state *best, double best_us);

/* Each fills worker_of: of each tile (of settings->ids) the worker. able: at least one is, and each
 * tile can be computed by one of them. Return PROTO_OK, PROTO_NO_MEMORY or PROTO_INVALID (logged). */
int partition_plan_by_search(const struct partition_pyramid *pyramid,
                             const struct partition_tiles *tiles,
                             const struct partition_plan_settings *settings, const bool *able,
                             int32_t *worker_of);
/* rotation_us: of the whole rotation, per frame. */
int partition_plan_by_frame(const struct partition_pyramid *pyramid,
                            const struct partition_tiles *tiles,
                            const struct partition_plan_settings *settings, const bool *able,
                            int32_t *worker_of, double *rotation_us);

#endif
