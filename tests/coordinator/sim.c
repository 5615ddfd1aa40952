/* The simulated cluster. */
#include "tests/coordinator/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "partition/merge.h"
#include "proto/status.h"

enum { EVENTS_MAX = 4096, TILES_MAX = 4096, SLOTS_MAX = 16 };

enum event_kind { EVENT_HELLO, EVENT_READY, EVENT_RESULT, EVENT_BEAT, EVENT_LOST, EVENT_FRAME };
static const char *const event_names[] = {"HELLO", "READY", "RESULT", "BEAT", "lost", "frame"};
static const char *const action_names[] = {"PLAN", "FRAME", "report", "release", "STOP", "done"};

struct event {
    uint64_t at_us, order; /* order: ties in the order they were made */
    enum event_kind kind;
    int worker;
    uint32_t plan, assignment;
    uint64_t seq;
    uint64_t sent_us;
    int life; /* of the worker when it was made: a restarted one forgets */
    bool fails, wrong;
    uint32_t tile_count;
    uint32_t *tiles;
};

struct sim {
    const struct sim_settings *settings;
    const struct partition_model *model;
    struct coordinator_core *core;
    uint64_t rng, now_us, made;
    struct event events[EVENTS_MAX];
    int event_count;
    int life[SIM_WORKERS_MAX];
    uint64_t silent_until_us[SIM_WORKERS_MAX];
    uint32_t planned[SIM_WORKERS_MAX]; /* PLAN it was READY for; a restarted one has none */
    bool vanished[SIM_WORKERS_MAX], said_hello[SIM_WORKERS_MAX], stopped[SIM_WORKERS_MAX];
    struct coordinator_core_settings core_settings;
    /* frames */
    struct proto_size size[SIM_FRAMES_MAX];
    bool broken[SIM_FRAMES_MAX];
    int next_frame, next_report;
    bool frame_coming, input_ended, done;
    int slot_frame[SLOTS_MAX]; /* -1: free */
    char names[SIM_FRAMES_MAX][16];
    /* the plan in use, from PLAN messages */
    uint32_t plan;
    struct proto_size plan_size;
    uint32_t tile_count;
    struct proto_plan_tile tiles[TILES_MAX];
    bool answered[SIM_FRAMES_MAX][TILES_MAX];
    struct sim_outcome outcome;
};

/* ---- chance (splitmix64) ---- */

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t draw(struct sim *sim, uint64_t below)
{
    sim->rng += 0x9e3779b97f4a7c15u;
    return mix(sim->rng) % below;
}

static bool chance(struct sim *sim, double p)
{
    return (double)draw(sim, 1000000) < p * 1e6;
}

/* MUSTER_SIM_TRACE=1 shows what happens: to read a seed that fails. */
static void trace(const struct sim *sim, const char *way, const char *what, int worker, int frame,
                  int round, const char *note)
{
    if (getenv("MUSTER_SIM_TRACE"))
        fprintf(stderr, "%12.3f ms %s %-7s worker or slot %d frame %d round %d %s\n",
                (double)sim->now_us / 1e3, way, what, worker, frame, round, note);
}

/* ---- scores: a hash of frame, level and cell, coarse enough for many ties ---- */

static float score_of(uint64_t seq, int level, int row, int col)
{
    const uint64_t h =
        mix(seq * 1000003u + (uint64_t)level * 4099u + (uint64_t)row * 131u + (uint64_t)col);
    return (float)(h % 97) / 16.0f - 4.0f; /* -4 .. 2; candidates are above 0 */
}

static void level_cells(const struct partition_pyramid *pyramid, int level, int *rows, int *cols)
{
    *rows = pyramid->levels[level].rows;
    *cols = pyramid->levels[level].cols;
}

