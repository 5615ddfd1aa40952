/* What a simulated run without faults comes to: the figures of `muster simulate`, by the same
 * definitions as `muster bench` has for real runs.
 */
#ifndef COORDINATOR_SIM_FIGURES_H
#define COORDINATOR_SIM_FIGURES_H

#include "coordinator/sim/sim.h"

/* Milliseconds; NAN: not known. */
struct sim_figures {
    uint64_t frames; /* after the warm-up */
    double fps, period_ms;
    double latency_mean_ms, latency_p50_ms, latency_p95_ms, latency_p99_ms;
    double predicted_ms;   /* the plan's period, mean */
    double lower_bound_ms; /* T*, mean: no plan can beat it */
    double gap;            /* predicted / lower bound - 1 */
    double model_error;    /* period / predicted - 1 */
    double watts, joules_per_frame;
    double coverage; /* mean */
    uint32_t tile_count;
    uint64_t events, hash;
};

/* Run `settings` and fill the figures; the first `warm_up` frames don't count. Returns as sim_run;
 * PROTO_INVALID (logged) when a rule was broken or the run ended early. */
int sim_figures_run(const struct sim_settings *settings, uint64_t warm_up,
                    struct sim_figures *figures);

#endif
