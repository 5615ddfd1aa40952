/* The rules of recovery, one by one, with workers moved by hand (puppet.h). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/log.h"
#include "tests/coordinator/puppet.h"

static void quiet(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg, (void)level, (void)area, (void)text;
}

static int setup(void **state)
{
    (void)state;
    if (!getenv("MUSTER_TEST_TRACE"))
        proto_log_set_sink(quiet, NULL);
    return 0;
}

/* Started, and so many frames searched in 40 ms each: times are known. */
static struct puppet *experienced(int workers)
{
    struct puppet *p = puppet_new(workers);
    puppet_start(p);
    puppet_run(p, 8, 40);
    puppet_wait(p, 600);
    return p;
}

/* All but one worker answer the frame in 40 ms. */
static void others_answer(struct puppet *p, int but, uint64_t seq)
{
    puppet_wait(p, 40);
    for (int w = 0; w < p->settings.workers; w++)
        if (w != but)
            puppet_answer(p, puppet_sent(p, w, seq), 40);
}

static void a_late_worker_s_tiles_go_to_the_others(void **state)
{
    (void)state;
    struct puppet *p = experienced(3);
    const uint64_t begun_us = p->now_us;
    puppet_frame(p);
    others_answer(p, 2, 8);
    assert_int_equal(p->report_count, 8);
    puppet_wait(p, 100); /* 140 ms: three times what was predicted, but not 0.2 s more */
    assert_int_equal(puppet_count(p, 0, 8) + puppet_count(p, 1, 8), 2);
    puppet_wait(p, 110);
    assert_int_equal(puppet_count(p, 0, 8) + puppet_count(p, 1, 8), 4);
    assert_int_equal(puppet_count(p, 2, 8), 1);
    puppet_wait(p, 20);
    puppet_answer(p, puppet_sent(p, 0, 8), 20);
    puppet_answer(p, puppet_sent(p, 1, 8), 20);
    assert_int_equal(p->report_count, 9);
    assert_true(p->reports[8].coverage == 1.0);
    assert_true(p->reports[8].at_us - begun_us < 700000);
    assert_int_equal(puppet_events(p).late, 1);
    assert_int_equal(puppet_worker(p, 2).late, 1);
    assert_int_equal(puppet_events(p).reassigned, puppet_sent(p, 2, 8)->tile_count);
    puppet_free(p);
}

static void a_late_answer_still_counts_where_it_is_the_first(void **state)
{
    (void)state;
    struct puppet *p = experienced(3);
    puppet_frame(p);
    others_answer(p, 2, 8);
    puppet_wait(p, 220);
    assert_int_equal(puppet_count(p, 0, 8),
                     2); /* they compute its tiles, and it is faster after all */
    puppet_answer(p, puppet_sent(p, 2, 8), 250);
    assert_int_equal(p->report_count, 9);
    for (uint32_t i = 0; i < puppet_sent(p, 2, 8)->tile_count; i++)
        assert_int_equal(p->reports[8].ranks[puppet_sent(p, 2, 8)->tiles[i]], 3);
    puppet_answer(p, puppet_sent(p, 0, 8), 20); /* too late: the frame is reported */
    assert_int_equal(p->report_count, 9);
    assert_int_equal(puppet_events(p).duplicates, 1);
    puppet_free(p);
}

static void a_late_worker_gets_no_new_work_until_it_has_answered(void **state)
{
    (void)state;
    struct puppet *p = experienced(3);
    puppet_frame(p);
    others_answer(p, 2, 8);
    puppet_wait(p, 220);
    puppet_answer(p, puppet_sent(p, 0, 8), 20);
    puppet_answer(p, puppet_sent(p, 1, 8), 20);
    puppet_frame(p);
    puppet_wait(p, 1000); /* it beats all the while */
    assert_int_equal(puppet_count(p, 2, 9), 0);
    puppet_answer(p, puppet_sent(p, 0, 9), 40);
    puppet_answer(p, puppet_sent(p, 1, 9), 40);
    assert_int_equal(p->report_count, 10);
    puppet_answer(p, puppet_sent(p, 2, 8), 1500);
    puppet_frame(p);
    assert_int_equal(puppet_count(p, 2, 10), 1);
    assert_int_equal(puppet_events(p).lost, 0);
    puppet_free(p);
}

static void before_anything_was_measured_only_silence_counts(void **state)
{
    (void)state;
    struct puppet *p = puppet_new(2);
    puppet_start(p);
    puppet_wait(p, 30000);
    assert_int_equal(puppet_events(p).late, 0);
    assert_int_equal(puppet_count(p, 0, 0) + puppet_count(p, 1, 0), 2);
    puppet_run(p, 1, 30000);
    assert_true(p->reports[0].coverage == 1.0);
    puppet_free(p);
}