/* Local NMS as gpu/device.h says, in the plainest form. Returns the number of survivors. */
static uint32_t local_nms(const struct partition_model *model, uint64_t seq,
                          const struct proto_tile_area *area, int level, struct proto_survivor *out)
{
    uint32_t count = 0;
    const int r1 = area->row0 + area->rows, c1 = area->col0 + area->cols;
    for (int r = area->row0; r < r1; r++) {
        for (int c = area->col0; c < c1; c++) {
            const float score = score_of(seq, level, r, c);
            bool peak = true;
            if (!(score > model->candidate_threshold))
                continue;
            for (int y = r - PROTO_NMS_REACH_ROWS; y <= r + PROTO_NMS_REACH_ROWS; y++) {
                for (int x = c - PROTO_NMS_REACH_COLS; x <= c + PROTO_NMS_REACH_COLS; x++) {
                    if (y < area->row0 || y >= r1 || x < area->col0 || x >= c1)
                        continue;
                    const float other = score_of(seq, level, y, x);
                    if (other > score || (other == score && (y < r || (y == r && x < c))))
                        peak = false;
                }
            }
            const bool edge = (area->row0 > 0 && r < area->row0 + PROTO_NMS_REACH_ROWS) ||
                              (r1 < area->level_rows && r >= r1 - PROTO_NMS_REACH_ROWS) ||
                              (area->col0 > 0 && c < area->col0 + PROTO_NMS_REACH_COLS) ||
                              (c1 < area->level_cols && c >= c1 - PROTO_NMS_REACH_COLS);
            if (!peak && !edge)
                continue;
            out[count++] = (struct proto_survivor){
                .tile = area->tile,
                .row = (uint16_t)r,
                .col = (uint16_t)c,
                .score = score,
                .flags = (peak ? PROTO_SURVIVOR_PEAK : 0u) | (edge ? PROTO_SURVIVOR_EDGE : 0u),
            };
        }
    }
    return count;
}

/* ---- the model ---- */

static void small_net(struct partition_net *net, const char *name, int first, int last)
{
    *net = (struct partition_net){
        .first_level = first,
        .last_level = last,
        .person_px = 12,
        .border_rows = 2,
        .border_cols = 1,
        .scale = 1.0f / 256,
        .layer_count = 3,
        .layers = {{PROTO_LAYER_POOL, 3, 3, 2, 2, 2, 2, false, NULL, NULL, "p1"},
                   {PROTO_LAYER_POOL, 3, 3, 2, 2, 2, 2, false, NULL, NULL, "p2"},
                   {PROTO_LAYER_CONV, 3, 1, 4, 2, 1, 1, false, NULL, NULL, "c"}},
    };
    snprintf(net->name, sizeof net->name, "%s", name);
    assert_int_equal(partition_net_analyse(net), PROTO_OK);
}

void sim_model(struct partition_model *model)
{
    *model = (struct partition_model){
        .name = "sim",
        .hash = "0123456789abcdef",
        .first_person_px = 14,
        .per_octave = 3,
        .levels = 6,
        .pad_below = 1,
        .aspect = 0.41,
        .candidate_threshold = 0.0f,
        .threshold = 0.25f,
        .overlap = 0.5f,
        .net_count = 2,
    };
    small_net(&model->nets[0], "far", 0, 2);
    small_net(&model->nets[1], "near", 3, 5);
}

/* ---- reference: whole levels, no workers ---- */

static void reference(const struct partition_model *model, float threshold, uint64_t seq,
                      struct proto_size size, struct proto_detection **out, uint32_t *count)
{
    struct partition_pyramid pyramid;
    struct partition_tiles *tiles;
    struct partition_merge *merge;
    const struct partition_tile_settings whole = {.max_rows = 0};
    const struct proto_detection *found;

    assert_int_equal(partition_pyramid_init(&pyramid, model, size), PROTO_OK);
    assert_int_equal(partition_tiles_open(&pyramid, model, &whole, &tiles), PROTO_OK);
    assert_int_equal(partition_merge_open(&pyramid, model, tiles, threshold, &merge), PROTO_OK);
    for (uint32_t t = 0; t < tiles->count; t++) {
        const struct partition_tile *tile = &tiles->tile[t];
        const struct proto_tile_area area = partition_tile_area(&pyramid, tile);
        int rows, cols;
        level_cells(&pyramid, tile->level, &rows, &cols);
        struct proto_survivor *survivors = calloc((size_t)(rows * cols), sizeof *survivors);
        const uint32_t n = local_nms(model, seq, &area, tile->level, survivors);
        assert_int_equal(partition_merge_add(merge, survivors, n), PROTO_OK);
        free(survivors);
    }
    assert_int_equal(partition_merge_finish(merge, &found, count), PROTO_OK);
    *out = calloc(*count ? *count : 1, sizeof **out);
    memcpy(*out, found, *count * sizeof **out);
    partition_merge_close(merge);
    partition_tiles_close(tiles);
}

/* ---- events ---- */

