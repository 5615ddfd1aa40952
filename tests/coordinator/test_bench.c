/* coordinator/bench: reading runs, relating points, the report's files; and starting programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/bench/plots.h"
#include "coordinator/bench/report.h"
#include "coordinator/bench/run.h"
#include "coordinator/chart.h"
#include "proto/status.h"
#include "tests/coordinator/support.h"

static void write_text(const char *name, const char *text)
{
    support_file_write(support_path(name), text, strlen(text));
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-9 * fmax(1, fabs(b));
}

static const char report_text[] =
    "{\"frames\":5,\"wall_ms\":500,\"predicted_ms\":80,\"lower_bound_ms\":75,\"gap\":0.0666,"
    "\"watts\":null,\"joules_per_frame\":1.5,\"coverage\":1,\"coordinator_cpu_ms\":0.5,"
    "\"bytes_per_frame\":1000,\"workers\":[{\"rank\":1,\"compute_ms\":400,\"transfer_ms\":10},"
    "{\"rank\":2,\"compute_ms\":300,\"transfer_ms\":20}]}";

/* Frame i is done at 50 + 100 i ms with a latency of 150 + i ms; the last line's picture is broken. */
static void write_lines(const char *name, const char *score)
{
    FILE *file = fopen(support_path(name), "w");
    assert_non_null(file);
    for (int i = 0; i < 5; i++)
        fprintf(file,
                "{\"frame\":%d,\"source\":\"a\",\"stamp_ns\":%d,\"detections\":[{\"score\":%s}],"
                "\"coverage\":1,\"missing\":[],\"timing\":{\"latency\":%d,\"done\":%d,\"workers\":["
                "{\"rank\":1,\"tiles\":3,\"transfer\":4,\"queue\":10,\"compute\":80},"
                "{\"rank\":2,\"tiles\":0,\"transfer\":0,\"queue\":0,\"compute\":0}]}}\n",
                i, 1000 + i, score, 150 + i, 50 + 100 * i);
    fputs("{\"frame\":5,\"error\":\"broken\",\"timing\":{\"latency\":null,\"done\":null}}\n", file);
    assert_int_equal(fclose(file), 0);
}

static void a_run_is_read_without_its_warm_up(void **state)
{
    struct bench_run run;
    (void)state;
    write_text("r.json", report_text);
    write_lines("r.jsonl", "1");
    assert_int_equal(bench_run_read(support_path("r.json"), support_path("r.jsonl"), 100, &run),
                     PROTO_OK);
    const struct bench_figures *f = &run.figures;
    assert_int_equal(run.time_count, 4); /* the first was done at 50 ms */
    assert_true(near(f->period_ms, 100) && near(f->fps, 10));
    assert_true(near(f->model_error, 100.0 / 80 - 1));
    assert_true(near(f->latency.p50, 152) && near(f->latency.max, 154) &&
                near(f->latency.min, 151) && near(f->latency.mean, 152.5));
    assert_true(isnan(f->watts) && near(f->joules_per_frame, 1.5));
    assert_int_equal(run.worker_count, 2);
    assert_true(near(run.workers[1].compute_ms, 60) && near(run.workers[1].wait_ms, 40));
    assert_int_equal(run.span_count, 1); /* a worker without tiles has no part in the frame */
    assert_true(near(run.spans[0].received_ms, 2) && near(run.spans[0].started_ms, 12) &&
                near(run.spans[0].finished_ms, 92) && near(run.spans[0].answered_ms, 94));
    bench_run_free(&run);
}

static void bursts_of_replicas_count_as_rounds(void **state)
{
    struct bench_run run;
    (void)state;
    FILE *file = fopen(support_path("b.jsonl"), "w");
    assert_non_null(file);
    for (int i = 0; i < 8; i++) /* two workers, 100 ms a frame each: two frames every 100 ms */
        fprintf(file, "{\"frame\":%d,\"timing\":{\"latency\":100,\"done\":%d,\"workers\":[]}}\n", i,
                100 + i / 2 * 100 + i % 2);
    assert_int_equal(fclose(file), 0);
    write_text("b.json", report_text);
    assert_int_equal(bench_run_read(support_path("b.json"), support_path("b.jsonl"), 0, &run),
                     PROTO_OK);
    assert_true(near(run.figures.period_ms, 50)); /* not 301 / 7 */
    bench_run_free(&run);
}

static void too_few_frames_and_broken_files_are_refused_by_name(void **state)
{
    struct bench_run run;
    (void)state;
    support_log_catch();
    write_text("f.json", report_text);
    write_lines("f.jsonl", "1");
    assert_int_equal(bench_run_read(support_path("f.json"), support_path("f.jsonl"), 400, &run),
                     PROTO_INVALID);
    assert_non_null(strstr(support_log, "f.jsonl"));
    assert_non_null(strstr(support_log, "--iterations"));
    write_text("g.jsonl", "{\"frame\":0\n");
    assert_int_equal(bench_run_read(support_path("f.json"), support_path("g.jsonl"), 0, &run),
                     PROTO_FORMAT);
    assert_non_null(strstr(support_log, "g.jsonl:1"));
    write_text("g.json", "[");
    assert_int_equal(bench_run_read(support_path("g.json"), support_path("f.jsonl"), 0, &run),
                     PROTO_FORMAT);
    assert_int_equal(bench_run_read(support_path("none"), support_path("none"), 0, &run), PROTO_IO);
    assert_null(run.done_ms);
}

