#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "coordinator/natural.h"
#include "coordinator/source.h"
#include "proto/status.h"
#include "tests/coordinator/support.h"

static struct coordinator_source *open_source(const char *name, int64_t frames_max)
{
    struct coordinator_source_settings settings;
    struct coordinator_source *source = NULL;
    coordinator_source_defaults(&settings);
    settings.frames_max = frames_max;
    assert_int_equal(coordinator_source_open(support_path(name), &settings, &source), PROTO_OK);
    return source;
}

static int open_error(const char *name)
{
    struct coordinator_source_settings settings;
    struct coordinator_source *source = NULL;
    coordinator_source_defaults(&settings);
    support_log_catch();
    int status = coordinator_source_open(support_path(name), &settings, &source);
    assert_null(source);
    assert_int_equal(support_log_lines, 1);
    return status;
}

static void make_picture(const char *name, int32_t w)
{
    struct coordinator_image image = support_noise(w, 4, (uint32_t)w);
    assert_int_equal(coordinator_image_write(support_path(name), &image), PROTO_OK);
    coordinator_image_free(&image);
}

static void make_dir(const char *name)
{
    assert_int_equal(mkdir(support_path(name), 0777), 0);
}

static void a_directory_is_read_in_natural_order_and_only_its_pictures(void **state)
{
    (void)state;
    make_dir("clip");
    const char *names[] = {"clip/f10.png", "clip/f2.PNG", "clip/f1.jpeg", "clip/f02.jpg",
                           "clip/.f0.png"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        make_picture(names[i], 10 + (int32_t)i);
    support_file_write(support_path("clip/truth.csv"), "x", 1);
    support_file_write(support_path("clip/png"), "x", 1);
    make_dir("clip/sub.d");
    const char *want[] = {"f1.jpeg", "f2.PNG", "f02.jpg", "f10.png"};
    const int32_t width[] = {12, 11, 13, 10};
    struct coordinator_source *source = open_source("clip", 0);
    struct coordinator_frame frame = {0};
    assert_int_equal(coordinator_source_count(source), 4);
    assert_true(coordinator_source_reads_from(source, support_path("clip/../clip")));
    assert_false(coordinator_source_reads_from(source, support_dir));
    int64_t last_ns = 0;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(coordinator_source_next(source, &frame), PROTO_OK);
        assert_int_equal(frame.seq, i);
        assert_string_equal(frame.source, want[i]);
        assert_int_equal(frame.image.size.w, width[i]);
        assert_string_equal(frame.error, "");
        assert_true(frame.stamp_ns >= last_ns);
        assert_true(frame.capture_ms >= 0);
        last_ns = frame.stamp_ns;
    }
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_END);
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_END);
    coordinator_frame_free(&frame);
    coordinator_source_close(source);
}

static void an_empty_directory_is_named_with_what_was_looked_for(void **state)
{
    (void)state;
    make_dir("empty");
    assert_int_equal(open_error("empty"), PROTO_NOT_FOUND);
    assert_non_null(strstr(support_log, support_path("empty")));
    assert_non_null(strstr(support_log, "*.jpg, *.jpeg, *.png"));
    assert_int_equal(open_error("missing"), PROTO_NOT_FOUND);
    assert_non_null(strstr(support_log, "No such file"));
    support_file_write(support_path("film.mp4"), "x", 1);
    assert_int_equal(open_error("film.mp4"), PROTO_UNSUPPORTED);
}

static void a_broken_picture_is_told_and_the_next_one_follows(void **state)
{
    (void)state;
    make_dir("mixed");
    make_picture("mixed/a.png", 8);
    support_file_write(support_path("mixed/b.jpg"), "\xff\xd8\xff nothing", 11);
    make_dir("mixed/c.png");
    make_picture("mixed/d.png", 9);
    struct coordinator_source *source = open_source("mixed", 0);
    struct coordinator_frame frame = {0};
    support_log_catch();
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_OK);
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_FORMAT);
    assert_int_equal(frame.seq, 1);
    assert_string_equal(frame.source, "b.jpg");
    assert_true(frame.error[0] != '\0');
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_IO);
    assert_string_equal(frame.source, "c.png");
    assert_string_equal(frame.error, "not a regular file");
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_OK);
    assert_string_equal(frame.source, "d.png");
    assert_string_equal(frame.error, "");
    assert_int_equal(frame.image.size.w, 9);
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_END);
    assert_int_equal(support_log_lines, 0);
    coordinator_frame_free(&frame);
    coordinator_source_close(source);
}

