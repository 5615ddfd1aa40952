/* partition/plan.c: who computes what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/bound.h"
#include "partition/plan.h"
#include "proto/status.h"
#include "tests/partition/support.h"

struct set {
    struct partition_model model;
    struct partition_pyramid pyramid;
    struct partition_tiles *tiles;
};

static void open_set(struct set *set)
{
    struct partition_tile_settings settings;
    paper_model_init(&set->model);
    assert_int_equal(
        partition_pyramid_init(&set->pyramid, &set->model, (struct proto_size){640, 480}),
        PROTO_OK);
    partition_tile_defaults(&settings);
    assert_int_equal(partition_tiles_open(&set->pyramid, &set->model, &settings, &set->tiles),
                     PROTO_OK);
}

/* Workers that only differ in speed, without fixed parts or limits of links. */
struct crew {
    struct partition_plan_worker workers[16];
    struct partition_plan_settings settings;
    double us[16][256];
};

static void hire(struct crew *crew, const struct set *set, const double *macs_per_us,
                 const double *busy, int32_t workers)
{
    struct partition_speed speed;
    assert_true(set->tiles->count <= 256 && workers <= 16);
    partition_plan_defaults(&crew->settings);
    for (int32_t w = 0; w < workers; w++) {
        partition_speed_defaults(&speed);
        speed.macs_per_us = macs_per_us[w];
        partition_plan_worker_init(&crew->workers[w], &speed, &set->pyramid, set->tiles, 1,
                                   crew->us[w]);
        crew->workers[w].busy_us = busy ? busy[w] : 0;
    }
    crew->settings.workers = crew->workers;
    crew->settings.worker_count = workers;
}

static int share_out(const struct set *set, const uint32_t *ids, uint32_t id_count,
                     const double *macs_per_us, const double *busy, int32_t workers,
                     struct partition_plan **out)
{
    struct crew crew;
    hire(&crew, set, macs_per_us, busy, workers);
    crew.settings.ids = ids;
    crew.settings.id_count = id_count;
    return partition_plan_open(&set->pyramid, set->tiles, &crew.settings, out);
}

static void check_shares(const struct set *set, const struct partition_plan *plan,
                         const double *speed, const double *busy, uint32_t expected)
{
    uint8_t seen[256] = {0};
    uint32_t total = 0;
    double period = 0;
    assert_true(set->tiles->count <= sizeof(seen));
    for (int32_t w = 0; w < plan->worker_count; w++) {
        const struct partition_share *share = &plan->shares[w];
        struct proto_band bands[256];
        uint64_t macs = 0;
        for (uint32_t i = 0; i < share->tile_count; i++) {
            const struct partition_tile *tile = &set->tiles->tile[share->tiles[i]];
            assert_int_equal(seen[share->tiles[i]]++, 0);
            macs += tile->macs;
            assert_true(i == 0 || set->tiles->tile[share->tiles[i - 1]].macs >= tile->macs);
        }
        total += share->tile_count;
        assert_int_equal(macs, share->macs);
        assert_true(speed[w] > 0 || share->tile_count == 0);
        if (share->tile_count > 0)
            assert_true(fabs(share->compute_us - (busy ? busy[w] : 0) - (double)macs / speed[w]) <=
                        1e-9 * share->compute_us);
        period = fmax(period, share->compute_us);
        assert_int_equal(share->band_count,
                         partition_tile_bands(set->tiles, share->tiles, share->tile_count, bands));
        assert_memory_equal(share->bands, bands, share->band_count * sizeof(bands[0]));
        assert_int_equal(share->pixel_bytes,
                         partition_band_bytes(&set->pyramid, bands, share->band_count));
    }
    assert_int_equal(total, expected);
    assert_true(plan->period_us == period);
}

