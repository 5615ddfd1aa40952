/* Opening a plan: the input is checked, a split finds each tile's worker, then shares, bands, order and
 * figures follow from that in one way for every split.
 */
#include "partition/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/plan_parts.h"
#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

void partition_plan_defaults(struct partition_plan_settings *settings)
{
    *settings = (struct partition_plan_settings){.port_bytes_per_us = INFINITY,
                                                 .split = PARTITION_SPLIT_TILE};
}

void partition_plan_worker_init(struct partition_plan_worker *worker,
                                const struct partition_speed *speed,
                                const struct partition_pyramid *pyramid,
                                const struct partition_tiles *tiles, double factor, double *tile_us)
{
    partition_cost_tiles(speed, pyramid, tiles, factor, tile_us);
    *worker = (struct partition_plan_worker){
        .tile_us = tile_us,
        .frame_us = factor * speed->frame_us,
        .bytes_per_us = speed->bytes_per_us,
        .latency_us = speed->latency_us,
    };
}

const char *partition_left_out_text(enum partition_left_out why)
{
    switch (why) {
    case PARTITION_USED:
        return "used";
    case PARTITION_NO_SPEED:
        return "its speed is not known, or none of its figures is usable";
    case PARTITION_NO_TILE:
        return "there are more workers than tiles";
    case PARTITION_NO_GAIN:
        return "with it the period would be no shorter";
    }
    return "?";
}

static bool not_negative(double value)
{
    return value >= 0 && value <= PARTITION_US_MAX; /* false for NAN, too */
}

/* Has usable figures, and can compute one of the tiles. */
static bool is_able(const struct partition_plan_worker *worker,
                    const struct partition_plan_settings *settings, uint32_t count)
{
    if (!worker->tile_us || !not_negative(worker->frame_us) || !not_negative(worker->latency_us) ||
        !not_negative(worker->busy_us) || !(worker->bytes_per_us > 0))
        return false;
    bool any = count == 0;
    for (uint32_t i = 0; i < count; i++) {
        const double us = worker->tile_us[settings->ids ? settings->ids[i] : i];
        if (!(us >= 0))
            return false;
        any |= us <= PARTITION_US_MAX;
    }
    return any;
}

static int check_tiles(const struct partition_plan_settings *settings, const bool *able,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t t = settings->ids ? settings->ids[i] : i;
        bool someone = false;
        for (int32_t w = 0; w < settings->worker_count && !someone; w++)
            someone = able[w] && settings->workers[w].tile_us[t] <= PARTITION_US_MAX;
        if (!someone) {
            proto_log_error(AREA, "no plan: no worker can compute tile %u", t);
            return PROTO_INVALID;
        }
    }
    return PROTO_OK;
}

int partition_plan_check(const struct partition_plan_settings *settings, uint32_t count, bool **out)
{
    const size_t workers = settings->worker_count > 0 ? (size_t)settings->worker_count : 0;
    bool *able = calloc(workers + 1, sizeof *able);
    bool any = false;
    *out = able;
    if (!able)
        return PROTO_NO_MEMORY;
    for (size_t w = 0; w < workers; w++) {
        able[w] = is_able(&settings->workers[w], settings, count);
        any |= able[w];
    }
    if (!any) {
        proto_log_error(AREA, "no plan: none of the %d workers has a usable speed",
                        settings->worker_count);
        return PROTO_INVALID;
    }
    if (!(settings->port_bytes_per_us > 0)) {
        proto_log_error(AREA, "no plan: a port of %g bytes/us; it must be positive",
                        settings->port_bytes_per_us);
        return PROTO_INVALID;
    }
    return check_tiles(settings, able, count);
}

/* A tile and the time it takes its worker. */
struct job {
    uint32_t tile;
    double us;
};

static int compare_jobs(const void *pa, const void *pb)
{
    const struct job *a = pa, *b = pb;
    if (a->us != b->us)
        return a->us > b->us ? -1 : 1;
    return (a->tile > b->tile) - (a->tile < b->tile);
}

