/* The owner of the core under a virtual clock: coordinator/shell.c's counterpart. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/sim/state.h"
#include "proto/codec.h"
#include "proto/status.h"

enum {
    BEGIN_US = 5000000,      /* the virtual clock's first time: any but zero */
    SILENCE_US = 300000000,  /* a run that reports nothing for so long will never end */
    AFTERWARDS_US = 1000000, /* after DONE: late messages must not wake the core */
    TIMERS_MAX = 1000,       /* deadlines in a row without time passing */
    CLOCK_US = 1000000000,   /* workers' clocks begin anywhere above */
};

void sim_board_defaults(struct sim_board_settings *board)
{
    *board = (struct sim_board_settings){
        .name = "board",
        .prepare_us = 100000,
        .beat_us = 100000,
        .idle_w = NAN,
        .busy_w = NAN,
    };
    partition_speed_defaults(&board->speed);
}

void sim_defaults(struct sim_settings *settings)
{
    *settings = (struct sim_settings){
        .port_bytes_per_us = 125,
        .frame = {640, 480},
        .frames = 100,
        .tail_frames = 10,
        .recovery_us = 2000000,
    };
    coordinator_core_defaults(&settings->core);
}

void sim_put(struct sim *sim, uint64_t at_us, struct sim_event event)
{
    event.at_us = at_us;
    if (sim_queue_put(&sim->queue, event))
        sim->status = PROTO_NO_MEMORY;
}

void sim_put_off(struct sim *sim, struct sim_event **late, uint32_t *count, uint32_t *cap,
                 const struct sim_event *event)
{
    if (*count == *cap) {
        const uint32_t more = *cap ? *cap * 2 : 16;
        struct sim_event *list = realloc(*late, more * sizeof *list);
        if (!list) {
            sim->status = PROTO_NO_MEMORY;
            return;
        }
        *late = list;
        *cap = more;
    }
    (*late)[(*count)++] = *event;
}

/* ---- reading ---- */

/* Before the faults are over, and until full speed was measured afterwards, there is another frame. */
static bool wants_more(const struct sim *sim)
{
    if (sim->next_seq < sim->settings.frames)
        return true;
    return sim->settings.fault_count > 0 && sim->settings.tail_frames > 0 && !sim->tail_known;
}

static bool in_tail(const struct sim *sim)
{
    return sim->now_us >= sim->last_fault_us + sim->settings.recovery_us;
}

static void read_next(struct sim *sim)
{
    if (sim->reading || sim->input_ended)
        return;
    if (!wants_more(sim)) {
        sim->input_ended = true;
        sim_log(sim, "input  ends after %" PRIu64 " frames", sim->next_seq);
        coordinator_core_end(sim->core, sim->now_us);
        return;
    }
    for (int32_t s = 0; s < sim->settings.core.slots; s++) {
        if (sim->slots[s].used)
            continue;
        sim->slots[s].used = sim->reading = true;
        sim->read_slot = s;
        const uint64_t due_us = (uint64_t)((double)sim->next_seq * sim->settings.source_period_us);
        const uint64_t at_us =
            sim->start_us + due_us > sim->now_us ? sim->start_us + due_us : sim->now_us;
        sim_put(sim, at_us + 1 + sim->settings.capture_us,
                (struct sim_event){.kind = SIM_EVENT_READ, .index = s});
        return;
    }
}

static void frame_read(struct sim *sim, int32_t s)
{
    struct sim_slot *slot = &sim->slots[s];
    const struct proto_size other = sim->settings.other_frame;
    const bool broken =
        sim->settings.unreadable > 0 && sim_random_chance(&sim->random, sim->settings.unreadable);
    if (other.w > 0 && !in_tail(sim) && sim_random_chance(&sim->random, 0.05))
        sim->size = sim->size.w == other.w && sim->size.h == other.h ? sim->settings.frame : other;
    slot->in = (struct coordinator_core_frame){
        .seq = sim->next_seq++,
        .source = "sim",
        .begin_us = sim->now_us - sim->settings.capture_us,
        .capture_us = sim->settings.capture_us,
        .size = broken ? (struct proto_size){0, 0} : sim->size,
        .error = broken ? "unreadable" : NULL,
    };
    slot->in.stamp_ns = (int64_t)slot->in.seq * 1000;
    sim->reading = false;
    sim_log(sim, "frame  %" PRIu64 " %d x %d in slot %d%s", slot->in.seq, slot->in.size.w,
            slot->in.size.h, s, broken ? ", unreadable" : "");
    sim_check_frame_read(sim, s);
    coordinator_core_frame(sim->core, s, &slot->in, sim->now_us);
}

