/* The order of frames, and the actions; core_worker.c has the workers, core_slot.c one frame. */
#include "coordinator/core_state.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum { HAND_MORE = 8 }; /* assignments in hand beyond four a frame in flight: repairs */

void coordinator_core_defaults(struct coordinator_core_settings *settings)
{
    *settings = (struct coordinator_core_settings){
        .threshold = NAN,
        .workers = 1,
        .reserve = -1,
        .depth = 2,
        .slots = 2,
        .join_us = 60000000,
        .silence_us = 500000,
        .silence_max_us = 3000000,
        .starting_us = 3000000,
        .late_factor = 3.0,
        .late_us = 200000,
        .patience_us = 10000000,
        .strikes = 3,
        .bench_us = 1000000,
        .port_bytes_per_us = INFINITY,
        .replan_gain = 0.05,
        .replan_frames = 16,
        .budget_w = NAN,
    };
    partition_tile_defaults(&settings->tiles);
}

int32_t coordinator_core_in_flight_max(const struct coordinator_core_settings *settings)
{
    return settings->split == PARTITION_SPLIT_FRAME ? settings->depth * settings->workers
                                                    : settings->depth;
}

int coordinator_core_open(const struct coordinator_core_settings *settings, uint64_t now_us,
                          struct coordinator_core **out)
{
    assert(settings->workers >= 1 && settings->workers <= PROTO_WORKERS_MAX);
    assert(settings->depth >= 1 && settings->slots >= coordinator_core_in_flight_max(settings));
    struct coordinator_core *core = calloc(1, sizeof *core);
    int status = PROTO_NO_MEMORY;
    if (!core)
        return status;
    core->settings = *settings;
    if (isnan(core->settings.threshold))
        core->settings.threshold = settings->model->threshold;
    core->start_us = core->now_us = now_us;
    core->workers = calloc((size_t)settings->workers, sizeof *core->workers);
    core->slots = calloc((size_t)settings->slots, sizeof *core->slots);
    core->order = calloc((size_t)settings->slots, sizeof *core->order);
    core->able = calloc((size_t)settings->workers, sizeof *core->able);
    core->costs = calloc((size_t)settings->workers, sizeof *core->costs);
    core->in_flight_max = coordinator_core_in_flight_max(settings);
    core->hand_max = HAND_MORE + 4 * settings->depth;
    if (!core->workers || !core->slots || !core->order || !core->able || !core->costs)
        goto fail;
    for (int32_t w = 0; w < settings->workers; w++) {
        core->workers[w].hand = calloc((size_t)core->hand_max, sizeof *core->workers[w].hand);
        if (!core->workers[w].hand)
            goto fail;
    }
    for (int32_t i = 0; i < settings->slots; i++) {
        status = core_slot_init(core, &core->slots[i]);
        if (status)
            goto fail;
    }
    *out = core;
    return PROTO_OK;
fail:
    coordinator_core_close(core);
    return status;
}

void coordinator_core_close(struct coordinator_core *core)
{
    if (!core)
        return;
    for (int32_t i = 0; core->slots && i < core->settings.slots; i++)
        core_slot_free(&core->slots[i]);
    if (core->slots)
        core_geometry_close(core);
    for (int32_t w = 0; core->workers && w < core->settings.workers; w++)
        free(core->workers[w].hand);
    free(core->workers);
    free(core->able);
    free(core->costs);
    free(core->slots);
    free(core->order);
    free(core);
}

struct core_slot *core_slot_in_order(const struct coordinator_core *core, int32_t i)
{
    return &core->slots[core->order[(core->order_first + i) % core->settings.slots]];
}

static bool any_worker(const struct coordinator_core *core, enum worker_state state)
{
    for (int32_t w = 0; w < core->settings.workers; w++)
        if (core->workers[w].state == state)
            return true;
    return false;
}

/* Frames of another size: a new tile set, and a PLAN for everybody. */
static int assemble(struct coordinator_core *core, struct proto_size size)
{
    int status = core_geometry_open(core, size);
    if (status)
        return status;
    for (int32_t w = 0; w < core->settings.workers; w++)
        if (core_worker_in_use(&core->workers[w]) || core->workers[w].state == WORKER_UNFIT)
            core_worker_ask(core, &core->workers[w]);
    core->assembling = true;
    core->assembling_us = core->now_us;
    core_plan_renew(core);
    return PROTO_OK;
}

/* The workers have answered the PLAN: start. The frames that waited for them are counted from here,
 * or the time a program takes to start would look like its latency. */
