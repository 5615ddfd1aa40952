/* Plans for `muster plan`: one, a row for each number of workers, and the frontier of watts and rate. */
#ifndef CLI_PLANNING_H
#define CLI_PLANNING_H

#include "cli/work.h"
#include "cli/workers.h"

struct cli_plan {
    int32_t count; /* workers */
    struct partition_plan *plan;
    double bound_us; /* T*: no plan can have a shorter period */
    double gap;
    double watts; /* at this rate, workers left out switched off; NAN: not known */
    struct partition_plan_worker *workers;
    double *tile_us;
};

struct cli_plan_settings {
    double port_bytes_per_us; /* INFINITY: no limit */
    enum partition_split split;
};

/* For the first `count` workers of the list (which goes on as its last entry). Returns PROTO_OK or what the
 * planner returns; close in any case. */
int cli_plan_open(const struct cli_work *work, const struct cli_workers *workers, int32_t count,
                  const struct cli_plan_settings *settings, struct cli_plan *out);
void cli_plan_close(struct cli_plan *plan);

/* What n workers would do. */
struct cli_what_if {
    int32_t count, used;
    double fps, latency_ms;
    double speedup;    /* against the first worker alone */
    double efficiency; /* of the sum of what each would do alone */
    double gap, watts; /* watts: NAN: not known */
};
int cli_what_if(const struct cli_work *work, const struct cli_workers *workers, int32_t from,
                int32_t to, const struct cli_plan_settings *settings, struct cli_what_if *rows);

/* The best rates for rising watts, none dominated by another. */
struct cli_frontier_point {
    double watts, fps, bound_fps, latency_ms;
    bool exact;
    int32_t *mode; /* one per worker; -1: off */
};
struct cli_frontier {
    int32_t count;
    struct cli_frontier_point *points; /* by watts */
    int32_t *modes;                    /* all points' */
    struct cli_frontier_point chosen;  /* for the budget itself */
};
/* Returns PROTO_INVALID (logged) when a worker has no power modes, or the budget is below the cheapest. */
int cli_frontier_open(const struct cli_work *work, const struct cli_workers *workers,
                      const struct cli_plan_settings *settings, double budget_w,
                      struct cli_frontier *out);
void cli_frontier_close(struct cli_frontier *frontier);

#endif