/* ---- actions ---- */

static void send(struct sim *sim, int worker, const struct proto_message *message)
{
    struct sim_packet *packet = sim_net_packet(sim, worker, SIM_TO_BOARD, message);
    if (packet)
        sim_net_send(sim, packet);
}

static void send_plan(struct sim *sim, const struct coordinator_action *action)
{
    const struct proto_message message = {.kind = PROTO_MESSAGE_PLAN, .plan = *action->plan};
    sim_log(sim, "rank %d <- PLAN %u: %u tiles", action->worker + 1, action->plan->plan,
            action->plan->tile_count);
    sim_check_plan(sim, action->worker, action->plan);
    send(sim, action->worker, &message);
}

static void send_frame(struct sim *sim, const struct coordinator_action *action)
{
    const struct proto_message message = {.kind = PROTO_MESSAGE_FRAME, .frame = *action->frame};
    sim_log(sim, "rank %d <- FRAME %" PRIu64 " round %u: %u tiles, %" PRIu64 " bytes",
            action->worker + 1, action->frame->seq, action->frame->assignment,
            action->frame->tile_count, action->frame->pixel_bytes);
    sim_check_frame(sim, action);
    sim->outcome->rounds += action->frame->assignment > 0;
    if (sim->outcome->first_us == 0)
        sim->outcome->first_us = sim->now_us;
    send(sim, action->worker, &message);
}

/* The first ones were on their way before, or teach the core the boards' speeds anew. */
static void tail_time(struct sim *sim)
{
    const uint64_t skip =
        2 * (uint64_t)sim->settings.core.depth + 2 + sim->settings.recovery_frames;
    sim->tail_reports++;
    if (sim->tail_reports == skip + 1)
        sim->tail_first_us = sim->now_us;
    if (sim->tail_reports == skip + 1 + sim->settings.tail_frames) {
        sim->outcome->tail_period_us =
            (double)(sim->now_us - sim->tail_first_us) / (double)sim->settings.tail_frames;
        sim->tail_known = true;
    }
}

static void report(struct sim *sim, const struct coordinator_action *action)
{
    const struct coordinator_frame_report *r = action->report;
    struct sim_outcome *outcome = sim->outcome;
    sim_log(sim, "REPORT %" PRIu64 ": coverage %g, %u persons, latency %.3f ms%s%s", r->seq,
            r->coverage, r->detection_count, r->latency_ms, r->error ? ", " : "",
            r->error ? r->error : "");
    sim_check_report(sim, action->slot, r);
    sim_note(sim, &sim->now_us, sizeof sim->now_us);
    sim_note(sim, r->detections, r->detection_count * sizeof *r->detections);
    outcome->frames++;
    outcome->complete += r->coverage >= 1.0;
    outcome->incomplete += r->coverage < 1.0 && !(r->error && r->size.w == 0);
    outcome->last_us = sim->now_us;
    if (r->size.w > 0 && (r->size.w != outcome->frame.w || r->size.h != outcome->frame.h)) {
        outcome->frame = r->size;
        sim->tail_reports = 0;
        sim->tail_known = false;
    }
    if (in_tail(sim))
        tail_time(sim);
    if (sim->settings.on_report)
        sim->settings.on_report(sim->settings.on_report_arg, r, sim->now_us);
}

