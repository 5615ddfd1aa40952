/* The coordinator's event loop. */
#include "coordinator/shell.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

#include "coordinator/orphan.h"
#include "coordinator/post.h"
#include "coordinator/power.h"
#include "coordinator/reader.h"
#include "proto/codec.h"
#include "proto/link_uv.h"
#include "proto/log.h"
#include "proto/status.h"

enum {
    ARENA_BYTES = 16 << 20, /* the largest RESULT decodes to less; pages are touched as needed */
    GOODBYE_US = 10000000,  /* a worker may have a frame in hand when it is told to stop */
    GOODBYE_LOOK_MS = 100,
    GONE_US =
        600000, /* when the launcher has gone, a worker not heard of for longer went with it */
    SILENCE_US = 2000000, /* many beats: a worker not heard of for longer says no goodbye */
};

struct peer {
    bool joined, gone; /* HELLO came; goodbye came, or the link broke */
    bool left;         /* goodbye came */
    uint64_t heard_us;
};

/* A link and whose it is: the workers', and perhaps that of the reserve in this process. */
struct side {
    struct coordinator_shell *shell;
    struct proto_link *link;
    struct proto_link_uv poller;
    int first; /* worker that is its peer 1 */
};

struct coordinator_shell {
    struct coordinator_shell_settings settings;
    struct coordinator_core *core;
    uv_loop_t loop;
    bool loop_open;
    struct side sides[2];
    int side_count;
    uv_timer_t deadline, goodbye;
    struct coordinator_orphan orphan;
    uint64_t goodbye_us; /* since when goodbyes are waited for */
    uv_signal_t interrupt, terminate;
    struct proto_arena arena;
    struct coordinator_reader *reader;
    struct coordinator_post post;
    struct peer *peers;
    bool done, closing;
    bool idle_turn; /* nothing to do with a frame: not counted in cpu_ns */
    int signals, status;
    bool ending; /* no more frames are wanted */
    uint64_t reported;
    uint64_t first_us, last_us, cpu_ns, sink_cpu_ns;
    struct coordinator_run_worker *run_workers;
    struct coordinator_power_account *power; /* one per worker */
};