static void one_picture_is_one_frame(void **state)
{
    (void)state;
    make_picture("one%d.png", 8); /* a file of that very name is no pattern */
    struct coordinator_source *source = open_source("one%d.png", 0);
    struct coordinator_frame frame = {0};
    assert_int_equal(coordinator_source_count(source), 1);
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_OK);
    assert_string_equal(frame.source, "one%d.png");
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_END);
    coordinator_frame_free(&frame);
    coordinator_source_close(source);
}

static void a_sequence_starts_at_0_or_1_and_ends_at_its_first_gap(void **state)
{
    (void)state;
    make_dir("s%%");
    make_dir("s%");
    const int numbers[] = {1, 2, 3, 5};
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "s%%/f%03d.png", numbers[i]);
        make_picture(name, 8 + numbers[i]);
    }
    struct coordinator_source *source = open_source("s%%/f%03d.png", 0);
    struct coordinator_frame frame = {0};
    assert_int_equal(coordinator_source_count(source), -1);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(coordinator_source_next(source, &frame), PROTO_OK);
        assert_int_equal(frame.seq, i - 1);
        assert_int_equal(frame.image.size.w, 8 + i);
    }
    assert_string_equal(frame.source, "f003.png");
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_END);
    coordinator_source_close(source);
    make_picture("s%/f000.png", 8);
    source = open_source("s%%/f%03d.png", 0);
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_OK);
    assert_string_equal(frame.source, "f000.png");
    coordinator_frame_free(&frame);
    coordinator_source_close(source);
    assert_int_equal(open_error("s%%/g%03d.png"), PROTO_NOT_FOUND);
    assert_non_null(strstr(support_log, "s%/g000.png"));
}

static void a_pattern_with_anything_but_one_number_is_refused(void **state)
{
    (void)state;
    const char *bad[] = {"f%s.png",  "f%n.png",  "f%d%d.png",   "f%.png",       "f%-4d.png",
                         "f%ld.png", "f%*d.png", "f%1$d.png",   "f%99999d.png", "f%x.png",
                         "f%%.png",  "f%+d.png", "f%04d_%s.png"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(open_error(bad[i]), PROTO_INVALID);
    assert_int_equal(open_error("f%d.txt"), PROTO_UNSUPPORTED);
}

static void a_pattern_writes_what_printf_would(void **state)
{
    (void)state;
    const struct {
        const char *text;
        uint64_t number;
        const char *want;
    } cases[] = {
        {"a%db", 7, "a7b"},       {"a%04db", 7, "a0007b"},  {"a%4ib", 12, "a  12b"},
        {"%u", 123456, "123456"}, {"%%%03u%%", 5, "%005%"}, {"x%02d", 12345, "x12345"},
    };
    char out[64];
    struct coordinator_pattern pattern;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(coordinator_pattern_parse(&pattern, cases[i].text));
        assert_true(coordinator_pattern_format(&pattern, cases[i].number, out, sizeof out));
        assert_string_equal(out, cases[i].want);
        size_t len = strlen(cases[i].want);
        for (size_t cap = 0; cap <= len; cap++)
            assert_false(coordinator_pattern_format(&pattern, cases[i].number, out, cap));
        assert_true(coordinator_pattern_format(&pattern, cases[i].number, out, len + 1));
    }
}

static void natural_order_is_a_total_order(void **state)
{
    (void)state;
    static const char letters[] = "0019ab.-";
    uint32_t random = 99;
    char names[60][8];
    for (int i = 0; i < 60; i++) {
        int len = (int)(support_random(&random) % 7);
        for (int k = 0; k < len; k++)
            names[i][k] = letters[support_random(&random) % 8];
        names[i][len] = '\0';
    }
    for (int a = 0; a < 60; a++)
        for (int b = 0; b < 60; b++) {
            int ab = coordinator_natural_compare(names[a], names[b]);
            int ba = coordinator_natural_compare(names[b], names[a]);
            assert_int_equal(ab == 0, strcmp(names[a], names[b]) == 0);
            assert_int_equal(ab > 0, ba < 0);
            for (int c = 0; c < 60; c++)
                if (ab < 0 && coordinator_natural_compare(names[b], names[c]) < 0)
                    assert_true(coordinator_natural_compare(names[a], names[c]) < 0);
        }
    assert_true(coordinator_natural_compare("f2.png", "f10.png") < 0);
    assert_true(
        coordinator_natural_compare("f99999999999999999999998", "f99999999999999999999999") < 0);
    assert_true(coordinator_natural_compare("f2b", "f02a") > 0);
}

