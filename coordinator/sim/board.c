/* A modelled worker: what worker/rank.c and the device behind it look like from outside. */
#include <math.h>
#include <stdlib.h>

#include "coordinator/sim/answer.h"
#include "coordinator/sim/state.h"
#include "proto/codec.h"
#include "proto/status.h"

static uint64_t board_clock(const struct sim *sim, const struct sim_board *board)
{
    return sim->now_us + (uint64_t)board->clock_us;
}

/* Microseconds its process spent computing FRAMEs. */
static uint64_t busy_us(const struct sim *sim, const struct sim_board *board)
{
    const bool busy = board->computing && board->todo.first->kind == PROTO_MESSAGE_FRAME;
    return board->busy_us + (busy ? sim->now_us - board->computing_us : 0);
}

static void send(struct sim *sim, int32_t b, const struct proto_message *message, bool spoiled)
{
    struct sim_packet *packet = sim_net_packet(sim, b, SIM_FROM_BOARD, message);
    if (!packet)
        return;
    packet->spoiled = spoiled;
    sim_net_send(sim, packet);
}

/* ---- life ---- */

void sim_board_start(struct sim *sim, int32_t b, uint64_t after_us)
{
    struct sim_board *board = &sim->boards[b];
    board->state = SIM_BOARD_OPENING;
    board->life++;
    board->without_notice = false;
    board->beats = 0;
    board->began_us = sim->now_us;
    board->busy_us = 0;
    board->beat_waits = false;
    board->plan_spoiled = false;
    board->wire_state = PROTO_WORKER_STARTING;
    sim_put(sim, sim->now_us + after_us + board->settings->open_us,
            (struct sim_event){.kind = SIM_EVENT_OPENED, .board = b, .life = board->life});
    sim_put(sim, sim->now_us + after_us + board->settings->beat_us,
            (struct sim_event){.kind = SIM_EVENT_BEAT, .board = b, .life = board->life});
}

/* From first_us on: what the process computed and was up for so far. */
void sim_board_account(struct sim *sim, int32_t b)
{
    struct sim_board *board = &sim->boards[b];
    const struct sim_board_settings *s = board->settings;
    const uint64_t first_us = sim->outcome->first_us;
    const uint64_t from_us = board->began_us > first_us ? board->began_us : first_us;
    if (board->state == SIM_BOARD_OFF || first_us == 0)
        return;
    board->joules += 1e-6 * (s->idle_w * (double)(sim->now_us - from_us) +
                             (s->busy_w - s->idle_w) * (double)busy_us(sim, board));
    board->began_us = sim->now_us;
    board->busy_us = 0;
    board->computing_us = sim->now_us;
}

void sim_board_die(struct sim *sim, int32_t b)
{
    struct sim_board *board = &sim->boards[b];
    struct sim_packet *packet;
    board->state = SIM_BOARD_OFF;
    board->life++;
    board->computing = false;
    board->queued = 0;
    board->plan.number = 0;
    while ((packet = sim_packets_take(&board->todo)))
        sim_net_drop(sim, packet);
    for (uint32_t i = 0; i < board->late_count; i++)
        if (board->late[i].packet)
            sim_net_drop(sim, board->late[i].packet);
    board->late_count = 0;
}

void sim_board_close(struct sim *sim, int32_t b)
{
    struct sim_board *board = &sim->boards[b];
    struct sim_packet *packet;
    sim_board_die(sim, b);
    for (enum sim_way way = 0; way < SIM_WAYS; way++)
        while ((packet = sim_packets_take(&board->link.lanes[way].held)))
            sim_net_drop(sim, packet);
    sim_plan_free(&board->plan);
    free(board->tile_us);
    free(board->late);
}