static void a_slow_worker_that_is_known_to_be_slow_is_not_late(void **state)
{
    (void)state;
    struct puppet *p = puppet_new(2);
    puppet_start(p);
    puppet_run(p, 6, 4000);
    assert_int_equal(puppet_events(p).late, 0);
    puppet_free(p);
}

static void two_late_workers_at_once_cost_no_frame(void **state)
{
    (void)state;
    struct puppet *p = experienced(3);
    puppet_frame(p);
    puppet_wait(p, 40);
    puppet_answer(p, puppet_sent(p, 0, 8), 40);
    puppet_wait(p, 230);
    assert_int_equal(puppet_events(p).late, 2);
    /* All that is open is with the one that is in time, in one piece or two. */
    uint32_t tiles = 0;
    for (int i = 0; i < p->send_count; i++)
        if (p->sends[i].worker == 0 && p->sends[i].seq == 8)
            tiles += p->sends[i].tile_count;
    assert_int_equal(tiles, p->tile_count);
    for (int i = 0; i < p->send_count; i++)
        if (p->sends[i].worker == 0 && !p->sends[i].answered)
            puppet_answer(p, &p->sends[i], 80);
    assert_int_equal(p->report_count, 9);
    assert_true(p->reports[8].coverage == 1.0);
    puppet_free(p);
}

static void when_all_are_late_nothing_is_given_up_and_the_first_to_answer_takes_over(void **state)
{
    (void)state;
    struct puppet *p = experienced(3);
    puppet_frame(p);
    puppet_wait(p, 3000);
    assert_int_equal(puppet_events(p).late, 3);
    assert_int_equal(p->report_count, 8);
    assert_int_equal(p->send_count, 8 * 3 + 3); /* who is late himself is not bothered further */
    puppet_answer(p, puppet_sent(p, 1, 8), 3000);
    const struct puppet_send *more = puppet_sent(p, 1, 8);
    assert_false(more->answered); /* it has the rest now */
    assert_int_equal(more->tile_count,
                     p->tile_count - (uint32_t)0 - (p->tile_count - more->tile_count));
    puppet_wait(p, 50);
    puppet_answer(p, puppet_sent(p, 1, 8), 50);
    assert_int_equal(p->report_count, 9);
    assert_true(p->reports[8].coverage == 1.0);
    puppet_free(p);
}

static void a_late_worker_is_better_than_none(void **state)
{
    (void)state;
    struct puppet *p = experienced(2);
    puppet_frame(p);
    puppet_wait(p, 10);
    p->silent[1] = true;
    puppet_wait(p, 400); /* worker 0 is late; so is 1 */
    assert_true(puppet_events(p).late >= 1);
    puppet_wait(p, 400); /* now 1 is lost, and its tiles have nobody but 0 */
    assert_int_equal(puppet_events(p).lost, 1);
    assert_int_equal(puppet_count(p, 0, 8), 2);
    p->sends[p->send_count - 2].answered = false;
    for (int i = 0; i < p->send_count; i++)
        if (p->sends[i].worker == 0 && !p->sends[i].answered)
            puppet_answer(p, &p->sends[i], 400);
    assert_int_equal(p->report_count, 9);
    assert_true(p->reports[8].coverage == 1.0);
    puppet_free(p);
}

static void a_silent_worker_is_lost_within_half_a_second_and_its_frame_done_within_0_7(void **state)
{
    (void)state;
    struct puppet *p = experienced(4);
    const uint64_t begun_us = p->now_us;
    puppet_frame(p);
    p->silent[3] = true;
    puppet_run(p, 9, 40);
    assert_true(p->reports[8].coverage == 1.0);
    assert_true(p->reports[8].at_us - begun_us <= 700000);
    puppet_wait(p, 600);
    assert_int_equal(puppet_events(p).lost, 1);
    const struct coordinator_run_worker lost = puppet_worker(p, 3);
    assert_int_equal(lost.lost, 1);
    assert_true(lost.lost_s > 0.0 && isnan(lost.returned_s));
    assert_non_null(strstr(lost.why, "silent"));
    puppet_free(p);
}

static void irregular_beats_make_more_patient(void **state)
{
    (void)state;
    struct puppet *p = experienced(2);
    for (int i = 0; i < 4; i++) { /* a busy machine */
        p->silent[1] = true;
        puppet_wait(p, 300);
        p->silent[1] = false;
        puppet_wait(p, 100);
    }
    p->silent[1] = true;
    puppet_wait(p, 900);
    assert_int_equal(puppet_events(p).lost, 0);
    puppet_wait(p, 1000);
    assert_int_equal(puppet_events(p).lost, 1);
    puppet_free(p);
}