static void the_number_of_frames_can_be_limited(void **state)
{
    (void)state;
    make_dir("many");
    for (int i = 0; i < 5; i++) {
        char name[64];
        snprintf(name, sizeof name, "many/%d.png", i);
        make_picture(name, 8);
    }
    struct coordinator_source *source = open_source("many", 2);
    struct coordinator_frame frame = {0};
    assert_int_equal(coordinator_source_count(source), 2);
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_OK);
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_OK);
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_END);
    coordinator_source_close(source);
    source = open_source("many/", 9);
    assert_int_equal(coordinator_source_count(source), 5);
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_OK);
    assert_string_equal(frame.source, "0.png");
    coordinator_source_close(source);
    coordinator_frame_free(&frame);
}

static void *read_all(void *arg)
{
    struct coordinator_frame frame = {0};
    size_t count = 0;
    while (coordinator_source_next(arg, &frame) == PROTO_OK)
        count++;
    coordinator_frame_free(&frame);
    return (void *)count;
}

static void a_loop_begins_again_and_goes_on_counting(void **state)
{
    (void)state;
    struct coordinator_source_settings settings;
    struct coordinator_source *source = NULL;
    struct coordinator_frame frame = {0};
    coordinator_source_defaults(&settings);
    settings.loop = true;
    make_dir("loop");
    make_picture("loop/a.png", 10);
    make_picture("loop/b.png", 11);
    assert_int_equal(coordinator_source_open(support_path("loop"), &settings, &source), PROTO_OK);
    assert_int_equal(coordinator_source_count(source), -1);
    for (uint64_t i = 0; i < 7; i++) {
        assert_int_equal(coordinator_source_next(source, &frame), PROTO_OK);
        assert_int_equal(frame.seq, i);
        assert_int_equal(frame.image.size.w, 10 + i % 2);
    }
    coordinator_source_close(source);
    settings.frames_max = 5;
    assert_int_equal(coordinator_source_open(support_path("loop/b.png"), &settings, &source),
                     PROTO_OK);
    assert_int_equal(coordinator_source_count(source), 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(coordinator_source_next(source, &frame), PROTO_OK);
    assert_int_equal(coordinator_source_next(source, &frame), PROTO_END);
    coordinator_source_close(source);
    coordinator_frame_free(&frame);
}

static void another_thread_may_read(void **state)
{
    (void)state;
    struct coordinator_source *source = open_source("many", 0);
    pthread_t thread;
    void *count;
    assert_int_equal(pthread_create(&thread, NULL, read_all, source), 0);
    assert_int_equal(pthread_join(thread, &count), 0);
    assert_int_equal((size_t)count, 5);
    coordinator_source_close(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_is_read_in_natural_order_and_only_its_pictures),
        cmocka_unit_test(an_empty_directory_is_named_with_what_was_looked_for),
        cmocka_unit_test(a_broken_picture_is_told_and_the_next_one_follows),
        cmocka_unit_test(one_picture_is_one_frame),
        cmocka_unit_test(a_sequence_starts_at_0_or_1_and_ends_at_its_first_gap),
        cmocka_unit_test(a_pattern_with_anything_but_one_number_is_refused),
        cmocka_unit_test(a_pattern_writes_what_printf_would),
        cmocka_unit_test(natural_order_is_a_total_order),
        cmocka_unit_test(the_number_of_frames_can_be_limited),
        cmocka_unit_test(a_loop_begins_again_and_goes_on_counting),
        cmocka_unit_test(another_thread_may_read),
    };
    return cmocka_run_group_tests(tests, support_dir_make, support_dir_remove);
}