static void say_hello(struct sim *sim, int32_t b)
{
    const struct proto_message message = {
        .kind = PROTO_MESSAGE_HELLO,
        .hello = {.version = PROTO_WIRE_VERSION,
                  .host = "board",
                  .pid = (uint32_t)b + 1,
                  .device = sim->boards[b].settings->name,
                  .kernels = "sim",
                  .model_hash = sim->settings.core.model->hash,
                  .threads = 1},
    };
    sim->boards[b].state = SIM_BOARD_UP;
    send(sim, b, &message, false);
}

static void power_fill(const struct sim *sim, const struct sim_board *board,
                       struct proto_beat *beat)
{
    const struct sim_board_settings *s = board->settings;
    const uint64_t up_us = sim->now_us - board->began_us;
    if (isnan(s->idle_w) || isnan(s->busy_w))
        return;
    beat->power = "model";
    beat->power_own = 1;
    beat->power_period_us = (uint32_t)s->beat_us;
    beat->power_us = up_us;
    beat->power_samples = board->beats;
    beat->power_mw = (uint32_t)(1e3 * (board->computing ? s->busy_w : s->idle_w));
    beat->energy_uj = (uint64_t)(s->idle_w * (double)up_us +
                                 (s->busy_w - s->idle_w) * (double)busy_us(sim, board));
}

/* As in rank.c, none while the last one has not left. */
static void say_beat(struct sim *sim, int32_t b)
{
    struct sim_board *board = &sim->boards[b];
    struct proto_message message = {
        .kind = PROTO_MESSAGE_BEAT,
        .beat = {.count = board->beats++,
                 .state = board->wire_state,
                 .queued = board->queued,
                 .power = NULL},
    };
    if (board->beat_waits)
        return;
    power_fill(sim, board, &message.beat);
    board->beat_waits = true;
    send(sim, b, &message, false);
}

/* ---- computing ---- */

static bool frame_fits(const struct sim_board *board, const struct proto_frame *frame)
{
    struct proto_sampling sampling;
    if (board->plan.number == 0 || frame->plan != board->plan.number)
        return false;
    for (uint32_t i = 0; i < frame->tile_count; i++) {
        if (frame->tiles[i] >= board->plan.tiles.count)
            return false;
        const struct partition_tile *tile = &board->plan.tiles.tile[frame->tiles[i]];
        if (tile->band.y0 < tile->band.y1 &&
            partition_band_find(&board->plan.pyramid, frame->bands, frame->band_count, tile->band,
                                &sampling))
            return false;
    }
    return true;
}

static double compute_us(struct sim_board *board, const struct proto_message *message)
{
    double us = board->settings->prepare_us;
    if (message->kind == PROTO_MESSAGE_FRAME) {
        if (!frame_fits(board, &message->frame))
            return 0;
        us = board->settings->speed.frame_us;
        for (uint32_t i = 0; i < message->frame.tile_count; i++)
            us += board->tile_us[message->frame.tiles[i]];
    }
    if (board->settings->noise > 0)
        us *= 1 + board->settings->noise * (2 * sim_random_unit(&board->random) - 1);
    return us * board->slow;
}

static bool decode(struct sim *sim, const struct sim_packet *packet, struct proto_message *message)
{
    proto_arena_reset(&sim->arena);
    return proto_codec_decode(packet->data, packet->len_bytes, &sim->arena, message) == PROTO_OK;
}

static void start_job(struct sim *sim, int32_t b)
{
    struct sim_board *board = &sim->boards[b];
    struct proto_message message;
    if (board->computing || !board->todo.first || !decode(sim, board->todo.first, &message))
        return;
    board->computing = true;
    board->started_us = board_clock(sim, board);
    board->computing_us = sim->now_us;
    sim_put(sim, sim->now_us + (uint64_t)compute_us(board, &message),
            (struct sim_event){.kind = SIM_EVENT_COMPUTED, .board = b, .life = board->life});
}

