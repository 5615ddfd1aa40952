/* partition/profile.c: measured shapes are taken as they are, others from the line through them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "partition/profile.h"
#include "proto/status.h"
#include "tests/partition/support.h"

enum { SHAPES = 6 };

static void model_init(struct partition_model *model)
{
    paper_model_init(model);
    for (int32_t i = 0; i < model->net_count; i++)
        snprintf(model->nets[i].name, sizeof model->nets[i].name, "net%d", i);
}

/* What a device with 500 us fixed and 1000 MACs a us would take. */
static double ideal(const struct partition_model *model, int32_t w, int32_t h)
{
    return 500 + (double)partition_net_macs(&model->nets[1], h, w) / 1000;
}

static void shapes_are_kept_and_the_rest_lies_on_a_line(void **state)
{
    (void)state;
    struct partition_model model;
    struct proto_profile_shape shapes[SHAPES];
    struct partition_profile profile;
    model_init(&model);
    for (int32_t i = 0; i < SHAPES; i++) /* widest first: the order of the file says nothing */
        shapes[i] = (struct proto_profile_shape){.net = model.nets[1].name,
                                                 .w = 48 + 40 * (SHAPES - i),
                                                 .h = 128,
                                                 .us = ideal(&model, 48 + 40 * (SHAPES - i), 128)};
    const struct proto_config_profile config = {
        .frame_us = 7, .shape_count = SHAPES, .shapes = shapes, .has_link = true, .to = {50, 100}};
    assert_int_equal(partition_profile_open(&config, &model, &profile), PROTO_OK);
    const struct partition_speed *speed = &profile.speed;
    assert_int_equal(speed->shape_count, SHAPES);
    for (uint32_t i = 0; i < SHAPES; i++) {
        assert_int_equal(speed->shapes[i].net, 1);
        assert_true(i == 0 || speed->shapes[i].input.w > speed->shapes[i - 1].input.w);
    }
    assert_true(fabs(speed->macs_per_us / 1000 - 1) < 1e-6);
    assert_true(fabs(speed->tile_us / 500 - 1) < 1e-6);
    assert_true(speed->frame_us == 7 && speed->latency_us == 50 && speed->bytes_per_us == 100);
    partition_profile_close(&profile);
}

static void one_shape_gives_a_rate_and_no_link_no_limit(void **state)
{
    (void)state;
    struct partition_model model;
    struct partition_profile profile;
    model_init(&model);
    struct proto_profile_shape shape = {.net = model.nets[0].name, .w = 88, .h = 128, .us = 500};
    const struct proto_config_profile config = {.shape_count = 1, .shapes = &shape};
    assert_int_equal(partition_profile_open(&config, &model, &profile), PROTO_OK);
    const double macs = (double)partition_net_macs(&model.nets[0], 128, 88);
    assert_true(fabs(profile.speed.macs_per_us * 500 / macs - 1) < 1e-6);
    assert_true(profile.speed.tile_us == 0 && isinf(profile.speed.bytes_per_us));
    partition_profile_close(&profile);
}

static void nets_of_another_model_are_refused(void **state)
{
    (void)state;
    struct partition_model model;
    struct partition_profile profile;
    model_init(&model);
    struct proto_profile_shape shape = {.net = "elsewhere", .w = 88, .h = 128, .us = 500};
    const struct proto_config_profile config = {.shape_count = 1, .shapes = &shape};
    log_capture();
    assert_int_equal(partition_profile_open(&config, &model, &profile), PROTO_MISMATCH);
    log_release();
    partition_profile_close(&profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_kept_and_the_rest_lies_on_a_line),
        cmocka_unit_test(one_shape_gives_a_rate_and_no_link_no_limit),
        cmocka_unit_test(nets_of_another_model_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
