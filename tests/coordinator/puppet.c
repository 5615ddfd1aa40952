/* Workers moved by hand. */
#include "tests/coordinator/puppet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/status.h"
#include "tests/coordinator/sim.h"

static const uint32_t beat_us = 100000;

struct puppet *puppet_new(int workers)
{
    struct puppet *p = calloc(1, sizeof *p);
    assert_non_null(p);
    assert_true(workers <= PUPPET_WORKERS);
    sim_model(&p->model);
    coordinator_core_defaults(&p->settings);
    p->settings.model = &p->model;
    p->settings.workers = workers;
    p->settings.tiles = (struct partition_tile_settings){.max_rows = 4, .max_cols = 5};
    p->now_us = 7000000;
    p->size = (struct proto_size){120, 90};
    for (int w = 0; w < workers; w++)
        p->says[w] = PROTO_WORKER_READY;
    return p;
}

void puppet_free(struct puppet *p)
{
    coordinator_core_close(p->core);
    free(p);
}

static void got_report(struct puppet *p, const struct coordinator_frame_report *report)
{
    assert_true(p->report_count < PUPPET_REPORTS);
    assert_int_equal(report->seq, p->report_count); /* once, in order */
    struct puppet_report *r = &p->reports[p->report_count++];
    *r = (struct puppet_report){
        .seq = report->seq,
        .at_us = p->now_us,
        .coverage = report->coverage,
        .predicted_ms = report->predicted_ms,
        .bound_ms = report->bound_ms,
        .measured_ms = report->measured_ms,
        .missing_count = report->missing_count,
        .distance_count = report->missing_distance_count,
        .cut = report->cut,
        .error = report->error != NULL,
    };
    for (uint32_t i = 0; i < report->missing_distance_count && i < 8; i++)
        r->distances[i] = report->missing_distances[i];
    for (uint32_t t = 0; t < report->tile_count && t < PUPPET_TILES; t++)
        r->ranks[t] = report->tiles[t].rank;
}

static void got_frame(struct puppet *p, const struct coordinator_action *action)
{
    const struct proto_frame *frame = action->frame;
    assert_true(p->send_count < PUPPET_SENDS && frame->tile_count <= PUPPET_TILES);
    struct puppet_send *send = &p->sends[p->send_count++];
    *send = (struct puppet_send){
        .worker = action->worker,
        .seq = frame->seq,
        .at_us = p->now_us,
        .plan = frame->plan,
        .assignment = frame->assignment,
        .tile_count = frame->tile_count,
    };
    memcpy(send->tiles, frame->tiles, frame->tile_count * sizeof *send->tiles);
    const uint64_t begin_us =
        p->link_us[action->worker] > p->now_us ? p->link_us[action->worker] : p->now_us;
    send->gone_us =
        begin_us + (uint64_t)(p->us_per_byte[action->worker] * (double)frame->pixel_bytes);
    p->link_us[action->worker] = send->gone_us;
}

/* Tell the core which FRAMEs have left. */
static void tell_gone(struct puppet *p)
{
    for (int i = 0; i < p->send_count; i++) {
        struct puppet_send *s = &p->sends[i];
        if (s->gone || s->gone_us > p->now_us)
            continue;
        s->gone = true;
        coordinator_core_sent(p->core, s->worker, s->seq, s->assignment, s->gone_us);
    }
}

static void settle(struct puppet *p)
{
    struct coordinator_action action;
    while (coordinator_core_next(p->core, &action)) {
        switch (action.kind) {
        case COORDINATOR_SEND_PLAN:
            p->plans[action.worker]++;
            p->plan[action.worker] = action.plan->plan;
            p->tile_count = action.plan->tile_count;
            break;
        case COORDINATOR_SEND_FRAME:
            got_frame(p, &action);
            break;
        case COORDINATOR_REPORT:
            got_report(p, action.report);
            break;
        case COORDINATOR_RELEASE:
            p->free_slots |= 1u << action.slot;
            break;
        case COORDINATOR_SEND_STOP:
            break;
        case COORDINATOR_DONE:
            p->done = true;
            break;
        }
    }
}

void puppet_hello(struct puppet *p, int worker)
{
    const struct proto_hello hello = {
        .version = PROTO_WIRE_VERSION,
        .host = "board",
        .device = "sim",
        .kernels = "hash",
        .model_hash = p->model.hash,
    };
    struct partition_speed speed;
    partition_speed_defaults(&speed);
    speed.macs_per_us = p->macs_per_us[worker];
    if (speed.macs_per_us > 0.0)
        coordinator_core_know(p->core, worker, &speed);
    if (p->busy_w[worker] > 0.0)
        coordinator_core_know_watts(p->core, worker, p->idle_w[worker], p->busy_w[worker]);
    coordinator_core_joined(p->core, worker, &hello, p->now_us);
    settle(p);
}

void puppet_ready(struct puppet *p, int worker)
{
    const struct proto_ready ready = {.plan = p->plan[worker], .text = ""};
    coordinator_core_ready(p->core, worker, &ready, p->now_us);
    settle(p);
}

