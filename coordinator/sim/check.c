/* The rules. */
#include "coordinator/sim/check.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/sim/answer.h"
#include "coordinator/sim/state.h"
#include "proto/status.h"

int sim_check_open(struct sim *sim)
{
    struct sim_check *check = &sim->check;
    const size_t boards = (size_t)sim->settings.board_count;
    bool *faulty = calloc(boards, sizeof *faulty);
    check->answered = calloc((size_t)sim->settings.core.slots, sizeof *check->answered);
    check->peers = calloc(boards, sizeof *check->peers);
    if (!check->answered || !check->peers || !faulty) {
        free(faulty);
        return PROTO_NO_MEMORY;
    }
    for (int i = 0; i < sim->settings.fault_count; i++)
        if (sim->settings.faults[i].board >= 0)
            faulty[sim->settings.faults[i].board] = true;
    for (size_t b = 0; b < boards; b++)
        check->sound |= !faulty[b];
    free(faulty);
    return PROTO_OK;
}

void sim_check_close(struct sim *sim)
{
    struct sim_check *check = &sim->check;
    for (int32_t s = 0; check->answered && s < sim->settings.core.slots; s++)
        free(check->answered[s].tiles);
    partition_merge_close(check->merge);
    sim_plan_free(&check->plan);
    free(check->answered);
    free(check->peers);
}

/* ---- frames ---- */

void sim_check_frame_read(struct sim *sim, int slot)
{
    struct sim_answered *answered = &sim->check.answered[slot];
    answered->seq = sim->slots[slot].in.seq;
    answered->tainted = false;
    if (answered->tiles)
        memset(answered->tiles, SIM_OPEN, sim->check.tiles_cap);
}

/* The slot that holds a readable frame of this number, or -1. */
static int slot_of(const struct sim *sim, uint64_t seq)
{
    for (int32_t s = 0; s < sim->settings.core.slots; s++)
        if (sim->slots[s].used && sim->slots[s].in.seq == seq && !sim->slots[s].in.error)
            return s;
    return -1;
}

static void taint(struct sim *sim, uint64_t seq)
{
    const int slot = slot_of(sim, seq);
    if (slot >= 0)
        sim->check.answered[slot].tainted = true;
}

/* ---- PLANs ---- */

static bool same_tiles(const struct sim_plan *plan, const struct proto_plan *message)
{
    bool same = plan->number > 0 && plan->pyramid.frame.w == message->frame.w &&
                plan->pyramid.frame.h == message->frame.h &&
                plan->tiles.count == message->tile_count;
    for (uint32_t i = 0; same && i < message->tile_count; i++) {
        const struct partition_tile *tile = &plan->tiles.tile[i];
        const struct proto_plan_tile *wire = &message->tiles[i];
        same = tile->level == (int32_t)wire->level && tile->cells.x == (int32_t)wire->col0 &&
               tile->cells.y == (int32_t)wire->row0 && tile->cells.w == (int32_t)wire->cols &&
               tile->cells.h == (int32_t)wire->rows;
    }
    return same;
}

static int plan_change(struct sim *sim, const struct proto_plan *message)
{
    struct sim_check *check = &sim->check;
    const struct coordinator_core_settings *core = &sim->settings.core;
    const float threshold = isnan(core->threshold) ? core->model->threshold : core->threshold;
    partition_merge_close(check->merge);
    check->merge = NULL;
    int status = sim_plan_set(&check->plan, core->model, message);
    if (!status)
        status = partition_merge_open(&check->plan.pyramid, core->model, &check->plan.tiles,
                                      threshold, &check->merge);
    for (int32_t s = 0; !status && s < core->slots; s++) {
        free(check->answered[s].tiles);
        check->answered[s].tiles = calloc(message->tile_count + 1u, 1);
        status = check->answered[s].tiles ? PROTO_OK : PROTO_NO_MEMORY;
    }
    check->tiles_cap = status ? 0 : message->tile_count;
    return status;
}