static void act(struct sim *sim, const struct coordinator_action *action)
{
    const struct proto_message stop = {.kind = PROTO_MESSAGE_STOP, .stop = {action->status}};
    sim_note(sim, &action->kind, sizeof action->kind);
    if (sim->done)
        sim_break(sim, "the core wants something after DONE (action %d)", (int)action->kind);
    switch (action->kind) {
    case COORDINATOR_SEND_PLAN:
        send_plan(sim, action);
        break;
    case COORDINATOR_SEND_FRAME:
        send_frame(sim, action);
        break;
    case COORDINATOR_REPORT:
        report(sim, action);
        break;
    case COORDINATOR_RELEASE:
        sim_check_release(sim, action->slot);
        sim->slots[action->slot].used = false;
        break;
    case COORDINATOR_SEND_STOP:
        sim_log(sim, "rank %d <- STOP", action->worker + 1);
        sim_check_stop(sim, action->worker);
        send(sim, action->worker, &stop);
        break;
    case COORDINATOR_DONE:
        sim_log(sim, "DONE   %s", proto_status_text(action->status));
        sim->done = true;
        sim->outcome->done_status = action->status;
        break;
    }
}

/* After every event: do what the core wants done. */
static void turn(struct sim *sim)
{
    struct coordinator_action action;
    bool more = true;
    while (more && !sim->outcome->broken[0]) {
        more = false;
        while (!sim->outcome->broken[0] && coordinator_core_next(sim->core, &action)) {
            act(sim, &action);
            more = true;
        }
        const bool ended = sim->input_ended;
        if (!sim->done)
            read_next(sim);
        more |= ended != sim->input_ended;
    }
}

/* ---- events at the coordinator ---- */

void sim_broken(struct sim *sim, int32_t b, const char *why)
{
    if (sim->stalls > 0)
        return; /* silence tells the same, later */
    sim_log(sim, "rank %d    %s", b + 1, why);
    coordinator_core_lost(sim->core, b, why, sim->now_us);
    turn(sim);
}

static void hear(struct sim *sim, int32_t b, const struct proto_message *message,
                 const struct sim_packet *packet)
{
    switch (message->kind) {
    case PROTO_MESSAGE_HELLO:
        sim_log(sim, "rank %d -> HELLO", b + 1);
        sim_check_joined(sim, b, packet);
        if (sim->boards[b].settings->known)
            coordinator_core_know(sim->core, b, &sim->boards[b].settings->speed);
        coordinator_core_joined(sim->core, b, &message->hello, sim->now_us);
        break;
    case PROTO_MESSAGE_READY:
        sim_log(sim, "rank %d -> READY for PLAN %u: %s", b + 1, message->ready.plan,
                proto_status_text(message->ready.status));
        sim_check_ready(sim, b, &message->ready);
        coordinator_core_ready(sim->core, b, &message->ready, sim->now_us);
        break;
    case PROTO_MESSAGE_RESULT:
        sim_log(sim, "rank %d -> RESULT %" PRIu64 " round %u: %u tiles, %s", b + 1,
                message->result.seq, message->result.assignment, message->result.tile_count,
                proto_status_text(message->result.status));
        sim_check_result(sim, b, &message->result, packet);
        coordinator_core_result(sim->core, b, &message->result, sim->now_us);
        break;
    case PROTO_MESSAGE_BEAT:
        coordinator_core_beat(sim->core, b, &message->beat, sim->now_us);
        break;
    default: /* a spoiled one: only we say that */
        break;
    }
}

static void receive(struct sim *sim, struct sim_packet *packet)
{
    const int32_t b = packet->board;
    struct proto_message message;
    proto_arena_reset(&sim->arena);
    if (packet->kind == PROTO_MESSAGE_BEAT && packet->life == sim->boards[b].life)
        sim->boards[b].beat_waits = false;
    if (proto_codec_decode(packet->data, packet->len_bytes, &sim->arena, &message)) {
        sim_log(sim, "rank %d -> a malformed message", b + 1);
        sim_check_malformed(sim, b, packet);
        coordinator_core_lost(sim->core, b, "it sent a malformed message", sim->now_us);
    } else {
        hear(sim, b, &message, packet);
    }
    sim_net_drop(sim, packet);
    turn(sim);
}

/* A message has left: to a process that was killed the link says so, to a board without power nothing ever
 * happens. */
static void left(struct sim *sim, const struct sim_packet *packet)
{
    const struct sim_board *board = &sim->boards[packet->board];
    if (packet->copy || sim->stalls > 0)
        return;
    if (board->state == SIM_BOARD_OFF && !board->without_notice) {
        sim_broken(sim, packet->board, "a message did not reach it");
    } else if (board->state != SIM_BOARD_OFF && packet->kind == PROTO_MESSAGE_FRAME) {
        coordinator_core_sent(sim->core, packet->board, packet->seq, packet->assignment,
                              sim->now_us);
        turn(sim);
    }
}