static void every_tile_is_computed_exactly_once_and_the_same_way_again(void **state)
{
    struct random random = {.state = 7};
    struct set set;
    (void)state;
    open_set(&set);
    for (int round = 0; round < 200; round++) {
        double speed[16], busy[16];
        const int32_t workers = random_in(&random, 1, 16);
        const bool with_busy = random_in(&random, 0, 1);
        struct partition_plan *plan, *again;
        for (int32_t w = 0; w < workers; w++) {
            speed[w] = random_in(&random, 0, 4) * 1000.0;
            busy[w] = random_in(&random, 0, 1000) * 100.0;
        }
        speed[random_in(&random, 0, workers - 1)] = 3000;
        const double *given = with_busy ? busy : NULL;
        assert_int_equal(share_out(&set, NULL, 0, speed, given, workers, &plan), PROTO_OK);
        assert_int_equal(share_out(&set, NULL, 0, speed, given, workers, &again), PROTO_OK);
        check_shares(&set, plan, speed, given, set.tiles->count);
        for (int32_t w = 0; w < workers; w++) {
            assert_int_equal(plan->shares[w].tile_count, again->shares[w].tile_count);
            assert_memory_equal(plan->shares[w].tiles, again->shares[w].tiles,
                                plan->shares[w].tile_count * sizeof(uint32_t));
        }
        partition_plan_close(plan);
        partition_plan_close(again);
    }
    partition_tiles_close(set.tiles);
}

/* The last tile of the busiest worker went to it because no other could have finished it earlier:
 * so no worker is idle longer than the time it would have needed for that tile. For equal workers:
 * at most 4/3 of the best (Graham 1969), here tested against the two lower bounds. */
static void equal_workers_get_equal_work(void **state)
{
    struct set set;
    (void)state;
    open_set(&set);
    for (int32_t workers = 1; workers <= 16; workers++) {
        double speed[16];
        struct partition_plan *plan;
        uint64_t largest = 0;
        for (int32_t w = 0; w < workers; w++)
            speed[w] = 50000;
        for (uint32_t i = 0; i < set.tiles->count; i++)
            largest = set.tiles->tile[i].macs > largest ? set.tiles->tile[i].macs : largest;
        assert_int_equal(share_out(&set, NULL, 0, speed, NULL, workers, &plan), PROTO_OK);
        const double bound = fmax((double)set.tiles->macs / workers, (double)largest) / speed[0];
        assert_true(plan->period_us >= bound * (1 - 1e-12));
        assert_true(plan->period_us <= (double)set.tiles->macs / workers / speed[0] +
                                           (double)largest * (1 - 1.0 / workers) / speed[0] + 1);
        print_message("%2d workers: %.2fx\n", workers,
                      (double)set.tiles->macs / speed[0] / plan->period_us);
        partition_plan_close(plan);
    }
    partition_tiles_close(set.tiles);
}

/* Moving any tile of the busiest worker to another would make that one busier still. */
static void no_single_move_shortens_the_period(void **state)
{
    struct random random = {.state = 8};
    struct set set;
    (void)state;
    open_set(&set);
    for (int round = 0; round < 100; round++) {
        double speed[8], bound;
        struct crew crew;
        struct partition_plan *plan;
        const int32_t workers = random_in(&random, 2, 8);
        for (int32_t w = 0; w < workers; w++)
            speed[w] = random_in(&random, 1, 9) * 1000.0;
        hire(&crew, &set, speed, NULL, workers);
        assert_int_equal(partition_plan_open(&set.pyramid, set.tiles, &crew.settings, &plan),
                         PROTO_OK);
        assert_int_equal(partition_bound_period(&set.pyramid, set.tiles, &crew.settings, &bound),
                         PROTO_OK);
        assert_true(plan->period_us >= bound * (1 - 1e-9));
        for (int32_t w = 0; w < workers; w++) {
            const struct partition_share *share = &plan->shares[w];
            if (share->compute_us < plan->period_us * (1 - 1e-9))
                continue;
            for (uint32_t i = 0; i < share->tile_count; i++)
                for (int32_t v = 0; v < workers; v++)
                    assert_true(plan->shares[v].compute_us + crew.us[v][share->tiles[i]] >=
                                plan->period_us * (1 - 1e-8));
        }
        partition_plan_close(plan);
    }
    partition_tiles_close(set.tiles);
}