static struct event *later(struct sim *sim, enum event_kind kind, int worker, uint64_t delay_us)
{
    assert_true(sim->event_count < EVENTS_MAX);
    struct event *event = &sim->events[sim->event_count++];
    *event = (struct event){
        .at_us = sim->now_us + delay_us, .order = sim->made++, .kind = kind, .worker = worker};
    return event;
}

static bool take_event(struct sim *sim, struct event *out)
{
    int first = -1;
    for (int i = 0; i < sim->event_count; i++) {
        const struct event *a = &sim->events[i], *b = first >= 0 ? &sim->events[first] : NULL;
        if (!b || a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order))
            first = i;
    }
    if (first < 0)
        return false;
    *out = sim->events[first];
    sim->events[first] = sim->events[--sim->event_count];
    return true;
}

static void hello(struct sim *sim, int worker)
{
    const bool other = sim->settings->other_model && worker == 0;
    const struct proto_hello message = {
        .version = PROTO_WIRE_VERSION,
        .host = "board",
        .device = "sim",
        .kernels = "hash",
        .model_hash = other ? "fedcba" : sim->model->hash,
    };
    sim->said_hello[worker] = true;
    coordinator_core_joined(sim->core, worker, &message, sim->now_us);
}

/* Answer an assignment, well or badly. */
static void result(struct sim *sim, const struct event *event)
{
    static struct proto_survivor survivors[1 << 16];
    static uint32_t tile_us[TILES_MAX];
    const int frame = (int)event->seq;
    struct partition_pyramid pyramid;
    struct proto_result message = {
        .plan = event->plan,
        .seq = event->seq,
        .assignment = event->assignment,
        .received_us = event->sent_us,
        .started_us = event->sent_us,
        .finished_us = event->at_us,
        .tile_us = tile_us,
        .survivors = survivors,
    };

    if (sim->vanished[event->worker] || event->life != sim->life[event->worker])
        return;
    if (event->fails) {
        message.status = PROTO_DEVICE;
        message.text = "made to fail";
        coordinator_core_result(sim->core, event->worker, &message, sim->now_us);
        return;
    }
    message.tile_count = event->tile_count;
    message.tiles = event->tiles;
    assert_int_equal(partition_pyramid_init(&pyramid, sim->model, sim->size[frame]), PROTO_OK);
    for (uint32_t i = 0; i < event->tile_count && event->plan == sim->plan; i++) {
        const struct proto_plan_tile *tile = &sim->tiles[event->tiles[i]];
        const struct partition_level *level = &pyramid.levels[tile->level];
        const struct proto_tile_area area = {
            event->tiles[i],     (int32_t)tile->row0, (int32_t)tile->col0, (int32_t)tile->rows,
            (int32_t)tile->cols, level->rows,         level->cols};
        message.survivor_count += local_nms(sim->model, event->seq, &area, (int)tile->level,
                                            survivors + message.survivor_count);
    }
    if (event->wrong && message.survivor_count > 0) {
        survivors[draw(sim, message.survivor_count)].tile += sim->tile_count;
    } else if (event->plan == sim->plan) {
        for (uint32_t i = 0; i < event->tile_count; i++)
            sim->answered[frame][event->tiles[i]] = true;
    }
    coordinator_core_result(sim->core, event->worker, &message, sim->now_us);
}

/* The frames' sizes and faults are fixed by the seed alone, not by what workers do. */
static void make_frames(struct sim *sim)
{
    static const struct proto_size sizes[] = {{64, 48}, {80, 40}, {37, 61}, {120, 90}};
    struct proto_size size = sizes[draw(sim, 4)];
    for (int i = 0; i < sim->settings->frames; i++) {
        if (chance(sim, sim->settings->p_resize))
            size = sizes[draw(sim, 4)];
        sim->size[i] = size;
        sim->broken[i] = chance(sim, sim->settings->p_broken);
        snprintf(sim->names[i], sizeof sim->names[i], "f%04d.png", i);
    }
}

/* Read ahead into a free slot, or say that the input has ended. */
static void read_next(struct sim *sim)
{
    if (sim->frame_coming || sim->input_ended)
        return;
    if (sim->next_frame == sim->settings->frames) {
        sim->input_ended = true;
        coordinator_core_end(sim->core, sim->now_us);
        return;
    }
    for (int s = 0; s < sim->core_settings.slots; s++) {
        if (sim->slot_frame[s] >= 0)
            continue;
        sim->slot_frame[s] = sim->next_frame++;
        sim->frame_coming = true;
        later(sim, EVENT_FRAME, s, 1 + draw(sim, sim->settings->delay_us));
        return;
    }
}

