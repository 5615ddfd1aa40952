/* The core's view of its workers: who is there, who is asked, who is given up, who comes back. */
#include "coordinator/core_state.h"

#include <stdio.h>
#include <string.h>

#include "proto/log.h"

bool core_worker_in_use(const struct core_worker *worker)
{
    return worker->state == WORKER_JOINED || worker->state == WORKER_PREPARING ||
           worker->state == WORKER_READY;
}

bool core_worker_able(const struct core_worker *worker)
{
    return worker->state == WORKER_READY && !worker->starting && worker->bench_until_us == 0;
}

static void replan(struct coordinator_core *core)
{
    if (core->geometry)
        core->geometry->replan_due = true;
}

/* Ask for READY, unless this worker has given it for this very PLAN. */
void core_worker_ask(struct coordinator_core *core, struct core_worker *worker)
{
    if (!core->geometry) {
        worker->state = WORKER_JOINED;
    } else if (worker->plan == core->geometry->number) {
        worker->state = WORKER_READY;
        replan(core);
    } else {
        worker->state = WORKER_PREPARING;
        worker->plan_due = true;
    }
}

void core_worker_withdraw(struct coordinator_core *core, int w, const struct core_hand *only)
{
    for (int32_t i = 0; i < core->order_count; i++)
        core_slot_withdraw(core_slot_in_order(core, i), w, only, ASSIGNMENT_LATE);
}

void core_worker_suspect(struct coordinator_core *core, int w, const struct core_hand *hand)
{
    struct core_worker *worker = &core->workers[w];
    proto_log_warn("coordinator",
                   "rank %d on %s is late with frame %llu: no answer in %.0f ms, predicted were "
                   "%.0f; others compute its tiles",
                   w + 1, worker->host, (unsigned long long)hand->seq,
                   (double)(core->now_us - hand->sent_us) / 1e3,
                   (hand->predicted_us + worker->travel_us) / 1e3);
    worker->late = true;
    worker->late_count++;
    core->events.late++;
    core_worker_withdraw(core, w, NULL);
    replan(core);
    core_settle(core);
}

/* A worker leaves the plan: its tiles go to others at once. */
static void worker_drop(struct coordinator_core *core, int w, enum worker_state state)
{
    struct core_worker *worker = &core->workers[w];
    worker->state = state;
    worker->plan_due = worker->late = worker->starting = worker->mute = false;
    for (int32_t i = 0; i < core->order_count; i++)
        core_slot_withdraw(core_slot_in_order(core, i), w, NULL, ASSIGNMENT_LOST);
    replan(core);
}

static void worker_refuse(struct coordinator_core *core, int w, int32_t status)
{
    core->workers[w].stop_due = true;
    core->workers[w].stop_status = status;
    if (!core->ever_joined && !core->status)
        core->status = status;
    worker_drop(core, w, WORKER_REFUSED);
    core_settle(core);
}

void core_worker_give_up(struct coordinator_core *core, int w, bool mute, const char *why)
{
    struct core_worker *worker = &core->workers[w];
    if (worker->state == WORKER_LOST || worker->state == WORKER_REFUSED)
        return;
    proto_log_error("coordinator", "rank %d on %s is lost: %s", w + 1,
                    worker->host[0] ? worker->host : "an unknown host", why);
    if (!core->ever_joined && !core->status)
        core->status = PROTO_LOST;
    snprintf(worker->why, sizeof worker->why, "%s", why);
    worker->lost_us = core->now_us;
    worker->lost_count++;
    core->events.lost++;
    worker_drop(core, w, WORKER_LOST);
    if (mute && core->geometry) { /* when it has answered this it works again */
        worker->mute = true;
        worker->plan = 0;
        worker->plan_due = true;
    }
    core_settle(core);
}

/* Something came from this worker: one that was given up is back. */
static void worker_heard(struct coordinator_core *core, int w, bool answer)
{
    struct core_worker *worker = &core->workers[w];
    core_watch_heard(core, w);
    if (worker->state != WORKER_LOST || !worker->host[0] || core->stops_said ||
        (worker->mute && !answer))
        return;
    proto_log_warn("coordinator", "rank %d on %s is back", w + 1, worker->host);
    worker->mute = false;
    worker->plan_due = false;
    worker->base_us = core->now_us;
    worker->back_us = core->now_us;
    worker->back_count++;
    core->events.returned++;
    core_worker_ask(core, worker);
}

