/* proto/config_profile.c: what is printed is read again, and what makes no sense is refused with its line. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/config_profile.h"
#include "proto/status.h"
#include "tests/proto/support.h"

static const char hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static char last_line[512];
static char path[] = "/tmp/muster-profile-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    proto_log_set_sink(keep_line, last_line);
    const int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    proto_log_set_sink(NULL, NULL);
    return unlink(path);
}

static int load(const char *text, const char *model_hash, struct proto_config_profile **profile)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    last_line[0] = '\0';
    return proto_config_profile_load(path, model_hash, profile);
}

static char *print(const struct proto_config_profile *profile)
{
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    proto_config_profile_print(file, profile);
    assert_int_equal(fclose(file), 0);
    return text;
}

static struct proto_profile_shape shapes[] = {
    {"far", 640, 128, 1234.5, 10.5, 9},
    {"near \"x\" \\ : #", 60, 140, 99, 0, 3},
};
static const struct proto_config_profile sample = {
    .model = "pa\"per",
    .model_hash = (char *)hash,
    .device = "cpu,f32",
    .threads = 1,
    .frame = {640, 480},
    .date = "2026-11-21",
    .host = "board-1",
    .cpu = "Some CPU @ 2 GHz: # 7",
    .cpu_hz = 2.5e9,
    .gpu_hz = NAN,
    .frame_us = 250.5,
    .frame_spread_us = 3,
    .bases_us = NAN,
    .shape_count = 2,
    .shapes = shapes,
};

static void what_is_printed_is_read_again(void **state)
{
    (void)state;
    struct proto_config_profile *p, with = sample;
    char *text = print(&sample);
    assert_int_equal(load(text, hash, &p), PROTO_OK);
    assert_string_equal(p->model, sample.model);
    assert_string_equal(p->model_hash, hash);
    assert_string_equal(p->device, "cpu,f32");
    assert_string_equal(p->cpu, sample.cpu);
    assert_null(p->board);
    assert_null(p->power_mode);
    assert_true(isnan(p->gpu_hz) && isnan(p->bases_us) && p->cpu_hz == 2.5e9);
    assert_true(p->frame.w == 640 && p->frame.h == 480 && p->threads == 1 && !p->has_link);
    assert_true(p->frame_us == 250.5 && p->frame_spread_us == 3);
    assert_int_equal(p->shape_count, 2);
    assert_string_equal(p->shapes[1].net, shapes[1].net);
    assert_true(p->shapes[0].w == 640 && p->shapes[0].h == 128 && p->shapes[0].us == 1234.5 &&
                p->shapes[0].spread_us == 10.5 && p->shapes[0].runs == 9);
    proto_config_profile_free(p);
    free(text);
    with.has_link = true;
    with.to = (struct proto_profile_way){100, 117.5};
    with.from = (struct proto_profile_way){90, 11.25};
    text = print(&with);
    assert_int_equal(load(text, NULL, &p), PROTO_OK);
    assert_true(p->has_link && p->to.latency_us == 100 && p->to.bytes_per_us == 117.5 &&
                p->from.bytes_per_us == 11.25);
    proto_config_profile_free(p);
    free(text);
}

static void profile_of_another_model_is_refused_with_both_hashes(void **state)
{
    (void)state;
    struct proto_config_profile *p;
    char *text = print(&sample);
    const char other[] = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
    assert_int_equal(load(text, other, &p), PROTO_MISMATCH);
    assert_null(p);
    assert_non_null(strstr(last_line, "0123456789ab"));
    assert_non_null(strstr(last_line, "fedcba987654"));
    assert_non_null(strstr(last_line, ":5: model.hash"));
    free(text);
}

/* The printed text with one piece replaced. */
static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    char *out = malloc(strlen(text) + strlen(to) + 1);
    assert_non_null(out);
    sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static void nonsense_is_refused_with_key_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *said;
    } cases[] = {
        {"time: 1234.5us", "time: -3us", "shapes[0].time: must be"},
        {"time: 99.0us", "time: nan", "shapes[1].time: 'nan' is no quantity"},
        {"time: 99.0us", "time: 99", "shapes[1].time: '99' is no quantity"},
        {"time: 99.0us", "time: 99W", "shapes[1].time"},
        {"frame: {time: 250.5us", "frame: {time: -1us", "frame.time: must be"},
        {"w: 640", "w: 0", "shapes[0].w: must be a whole number"},
        {"runs: 9", "runs: 1.5", "shapes[0].runs"},
        {"640x480", "640", "frame_size: '640' is no size"},
        {"640x480", "640x480x2", "frame_size"},
        {"profile: 1", "profile: 2", "profile: must be"},
        {"hash: 0123", "hash: 012", "model.hash: "},
        {"threads: 1", "threads: -1", "threads"},
        {"device:", "devise:", "unknown key 'devise'"},
        {"threads: 1\n", "", "'threads' is missing"},
        {"2500 MHz", "0 MHz", "host.cpu_clock"},
    };
    char *text = print(&sample);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct proto_config_profile *p;
        char *bad = replaced(text, cases[i].from, cases[i].to);
        assert_int_not_equal(load(bad, NULL, &p), PROTO_OK);
        assert_null(p);
        if (!strstr(last_line, cases[i].said) || !strstr(last_line, path))
            fail_msg("'%s' does not say '%s'", last_line, cases[i].said);
        free(bad);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printed_is_read_again),
        cmocka_unit_test(profile_of_another_model_is_refused_with_both_hashes),
        cmocka_unit_test(nonsense_is_refused_with_key_and_line),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
