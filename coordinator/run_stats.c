#include "coordinator/run_stats.h"

#include <math.h>
#include <stdlib.h>

#include "proto/status.h"

static struct coordinator_worker_stats *worker_of(struct coordinator_run_stats *stats, int32_t rank)
{
    for (uint32_t i = 0; i < stats->worker_count; i++)
        if (stats->workers[i].rank == rank)
            return &stats->workers[i];
    if (stats->worker_count == stats->worker_cap) {
        uint32_t cap = stats->worker_cap ? stats->worker_cap * 2 : 8;
        void *workers = realloc(stats->workers, cap * sizeof *stats->workers);
        if (!workers)
            return NULL;
        stats->workers = workers;
        stats->worker_cap = cap;
    }
    struct coordinator_worker_stats *worker = &stats->workers[stats->worker_count++];
    *worker = (struct coordinator_worker_stats){.rank = rank};
    return worker;
}

const struct coordinator_worker_stats *
coordinator_run_stats_worker(const struct coordinator_run_stats *stats, int32_t rank)
{
    for (uint32_t i = 0; i < stats->worker_count; i++)
        if (stats->workers[i].rank == rank)
            return &stats->workers[i];
    return NULL;
}

static double known(double ms)
{
    return isnan(ms) ? 0 : ms;
}

static int add_workers(struct coordinator_run_stats *stats,
                       const struct coordinator_frame_report *frame)
{
    double longest_ms = 0;
    for (uint32_t i = 0; i < frame->worker_count; i++) {
        const struct coordinator_worker_report *report = &frame->workers[i];
        struct coordinator_worker_stats *worker = worker_of(stats, report->rank);
        if (!worker)
            return PROTO_NO_MEMORY;
        worker->frames++;
        worker->tiles += report->tiles;
        worker->macs += report->macs;
        worker->bytes += report->bytes;
        worker->compute_ms += known(report->compute_ms);
        worker->transfer_ms += known(report->transfer_ms);
        worker->queue_ms += known(report->queue_ms);
        stats->macs += report->macs;
        stats->bytes += report->bytes;
        stats->compute_ms += known(report->compute_ms);
        longest_ms = fmax(longest_ms, known(report->compute_ms));
    }
    if (longest_ms > 0)
        coordinator_histogram_add(&stats->compute, longest_ms);
    return PROTO_OK;
}

/* A frame whose tiles went to others says nothing of the plan. */
static void add_prediction(struct coordinator_run_stats *stats,
                           const struct coordinator_frame_report *frame)
{
    if (!(frame->predicted_ms > 0) || !(frame->measured_ms > 0) || frame->coverage < 1)
        return;
    stats->predicted++;
    stats->predicted_ms += frame->predicted_ms;
    stats->measured_ms += frame->measured_ms;
    if (frame->bound_ms > 0) {
        stats->bounded++;
        stats->bounded_ms += frame->predicted_ms;
        stats->bound_ms += frame->bound_ms;
    }
}

int coordinator_run_stats_add(struct coordinator_run_stats *stats,
                              const struct coordinator_frame_report *frame)
{
    stats->frames++;
    stats->persons += frame->detection_count;
    stats->outside += frame->outside;
    coordinator_histogram_add(&stats->capture, frame->capture_ms);
    if (frame->broken) {
        stats->broken++;
        return PROTO_OK;
    }
    stats->incomplete += frame->coverage < 1;
    stats->cut += frame->coverage < 1 && frame->cut;
    add_prediction(stats, frame);
    stats->coverage_sum += frame->coverage;
    stats->throttled_ms += frame->throttled_ms;
    coordinator_histogram_add(&stats->latency, frame->latency_ms);
    coordinator_histogram_add(&stats->merge, frame->merge_ms);
    return add_workers(stats, frame);
}

void coordinator_run_stats_free(struct coordinator_run_stats *stats)
{
    free(stats->workers);
    *stats = (struct coordinator_run_stats){0};
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : NAN;
}

struct coordinator_run_summary coordinator_run_summarise(const struct coordinator_run_stats *stats,
                                                         const struct coordinator_run *run)
{
    double readable = (double)(stats->frames - stats->broken);
    double predicted = (double)stats->predicted;
    double period = ratio(stats->predicted_ms, predicted);
    double gap = ratio(stats->bounded_ms, stats->bound_ms) - 1;
    double bound = period / (1 + gap);
    struct coordinator_run_summary summary = {
        .fps = ratio((double)stats->frames * 1e3, run->wall_ms),
        .coverage = ratio(stats->coverage_sum, readable),
        .speedup = ratio(stats->compute_ms, run->wall_ms),
        .predicted_ms = isnan(run->predicted_ms) ? period : run->predicted_ms,
        .lower_bound_ms = isnan(run->lower_bound_ms) ? bound : run->lower_bound_ms,
        .measured_ms = ratio(stats->measured_ms, predicted),
        .macs = (double)stats->macs,
    };
    summary.efficiency = ratio(summary.speedup, run->worker_count);
    summary.gap = ratio(summary.predicted_ms, summary.lower_bound_ms) - 1;
    summary.model_error = ratio(summary.measured_ms, summary.predicted_ms) - 1;
    return summary;
}

double coordinator_run_share(const struct coordinator_worker_stats *worker,
                             const struct coordinator_run_summary *summary)
{
    return summary->macs > 0 ? (double)worker->macs / summary->macs : 0;
}
