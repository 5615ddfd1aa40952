/* One frame on its way: from its dispatch over the RESULTs to its end. core_round.c shares its tiles
 * out, core_report.c tells what came of it.
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
    slot->tries = calloc(workers, sizeof *slot->tries);
    slot->parts = calloc(workers, sizeof *slot->parts);
    return slot->first.of && slot->tries && slot->parts ? PROTO_OK : PROTO_NO_MEMORY;
}

void core_slot_free(struct core_slot *slot)
{
    core_rounds_drop(slot);
    free(slot->first.of);
    free(slot->tries);
    free(slot->parts);
}

static void slot_begin(struct coordinator_core *core, struct core_slot *slot)
{
    const size_t workers = (size_t)core->settings.workers;
    slot->done = 0;
    slot->error = NULL;
    slot->searched = slot->cut = false;
    slot->orphaned_us = 0;
    slot->dispatched_us = slot->gone_us = core->now_us;
    memset(slot->tries, 0, workers * sizeof *slot->tries);
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

/* From here on tiles and merge count. */
static void slot_search(struct coordinator_core *core, struct core_slot *slot)
{
    const struct core_geometry *g = core->geometry;
    slot_begin(core, slot);
    memset(slot->tiles, TILE_OPEN, g->tiles->count);
    for (uint32_t t = 0; t < g->tiles->count; t++)
        slot->tile_reports[t] =
            (struct coordinator_tile_report){.tile = t, .level = g->tiles->tile[t].level};
    partition_merge_reset(slot->merge);
    slot->searched = true;
}

void core_slot_dispatch(struct coordinator_core *core, struct core_slot *slot,
                        struct core_shares *shares)
{
    slot_search(core, slot);
    slot->state = SLOT_RUNNING;
    core->running++;
    core->handed_out++;
    if (shares && shares->partial) {
        memset(slot->tiles, TILE_GIVEN_UP, core->geometry->tiles->count);
        for (int32_t w = 0; w < core->settings.workers; w++)
            for (uint32_t i = 0; i < shares->plan->shares[w].tile_count; i++)
                slot->tiles[shares->plan->shares[w].tiles[i]] = TILE_OPEN;
        slot->cut = true;
        slot->error = "its deadline leaves no time for all of it";
        core->events.cut++;
    }
    if (shares)
        core_rounds_begin(core, slot, shares);
    core_slot_settle(core, slot);
}

static void slot_cut(struct coordinator_core *core, struct core_slot *slot)
{
    for (uint32_t t = 0; t < core->geometry->tiles->count; t++)
        if (slot->tiles[t] == TILE_OPEN)
            slot->tiles[t] = TILE_GIVEN_UP;
    core->events.cut += !slot->cut;
    slot->cut = true;
    slot->error = "its deadline came before the last answer";
    slot_finish(core, slot);
}

void core_slot_cut(struct coordinator_core *core, struct core_slot *slot)
{
    slot_search(core, slot);
    slot_cut(core, slot);
}

uint64_t core_slot_deadline_us(const struct coordinator_core *core, const struct core_slot *slot)
{
    return core->settings.deadline_us > 0 ? slot->in.begin_us + core->settings.deadline_us
                                          : UINT64_MAX;
}

uint64_t core_slot_due_us(const struct coordinator_core *core, const struct core_slot *slot)
{
    if (slot->state != SLOT_RUNNING)
        return UINT64_MAX;
    const uint64_t deadline_us = core_slot_deadline_us(core, slot);
    const uint64_t round_us = core_round_due_us(core, slot);
    return deadline_us < round_us ? deadline_us : round_us;
}

void core_slot_settle(struct coordinator_core *core, struct core_slot *slot)
{
    if (slot->state != SLOT_RUNNING)
        return;
    if (slot->done == core->geometry->tiles->count)
        slot_finish(core, slot);
    else if (core->now_us >= core_slot_deadline_us(core, slot))
        slot_cut(core, slot);
    else if (!core_rounds_settle(core, slot))
        slot_finish(core, slot);
}

