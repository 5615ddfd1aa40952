/* The order of frames, and the actions; core_worker.c has the workers, core_slot.c one frame. */
#include "coordinator/core_state.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

void coordinator_core_defaults(struct coordinator_core_settings *settings)
{
    *settings = (struct coordinator_core_settings){
        .threshold = NAN,
        .workers = 1,
        .depth = 2,
        .slots = 2,
        .join_us = 60000000,
        .silence_us = 10000000,
        .strikes = 3,
    };
    partition_tile_defaults(&settings->tiles);
}

int coordinator_core_open(const struct coordinator_core_settings *settings, uint64_t now_us,
                          struct coordinator_core **out)
{
    assert(settings->workers >= 1 && settings->workers <= PROTO_WORKERS_MAX);
    assert(settings->depth >= 1 && settings->slots >= settings->depth);
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
    if (!core->workers || !core->slots || !core->order)
        goto fail;
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
    free(core->workers);
    free(core->slots);
    free(core->order);
    free(core);
}

struct core_slot *core_slot_in_order(struct coordinator_core *core, int32_t i)
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
    core_geometry_replan(core);
    return PROTO_OK;
}

/* The workers have answered the PLAN: start. The frames that waited for them are counted from here,
 * or the time a program takes to start would look like its latency. */
static void assembled(struct coordinator_core *core)
{
    core->assembling = false;
    core_geometry_replan(core);
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

/* Hand out as many waiting frames as may be in flight, in order. */
static void advance(struct coordinator_core *core)
{
    if (any_worker(core, WORKER_ABSENT))
        return;
    if (!core->ever_joined) {
        coordinator_core_abort(core, core->now_us); /* status says what kept the workers away */
        return;
    }
    for (int32_t i = 0; i < core->order_count && core->running < core->settings.depth; i++) {
        struct core_slot *slot = core_slot_in_order(core, i);
        if (slot->state != SLOT_WAITING)
            continue;
        if (!fits(core, slot)) {
            /* Tile set and merges are about to go: frames before this one are reported first. */
            if (i > 0)
                return;
            if (assemble(core, slot->in.size)) {
                core_slot_fail(core, slot, "can't plan for frames of this size");
                continue;
            }
        }
        if (core->assembling) {
            if (any_worker(core, WORKER_PREPARING))
                return;
            assembled(core);
        }
        core_slot_dispatch(core, slot);
    }
}

void core_settle(struct coordinator_core *core)
{
    for (int32_t i = 0; i < core->order_count; i++)
        core_slot_settle(core, core_slot_in_order(core, i));
    advance(core);
}

void core_time_passes(struct coordinator_core *core, uint64_t now_us)
{
    if (now_us > core->now_us)
        core->now_us = now_us;
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
    slot->state = SLOT_WAITING;
    core->order[(core->order_first + core->order_count++) % core->settings.slots] = index;
    if (frame->error)
        core_slot_fail(core, slot, frame->error);
    advance(core);
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
    if (!core->ended || core->order_count > 0 || core->done_said)
        return false;
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

uint32_t coordinator_core_tiles(const struct coordinator_core *core)
{
    return core->geometry ? core->geometry->tiles->count : 0;
}

double coordinator_core_macs_share(const struct coordinator_core *core)
{
    return core->geometry ? core->geometry->macs_share : NAN;
}
