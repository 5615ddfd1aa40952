/* Longest processing time first: sort the tiles by work, then give each to the worker that would
 * finish it first.
 */
#include "partition/plan.h"

#include <stdlib.h>
#include <string.h>

#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

struct job {
    uint32_t tile;
    uint32_t worker;
    uint64_t macs;
};

static int compare_jobs(const void *pa, const void *pb)
{
    const struct job *a = pa, *b = pb;
    if (a->macs != b->macs)
        return a->macs > b->macs ? -1 : 1;
    return (a->tile > b->tile) - (a->tile < b->tile);
}

static bool useful(double macs_per_us)
{
    return macs_per_us > 0 && macs_per_us <= 1e30; /* false for NAN, too */
}

/* Worker that would finish `macs` first; the lower one of equals; -1 if none has a speed. */
static int32_t first_to_finish(const struct partition_plan *plan, uint64_t macs,
                               const double *macs_per_us)
{
    int32_t best = -1;
    double best_us = 0;
    for (int32_t w = 0; w < plan->worker_count; w++) {
        if (!useful(macs_per_us[w]))
            continue;
        const double us = plan->shares[w].predicted_us + (double)macs / macs_per_us[w];
        if (best < 0 || us < best_us) {
            best = w;
            best_us = us;
        }
    }
    return best;
}

static void assign(struct partition_plan *plan, struct job *jobs, uint32_t count,
                   const double *macs_per_us)
{
    for (uint32_t i = 0; i < count; i++) {
        const int32_t w = first_to_finish(plan, jobs[i].macs, macs_per_us);
        struct partition_share *share = &plan->shares[w];
        jobs[i].worker = (uint32_t)w;
        share->tile_count++;
        share->macs += jobs[i].macs;
        share->predicted_us += (double)jobs[i].macs / macs_per_us[w];
    }
}

/* Give each share its part of the two arrays, and fill it. All shares' tiles and bands live in
 * the first share's allocation: a share never has more bands than tiles. */
static void fill_shares(struct partition_plan *plan, const struct partition_pyramid *pyramid,
                        const struct partition_tiles *tiles, const struct job *jobs, uint32_t count)
{
    uint32_t at = 0;
    for (int32_t w = 0; w < plan->worker_count; w++) {
        plan->shares[w].tiles = plan->shares[0].tiles + at;
        plan->shares[w].bands = plan->shares[0].bands + at;
        at += plan->shares[w].tile_count;
        plan->shares[w].tile_count = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct partition_share *share = &plan->shares[jobs[i].worker];
        share->tiles[share->tile_count++] = jobs[i].tile;
    }
    for (int32_t w = 0; w < plan->worker_count; w++) {
        struct partition_share *share = &plan->shares[w];
        share->band_count =
            partition_tile_bands(tiles, share->tiles, share->tile_count, share->bands);
        share->pixel_bytes = partition_band_bytes(pyramid, share->bands, share->band_count);
        if (share->predicted_us > plan->period_us)
            plan->period_us = share->predicted_us;
    }
}

static int check_workers(const double *macs_per_us, int32_t worker_count)
{
    for (int32_t w = 0; w < worker_count; w++)
        if (useful(macs_per_us[w]))
            return PROTO_OK;
    proto_log_error(AREA, "no plan: none of the %d workers has a positive speed", worker_count);
    return PROTO_INVALID;
}

int partition_plan_open(const struct partition_pyramid *pyramid,
                        const struct partition_tiles *tiles, const uint32_t *ids, uint32_t id_count,
                        const double *macs_per_us, const double *busy_us, int32_t worker_count,
                        struct partition_plan **out)
{
    const uint32_t count = ids ? id_count : tiles->count;
    struct partition_plan *plan = NULL;
    struct job *jobs = NULL;
    *out = NULL;
    int status = check_workers(macs_per_us, worker_count);
    if (status != PROTO_OK)
        return status;

    status = PROTO_NO_MEMORY;
    plan = calloc(1, sizeof(*plan));
    if (!plan)
        goto fail;
    plan->worker_count = worker_count;
    plan->shares = calloc((size_t)worker_count, sizeof(*plan->shares));
    if (!plan->shares)
        goto fail;
    plan->shares[0].tiles = calloc(count + 1, sizeof(uint32_t));
    plan->shares[0].bands = calloc(count + 1, sizeof(struct proto_band));
    jobs = calloc(count + 1, sizeof(*jobs));
    if (!plan->shares[0].tiles || !plan->shares[0].bands || !jobs)
        goto fail;

    for (uint32_t i = 0; i < count; i++) {
        jobs[i].tile = ids ? ids[i] : i;
        jobs[i].macs = tiles->tile[jobs[i].tile].macs;
    }
    qsort(jobs, count, sizeof(*jobs), compare_jobs);
    for (int32_t w = 0; busy_us && w < worker_count; w++)
        if (useful(macs_per_us[w]))
            plan->shares[w].predicted_us = busy_us[w];
    assign(plan, jobs, count, macs_per_us);
    fill_shares(plan, pyramid, tiles, jobs, count);
    free(jobs);
    *out = plan;
    return PROTO_OK;
fail:
    free(jobs);
    partition_plan_close(plan);
    return status;
}

void partition_plan_close(struct partition_plan *plan)
{
    if (!plan)
        return;
    if (plan->shares) {
        free(plan->shares[0].tiles);
        free(plan->shares[0].bands);
    }
    free(plan->shares);
    free(plan);
}