static void a_worker_that_is_heard_of_again_is_taken_back(void **state)
{
    (void)state;
    struct puppet *p = experienced(3);
    p->silent[2] = true;
    puppet_wait(p, 1000);
    assert_int_equal(puppet_events(p).lost, 1);
    puppet_run(p, 10, 40);
    assert_int_equal(puppet_count(p, 2, 9), 0);
    p->silent[2] = false;
    puppet_wait(p, 100);
    assert_int_equal(puppet_events(p).returned, 1);
    assert_true(puppet_worker(p, 2).returned_s > puppet_worker(p, 2).lost_s);
    puppet_run(p, 11, 40);
    assert_int_equal(puppet_count(p, 2, 10), 1);
    puppet_free(p);
}

static void an_answer_of_a_worker_given_up_counts_while_its_frame_is_open(void **state)
{
    (void)state;
    struct puppet *p = experienced(3);
    puppet_frame(p);
    others_answer(p, 2, 8);
    coordinator_core_lost(p->core, 2, "its link broke", p->now_us);
    assert_int_equal(p->report_count, 8);
    puppet_answer(p, puppet_sent(p, 2, 8), 40); /* it was on its way */
    assert_int_equal(p->report_count, 9);
    assert_true(p->reports[8].coverage == 1.0);
    assert_int_equal(puppet_events(p).returned, 1);
    puppet_free(p);
}

static void a_worker_that_beats_but_never_answers_is_given_up_until_it_is_ready_again(void **state)
{
    (void)state;
    struct puppet *p = experienced(2);
    puppet_frame(p);
    puppet_wait(p, 40);
    puppet_answer(p, puppet_sent(p, 0, 8), 40);
    puppet_wait(p, 300);
    puppet_answer(p, puppet_sent(p, 0, 8), 40);
    assert_int_equal(p->report_count, 9);
    const uint32_t plans = p->plans[1];
    puppet_wait(p, 12000);
    assert_int_equal(puppet_events(p).lost, 1);
    assert_int_equal(puppet_events(p).returned, 0); /* its beats are not enough */
    assert_int_equal(p->plans[1], plans + 1);       /* it was asked */
    puppet_ready(p, 1);
    assert_int_equal(puppet_events(p).returned, 1);
    puppet_run(p, 10, 40);
    assert_int_equal(puppet_count(p, 1, 9), 1);
    puppet_free(p);
}

static void an_only_worker_that_hangs_ends_in_reported_frames(void **state)
{
    (void)state;
    struct puppet *p = experienced(1);
    puppet_frame(p);
    puppet_wait(p, 60000);
    assert_int_equal(p->report_count, 9);
    assert_true(p->reports[8].coverage == 0.0 && p->reports[8].error);
    assert_true(p->reports[8].missing_count > 0);
    puppet_free(p);
}

static void frames_wait_for_a_worker_that_comes_back(void **state)
{
    (void)state;
    struct puppet *p = experienced(1);
    puppet_frame(p);
    puppet_frame(p);
    p->silent[0] = true;
    puppet_wait(p, 5000);
    assert_int_equal(puppet_events(p).lost, 1);
    assert_int_equal(p->report_count, 8);
    p->silent[0] = false;
    puppet_run(p, 10, 40);
    assert_true(p->reports[8].coverage == 1.0 && p->reports[9].coverage == 1.0);
    puppet_free(p);
}

static void without_any_worker_frames_are_reported_as_not_searched_and_soon(void **state)
{
    (void)state;
    struct puppet *p = experienced(2);
    puppet_frame(p);
    p->silent[0] = p->silent[1] = true;
    puppet_wait(p, 12000);
    assert_int_equal(p->report_count, 9);
    assert_true(p->reports[8].coverage == 0.0 && p->reports[8].error && !p->reports[8].cut);
    const uint64_t at_us = p->now_us;
    for (int i = 0; i < 20; i++)
        puppet_frame(p); /* nobody waits anew for each */
    assert_int_equal(p->report_count, 29);
    assert_int_equal(p->now_us, at_us);
    p->silent[0] = false;
    puppet_wait(p, 200);
    puppet_run(p, 30, 40);
    assert_true(p->reports[29].coverage == 1.0);
    puppet_free(p);
}

