#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/draw.h"
#include "coordinator/histogram.h"
#include "coordinator/progress.h"
#include "coordinator/sink_json.h"
#include "coordinator/sink_picture.h"
#include "coordinator/sink_report.h"
#include "proto/status.h"
#include "tests/coordinator/support.h"

static const struct proto_detection two_persons[] = {
    {12.5f, 30, 41, 100, 3.25f, 4, NAN},
    {0.1f, -3.75f, 20.5f, 50, 0.333333343f, 25, 7.5f},
};
static const struct coordinator_worker_report two_workers[] = {
    {.rank = 1,
     .tiles = 5,
     .macs = 300,
     .bytes = 1000,
     .send_ms = 1,
     .transfer_ms = 2,
     .queue_ms = 0.5,
     .compute_ms = 30},
    {.rank = 2,
     .tiles = 3,
     .macs = 100,
     .bytes = 500,
     .send_ms = NAN,
     .transfer_ms = 3,
     .queue_ms = 0,
     .compute_ms = 10},
};

static struct coordinator_frame_report frame_of(uint64_t seq)
{
    return (struct coordinator_frame_report){
        .seq = seq,
        .source = "f0.png",
        .stamp_ns = 1700000000123456789,
        .size = {64, 48},
        .detection_count = 2,
        .detections = two_persons,
        .coverage = 1,
        .capture_ms = 1.5,
        .send_ms = 2.25,
        .compute_ms = 30,
        .merge_ms = 0.0625,
        .latency_ms = 40,
        .predicted_ms = 24,
        .bound_ms = 20,
        .measured_ms = 30,
        .done_ms = 60,
        .worker_count = 2,
        .workers = two_workers,
    };
}

static struct coordinator_frame_report broken_frame(uint64_t seq)
{
    static const int32_t all[] = {0, 1, 2};
    return (struct coordinator_frame_report){
        .seq = seq,
        .source = "a \"b\"\\\n\xff\xe2\x82\xac.png",
        .error = "neither JPEG nor PNG",
        .broken = true,
        .missing = all,
        .missing_count = 3,
        .capture_ms = 1,
        .send_ms = NAN,
        .compute_ms = NAN,
        .merge_ms = NAN,
        .latency_ms = NAN,
        .done_ms = NAN,
    };
}

static const struct coordinator_run_worker run_workers[] = {
    {.rank = 1,
     .host = "alpha",
     .device = "cpu,f32",
     .kernels = "jit:avx2",
     .memory_bytes = 1 << 20},
    {.rank = 2, .host = "beta", .device = "cpu,f32", .kernels = "jit:avx2"}};
static const struct coordinator_version run_versions[] = {{"mpich", "4.0.2"}};
static const struct coordinator_run example_run = {
    .input = "clip",
    .model_name = "paper",
    .model_hash = "abc",
    .split = "tile",
    .ground_plane = "measure",
    .macs_share = 0.25,
    .depth = 2,
    .tile_count = 8,
    .wall_ms = 100,
    .coordinator_cpu_ms = 4,
    .predicted_ms = NAN,
    .lower_bound_ms = NAN,
    .worker_count = 2,
    .workers = run_workers,
    .version_count = 1,
    .versions = run_versions,
};

static void feed(struct coordinator_sink *sink, const struct coordinator_frame_report *report,
                 const struct coordinator_image *image)
{
    assert_int_equal(coordinator_sink_frame(sink, report, image), PROTO_OK);
}

