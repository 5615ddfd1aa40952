/* The splits: tiles or levels by search, whole frames in turn. */
#include <math.h>
#include <stdlib.h>

#include "partition/plan_parts.h"
#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

/* Where the plan to start from has each item; false when there is none that fits. */
static bool begin(const struct plan_problem *problem,
                  const struct partition_plan_settings *settings, uint32_t tile_count, int32_t *of)
{
    const struct partition_plan *from = settings->from;
    uint32_t placed = 0;
    if (!from || settings->ids || from->worker_count != settings->worker_count)
        return false;
    for (uint32_t i = 0; i < problem->items; i++)
        of[i] = -1;
    for (int32_t j = 0; j < problem->workers; j++) {
        const struct partition_share *share = &from->shares[problem->worker[j]];
        for (uint32_t t = 0; t < share->tile_count; t++) {
            if (share->tiles[t] >= tile_count)
                return false;
            of[problem->item_of[share->tiles[t]]] = j;
            placed++;
        }
    }
    return placed > 0;
}

static bool all_placed(const struct plan_state *state)
{
    for (uint32_t i = 0; i < state->problem->items; i++)
        if (state->of[i] < 0)
            return false;
    return true;
}

int partition_plan_by_search(const struct partition_pyramid *pyramid,
                             const struct partition_tiles *tiles,
                             const struct partition_plan_settings *settings, const bool *able,
                             int32_t *worker_of)
{
    const uint32_t count = settings->ids ? settings->id_count : tiles->count;
    struct plan_problem *problem;
    int status = plan_problem_open(pyramid, tiles, settings, able,
                                   settings->split == PARTITION_SPLIT_LEVEL, &problem);
    if (status != PROTO_OK)
        return status;
    struct plan_state *best = plan_state_new(problem);
    int32_t *from = calloc((size_t)problem->items + 1, sizeof *from);
    status = PROTO_NO_MEMORY;
    if (best && from)
        status =
            plan_search(problem, begin(problem, settings, tiles->count, from) ? from : NULL, best);
    if (status == PROTO_OK && all_placed(best))
        status = plan_shorten_latency(best, settings->period_slack);
    free(from);
    for (uint32_t i = 0; status == PROTO_OK && i < count; i++) {
        const int32_t j = best->of[problem->item_of[i]];
        if (j < 0) {
            proto_log_error(AREA, "no plan: no worker can compute all tiles of a level");
            status = PROTO_INVALID;
        } else {
            worker_of[i] = problem->worker[j];
        }
    }
    plan_state_free(best);
    plan_problem_close(problem);
    return status;
}

/* Frame by frame, each to the worker that would finish it first: the period settles into a rotation.
 * One of `length` frames takes as long as its busiest worker; the best length is kept. */
static double rotate(const double *frame_us, size_t workers, uint32_t length, double *done_us,
                     uint32_t stop, int32_t *last)
{
    double longest = 0;
    for (size_t w = 0; w < workers; w++)
        done_us[w] = 0;
    for (uint32_t i = 0; i < length && i <= stop; i++) {
        size_t best = 0;
        for (size_t w = 1; w < workers; w++)
            if (done_us[w] + frame_us[w] < done_us[best] + frame_us[best])
                best = w;
        done_us[best] += frame_us[best];
        longest = fmax(longest, done_us[best]);
        *last = (int32_t)best;
    }
    return longest / length;
}

enum { ROTATION_MAX = 256 }; /* frames; longer ones gain less than 1/256 */

int partition_plan_by_frame(const struct partition_pyramid *pyramid,
                            const struct partition_tiles *tiles,
                            const struct partition_plan_settings *settings, const bool *able,
                            int32_t *worker_of, double *rotation_us)
{
    const uint32_t count = settings->ids ? settings->id_count : tiles->count;
    const size_t workers = (size_t)settings->worker_count;
    double *frame_us = calloc(2 * workers, sizeof *frame_us);
    struct proto_band *bands = calloc(count + 1, sizeof *bands);
    uint32_t *ids = calloc(count + 1, sizeof *ids);
    int status = frame_us && bands && ids ? PROTO_OK : PROTO_NO_MEMORY;
    if (status != PROTO_OK)
        goto end;
    for (uint32_t i = 0; i < count; i++)
        ids[i] = settings->ids ? settings->ids[i] : i;
    const uint64_t bytes =
        partition_band_bytes(pyramid, bands, partition_tile_bands(tiles, ids, count, bands));
    bool any = false;
    for (size_t w = 0; w < workers; w++) {
        const struct partition_plan_worker *worker = &settings->workers[w];
        frame_us[w] = able[w] ? worker->busy_us + worker->frame_us : INFINITY;
        for (uint32_t i = 0; able[w] && i < count; i++)
            frame_us[w] += worker->tile_us[ids[i]];
        if (able[w])
            frame_us[w] = fmax(frame_us[w], partition_plan_link_us(worker, bytes));
        any |= frame_us[w] <= PARTITION_US_MAX;
    }
    if (!any) {
        proto_log_error(AREA, "no plan: no worker can compute all tiles of a frame");
        status = PROTO_INVALID;
        goto end;
    }
    uint32_t length = 1;
    int32_t last = 0;
    *rotation_us = INFINITY;
    for (uint32_t n = 1; n <= ROTATION_MAX || n <= 2 * workers; n++) {
        const double us = rotate(frame_us, workers, n, frame_us + workers, n, &last);
        if (us < *rotation_us * (1 - 1e-9)) {
            *rotation_us = us;
            length = n;
        }
    }
    rotate(frame_us, workers, length, frame_us + workers, (uint32_t)(settings->turn % length),
           &last);
    *rotation_us = fmax(*rotation_us, (double)bytes / settings->port_bytes_per_us);
    for (uint32_t i = 0; i < count; i++)
        worker_of[i] = last;
end:
    free(frame_us);
    free(bands);
    free(ids);
    return status;
}
