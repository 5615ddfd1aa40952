/* The core against simulated workers: thousands of seeded runs, each checked rule by rule in
 * sim.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/log.h"
#include "proto/status.h"
#include "tests/coordinator/sim.h"
#include "tests/sanitized.h"

static struct partition_model model;

static void quiet(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg, (void)level, (void)area, (void)text;
}

static int setup(void **state)
{
    (void)state;
    sim_model(&model);
    proto_log_set_sink(quiet, NULL);
    return 0;
}

static struct sim_settings calm(uint64_t seed)
{
    return (struct sim_settings){.seed = seed,
                                 .workers = 3,
                                 .frames = 6,
                                 .depth = 2,
                                 .tiles = {.max_rows = 4, .max_cols = 5},
                                 .delay_us = 20000};
}

static void detections_do_not_depend_on_workers_tiles_or_order_of_arrival(void **state)
{
    static const int workers[] = {1, 2, 3, 5, 8};
    static const struct partition_tile_settings tiles[] = {
        {.max_rows = 0}, {.max_rows = 7}, {.max_rows = 4, .max_cols = 5}};
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t hash = 0;
        for (size_t w = 0; w < sizeof workers / sizeof *workers; w++) {
            for (size_t t = 0; t < sizeof tiles / sizeof *tiles; t++) {
                struct sim_settings settings = calm(seed);
                settings.workers = workers[w];
                settings.tiles = tiles[t];
                const struct sim_outcome outcome = sim_run(&model, &settings);
                assert_int_equal(outcome.complete, settings.frames);
                assert_int_equal(outcome.done_status, PROTO_OK);
                if (hash == 0)
                    hash = outcome.hash;
                assert_true(outcome.hash == hash);
            }
        }
    }
}

static void same_events_give_same_actions(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct sim_settings settings = calm(seed);
        settings.p_lose = 0.1;
        settings.p_return = 0.5;
        settings.p_error = 0.1;
        settings.p_resize = 0.2;
        const struct sim_outcome a = sim_run(&model, &settings), b = sim_run(&model, &settings);
        assert_true(a.hash == b.hash && a.end_us == b.end_us);
        assert_int_equal(a.rounds, b.rounds);
    }
}

static void deeper_queues_change_nothing_but_time(void **state)
{
    uint64_t hash = 0;
    (void)state;
    for (int depth = 1; depth <= 5; depth++) {
        struct sim_settings settings = calm(7);
        settings.depth = depth;
        settings.frames = 20;
        const struct sim_outcome outcome = sim_run(&model, &settings);
        assert_int_equal(outcome.complete, 20);
        if (hash == 0)
            hash = outcome.hash;
        assert_true(outcome.hash == hash);
    }
}

static void sizes_change_and_broken_pictures_are_told_in_order(void **state)
{
    int broken = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 300 / TESTS_SHARE; seed++) {
        struct sim_settings settings = calm(seed);
        settings.frames = 12;
        settings.p_broken = 0.2;
        settings.p_resize = 0.3;
        const struct sim_outcome outcome = sim_run(&model, &settings);
        assert_int_equal(outcome.frames, 12);
        assert_int_equal(outcome.complete + outcome.broken, 12);
        broken += outcome.broken;
    }
    assert_true(broken > 300 / TESTS_SHARE);
}

static void tiles_of_lost_workers_are_searched_by_the_others(void **state)
{
    int rounds = 0, incomplete = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 600 / TESTS_SHARE; seed++) {
        struct sim_settings settings = calm(seed);
        settings.workers = 2 + (int)(seed % 5);
        settings.frames = 8;
        settings.p_lose = 0.08;
        settings.p_return = 0.3;
        settings.p_twice = 0.1;
        settings.p_resize = 0.1;
        const struct sim_outcome outcome = sim_run(&model, &settings);
        assert_int_equal(outcome.frames, 8);
        rounds += outcome.rounds;
        incomplete += outcome.incomplete;
    }
    assert_true(rounds > 600 / TESTS_SHARE); /* the faults did happen */
    assert_true(incomplete < 600 / TESTS_SHARE * 8 / 4);
}