static int plan_take(struct sim *sim, struct sim_board *board, const struct proto_plan *plan)
{
    int status = sim_plan_set(&board->plan, sim->settings.core.model, plan);
    if (!status && plan->tile_count > board->tile_us_cap) {
        free(board->tile_us);
        board->tile_us = calloc(plan->tile_count, sizeof *board->tile_us);
        board->tile_us_cap = board->tile_us ? plan->tile_count : 0;
        status = board->tile_us ? PROTO_OK : PROTO_NO_MEMORY;
    }
    if (!status)
        partition_cost_tiles(&board->settings->speed, &board->plan.pyramid, &board->plan.tiles, 1,
                             board->tile_us);
    return status;
}

static void answer_plan(struct sim *sim, int32_t b, const struct proto_plan *plan, bool spoiled)
{
    struct sim_board *board = &sim->boards[b];
    const int status = plan_take(sim, board, plan);
    const struct proto_message message = {
        .kind = PROTO_MESSAGE_READY,
        .ready = {.plan = plan->plan, .status = status, .text = "", .memory_bytes = 1 << 20},
    };
    board->plan_spoiled = spoiled;
    board->wire_state = PROTO_WORKER_READY;
    send(sim, b, &message, false);
}

/* RESULTs are in order of tile; FRAMEs need not be. */
static bool tiles_sort(struct sim *sim, const struct proto_frame *frame)
{
    const uint32_t most = frame->tile_count;
    if (most > sim->sorted_cap) {
        free(sim->sorted);
        free(sim->tile_us);
        free(sim->survivors);
        sim->sorted = calloc(most, sizeof *sim->sorted);
        sim->tile_us = calloc(most, sizeof *sim->tile_us);
        sim->survivors = calloc((size_t)most * SIM_ANSWER_MAX, sizeof *sim->survivors);
        sim->sorted_cap = most;
        if (!sim->sorted || !sim->tile_us || !sim->survivors) {
            sim->sorted_cap = 0;
            sim->status = PROTO_NO_MEMORY;
            return false;
        }
    }
    for (uint32_t i = 0; i < most; i++) {
        uint32_t at = i;
        for (; at > 0 && sim->sorted[at - 1] > frame->tiles[i]; at--)
            sim->sorted[at] = sim->sorted[at - 1];
        sim->sorted[at] = frame->tiles[i];
    }
    return true;
}

static void tiles_answer(struct sim *sim, const struct sim_board *board,
                         const struct proto_frame *frame, struct proto_result *result)
{
    for (uint32_t i = 0; i < frame->tile_count; i++) {
        const struct partition_tile *tile = &board->plan.tiles.tile[sim->sorted[i]];
        const struct proto_tile_area area = partition_tile_area(&board->plan.pyramid, tile);
        sim->tile_us[i] = (uint32_t)(board->tile_us[tile->id] * board->slow);
        if (sim->settings.answers == SIM_ANSWERS_RANDOM)
            result->survivor_count += sim_answer(sim->settings.seed, frame->seq, &area, tile->level,
                                                 sim->settings.core.model->candidate_threshold,
                                                 sim->survivors + result->survivor_count);
    }
    result->tile_count = frame->tile_count;
    result->tiles = sim->sorted;
    result->tile_us = sim->tile_us;
    result->survivors = sim->survivors;
}

static void answer_frame(struct sim *sim, int32_t b, const struct proto_frame *frame,
                         uint64_t received_us, bool spoiled)
{
    struct sim_board *board = &sim->boards[b];
    struct proto_message message = {
        .kind = PROTO_MESSAGE_RESULT,
        .result = {.plan = frame->plan,
                   .seq = frame->seq,
                   .assignment = frame->assignment,
                   .text = "",
                   .received_us = received_us,
                   .started_us = board->started_us,
                   .finished_us = board_clock(sim, board)},
    };
    if (!frame_fits(board, frame))
        message.result.status = PROTO_INVALID;
    else if (tiles_sort(sim, frame))
        tiles_answer(sim, board, frame, &message.result);
    send(sim, b, &message, spoiled || board->plan_spoiled);
}