/* Started from a plan, with a worker gone: every tile is still there, and about as well shared out. */
static void a_plan_can_start_from_another(void **state)
{
    const double before[5] = {100, 200, 100, 300, 100}, after[5] = {100, 0, 100, 300, 100};
    struct set set;
    struct crew crew;
    struct partition_plan *plan, *next, *fresh;
    (void)state;
    open_set(&set);
    hire(&crew, &set, before, NULL, 5);
    assert_int_equal(partition_plan_open(&set.pyramid, set.tiles, &crew.settings, &plan), PROTO_OK);
    hire(&crew, &set, after, NULL, 5);
    assert_true(partition_plan_period(plan, &crew.settings) == (double)INFINITY);
    assert_int_equal(partition_plan_open(&set.pyramid, set.tiles, &crew.settings, &fresh),
                     PROTO_OK);
    crew.settings.from = plan;
    assert_int_equal(partition_plan_open(&set.pyramid, set.tiles, &crew.settings, &next), PROTO_OK);
    check_shares(&set, next, after, NULL, set.tiles->count);
    assert_true(next->period_us <= 1.01 * fresh->period_us);
    assert_true(fabs(partition_plan_period(next, &crew.settings) - next->period_us) <=
                1e-9 * next->period_us);
    partition_plan_close(plan);
    partition_plan_close(next);
    partition_plan_close(fresh);
    partition_tiles_close(set.tiles);
}

static void a_lost_workers_tiles_are_shared_among_the_others(void **state)
{
    const double before[3] = {100, 100, 100}, after[3] = {100, 0, 100};
    struct set set;
    struct partition_plan *plan, *rescue;
    (void)state;
    open_set(&set);
    assert_int_equal(share_out(&set, NULL, 0, before, NULL, 3, &plan), PROTO_OK);
    const double busy[3] = {plan->shares[0].compute_us, 5, plan->shares[2].compute_us};
    assert_int_equal(
        share_out(&set, plan->shares[1].tiles, plan->shares[1].tile_count, after, busy, 3, &rescue),
        PROTO_OK);
    check_shares(&set, rescue, after, busy, plan->shares[1].tile_count);
    assert_int_equal(rescue->shares[1].tile_count, 0);
    partition_plan_close(plan);
    partition_plan_close(rescue);
    partition_tiles_close(set.tiles);
}

/* Six boards on one port of 1 Gbit/s: the last is served when five have had their pixels. */
static void a_longer_period_buys_a_shorter_latency(void **state)
{
    const double speed[6] = {184e3, 184e3, 184e3, 184e3, 184e3, 184e3};
    double period[3], latency[3];
    struct set set;
    struct crew crew;
    (void)state;
    open_set(&set);
    hire(&crew, &set, speed, NULL, 6);
    crew.settings.port_bytes_per_us = 117.6;
    for (int i = 0; i < 3; i++) {
        struct partition_plan *plan;
        crew.settings.period_slack = 0.05 * i;
        assert_int_equal(partition_plan_open(&set.pyramid, set.tiles, &crew.settings, &plan),
                         PROTO_OK);
        check_shares(&set, plan, speed, NULL, set.tiles->count);
        period[i] = plan->period_us;
        latency[i] = plan->latency_us;
        assert_true(period[i] <= period[0] * (1 + crew.settings.period_slack) * (1 + 1e-9));
        assert_true(latency[i] <= latency[0] * (1 + 1e-9));
        double port_us = 0, last = 0;
        for (int32_t n = 0; n < 6; n++) {
            const struct partition_share *share = &plan->shares[plan->order[n]];
            assert_true(fabs(port_us + share->receive_us + share->compute_us - share->finish_us) <=
                        1e-6 * share->finish_us);
            port_us += (double)share->pixel_bytes / 117.6;
            last = fmax(last, share->finish_us);
        }
        assert_true(last == plan->latency_us);
        print_message("slack %.2f: period %.1f ms, latency %.1f ms\n", 0.05 * i, 1e-3 * period[i],
                      1e-3 * latency[i]);
        partition_plan_close(plan);
    }
    assert_true(latency[2] < 0.97 * latency[0]);
    partition_tiles_close(set.tiles);
}

