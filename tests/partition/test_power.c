/* partition/power.c: boards and modes under a budget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/power.h"
#include "proto/status.h"
#include "tests/partition/support.h"

enum { BOARDS = 8, MODES = 4 };

struct shelf {
    struct partition_model model;
    struct partition_pyramid pyramid;
    struct partition_tiles *tiles;
    struct partition_speed speeds[BOARDS];
    struct partition_power_mode modes[BOARDS][MODES];
    struct partition_power_board boards[BOARDS];
    int32_t count;
};

static void open_shelf(struct shelf *shelf, struct random *random, int32_t boards, int32_t modes)
{
    struct partition_tile_settings settings;
    paper_model_init(&shelf->model);
    assert_int_equal(
        partition_pyramid_init(&shelf->pyramid, &shelf->model, (struct proto_size){640, 480}),
        PROTO_OK);
    partition_tile_defaults(&settings);
    assert_int_equal(partition_tiles_open(&shelf->pyramid, &shelf->model, &settings, &shelf->tiles),
                     PROTO_OK);
    shelf->count = boards;
    for (int32_t b = 0; b < boards; b++) {
        double speed = 0.4, idle = random_in(random, 10, 30) / 10.0, busy = idle + 1;
        partition_speed_defaults(&shelf->speeds[b]);
        shelf->speeds[b].macs_per_us = random_in(random, 50, 400) * 1e3;
        shelf->speeds[b].frame_us = random_in(random, 0, 5000);
        shelf->speeds[b].bytes_per_us = 125;
        for (int32_t m = 0; m < modes; m++) {
            shelf->modes[b][m] = (struct partition_power_mode){"mode", idle, busy, speed};
            speed += random_in(random, 1, 30) / 100.0;
            idle += random_in(random, 0, 5) / 10.0;
            busy += random_in(random, 10, 50) / 10.0;
        }
        shelf->boards[b] =
            (struct partition_power_board){"board", &shelf->speeds[b], modes, shelf->modes[b]};
    }
}

/* Frames per second of one choice, by the formula of the header. */
static double rate_of(const struct shelf *shelf, const int32_t *mode, double budget)
{
    struct partition_plan_settings settings;
    struct partition_plan_worker workers[BOARDS] = {{0}};
    struct partition_plan *plan;
    double *us = calloc((size_t)BOARDS * shelf->tiles->count, sizeof *us);
    double idle = 0, joules = 0;
    bool any = false;
    assert_non_null(us);
    for (int32_t b = 0; b < shelf->count; b++) {
        if (mode[b] < 0)
            continue;
        const struct partition_power_mode *m = &shelf->modes[b][mode[b]];
        any = true;
        idle += m->idle_w;
        partition_plan_worker_init(&workers[b], &shelf->speeds[b], &shelf->pyramid, shelf->tiles,
                                   1 / m->speed, us + (size_t)b * shelf->tiles->count);
    }
    if (!any || idle >= budget) {
        free(us);
        return 0;
    }
    partition_plan_defaults(&settings);
    settings.workers = workers;
    settings.worker_count = shelf->count;
    settings.port_bytes_per_us = 125;
    assert_int_equal(partition_plan_open(&shelf->pyramid, shelf->tiles, &settings, &plan),
                     PROTO_OK);
    for (int32_t b = 0; b < shelf->count; b++)
        if (mode[b] >= 0)
            joules += 1e-6 * plan->shares[b].compute_us *
                      (shelf->modes[b][mode[b]].busy_w - shelf->modes[b][mode[b]].idle_w);
    const double fps = fmin(1e6 / plan->period_us, (budget - idle) / joules);
    partition_plan_close(plan);
    free(us);
    return fps;
}

