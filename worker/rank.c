/* The link side of a worker: a libuv loop that receives, answers and beats. */
#include "worker/rank.h"

#include <stdlib.h>
#include <uv.h>

#include "proto/codec.h"
#include "proto/link_uv.h"
#include "proto/log.h"
#include "proto/status.h"
#include "worker/compute.h"

enum {
    COORDINATOR = 0,
    BUFFERS_FIRST = 2, /* receive buffers before the first PLAN */
    ARENA_BYTES =
        4 << 20, /* the largest PLAN or FRAME decodes to less; pages are touched as needed */
    BEAT_BYTES = 512,
};

struct rank {
    const struct worker_rank_settings *settings;
    struct proto_link *link;
    uv_loop_t loop;
    struct proto_link_uv poller;
    uv_async_t computed;    /* the thread's sign, */
    uv_poll_t computed_far; /* or the process's */
    uv_timer_t beat, sampling;
    struct worker_power *power;
    struct worker_compute *compute;
    struct worker_job *jobs;  /* all there are */
    struct worker_job *spare; /* those not in use */
    int queued;               /* FRAMEs received and not answered */
    int sending;              /* answers on their way */
    enum proto_worker_state state;
    uint64_t beats;
    bool beat_sending, stopping, goodbye_said;
    int status;
    size_t beat_bytes;
    unsigned char beat_message[BEAT_BYTES];
};

void worker_rank_defaults(struct worker_rank_settings *settings)
{
    *settings =
        (struct worker_rank_settings){.device = "cpu", .beat_us = 100000, .hang_us = 60000000};
    worker_power_defaults(&settings->power);
}

static uint64_t now_us(void)
{
    return uv_hrtime() / 1000;
}

static void *answer_new(const struct rank *rank, size_t size_bytes)
{
    const struct worker_compute *compute = rank->compute;
    return compute->ops->memory ? compute->ops->memory(compute->memory_arg, size_bytes)
                                : malloc(size_bytes);
}

static void job_free(const struct rank *rank, struct worker_job *job)
{
    const struct worker_compute *compute = rank->compute;
    proto_arena_close(&job->arena);
    if (compute->ops->forget)
        compute->ops->forget(compute->memory_arg, job->answer);
    else
        free(job->answer);
    free(job);
}

/* A spare job, or a new one: there are never more than messages in hand, so a running worker
 * soon stops allocating. */
static struct worker_job *job_take(struct rank *rank)
{
    struct worker_job *job = rank->spare;
    if (job) {
        rank->spare = job->next;
        proto_arena_reset(&job->arena);
        return job;
    }
    job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->answer_cap = PROTO_CODEC_CONTROL_MAX;
    job->answer = answer_new(rank, job->answer_cap);
    if (!job->answer || proto_arena_open(&job->arena, ARENA_BYTES)) {
        job_free(rank, job);
        return NULL;
    }
    job->next_made = rank->jobs;
    rank->jobs = job;
    return job;
}

static void job_give(struct rank *rank, struct worker_job *job)
{
    job->next = rank->spare;
    rank->spare = job;
}

/* Poll hard while something is on its way: an answer out, or work in for an idle device. */
static void pace(struct rank *rank)
{
    proto_link_uv_eager(&rank->poller,
                        rank->sending > 0 || rank->beat_sending || rank->queued == 0);
}

static void end_loop(struct rank *rank)
{
    proto_link_uv_stop(&rank->poller);
    uv_close((uv_handle_t *)&rank->computed, NULL);
    if (rank->compute && rank->compute->fd >= 0)
        uv_close((uv_handle_t *)&rank->computed_far, NULL);
    uv_close((uv_handle_t *)&rank->beat, NULL);
    uv_close((uv_handle_t *)&rank->sampling, NULL);
}

static void power_fill(const struct worker_power *power, struct proto_beat *beat)
{
    const struct worker_power_sums sums = worker_power_sums(power);
    beat->power = worker_power_rail(power);
    beat->power_own = worker_power_own(power);
    beat->power_period_us = (uint32_t)worker_power_period_us(power);
    beat->power_us = sums.covered_us;
    beat->power_samples = sums.samples;
    beat->power_mw = (uint32_t)(sums.watts * 1e3 + 0.5);
    beat->energy_uj = (uint64_t)(sums.joules * 1e6);
}

static void on_sampling(uv_timer_t *timer)
{
    struct rank *rank = timer->data;
    worker_power_sample(rank->power, now_us());
}

