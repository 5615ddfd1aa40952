/* Workers and the order of frames; core_slot.c has what happens to one frame. */
#include "coordinator/core_state.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/log.h"

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

static struct core_slot *slot_in_order(struct coordinator_core *core, int32_t i)
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

static bool in_use(const struct core_worker *worker)
{
    return worker->state == WORKER_JOINED || worker->state == WORKER_PREPARING ||
           worker->state == WORKER_READY;
}

/* Ask for READY, unless this worker has given it for this very PLAN. */
static void worker_ask(struct coordinator_core *core, struct core_worker *worker)
{
    if (!core->geometry) {
        worker->state = WORKER_JOINED;
    } else if (worker->plan == core->geometry->number) {
        worker->state = WORKER_READY;
    } else {
        worker->state = WORKER_PREPARING;
        worker->plan_due = true;
    }
}

/* Frames of another size: a new tile set, and a PLAN for everybody. */
static int assemble(struct coordinator_core *core, struct proto_size size)
{
    int status = core_geometry_open(core, size);
    if (status)
        return status;
    for (int32_t w = 0; w < core->settings.workers; w++)
        if (in_use(&core->workers[w]) || core->workers[w].state == WORKER_UNFIT)
            worker_ask(core, &core->workers[w]);
    core->assembling = true;
    core->assembling_us = core->now_us;
    core_geometry_replan(core);
    return PROTO_OK;
}

/* The workers have answered the PLAN: start. The frames that waited for them are counted from here, or
 * the time a program takes to start would look like its latency. */