/* It failed again and again: rest, then another chance. */
static void worker_bench(struct coordinator_core *core, int w)
{
    struct core_worker *worker = &core->workers[w];
    const int32_t doublings = worker->benches < 6 ? worker->benches : 6;
    const uint64_t us = core->settings.bench_us << doublings;
    proto_log_error("coordinator",
                    "rank %d on %s failed %d times in a row: it gets no work for %.0f s", w + 1,
                    worker->host, worker->strikes, (double)us / 1e6);
    worker->benches += worker->benches < 6;
    worker->strikes = core->settings.strikes - 1; /* the next failure is enough */
    worker->bench_until_us = core->now_us + us;
    core_worker_withdraw(core, w, NULL);
    replan(core);
}

static void kernels_compare(struct coordinator_core *core, int w)
{
    const struct core_worker *worker = &core->workers[w];
    for (int32_t i = 0; i < core->settings.workers && !core->kernels_warned; i++) {
        const struct core_worker *other = &core->workers[i];
        if (i == w || !core_worker_in_use(other) || strcmp(worker->kernels, other->kernels) == 0)
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
    core_time_passes(core, now_us);
    if (worker->state == WORKER_REFUSED || core->stops_said)
        return;
    if (core_worker_in_use(worker)) /* it was started anew, and knows nothing of what it was sent */
        core_worker_give_up(core, w, false,
                            worker->starting ? "its device was started again" : "it was restarted");
    if (worker->state == WORKER_LOST && worker->host[0])
        proto_log_warn("coordinator", "rank %d on %s is back", w + 1, hello->host);
    if (worker->state == WORKER_LOST) {
        worker->back_us = core->now_us;
        worker->back_count++;
        core->events.returned++;
    }
    core_watch_forget(worker);
    worker->heard_count = 0;
    worker->heard_us = core->now_us;
    worker->beat_count = 0;
    worker->mute = worker->starting = false;
    core_cost_prepared(core, w, NULL, 0);
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
    core_worker_ask(core, worker);
    kernels_compare(core, w);
    core_settle(core);
}

/* READY: all it was sent before is answered, and its device works. */
static void worker_recovered(struct coordinator_core *core, int w)
{
    struct core_worker *worker = &core->workers[w];
    core_watch_forget(worker);
    worker->late = worker->starting = false;
    worker->bench_until_us = 0;
    replan(core);
}

static void ready_take(struct coordinator_core *core, int w, const struct proto_ready *ready)
{
    struct core_worker *worker = &core->workers[w];
    const bool trouble = worker->late || worker->starting || worker->bench_until_us > 0;
    if (!core->geometry || ready->plan != core->geometry->number)
        return; /* an answer to an older PLAN */
    if (worker->state == WORKER_READY && trouble && !ready->status)
        worker_recovered(core, w);
    if (worker->state != WORKER_PREPARING)
        return;
    if (ready->status) {
        proto_log_error("coordinator", "rank %d on %s can't work with frames of %d x %d: %s (%s)",
                        w + 1, worker->host, core->geometry->pyramid.frame.w,
                        core->geometry->pyramid.frame.h, proto_status_text(ready->status),
                        ready->text ? ready->text : "");
        worker_drop(core, w, WORKER_UNFIT);
        return;
    }
    worker->plan = ready->plan;
    worker->plan_due = false; /* it was given up and asked again, and answers the first time */
    worker->memory_bytes = ready->memory_bytes;
    worker->state = WORKER_READY;
    worker_recovered(core, w);
}

void coordinator_core_ready(struct coordinator_core *core, int w, const struct proto_ready *ready,
                            uint64_t now_us)
{
    core_time_passes(core, now_us);
    worker_heard(core, w, true);
    if (core->workers[w].state == WORKER_ABSENT && ready->status) {
        proto_log_error("coordinator", "rank %d can't work: %s%s%s", w + 1,
                        proto_status_text(ready->status), ready->text ? ": " : "",
                        ready->text ? ready->text : "");
        worker_refuse(core, w, ready->status);
        return;
    }
    ready_take(core, w, ready);
    core_settle(core);
}

/* The frame, if an answer can still be of use to it: until it is reported, also when its open tiles
 * were given up meanwhile. */
static struct core_slot *slot_of(struct coordinator_core *core, uint64_t seq)
{
    for (int32_t i = 0; i < core->order_count; i++) {
        struct core_slot *slot = core_slot_in_order(core, i);
        const bool open =
            slot->state == SLOT_RUNNING || (slot->state == SLOT_FINISHED && slot->searched);
        if (open && slot->in.seq == seq)
            return slot;
    }
    return NULL;
}

static void result_failed(struct coordinator_core *core, int w, const struct proto_result *result,
                          int status)
{
    struct core_worker *worker = &core->workers[w];
    proto_log_error("coordinator", "rank %d on %s failed on frame %llu: %s (%s)", w + 1,
                    worker->host, (unsigned long long)result->seq, proto_status_text(status),
                    result->text ? result->text : "");
    if (!worker->starting && worker->bench_until_us == 0 &&
        ++worker->strikes >= core->settings.strikes)
        worker_bench(core, w);
}

void coordinator_core_result(struct coordinator_core *core, int w,
                             const struct proto_result *result, uint64_t now_us)
{
    struct core_worker *worker = &core->workers[w];
    core_time_passes(core, now_us);
    if (worker->state == WORKER_REFUSED)
        return;
    worker_heard(core, w, true);
    const bool awaited = core_watch_answered(core, w, result);
    if (awaited && worker->late) {
        worker->late = false;
        replan(core);
    }
    struct core_slot *slot = slot_of(core, result->seq);
    if (!slot) {
        core->events
            .duplicates++; /* its frame is reported: another's answer or a deadline was first */
        if (awaited && !result->status)
            core_cost_learn(core, w, result);
    } else {
        const int status = core_slot_result(core, slot, w, result);
        if (status) {
            result_failed(core, w, result, status);
        } else {
            worker->strikes = worker->benches = 0;
        }
    }
    core_settle(core);
}

/* Beats may overtake each other only where links do not keep the order: an older one says nothing. */
void coordinator_core_beat(struct coordinator_core *core, int w, const struct proto_beat *beat,
                           uint64_t now_us)
{
    struct core_worker *worker = &core->workers[w];
    core_time_passes(core, now_us);
    worker_heard(core, w, false);
    core_power_beat(core, w, beat);
    /* A goodbye is no news of its device. */
    if (beat->count >= worker->beat_count && worker->state == WORKER_READY && !core->stops_said) {
        const bool starting = beat->state != PROTO_WORKER_READY;
        if (starting && !worker->starting) {
            proto_log_warn("coordinator", "rank %d on %s says that its device is not ready", w + 1,
                           worker->host);
            core_cost_prepared(core, w, NULL, 0);
            core_worker_withdraw(core, w, NULL);
        }
        if (starting != worker->starting)
            replan(core);
        worker->starting = starting;
    }
    if (beat->count > worker->beat_count)
        worker->beat_count = beat->count;
    core_settle(core);
}

void coordinator_core_lost(struct coordinator_core *core, int w, const char *why, uint64_t now_us)
{
    core_time_passes(core, now_us);
    core_worker_give_up(core, w, false, why);
}

uint64_t core_worker_hope_us(const struct coordinator_core *core)
{
    const struct coordinator_core_settings *s = &core->settings;
    uint64_t us = 0;
    for (int32_t w = 0; w < s->workers; w++) {
        const struct core_worker *worker = &core->workers[w];
        const bool comes = worker->state == WORKER_PREPARING || worker->state == WORKER_JOINED ||
                           (worker->state == WORKER_READY && worker->starting);
        const bool may =
            worker->state == WORKER_READY || (worker->state == WORKER_LOST && worker->host[0]);
        if (comes && s->join_us > us)
            us = s->join_us;
        else if (may && s->patience_us > us)
            us = s->patience_us;
    }
    return us;
}