void sim_check_plan(struct sim *sim, int worker, const struct proto_plan *message)
{
    struct sim_check *check = &sim->check;
    if (check->peers[worker].stopped)
        sim_break(sim, "rank %d is sent a PLAN after STOP", worker + 1);
    if (message->plan < check->plan.number)
        sim_break(sim, "rank %d is sent PLAN %u after %u was made", worker + 1, message->plan,
                  check->plan.number);
    if (same_tiles(&check->plan, message)) {
        check->plan.number = message->plan;
        return;
    }
    if (message->plan == check->plan.number)
        sim_break(sim, "PLAN %u has two tile sets", message->plan);
    if (plan_change(sim, message))
        sim_break(sim, "PLAN %u can't be", message->plan);
}

/* ---- FRAMEs ---- */

static void check_tiles(struct sim *sim, int worker, const struct proto_frame *frame)
{
    const struct sim_plan *plan = &sim->check.plan;
    struct proto_sampling sampling;
    for (uint32_t i = 0; i < frame->tile_count; i++) {
        const uint32_t t = frame->tiles[i];
        if (t >= plan->tiles.count) {
            sim_break(sim, "frame %" PRIu64 ": rank %d is asked for tile %u of %u", frame->seq,
                      worker + 1, t, plan->tiles.count);
            return;
        }
        const struct proto_band band = plan->tiles.tile[t].band;
        if (band.y0 < band.y1 &&
            partition_band_find(&plan->pyramid, frame->bands, frame->band_count, band, &sampling))
            sim_break(sim, "frame %" PRIu64 ": rank %d is asked for tile %u without its pixels",
                      frame->seq, worker + 1, t);
    }
    if (frame->pixel_bytes != partition_band_bytes(&plan->pyramid, frame->bands, frame->band_count))
        sim_break(sim, "frame %" PRIu64 ": the bands of rank %d and their bytes differ", frame->seq,
                  worker + 1);
}

void sim_check_frame(struct sim *sim, const struct coordinator_action *action)
{
    /* Round 0 of as many frames as may be in flight, and what was asked again or came too late. */
    enum { OUT_MAX = 4, OUT_MORE = 8 };
    const struct proto_frame *frame = action->frame;
    struct sim_peer *peer = &sim->check.peers[action->worker];
    const struct sim_slot *slot = &sim->slots[action->slot];
    const char *wrong = NULL;
    if (!peer->joined)
        wrong = "it has not said HELLO";
    else if (peer->stopped)
        wrong = "it was told to stop";
    else if (frame->plan != sim->check.plan.number)
        wrong = "it is of another plan";
    else if (peer->ready != frame->plan)
        wrong = "it has not said READY";
    else if (!slot->used || slot->in.seq != frame->seq || slot->in.error)
        wrong = "its slot holds another frame";
    else if (frame->tile_count == 0)
        wrong = "there is nothing to do";
    else if (sim->boards[action->worker].frames >=
             (uint32_t)(OUT_MAX * sim->settings.core.depth + OUT_MORE))
        wrong = "too many others are still on their way to it or in its queue";
    if (wrong)
        sim_break(sim, "rank %d is sent FRAME %" PRIu64 ", but %s", action->worker + 1, frame->seq,
                  wrong);
    else
        check_tiles(sim, action->worker, frame);
}

void sim_check_stop(struct sim *sim, int worker)
{
    struct sim_peer *peer = &sim->check.peers[worker];
    if (peer->stopped)
        sim_break(sim, "rank %d is told to stop twice", worker + 1);
    peer->stopped = true;
    peer->stopped_us = sim->now_us;
    peer->refused = !sim->input_ended;
    peer->wronged = peer->refused && !sim->boards[worker].spoilt;
}

/* ---- what workers say ---- */

void sim_check_joined(struct sim *sim, int worker, const struct sim_packet *packet)
{
    struct sim_peer *peer = &sim->check.peers[worker];
    peer->joined = true;
    peer->ready = 0;
    if (!packet->spoiled)
        peer->life = packet->life;
}

void sim_check_ready(struct sim *sim, int worker, const struct proto_ready *ready)
{
    uint32_t *last = &sim->check.peers[worker].ready;
    if (!ready->status && ready->plan > *last) /* a faulty network brings an older one later */
        *last = ready->plan;
}

void sim_check_malformed(struct sim *sim, int worker, const struct sim_packet *packet)
{
    if (!packet->spoiled)
        sim_break(sim, "rank %d: a message that nobody spoiled can't be read", worker + 1);
}