static void fill_share(struct partition_share *share, const struct partition_pyramid *pyramid,
                       const struct partition_tiles *tiles,
                       const struct partition_plan_worker *worker, struct job *jobs)
{
    if (share->tile_count == 0)
        return;
    for (uint32_t i = 0; i < share->tile_count; i++)
        jobs[i] = (struct job){share->tiles[i], worker->tile_us[share->tiles[i]]};
    qsort(jobs, share->tile_count, sizeof *jobs, compare_jobs);
    share->compute_us = worker->busy_us + worker->frame_us;
    for (uint32_t i = 0; i < share->tile_count; i++) {
        share->tiles[i] = jobs[i].tile;
        share->macs += tiles->tile[jobs[i].tile].macs;
        share->compute_us += jobs[i].us;
    }
    share->band_count = partition_tile_bands(tiles, share->tiles, share->tile_count, share->bands);
    share->pixel_bytes = partition_band_bytes(pyramid, share->bands, share->band_count);
}

/* All shares' tiles and bands live in the first share's allocation: a share never has more bands than
 * tiles. */
static int fill_shares(struct partition_plan *plan, const struct partition_pyramid *pyramid,
                       const struct partition_tiles *tiles,
                       const struct partition_plan_settings *settings, const int32_t *worker_of,
                       uint32_t count)
{
    struct job *jobs = calloc(count + 1, sizeof *jobs);
    if (!jobs)
        return PROTO_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        plan->shares[worker_of[i]].tile_count++;
    uint32_t at = 0;
    for (int32_t w = 0; w < plan->worker_count; w++) {
        plan->shares[w].tiles = plan->shares[0].tiles + at;
        plan->shares[w].bands = plan->shares[0].bands + at;
        at += plan->shares[w].tile_count;
        plan->shares[w].tile_count = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct partition_share *share = &plan->shares[worker_of[i]];
        share->tiles[share->tile_count++] = settings->ids ? settings->ids[i] : i;
    }
    for (int32_t w = 0; w < plan->worker_count; w++)
        fill_share(&plan->shares[w], pyramid, tiles, &settings->workers[w], jobs);
    free(jobs);
    return PROTO_OK;
}

struct turn {
    double tail_us; /* from the port's last byte for the worker to its answer */
    int32_t worker;
};

/* The longest tail first: this order makes the last answer earliest (Jackson 1955). */
static int compare_turns(const void *pa, const void *pb)
{
    const struct turn *a = pa, *b = pb;
    if (a->tail_us != b->tail_us)
        return a->tail_us > b->tail_us ? -1 : 1;
    return (a->worker > b->worker) - (a->worker < b->worker);
}

static int fill_order(struct partition_plan *plan, const struct partition_plan_settings *settings)
{
    struct turn *turns = calloc((size_t)plan->worker_count, sizeof *turns);
    if (!turns)
        return PROTO_NO_MEMORY;
    for (int32_t w = 0; w < plan->worker_count; w++) {
        struct partition_share *share = &plan->shares[w];
        const struct partition_plan_worker *worker = &settings->workers[w];
        turns[w] = (struct turn){-1, w};
        if (share->tile_count == 0)
            continue;
        const double bytes = (double)share->pixel_bytes;
        const double port_us = bytes / settings->port_bytes_per_us;
        share->receive_us = worker->latency_us + fmax(bytes / worker->bytes_per_us, port_us);
        turns[w].tail_us = share->receive_us - port_us + share->compute_us;
    }
    qsort(turns, (size_t)plan->worker_count, sizeof *turns, compare_turns);
    double port_us = 0;
    for (int32_t i = 0; i < plan->worker_count; i++) {
        struct partition_share *share = &plan->shares[turns[i].worker];
        plan->order[i] = turns[i].worker;
        if (share->tile_count == 0)
            continue;
        share->finish_us = port_us + share->receive_us + share->compute_us;
        port_us += (double)share->pixel_bytes / settings->port_bytes_per_us;
        plan->latency_us = fmax(plan->latency_us, share->finish_us);
    }
    plan->port_us = port_us;
    free(turns);
    return PROTO_OK;
}

static void fill_period(struct partition_plan *plan, const struct partition_plan_settings *settings)
{
    plan->period_us = plan->port_us;
    for (int32_t w = 0; w < plan->worker_count; w++) {
        const struct partition_share *share = &plan->shares[w];
        if (share->tile_count == 0)
            continue;
        plan->period_us = fmax(plan->period_us, share->compute_us);
        plan->period_us = fmax(plan->period_us,
                               partition_plan_link_us(&settings->workers[w], share->pixel_bytes));
    }
}