static void the_digest_sees_detections_and_not_times(void **state)
{
    uint64_t a, b, c, d;
    (void)state;
    write_lines("a.jsonl", "1");
    write_lines("b.jsonl", "1.0001");
    assert_int_equal(bench_run_digest(support_path("a.jsonl"), 5, &a), PROTO_OK);
    assert_int_equal(bench_run_digest(support_path("b.jsonl"), 5, &b), PROTO_OK);
    assert_int_equal(bench_run_digest(support_path("a.jsonl"), 4, &c), PROTO_OK);
    assert_true(a != b && a != c);
    size_t len;
    char *text = support_file(support_path("a.jsonl"), &len);
    assert_non_null(text);
    for (char *at = text; (at = strstr(at, "\"latency\":1")); at++)
        at[10] = '7';
    support_file_write(support_path("d.jsonl"), text, len);
    free(text);
    assert_int_equal(bench_run_digest(support_path("d.jsonl"), 5, &d), PROTO_OK);
    assert_true(a == d);
}

static void add(struct bench_results *results, int32_t workers, const char *split, double fps,
                double p50)
{
    struct bench_result *r = &results->list[results->count++];
    *r = (struct bench_result){.repeats = 1, .fps_min = fps, .fps_max = fps};
    r->point = (struct bench_point){.workers = workers, .split = split, .budget_w = NAN};
    snprintf(r->point.name, sizeof r->point.name, "w%d-%s", (int)workers, split);
    snprintf(r->point.devices, sizeof r->point.devices, "%d x cpu", (int)workers);
    r->run.figures = (struct bench_figures){
        .fps = fps,
        .period_ms = 1e3 / fps,
        .lower_bound_ms = 0.9 * 1e3 / fps,
        .predicted_ms = 1e3 / fps,
        .latency =
            {.p50 = p50, .p95 = p50 + 1, .p99 = p50 + 2, .min = p50, .max = p50, .mean = p50},
        .watts = NAN,
        .joules_per_frame = NAN,
        .same_detections = true,
    };
    r->run.workers = calloc(1, sizeof *r->run.workers);
    r->run.spans = calloc(1, sizeof *r->run.spans);
    assert_non_null(r->run.workers);
    assert_non_null(r->run.spans);
    r->run.worker_count = r->run.span_count = 1;
    r->run.workers[0] = (struct bench_worker){.rank = 1, .compute_ms = 3, .wait_ms = 1};
    r->run.spans[0] = (struct bench_span){.rank = 1, .answered_ms = 5};
}

static struct bench_results some_results(void)
{
    struct bench_results results = {.list = calloc(4, sizeof *results.list)};
    assert_non_null(results.list);
    add(&results, 1, "tile", 2, 500);
    add(&results, 4, "tile", 7, 150);
    add(&results, 4, "frame", 7.5, 520);
    return results;
}

static void points_are_compared_with_one_worker(void **state)
{
    struct bench_results results = some_results();
    (void)state;
    bench_results_relate(&results, true);
    assert_true(near(results.list[0].speedup, 1) && near(results.list[0].efficiency, 1));
    assert_true(near(results.list[1].speedup, 3.5) && near(results.list[1].efficiency, 0.875));
    assert_true(near(results.list[1].latency_speedup, 500.0 / 150));
    assert_true(near(results.list[2].latency_speedup, 500.0 / 520));
    bench_results_relate(&results, false); /* unequal boards: against what is possible at all */
    assert_true(near(results.list[1].efficiency, 0.9));
    results.list[0].point.ground_plane = true; /* no longer comparable */
    bench_results_relate(&results, true);
    assert_true(isnan(results.list[1].speedup));
    bench_results_free(&results);
}

