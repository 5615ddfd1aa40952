/* What the core says of a frame and of the run. */
#include "coordinator/core_state.h"

#include <math.h>
#include <stdlib.h>

/* Levels with a tile that was not searched. */
static uint32_t missing_fill(const struct core_geometry *g, struct core_slot *slot)
{
    uint32_t count = 0;
    for (uint32_t t = 0; t < g->tiles->count; t++) {
        const int32_t level = g->tiles->tile[t].level;
        if (slot->tiles[t] != TILE_DONE && (count == 0 || slot->missing[count - 1] != level))
            slot->missing[count++] = level; /* tiles are in order of level */
    }
    return count;
}

static int compare_near(const void *pa, const void *pb)
{
    const struct coordinator_distances *a = pa, *b = pb;
    return (a->near_m > b->near_m) - (a->near_m < b->near_m);
}

/* Where persons of the missing levels stand; ranges that overlap or touch are joined. */
static uint32_t distances_fill(const struct coordinator_core *core, struct core_slot *slot,
                               uint32_t levels)
{
    struct coordinator_distances *out = slot->distances;
    uint32_t count = 0, joined = 0;
    if (!core->settings.camera)
        return 0;
    for (uint32_t i = 0; i < levels; i++) {
        const struct coordinator_distances *reach = &core->geometry->reach[slot->missing[i]];
        if (reach->near_m < reach->far_m)
            out[count++] = *reach;
    }
    qsort(out, count, sizeof *out, compare_near);
    for (uint32_t i = 0; i < count; i++) {
        if (joined > 0 && out[i].near_m <= out[joined - 1].far_m)
            out[joined - 1].far_m = fmax(out[joined - 1].far_m, out[i].far_m);
        else
            out[joined++] = out[i];
    }
    return joined;
}

void core_slot_report(struct coordinator_core *core, struct core_slot *slot)
{
    const struct core_geometry *g = core->geometry;
    struct coordinator_frame_report *report = &slot->report;
    *report = (struct coordinator_frame_report){
        .seq = slot->in.seq,
        .source = slot->in.source,
        .stamp_ns = slot->in.stamp_ns,
        .size = slot->in.size,
        .error = slot->error,
        .broken = slot->in.error != NULL,
        .cut = slot->cut,
        .capture_ms = (double)slot->in.capture_us / 1e3,
        .send_ms = (double)(slot->gone_us - slot->dispatched_us) / 1e3,
        .merge_ms = NAN,
        .predicted_ms = NAN,
        .bound_ms = NAN,
        .measured_ms = NAN,
        .throttled_ms =
            slot->held_us > 0 ? (double)(slot->dispatched_us - slot->held_us) / 1e3 : 0.0,
        .watts = NAN,
        .begin_us = slot->in.begin_us,
        .dispatched_us = slot->dispatched_us,
        .gone_us = slot->gone_us,
        .finished_us = slot->finished_us,
        .latency_ms = (double)(slot->finished_us - slot->in.begin_us) / 1e3,
    };
    if (!slot->searched)
        return;
    if (slot->done == g->tiles->count) {
        report->error = NULL; /* what had been given up was answered after all */
        report->cut = false;
    }
    if (slot->first.shares) {
        report->predicted_ms = slot->first.shares->period_us / 1e3;
        report->bound_ms = report->predicted_ms * slot->first.shares->bound;
    }
    if (partition_merge_finish(slot->merge, &report->detections, &report->detection_count)) {
        /* Its memory was taken with the tile set in mind, so this is a fault in the merge: say
         * so. */
        report->error = "the answers could not be merged";
        report->detection_count = 0;
    }
    if (core->settings.ground_plane == COORDINATOR_GROUND_MEASURE)
        report->outside = partition_merge_outside(slot->merge, g->bands);
    report->missing = slot->missing;
    report->missing_count = missing_fill(g, slot);
    report->missing_distances = slot->distances;
    report->missing_distance_count = distances_fill(core, slot, report->missing_count);
    report->tile_count = g->tiles->count;
    report->tiles = slot->tile_reports;
    report->coverage = g->tiles->count ? (double)slot->done / (double)g->tiles->count : 1.0;
    report->workers = slot->parts;
    report->worker_count = (uint32_t)core->settings.workers;
    for (uint32_t w = 0; w < report->worker_count; w++)
        if (slot->parts[w].compute_ms > report->compute_ms)
            report->compute_ms = slot->parts[w].compute_ms;
    report->measured_ms = report->compute_ms;
    /* A replica's frame against the rotation's period: as far off as its own time is. */
    if (slot->first.shares && slot->first.shares->own_us > 0.0)
        report->measured_ms *= slot->first.shares->period_us / slot->first.shares->own_us;
    for (uint32_t w = 0; g->costs && w < report->worker_count; w++)
        if (isfinite(g->costs[w].bytes_per_us))
            report->measured_ms = fmax(report->measured_ms, slot->parts[w].link_ms);
    if (isfinite(core->settings.port_bytes_per_us))
        report->measured_ms = fmax(report->measured_ms, report->send_ms);
}

static double seconds(const struct coordinator_core *core, uint64_t count, uint64_t at_us)
{
    return count > 0 ? (double)(at_us - core->start_us) / 1e6 : NAN;
}

/* All tiles on this worker alone. */
static double ms_per_frame(const struct coordinator_core *core, int w)
{
    const struct core_geometry *g = core->geometry;
    if (!g || core->workers[w].factor.count == 0)
        return NAN;
    double us = g->costs[w].frame_us;
    for (uint32_t t = 0; t < g->tiles->count; t++)
        us += g->tile_us[(size_t)w * g->tiles->count + t];
    return us / 1e3;
}

void coordinator_core_worker(const struct coordinator_core *core, int w,
                             struct coordinator_run_worker *out)
{
    const struct core_worker *worker = &core->workers[w];
    *out = (struct coordinator_run_worker){
        .rank = w + 1,
        .host = worker->host,
        .device = worker->device,
        .kernels = worker->kernels,
        .memory_bytes = worker->memory_bytes,
        .reserve = w == core->settings.reserve,
        .late = worker->late_count,
        .lost = worker->lost_count,
        .returned = worker->back_count,
        .lost_s = seconds(core, worker->lost_count, worker->lost_us),
        .returned_s = seconds(core, worker->back_count, worker->back_us),
        .why = worker->why,
        .ms_per_frame = ms_per_frame(core, w),
    };
}

void coordinator_core_events(const struct coordinator_core *core,
                             struct coordinator_run_events *out)
{
    *out = core->events;
}

uint32_t coordinator_core_tiles(const struct coordinator_core *core)
{
    return core->geometry ? core->geometry->tiles->count : 0;
}

double coordinator_core_macs_share(const struct coordinator_core *core)
{
    return core->geometry ? core->geometry->macs_share : NAN;
}