static void a_stopped_coordinator_blames_nobody(void **state)
{
    (void)state;
    struct puppet *p = experienced(3);
    puppet_frame(p);
    p->now_us += 5000000; /* it slept, or the clock jumped; what came meanwhile is in the link */
    coordinator_core_timer(p->core, p->now_us);
    assert_int_equal(puppet_events(p).lost + puppet_events(p).late, 0);
    puppet_run(p, 9, 40);
    assert_int_equal(puppet_events(p).lost + puppet_events(p).late, 0);
    /* But whoever is really gone is missed soon after. */
    puppet_frame(p);
    p->silent[2] = true;
    p->now_us += 5000000;
    coordinator_core_timer(p->core, p->now_us);
    puppet_wait(p, 1200);
    assert_int_equal(puppet_events(p).lost, 1);
    puppet_free(p);
}

static void a_clock_that_runs_backwards_stands_still(void **state)
{
    (void)state;
    struct puppet *p = experienced(2);
    const uint64_t now_us = p->now_us;
    puppet_frame(p);
    p->now_us -= 3000000;
    puppet_answer(p, puppet_sent(p, 0, 8), 40);
    p->now_us = now_us + 50000;
    puppet_answer(p, puppet_sent(p, 1, 8), 40);
    assert_int_equal(p->report_count, 9);
    assert_int_equal(puppet_events(p).lost + puppet_events(p).late, 0);
    puppet_free(p);
}

static void a_worker_whose_device_starts_again_gets_no_work_until_it_is_ready(void **state)
{
    (void)state;
    struct puppet *p = experienced(3);
    puppet_frame(p);
    p->says[2] = PROTO_WORKER_STARTING;
    puppet_wait(p, 100);
    assert_int_equal(puppet_count(p, 0, 8), 2); /* its tiles are with the others at once */
    puppet_fail(p, puppet_sent(p, 2, 8));
    puppet_answer(p, puppet_sent(p, 0, 8), 40);
    puppet_answer(p, puppet_sent(p, 1, 8), 40);
    for (int i = 0; i < p->send_count; i++)
        if (!p->sends[i].answered && p->sends[i].worker != 2)
            puppet_answer(p, &p->sends[i], 40);
    assert_int_equal(p->report_count, 9);
    puppet_run(p, 12, 40);
    assert_int_equal(puppet_count(p, 2, 11), 0);
    p->says[2] = PROTO_WORKER_READY;
    puppet_wait(p, 100);
    puppet_run(p, 13, 40);
    assert_int_equal(puppet_count(p, 2, 12), 1);
    assert_int_equal(puppet_events(p).lost, 0);
    puppet_free(p);
}

static void a_frame_that_failed_everywhere_is_tried_again(void **state)
{
    (void)state;
    struct puppet *p = experienced(1);
    puppet_frame(p);
    puppet_fail(p, puppet_sent(p, 0, 8)); /* its device died with the frame */
    assert_int_equal(p->report_count, 8);
    assert_int_equal(puppet_count(p, 0, 8), 2);
    puppet_answer(p, puppet_sent(p, 0, 8), 40);
    assert_int_equal(p->report_count, 9);
    assert_true(p->reports[8].coverage == 1.0);
    puppet_frame(p);
    for (int i = 0; i < 3; i++) { /* but not for ever */
        puppet_fail(p, puppet_sent(p, 0, 9));
        puppet_wait(p, 20000);
    }
    assert_int_equal(p->report_count, 10);
    assert_true(p->reports[9].coverage == 0.0);
    puppet_free(p);
}

static void a_worker_that_fails_again_and_again_rests_longer_and_longer(void **state)
{
    (void)state;
    struct puppet *p = experienced(2);
    int tries[4] = {0};
    for (int i = 0; i < 40; i++) {
        const uint64_t seq = p->frames;
        puppet_frame(p);
        if (puppet_count(p, 1, seq) > 0) {
            puppet_fail(p, puppet_sent(p, 1, seq));
            tries[i / 10]++;
        }
        for (int k = 0; k < p->send_count; k++)
            if (!p->sends[k].answered)
                puppet_answer(p, &p->sends[k], 40);
        assert_true(p->reports[seq].coverage == 1.0);
        puppet_wait(p, 500);
    }
    assert_true(tries[0] > tries[1] && tries[1] >= tries[3] && tries[3] <= 1);
    puppet_free(p);
}