void sim_check_result(struct sim *sim, int worker, const struct proto_result *result,
                      const struct sim_packet *packet)
{
    struct sim_check *check = &sim->check;
    struct sim_peer *peer = &check->peers[worker];
    const int slot = slot_of(sim, result->seq);
    if (packet->spoiled) {
        taint(sim, result->seq);
        taint(sim, packet->seq);
        return;
    }
    if (slot < 0 || result->plan != check->plan.number || result->status)
        return;
    const bool clock_sane =
        result->received_us <= result->started_us && result->started_us <= result->finished_us;
    const uint8_t certainty = clock_sane && !peer->refused ? SIM_ANSWERED : SIM_MAYBE;
    for (uint32_t i = 0; i < result->tile_count; i++) {
        uint8_t *tile = &check->answered[slot].tiles[result->tiles[i]];
        *tile = *tile > certainty ? *tile : certainty;
    }
}

/* ---- reports ---- */

struct counts {
    uint32_t all, answered, maybe, done;
};

static void check_parts(struct sim *sim, const struct coordinator_frame_report *report,
                        uint32_t done)
{
    uint64_t tiles = 0, macs = 0;
    for (uint32_t w = 0; w < report->worker_count; w++) {
        tiles += report->workers[w].tiles;
        macs += report->workers[w].macs;
    }
    if (tiles != done)
        sim_break(sim,
                  "frame %" PRIu64 ": its workers' parts are %" PRIu64 " tiles, coverage says "
                  "%u",
                  report->seq, tiles, done);
    if (done == sim->check.plan.tiles.count && macs != sim->check.plan.tiles.macs)
        sim_break(sim, "frame %" PRIu64 ": its workers' parts don't add up to all MACs",
                  report->seq);
}

/* Which levels are named as missing, where that is certain. */
static void check_missing(struct sim *sim, const struct sim_answered *answered,
                          const struct coordinator_frame_report *report)
{
    const struct partition_tiles *tiles = &sim->check.plan.tiles;
    uint64_t open = 0, named = 0;
    for (uint32_t t = 0; t < tiles->count; t++)
        if (answered->tiles[t] == SIM_OPEN)
            open |= (uint64_t)1 << tiles->tile[t].level;
    for (uint32_t i = 0; i < report->missing_count; i++)
        named |= (uint64_t)1 << report->missing[i];
    if (open != named)
        sim_break(sim,
                  "frame %" PRIu64 ": levels %" PRIx64 " are missing, %" PRIx64 " are named (bits)",
                  report->seq, open, named);
}

/* The merge of the tiles that were answered, or of all. */
static void check_detections(struct sim *sim, const struct sim_answered *answered,
                             const struct coordinator_frame_report *report, bool all)
{
    struct sim_check *check = &sim->check;
    const float candidate = sim->settings.core.model->candidate_threshold;
    struct proto_survivor list[SIM_ANSWER_MAX];
    const struct proto_detection *expected;
    uint32_t count = 0;
    partition_merge_reset(check->merge);
    for (uint32_t t = 0; t < check->plan.tiles.count; t++) {
        const struct partition_tile *tile = &check->plan.tiles.tile[t];
        const struct proto_tile_area area = partition_tile_area(&check->plan.pyramid, tile);
        if (!all && answered->tiles[t] == SIM_OPEN)
            continue;
        const uint32_t found =
            sim_answer(sim->settings.seed, report->seq, &area, tile->level, candidate, list);
        if (partition_merge_add(check->merge, list, found))
            sim_break(sim, "the simulator's own answers can't be merged");
    }
    partition_merge_finish(check->merge, &expected, &count);
    if (count != report->detection_count ||
        (count && memcmp(expected, report->detections, count * sizeof *expected) != 0))
        sim_break(sim, "frame %" PRIu64 ": %u persons, not the %u of %s", report->seq,
                  report->detection_count, count,
                  all ? "a run without faults" : "the tiles that were answered");
}

static struct counts count_tiles(const struct sim *sim, const struct sim_answered *answered,
                                 double coverage)
{
    struct counts counts = {.all = sim->check.plan.tiles.count};
    for (uint32_t t = 0; t < counts.all; t++) {
        counts.answered += answered->tiles[t] == SIM_ANSWERED;
        counts.maybe += answered->tiles[t] != SIM_OPEN;
    }
    counts.done = (uint32_t)lround(coverage * counts.all);
    return counts;
}

