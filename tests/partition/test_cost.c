/* partition/cost.c: predicted times, and what measured ones teach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "partition/cost.h"
#include "proto/status.h"
#include "tests/partition/support.h"

static void measured_shapes_count_and_others_follow_from_their_macs(void **state)
{
    struct partition_model model;
    struct partition_pyramid pyramid;
    struct partition_tile_settings settings;
    struct partition_tiles *tiles;
    struct partition_speed speed;
    (void)state;
    paper_model_init(&model);
    assert_int_equal(partition_pyramid_init(&pyramid, &model, (struct proto_size){640, 480}),
                     PROTO_OK);
    partition_tile_defaults(&settings);
    assert_int_equal(partition_tiles_open(&pyramid, &model, &settings, &tiles), PROTO_OK);
    const struct partition_tile *first = &tiles->tile[0], *last = &tiles->tile[tiles->count - 1];
    const struct partition_shape_cost shapes[] = {{0, first->input, 123.5}, {2, last->input, 7}};
    partition_speed_defaults(&speed);
    speed.macs_per_us = 1000;
    speed.tile_us = 40;
    speed.shapes = shapes;
    speed.shape_count = 2;
    double *us = calloc(tiles->count, sizeof *us);
    assert_non_null(us);
    partition_cost_tiles(&speed, &pyramid, tiles, 2, us);
    uint32_t measured = 0;
    for (uint32_t i = 0; i < tiles->count; i++) {
        const struct partition_tile *t = &tiles->tile[i];
        const int32_t net = pyramid.levels[t->level].net;
        double expected = 40 + (double)t->macs / 1000;
        for (int s = 0; s < 2; s++)
            if (shapes[s].net == net && shapes[s].input.w == t->input.w &&
                shapes[s].input.h == t->input.h) {
                expected = shapes[s].us;
                measured++;
            }
        assert_true(us[i] == 2 * expected);
    }
    assert_true(measured >= 2 && measured < tiles->count);
    speed.macs_per_us = 0; /* only what was measured can be computed */
    partition_cost_tiles(&speed, &pyramid, tiles, 1, us);
    assert_true(us[0] == 123.5);
    assert_true(us[tiles->count / 2] == (double)INFINITY);
    free(us);
    partition_tiles_close(tiles);
}

static void a_board_takes_its_profiles_time(void **state)
{
    struct partition_model model;
    struct partition_pyramid pyramid;
    struct partition_tile_settings settings;
    struct partition_tiles *tiles;
    struct partition_speed speed;
    struct proto_config_board *board;
    struct proto_board_speed figures;
    double pixels = 0, sum = 0;
    (void)state;
    paper_model_init(&model);
    assert_int_equal(partition_pyramid_init(&pyramid, &model, (struct proto_size){640, 480}),
                     PROTO_OK);
    partition_tile_defaults(&settings);
    assert_int_equal(partition_tiles_open(&pyramid, &model, &settings, &tiles), PROTO_OK);
    assert_int_equal(proto_config_board_find("tx1", &board), PROTO_OK);
    assert_int_equal(proto_config_board_speed(board, PROTO_BOARD_F16, NULL, &figures), PROTO_OK);
    partition_speed_of_board(&figures, &speed);
    double *us = calloc(tiles->count, sizeof *us);
    assert_non_null(us);
    partition_cost_tiles(&speed, &pyramid, tiles, 1, us);
    for (uint32_t i = 0; i < tiles->count; i++) {
        pixels += (double)tiles->tile[i].input.w * tiles->tile[i].input.h;
        sum += us[i];
    }
    const double expected =
        proto_board_frame_us(&figures, tiles->count, pixels, (double)tiles->macs);
    assert_true(fabs(speed.frame_us + sum - expected) < 1e-6 * expected);
    free(us);
    proto_config_board_free(board);
    partition_tiles_close(tiles);
}

static void a_few_wild_frames_teach_nothing(void **state)
{
    struct partition_cost_learner learner = {{0}, 0};
    (void)state;
    assert_true(partition_cost_factor(&learner) == 1);
    for (int i = 0; i < 100; i++) {
        partition_cost_learn(&learner, i % 7 == 3 ? 5e6 : 1500, 1000);
        partition_cost_learn(&learner, NAN, 1000);
        partition_cost_learn(&learner, 1500, 0);
        partition_cost_learn(&learner, -1, 1000);
        partition_cost_learn(&learner, INFINITY, 1000);
        if (i >= 3)
            assert_true(fabs(partition_cost_factor(&learner) - 1.5) < 1e-12);
    }
}

static void a_lasting_change_is_learnt_within_the_memory(void **state)
{
    struct partition_cost_learner learner = {{0}, 0};
    (void)state;
    for (int i = 0; i < 1000; i++)
        partition_cost_learn(&learner, 900, 1000);
    assert_true(fabs(partition_cost_factor(&learner) - 0.9) < 1e-12);
    for (int i = 0; i < PARTITION_COST_MEMORY; i++)
        partition_cost_learn(&learner, 2000, 1000);
    assert_true(fabs(partition_cost_factor(&learner) - 2) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measured_shapes_count_and_others_follow_from_their_macs),
        cmocka_unit_test(a_board_takes_its_profiles_time),
        cmocka_unit_test(a_few_wild_frames_teach_nothing),
        cmocka_unit_test(a_lasting_change_is_learnt_within_the_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