void sim_deliver(struct sim *sim, struct sim_packet *packet)
{
    const struct sim_board *board = &sim->boards[packet->board];
    struct sim_event event = {
        .kind = SIM_EVENT_ARRIVED, .board = packet->board, .life = board->life, .packet = packet};
    if (packet->way == SIM_TO_BOARD) {
        left(sim, packet);
        sim_board_event(sim, &event);
    } else if (packet->life != board->life && board->without_notice) {
        sim_net_drop(sim, packet); /* it was still in the board that lost its power */
    } else if (sim->stalls > 0) {
        sim_put_off(sim, &sim->late, &sim->late_count, &sim->late_cap, &event);
    } else {
        receive(sim, packet);
    }
}

/* libuv runs timers before it polls: the core learns of the time that has passed first. */
void sim_go_on(struct sim *sim)
{
    struct sim_event *late = sim->late;
    const uint32_t count = sim->late_count;
    if (sim->stalls > 0)
        return;
    sim->late = NULL;
    sim->late_count = sim->late_cap = 0;
    if (coordinator_core_deadline_us(sim->core) <= sim->now_us) {
        coordinator_core_timer(sim->core, sim->now_us);
        turn(sim);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (late[i].kind == SIM_EVENT_READ) {
            frame_read(sim, late[i].index);
            turn(sim);
        } else {
            receive(sim, late[i].packet);
        }
    }
    free(late);
}

static void dispatch(struct sim *sim, const struct sim_event *event)
{
    switch (event->kind) {
    case SIM_EVENT_OPENED:
    case SIM_EVENT_BEAT:
    case SIM_EVENT_COMPUTED:
        sim_board_event(sim, event);
        break;
    case SIM_EVENT_SWITCHED:
        sim_net_switched(sim, event->packet);
        break;
    case SIM_EVENT_ARRIVED:
        if (sim_net_arrives(sim, event->packet))
            sim_deliver(sim, event->packet);
        break;
    case SIM_EVENT_BROKEN:
        if (event->life == sim->boards[event->board].life)
            sim_broken(sim, event->board, "its link broke");
        break;
    case SIM_EVENT_READ:
        if (sim->stalls > 0) {
            sim_put_off(sim, &sim->late, &sim->late_count, &sim->late_cap, event);
        } else {
            frame_read(sim, event->index);
            turn(sim);
        }
        break;
    case SIM_EVENT_FAULT:
        sim_trouble_begin(sim, event->index);
        break;
    case SIM_EVENT_FAULT_END:
        sim_trouble_end(sim, event->index);
        break;
    case SIM_EVENT_CLEAR:
        sim_net_clear(sim, event->board, (enum sim_way)event->index);
        break;
    }
}

/* ---- the loop ---- */

static bool going(const struct sim *sim)
{
    return !sim->done && !sim->outcome->broken[0] && !sim->status;
}

static void timer(struct sim *sim, uint64_t at_us)
{
    if (at_us > sim->now_us) {
        sim->now_us = at_us;
        sim->late_timers = 0;
    } else if (++sim->late_timers > TIMERS_MAX) {
        sim_break(sim, "the core's deadline stays in the past");
    }
    coordinator_core_timer(sim->core, sim->now_us);
    turn(sim);
}

static void next(struct sim *sim)
{
    const struct sim_event *first = sim_queue_first(&sim->queue);
    const uint64_t deadline_us =
        sim->stalls > 0 ? UINT64_MAX : coordinator_core_deadline_us(sim->core);
    struct sim_event event;
    if (!first && deadline_us == UINT64_MAX) {
        sim_break(sim, "nothing will ever happen again, and the run has not ended");
        return;
    }
    sim->outcome->events++;
    if (!first || deadline_us <= first->at_us) {
        timer(sim, deadline_us);
        return;
    }
    sim_queue_take(&sim->queue, &event);
    if (event.at_us > sim->now_us) {
        sim->now_us = event.at_us;
        sim->late_timers = 0;
    }
    dispatch(sim, &event);
    const uint64_t last_us = sim->outcome->last_us ? sim->outcome->last_us : sim->start_us;
    if (sim->now_us > last_us + SILENCE_US && sim->now_us > sim->last_fault_us + SILENCE_US)
        sim_break(sim, "no frame was reported for %d s", SILENCE_US / 1000000);
}