static void the_report_has_the_documented_keys_and_no_invented_figures(void **state)
{
    struct bench_results results = some_results();
    const struct bench_about about = {.command = "muster bench",
                                      .input = "clip",
                                      .model = "paper",
                                      .date = "2026-01-01T00:00:00Z",
                                      .version = "1",
                                      .repeats = 1,
                                      .points_planned = 4};
    size_t len;
    (void)state;
    bench_results_relate(&results, true);
    assert_int_equal(bench_report_json_write(support_path("report.json"), &about, &results),
                     PROTO_OK);
    json_t *root = json_load_file(support_path("report.json"), 0, NULL);
    assert_non_null(root);
    assert_true(json_is_false(json_object_get(root, "complete"))); /* 3 of 4 points */
    json_t *point = json_array_get(json_object_get(root, "points"), 1);
    static const char *const keys[] = {"workers", "split",      "ground_plane", "fps",
                                       "watts",   "speedup",    "efficiency",   "joules_per_frame",
                                       "gap",     "model_error"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_non_null(json_object_get(point, keys[i]));
    assert_true(json_is_null(json_object_get(point, "watts")));
    assert_true(json_is_null(json_object_get(root, "system")));
    json_t *latency = json_object_get(point, "latency_ms");
    assert_true(near(json_number_value(json_object_get(latency, "p95")), 151));
    json_decref(root);

    assert_int_equal(bench_report_text_write(support_path("report.md"), &about, &results),
                     PROTO_OK);
    char *text = support_file(support_path("report.md"), &len);
    assert_non_null(strstr(text, "Not complete"));
    assert_non_null(strstr(text, "from 1 to 4 workers, ground plane off: 3.50x the frame rate"));
    assert_non_null(strstr(text, "as many replicas"));
    free(text);

    assert_int_equal(bench_report_times_write(support_path("times.json"), &results), PROTO_OK);
    root = json_load_file(support_path("times.json"), 0, NULL);
    assert_int_equal(json_array_size(root), 3);
    json_decref(root);
    bench_results_free(&results);
}

static void pictures_are_drawn_also_where_nothing_is_known(void **state)
{
    static const char *const names[] = {"speedup.svg", "latency.svg", "energy.svg", "where.svg",
                                        "gantt.svg"};
    struct bench_results results = some_results();
    (void)state;
    bench_results_relate(&results, true);
    assert_int_equal(bench_plots_write(support_dir, &results), PROTO_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len;
        char *text = support_file(support_path(names[i]), &len);
        assert_non_null(text);
        assert_non_null(strstr(text, "<svg"));
        assert_non_null(strstr(text, "</svg>"));
        free(text);
    }
    bench_results_free(&results);
}

static void percentiles_take_the_nearest_rank(void **state)
{
    double values[] = {5, 1, 4, 2, 3}, one[] = {7};
    (void)state;
    assert_true(bench_percentile(values, 5, 50) == 3);
    assert_true(bench_percentile(values, 5, 100) == 5);
    assert_true(bench_percentile(values, 5, 1) == 1);
    assert_true(bench_percentile(values, 5, 80) == 4);
    assert_true(bench_percentile(one, 1, 99) == 7);
    assert_true(isnan(bench_percentile(values, 0, 50)));
}

static void steps_are_round_and_not_too_many(void **state)
{
    (void)state;
    for (double range = 1e-6; range < 1e6; range *= 1.07) {
        const double step = coordinator_chart_step(range, 8);
        const double lead = step / pow(10, floor(log10(step) + 1e-9));
        assert_true(range / step <= 8 * (1 + 1e-6) && range / step > 8 / 2.6);
        assert_true(fabs(lead - 1) < 1e-6 || fabs(lead - 2) < 1e-6 || fabs(lead - 5) < 1e-6);
    }
}

static void programs_end_in_time_or_are_ended(void **state)
{
    char *const good[] = {"sh", "-c", "echo fine", NULL};
    char *const failing[] = {"sh", "-c", "echo first; echo the reason >&2; exit 3", NULL};
    char *const endless[] = {"sh", "-c", "trap '' TERM; sleep 30 & wait; sleep 30", NULL};
    char *const missing[] = {"no-such-program-anywhere", NULL};
    size_t len;
    (void)state;
    support_log_catch();
    assert_int_equal(bench_run_command(good, support_path("good.log"), 60), PROTO_OK);
    char *text = support_file(support_path("good.log"), &len);
    assert_string_equal(text, "fine\n");
    free(text);
    assert_int_equal(bench_run_command(failing, support_path("bad.log"), 60), PROTO_IO);
    assert_non_null(strstr(support_log, "ended with 3: the reason"));
    assert_int_equal(bench_run_command(endless, support_path("long.log"), 0.2), PROTO_TIMEOUT);
    assert_int_equal(bench_run_command(missing, support_path("none.log"), 1), PROTO_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_read_without_its_warm_up),
        cmocka_unit_test(bursts_of_replicas_count_as_rounds),
        cmocka_unit_test(too_few_frames_and_broken_files_are_refused_by_name),
        cmocka_unit_test(the_digest_sees_detections_and_not_times),
        cmocka_unit_test(points_are_compared_with_one_worker),
        cmocka_unit_test(the_report_has_the_documented_keys_and_no_invented_figures),
        cmocka_unit_test(pictures_are_drawn_also_where_nothing_is_known),
        cmocka_unit_test(percentiles_take_the_nearest_rank),
        cmocka_unit_test(steps_are_round_and_not_too_many),
        cmocka_unit_test(programs_end_in_time_or_are_ended),
    };
    return cmocka_run_group_tests(tests, support_dir_make, support_dir_remove);
}
