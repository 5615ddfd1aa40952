/* One frame on its way: its rounds of assignments, the RESULTs, tiles given to others, its report.
 *
 * Round 0 is the plan. When a worker is lost or fails, the tiles nobody works on any more become a
 * further round among the workers that are left and have not failed on this frame, so there are at
 * most as many rounds as workers can be lost or fail. The first answer for a tile counts.
 */
#include "coordinator/core_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/log.h"

int core_slot_init(struct coordinator_core *core, struct core_slot *slot)
{
    const size_t workers = (size_t)core->settings.workers;
    slot->first.of = calloc(workers, sizeof *slot->first.of);
    slot->failed = calloc(workers, sizeof *slot->failed);
    slot->parts = calloc(workers, sizeof *slot->parts);
    return slot->first.of && slot->failed && slot->parts ? PROTO_OK : PROTO_NO_MEMORY;
}

static void rounds_drop(struct core_slot *slot)
{
    core_shares_drop(slot->first.shares);
    slot->first.shares = NULL;
    while (slot->first.next) {
        struct core_round *round = slot->first.next;
        slot->first.next = round->next;
        core_shares_drop(round->shares);
        free(round->of);
        free(round);
    }
    slot->rounds = 0;
}

void core_slot_free(struct core_slot *slot)
{
    rounds_drop(slot);
    free(slot->first.of);
    free(slot->failed);
    free(slot->parts);
}

/* Every worker with tiles in this round's plan owes a RESULT. */
static void round_begin(struct coordinator_core *core, struct core_slot *slot,
                        struct core_round *round)
{
    for (int w = 0; w < core->settings.workers; w++) {
        const bool work = round->shares->plan->shares[w].tile_count > 0;
        round->of[w] = (struct core_assignment){
            .state = work ? ASSIGNMENT_DUE : ASSIGNMENT_NONE,
        };
    }
    slot->rounds++;
}

static void slot_begin(struct coordinator_core *core, struct core_slot *slot)
{
    const size_t workers = (size_t)core->settings.workers;
    slot->done = 0;
    slot->error = NULL;
    slot->searched = false;
    slot->dispatched_us = slot->gone_us = core->now_us;
    memset(slot->failed, 0, workers * sizeof *slot->failed);
    for (size_t w = 0; w < workers; w++)
        slot->parts[w] = (struct coordinator_worker_report){.rank = (int32_t)w + 1};
}

static void slot_finish(struct coordinator_core *core, struct core_slot *slot)
{
    if (slot->state == SLOT_RUNNING)
        core->running--;
    slot->state = SLOT_FINISHED;
    slot->finished_us = core->now_us;
}

void core_slot_fail(struct coordinator_core *core, struct core_slot *slot, const char *error)
{
    slot_begin(core, slot);
    slot->error = error;
    slot_finish(core, slot);
}

void core_slot_dispatch(struct coordinator_core *core, struct core_slot *slot)
{
    struct core_geometry *g = core->geometry;
    slot_begin(core, slot);
    memset(slot->tiles, TILE_OPEN, g->tiles->count);
    partition_merge_reset(slot->merge);
    slot->state = SLOT_RUNNING;
    slot->searched = true;
    core->running++;
    if (g->shares) {
        slot->first.shares = g->shares;
        g->shares->users++;
        round_begin(core, slot, &slot->first);
    }
    core_slot_settle(core, slot);
}

static struct core_round *round_at(struct core_slot *slot, uint32_t index)
{
    struct core_round *round = &slot->first;
    if (index >= slot->rounds)
        return NULL;
    while (index-- > 0)
        round = round->next;
    return round;
}

static bool pending(const struct core_assignment *assignment)
{
    return assignment->state == ASSIGNMENT_DUE || assignment->state == ASSIGNMENT_OUT;
}

/* Mark the tiles that are on somebody's list; returns the number of lists. */
static int mark_pending(const struct coordinator_core *core, struct core_slot *slot, uint8_t *mark)
{
    int lists = 0;
    for (uint32_t r = 0; r < slot->rounds; r++) {
        const struct core_round *round = round_at(slot, r);
        for (int w = 0; w < core->settings.workers; w++) {
            const struct partition_share *share = &round->shares->plan->shares[w];
            if (!pending(&round->of[w]))
                continue;
            lists++;
            for (uint32_t i = 0; i < share->tile_count; i++)
                mark[share->tiles[i]] = 1;
        }
    }
    return lists;
}

/* MACs each worker still owes, over all frames. */
static void busy_fill(const struct coordinator_core *core, double *busy)
{
    for (int32_t s = 0; s < core->settings.slots; s++) {
        struct core_slot *slot = &core->slots[s];
        for (uint32_t r = 0; slot->state == SLOT_RUNNING && r < slot->rounds; r++) {
            const struct core_round *round = round_at(slot, r);
            for (int w = 0; w < core->settings.workers; w++)
                if (pending(&round->of[w]))
                    busy[w] += (double)round->shares->plan->shares[w].macs;
        }
    }
}