static void frame(struct sim *sim, int slot)
{
    const int i = sim->slot_frame[slot];
    const struct coordinator_core_frame in = {
        .seq = (uint64_t)i,
        .source = sim->names[i],
        .stamp_ns = 1000 + i,
        .begin_us = sim->now_us,
        .size = sim->broken[i] ? (struct proto_size){0, 0} : sim->size[i],
        .error = sim->broken[i] ? "broken" : NULL,
    };
    sim->frame_coming = false;
    coordinator_core_frame(sim->core, slot, &in, sim->now_us);
}

/* ---- actions ---- */

static void got_plan(struct sim *sim, const struct coordinator_action *action)
{
    const struct proto_plan *plan = action->plan;
    assert_true(plan->tile_count <= TILES_MAX);
    assert_false(sim->stopped[action->worker]);
    if (plan->plan != sim->plan) {
        /* Another size only when all frames before are reported. */
        sim->plan = plan->plan;
        sim->plan_size = plan->frame;
        sim->tile_count = plan->tile_count;
        memcpy(sim->tiles, plan->tiles, plan->tile_count * sizeof *plan->tiles);
    }
    if (sim->vanished[action->worker])
        return;
    struct event *event =
        later(sim, EVENT_READY, action->worker, 1 + draw(sim, sim->settings->delay_us));
    event->plan = plan->plan;
    event->life = sim->life[action->worker];
    event->fails = chance(sim, sim->settings->p_unfit);
}

static void vanish(struct sim *sim, int worker)
{
    sim->vanished[worker] = true;
    sim->life[worker]++;
    sim->planned[worker] = 0;
    if (chance(sim, 0.5)) /* the link notices; otherwise silence has to */
        later(sim, EVENT_LOST, worker, 1 + draw(sim, sim->settings->delay_us));
    if (chance(sim, sim->settings->p_return))
        later(sim, EVENT_HELLO, worker, 1 + draw(sim, 40 * sim->settings->delay_us));
}

static void got_frame(struct sim *sim, const struct coordinator_action *action)
{
    const struct proto_frame *message = action->frame;
    const int worker = action->worker;
    static struct proto_band bands[TILES_MAX];
    struct partition_pyramid pyramid;
    struct partition_tiles *tiles;

    assert_true(sim->said_hello[worker]);
    assert_false(sim->stopped[worker]);
    assert_int_equal(message->plan, sim->plan);
    assert_int_equal(sim->slot_frame[action->slot], (int)message->seq);
    assert_true(message->tile_count > 0);
    assert_memory_equal(&sim->plan_size, &sim->size[message->seq], sizeof sim->plan_size);
    /* The bands are just what these tiles need. */
    assert_int_equal(partition_pyramid_init(&pyramid, sim->model, sim->plan_size), PROTO_OK);
    assert_int_equal(partition_tiles_open(&pyramid, sim->model, &sim->settings->tiles, &tiles),
                     PROTO_OK);
    assert_int_equal(partition_tile_bands(tiles, message->tiles, message->tile_count, bands),
                     message->band_count);
    assert_memory_equal(bands, message->bands, message->band_count * sizeof *bands);
    partition_tiles_close(tiles);
    if (message->assignment > 0)
        sim->outcome.rounds++;

    if (sim->vanished[worker])
        return;
    assert_int_equal(sim->planned[worker], sim->plan);
    if (chance(sim, sim->settings->p_lose)) {
        vanish(sim, worker);
        return;
    }
    const int copies = 1 + chance(sim, sim->settings->p_twice);
    const bool fails = chance(sim, sim->settings->p_error);
    const bool wrong = chance(sim, sim->settings->p_wrong);
    uint32_t count = message->tile_count;
    if (chance(sim, sim->settings->p_hang))
        sim->silent_until_us[worker] =
            sim->now_us + sim->core_settings.silence_us * (1 + draw(sim, 3));
    if (chance(sim, sim->settings->p_partial))
        count = (uint32_t)draw(sim, count);
    for (int i = 0; i < copies; i++) {
        struct event *event =
            later(sim, EVENT_RESULT, worker, 1 + draw(sim, sim->settings->delay_us));
        event->plan = message->plan;
        event->seq = message->seq;
        event->assignment = message->assignment;
        event->sent_us = sim->now_us;
        event->life = sim->life[worker];
        event->fails = fails;
        event->wrong = wrong;
        event->tile_count = count;
        event->tiles = calloc(count ? count : 1, sizeof *event->tiles);
        memcpy(event->tiles, message->tiles, count * sizeof *event->tiles);
    }
    coordinator_core_sent(sim->core, worker, message->seq, message->assignment, sim->now_us);
}