static void assembled(struct coordinator_core *core)
{
    core->assembling = false;
    core_geometry_replan(core);
    for (int32_t i = 0; i < core->order_count; i++) {
        struct core_slot *slot = slot_in_order(core, i);
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
        struct core_slot *slot = slot_in_order(core, i);
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

static void settle_all(struct coordinator_core *core)
{
    for (int32_t i = 0; i < core->order_count; i++)
        core_slot_settle(core, slot_in_order(core, i));
    advance(core);
}

static void time_passes(struct coordinator_core *core, uint64_t now_us)
{
    if (now_us > core->now_us)
        core->now_us = now_us;
}

/* A worker leaves the plan: its tiles go to others at once. */
static void worker_drop(struct coordinator_core *core, int w, enum worker_state state)
{
    struct core_worker *worker = &core->workers[w];
    worker->state = state;
    worker->plan_due = false;
    for (int32_t i = 0; i < core->order_count; i++)
        core_slot_worker_lost(slot_in_order(core, i), w);
    if (core->geometry && !core->assembling)
        core_geometry_replan(core);
    settle_all(core);
}

static void worker_refuse(struct coordinator_core *core, int w, int32_t status)
{
    core->workers[w].stop_due = true;
    core->workers[w].stop_status = status;
    if (!core->ever_joined && !core->status)
        core->status = status;
    worker_drop(core, w, WORKER_REFUSED);
}

/* Something came from this worker: one that was given up is back. */
static void worker_heard(struct coordinator_core *core, int w)
{
    struct core_worker *worker = &core->workers[w];
    worker->heard_us = core->now_us;
    if (worker->state != WORKER_LOST || !worker->host[0])
        return;
    proto_log_warn("coordinator", "rank %d on %s is back", w + 1, worker->host);
    worker_ask(core, worker);
    if (worker->state == WORKER_READY && !core->assembling)
        core_geometry_replan(core);
}

static void kernels_compare(struct coordinator_core *core, int w)
{
    const struct core_worker *worker = &core->workers[w];
    for (int32_t i = 0; i < core->settings.workers && !core->kernels_warned; i++) {
        const struct core_worker *other = &core->workers[i];
        if (i == w || !in_use(other) || strcmp(worker->kernels, other->kernels) == 0)
            continue;
        core->kernels_warned = true;
        proto_log_warn("coordinator",
                       "rank %d on %s computes with %s, rank %d on %s with %s: the same answer to "
                       "the last bit is not promised",
                       w + 1, worker->host, worker->kernels, i + 1, other->host, other->kernels);
    }
}

void coordinator_core_joined(struct coordinator_core *core, int w, const struct proto_hello *hello,
                             uint64_t now_us)
{
    struct core_worker *worker = &core->workers[w];
    time_passes(core, now_us);
    if (worker->state == WORKER_REFUSED)
        return;
    if (in_use(worker)) /* it was started anew, and knows nothing of what it was sent */
        coordinator_core_lost(core, w, "it was restarted", core->now_us);
    worker->heard_us = core->now_us;
    snprintf(worker->host, sizeof worker->host, "%s", hello->host);
    snprintf(worker->device, sizeof worker->device, "%s", hello->device);
    snprintf(worker->kernels, sizeof worker->kernels, "%s", hello->kernels);
    if (hello->version != PROTO_WIRE_VERSION) {
        proto_log_error("coordinator", "rank %d on %s speaks protocol version %u, this is %d",
                        w + 1, worker->host, hello->version, PROTO_WIRE_VERSION);
        worker_refuse(core, w, PROTO_VERSION);
        return;
    }
    if (strcmp(hello->model_hash, core->settings.model->hash) != 0) {
        proto_log_error("coordinator",
                        "rank %d on %s has another model (%.12s, here %.12s): refused", w + 1,
                        worker->host, hello->model_hash, core->settings.model->hash);
        worker_refuse(core, w, PROTO_MISMATCH);
        return;
    }
    core->ever_joined = true;
    worker->plan = 0; /* a restarted process knows no plan */
    worker_ask(core, worker);
    kernels_compare(core, w);
    settle_all(core);
}

void coordinator_core_ready(struct coordinator_core *core, int w, const struct proto_ready *ready,
                            uint64_t now_us)
{
    struct core_worker *worker = &core->workers[w];
    time_passes(core, now_us);
    worker_heard(core, w);
    if (worker->state == WORKER_ABSENT && ready->status) {
        proto_log_error("coordinator", "rank %d can't work: %s%s%s", w + 1,
                        proto_status_text(ready->status), ready->text ? ": " : "",
                        ready->text ? ready->text : "");
        worker_refuse(core, w, ready->status);
        return;
    }
    if (worker->state != WORKER_PREPARING || !core->geometry ||
        ready->plan != core->geometry->number)
        return; /* an answer to an older PLAN */
    if (ready->status) {
        proto_log_error("coordinator", "rank %d on %s can't work with frames of %d x %d: %s (%s)",
                        w + 1, worker->host, core->geometry->pyramid.frame.w,
                        core->geometry->pyramid.frame.h, proto_status_text(ready->status),
                        ready->text ? ready->text : "");
        worker_drop(core, w, WORKER_UNFIT);
        return;
    }
    worker->plan = ready->plan;
    worker->memory_bytes = ready->memory_bytes;
    worker->state = WORKER_READY;
    if (!core->assembling) /* one that came back while the others went on */
        core_geometry_replan(core);
    settle_all(core);
}

static struct core_slot *slot_of(struct coordinator_core *core, uint64_t seq)
{
    for (int32_t i = 0; i < core->order_count; i++) {
        struct core_slot *slot = slot_in_order(core, i);
        if (slot->state == SLOT_RUNNING && slot->in.seq == seq)
            return slot;
    }
    return NULL;
}

static void speed_learn(struct coordinator_core *core, struct core_worker *worker,
                        const struct proto_result *result)
{
    uint64_t macs = 0;
    const double us = (double)(result->finished_us - result->started_us);
    for (uint32_t i = 0; i < result->tile_count; i++)
        macs += core->geometry->tiles->tile[result->tiles[i]].macs;
    if (us <= 0.0)
        return;
    const double speed = (double)macs / us;
    worker->macs_per_us += worker->macs_per_us > 0.0 ? 0.2 * (speed - worker->macs_per_us) : speed;
}

void coordinator_core_result(struct coordinator_core *core, int w,
                             const struct proto_result *result, uint64_t now_us)
{
    struct core_worker *worker = &core->workers[w];
    time_passes(core, now_us);
    if (worker->state == WORKER_REFUSED)
        return;
    worker_heard(core, w);
    struct core_slot *slot = slot_of(core, result->seq);
    if (!slot || result->plan != core->geometry->number)
        return; /* its frame is reported already: another worker's answer came first */
    int status = core_slot_result(core, slot, w, result);
    if (!status) {
        worker->strikes = 0;
        speed_learn(core, worker, result);
    } else {
        proto_log_error("coordinator", "rank %d on %s failed on frame %llu: %s (%s)", w + 1,
                        worker->host, (unsigned long long)result->seq, proto_status_text(status),
                        result->text ? result->text : "");
        if (++worker->strikes >= core->settings.strikes) {
            proto_log_error("coordinator",
                            "rank %d on %s failed %d times in a row: it gets no more work", w + 1,
                            worker->host, worker->strikes);
            worker_refuse(core, w, status);
            return;
        }
    }
    settle_all(core);
}

void coordinator_core_beat(struct coordinator_core *core, int w, const struct proto_beat *beat,
                           uint64_t now_us)
{
    (void)beat; /* what it says is not needed yet: that it came is */
    time_passes(core, now_us);
    worker_heard(core, w);
    settle_all(core);
}

void coordinator_core_lost(struct coordinator_core *core, int w, const char *why, uint64_t now_us)
{
    struct core_worker *worker = &core->workers[w];
    time_passes(core, now_us);
    if (worker->state == WORKER_LOST || worker->state == WORKER_REFUSED)
        return;
    proto_log_error("coordinator", "rank %d on %s is lost: %s", w + 1,
                    worker->host[0] ? worker->host : "an unknown host", why);
    if (!core->ever_joined && !core->status)
        core->status = PROTO_LOST;
    worker_drop(core, w, WORKER_LOST);
}

void coordinator_core_frame(struct coordinator_core *core, int index,
                            const struct coordinator_core_frame *frame, uint64_t now_us)
{
    struct core_slot *slot = &core->slots[index];
    assert(slot->state == SLOT_FREE);
    time_passes(core, now_us);
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
    time_passes(core, now_us);
    core->ended = true;
}

void coordinator_core_abort(struct coordinator_core *core, uint64_t now_us)
{
    coordinator_core_end(core, now_us);
    for (; core->order_count > 0; core->order_count--) {
        core_slot_release(slot_in_order(core, 0));
        core->order_first = (core->order_first + 1) % core->settings.slots;
    }
    core->running = 0;
}

/* When a worker in this state counts as lost; UINT64_MAX: never. */
static uint64_t worker_deadline(const struct coordinator_core *core,
                                const struct core_worker *worker)
{
    const struct coordinator_core_settings *s = &core->settings;
    uint64_t deadline = UINT64_MAX;
    if (worker->state == WORKER_ABSENT)
        return core->start_us + s->join_us;
    if (worker->state == WORKER_PREPARING && core->assembling)
        deadline = core->assembling_us + s->join_us;
    if (in_use(worker) && s->silence_us > 0 && worker->heard_us + s->silence_us < deadline)
        deadline = worker->heard_us + s->silence_us;
    return deadline;
}

uint64_t coordinator_core_deadline_us(const struct coordinator_core *core)
{
    uint64_t first = UINT64_MAX;
    for (int32_t w = 0; w < core->settings.workers; w++) {
        const uint64_t deadline = worker_deadline(core, &core->workers[w]);
        first = deadline < first ? deadline : first;
    }
    return core->ended && core->order_count == 0 ? UINT64_MAX : first;
}

void coordinator_core_timer(struct coordinator_core *core, uint64_t now_us)
{
    char why[96];
    time_passes(core, now_us);
    for (int w = 0; w < core->settings.workers; w++) {
        const struct core_worker *worker = &core->workers[w];
        if (worker_deadline(core, worker) > core->now_us)
            continue;
        if (worker->state == WORKER_ABSENT)
            snprintf(why, sizeof why, "no sign of it in %.1f s",
                     (double)core->settings.join_us / 1e6);
        else
            snprintf(why, sizeof why, "silent for %.1f s",
                     (double)(core->now_us - worker->heard_us) / 1e6);
        coordinator_core_lost(core, w, why, core->now_us);
    }
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

void coordinator_core_worker(const struct coordinator_core *core, int w,
                             struct coordinator_run_worker *out)
{
    const struct core_worker *worker = &core->workers[w];
    *out = (struct coordinator_run_worker){
        .rank = w + 1,
        .host = worker->host,
        .device = worker->device,
        .kernels = worker->kernels,
        .memory_bytes = worker->memory_bytes,
    };
}

uint32_t coordinator_core_tiles(const struct coordinator_core *core)
{
    return core->geometry ? core->geometry->tiles->count : 0;
}