static void a_return_while_another_size_is_prepared_is_asked_for_it_too(void **state)
{
    (void)state;
    struct puppet *p = experienced(2);
    p->silent[1] = true;
    puppet_wait(p, 1000);
    assert_int_equal(puppet_events(p).lost, 1);
    p->size = (struct proto_size){64, 48};
    puppet_frame(p);
    assert_int_equal(p->plans[0], 2);
    assert_int_equal(p->plans[1], 1);
    p->silent[1] = false;
    puppet_wait(p, 100);
    assert_int_equal(p->plans[1], 2);
    puppet_ready(p, 0);
    assert_int_equal(puppet_count(p, 0, 8), 0); /* the start waits for both */
    puppet_ready(p, 1);
    puppet_run(p, 9, 40);
    assert_int_equal(puppet_count(p, 1, 8), 1);
    assert_true(p->reports[8].coverage == 1.0);
    puppet_free(p);
}

static void a_restarted_process_knows_nothing_and_is_asked_anew(void **state)
{
    (void)state;
    struct puppet *p = experienced(2);
    puppet_frame(p);
    puppet_hello(p, 1); /* before anybody missed it */
    assert_int_equal(p->plans[1], 2);
    assert_int_equal(puppet_count(p, 0, 8), 2);
    puppet_ready(p, 1);
    puppet_answer(p, puppet_sent(p, 0, 8), 40);
    for (int i = 0; i < p->send_count; i++)
        if (p->sends[i].worker == 0 && !p->sends[i].answered)
            puppet_answer(p, &p->sends[i], 40);
    assert_int_equal(p->report_count, 9);
    puppet_run(p, 10, 40);
    assert_int_equal(puppet_count(p, 1, 9), 1);
    puppet_free(p);
}

/* Each worker computes at its own speed: ms for each tile. */
static void run_at(struct puppet *p, int frames, const double *ms_per_tile)
{
    const int until = p->report_count + frames;
    while (p->report_count < until) {
        if (p->free_slots && (int)p->frames < until)
            puppet_frame(p);
        puppet_wait(p, 1);
        for (int i = 0; i < p->send_count; i++) {
            struct puppet_send *send = &p->sends[i];
            const double ms = ms_per_tile[send->worker] * send->tile_count;
            if (!send->answered && (double)(p->now_us - send->at_us) / 1e3 >= ms)
                puppet_answer(p, send, ms);
        }
    }
}

static void at_the_deadline_a_frame_is_reported_with_what_is_missing(void **state)
{
    (void)state;
    struct puppet *p = puppet_new(2);
    p->settings.deadline_us = 100000;
    p->camera = (struct proto_config_camera){.width = 120,
                                             .height = 90,
                                             .fx = 100,
                                             .fy = 100,
                                             .cx = 60,
                                             .cy = 45,
                                             .height_m = 1.2,
                                             .body_min_m = 1.2,
                                             .body_max_m = 2.05,
                                             .distance_min_m = 1,
                                             .distance_max_m = 20,
                                             .cut_below = 1};
    p->settings.camera = &p->camera;
    puppet_start(p);
    const uint64_t begun_us = p->now_us;
    puppet_wait(p, 100);
    assert_int_equal(p->report_count, 1); /* before the first answer */
    assert_int_equal(p->reports[0].at_us - begun_us, 100000);
    assert_true(p->reports[0].coverage == 0.0 && p->reports[0].cut && p->reports[0].error);
    assert_int_equal(p->reports[0].missing_count, 6);
    assert_int_equal(p->reports[0].distance_count, 1); /* all levels: one range */
    assert_true(p->reports[0].distances[0].near_m < p->reports[0].distances[0].far_m);
    puppet_answer(p, puppet_sent(p, 0, 0), 100); /* too late */
    puppet_answer(p, puppet_sent(p, 1, 0), 100);
    assert_int_equal(puppet_events(p).duplicates, 2);
    puppet_frame(p);
    puppet_wait(p, 50);
    puppet_answer(p, puppet_sent(p, 0, 1), 40);
    puppet_wait(p, 50);
    assert_int_equal(p->report_count, 2);
    assert_true(p->reports[1].coverage > 0.0 && p->reports[1].coverage < 1.0);
    assert_int_equal(puppet_events(p).cut, 2);
    puppet_free(p);
}

static void with_too_little_time_the_near_levels_are_searched_first(void **state)
{
    (void)state;
    const double speeds[] = {2, 2};
    struct puppet *p = puppet_new(2);
    p->settings.depth = p->settings.slots = 1; /* a frame is read when the last one is out */
    p->settings.deadline_us = 1000000;
    puppet_start(p);
    run_at(p, 10, speeds);
    assert_true(p->reports[9].coverage == 1.0);
    const double all_ms = (double)p->tile_count; /* 2 ms a tile on two workers */
    coordinator_core_close(p->core);
    p->core = NULL;
    p->settings.deadline_us = (uint64_t)(all_ms * 600);
    p->frames = p->send_count = p->report_count = 0;
    memset(p->plans, 0, sizeof p->plans);
    puppet_start(p);
    run_at(p, 40, speeds);
    int searched = 0;
    for (int i = 10; i < 40; i++) {
        const struct puppet_report *r = &p->reports[i];
        assert_true(r->coverage < 1.0 && r->cut && r->missing_count > 0);
        searched += r->coverage > 0.2;
        /* What was searched is the end of the tile set. */
        for (uint32_t t = 1; t < p->tile_count && r->coverage > 0.0; t++)
            assert_true(r->ranks[t] > 0 || r->ranks[t - 1] == 0);
    }
    assert_true(searched > 20);
    puppet_free(p);
}