static void assembled(struct coordinator_core *core)
{
    core->assembling = false;
    core->geometry->planned = false;
    if (core->alone_us > 0) /* getting ready does not count as being away */
        core->alone_us = core->now_us;
    core_plan_renew(core);
    for (int32_t i = 0; i < core->order_count; i++) {
        struct core_slot *slot = core_slot_in_order(core, i);
        if (slot->state == SLOT_WAITING)
            slot->in.begin_us = core->now_us;
    }
}

static bool fits(const struct coordinator_core *core, const struct core_slot *slot)
{
    const struct core_geometry *g = core->geometry;
    return g && g->pyramid.frame.w == slot->in.size.w && g->pyramid.frame.h == slot->in.size.h;
}

/* Is there a geometry for this frame? Frames of another size wait until those before are reported, then
 * all workers get another PLAN. */
static bool prepare(struct coordinator_core *core, struct core_slot *slot, int32_t place)
{
    if (!fits(core, slot)) {
        /* Tile set and merges are about to go: frames before this one are reported first. */
        if (place > 0)
            return false;
        if (assemble(core, slot->in.size)) {
            core_slot_fail(core, slot, "can't plan for frames of this size");
            return true;
        }
    }
    if (core->assembling) {
        if (any_worker(core, WORKER_PREPARING))
            return false;
        assembled(core);
    }
    return true;
}

/* Is there power for it by now? Otherwise the plan's reference is given back. */
static bool fed(struct coordinator_core *core, struct core_slot *slot, struct core_shares *shares)
{
    const uint64_t next_us = core_power_next_us(core, shares);
    if (core->now_us < next_us) {
        if (slot->held_us == 0)
            slot->held_us = core->now_us;
        slot->held_until_us = next_us;
        core_shares_drop(shares);
        return false;
    }
    /* Timers are a little late: the next one is counted from when this one was due. */
    core->power.last_us = core->now_us - next_us < 3000 ? next_us : core->now_us;
    return true;
}

/* Hand out as many waiting frames as may be in flight, in order. */
static void advance(struct coordinator_core *core)
{
    if (any_worker(core, WORKER_ABSENT))
        return;
    if (!core->ever_joined) {
        coordinator_core_abort(core, core->now_us); /* status says what kept the workers away */
        return;
    }
    for (int32_t i = 0; i < core->order_count; i++) {
        struct core_slot *slot = core_slot_in_order(core, i);
        struct core_shares *shares = NULL;
        if (slot->state != SLOT_WAITING)
            continue;
        if (!prepare(core, slot, i))
            return;
        if (slot->state != SLOT_WAITING)
            continue;
        if (core->now_us >= core_slot_deadline_us(core, slot)) {
            core_slot_cut(core, slot);
            continue;
        }
        if (core->running >= core->in_flight_max || !core_plan_next(core, slot, &shares))
            return;
        if (shares && !fed(core, slot, shares))
            return;
        core_slot_dispatch(core, slot, shares);
    }
}

/* Since when can nobody work? And where somebody in time can, the tiles of those who are late are his. */
static void look_around(struct coordinator_core *core)
{
    bool able = false, in_time = false;
    for (int32_t w = 0; w < core->settings.workers; w++) {
        const struct core_worker *worker = &core->workers[w];
        able |= core_worker_able(worker);
        in_time |= core_worker_able(worker) && !worker->late;
    }
    if (able)
        core->alone_us = 0;
    else if (core->alone_us == 0)
        core->alone_us = core->now_us;
    for (int32_t w = 0; in_time && w < core->settings.workers; w++)
        if (core->workers[w].late)
            core_worker_withdraw(core, w, NULL);
}

void core_settle(struct coordinator_core *core)
{
    look_around(core);
    for (int32_t i = 0; i < core->order_count; i++)
        core_slot_settle(core, core_slot_in_order(core, i));
    advance(core);
}

void coordinator_core_frame(struct coordinator_core *core, int index,
                            const struct coordinator_core_frame *frame, uint64_t now_us)
{
    struct core_slot *slot = &core->slots[index];
    assert(slot->state == SLOT_FREE);
    core_time_passes(core, now_us);
    if (core->ended)
        return; /* read while the run was being given up */
    slot->in = *frame;
    slot->held_us = 0;
    slot->state = SLOT_WAITING;
    core->order[(core->order_first + core->order_count++) % core->settings.slots] = index;
    if (frame->error)
        core_slot_fail(core, slot, frame->error);
    core_settle(core);
}