static void a_json_line_has_the_documented_keys_in_their_order(void **state)
{
    (void)state;
    struct coordinator_sink *sink;
    struct coordinator_frame_report frame = frame_of(7), broken = broken_frame(8);
    assert_int_equal(coordinator_sink_json_open(support_path("d.json"), &sink), PROTO_OK);
    feed(sink, &frame, NULL);
    feed(sink, &broken, NULL);
    assert_int_equal(access(support_path("d.json"), F_OK), -1); /* only when complete */
    assert_int_equal(coordinator_sink_finish(sink, &example_run), PROTO_OK);
    coordinator_sink_close(sink);
    assert_int_equal(access(support_path("d.json.part"), F_OK), -1);
    char *text = support_file(support_path("d.json"), NULL);
    assert_string_equal(
        text,
        "{\"frame\":7,\"source\":\"f0.png\",\"stamp_ns\":1700000000123456789,\"detections\":["
        "{\"box\":[12.5,30,41,100],\"score\":3.25,\"level\":4,\"distance_m\":null},"
        "{\"box\":[0.1,-3.75,20.5,50],\"score\":0.33333334,\"level\":25,\"distance_m\":7.5}],"
        "\"coverage\":1,\"missing\":[],\"missing_m\":null,\"timing\":{\"capture\":1.500,"
        "\"send\":2.250,"
        "\"compute\":30.000,\"merge\":0.062,\"latency\":40.000,\"done\":60.000,\"workers\":["
        "{\"rank\":1,\"tiles\":5,\"bytes\":1000,\"send\":1.000,\"transfer\":2.000,"
        "\"queue\":0.500,\"compute\":30.000},"
        "{\"rank\":2,\"tiles\":3,\"bytes\":500,\"send\":null,\"transfer\":3.000,"
        "\"queue\":0.000,\"compute\":10.000}]}}\n"
        "{\"frame\":8,\"source\":\"a \\\"b\\\"\\\\\\u000a\\ufffd\xe2\x82\xac.png\",\"stamp_ns\":0,"
        "\"detections\":[],\"coverage\":0,\"missing\":[0,1,2],\"missing_m\":null,"
        "\"error\":\"neither JPEG nor PNG\",\"timing\":{\"capture\":1.000,\"send\":null,"
        "\"compute\":null,\"merge\":null,\"latency\":null,\"done\":null,\"workers\":[]}}\n");
    free(text);
}

static void json_floats_read_back_as_the_same_floats(void **state)
{
    (void)state;
    uint32_t random = 31;
    struct coordinator_sink *sink;
    for (int round = 0; round < 20; round++) {
        struct proto_detection persons[64];
        for (int i = 0; i < 64; i++) {
            float *values[] = {&persons[i].x, &persons[i].y,     &persons[i].w,
                               &persons[i].h, &persons[i].score, &persons[i].distance_m};
            for (int k = 0; k < 6; k++)
                do { /* any finite bit pattern */
                    uint32_t bits = support_random(&random);
                    memcpy(values[k], &bits, sizeof bits);
                } while (!isfinite(*values[k]));
            persons[i].level = i;
        }
        struct coordinator_frame_report frame = frame_of(0);
        frame.detections = persons;
        frame.detection_count = 64;
        assert_int_equal(coordinator_sink_json_open(support_path("f.json"), &sink), PROTO_OK);
        feed(sink, &frame, NULL);
        assert_int_equal(coordinator_sink_finish(sink, &example_run), PROTO_OK);
        coordinator_sink_close(sink);
        json_t *root = json_load_file(support_path("f.json"), 0, NULL);
        assert_non_null(root);
        for (int i = 0; i < 64; i++) {
            json_t *person = json_array_get(json_object_get(root, "detections"), (size_t)i);
            json_t *box = json_object_get(person, "box");
            const float want[] = {persons[i].x, persons[i].y, persons[i].w, persons[i].h};
            for (size_t k = 0; k < 4; k++)
                assert_true((float)json_number_value(json_array_get(box, k)) == want[k]);
            assert_true((float)json_number_value(json_object_get(person, "score")) ==
                        persons[i].score);
        }
        json_decref(root);
    }
}

static void a_full_disk_is_told_once_and_by_name(void **state)
{
    (void)state;
    struct coordinator_sink *sink;
    struct coordinator_frame_report frame = frame_of(0);
    support_log_catch();
    assert_int_equal(coordinator_sink_json_open("/dev/full", &sink), PROTO_OK);
    assert_int_equal(coordinator_sink_frame(sink, &frame, NULL), PROTO_IO);
    assert_int_equal(coordinator_sink_frame(sink, &frame, NULL), PROTO_IO);
    assert_int_equal(coordinator_sink_finish(sink, &example_run), PROTO_IO);
    coordinator_sink_close(sink);
    assert_int_equal(support_log_lines, 1);
    assert_non_null(strstr(support_log, "/dev/full"));
    assert_non_null(strstr(support_log, "No space left"));
    assert_int_equal(coordinator_sink_report_open("/dev/full", &sink), PROTO_OK);
    feed(sink, &frame, NULL);
    assert_int_equal(coordinator_sink_finish(sink, &example_run), PROTO_IO);
    coordinator_sink_close(sink);
    assert_int_equal(support_log_lines, 2);
    assert_int_equal(coordinator_sink_json_open(support_path("no/dir.json"), &sink), PROTO_IO);
    assert_int_equal(coordinator_sink_json_open(support_dir, &sink), PROTO_IO);
    assert_int_equal(support_log_lines, 4);
}

