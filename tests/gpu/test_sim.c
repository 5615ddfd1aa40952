/* gpu/sim: the modelled times are those of the profile, and what is refused is named. That its
 * answers are those of the cpu is checked by test_ops. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gpu/device.h"
#include "gpu/shape.h"
#include "proto/config_board.h"
#include "proto/log.h"
#include "proto/status.h"
#include "tests/gpu/nets.h"

static char last_line[512];
static int warnings;

static void keep_line(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg, (void)area;
    warnings += level == PROTO_LOG_WARN;
    snprintf(last_line, sizeof last_line, "%s", text);
}

static int set_up(void **state)
{
    (void)state;
    warnings = 0;
    last_line[0] = '\0';
    setenv("MUSTER_BOARDS", MUSTER_SOURCE "/tests/data/boards", 1);
    proto_log_set_sink(keep_line, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    proto_log_set_sink(NULL, NULL);
    return 0;
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static const struct test_layer small[] = {
    {'c', 5, 5, 1, 8}, {'p', 2, 2, 2, 0}, {'c', 3, 3, 1, 2}, {0}};
enum { SIDES = 2, RUNS = 5 };
static const int sides[SIDES] = {40, 64};

/* A device with one net and a chain for each of two input sizes. */
struct rig {
    struct gpu_device *device;
    struct test_net net;
    struct gpu_net *gpu;
    struct gpu_chain *chains[SIDES];
};

static void rig_open(struct rig *rig, const char *spec)
{
    assert_int_equal(gpu_device_open(spec, NULL, &rig->device), PROTO_OK);
    test_net_open(&rig->net, small, 1);
    assert_int_equal(gpu_net_open(rig->device, rig->net.layers, rig->net.count, &rig->gpu),
                     PROTO_OK);
    for (int i = 0; i < SIDES; i++)
        assert_int_equal(gpu_chain_open(rig->gpu, sides[i], sides[i], &rig->chains[i]), PROTO_OK);
}

static void rig_close(struct rig *rig)
{
    for (int i = 0; i < SIDES; i++)
        gpu_chain_close(rig->chains[i]);
    gpu_net_close(rig->gpu);
    gpu_device_close(rig->device);
    test_net_close(&rig->net);
}

/* RUNS tiles, the sizes in turn; no pixels are looked at. */
static void frame_run(struct rig *rig)
{
    uint32_t count = 7;
    struct proto_survivor out[1];
    assert_int_equal(gpu_frame_begin(rig->device, NULL, 0), PROTO_OK);
    for (int i = 0; i < RUNS; i++) {
        struct gpu_chain *chain = rig->chains[i % SIDES];
        const struct proto_tile_area area = {.rows = chain->rows, .cols = chain->cols};
        assert_int_equal(gpu_run(chain), PROTO_OK);
        assert_int_equal(gpu_local_nms(chain, &area, 0, out, 1, &count), PROTO_OK);
        assert_int_equal(count, 0);
    }
    assert_int_equal(gpu_frame_end(rig->device), PROTO_OK);
}

static double tile_us(const struct rig *rig, const struct proto_board_speed *speed, int side)
{
    const struct proto_size in = {side, side};
    return speed->tile_us + side * side / speed->pixels_per_us +
           (double)gpu_shape_macs(rig->net.layers, rig->net.count, in) / speed->macs_per_us;
}