/* When a waiting frame is due: at its deadline, or when nobody will come any more to search it. */
static uint64_t waiting_due_us(const struct coordinator_core *core, const struct core_slot *slot)
{
    uint64_t due_us = UINT64_MAX;
    if (any_worker(core, WORKER_ABSENT) || core->assembling || !fits(core, slot))
        return due_us;
    due_us = core_slot_deadline_us(core, slot);
    if (slot->held_us > 0 && core->running < core->in_flight_max && slot->held_until_us < due_us)
        due_us = slot->held_until_us > core->now_us ? slot->held_until_us : due_us;
    if (core->alone_us > 0 && core->running < core->in_flight_max) {
        const uint64_t until_us = core->alone_us + core_worker_hope_us(core);
        due_us = until_us < due_us ? until_us : due_us;
    }
    return due_us;
}

uint64_t coordinator_core_deadline_us(const struct coordinator_core *core)
{
    uint64_t first = UINT64_MAX;
    if (core->ended && core->order_count == 0)
        return first;
    for (int32_t w = 0; w < core->settings.workers; w++) {
        const uint64_t due = core_watch_due_us(core, w);
        first = due < first ? due : first;
    }
    bool waiting = false;
    for (int32_t i = 0; i < core->order_count && !waiting; i++) {
        const struct core_slot *slot = core_slot_in_order(core, i);
        waiting = slot->state == SLOT_WAITING; /* those behind it have their turn after it */
        const uint64_t due = waiting ? waiting_due_us(core, slot) : core_slot_due_us(core, slot);
        first = due < first ? due : first;
    }
    return first;
}

void coordinator_core_timer(struct coordinator_core *core, uint64_t now_us)
{
    core_time_passes(core, now_us);
    for (int w = 0; w < core->settings.workers; w++)
        core_watch_check(core, w);
    core_settle(core);
}

void coordinator_core_end(struct coordinator_core *core, uint64_t now_us)
{
    core_time_passes(core, now_us);
    core->ended = true;
}

void coordinator_core_abort(struct coordinator_core *core, uint64_t now_us)
{
    coordinator_core_end(core, now_us);
    for (; core->order_count > 0; core->order_count--) {
        core_slot_release(core_slot_in_order(core, 0));
        core->order_first = (core->order_first + 1) % core->settings.slots;
    }
    core->running = 0;
}

static bool next_to_worker(struct coordinator_core *core, struct coordinator_action *action)
{
    for (int w = 0; w < core->settings.workers; w++) {
        struct core_worker *worker = &core->workers[w];
        if (worker->stop_due) {
            worker->stop_due = false;
            worker->stopped = true;
            *action = (struct coordinator_action){
                .kind = COORDINATOR_SEND_STOP, .worker = w, .status = worker->stop_status};
            return true;
        }
        if (worker->plan_due) {
            worker->plan_due = false;
            core_geometry_plan_message(core, w, &core->plan_message);
            *action = (struct coordinator_action){
                .kind = COORDINATOR_SEND_PLAN, .worker = w, .plan = &core->plan_message};
            return true;
        }
    }
    return false;
}

/* The oldest frame is reported once it is finished, then its slot is free. */
static bool next_report(struct coordinator_core *core, struct coordinator_action *action)
{
    if (core->order_count == 0)
        return false;
    const int index = core->order[core->order_first];
    struct core_slot *slot = &core->slots[index];
    if (slot->state == SLOT_FINISHED) {
        core_slot_report(core, slot);
        slot->state = SLOT_REPORTED;
        *action = (struct coordinator_action){
            .kind = COORDINATOR_REPORT, .slot = index, .report = &slot->report};
        return true;
    }
    if (slot->state == SLOT_REPORTED) {
        core_slot_release(slot);
        core->order_first = (core->order_first + 1) % core->settings.slots;
        core->order_count--;
        *action = (struct coordinator_action){.kind = COORDINATOR_RELEASE, .slot = index};
        advance(core); /* a frame of another size may have waited for this */
        return true;
    }
    return false;
}

bool coordinator_core_next(struct coordinator_core *core, struct coordinator_action *action)
{
    if (next_to_worker(core, action))
        return true;
    for (int32_t i = 0; i < core->order_count; i++)
        if (core_slot_next(core, core->order[(core->order_first + i) % core->settings.slots],
                           action))
            return true;
    if (next_report(core, action))
        return true;
    if (!core->ended || core->order_count > 0 || core->done_said) {
        core_plan_idle(core);
        return false;
    }
    if (!core->stops_said) {
        core->stops_said = true;
        for (int32_t w = 0; w < core->settings.workers; w++)
            core->workers[w].stop_due = !core->workers[w].stopped;
        if (next_to_worker(core, action))
            return true;
    }
    core->done_said = true;
    *action = (struct coordinator_action){.kind = COORDINATOR_DONE,
                                          .status = core->ever_joined ? PROTO_OK : core->status};
    return true;
}