static void the_best_of_all_choices_is_found(void **state)
{
    struct random random = {.state = 3};
    (void)state;
    for (int round = 0; round < 12; round++) {
        struct shelf shelf;
        int32_t mode[BOARDS], chosen[BOARDS];
        double best = 0;
        struct partition_power_choice choice = {.mode = chosen};
        open_shelf(&shelf, &random, random_in(&random, 1, 4), random_in(&random, 1, 3));
        if (round % 3 == 0) /* boards that can be exchanged */
            for (int32_t b = 1; b < shelf.count; b++) {
                shelf.speeds[b] = shelf.speeds[0];
                memcpy(shelf.modes[b], shelf.modes[0], sizeof shelf.modes[0]);
                shelf.boards[b] = shelf.boards[0];
            }
        const double budget = shelf.modes[0][0].idle_w + random_in(&random, 1, 300) / 10.0;
        int64_t choices = 1;
        for (int32_t b = 0; b < shelf.count; b++)
            choices *= shelf.boards[b].mode_count + 1;
        for (int64_t n = 0; n < choices; n++) {
            int64_t rest = n;
            for (int32_t b = 0; b < shelf.count; b++) {
                mode[b] = (int32_t)(rest % (shelf.boards[b].mode_count + 1)) - 1;
                rest /= shelf.boards[b].mode_count + 1;
            }
            best = fmax(best, rate_of(&shelf, mode, budget));
        }
        assert_int_equal(partition_power_choose(&shelf.pyramid, shelf.tiles, shelf.boards,
                                                shelf.count, 125, budget, &choice),
                         PROTO_OK);
        assert_true(choice.exact);
        /* Boards that are alike are planned in another order, and a search is not an optimum. */
        assert_true(choice.fps >= best * (1 - 2e-3));
        assert_true(choice.fps <= choice.bound_fps);
        assert_true(choice.watts <= budget * (1 + 1e-9));
        assert_true(fabs(choice.fps - rate_of(&shelf, chosen, budget)) <= 1e-9 * choice.fps);
        assert_true(choice.plans <= choices);
        partition_tiles_close(shelf.tiles);
    }
}

static void more_watts_never_make_it_slower(void **state)
{
    struct random random = {.state = 5};
    struct shelf shelf;
    double last = 0;
    (void)state;
    open_shelf(&shelf, &random, 5, 4);
    for (double budget = 5; budget < 80; budget += 12.5) {
        int32_t chosen[BOARDS];
        struct partition_power_choice choice = {.mode = chosen};
        assert_int_equal(partition_power_choose(&shelf.pyramid, shelf.tiles, shelf.boards,
                                                shelf.count, 125, budget, &choice),
                         PROTO_OK);
        assert_true(choice.fps >= last * (1 - 1e-9));
        assert_true(choice.watts <= budget * (1 + 1e-9));
        last = choice.fps;
    }
    partition_tiles_close(shelf.tiles);
}

static void budgets_and_figures_without_sense_are_refused_with_what_would_do(void **state)
{
    struct random random = {.state = 7};
    struct shelf shelf;
    int32_t chosen[BOARDS];
    struct partition_power_choice choice = {.mode = chosen};
    const double bad[] = {0, -1, NAN, 0.9};
    (void)state;
    open_shelf(&shelf, &random, 2, 2);
    shelf.modes[0][1].name = "frugal";
    shelf.modes[0][1].idle_w = 0.95;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        log_capture();
        assert_int_equal(partition_power_choose(&shelf.pyramid, shelf.tiles, shelf.boards, 2, 125,
                                                bad[i], &choice),
                         PROTO_INVALID);
        assert_non_null(strstr(log_captured(), "frugal"));
        assert_non_null(strstr(log_captured(), "0.95 W"));
        log_release();
    }
    shelf.modes[1][0].speed = NAN;
    log_capture();
    assert_int_equal(
        partition_power_choose(&shelf.pyramid, shelf.tiles, shelf.boards, 2, 125, 40, &choice),
        PROTO_INVALID);
    assert_non_null(strstr(log_captured(), "speed must be positive"));
    log_release();
    partition_tiles_close(shelf.tiles);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_of_all_choices_is_found),
        cmocka_unit_test(more_watts_never_make_it_slower),
        cmocka_unit_test(budgets_and_figures_without_sense_are_refused_with_what_would_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