/* Give tiles to the workers that are left. Returns false when nobody can take them. */
static bool round_add(struct coordinator_core *core, struct core_slot *slot, const uint32_t *ids,
                      uint32_t count)
{
    struct core_geometry *g = core->geometry;
    const int32_t workers = core->settings.workers;
    struct partition_plan *plan = NULL;
    bool *fit = calloc((size_t)workers, sizeof *fit);
    double *busy = calloc((size_t)workers, sizeof *busy);
    struct core_round *round = calloc(1, sizeof *round);
    struct core_assignment *of = calloc((size_t)workers, sizeof *of);
    bool able = false;

    for (int w = 0; fit && w < workers; w++) {
        fit[w] = core->workers[w].state == WORKER_READY && !slot->failed[w];
        able |= fit[w];
    }
    if (able && busy && round && of) {
        busy_fill(core, busy);
        if (core_plan_open(g, fit, busy, workers, ids, count, &plan) == PROTO_OK)
            round->shares = core_shares_new(plan);
    }
    free(fit);
    free(busy);
    if (!round || !of || !round->shares) {
        free(round);
        free(of);
        return false;
    }
    round->of = of;
    struct core_round *last = &slot->first;
    while (last->next)
        last = last->next;
    last->next = round;
    round_begin(core, slot, round);
    return true;
}

/* Tiles that are open and on nobody's list go to others, or are given up. Returns whether a
 * RESULT is still awaited. */
static bool orphans_place(struct coordinator_core *core, struct core_slot *slot)
{
    struct core_geometry *g = core->geometry;
    const uint32_t count = g->tiles->count;
    uint32_t orphans = 0;
    bool awaited = mark_pending(core, slot, g->mark) > 0;

    for (uint32_t t = 0; t < count; t++)
        orphans += slot->tiles[t] == TILE_OPEN && !g->mark[t];
    if (orphans > 0) {
        uint32_t *ids = malloc(orphans * sizeof *ids);
        uint32_t n = 0;
        for (uint32_t t = 0; ids && t < count; t++)
            if (slot->tiles[t] == TILE_OPEN && !g->mark[t])
                ids[n++] = t;
        /* A frame never dispatched has no round 0, and nobody who could take a further one. */
        if (ids && slot->first.shares && round_add(core, slot, ids, n)) {
            awaited = true;
        } else {
            for (uint32_t t = 0; t < count; t++)
                if (slot->tiles[t] == TILE_OPEN && !g->mark[t])
                    slot->tiles[t] = TILE_GIVEN_UP;
            slot->error = "no worker left for some of its tiles";
        }
        free(ids);
    }
    memset(g->mark, 0, count);
    return awaited;
}

void core_slot_settle(struct coordinator_core *core, struct core_slot *slot)
{
    if (slot->state != SLOT_RUNNING)
        return;
    if (slot->done == core->geometry->tiles->count || !orphans_place(core, slot))
        slot_finish(core, slot);
}

void core_slot_worker_lost(struct core_slot *slot, int worker)
{
    for (uint32_t r = 0; slot->state == SLOT_RUNNING && r < slot->rounds; r++) {
        struct core_assignment *assignment = &round_at(slot, r)->of[worker];
        if (pending(assignment))
            assignment->state = ASSIGNMENT_LOST;
    }
}

enum { NAMED_NEW = 1, NAMED_AGAIN = 2 };

/* Mark the tiles a RESULT names. Returns PROTO_INVALID for an unknown or repeated one. */
static int tiles_mark(struct core_geometry *g, const struct core_slot *slot,
                      const struct proto_result *result, uint32_t *again)
{
    for (uint32_t i = 0; i < result->tile_count; i++) {
        const uint32_t t = result->tiles[i];
        if (t >= g->tiles->count || g->mark[t])
            return PROTO_INVALID;
        g->mark[t] = slot->tiles[t] == TILE_DONE ? NAMED_AGAIN : NAMED_NEW;
        *again += g->mark[t] == NAMED_AGAIN;
    }
    return PROTO_OK;
}

/* Add the survivors of new tiles to the merge: all or none. */
static int survivors_add(struct core_geometry *g, struct core_slot *slot,
                         const struct proto_result *result, bool some_again)
{
    const struct proto_survivor *list = result->survivors;
    uint32_t count = 0;

    if (result->survivor_count > g->survivors_max)
        return PROTO_LIMIT;
    for (uint32_t i = 0; i < result->survivor_count; i++) {
        const uint32_t t = result->survivors[i].tile;
        if (t >= g->tiles->count || !g->mark[t])
            return PROTO_INVALID;
        if (some_again && g->mark[t] == NAMED_NEW)
            g->scratch[count++] = result->survivors[i];
    }
    if (some_again)
        list = g->scratch;
    else
        count = result->survivor_count;
    return partition_merge_add(slot->merge, list, count);
}

