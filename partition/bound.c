/* The lower bound of the period. */
#include "partition/bound.h"

#include <math.h>
#include <stdlib.h>

#include "partition/plan_parts.h"
#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

/* Valid for any workers: a tile somewhere takes the fastest worker its time; and were each tile computed
 * at the speed of whoever is fastest at it by share (its time there over the sum of 1 / times), no
 * worker could be fuller than the average. */
static double closed_form(const struct partition_plan_settings *settings, const bool *able,
                          uint32_t count)
{
    double largest = 0, sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t t = settings->ids ? settings->ids[i] : i;
        double alone = INFINITY, rate = 0;
        for (int32_t w = 0; w < settings->worker_count; w++) {
            if (!able[w])
                continue;
            const struct partition_plan_worker *worker = &settings->workers[w];
            alone = fmin(alone, worker->busy_us + worker->frame_us + worker->tile_us[t]);
            rate = fmax(rate, 1 / worker->tile_us[t]);
        }
        largest = fmax(largest, alone);
        sum += 1 / rate;
    }
    int32_t workers = 0;
    for (int32_t w = 0; w < settings->worker_count; w++)
        workers += able[w];
    return fmax(largest, sum / workers);
}

int partition_bound_period(const struct partition_pyramid *pyramid,
                           const struct partition_tiles *tiles,
                           const struct partition_plan_settings *settings, double *period_us)
{
    const uint32_t count = settings->ids ? settings->id_count : tiles->count;
    const size_t workers = settings->worker_count > 0 ? (size_t)settings->worker_count : 0;
    bool *able = calloc(workers + 1, sizeof *able);
    struct proto_band *bands = calloc(count + 1, sizeof *bands);
    uint32_t *ids = calloc(count + 1, sizeof *ids);
    int status = able && bands && ids ? PROTO_OK : PROTO_NO_MEMORY;
    bool any = false;
    if (status != PROTO_OK)
        goto end;
    for (size_t w = 0; w < workers; w++) {
        able[w] = partition_plan_able(&settings->workers[w], settings, count);
        any |= able[w];
    }
    if (!any || !(settings->port_bytes_per_us > 0)) {
        proto_log_error(AREA, "no bound: no worker has usable figures, or the port has none");
        status = PROTO_INVALID;
        goto end;
    }
    for (uint32_t i = 0; i < count; i++)
        ids[i] = settings->ids ? settings->ids[i] : i;
    const uint64_t bytes =
        partition_band_bytes(pyramid, bands, partition_tile_bands(tiles, ids, count, bands));
    *period_us =
        fmax(closed_form(settings, able, count), (double)bytes / settings->port_bytes_per_us);
end:
    free(able);
    free(bands);
    free(ids);
    return status;
}