static void beat_send(struct rank *rank)
{
    struct proto_message message = {
        .kind = PROTO_MESSAGE_BEAT,
        .beat = {.count = rank->beats++, .state = rank->state, .queued = (uint32_t)rank->queued},
    };
    worker_power_sample(rank->power, now_us());
    power_fill(rank->power, &message.beat);
    /* The last one may still be under way, to a coordinator that does not listen: one is enough. */
    if (rank->beat_sending ||
        proto_codec_encode(&message, rank->beat_message, sizeof rank->beat_message,
                           &rank->beat_bytes) ||
        proto_link_send(rank->link, COORDINATOR, rank->beat_message, rank->beat_bytes, rank))
        return;
    rank->beat_sending = true;
    rank->goodbye_said = rank->state == PROTO_WORKER_STOPPED;
    pace(rank);
}

static void answers_take(struct rank *rank);

static void on_beat(uv_timer_t *timer)
{
    struct rank *rank = timer->data;
    worker_compute_tick(rank->compute);
    answers_take(rank);
    beat_send(rank);
}

/* The coordinator has gone, or the link: nobody to work for. */
static void give_up(struct rank *rank, int status)
{
    worker_compute_stop(rank->compute);
    if (!rank->stopping)
        rank->status = status;
    rank->stopping = true;
    end_loop(rank);
}

/* STOP: finish the job in hand, drop the others, say goodbye. The loop ends when that is sent. */
static void on_stop(struct rank *rank, const struct proto_stop *stop)
{
    if (rank->stopping)
        return;
    rank->stopping = true;
    rank->status = stop->status;
    worker_compute_stop(rank->compute);
    rank->state = PROTO_WORKER_STOPPED;
    uv_timer_stop(&rank->beat);
    beat_send(rank); /* if a beat is still under way, its SENT sends the goodbye */
    if (!rank->beat_sending)
        end_loop(rank); /* nobody hears it */
}

static void on_received(struct rank *rank, const struct proto_link_event *event)
{
    struct worker_job *job = rank->stopping ? NULL : job_take(rank);
    if (!job) {
        if (!rank->stopping)
            proto_log_error("worker", "no memory to take a message of %zu bytes", event->len_bytes);
        proto_link_release(rank->link, event);
        return;
    }
    if (proto_codec_decode(event->data, event->len_bytes, &job->arena, &job->message)) {
        proto_link_release(rank->link, event);
        job_give(rank, job);
        return;
    }
    job->received = *event;
    job->received_us = now_us();
    switch (job->message.kind) {
    case PROTO_MESSAGE_FRAME: /* its pixels are computed from where they are */
        rank->queued++;
        worker_power_busy(rank->power, true, job->received_us);
        worker_compute_push(rank->compute, job);
        answers_take(rank); /* there may be nobody to compute it */
        break;
    case PROTO_MESSAGE_PLAN:
        if (rank->state != PROTO_WORKER_FAILED)
            rank->state = PROTO_WORKER_STARTING;
        worker_compute_push(rank->compute, job);
        answers_take(rank);
        break;
    case PROTO_MESSAGE_STOP:
        proto_link_release(rank->link, event);
        on_stop(rank, &job->message.stop);
        job_give(rank, job);
        break;
    default:
        proto_log_error("worker", "the coordinator sent message %d, which only workers send",
                        (int)job->message.kind);
        proto_link_release(rank->link, event);
        job_give(rank, job);
    }
    if (!rank->stopping)
        pace(rank);
}

/* Goodbye is the last message; when it is through, so is everything before it. */
static void on_sent(struct rank *rank, const struct proto_link_event *event)
{
    if (event->token == rank) {
        rank->beat_sending = false;
    } else {
        struct worker_job *job = event->token;
        rank->sending--;
        if (job->message.kind != PROTO_MESSAGE_HELLO)
            job_give(rank, job);
    }
    if (rank->stopping && !rank->goodbye_said)
        beat_send(rank);
    else if (rank->stopping && !rank->beat_sending && rank->sending == 0)
        end_loop(rank);
    else
        pace(rank);
}

static void on_event(void *arg, const struct proto_link_event *event)
{
    struct rank *rank = arg;
    switch (event->kind) {
    case PROTO_LINK_RECEIVED:
        on_received(rank, event);
        break;
    case PROTO_LINK_SENT:
        on_sent(rank, event);
        break;
    case PROTO_LINK_BROKEN:
        proto_log_error("worker", "the coordinator can't be reached any more");
        give_up(rank, PROTO_LOST);
        break;
    }
}

/* Receive buffers for the new plan. Between PLAN and READY the coordinator sends nothing. */
static void plan_done(struct rank *rank, const struct worker_job *job)
{
    const struct proto_plan *plan = &job->message.plan;
    size_t each = PROTO_CODEC_CONTROL_MAX;
    if (plan->frame_bytes_max > each)
        each = (size_t)plan->frame_bytes_max;
    rank->state = PROTO_WORKER_READY;
    if (proto_link_listen(rank->link, COORDINATOR, (int)plan->depth + 1, each))
        rank->state = PROTO_WORKER_FAILED; /* logged; without buffers there is no more to hear */
}