static void hash_in(struct sim *sim, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < bytes; i++)
        sim->outcome.hash = (sim->outcome.hash ^ p[i]) * 1099511628211u;
}

static void check_missing(const struct sim *sim, const struct coordinator_frame_report *report)
{
    uint32_t done = 0, at = 0;
    int last = -1;
    for (uint32_t t = 0; t < sim->tile_count; t++) {
        const int level = (int)sim->tiles[t].level;
        if (sim->answered[report->seq][t]) {
            done++;
        } else if (level != last) {
            assert_true(at < report->missing_count);
            assert_int_equal(report->missing[at++], level);
            last = level;
        }
    }
    assert_int_equal(at, report->missing_count);
    assert_true(report->coverage == (double)done / (double)sim->tile_count);
}

static void got_report(struct sim *sim, const struct coordinator_action *action)
{
    const struct coordinator_frame_report *report = action->report;
    const int i = sim->next_report++;

    assert_int_equal(report->seq, i); /* once, in order */
    assert_int_equal(sim->slot_frame[action->slot], i);
    assert_string_equal(report->source, sim->names[i]);
    assert_int_equal(report->stamp_ns, 1000 + i);
    sim->outcome.frames++;
    if (sim->broken[i]) {
        assert_string_equal(report->error, "broken");
        assert_int_equal(report->detection_count, 0);
        assert_true(report->coverage == 0.0);
        sim->outcome.broken++;
    } else if (report->coverage == 1.0) {
        struct proto_detection *expected;
        uint32_t count;
        reference(sim->model, sim->model->threshold, report->seq, sim->size[i], &expected, &count);
        assert_int_equal(report->detection_count, count);
        assert_memory_equal(report->detections, expected, count * sizeof *expected);
        assert_int_equal(report->missing_count, 0);
        assert_null(report->error);
        free(expected);
        sim->outcome.complete++;
    } else {
        check_missing(sim, report);
        assert_non_null(report->error);
        sim->outcome.incomplete++;
    }
    hash_in(sim, report->detections, report->detection_count * sizeof *report->detections);
}

static void act(struct sim *sim, const struct coordinator_action *action)
{
    assert_false(sim->done);
    trace(sim, "->", action_names[action->kind], action->worker,
          action->frame ? (int)action->frame->seq : -1,
          action->frame ? (int)action->frame->assignment : -1, "");
    switch (action->kind) {
    case COORDINATOR_SEND_PLAN:
        got_plan(sim, action);
        break;
    case COORDINATOR_SEND_FRAME:
        got_frame(sim, action);
        break;
    case COORDINATOR_REPORT:
        got_report(sim, action);
        break;
    case COORDINATOR_RELEASE:
        assert_int_equal(sim->slot_frame[action->slot], sim->next_report - 1);
        sim->slot_frame[action->slot] = -1;
        break;
    case COORDINATOR_SEND_STOP:
        assert_false(sim->stopped[action->worker]);
        sim->stopped[action->worker] = true;
        break;
    case COORDINATOR_DONE:
        sim->done = true;
        sim->outcome.done_status = action->status;
        break;
    }
}

static void settle(struct sim *sim)
{
    struct coordinator_action action;
    int progress = 1;
    while (progress) {
        progress = 0;
        while (coordinator_core_next(sim->core, &action)) {
            act(sim, &action);
            progress = 1;
        }
        const bool ended = sim->input_ended;
        if (!sim->done)
            read_next(sim);
        progress |= ended != sim->input_ended;
    }
}