static void with_a_deadline_a_worker_never_has_more_than_depth_frames_in_hand(void **state)
{
    (void)state;
    struct puppet *p = puppet_new(2);
    p->settings.deadline_us = 50000;
    puppet_start(p);
    for (int i = 0; i < 40; i++) { /* nobody ever answers, frames come and are reported */
        puppet_wait(p, 50);
        puppet_frame(p);
    }
    assert_true(p->report_count >= 38);
    for (int w = 0; w < 2; w++) {
        int sent = 0;
        for (int i = 0; i < p->send_count; i++)
            sent += p->sends[i].worker == w;
        assert_int_equal(sent, p->settings.depth);
    }
    puppet_free(p);
}

static void the_reserve_works_only_while_no_other_can(void **state)
{
    (void)state;
    struct puppet *p = puppet_new(3);
    p->settings.reserve = 2;
    puppet_start(p);
    puppet_run(p, 8, 40);
    for (uint64_t seq = 0; seq < 8; seq++)
        assert_int_equal(puppet_count(p, 2, seq), 0);
    puppet_frame(p);
    p->silent[0] = p->silent[1] = true;
    puppet_run(p, 10, 40);
    assert_true(p->reports[8].coverage == 1.0 && p->reports[9].coverage == 1.0);
    assert_true(puppet_count(p, 2, 8) > 0 && puppet_count(p, 2, 9) > 0);
    p->silent[1] = false;
    puppet_wait(p, 200);
    puppet_run(p, 14, 40);
    assert_int_equal(puppet_count(p, 2, 13), 0);
    assert_true(puppet_worker(p, 2).reserve && !puppet_worker(p, 1).reserve);
    puppet_free(p);
}

static void a_slower_worker_soon_gets_fewer_tiles(void **state)
{
    (void)state;
    const double speeds[] = {1, 4};
    struct puppet *p = puppet_new(2);
    p->settings.tiles.max_rows = 2;
    puppet_start(p);
    const uint32_t first = puppet_sent(p, 1, 0)->tile_count;
    assert_true(isnan(p->reports[0].predicted_ms) || p->report_count == 0);
    run_at(p, 60, speeds);
    const uint32_t last = puppet_sent(p, 1, 59)->tile_count;
    assert_true(last * 2 < first);
    assert_true(puppet_events(p).replans >= 1 && puppet_events(p).replans <= 4);
    /* What was predicted came true, and the bound is below it. */
    assert_true(fabs(p->reports[59].predicted_ms / p->reports[59].measured_ms - 1) < 0.1);
    assert_true(p->reports[59].bound_ms <= p->reports[59].predicted_ms * 1.000001);
    assert_true(isnan(p->reports[0].predicted_ms));
    puppet_free(p);
}

static void a_worker_behind_a_slow_link_soon_gets_fewer_pixels(void **state)
{
    (void)state;
    struct puppet *p = puppet_new(2);
    p->us_per_byte[1] = 5; /* 20 times slower to send than to compute */
    puppet_start(p);
    uint64_t first = 0, last = 0;
    for (int i = 0; p->report_count < 60; i++) {
        if (p->free_slots && p->frames < 60)
            puppet_frame(p);
        puppet_wait(p, 1);
        for (int k = 0; k < p->send_count; k++) {
            struct puppet_send *send = &p->sends[k];
            if (!send->answered && p->now_us >= send->gone_us + 1000u * send->tile_count)
                puppet_answer(p, send, send->tile_count);
        }
    }
    first = puppet_sent(p, 1, 0)->gone_us - puppet_sent(p, 1, 0)->at_us;
    for (int k = 0; k < p->send_count; k++)
        if (p->sends[k].worker == 1 && p->sends[k].seq >= 55)
            last = p->sends[k].gone_us - p->sends[k].at_us;
    assert_true(first > 0);
    assert_true(last * 2 < first); /* it has the levels that need few pixels now */
    puppet_free(p);
}

