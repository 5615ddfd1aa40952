/* coordinator/sink_trace.c: the file is JSON that a trace viewer takes: spans of one row lie within or behind one
 * another, each frame's id goes through all stages, marks and counts are where they belong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/sink_trace.h"
#include "proto/status.h"
#include "tests/coordinator/support.h"

enum { FRAMES = 6, WORKERS = 2, TILES = 4, CLOCK = 5000000, PERIOD = 30000, COMPUTE = 29000 };

static const struct coordinator_run_worker run_workers[WORKERS] = {
    {.rank = 1, .host = "al\"pha", .device = "sim:tx1,f16"},
    {.rank = 2, .host = "beta", .device = "cpu,f32"}};
static const struct coordinator_run run = {
    .input = "cl\"ip", .worker_count = WORKERS, .workers = run_workers};

struct frame {
    struct coordinator_frame_report report;
    struct coordinator_worker_report workers[WORKERS];
    struct coordinator_tile_report tiles[TILES];
};

/* Two frames in flight: frame i is sent while i - 1 is computed. What sending took differs, so that placing spans
 * by it alone would make those of two frames overlap. Frame 2 was held, 4 is broken, worker 2 had no
 * part in 5. */
static void frame_make(struct frame *f, uint64_t i)
{
    const uint64_t sent = CLOCK + i * PERIOD, travel = 5000 + 10 * i;
    *f = (struct frame){.report = {
                            .seq = i,
                            .source = "f.png",
                            .coverage = 1,
                            .begin_us = sent - 9000,
                            .capture_ms = 8,
                            .dispatched_us = sent,
                            .gone_us = sent + 40000,
                            .finished_us = sent + 70000,
                            .merge_ms = 0.5,
                            .watts = i == 0 ? NAN : 12.5,
                            .throttled_ms = i == 2 ? 4 : 0,
                            .worker_count = WORKERS,
                            .workers = f->workers,
                            .tile_count = TILES,
                            .tiles = f->tiles,
                        }};
    for (int w = 0; w < WORKERS; w++) {
        const uint64_t answered = sent + travel + 1000 * (uint64_t)w + COMPUTE + 20000;
        if (i == 5 && w == 1) {
            f->workers[w] = (struct coordinator_worker_report){.rank = 2};
            continue;
        }
        f->workers[w] =
            (struct coordinator_worker_report){.rank = w + 1,
                                               .tiles = TILES / 2,
                                               .macs = 1000000000,
                                               .bytes = 1234,
                                               .send_ms = w == 0 ? (i % 2 ? 0.5 : 3) : NAN,
                                               .queue_ms = 15,
                                               .sent_us = sent,
                                               .received_us = sent + travel,
                                               .started_us = answered - COMPUTE,
                                               .finished_us = answered,
                                               .answered_us = answered};
    }
    for (uint32_t t = 0; t < TILES; t++) {
        const struct coordinator_worker_report *w = &f->workers[t % WORKERS];
        f->tiles[t] =
            (struct coordinator_tile_report){.tile = t,
                                             .level = (int32_t)(t + 3),
                                             .rank = w->answered_us ? w->rank : 0,
                                             .us = COMPUTE / 2,
                                             .begin_us = w->started_us + t / WORKERS * COMPUTE / 2};
    }
    if (i == 4)
        f->report = (struct coordinator_frame_report){.seq = 4,
                                                      .source = "bad.png",
                                                      .broken = true,
                                                      .begin_us = sent,
                                                      .finished_us = sent + 8000,
                                                      .capture_ms = 8,
                                                      .merge_ms = NAN,
                                                      .watts = NAN};
}

static json_t *root, *events;

static int trace_make(void **state)
{
    struct coordinator_sink *sink;
    if (support_dir_make(state) || coordinator_sink_trace_open(support_path("t.json"), &sink))
        return -1;
    for (uint64_t i = 0; i < FRAMES; i++) {
        struct frame frame;
        frame_make(&frame, i);
        if (coordinator_sink_frame(sink, &frame.report, NULL))
            return -1;
    }
    if (access(support_path("t.json"), F_OK) == 0) /* only when complete */
        return -1;
    if (coordinator_sink_finish(sink, &run))
        return -1;
    coordinator_sink_close(sink);
    root = json_load_file(support_path("t.json"), JSON_REJECT_DUPLICATES, NULL);
    events = json_object_get(root, "traceEvents");
    return events ? 0 : -1;
}