static void job_done(struct rank *rank, struct worker_job *job)
{
    if (job->message.kind != PROTO_MESSAGE_HELLO)
        proto_link_release(rank->link, &job->received);
    if (job->message.kind == PROTO_MESSAGE_FRAME) {
        rank->queued--;
        worker_power_busy(rank->power, rank->queued > 0, now_us());
    } else if (job->message.kind == PROTO_MESSAGE_PLAN && job->answer_bytes) {
        plan_done(rank, job);
    }
    if (!job->answer_bytes ||
        proto_link_send(rank->link, COORDINATOR, job->answer, job->answer_bytes, job)) {
        if (job->message.kind != PROTO_MESSAGE_HELLO)
            job_give(rank, job);
        return;
    }
    rank->sending++;
}

/* The device process went, or came again: the coordinator hears of it before anything else. */
static void state_follow(struct rank *rank)
{
    const bool down = rank->compute->down;
    if (down == (rank->state == PROTO_WORKER_FAILED))
        return;
    rank->state = down ? PROTO_WORKER_FAILED : PROTO_WORKER_STARTING;
    beat_send(rank);
}

static void answers_take(struct rank *rank)
{
    struct worker_job *job;
    if (rank->stopping)
        return;
    do {
        job = worker_compute_done(rank->compute);
        state_follow(rank);
        if (job)
            job_done(rank, job);
    } while (job);
    pace(rank);
}

static void on_computed(uv_async_t *async)
{
    answers_take(async->data);
}

static void on_computed_far(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    answers_take(poll->data);
}

static void wake_loop(void *arg)
{
    struct rank *rank = arg;
    uv_async_send(&rank->computed);
}

static void sampling_start(struct rank *rank)
{
    const uint64_t period_ms = (worker_power_period_us(rank->power) + 999) / 1000;
    if (period_ms > 0)
        uv_timer_start(&rank->sampling, on_sampling, 0, period_ms);
}

static int power_open(struct rank *rank)
{
    struct worker_power_settings settings = rank->settings->power;
    settings.device = rank->settings->device;
    return worker_power_open(&settings, &rank->power);
}

static int compute_start(struct rank *rank)
{
    if (!rank->settings->guard || rank->settings->unable) /* it only says so */
        return worker_compute_thread_open(rank->settings, wake_loop, rank, &rank->compute);
    int status = worker_compute_process_open(rank->settings, &rank->compute);
    if (status)
        return status;
    proto_link_set_memory(rank->link, rank->compute->ops->memory, rank->compute->ops->forget,
                          rank->compute->memory_arg);
    uv_poll_init(&rank->loop, &rank->computed_far, rank->compute->fd);
    rank->computed_far.data = rank;
    uv_poll_start(&rank->computed_far, UV_READABLE, on_computed_far);
    return PROTO_OK;
}

static int rank_start(struct rank *rank)
{
    const uint64_t beat_ms = (rank->settings->beat_us + 999) / 1000;
    if (uv_async_init(&rank->loop, &rank->computed, on_computed))
        return PROTO_NO_MEMORY;
    uv_timer_init(&rank->loop, &rank->beat);
    uv_timer_init(&rank->loop, &rank->sampling);
    rank->computed.data = rank->beat.data = rank->sampling.data = rank;
    int status = proto_link_uv_start(&rank->poller, &rank->loop, rank->link, on_event, rank);
    if (!status)
        status = compute_start(rank);
    if (!status)
        status = proto_link_listen(rank->link, COORDINATOR, BUFFERS_FIRST, PROTO_CODEC_CONTROL_MAX);
    if (status) {
        if (rank->compute)
            worker_compute_stop(rank->compute);
        end_loop(rank);
        return status;
    }
    uv_timer_start(&rank->beat, on_beat, beat_ms, beat_ms);
    sampling_start(rank);
    pace(rank);
    return PROTO_OK;
}

int worker_rank_run(struct proto_link *link, const struct worker_rank_settings *settings)
{
    struct rank rank = {.settings = settings, .link = link};
    int status = power_open(&rank);
    if (status)
        return status;
    if (uv_loop_init(&rank.loop)) {
        worker_power_close(rank.power);
        return PROTO_NO_MEMORY;
    }
    status = rank_start(&rank);
    uv_run(&rank.loop, UV_RUN_DEFAULT);
    while (rank.jobs) {
        struct worker_job *job = rank.jobs;
        rank.jobs = job->next_made;
        job_free(&rank, job);
    }
    worker_compute_close(rank.compute);
    if (uv_loop_close(&rank.loop))
        proto_log_error("worker", "a handle was left open");
    worker_power_close(rank.power);
    return status ? status : rank.status;
}