static void a_gain_below_the_threshold_changes_no_plan(void **state)
{
    (void)state;
    const double equal[] = {1, 1}, speeds[] = {1, 1.03};
    struct puppet *p = puppet_new(2);
    puppet_start(p);
    run_at(p, 60, equal);
    const uint64_t replans = puppet_events(p).replans;
    run_at(p, 60, speeds);
    assert_int_equal(puppet_events(p).replans, replans);
    puppet_free(p);
}

static void known_speeds_share_out_the_very_first_frame(void **state)
{
    (void)state;
    struct puppet *p = puppet_new(2);
    p->macs_per_us[0] = 3000;
    p->macs_per_us[1] = 1000;
    p->settings.tiles.max_rows = 2;
    puppet_start(p);
    assert_true(puppet_sent(p, 0, 0)->tile_count > 2 * puppet_sent(p, 1, 0)->tile_count);
    puppet_run(p, 1, 1);
    assert_true(p->reports[0].predicted_ms > 0 && p->reports[0].bound_ms > 0);
    puppet_free(p);
}

static void replicas_take_whole_frames_in_turn(void **state)
{
    (void)state;
    const double speeds[] = {1, 1, 1};
    struct puppet *p = puppet_new(3);
    p->settings.split = PARTITION_SPLIT_FRAME;
    p->settings.depth = 1;
    puppet_start(p);
    puppet_frame(p);
    puppet_frame(p);
    for (int w = 0; w < 3; w++)
        assert_int_equal(puppet_sent(p, w, (uint64_t)w)->tile_count, p->tile_count);
    run_at(p, 30, speeds);
    for (int w = 0; w < 3; w++) {
        int frames = 0;
        for (uint64_t seq = 0; seq < 30; seq++)
            frames += puppet_count(p, w, seq);
        assert_int_equal(frames, 10);
    }
    /* One is lost with a frame in hand: that frame goes to the others. */
    puppet_frame(p);
    p->silent[puppet_count(p, 0, 30) > 0 ? 0 : puppet_count(p, 1, 30) > 0 ? 1 : 2] = true;
    puppet_run(p, 31, 40);
    assert_true(p->reports[30].coverage == 1.0);
    puppet_free(p);
}

/* The most joules in any one second, with boards of 2 W idle and 10 W busy that compute as long as their
 * last answers say. */
static double hungriest_second(const struct puppet *p, const double *ms_per_tile, uint64_t from_us)
{
    double most = 0.0;
    for (int i = 0; i < p->send_count; i++) {
        const uint64_t t0 = p->sends[i].at_us, t1 = t0 + 1000000;
        double joules = 2.0 * p->settings.workers;
        if (t0 < from_us || t1 > p->now_us)
            continue;
        for (int k = 0; k < p->send_count; k++) {
            const struct puppet_send *s = &p->sends[k];
            const double begin = (double)s->at_us;
            const double end = begin + 1e3 * ms_per_tile[s->worker] * s->tile_count;
            const double inside = fmin(end, (double)t1) - fmax(begin, (double)t0);
            joules += inside > 0.0 ? 8.0 * inside / 1e6 : 0.0;
        }
        most = fmax(most, joules);
    }
    return most;
}

static void a_power_budget_holds_over_any_second(void **state)
{
    (void)state;
    const double speeds[] = {1, 1};
    for (double budget = 7; budget <= 15; budget += 4) {
        struct puppet *p = puppet_new(2);
        p->settings.budget_w = budget;
        for (int w = 0; w < 2; w++) {
            p->macs_per_us[w] = 100;
            p->idle_w[w] = 2;
            p->busy_w[w] = 10;
        }
        puppet_start(p);
        run_at(p, 20, speeds); /* the profile's speed was wrong */
        const uint64_t from_us = p->now_us;
        run_at(p, 60, speeds);
        assert_true(hungriest_second(p, speeds, from_us) <= budget * 1.02);
        const double fps = 60e6 / (double)(p->now_us - from_us);
        const double possible = (budget - 4) / (8 * 0.120);
        assert_true(fps > 0.85 * fmin(possible, 1 / 0.060));
        puppet_free(p);
    }
}

static void a_budget_that_all_boards_break_is_kept_with_fewer(void **state)
{
    (void)state;
    const double speeds[] = {30, 30, 30}; /* seconds for a frame */
    struct puppet *p = puppet_new(3);
    p->settings.budget_w = 16;
    p->settings.depth = p->settings.slots = 1;
    for (int w = 0; w < 3; w++) {
        p->macs_per_us[w] = 3;
        p->idle_w[w] = 2;
        p->busy_w[w] = 10;
    }
    puppet_start(p);
    run_at(p, 8, speeds);
    int used = 0;
    for (int w = 0; w < 3; w++)
        used += puppet_count(p, w, 7) > 0;
    assert_int_equal(used, 1); /* two would draw 22 W for more than a second */
    assert_true(p->reports[7].coverage == 1.0);
    puppet_free(p);
}