static void finish_job(struct sim *sim, int32_t b)
{
    struct sim_board *board = &sim->boards[b];
    board->busy_us = busy_us(sim, board);
    struct sim_packet *packet = sim_packets_take(&board->todo);
    struct proto_message message;
    board->computing = false;
    if (!decode(sim, packet, &message)) /* it could be when it came */
        sim_break(sim, "rank %d: a message decodes once and not again", b + 1);
    else if (message.kind == PROTO_MESSAGE_PLAN)
        answer_plan(sim, b, &message.plan, packet->spoiled);
    else
        answer_frame(sim, b, &message.frame, packet->received_us, packet->spoiled);
    if (packet->kind == PROTO_MESSAGE_FRAME)
        board->queued--;
    sim_net_drop(sim, packet);
    start_job(sim, b);
}

/* ---- messages ---- */

/* Finish nothing, say goodbye. */
static void stop(struct sim *sim, int32_t b)
{
    struct sim_board *board = &sim->boards[b];
    sim_board_die(sim, b);
    board->state = SIM_BOARD_STOPPED;
    board->wire_state = PROTO_WORKER_STOPPED;
    board->beat_waits = false;
    say_beat(sim, b);
}

static void receive(struct sim *sim, int32_t b, struct sim_packet *packet)
{
    struct sim_board *board = &sim->boards[b];
    struct proto_message message;
    const bool alive = board->state == SIM_BOARD_UP || board->state == SIM_BOARD_OPENING;
    if (!alive || !decode(sim, packet, &message)) {
        if (alive)
            sim_log(sim, "rank %d    can't read a message", b + 1);
        sim_net_drop(sim, packet);
        return;
    }
    packet->kind = message.kind;
    packet->received_us = board_clock(sim, board);
    switch (message.kind) {
    case PROTO_MESSAGE_FRAME:
        board->queued++;
        sim_packets_put(&board->todo, packet);
        break;
    case PROTO_MESSAGE_PLAN:
        board->wire_state = PROTO_WORKER_STARTING;
        sim_packets_put(&board->todo, packet);
        break;
    case PROTO_MESSAGE_STOP:
        sim_net_drop(sim, packet);
        stop(sim, b);
        return;
    default: /* a spoiled one: only workers say that */
        sim_net_drop(sim, packet);
        return;
    }
    if (board->state == SIM_BOARD_UP)
        start_job(sim, b);
}

void sim_board_event(struct sim *sim, const struct sim_event *event)
{
    const int32_t b = event->board;
    struct sim_board *board = &sim->boards[b];
    if (event->kind != SIM_EVENT_ARRIVED && event->life != board->life)
        return;
    if (board->hangs > 0 || (board->stucks > 0 && event->kind == SIM_EVENT_COMPUTED)) {
        sim_put_off(sim, &board->late, &board->late_count, &board->late_cap, event);
        return;
    }
    switch (event->kind) {
    case SIM_EVENT_OPENED:
        say_hello(sim, b);
        start_job(sim, b);
        break;
    case SIM_EVENT_BEAT:
        say_beat(sim, b);
        sim_put(sim, sim->now_us + board->settings->beat_us, *event);
        break;
    case SIM_EVENT_COMPUTED:
        finish_job(sim, b);
        break;
    case SIM_EVENT_ARRIVED:
        receive(sim, b, event->packet);
        break;
    default:
        break;
    }
}

void sim_board_go_on(struct sim *sim, int32_t b)
{
    struct sim_board *board = &sim->boards[b];
    struct sim_event *late = board->late;
    const uint32_t count = board->late_count;
    const uint32_t life = board->life;
    board->late = NULL;
    board->late_count = board->late_cap = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (life == board->life)
            sim_board_event(sim, &late[i]);
        else if (late[i].packet) /* a STOP among them ended it */
            sim_net_drop(sim, late[i].packet);
    }
    free(late);
}