void core_slot_withdraw(struct core_slot *slot, int worker, const struct core_hand *only,
                        enum assignment_state state)
{
    if (slot->state != SLOT_RUNNING || (only && only->seq != slot->in.seq))
        return;
    struct core_round *round = &slot->first;
    for (uint32_t r = 0; r < slot->rounds; r++, round = round->next) {
        struct core_assignment *assignment = &round->of[worker];
        if (only && only->assignment != r)
            continue;
        if (assignment->state == ASSIGNMENT_DUE) /* never sent: no answer to it can come */
            assignment->state = ASSIGNMENT_NONE;
        else if (assignment->state == ASSIGNMENT_OUT || assignment->state == ASSIGNMENT_LATE)
            assignment->state = state;
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
            slot->tile_reports[t].rank = worker + 1;
            slot->tile_reports[t].us = result->tile_us[i];
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
    const uint64_t compute_us = result->finished_us - result->started_us;
    const uint64_t round_trip_us = core->now_us - assignment->sent_us;

    part->compute_ms += (double)compute_us / 1e3;
    part->queue_ms += (double)(result->started_us - result->received_us) / 1e3;
    if (round_trip_us > there_us)
        part->transfer_ms += (double)(round_trip_us - there_us) / 1e3;
    part->sent_us = assignment->sent_us;
    part->answered_us = part->finished_us = core->now_us;
    part->started_us = core->now_us > compute_us ? core->now_us - compute_us : 0;
    part->received_us = core->now_us > there_us ? core->now_us - there_us : 0;
    uint64_t begin_us = part->started_us; /* tiles are listed in order of computing */
    for (uint32_t i = 0; i < result->tile_count; i++) {
        struct coordinator_tile_report *tile = &slot->tile_reports[result->tiles[i]];
        if (tile->rank == worker + 1)
            tile->begin_us = begin_us;
        begin_us += result->tile_us[i];
    }
}

static bool clock_sane(const struct proto_result *result)
{
    return result->received_us <= result->started_us && result->started_us <= result->finished_us;
}

int core_slot_result(struct coordinator_core *core, struct core_slot *slot, int worker,
                     const struct proto_result *result)
{
    struct core_round *round = core_round_at(slot, result->assignment);
    const uint32_t done = slot->done;
    if (!round || round->of[worker].state == ASSIGNMENT_NONE)
        return PROTO_INVALID; /* it was never asked */
    if (round->of[worker].state == ASSIGNMENT_ANSWERED) {
        core->events.duplicates++;
        return PROTO_OK;
    }
    struct core_assignment *assignment = &round->of[worker];
    const struct partition_share *share = &round->shares->plan->shares[worker];
    int status = result->status;
    if (!status) /* of another plan, though this frame was asked for: garbled on the way */
        status = clock_sane(result) && result->plan == core->geometry->number
                     ? result_absorb(core, slot, worker, result)
                     : PROTO_INVALID;
    if (status) {
        slot->tries[worker]++;
    } else {
        timing_add(core, slot, worker, assignment, result);
        core_cost_learn(core, worker, result);
        if (result->tile_count < share->tile_count)
            slot->tries[worker]++;
        if (slot->done == done && share->tile_count > 0)
            core->events.duplicates++;
    }
    assignment->state = ASSIGNMENT_ANSWERED;
    return status;
}

bool core_slot_next(struct coordinator_core *core, int index, struct coordinator_action *action)
{
    struct core_slot *slot = &core->slots[index];
    for (uint32_t r = 0; slot->state == SLOT_RUNNING && r < slot->rounds; r++) {
        struct core_round *round = core_round_at(slot, r);
        for (int w = 0; w < core->settings.workers; w++) {
            const struct partition_share *share = &round->shares->plan->shares[w];
            if (round->of[w].state != ASSIGNMENT_DUE)
                continue;
            round->of[w] = (struct core_assignment){ASSIGNMENT_OUT, core->now_us};
            slot->parts[w].bytes += share->pixel_bytes;
            core_watch_sent(core, w, slot->in.seq, r, core_cost_share_us(core, w, share));
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
        const struct core_round *round = core_round_at(slot, assignment);
        const uint64_t begun_us = round->of[worker].sent_us;
        if (now_us > begun_us)
            slot->parts[worker].send_ms += (double)(now_us - begun_us) / 1e3;
        slot->parts[worker].link_ms +=
            (double)core_cost_sent(core, worker, round->shares->plan->shares[worker].pixel_bytes,
                                   begun_us, now_us) /
            1e3;
        if (now_us > slot->gone_us)
            slot->gone_us = now_us;
    }
}

void core_slot_release(struct core_slot *slot)
{
    core_rounds_drop(slot);
    slot->state = SLOT_FREE;
}