/* What is still on its way must not matter any more. */
static void afterwards(struct sim *sim)
{
    const uint64_t until_us = sim->now_us + AFTERWARDS_US;
    const struct sim_event *first;
    struct sim_event event;
    while (!sim->outcome->broken[0] && (first = sim_queue_first(&sim->queue)) &&
           first->at_us <= until_us) {
        sim_queue_take(&sim->queue, &event);
        sim->now_us = event.at_us > sim->now_us ? event.at_us : sim->now_us;
        dispatch(sim, &event);
    }
}

static int open_all(struct sim *sim)
{
    struct sim_settings *s = &sim->settings;
    s->core.workers = s->board_count;
    sim->boards = calloc((size_t)s->board_count, sizeof *sim->boards);
    sim->slots = calloc((size_t)s->core.slots, sizeof *sim->slots);
    if (!sim->boards || !sim->slots || proto_arena_open(&sim->arena, PROTO_CODEC_ARENA_MAX))
        return PROTO_NO_MEMORY;
    for (int32_t b = 0; b < s->board_count; b++) {
        struct sim_board *board = &sim->boards[b];
        board->settings = &s->boards[b];
        board->random.state = sim_mix(s->seed ^ sim_mix((uint64_t)b + 1));
        board->clock_us =
            (int64_t)CLOCK_US * 1000 + (int64_t)sim_random_below(&board->random, CLOCK_US);
    }
    int status = sim_check_open(sim);
    if (!status)
        status = coordinator_core_open(&s->core, sim->now_us, &sim->core);
    return status;
}

static void close_all(struct sim *sim)
{
    struct sim_event event;
    while (sim_queue_take(&sim->queue, &event))
        if (event.packet)
            sim_net_drop(sim, event.packet);
    for (uint32_t i = 0; i < sim->late_count; i++)
        if (sim->late[i].packet)
            sim_net_drop(sim, sim->late[i].packet);
    for (int32_t b = 0; sim->boards && b < sim->settings.board_count; b++)
        sim_board_close(sim, b);
    sim_net_close(sim);
    sim_check_close(sim);
    coordinator_core_close(sim->core);
    sim_queue_free(&sim->queue);
    proto_arena_close(&sim->arena);
    free(sim->late);
    free(sim->boards);
    free(sim->slots);
    free(sim->sorted);
    free(sim->tile_us);
    free(sim->survivors);
}

static void tell_end(struct sim *sim)
{
    struct sim_outcome *outcome = sim->outcome;
    for (int32_t b = 0; b < sim->settings.board_count; b++)
        outcome->joules += sim->boards[b].joules;
    outcome->ran_out = sim->done;
    outcome->tile_count = coordinator_core_tiles(sim->core);
    sim_check_usable(sim, outcome->usable);
}

int sim_run(const struct sim_settings *settings, struct sim_outcome *outcome)
{
    struct sim sim = {.settings = *settings,
                      .random = {sim_mix(settings->seed)},
                      .start_us = BEGIN_US,
                      .now_us = BEGIN_US,
                      .size = settings->frame,
                      .outcome = outcome};
    *outcome = (struct sim_outcome){.hash = 0xcbf29ce484222325u, .tail_period_us = NAN};
    int status = open_all(&sim);
    if (!status) {
        if (!settings->loud)
            sim_log_core(&sim);
        for (int32_t b = 0; b < settings->board_count; b++)
            sim_board_start(&sim, b, 0);
        sim_trouble_plan(&sim);
        turn(&sim);
        while (going(&sim))
            next(&sim);
        for (int32_t b = 0; b < settings->board_count; b++)
            sim_board_account(&sim, b);
        if (sim.done) {
            sim_check_done(&sim);
            afterwards(&sim);
        }
        tell_end(&sim);
        if (!settings->loud)
            sim_log_end();
        status = sim.status;
    }
    close_all(&sim);
    return status;
}