static void fill_left_out(struct partition_plan *plan, const bool *able, uint32_t count)
{
    uint32_t used = 0;
    for (int32_t w = 0; w < plan->worker_count; w++)
        used += plan->shares[w].tile_count > 0;
    for (int32_t w = 0; w < plan->worker_count; w++) {
        struct partition_share *share = &plan->shares[w];
        if (share->tile_count > 0)
            share->left_out = PARTITION_USED;
        else if (!able[w])
            share->left_out = PARTITION_NO_SPEED;
        else
            share->left_out = used == count ? PARTITION_NO_TILE : PARTITION_NO_GAIN;
    }
}

static int plan_fill(struct partition_plan *plan, const struct partition_pyramid *pyramid,
                     const struct partition_tiles *tiles,
                     const struct partition_plan_settings *settings, const bool *able,
                     const int32_t *worker_of, uint32_t count)
{
    int status = fill_shares(plan, pyramid, tiles, settings, worker_of, count);
    if (status == PROTO_OK)
        status = fill_order(plan, settings);
    if (status == PROTO_OK) {
        fill_period(plan, settings);
        fill_left_out(plan, able, count);
    }
    return status;
}

static struct partition_plan *plan_new(int32_t workers, uint32_t count)
{
    struct partition_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return NULL;
    plan->worker_count = workers;
    plan->order = calloc((size_t)workers, sizeof *plan->order);
    plan->shares = calloc((size_t)workers, sizeof *plan->shares);
    if (plan->shares) {
        plan->shares[0].tiles = calloc(count + 1, sizeof(uint32_t));
        plan->shares[0].bands = calloc(count + 1, sizeof(struct proto_band));
    }
    if (plan->order && plan->shares && plan->shares[0].tiles && plan->shares[0].bands)
        return plan;
    partition_plan_close(plan);
    return NULL;
}

int partition_plan_open(const struct partition_pyramid *pyramid,
                        const struct partition_tiles *tiles,
                        const struct partition_plan_settings *settings, struct partition_plan **out)
{
    const uint32_t count = settings->ids ? settings->id_count : tiles->count;
    int32_t *worker_of = calloc(count + 1, sizeof *worker_of);
    struct partition_plan *plan = NULL;
    bool *able = NULL;
    double rotation_us = NAN;
    *out = NULL;
    int status = worker_of ? partition_plan_check(settings, count, &able) : PROTO_NO_MEMORY;
    if (status != PROTO_OK)
        goto fail;
    plan = plan_new(settings->worker_count, count);
    if (!plan) {
        status = PROTO_NO_MEMORY;
        goto fail;
    }
    if (settings->split == PARTITION_SPLIT_FRAME)
        status = partition_plan_by_frame(pyramid, tiles, settings, able, worker_of, &rotation_us);
    else
        status = partition_plan_by_search(pyramid, tiles, settings, able, worker_of);
    if (status == PROTO_OK)
        status = plan_fill(plan, pyramid, tiles, settings, able, worker_of, count);
    if (status != PROTO_OK)
        goto fail;
    if (!isnan(rotation_us))
        plan->period_us = rotation_us;
    free(able);
    free(worker_of);
    *out = plan;
    return PROTO_OK;
fail:
    free(able);
    free(worker_of);
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
    free(plan->order);
    free(plan);
}

double partition_plan_period(const struct partition_plan *plan,
                             const struct partition_plan_settings *settings)
{
    double period = 0, port = 0;
    for (int32_t w = 0; w < plan->worker_count; w++) {
        const struct partition_share *share = &plan->shares[w];
        const struct partition_plan_worker *worker = &settings->workers[w];
        if (share->tile_count == 0)
            continue;
        if (!worker->tile_us)
            return INFINITY;
        double us = worker->busy_us + worker->frame_us;
        for (uint32_t i = 0; i < share->tile_count; i++)
            us += worker->tile_us[share->tiles[i]];
        period = fmax(period, fmax(us, partition_plan_link_us(worker, share->pixel_bytes)));
        port += (double)share->pixel_bytes / settings->port_bytes_per_us;
    }
    return fmax(period, port);
}