static uint64_t now_us(void)
{
    return uv_hrtime() / 1000;
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void turn(struct coordinator_shell *shell, uint64_t cpu_before_ns);

/* ---- reading ---- */

static void on_read(void *arg, int index)
{
    const uint64_t cpu_ns = thread_cpu_ns();
    struct coordinator_shell *shell = arg;
    const struct coordinator_reader_slot *slot = coordinator_reader_slot(shell->reader, index);
    const bool broken = slot->status != PROTO_OK;
    const struct coordinator_core_frame frame = {
        .seq = slot->frame.seq,
        .source = slot->frame.source,
        .stamp_ns = slot->frame.stamp_ns,
        .begin_us = slot->begin_us,
        .capture_us = slot->end_us - slot->begin_us,
        .size = broken ? (struct proto_size){0, 0} : slot->frame.image.size,
        .error = broken ? slot->frame.error : NULL,
    };

    shell->cpu_ns += slot->bases_cpu_ns;
    if (slot->status != PROTO_END)
        coordinator_core_frame(shell->core, index, &frame, now_us());
    if (slot->status == PROTO_END || shell->ending)
        coordinator_core_end(shell->core, now_us());
    turn(shell, cpu_ns);
}

static void give_up(struct coordinator_shell *shell, int status)
{
    if (!shell->status)
        shell->status = status;
    coordinator_reader_stop(shell->reader);
    coordinator_core_abort(shell->core, now_us());
}

/* ---- actions ---- */

/* A worker that can't be sent to is lost. */
static void post(struct coordinator_shell *shell, const struct coordinator_action *action,
                 const struct proto_message *message)
{
    const struct coordinator_bands *bands = NULL;
    if (message->kind == PROTO_MESSAGE_FRAME)
        bands = coordinator_reader_slot(shell->reader, action->slot)->bands;
    const int status = coordinator_post_message(&shell->post, action->worker, message, bands);
    if (status)
        coordinator_core_lost(shell->core, action->worker,
                              status == PROTO_LOST ? "its link broke" : proto_status_text(status),
                              now_us());
}

static void post_plan(struct coordinator_shell *shell, const struct coordinator_action *action)
{
    const struct proto_message message = {.kind = PROTO_MESSAGE_PLAN, .plan = *action->plan};
    coordinator_post_trim(&shell->post);
    post(shell, action, &message);
}

static void post_frame(struct coordinator_shell *shell, const struct coordinator_action *action)
{
    const struct proto_message message = {.kind = PROTO_MESSAGE_FRAME, .frame = *action->frame};
    if (shell->first_us == 0) {
        shell->first_us = now_us();
        for (int w = 0; w < shell->settings.core.workers; w++)
            coordinator_power_begin(&shell->power[w], shell->first_us);
    }
    post(shell, action, &message);
}

static void post_stop(struct coordinator_shell *shell, const struct coordinator_action *action)
{
    const struct proto_message message = {.kind = PROTO_MESSAGE_STOP, .stop = {action->status}};
    post(shell, action, &message);
}

/* The frames that were read are finished; one that is being read, too. */
static void end_input(struct coordinator_shell *shell)
{
    shell->ending = true;
    if (!coordinator_reader_stop(shell->reader)) /* otherwise once that frame is read */
        coordinator_core_end(shell->core, now_us());
}

static void tell_sinks(struct coordinator_shell *shell, const struct coordinator_action *action,
                       double merge_ms)
{
    const uint64_t before_ns = thread_cpu_ns();
    const struct coordinator_reader_slot *slot =
        coordinator_reader_slot(shell->reader, action->slot);
    const struct coordinator_image *image = slot->status ? NULL : &slot->frame.image;
    struct coordinator_frame_report report = *action->report;
    int status = PROTO_OK;

    report.merge_ms = merge_ms;
    report.watts = coordinator_power_now(shell->power, (uint32_t)shell->settings.core.workers);
    shell->last_us = now_us();
    shell->reported++;
    report.done_ms = shell->first_us ? (double)(shell->last_us - shell->first_us) / 1e3 : NAN;
    for (int i = 0; i < shell->settings.sink_count && !status; i++)
        status = coordinator_sink_frame(shell->settings.sinks[i], &report, image);
    if (status) /* END: whoever reads has seen enough, which is no failure */
        give_up(shell, status == PROTO_END ? PROTO_OK : status);
    const uint64_t limit_us = shell->settings.duration_us;
    if (limit_us && !shell->ending && shell->reported >= shell->settings.iterations &&
        shell->last_us - shell->first_us >= limit_us)
        end_input(shell);
    shell->sink_cpu_ns += thread_cpu_ns() - before_ns;
}

static void act(struct coordinator_shell *shell, const struct coordinator_action *action, double ms)
{
    switch (action->kind) {
    case COORDINATOR_SEND_PLAN:
        shell->idle_turn = true; /* pyramid, bands, tiles and plan: once a size, not once a frame */
        post_plan(shell, action);
        break;
    case COORDINATOR_SEND_FRAME:
        post_frame(shell, action);
        break;
    case COORDINATOR_REPORT:
        tell_sinks(shell, action, ms);
        break;
    case COORDINATOR_RELEASE:
        coordinator_reader_release(shell->reader, action->slot);
        break;
    case COORDINATOR_SEND_STOP:
        post_stop(shell, action);
        break;
    case COORDINATOR_DONE:
        shell->done = true;
        coordinator_reader_stop(shell->reader);
        if (!shell->status)
            shell->status = action->status;
        break;
    }
}

static void close_handles(struct coordinator_shell *shell)
{
    if (shell->closing)
        return;
    shell->closing = true;
    for (int i = 0; i < shell->side_count; i++)
        proto_link_uv_stop(&shell->sides[i].poller);
    uv_close((uv_handle_t *)&shell->deadline, NULL);
    uv_close((uv_handle_t *)&shell->goodbye, NULL);
    coordinator_orphan_stop(&shell->orphan);
    uv_close((uv_handle_t *)&shell->interrupt, NULL);
    uv_close((uv_handle_t *)&shell->terminate, NULL);
}

/* Is this worker a thread of this process? */
static bool local(const struct coordinator_shell *shell, int w)
{
    return !shell->settings.link->needs_polling || w == shell->settings.core.reserve;
}

/* A worker that beats until it is told to stop, and then has stopped or said so. In one process it
 * is waited for in any case: its thread uses this link. */
static bool goodbye_due(const struct coordinator_shell *shell, int w)
{
    const struct peer *peer = &shell->peers[w];
    if (local(shell, w))
        return !peer->gone;
    return peer->joined && !peer->gone && now_us() - peer->heard_us < SILENCE_US;
}

static void leave(struct coordinator_shell *shell);

static void on_goodbye(uv_timer_t *timer)
{
    struct coordinator_shell *shell = timer->data;
    if (now_us() - shell->goodbye_us >= GOODBYE_US) {
        for (int w = 0; w < shell->settings.core.workers; w++) {
            if (!local(shell, w) && goodbye_due(shell, w))
                proto_log_warn("coordinator", "rank %d does not answer STOP", w + 1);
            shell->peers[w].gone |= !local(shell, w);
        }
    }
    leave(shell);
}

/* After DONE: wait for the goodbyes of those who are there. */
static void leave(struct coordinator_shell *shell)
{
    bool wait = false, lost = false;
    for (int w = 0; w < shell->settings.core.workers; w++) {
        wait |= goodbye_due(shell, w);
        lost |= !shell->peers[w].left;
    }
    /* What is on its way to a lost worker stays there. */
    if (!wait && (lost || shell->post.sending == 0)) {
        close_handles(shell);
    } else if (shell->settings.link->needs_polling &&
               !uv_is_active((uv_handle_t *)&shell->goodbye)) {
        shell->goodbye_us = now_us();
        uv_timer_start(&shell->goodbye, on_goodbye, GOODBYE_LOOK_MS, GOODBYE_LOOK_MS);
    }
}

static void on_deadline(uv_timer_t *timer)
{
    struct coordinator_shell *shell = timer->data;
    const uint64_t cpu_ns = thread_cpu_ns();
    coordinator_core_timer(shell->core, now_us());
    turn(shell, cpu_ns);
}

static void arm_deadline(struct coordinator_shell *shell)
{
    const uint64_t at_us = coordinator_core_deadline_us(shell->core), now = now_us();
    if (at_us == UINT64_MAX)
        uv_timer_stop(&shell->deadline);
    else
        uv_timer_start(&shell->deadline, on_deadline, at_us > now ? (at_us - now) / 1000 + 1 : 0,
                       0);
}

/* After every event: do what the core wants done. */
static void turn(struct coordinator_shell *shell, uint64_t cpu_before_ns)
{
    struct coordinator_action action;
    const uint64_t sinks_before_ns = shell->sink_cpu_ns;
    uint64_t before_ns = uv_hrtime();

    while (coordinator_core_next(shell->core, &action)) {
        act(shell, &action, (double)(uv_hrtime() - before_ns) / 1e6);
        before_ns = uv_hrtime();
    }
    if (!shell->closing) {
        coordinator_reader_next(shell->reader);
        arm_deadline(shell);
        proto_link_uv_eager(&shell->sides[0].poller, shell->post.sending > 0);
        if (shell->done)
            leave(shell);
    }
    /* What frames cost: beats come with time, not with frames, and sinks have their own account. */
    if (!shell->idle_turn)
        shell->cpu_ns += thread_cpu_ns() - cpu_before_ns - (shell->sink_cpu_ns - sinks_before_ns);
    shell->idle_turn = false;
}

/* ---- events ---- */

static void on_message(struct coordinator_shell *shell, int worker,
                       const struct proto_message *message)
{
    struct partition_speed speed;
    struct coordinator_watts watts;
    switch (message->kind) {
    case PROTO_MESSAGE_HELLO:
        shell->peers[worker].joined = true;
        coordinator_power_joined(&shell->power[worker], message->hello.host);
        if (shell->settings.knowledge &&
            coordinator_knowledge_find(shell->settings.knowledge, &message->hello, &speed,
                                       &watts)) {
            coordinator_core_know(shell->core, worker, &speed);
            if (watts.busy_w > 0.0)
                coordinator_core_know_watts(shell->core, worker, watts.idle_w, watts.busy_w);
        }
        coordinator_core_joined(shell->core, worker, &message->hello, now_us());
        break;
    case PROTO_MESSAGE_READY:
        shell->peers[worker].joined = true;
        coordinator_core_ready(shell->core, worker, &message->ready, now_us());
        break;
    case PROTO_MESSAGE_RESULT:
        coordinator_core_result(shell->core, worker, &message->result, now_us());
        break;
    case PROTO_MESSAGE_BEAT:
        shell->idle_turn = true;
        shell->peers[worker].left |= message->beat.state == PROTO_WORKER_STOPPED;
        shell->peers[worker].gone |= shell->peers[worker].left;
        if (!shell->done) /* a goodbye comes when the run is over */
            coordinator_power_beat(shell->power, (uint32_t)shell->settings.core.workers,
                                   (uint32_t)worker, &message->beat, now_us());
        coordinator_core_beat(shell->core, worker, &message->beat, now_us());
        break;
    default:
        proto_log_error("coordinator", "rank %d sent message %d, which only the coordinator sends",
                        worker + 1, (int)message->kind);
    }
}

static void on_received(struct side *side, int worker, const struct proto_link_event *event)
{
    struct coordinator_shell *shell = side->shell;
    struct proto_message message;
    shell->peers[worker].heard_us = now_us();
    proto_arena_reset(&shell->arena);
    int status = proto_codec_decode(event->data, event->len_bytes, &shell->arena, &message);
    if (status) /* the codec said what is wrong; whatever it was, its tiles must go to others */
        coordinator_core_lost(shell->core, worker, "it sent a malformed message", now_us());
    else
        on_message(shell, worker, &message);
    proto_link_release(side->link, event);
}

static void on_sent(struct coordinator_shell *shell, const struct proto_link_event *event)
{
    const struct coordinator_sent sent = coordinator_post_sent(&shell->post, event);
    if (event->status)
        coordinator_core_lost(shell->core, sent.worker, "a message did not reach it", now_us());
    else if (sent.kind == PROTO_MESSAGE_FRAME)
        coordinator_core_sent(shell->core, sent.worker, sent.seq, sent.assignment, now_us());
}

static void on_event(void *arg, const struct proto_link_event *event)
{
    struct side *side = arg;
    struct coordinator_shell *shell = side->shell;
    const uint64_t cpu_ns = thread_cpu_ns();
    const int worker = side->first + event->peer - 1;
    switch (event->kind) {
    case PROTO_LINK_RECEIVED:
        on_received(side, worker, event);
        break;
    case PROTO_LINK_SENT:
        on_sent(shell, event);
        break;
    case PROTO_LINK_BROKEN:
        shell->peers[worker].gone = true;
        coordinator_core_lost(shell->core, worker, "its link broke", now_us());
        break;
    }
    turn(shell, cpu_ns);
}

static void on_launcher_end(void *arg)
{
    struct coordinator_shell *shell = arg;
    shell->signals += 2;
    give_up(shell, PROTO_CANCELED);
    turn(shell, thread_cpu_ns());
}

static bool gone_since(void *arg, uint64_t since_us)
{
    const struct coordinator_shell *shell = arg;
    for (int w = 0; w < shell->settings.core.workers; w++) {
        const struct peer *peer = &shell->peers[w];
        if (peer->joined && peer->heard_us > since_us &&
            (peer->gone || now_us() - peer->heard_us > GONE_US))
            return true;
    }
    return false;
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct coordinator_shell *shell = handle->data;
    (void)number;
    if (shell->signals++ > 0)
        give_up(shell, PROTO_CANCELED);
    else
        end_input(shell);
    turn(shell, thread_cpu_ns());
}

/* ---- life ---- */

static int handles_open(struct coordinator_shell *shell)
{
    if (uv_loop_init(&shell->loop))
        return PROTO_NO_MEMORY;
    shell->loop_open = true;
    uv_timer_init(&shell->loop, &shell->deadline);
    uv_timer_init(&shell->loop, &shell->goodbye);
    uv_signal_init(&shell->loop, &shell->interrupt);
    uv_signal_init(&shell->loop, &shell->terminate);
    shell->deadline.data = shell->goodbye.data = shell;
    shell->orphan = (struct coordinator_orphan){
        .on_end = on_launcher_end, .gone_since = gone_since, .arg = shell};
    coordinator_orphan_start(&shell->orphan, &shell->loop, shell->settings.launcher);
    shell->interrupt.data = shell->terminate.data = shell;
    return PROTO_OK;
}

static int memory_open(struct coordinator_shell *shell)
{
    const struct coordinator_core_settings *core = &shell->settings.core;
    shell->peers = calloc((size_t)core->workers, sizeof *shell->peers);
    shell->run_workers = calloc((size_t)core->workers, sizeof *shell->run_workers);
    shell->power = calloc((size_t)core->workers, sizeof *shell->power);
    if (!shell->peers || !shell->run_workers || !shell->power)
        return PROTO_NO_MEMORY;
    return proto_arena_open(&shell->arena, ARENA_BYTES);
}

/* Listen to a link's workers and poll it. */
static int side_open(struct coordinator_shell *shell, struct proto_link *link, int first)
{
    struct side *side = &shell->sides[shell->side_count];
    *side = (struct side){.shell = shell, .link = link, .first = first};
    for (int peer = 1; peer < link->size; peer++) {
        const int status =
            proto_link_listen(link, peer, shell->settings.core.depth + 2, PROTO_CODEC_CONTROL_MAX);
        if (status)
            return status;
    }
    const int status = proto_link_uv_start(&side->poller, &shell->loop, link, on_event, side);
    shell->side_count += status == PROTO_OK;
    return status;
}

int coordinator_shell_open(const struct coordinator_shell_settings *settings,
                           struct coordinator_shell **out)
{
    struct coordinator_shell *shell = calloc(1, sizeof *shell);
    struct proto_link *link = settings->link;
    if (!shell)
        return PROTO_NO_MEMORY;
    shell->settings = *settings;
    shell->post = (struct coordinator_post){.link = link, .reserve = settings->reserve};
    shell->post.reserve_worker = link->size - 1;
    shell->settings.core.workers = link->size - 1 + (settings->reserve ? 1 : 0);
    shell->settings.core.reserve = settings->reserve ? link->size - 1 : -1;
    shell->settings.core.slots = coordinator_core_in_flight_max(&shell->settings.core);
    int status = coordinator_core_open(&shell->settings.core, now_us(), &shell->core);
    if (!status)
        status = memory_open(shell);
    if (!status)
        status = handles_open(shell);
    if (!status)
        status =
            coordinator_reader_open(&shell->loop, settings->source, settings->core.model,
                                    shell->settings.core.slots, on_read, shell, &shell->reader);
    if (!status)
        status = side_open(shell, link, 0);
    if (!status && settings->reserve)
        status = side_open(shell, settings->reserve, link->size - 1);
    if (status) {
        coordinator_shell_close(shell);
        return status;
    }
    *out = shell;
    return PROTO_OK;
}

int coordinator_shell_run(struct coordinator_shell *shell)
{
    uv_signal_start(&shell->interrupt, on_signal, SIGINT);
    uv_signal_start(&shell->terminate, on_signal, SIGTERM);
    turn(shell, thread_cpu_ns());
    uv_run(&shell->loop, UV_RUN_DEFAULT);
    return shell->status;
}

void coordinator_shell_describe(const struct coordinator_shell *shell, struct coordinator_run *run)
{
    run->depth = shell->settings.core.depth;
    run->budget_w = shell->settings.core.budget_w;
    run->tile_count = coordinator_core_tiles(shell->core);
    run->macs_share = coordinator_core_macs_share(shell->core);
    run->wall_ms = shell->first_us ? (double)(shell->last_us - shell->first_us) / 1e3 : 0.0;
    run->coordinator_cpu_ms = (double)(shell->cpu_ns + shell->sides[0].poller.eager_cpu_ns) / 1e6;
    run->status = shell->status;
    coordinator_core_events(shell->core, &run->events);
    run->worker_count = (uint32_t)shell->settings.core.workers;
    run->workers = shell->run_workers;
    for (int w = 0; w < shell->settings.core.workers; w++)
        coordinator_core_worker(shell->core, w, &shell->run_workers[w]);
    coordinator_power_describe(shell->power, shell->run_workers, run->worker_count, run->wall_ms,
                               &run->power);
}

bool coordinator_shell_all_left(const struct coordinator_shell *shell)
{
    bool all = true;
    for (int w = 0; w < shell->settings.core.workers; w++)
        all &= shell->peers[w].left;
    return all;
}

void coordinator_shell_close(struct coordinator_shell *shell)
{
    if (!shell)
        return;
    if (shell->loop_open) {
        if (shell->side_count > 0)
            close_handles(shell);
        uv_run(&shell->loop, UV_RUN_DEFAULT);
        if (uv_loop_close(&shell->loop))
            proto_log_error("coordinator", "a handle was left open");
    }
    coordinator_reader_close(shell->reader);
    coordinator_post_close(&shell->post);
    proto_arena_close(&shell->arena);
    coordinator_core_close(shell->core);
    free(shell->peers);
    free(shell->run_workers);
    free(shell->power);
    free(shell);
}