static void without_known_watts_the_measured_ones_are_followed(void **state)
{
    (void)state;
    struct puppet *p = puppet_new(1);
    p->settings.budget_w = 6;
    p->settings.depth = p->settings.slots = 1;
    puppet_start(p);
    p->energy_uj[0] = 1;
    uint64_t last_us = p->now_us, busy_us = 0;
    double watts = 0.0;
    for (int i = 0; i < 200; i++) { /* 2 W idle, 10 W busy, 50 ms a frame */
        if (p->free_slots)
            puppet_frame(p);
        struct puppet_send *send = &p->sends[p->send_count - 1];
        if (!send->answered && p->now_us - send->at_us >= 50000) {
            puppet_answer(p, send, 50);
            busy_us += 50000;
            p->energy_uj[0] += 8 * 50000;
        }
        puppet_wait(p, 50);
        p->energy_uj[0] += 2 * 50000;
        if (i % 40 == 39) {
            watts = 2 + 8.0 * (double)busy_us / (double)(p->now_us - last_us);
            last_us = p->now_us;
            busy_us = 0;
        }
    }
    assert_true(watts > 5.0 && watts < 6.3);
    puppet_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_worker_s_tiles_go_to_the_others),
        cmocka_unit_test(a_late_answer_still_counts_where_it_is_the_first),
        cmocka_unit_test(a_late_worker_gets_no_new_work_until_it_has_answered),
        cmocka_unit_test(before_anything_was_measured_only_silence_counts),
        cmocka_unit_test(a_slow_worker_that_is_known_to_be_slow_is_not_late),
        cmocka_unit_test(two_late_workers_at_once_cost_no_frame),
        cmocka_unit_test(when_all_are_late_nothing_is_given_up_and_the_first_to_answer_takes_over),
        cmocka_unit_test(a_late_worker_is_better_than_none),
        cmocka_unit_test(
            a_silent_worker_is_lost_within_half_a_second_and_its_frame_done_within_0_7),
        cmocka_unit_test(irregular_beats_make_more_patient),
        cmocka_unit_test(a_worker_that_is_heard_of_again_is_taken_back),
        cmocka_unit_test(an_answer_of_a_worker_given_up_counts_while_its_frame_is_open),
        cmocka_unit_test(a_worker_that_beats_but_never_answers_is_given_up_until_it_is_ready_again),
        cmocka_unit_test(an_only_worker_that_hangs_ends_in_reported_frames),
        cmocka_unit_test(frames_wait_for_a_worker_that_comes_back),
        cmocka_unit_test(without_any_worker_frames_are_reported_as_not_searched_and_soon),
        cmocka_unit_test(a_stopped_coordinator_blames_nobody),
        cmocka_unit_test(a_clock_that_runs_backwards_stands_still),
        cmocka_unit_test(a_worker_whose_device_starts_again_gets_no_work_until_it_is_ready),
        cmocka_unit_test(a_frame_that_failed_everywhere_is_tried_again),
        cmocka_unit_test(a_worker_that_fails_again_and_again_rests_longer_and_longer),
        cmocka_unit_test(a_return_while_another_size_is_prepared_is_asked_for_it_too),
        cmocka_unit_test(a_restarted_process_knows_nothing_and_is_asked_anew),
        cmocka_unit_test(at_the_deadline_a_frame_is_reported_with_what_is_missing),
        cmocka_unit_test(with_too_little_time_the_near_levels_are_searched_first),
        cmocka_unit_test(with_a_deadline_a_worker_never_has_more_than_depth_frames_in_hand),
        cmocka_unit_test(the_reserve_works_only_while_no_other_can),
        cmocka_unit_test(a_slower_worker_soon_gets_fewer_tiles),
        cmocka_unit_test(a_worker_behind_a_slow_link_soon_gets_fewer_pixels),
        cmocka_unit_test(a_gain_below_the_threshold_changes_no_plan),
        cmocka_unit_test(known_speeds_share_out_the_very_first_frame),
        cmocka_unit_test(replicas_take_whole_frames_in_turn),
        cmocka_unit_test(a_power_budget_holds_over_any_second),
        cmocka_unit_test(a_budget_that_all_boards_break_is_kept_with_fewer),
        cmocka_unit_test(without_known_watts_the_measured_ones_are_followed),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