static void a_reader_that_goes_ends_the_run_without_an_error(void **state)
{
    (void)state;
    struct coordinator_sink *sink;
    struct coordinator_frame_report frame = frame_of(0);
    int ends[2];
    char path[64];
    signal(SIGPIPE, SIG_IGN);
    support_log_catch();
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    assert_int_equal(coordinator_sink_json_open(path, &sink), PROTO_OK);
    feed(sink, &frame, NULL);
    close(ends[0]);
    assert_int_equal(coordinator_sink_frame(sink, &frame, NULL), PROTO_END);
    assert_int_equal(coordinator_sink_frame(sink, &frame, NULL), PROTO_END);
    assert_int_equal(coordinator_sink_finish(sink, &example_run), PROTO_END);
    coordinator_sink_close(sink);
    close(ends[1]);
    assert_int_equal(support_log_lines, 0);
}

static void a_run_that_is_given_up_leaves_no_file(void **state)
{
    (void)state;
    struct coordinator_sink *sink;
    struct coordinator_frame_report frame = frame_of(0);
    support_file_write(support_path("old.json"), "old", 3);
    assert_int_equal(coordinator_sink_json_open(support_path("old.json"), &sink), PROTO_OK);
    feed(sink, &frame, NULL);
    coordinator_sink_close(sink);
    char *text = support_file(support_path("old.json"), NULL);
    assert_string_equal(text, "old");
    free(text);
    assert_int_equal(access(support_path("old.json.part"), F_OK), -1);
    coordinator_sink_close(NULL);
}

