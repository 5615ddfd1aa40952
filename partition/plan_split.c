/* The splits: tiles one by one, levels as a whole, whole frames in turn. */
#include <math.h>
#include <stdlib.h>

#include "partition/plan_parts.h"
#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

/* Tiles that stay together. */
struct group {
    uint32_t first; /* lowest tile */
    double us;      /* on the worker that is fastest at it */
    int32_t worker;
};

static int compare_groups(const void *pa, const void *pb)
{
    const struct group *a = pa, *b = pb;
    if (a->us != b->us)
        return a->us > b->us ? -1 : 1;
    return (a->first > b->first) - (a->first < b->first);
}

/* The longest group first, each to the worker that finishes it first. group_of: of each listed tile. */
static int share_groups(const struct partition_plan_settings *settings, const bool *able,
                        const uint32_t *group_of, uint32_t count, uint32_t group_count,
                        int32_t *worker_of)
{
    const size_t workers = (size_t)settings->worker_count;
    double *us = calloc((size_t)group_count * workers + 1, sizeof *us);
    double *load = calloc(workers, sizeof *load);
    struct group *groups = calloc(group_count + 1, sizeof *groups);
    int status = us && load && groups ? PROTO_OK : PROTO_NO_MEMORY;
    for (uint32_t g = 0; status == PROTO_OK && g < group_count; g++)
        groups[g] = (struct group){g, INFINITY, -1};
    for (size_t w = 0; status == PROTO_OK && w < workers; w++) {
        const struct partition_plan_worker *worker = &settings->workers[w];
        load[w] = able[w] ? worker->busy_us + worker->frame_us : INFINITY;
        for (uint32_t i = 0; able[w] && i < count; i++)
            us[group_of[i] * workers + w] += worker->tile_us[settings->ids ? settings->ids[i] : i];
        for (uint32_t g = 0; able[w] && g < group_count; g++)
            groups[g].us = fmin(groups[g].us, us[g * workers + w]);
    }
    if (status == PROTO_OK)
        qsort(groups, group_count, sizeof *groups, compare_groups);
    for (uint32_t g = 0; status == PROTO_OK && g < group_count; g++) {
        double best = PARTITION_US_MAX;
        for (size_t w = 0; w < workers; w++) {
            const double end = load[w] + us[groups[g].first * workers + w];
            if (able[w] && end < best) {
                best = end;
                groups[g].worker = (int32_t)w;
            }
        }
        if (groups[g].worker < 0) {
            proto_log_error(AREA, "no plan: no worker can compute all tiles of a level");
            status = PROTO_INVALID;
        } else {
            load[groups[g].worker] = best;
        }
    }
    for (uint32_t g = 0; status == PROTO_OK && g < group_count; g++)
        for (uint32_t i = 0; i < count; i++)
            if (group_of[i] == groups[g].first)
                worker_of[i] = groups[g].worker;
    free(us);
    free(load);
    free(groups);
    return status;
}

int partition_plan_by_tile(const struct partition_tiles *tiles,
                           const struct partition_plan_settings *settings, const bool *able,
                           int32_t *worker_of)
{
    const uint32_t count = settings->ids ? settings->id_count : tiles->count;
    uint32_t *group_of = calloc(count + 1, sizeof *group_of);
    int status = PROTO_NO_MEMORY;
    for (uint32_t i = 0; group_of && i < count; i++)
        group_of[i] = i;
    if (group_of)
        status = share_groups(settings, able, group_of, count, count, worker_of);
    free(group_of);
    return status;
}

int partition_plan_by_level(const struct partition_tiles *tiles,
                            const struct partition_plan_settings *settings, const bool *able,
                            int32_t *worker_of)
{
    const uint32_t count = settings->ids ? settings->id_count : tiles->count;
    uint32_t *group_of = calloc(count + 1, sizeof *group_of);
    uint32_t groups = 0, number[PROTO_LEVELS_MAX];
    bool seen[PROTO_LEVELS_MAX] = {false};
    int status = PROTO_NO_MEMORY;
    for (uint32_t i = 0; group_of && i < count; i++) {
        const int32_t level = tiles->tile[settings->ids ? settings->ids[i] : i].level;
        if (!seen[level])
            number[level] = groups++;
        seen[level] = true;
        group_of[i] = number[level];
    }
    if (group_of)
        status = share_groups(settings, able, group_of, count, groups, worker_of);
    free(group_of);
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