static int result_absorb(struct coordinator_core *core, struct core_slot *slot, int worker,
                         const struct proto_result *result)
{
    struct core_geometry *g = core->geometry;
    uint32_t again = 0;
    int status = tiles_mark(g, slot, result, &again);
    if (!status)
        status = survivors_add(g, slot, result, again > 0);
    for (uint32_t i = 0; i < result->tile_count; i++) {
        const uint32_t t = result->tiles[i];
        if (t >= g->tiles->count)
            continue;
        if (!status && g->mark[t] == NAMED_NEW) {
            slot->tiles[t] = TILE_DONE;
            slot->done++;
            slot->parts[worker].tiles++;
            slot->parts[worker].macs += g->tiles->tile[t].macs;
        }
        g->mark[t] = 0;
    }
    return status;
}

/* Clocks of two hosts are never compared: travel is what the round trip has beyond the worker's
 * part. */
static void timing_add(const struct coordinator_core *core, struct core_slot *slot, int worker,
                       const struct core_assignment *assignment, const struct proto_result *result)
{
    struct coordinator_worker_report *part = &slot->parts[worker];
    const uint64_t there_us = result->finished_us - result->received_us;
    const uint64_t round_trip_us = core->now_us - assignment->sent_us;

    part->compute_ms += (double)(result->finished_us - result->started_us) / 1e3;
    part->queue_ms += (double)(result->started_us - result->received_us) / 1e3;
    if (round_trip_us > there_us)
        part->transfer_ms += (double)(round_trip_us - there_us) / 1e3;
}

static bool clock_sane(const struct proto_result *result)
{
    return result->received_us <= result->started_us && result->started_us <= result->finished_us;
}

int core_slot_result(struct coordinator_core *core, struct core_slot *slot, int worker,
                     const struct proto_result *result)
{
    struct core_round *round = round_at(slot, result->assignment);
    if (!round || round->of[worker].state == ASSIGNMENT_NONE)
        return PROTO_INVALID;
    struct core_assignment *assignment = &round->of[worker];
    const struct partition_share *share = &round->shares->plan->shares[worker];
    int status = result->status;
    if (!status)
        status = clock_sane(result) ? result_absorb(core, slot, worker, result) : PROTO_INVALID;
    if (status) {
        slot->failed[worker] = true;
    } else if (pending(assignment)) {
        timing_add(core, slot, worker, assignment, result);
        /* Whoever leaves tiles out does not get them again. */
        if (result->tile_count < share->tile_count)
            slot->failed[worker] = true;
    }
    assignment->state = ASSIGNMENT_ANSWERED;
    return status;
}

bool core_slot_next(struct coordinator_core *core, int index, struct coordinator_action *action)
{
    struct core_slot *slot = &core->slots[index];
    for (uint32_t r = 0; slot->state == SLOT_RUNNING && r < slot->rounds; r++) {
        struct core_round *round = round_at(slot, r);
        for (int w = 0; w < core->settings.workers; w++) {
            const struct partition_share *share = &round->shares->plan->shares[w];
            if (round->of[w].state != ASSIGNMENT_DUE)
                continue;
            round->of[w] = (struct core_assignment){ASSIGNMENT_OUT, core->now_us};
            slot->parts[w].bytes += share->pixel_bytes;
            core->frame_message = (struct proto_frame){
                .plan = core->geometry->number,
                .seq = slot->in.seq,
                .assignment = r,
                .tile_count = share->tile_count,
                .tiles = share->tiles,
                .band_count = share->band_count,
                .bands = share->bands,
                .pixel_bytes = share->pixel_bytes,
            };
            *action = (struct coordinator_action){
                .kind = COORDINATOR_SEND_FRAME,
                .worker = w,
                .slot = index,
                .frame = &core->frame_message,
            };
            return true;
        }
    }
    return false;
}

void coordinator_core_sent(struct coordinator_core *core, int worker, uint64_t seq,
                           uint32_t assignment, uint64_t now_us)
{
    for (int32_t i = 0; i < core->settings.slots; i++) {
        struct core_slot *slot = &core->slots[i];
        if (slot->state != SLOT_RUNNING || slot->in.seq != seq || assignment >= slot->rounds)
            continue;
        const uint64_t begun_us = round_at(slot, assignment)->of[worker].sent_us;
        if (now_us > begun_us)
            slot->parts[worker].send_ms += (double)(now_us - begun_us) / 1e3;
        if (now_us > slot->gone_us)
            slot->gone_us = now_us;
    }
}

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
        .capture_ms = (double)slot->in.capture_us / 1e3,
        .send_ms = (double)(slot->gone_us - slot->dispatched_us) / 1e3,
        .merge_ms = NAN,
        .latency_ms = (double)(slot->finished_us - slot->in.begin_us) / 1e3,
    };
    if (!slot->searched)
        return;
    if (slot->done == g->tiles->count)
        report->error = NULL; /* what had been given up was answered after all */
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
    report->coverage = g->tiles->count ? (double)slot->done / (double)g->tiles->count : 1.0;
    report->workers = slot->parts;
    report->worker_count = (uint32_t)core->settings.workers;
    for (uint32_t w = 0; w < report->worker_count; w++)
        if (slot->parts[w].compute_ms > report->compute_ms)
            report->compute_ms = slot->parts[w].compute_ms;
}

void core_slot_release(struct core_slot *slot)
{
    rounds_drop(slot);
    slot->state = SLOT_FREE;
}
