/* Sums over the frames of a run. */
#include "coordinator/sim/figures.h"

#include <math.h>
#include <stdlib.h>

#include "coordinator/histogram.h"
#include "proto/log.h"
#include "proto/status.h"

struct sums {
    uint64_t seen, warm_up, first_us, last_us;
    uint64_t predictions, bounds;
    double predicted_ms, bound_ms, coverage;
    struct coordinator_histogram latency;
};

static void on_report(void *arg, const struct coordinator_frame_report *report, uint64_t now_us)
{
    struct sums *sums = arg;
    sums->last_us = now_us;
    if (sums->seen++ < sums->warm_up) {
        sums->first_us = now_us;
        return;
    }
    sums->coverage += report->coverage;
    coordinator_histogram_add(&sums->latency, report->latency_ms);
    if (!isnan(report->predicted_ms)) {
        sums->predicted_ms += report->predicted_ms;
        sums->predictions++;
    }
    if (!isnan(report->bound_ms)) {
        sums->bound_ms += report->bound_ms;
        sums->bounds++;
    }
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : NAN;
}

static void figures_fill(const struct sums *sums, const struct sim_outcome *outcome,
                         struct sim_figures *figures)
{
    const double frames = (double)(sums->seen - sums->warm_up);
    const double us = (double)(sums->last_us - sums->first_us);
    const double whole_us = (double)(outcome->last_us - outcome->first_us);
    *figures = (struct sim_figures){
        .frames = sums->seen - sums->warm_up,
        .fps = ratio(frames * 1e6, us),
        .period_ms = ratio(us / 1e3, frames),
        .latency_mean_ms = coordinator_histogram_mean(&sums->latency),
        .latency_p50_ms = coordinator_histogram_percentile(&sums->latency, 50),
        .latency_p95_ms = coordinator_histogram_percentile(&sums->latency, 95),
        .latency_p99_ms = coordinator_histogram_percentile(&sums->latency, 99),
        .predicted_ms = ratio(sums->predicted_ms, (double)sums->predictions),
        .lower_bound_ms = ratio(sums->bound_ms, (double)sums->bounds),
        .watts = ratio(outcome->joules * 1e6, whole_us),
        .joules_per_frame = ratio(outcome->joules, (double)outcome->frames),
        .coverage = ratio(sums->coverage, frames),
        .tile_count = outcome->tile_count,
        .events = outcome->events,
        .hash = outcome->hash,
    };
    figures->gap = ratio(figures->predicted_ms, figures->lower_bound_ms) - 1;
    figures->model_error = ratio(figures->period_ms, figures->predicted_ms) - 1;
}

int sim_figures_run(const struct sim_settings *settings, uint64_t warm_up,
                    struct sim_figures *figures)
{
    struct sim_settings own = *settings;
    struct sim_outcome *outcome = calloc(1, sizeof *outcome);
    struct sums *sums = calloc(1, sizeof *sums);
    int status = outcome && sums ? PROTO_OK : PROTO_NO_MEMORY;
    if (!status) {
        sums->warm_up = warm_up;
        own.on_report = on_report;
        own.on_report_arg = sums;
        status = sim_run(&own, outcome);
    }
    if (!status && (outcome->broken[0] || sums->seen <= warm_up + 1)) {
        proto_log_error("coordinator", "the simulated run went wrong: %s",
                        outcome->broken[0] ? outcome->broken : "too few frames");
        status = PROTO_INVALID;
    }
    if (!status)
        figures_fill(sums, outcome, figures);
    free(outcome);
    free(sums);
    return status;
}
