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

/* Ask for READY, unless this worker has given it for this very PLAN. */
void core_worker_ask(struct coordinator_core *core, struct core_worker *worker)
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

/* A worker leaves the plan: its tiles go to others at once. */
static void worker_drop(struct coordinator_core *core, int w, enum worker_state state)
{
    struct core_worker *worker = &core->workers[w];
    worker->state = state;
    worker->plan_due = false;
    for (int32_t i = 0; i < core->order_count; i++)
        core_slot_worker_lost(core_slot_in_order(core, i), w);
    if (core->geometry && !core->assembling)
        core_geometry_replan(core);
    core_settle(core);
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
    if (worker->state != WORKER_LOST || !worker->host[0] || core->stops_said)
        return;
    proto_log_warn("coordinator", "rank %d on %s is back", w + 1, worker->host);
    core_worker_ask(core, worker);
    if (worker->state == WORKER_READY && !core->assembling)
        core_geometry_replan(core);
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
    core_worker_ask(core, worker);
    kernels_compare(core, w);
    core_settle(core);
}

void coordinator_core_ready(struct coordinator_core *core, int w, const struct proto_ready *ready,
                            uint64_t now_us)
{
    struct core_worker *worker = &core->workers[w];
    core_time_passes(core, now_us);
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
    worker->plan_due = false; /* it was given up and asked again, and answers the first time */
    worker->memory_bytes = ready->memory_bytes;
    worker->state = WORKER_READY;
    if (!core->assembling) /* one that came back while the others went on */
        core_geometry_replan(core);
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
    core_time_passes(core, now_us);
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
    core_settle(core);
}

void coordinator_core_beat(struct coordinator_core *core, int w, const struct proto_beat *beat,
                           uint64_t now_us)
{
    (void)beat; /* what it says is not needed yet: that it came is */
    core_time_passes(core, now_us);
    worker_heard(core, w);
    core_settle(core);
}

void coordinator_core_lost(struct coordinator_core *core, int w, const char *why, uint64_t now_us)
{
    struct core_worker *worker = &core->workers[w];
    core_time_passes(core, now_us);
    if (worker->state == WORKER_LOST || worker->state == WORKER_REFUSED)
        return;
    proto_log_error("coordinator", "rank %d on %s is lost: %s", w + 1,
                    worker->host[0] ? worker->host : "an unknown host", why);
    if (!core->ever_joined && !core->status)
        core->status = PROTO_LOST;
    worker_drop(core, w, WORKER_LOST);
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
    if (core_worker_in_use(worker) && s->silence_us > 0 &&
        worker->heard_us + s->silence_us < deadline)
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
    core_time_passes(core, now_us);
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