static void deliver(struct sim *sim, struct event *event)
{
    /* A hung worker says everything later. */
    if ((event->kind == EVENT_RESULT || event->kind == EVENT_READY) &&
        sim->now_us < sim->silent_until_us[event->worker]) {
        assert_true(sim->event_count < EVENTS_MAX);
        event->at_us = sim->silent_until_us[event->worker];
        sim->events[sim->event_count++] = *event;
        return;
    }
    if (event->kind != EVENT_BEAT)
        trace(sim, "<-", event_names[event->kind], event->worker, (int)event->seq,
              (int)event->assignment,
              event->fails   ? "fails"
              : event->wrong ? "wrong"
                             : "");
    switch (event->kind) {
    case EVENT_HELLO:
        sim->vanished[event->worker] = false;
        hello(sim, event->worker);
        break;
    case EVENT_READY:
        if (!sim->vanished[event->worker] && event->life == sim->life[event->worker]) {
            const struct proto_ready ready = {.plan = event->plan,
                                              .status = event->fails ? PROTO_NO_MEMORY : PROTO_OK,
                                              .text = ""};
            if (!event->fails && event->plan > sim->planned[event->worker])
                sim->planned[event->worker] = event->plan; /* answers overtake each other here */
            coordinator_core_ready(sim->core, event->worker, &ready, sim->now_us);
        }
        break;
    case EVENT_RESULT:
        result(sim, event);
        break;
    case EVENT_BEAT:
        for (int w = 0; w < sim->settings->workers; w++) {
            const struct proto_beat beat = {.state = PROTO_WORKER_READY};
            if (sim->said_hello[w] && !sim->vanished[w] && sim->now_us >= sim->silent_until_us[w])
                coordinator_core_beat(sim->core, w, &beat, sim->now_us);
        }
        if (!sim->done)
            later(sim, EVENT_BEAT, 0, sim->core_settings.silence_us / 4);
        break;
    case EVENT_LOST:
        if (sim->vanished[event->worker])
            coordinator_core_lost(sim->core, event->worker, "the link broke", sim->now_us);
        break;
    case EVENT_FRAME:
        frame(sim, event->worker);
        break;
    }
    free(event->tiles);
}

struct sim_outcome sim_run(const struct partition_model *model, const struct sim_settings *settings)
{
    struct sim *sim = calloc(1, sizeof *sim);
    assert_non_null(sim);
    sim->settings = settings;
    sim->model = model;
    sim->rng = settings->seed;
    sim->now_us = 5000000;
    sim->outcome.hash = 14695981039346656037u;
    coordinator_core_defaults(&sim->core_settings);
    sim->core_settings.model = model;
    /* Beats come at a quarter of it: fewer of them in the same virtual time. */
    sim->core_settings.silence_us = 2500000;
    sim->core_settings.silence_max_us = 7500000;
    sim->core_settings.tiles = settings->tiles;
    sim->core_settings.workers = settings->workers;
    sim->core_settings.depth = settings->depth;
    sim->core_settings.slots = settings->depth + (int)draw(sim, 3);
    sim->core_settings.strikes = settings->strikes ? settings->strikes : INT32_MAX;
    assert_true(sim->core_settings.slots <= SLOTS_MAX);
    assert_int_equal(coordinator_core_open(&sim->core_settings, sim->now_us, &sim->core), PROTO_OK);
    for (int s = 0; s < SLOTS_MAX; s++)
        sim->slot_frame[s] = -1;
    make_frames(sim);
    for (int w = 0; w < settings->workers; w++) {
        if (chance(sim, settings->p_absent))
            sim->vanished[w] = true;
        else
            later(sim, EVENT_HELLO, w, 1 + draw(sim, settings->delay_us));
    }
    later(sim, EVENT_BEAT, 0, sim->core_settings.silence_us / 4);
    settle(sim);
    while (!sim->done) {
        struct event event;
        assert_true(take_event(sim, &event)); /* otherwise it would wait for ever */
        for (uint64_t at_us; (at_us = coordinator_core_deadline_us(sim->core)) <= event.at_us;) {
            sim->now_us = at_us > sim->now_us ? at_us : sim->now_us;
            coordinator_core_timer(sim->core, sim->now_us);
            settle(sim);
        }
        sim->now_us = event.at_us > sim->now_us ? event.at_us : sim->now_us;
        if (!sim->done)
            deliver(sim, &event);
        else
            free(event.tiles);
        settle(sim);
        assert_true(sim->now_us < 1000u * 1000000u); /* no run takes hours */
    }
    sim->outcome.end_us = sim->now_us;
    later(sim, EVENT_BEAT, 0, 0); /* goodbyes: nothing more is wanted from anybody */
    deliver(sim, &sim->events[sim->event_count - 1]);
    settle(sim);
    struct sim_outcome outcome = sim->outcome;
    for (int i = 0; i < sim->event_count; i++)
        free(sim->events[i].tiles);
    coordinator_core_close(sim->core);
    free(sim);
    return outcome;
}