static int trace_drop(void **state)
{
    json_decref(root);
    return support_dir_remove(state);
}

static const char *phase_of(const json_t *event)
{
    return json_string_value(json_object_get(event, "ph"));
}

static double number(const json_t *event, const char *key)
{
    return json_number_value(json_object_get(event, key));
}

static json_int_t frame_of(const json_t *event)
{
    return json_integer_value(json_object_get(json_object_get(event, "args"), "frame"));
}

static int count(const char *phase, int pid, int tid, json_int_t id)
{
    int found = 0;
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event)
    {
        const json_t *its = json_object_get(event, "id");
        if (strcmp(phase_of(event), phase) == 0 && (pid < 0 || number(event, "pid") == pid) &&
            (tid < 0 || number(event, "tid") == tid) &&
            (id < 0 || (its ? json_integer_value(its) : frame_of(event)) == id))
            found++;
    }
    return found;
}

static void every_event_has_what_its_kind_needs(void **state)
{
    (void)state;
    size_t i;
    json_t *event;
    assert_string_equal(json_string_value(json_object_get(root, "displayTimeUnit")), "ms");
    json_array_foreach(events, i, event)
    {
        const char *phase = phase_of(event);
        assert_non_null(strchr("XbestfiCM", phase[0]));
        assert_true(json_is_string(json_object_get(event, "name")));
        assert_true(json_is_integer(json_object_get(event, "pid")));
        assert_true(json_is_integer(json_object_get(event, "tid")));
        assert_true(number(event, "ts") >= 0 && number(event, "ts") < 1e6);
        if (strchr("X", phase[0]))
            assert_true(number(event, "dur") > 0);
        if (strchr("bestf", phase[0]))
            assert_true(json_is_integer(json_object_get(event, "id")));
    }
}

/* Spans of one row, in order of begin: each within or behind those before. Times have one digit behind the point. */
static void spans_of_a_row_nest(void **state)
{
    (void)state;
    for (int pid = 0; pid <= WORKERS; pid++)
        for (int tid = 0; tid < 6; tid++) {
            double begin[64], end[64];
            int spans = 0;
            size_t i;
            json_t *event;
            json_array_foreach(events, i, event)
            {
                if (phase_of(event)[0] != 'X' || number(event, "pid") != pid ||
                    number(event, "tid") != tid)
                    continue;
                assert_in_range(spans, 0, 63);
                begin[spans] = number(event, "ts");
                end[spans] = begin[spans] + number(event, "dur");
                spans++;
            }
            for (int a = 0; a < spans; a++)
                for (int b = 0; b < spans; b++) {
                    const bool behind = begin[b] > end[a] - 0.25 || begin[a] > end[b] - 0.25;
                    const bool within = (begin[b] > begin[a] - 0.25 && end[b] < end[a] + 0.25) ||
                                        (begin[a] > begin[b] - 0.25 && end[a] < end[b] + 0.25);
                    if (!behind && !within)
                        fail_msg("process %d row %d: %.1f..%.1f and %.1f..%.1f", pid, tid, begin[a],
                                 end[a], begin[b], end[b]);
                }
        }
}

static void a_frames_id_goes_through_all_stages(void **state)
{
    (void)state;
    for (json_int_t seq = 0; seq < FRAMES; seq++) {
        const bool searched = seq != 4;
        assert_int_equal(count("b", 0, 0, seq), 1);
        assert_int_equal(count("e", 0, 0, seq), 1);
        assert_int_equal(count("X", 0, 1, seq), 1); /* capture */
        assert_int_equal(count("X", 0, 3, seq), searched);
        assert_int_equal(count("X", 0, 4, seq), searched);
        assert_int_equal(count("s", 0, 3, seq), searched);
        assert_int_equal(count("f", 0, 4, seq), searched);
        const int parts = !searched ? 0 : (seq == 5 ? 1 : 2);
        assert_int_equal(count("t", -1, 2, seq), parts);
        assert_int_equal(count("X", 1, 1, seq), searched); /* receive */
        /* the frame and its two tiles */
        assert_int_equal(count("X", 1, 2, seq), searched ? 3 : 0);
        assert_int_equal(count("X", 2, 2, seq), parts == 2 ? 3 : 0);
    }
}