static void check_searched(struct sim *sim, int slot, const struct coordinator_frame_report *report)
{
    const struct sim_answered *answered = &sim->check.answered[slot];
    const struct counts n = count_tiles(sim, answered, report->coverage);
    const bool certain = n.answered == n.maybe;
    if (answered->tainted)
        return;
    if (n.done < n.answered || n.done > n.maybe)
        sim_break(sim, "frame %" PRIu64 ": coverage says %u of %u tiles, %u were answered",
                  report->seq, n.done, n.all, n.answered);
    check_parts(sim, report, n.done);
    if (certain)
        check_missing(sim, answered, report);
    if (sim->settings.answers == SIM_ANSWERS_RANDOM && (certain || n.done == n.all))
        check_detections(sim, answered, report, n.done == n.all);
    if (n.done == n.all && report->error)
        sim_break(sim, "frame %" PRIu64 " is complete, with an error: %s", report->seq,
                  report->error);
}

void sim_check_report(struct sim *sim, int slot, const struct coordinator_frame_report *report)
{
    struct sim_check *check = &sim->check;
    const struct coordinator_core_frame *in = &sim->slots[slot].in;
    const struct proto_size planned = check->plan.pyramid.frame;
    if (!sim->slots[slot].used || report->seq != in->seq || report->stamp_ns != in->stamp_ns)
        sim_break(sim, "frame %" PRIu64 " is reported from a slot that does not hold it",
                  report->seq);
    if (report->seq != check->next_report)
        sim_break(sim, "frame %" PRIu64 " is reported, %" PRIu64 " was to be the next", report->seq,
                  check->next_report);
    check->next_report = report->seq + 1;
    if (in->error) {
        if (report->detection_count > 0 || report->coverage > 0.0 || !report->error)
            sim_break(sim, "frame %" PRIu64 " could not be read, yet it was searched", report->seq);
        return;
    }
    if (check->sound && !(report->coverage >= 1.0))
        sim_break(sim, "frame %" PRIu64 " has coverage %g, though a rank was sound all the time",
                  report->seq, report->coverage);
    if (check->plan.number > 0 && planned.w == in->size.w && planned.h == in->size.h)
        check_searched(sim, slot, report);
    else if (report->coverage > 0.0) /* nobody was ever sent a PLAN of this size */
        sim_break(sim, "frame %" PRIu64 " has coverage without a PLAN", report->seq);
}

void sim_check_release(struct sim *sim, int slot)
{
    const struct sim_slot *s = &sim->slots[slot];
    if (!s->used || s->in.seq + 1 != sim->check.next_report)
        sim_break(sim, "slot %d is released before its frame is reported", slot);
}

void sim_check_done(struct sim *sim)
{
    for (int32_t b = 0; b < sim->settings.board_count; b++) {
        struct sim_peer *peer = &sim->check.peers[b];
        if (peer->stopped_us == sim->now_us)
            peer->refused = peer->wronged = false; /* the run was given up */
        if (!peer->stopped)
            sim_break(sim, "rank %d was never told to stop", b + 1);
        else if (peer->wronged)
            sim_break(sim, "rank %d was refused at %.6f s, but had done nothing wrong", b + 1,
                      (double)(peer->stopped_us - sim->start_us) / 1e6);
    }
    if (sim->outcome->done_status == PROTO_OK && sim->check.next_report != sim->next_seq)
        sim_break(sim, "%" PRIu64 " frames were read, %" PRIu64 " reported", sim->next_seq,
                  sim->check.next_report);
}

void sim_check_usable(const struct sim *sim, bool *usable)
{
    for (int32_t b = 0; b < sim->settings.board_count; b++) {
        const struct sim_board *board = &sim->boards[b];
        const struct sim_peer *peer = &sim->check.peers[b];
        const bool alive = board->state == SIM_BOARD_UP || board->state == SIM_BOARD_STOPPED;
        /* Saying goodbye counts as a new life. */
        const uint32_t life = board->life - (board->state == SIM_BOARD_STOPPED);
        usable[b] = alive && !peer->refused && peer->life == life;
    }
}
