/* The planner's cost of a tile and the time a simulated board takes for it are the same figure: gpu/sim and
 * partition/cost.c each compute it from the profile, and neither sees the other. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "partition/cost.h"
#include "proto/status.h"
#include "tests/worker/exec_support.h"
#include "worker/exec.h"

static void the_plans_cost_is_the_simulated_boards_time(void **state)
{
    (void)state;
    struct exec_model model;
    struct exec_picture picture;
    struct exec_plan plan;
    struct exec_frame frame;
    struct worker_exec *exec;
    struct proto_result result;
    struct proto_config_board *board;
    struct proto_board_speed figures;
    struct partition_speed speed;
    exec_model_default(&model);
    exec_picture_open(&picture, &model.model, (struct proto_size){160, 120}, 1);
    exec_plan_open(&plan, &picture, &model.model, 20, 0, 0);
    exec_frame_open(&frame, &picture, &plan, plan.ids, plan.tiles->count);
    assert_int_equal(worker_exec_open("sim:orin-nano,empty,mode=7W", NULL, &model.model, &exec),
                     PROTO_OK);
    assert_int_equal(worker_exec_plan(exec, &plan.plan), PROTO_OK);
    assert_int_equal(worker_exec_run(exec, &frame.frame, frame.pixels, &result), PROTO_OK);

    assert_int_equal(proto_config_board_find("orin-nano", &board), PROTO_OK);
    assert_int_equal(proto_config_board_speed(board, PROTO_BOARD_F16, "7W", &figures), PROTO_OK);
    partition_speed_of_board(&figures, &speed);
    double *us = calloc(plan.tiles->count, sizeof *us), sum_us = speed.frame_us;
    assert_non_null(us);
    partition_cost_tiles(&speed, &picture.pyramid, plan.tiles, 1, us);
    assert_int_equal(result.tile_count, plan.tiles->count);
    assert_true(result.tile_count > 3);
    for (uint32_t i = 0; i < result.tile_count; i++) {
        assert_true(fabs(result.tile_us[i] - us[result.tiles[i]]) <= 1); /* whole microseconds */
        sum_us += us[result.tiles[i]];
    }
    assert_true((double)(result.finished_us - result.started_us) >= sum_us - 2);
    free(us);
    proto_config_board_free(board);
    worker_exec_close(exec);
    exec_frame_close(&frame);
    exec_plan_close(&plan);
    exec_picture_close(&picture);
    exec_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plans_cost_is_the_simulated_boards_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