static void a_frame_takes_at_least_the_modelled_time_and_tiles_tell_their_parts(void **state)
{
    (void)state;
    struct rig rig;
    struct proto_config_board *board;
    struct proto_board_speed speed;
    uint32_t us[RUNS];
    assert_int_equal(proto_config_board_find("tx2", &board), PROTO_OK);
    assert_int_equal(proto_config_board_speed(board, PROTO_BOARD_F16, "MAXQ", &speed), PROTO_OK);
    rig_open(&rig, "sim:tx2,empty,mode=MAXQ");

    double model_us = speed.frame_us, sum_us = 0;
    const double begin_us = now_us();
    frame_run(&rig);
    const double took_us = now_us() - begin_us;
    assert_true(gpu_frame_times(rig.device, us, RUNS));
    for (int i = 0; i < RUNS; i++) {
        const double one = tile_us(&rig, &speed, sides[i % SIDES]);
        assert_true(fabs(us[i] - one) <= 1); /* rounding */
        model_us += one;
        sum_us += us[i];
    }
    assert_true(fabs(sum_us + speed.frame_us - model_us) <= 2); /* it does not add up */
    assert_true(took_us >= model_us - 1);
    rig_close(&rig);
    proto_config_board_free(board);
}

static void a_cpu_slower_than_the_board_says_so_once(void **state)
{
    (void)state;
    struct rig rig;
    float pixels[3 * 64 * 64] = {0};
    rig_open(&rig, "sim:instant,f32");
    for (int frame = 0; frame < 2; frame++) {
        assert_int_equal(gpu_frame_begin(rig.device, (const uint8_t *)pixels, sizeof pixels),
                         PROTO_OK);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL); /* a slow CPU */
        assert_int_equal(gpu_frame_end(rig.device), PROTO_OK);
        assert_int_equal(warnings, 1);
    }
    assert_non_null(strstr(last_line, "sim:instant"));
    rig_close(&rig);
}

static void an_empty_board_is_never_too_slow_and_has_no_scores(void **state)
{
    (void)state;
    struct rig rig;
    float scores[64 * 64];
    rig_open(&rig, "sim:instant,empty");
    assert_int_equal(gpu_frame_begin(rig.device, NULL, 0), PROTO_OK);
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    assert_int_equal(gpu_frame_end(rig.device), PROTO_OK);
    assert_int_equal(warnings, 0);
    assert_string_equal(gpu_device_kernels(rig.device), "none");
    assert_int_equal(rig.device->backend->scores_get(rig.chains[0], scores), PROTO_UNSUPPORTED);
    rig_close(&rig);
}

static void names_are_complete_and_in_one_order(void **state)
{
    (void)state;
    static const char *const specs[][2] = {
        {"sim:tx1,empty", "sim:tx1,f16,empty"},
        {"sim:tx2,mode=MAXQ,f32,empty", "sim:tx2,f32,empty,mode=MAXQ"},
        {"sim:instant", "sim:instant,f16"},
    };
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        struct gpu_device *device;
        assert_int_equal(gpu_device_open(specs[i][0], NULL, &device), PROTO_OK);
        assert_string_equal(device->name, specs[i][1]);
        gpu_device_close(device);
    }
}

static void what_is_wrong_with_a_spec_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int status;
        const char *word;
    } cases[] = {
        {"sim", PROTO_INVALID, "sim:tx1"},
        {"sim:tx9", PROTO_NOT_FOUND, "'tx9'"},
        {"sim:tx1,mode=TURBO", PROTO_NOT_FOUND, "MAXN"},
        {"sim:tx1,bf16", PROTO_UNSUPPORTED, "bf16"},
        {"sim:tx1,fast", PROTO_INVALID, "empty, mode=..."},
        {"sim:tx1,mode", PROTO_INVALID, "'mode'"},
        {"cpu,empty", PROTO_INVALID, "'empty'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gpu_device *device = (void *)&device;
        assert_int_equal(gpu_device_open(cases[i].spec, NULL, &device), cases[i].status);
        assert_null(device);
        if (!strstr(last_line, cases[i].word))
            fail_msg("'%s' is not in the message for '%s': %s", cases[i].word, cases[i].spec,
                     last_line);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_frame_takes_at_least_the_modelled_time_and_tiles_tell_their_parts),
        CASE(a_cpu_slower_than_the_board_says_so_once),
        CASE(an_empty_board_is_never_too_slow_and_has_no_scores),
        CASE(names_are_complete_and_in_one_order),
        CASE(what_is_wrong_with_a_spec_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