static void answers_that_come_too_late_count_only_where_nobody_was_faster(void **state)
{
    int rounds = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 600 / TESTS_SHARE; seed++) {
        struct sim_settings settings = calm(seed);
        settings.workers = 2 + (int)(seed % 4);
        settings.frames = 8;
        settings.p_hang = 0.1;
        /* The others are slow too, so that a late answer meets a frame that is still in work. */
        settings.delay_us = seed % 2 ? 8000000 : 20000;
        const struct sim_outcome outcome = sim_run(&model, &settings);
        assert_int_equal(outcome.frames, 8);
        rounds += outcome.rounds;
    }
    assert_true(rounds > 300 / TESTS_SHARE);
}

static void failing_workers_cost_time_not_frames(void **state)
{
    int complete = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 600 / TESTS_SHARE; seed++) {
        struct sim_settings settings = calm(seed);
        settings.workers = 4;
        settings.p_error = 0.05;
        settings.p_wrong = 0.02;
        settings.p_partial = 0.03;
        settings.p_twice = 0.2;
        const struct sim_outcome outcome = sim_run(&model, &settings);
        assert_int_equal(outcome.frames, settings.frames);
        complete += outcome.complete;
    }
    /* A frame is incomplete only where all four failed on the same tiles of it. */
    assert_true(complete > 600 / TESTS_SHARE * 6 * 98 / 100);
}

static void everything_at_once_still_reports_each_frame_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1500 / TESTS_SHARE; seed++) {
        struct sim_settings settings = calm(seed * 7919);
        settings.workers = 1 + (int)(seed % 8);
        settings.depth = 1 + (int)(seed % 3);
        settings.frames = 6;
        settings.p_broken = 0.1;
        settings.p_resize = 0.2;
        settings.p_error = 0.05;
        settings.p_wrong = 0.05;
        settings.p_partial = 0.05;
        settings.p_twice = 0.1;
        settings.p_lose = 0.1;
        settings.p_return = 0.5;
        settings.p_hang = 0.05;
        settings.p_absent = 0.1;
        settings.p_unfit = 0.05;
        const struct sim_outcome outcome = sim_run(&model, &settings);
        if (outcome.done_status == PROTO_OK)
            assert_int_equal(outcome.frames, 6);
        else /* nobody ever came */
            assert_int_equal(outcome.done_status, PROTO_LOST);
    }
}

static void worker_that_fails_again_and_again_gets_no_more_work(void **state)
{
    struct sim_settings settings = calm(3);
    (void)state;
    settings.frames = 20;
    settings.p_error = 1.0;
    settings.strikes = 3;
    const struct sim_outcome outcome = sim_run(&model, &settings);
    assert_int_equal(outcome.frames, 20);
    assert_int_equal(outcome.complete, 0);
}

static void worker_with_another_model_is_refused(void **state)
{
    struct sim_settings settings = calm(3);
    (void)state;
    settings.other_model = true;
    struct sim_outcome outcome = sim_run(&model, &settings);
    assert_int_equal(outcome.complete, settings.frames);
    settings.workers = 1;
    outcome = sim_run(&model, &settings);
    assert_int_equal(outcome.frames, 0);
    assert_int_equal(outcome.done_status, PROTO_MISMATCH);
}

static void run_without_any_worker_ends_with_an_error(void **state)
{
    struct sim_settings settings = calm(3);
    (void)state;
    settings.p_absent = 1.0;
    const struct sim_outcome outcome = sim_run(&model, &settings);
    assert_int_equal(outcome.frames, 0);
    assert_int_equal(outcome.done_status, PROTO_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detections_do_not_depend_on_workers_tiles_or_order_of_arrival),
        cmocka_unit_test(same_events_give_same_actions),
        cmocka_unit_test(deeper_queues_change_nothing_but_time),
        cmocka_unit_test(sizes_change_and_broken_pictures_are_told_in_order),
        cmocka_unit_test(tiles_of_lost_workers_are_searched_by_the_others),
        cmocka_unit_test(answers_that_come_too_late_count_only_where_nobody_was_faster),
        cmocka_unit_test(failing_workers_cost_time_not_frames),
        cmocka_unit_test(everything_at_once_still_reports_each_frame_once),
        cmocka_unit_test(worker_that_fails_again_and_again_gets_no_more_work),
        cmocka_unit_test(worker_with_another_model_is_refused),
        cmocka_unit_test(run_without_any_worker_ends_with_an_error),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