static void a_workers_spans_lie_within_its_round_trip(void **state)
{
    (void)state;
    size_t i;
    json_t *event;
    int checked = 0;
    const double zero = CLOCK - 9000; /* the first frame's reading begins */
    json_array_foreach(events, i, event)
    {
        if (phase_of(event)[0] != 'X' || number(event, "pid") < 1)
            continue;
        struct frame frame;
        frame_make(&frame, (uint64_t)frame_of(event));
        const struct coordinator_worker_report *w = &frame.workers[(int)number(event, "pid") - 1];
        assert_true(number(event, "ts") + zero >= (double)w->sent_us - 0.1);
        assert_true(number(event, "ts") + number(event, "dur") + zero <=
                    (double)w->answered_us + 0.3);
        checked++;
    }
    assert_true(checked > 30);
}

static void marks_and_watts_are_there(void **state)
{
    (void)state;
    size_t i;
    json_t *event;
    int throttled = 0, broken = 0, watts = 0;
    json_array_foreach(events, i, event)
    {
        const char *name = json_string_value(json_object_get(event, "name"));
        if (phase_of(event)[0] == 'i' && strcmp(name, "throttled") == 0)
            throttled += frame_of(event) == 2;
        if (phase_of(event)[0] == 'i' && strcmp(name, "picture broken") == 0)
            broken += frame_of(event) == 4;
        if (phase_of(event)[0] == 'C')
            watts += number(json_object_get(event, "args"), "watts") == 12.5;
    }
    assert_int_equal(throttled, 1);
    assert_int_equal(count("X", 0, 2, 2), 1); /* held, 4 ms */
    assert_int_equal(broken, 1);
    assert_int_equal(count("i", -1, -1, -1), 2);
    assert_int_equal(watts, FRAMES - 2);
    assert_int_equal(count("C", -1, -1, -1), FRAMES - 2);
}

static void processes_have_the_names_of_ranks_and_hosts(void **state)
{
    (void)state;
    size_t i;
    json_t *event;
    int found = 0;
    json_array_foreach(events, i, event)
    {
        if (strcmp(json_string_value(json_object_get(event, "name")), "process_name") != 0)
            continue;
        const char *name =
            json_string_value(json_object_get(json_object_get(event, "args"), "name"));
        found += number(event, "pid") == 1 && strcmp(name, "rank 1, al\"pha, sim:tx1,f16") == 0;
        found += number(event, "pid") == 0 && strcmp(name, "coordinator") == 0;
    }
    assert_int_equal(found, 2);
}

static void a_run_without_frames_is_a_valid_trace(void **state)
{
    (void)state;
    struct coordinator_sink *sink;
    assert_int_equal(coordinator_sink_trace_open(support_path("e.json"), &sink), PROTO_OK);
    assert_int_equal(coordinator_sink_finish(sink, &run), PROTO_OK);
    coordinator_sink_close(sink);
    json_t *empty = json_load_file(support_path("e.json"), 0, NULL);
    assert_true(json_is_array(json_object_get(empty, "traceEvents")));
    json_decref(empty);
}

static void a_file_that_can_not_be_written_is_an_error(void **state)
{
    (void)state;
    struct coordinator_sink *sink = NULL;
    support_log_catch();
    assert_int_equal(coordinator_sink_trace_open("/nowhere/t.json", &sink), PROTO_IO);
    assert_null(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_has_what_its_kind_needs),
        cmocka_unit_test(spans_of_a_row_nest),
        cmocka_unit_test(a_frames_id_goes_through_all_stages),
        cmocka_unit_test(a_workers_spans_lie_within_its_round_trip),
        cmocka_unit_test(marks_and_watts_are_there),
        cmocka_unit_test(processes_have_the_names_of_ranks_and_hosts),
        cmocka_unit_test(a_run_without_frames_is_a_valid_trace),
        cmocka_unit_test(a_file_that_can_not_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, trace_make, trace_drop);
}