static void nothing_to_do_is_a_plan_and_nobody_to_do_it_is_none(void **state)
{
    const double none[2] = {0, NAN}, one[2] = {0, 1};
    const uint32_t ids[1] = {0};
    struct set set;
    struct partition_plan *plan;
    (void)state;
    open_set(&set);
    assert_int_equal(share_out(&set, ids, 0, one, NULL, 2, &plan), PROTO_OK);
    assert_true(plan->period_us == 0);
    partition_plan_close(plan);
    log_capture();
    assert_int_equal(share_out(&set, NULL, 0, none, NULL, 2, &plan), PROTO_INVALID);
    assert_int_equal(share_out(&set, NULL, 0, none, NULL, 0, &plan), PROTO_INVALID);
    log_release();
    assert_null(plan);
    partition_tiles_close(set.tiles);
}

static void levels_stay_together_when_asked(void **state)
{
    const double speed[5] = {3, 1, 2, 0, 1};
    struct set set;
    struct crew crew;
    struct partition_plan *plan;
    int32_t worker_of[PROTO_LEVELS_MAX];
    (void)state;
    open_set(&set);
    hire(&crew, &set, speed, NULL, 5);
    crew.settings.split = PARTITION_SPLIT_LEVEL;
    assert_int_equal(partition_plan_open(&set.pyramid, set.tiles, &crew.settings, &plan), PROTO_OK);
    check_shares(&set, plan, speed, NULL, set.tiles->count);
    memset(worker_of, -1, sizeof worker_of);
    for (int32_t w = 0; w < 5; w++)
        for (uint32_t i = 0; i < plan->shares[w].tile_count; i++) {
            int32_t *of = &worker_of[set.tiles->tile[plan->shares[w].tiles[i]].level];
            assert_true(*of == -1 || *of == w);
            *of = w;
        }
    assert_int_equal(plan->shares[3].left_out, PARTITION_NO_SPEED);
    partition_plan_close(plan);
    partition_tiles_close(set.tiles);
}

/* Of 7 frames the worker with speed 4 takes 4, and nobody is ahead of its share by a frame. */
static void whole_frames_go_round_in_proportion_to_speed(void **state)
{
    const double speed[4] = {1, 4, 0, 2};
    uint32_t frames[4] = {0};
    struct set set;
    struct crew crew;
    (void)state;
    open_set(&set);
    hire(&crew, &set, speed, NULL, 4);
    crew.settings.split = PARTITION_SPLIT_FRAME;
    for (uint64_t turn = 0; turn < 700; turn++) {
        struct partition_plan *plan;
        int32_t used = 0;
        crew.settings.turn = turn;
        assert_int_equal(partition_plan_open(&set.pyramid, set.tiles, &crew.settings, &plan),
                         PROTO_OK);
        assert_true(fabs(plan->period_us * 7 - (double)set.tiles->macs) <= 1e-6 * plan->period_us);
        for (int32_t w = 0; w < 4; w++)
            if (plan->shares[w].tile_count > 0) {
                used++;
                assert_int_equal(plan->shares[w].tile_count, set.tiles->count);
                frames[w]++;
                assert_true(fabs(plan->latency_us - (double)set.tiles->macs / speed[w]) <=
                            1e-6 * plan->latency_us);
            }
        assert_int_equal(used, 1);
        for (int32_t w = 0; w < 4; w++)
            assert_true(fabs(frames[w] - (double)(turn + 1) * speed[w] / 7) <= 1.0);
        partition_plan_close(plan);
    }
    partition_tiles_close(set.tiles);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tile_is_computed_exactly_once_and_the_same_way_again),
        cmocka_unit_test(equal_workers_get_equal_work),
        cmocka_unit_test(no_single_move_shortens_the_period),
        cmocka_unit_test(a_plan_can_start_from_another),
        cmocka_unit_test(a_lost_workers_tiles_are_shared_among_the_others),
        cmocka_unit_test(levels_stay_together_when_asked),
        cmocka_unit_test(whole_frames_go_round_in_proportion_to_speed),
        cmocka_unit_test(a_longer_period_buys_a_shorter_latency),
        cmocka_unit_test(nothing_to_do_is_a_plan_and_nobody_to_do_it_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