static void the_report_adds_up(void **state)
{
    (void)state;
    struct coordinator_sink *sink;
    struct coordinator_frame_report frame = frame_of(0), broken = broken_frame(1);
    struct coordinator_frame_report partial = frame_of(2);
    partial.coverage = 0.5;
    partial.outside = 1;
    assert_int_equal(coordinator_sink_report_open(support_path("r.json"), &sink), PROTO_OK);
    feed(sink, &frame, NULL);
    feed(sink, &broken, NULL);
    feed(sink, &partial, NULL);
    assert_int_equal(coordinator_sink_finish(sink, &example_run), PROTO_OK);
    struct coordinator_sink_report_totals totals = coordinator_sink_report_totals(sink);
    assert_int_equal(totals.frames, 3);
    assert_int_equal(totals.broken, 1);
    assert_int_equal(totals.incomplete, 1);
    assert_int_equal(totals.persons, 4);
    coordinator_sink_close(sink);
    json_t *root = json_load_file(support_path("r.json"), 0, NULL);
    assert_non_null(root);
    const struct {
        const char *key;
        double want;
    } numbers[] = {
        {"frames", 3},
        {"broken", 1},
        {"incomplete", 1},
        {"persons", 4},
        {"coverage", 0.75},
        {"fps", 30},
        {"speedup", 0.8},
        {"efficiency", 0.4},
        {"predicted_ms", 24},
        {"lower_bound_ms", 20},
        {"measured_ms", 30},
        {"gap", 0.2},
        {"model_error", 0.25},
        {"tiles", 8},
        {"macs_share", 0.25},
        {"detections_lost", 1},
        {"bytes_per_frame", 1000},
        {"coordinator_cpu_ms", 4.0 / 3},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_true(fabs(json_number_value(json_object_get(root, numbers[i].key)) -
                         numbers[i].want) < 1e-5);
    assert_true(json_is_null(json_object_get(root, "watts")));
    assert_string_equal(json_string_value(json_object_get(root, "power")), "no data");
    assert_string_equal(json_string_value(json_object_get(root, "ground_plane")), "measure");
    json_t *latency = json_object_get(root, "latency_ms");
    assert_true(fabs(json_number_value(json_object_get(latency, "p99")) - 40) < 40 * 0.0026);
    json_t *worker = json_array_get(json_object_get(root, "workers"), 0);
    assert_int_equal(json_integer_value(json_object_get(worker, "tiles")), 10);
    assert_true(fabs(json_number_value(json_object_get(worker, "share")) - 0.75) < 1e-6);
    assert_true(fabs(json_number_value(json_object_get(worker, "idle_ms")) - 40) < 1e-6);
    assert_string_equal(json_string_value(json_object_get(worker, "host")), "alpha");
    json_decref(root);
}

static void an_empty_run_has_a_report_without_invented_figures(void **state)
{
    (void)state;
    struct coordinator_sink *sink;
    struct coordinator_run run = example_run;
    run.wall_ms = 0;
    run.coordinator_cpu_ms = 0;
    run.worker_count = 0;
    run.model_hash = NULL;
    assert_int_equal(coordinator_sink_report_open(support_path("e.json"), &sink), PROTO_OK);
    assert_int_equal(coordinator_sink_finish(sink, &run), PROTO_OK);
    FILE *out = fopen(support_path("e.txt"), "w");
    coordinator_sink_report_print(sink, &run, out);
    fclose(out);
    coordinator_sink_close(sink);
    json_t *root = json_load_file(support_path("e.json"), 0, NULL);
    const char *unknown[] = {"fps", "speedup", "efficiency", "gap", "model_error", "measured_ms"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_true(json_is_null(json_object_get(root, unknown[i])));
    json_decref(root);
    char *text = support_file(support_path("e.txt"), NULL);
    assert_null(strstr(text, "nan"));
    free(text);
}

static void percentiles_are_within_their_promise(void **state)
{
    (void)state;
    struct coordinator_histogram *histogram = calloc(1, sizeof *histogram);
    assert_non_null(histogram);
    assert_true(isnan(coordinator_histogram_percentile(histogram, 50)));
    for (int i = 1; i <= 1000; i++) /* 1..1000 ms in a mixed order */
        coordinator_histogram_add(histogram, (double)(i * 389 % 1001));
    const double percents[] = {1, 50, 90, 99, 100};
    for (int i = 0; i < 5; i++) {
        double want = percents[i] * 10;
        double got = coordinator_histogram_percentile(histogram, percents[i]);
        assert_true(fabs(got - want) <= want * 0.0026);
    }
    assert_true(fabs(coordinator_histogram_mean(histogram) - 500.5) < 1e-9);
    coordinator_histogram_add(histogram, 1e12);
    coordinator_histogram_add(histogram, 0);
    coordinator_histogram_add(histogram, NAN);
    assert_int_equal(histogram->count, 1002);
    free(histogram);
}

static void pictures_keep_their_names_and_get_boxes(void **state)
{
    (void)state;
    struct coordinator_sink *sink;
    assert_int_equal(coordinator_sink_picture_open(support_path("out/deep//dir/"), &sink),
                     PROTO_OK);
    struct coordinator_image image = support_gradient(64, 160), back = {0};
    const char *names[] = {"a.png", "b.jpg", "c/d.png"};
    char source[32];
    for (int i = 0; i < 30; i++) { /* more than there are buffers */
        struct coordinator_frame_report frame = frame_of((uint64_t)i);
        snprintf(source, sizeof source, "%d%s", i, names[i % 3]);
        frame.source = source;
        feed(sink, &frame, &image);
    }
    struct coordinator_frame_report broken = broken_frame(30);
    feed(sink, &broken, NULL);
    assert_int_equal(coordinator_sink_finish(sink, &example_run), PROTO_OK);
    coordinator_sink_close(sink);
    for (int i = 0; i < 30; i++) {
        snprintf(source, sizeof source, "out/deep/dir/%d%s", i,
                 i % 3 == 2 ? "c_d.png" : names[i % 3]);
        assert_int_equal(coordinator_image_read(support_path(source), &back, NULL), PROTO_OK);
        assert_int_equal(back.size.h, 160);
        const uint8_t *edge = back.data + ((size_t)90 * 64 + 12) * PROTO_CHANNELS;
        const uint8_t *far = back.data + ((size_t)150 * 64 + 60) * PROTO_CHANNELS;
        assert_true(edge[1] > edge[0] + 60); /* green where the first box's left side runs */
        assert_true(abs(far[0] - 255 * 60 / 64) <= 8);
    }
    coordinator_image_free(&image);
    coordinator_image_free(&back);
}

static void pictures_that_cannot_be_written_end_the_run(void **state)
{
    (void)state;
    struct coordinator_sink *sink;
    support_log_catch();
    support_file_write(support_path("file"), "x", 1);
    assert_int_equal(coordinator_sink_picture_open(support_path("file"), &sink), PROTO_IO);
    assert_int_equal(coordinator_sink_picture_open(support_path("file/sub"), &sink), PROTO_IO);
    assert_int_equal(support_log_lines, 2);
    assert_int_equal(coordinator_sink_picture_open(support_path("gone"), &sink), PROTO_OK);
    assert_int_equal(rmdir(support_path("gone")), 0);
    struct coordinator_image image = support_gradient(16, 16);
    struct coordinator_frame_report frame = frame_of(0);
    int status = PROTO_OK;
    for (int i = 0; i < 50 && status == PROTO_OK; i++)
        status = coordinator_sink_frame(sink, &frame, &image);
    assert_int_equal(status, PROTO_IO);
    assert_int_equal(coordinator_sink_finish(sink, &example_run), PROTO_IO);
    coordinator_sink_close(sink);
    assert_int_equal(support_log_lines, 3);
    coordinator_image_free(&image);
}

static void drawing_survives_any_box(void **state)
{
    (void)state;
    struct coordinator_image image = support_gradient(40, 30);
    const float odd[] = {-1e9f, -5, 0, 3.5f, 39, 1e9f, INFINITY, NAN};
    struct proto_detection boxes[64];
    for (int i = 0; i < 64; i++)
        boxes[i] =
            (struct proto_detection){odd[i % 8], odd[i / 8], odd[(i + 3) % 8], odd[(i / 8 + 5) % 8],
                                     odd[i % 8], 0,          odd[i / 8]};
    assert_int_equal(coordinator_draw_detections(&image, boxes, 64), PROTO_OK);
    coordinator_image_free(&image);
}

static void the_live_line_is_silent_where_there_is_no_terminal(void **state)
{
    (void)state;
    struct coordinator_sink *sink;
    FILE *out = fopen(support_path("live"), "w");
    assert_non_null(out);
    assert_int_equal(coordinator_progress_open(out, 5, &sink), PROTO_OK);
    struct coordinator_frame_report frame = frame_of(0);
    for (int i = 0; i < 5; i++)
        feed(sink, &frame, NULL);
    assert_int_equal(coordinator_sink_finish(sink, &example_run), PROTO_OK);
    coordinator_sink_close(sink);
    fclose(out);
    char *text = support_file(support_path("live"), NULL);
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_json_line_has_the_documented_keys_in_their_order),
        cmocka_unit_test(json_floats_read_back_as_the_same_floats),
        cmocka_unit_test(a_full_disk_is_told_once_and_by_name),
        cmocka_unit_test(a_reader_that_goes_ends_the_run_without_an_error),
        cmocka_unit_test(a_run_that_is_given_up_leaves_no_file),
        cmocka_unit_test(the_report_adds_up),
        cmocka_unit_test(an_empty_run_has_a_report_without_invented_figures),
        cmocka_unit_test(percentiles_are_within_their_promise),
        cmocka_unit_test(pictures_keep_their_names_and_get_boxes),
        cmocka_unit_test(pictures_that_cannot_be_written_end_the_run),
        cmocka_unit_test(drawing_survives_any_box),
        cmocka_unit_test(the_live_line_is_silent_where_there_is_no_terminal),
    };
    return cmocka_run_group_tests(tests, support_dir_make, support_dir_remove);
}