void puppet_frame(struct puppet *p)
{
    int slot = 0;
    while (slot < p->settings.slots && !(p->free_slots & (1u << slot)))
        slot++;
    assert_true(slot < p->settings.slots);
    p->free_slots &= ~(1u << slot);
    const struct coordinator_core_frame frame = {
        .seq = p->frames++,
        .source = "f",
        .begin_us = p->now_us,
        .size = p->size,
    };
    coordinator_core_frame(p->core, slot, &frame, p->now_us);
    settle(p);
}

void puppet_start(struct puppet *p)
{
    const int32_t least = coordinator_core_in_flight_max(&p->settings);
    p->settings.slots = p->settings.slots > least ? p->settings.slots : least;
    assert_int_equal(coordinator_core_open(&p->settings, p->now_us, &p->core), PROTO_OK);
    p->free_slots = (1u << p->settings.slots) - 1;
    for (int w = 0; w < p->settings.workers; w++)
        puppet_hello(p, w);
    puppet_frame(p);
    for (int w = 0; w < p->settings.workers; w++) {
        assert_int_equal(p->plans[w], 1);
        puppet_ready(p, w);
    }
    assert_true(p->send_count > 0);
}

static void beat(struct puppet *p)
{
    p->beats++;
    for (int w = 0; w < p->settings.workers; w++) {
        const struct proto_beat message = {.count = p->beats,
                                           .state = p->says[w],
                                           .power = "meter",
                                           .power_own = 1,
                                           .power_us = p->energy_uj[w] > 0 ? p->now_us : 0,
                                           .energy_uj = p->energy_uj[w]};
        if (!p->silent[w])
            coordinator_core_beat(p->core, w, &message, p->now_us);
        settle(p);
    }
}

/* To `at_us`, as a loop would: what is due earlier comes first. */
static void go_to(struct puppet *p, uint64_t at_us)
{
    for (;;) {
        const uint64_t due_us = coordinator_core_deadline_us(p->core);
        const uint64_t beat_at_us = (p->now_us / beat_us + 1) * beat_us;
        uint64_t next_us = due_us < beat_at_us ? due_us : beat_at_us;
        if (next_us > at_us)
            break;
        p->now_us = next_us > p->now_us ? next_us : p->now_us;
        if (next_us == due_us) {
            coordinator_core_timer(p->core, p->now_us);
            settle(p);
            assert_true(coordinator_core_deadline_us(p->core) > p->now_us); /* no idle spinning */
        } else {
            beat(p);
        }
    }
    p->now_us = at_us;
    tell_gone(p);
}

void puppet_wait(struct puppet *p, double ms)
{
    go_to(p, p->now_us + (uint64_t)(ms * 1e3));
}

struct puppet_send *puppet_sent(struct puppet *p, int worker, uint64_t seq)
{
    for (int i = p->send_count - 1; i >= 0; i--)
        if (p->sends[i].worker == worker && p->sends[i].seq == seq)
            return &p->sends[i];
    fail_msg("worker %d was not sent frame %d", worker, (int)seq);
    return NULL;
}

int puppet_count(const struct puppet *p, int worker, uint64_t seq)
{
    int count = 0;
    for (int i = 0; i < p->send_count; i++)
        count += p->sends[i].worker == worker && p->sends[i].seq == seq;
    return count;
}

void puppet_answer(struct puppet *p, struct puppet_send *send, double compute_ms)
{
    uint32_t tile_us[PUPPET_TILES];
    const uint64_t us = (uint64_t)(compute_ms * 1e3);
    for (uint32_t i = 0; i < send->tile_count; i++)
        tile_us[i] = (uint32_t)(us / send->tile_count);
    const struct proto_result result = {
        .plan = send->plan,
        .seq = send->seq,
        .assignment = send->assignment,
        .tile_count = send->tile_count,
        .tiles = send->tiles,
        .tile_us = tile_us,
        .received_us = 1000,
        .started_us = 1000,
        .finished_us = 1000 + us,
    };
    send->answered = true;
    coordinator_core_result(p->core, send->worker, &result, p->now_us);
    settle(p);
}

void puppet_fail(struct puppet *p, struct puppet_send *send)
{
    const struct proto_result result = {
        .plan = send->plan,
        .seq = send->seq,
        .assignment = send->assignment,
        .status = PROTO_DEVICE,
        .text = "made to fail",
    };
    send->answered = true;
    coordinator_core_result(p->core, send->worker, &result, p->now_us);
    settle(p);
}

void puppet_run(struct puppet *p, int reports, double compute_ms)
{
    while (p->report_count < reports) {
        struct puppet_send *first = NULL;
        if (p->free_slots && (int)p->frames < reports)
            puppet_frame(p);
        for (int i = 0; i < p->send_count && !first; i++)
            if (!p->sends[i].answered && !p->silent[p->sends[i].worker])
                first = &p->sends[i];
        if (!first) {
            puppet_wait(p, 10);
            continue;
        }
        const uint64_t at_us = first->at_us + (uint64_t)(compute_ms * 1e3);
        if (at_us > p->now_us)
            go_to(p, at_us);
        puppet_answer(p, first, compute_ms);
    }
}

struct coordinator_run_events puppet_events(const struct puppet *p)
{
    struct coordinator_run_events events;
    coordinator_core_events(p->core, &events);
    return events;
}

struct coordinator_run_worker puppet_worker(const struct puppet *p, int worker)
{
    struct coordinator_run_worker about;
    coordinator_core_worker(p->core, worker, &about);
    return about;
}
