/* A worker, spoken to as the coordinator does over the in-process link: with its computing thread, and
 * (`process`) with a guard and a device process, which are killed and stopped. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "partition/tile.h"
#include "proto/codec.h"
#include "proto/log.h"
#include "proto/status.h"
#include "tests/cluster/random_model.h"
#include "worker/device_proc.h"
#include "worker/exec.h"
#include "worker/guard.h"
#include "worker/rank.h"

enum {
    W = 80,
    H = 60,
    PIXELS_MAX = 1 << 20,
    LONG_POLLS = 600000, /* of 0.1 ms: far beyond any slow machine */
    HANG_US = 3000000    /* what a hanging device process is given in tests of hanging ones */
};

static char dir[] = "/tmp/muster-rank-XXXXXX", model_dir[64];
static struct partition_model *model;
static struct partition_pyramid pyramid;
static struct partition_tiles *tiles;
static struct worker_guard *guard; /* of this process, if it is a rank that has one */
static uint64_t hang_us;           /* 0: the default */

/* The test's end of the link and the worker behind the other. */
struct talk {
    struct proto_link *ends[2];
    struct worker_rank_settings settings;
    pthread_t thread;
    int status;
    struct proto_arena arena;
    unsigned char *out;
    unsigned char *copy; /* of the last message received */
    int sent, beats, goodbyes;
    int failures; /* beats that said FAILED */
    uint32_t pid; /* of the last HELLO */
};

static void *worker_main(void *arg)
{
    struct talk *talk = arg;
    talk->status = worker_rank_run(talk->ends[1], &talk->settings);
    return NULL;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

static void begin(struct talk *talk, const char *device, const char *with_model)
{
    *talk = (struct talk){0};
    assert_int_equal(proto_link_local_open(2, talk->ends), PROTO_OK);
    assert_int_equal(proto_link_listen(talk->ends[0], 1, 4, PROTO_CODEC_CONTROL_MAX), PROTO_OK);
    assert_int_equal(proto_arena_open(&talk->arena, 16 << 20), PROTO_OK);
    talk->out = malloc(PIXELS_MAX);
    talk->copy = malloc(PROTO_CODEC_CONTROL_MAX);
    assert_true(talk->out && talk->copy);
    worker_rank_defaults(&talk->settings);
    talk->settings.device = device;
    talk->settings.model_dir = with_model;
    talk->settings.beat_us = 2000;
    if (hang_us)
        talk->settings.hang_us = hang_us;
    talk->settings.guard = guard;
    assert_int_equal(pthread_create(&talk->thread, NULL, worker_main, talk), 0);
}

/* Next message that is no BEAT (these are counted), or, with wait_goodbye, until the goodbye. */
static bool hear(struct talk *talk, struct proto_message *message, bool wait_goodbye)
{
    struct proto_link_event event;
    for (int i = 0; i < LONG_POLLS; i++, nap()) {
        while (proto_link_poll(talk->ends[0], &event)) {
            assert_int_not_equal(event.kind, PROTO_LINK_BROKEN);
            if (event.kind == PROTO_LINK_SENT) {
                talk->sent--;
                continue;
            }
            memcpy(talk->copy, event.data, event.len_bytes);
            proto_arena_reset(&talk->arena);
            assert_int_equal(proto_codec_decode(talk->copy, event.len_bytes, &talk->arena, message),
                             PROTO_OK);
            proto_link_release(talk->ends[0], &event);
            if (message->kind != PROTO_MESSAGE_BEAT)
                return true;
            talk->beats++;
            talk->failures += message->beat.state == PROTO_WORKER_FAILED;
            talk->goodbyes += message->beat.state == PROTO_WORKER_STOPPED;
            if (wait_goodbye && talk->goodbyes)
                return true;
        }
    }
    return false;
}

static void wait_sent(struct talk *talk)
{
    struct proto_message message;
    while (talk->sent > 0)
        assert_false(hear(talk, &message, false) && talk->sent > 0);
}

/* The buffer must stay until it is sent, so each message has its own part of `out`. */
static void say(struct talk *talk, const struct proto_message *message, size_t at,
                const uint8_t *pixels)
{
    size_t bytes;
    assert_int_equal(proto_codec_encode(message, talk->out + at, PIXELS_MAX - at, &bytes),
                     PROTO_OK);
    if (message->kind == PROTO_MESSAGE_FRAME) {
        memcpy(talk->out + at + bytes, pixels, (size_t)message->frame.pixel_bytes);
        bytes += (size_t)message->frame.pixel_bytes;
    }
    assert_int_equal(proto_link_send(talk->ends[0], 1, talk->out + at, bytes, NULL), PROTO_OK);
    talk->sent++;
}

static void say_stop(struct talk *talk)
{
    const struct proto_message message = {.kind = PROTO_MESSAGE_STOP, .stop = {PROTO_CANCELED}};
    say(talk, &message, PIXELS_MAX - 512, NULL);
}

static void end(struct talk *talk)
{
    pthread_join(talk->thread, NULL);
    proto_link_close(talk->ends[0]);
    proto_link_close(talk->ends[1]);
    proto_arena_close(&talk->arena);
    free(talk->out);
    free(talk->copy);
}

static void end_with_goodbye(struct talk *talk)
{
    struct proto_message message;
    say_stop(talk);
    while (!talk->goodbyes)
        assert_true(hear(talk, &message, true));
    end(talk);
    assert_int_equal(talk->status, PROTO_CANCELED);
    assert_int_equal(talk->goodbyes, 1);
}

/* ---- a frame with all tiles and all its pixels ---- */

static struct proto_band bands[4096];
static uint32_t all[4096];
static struct proto_plan_tile wire[4096];
static uint8_t pixels[PIXELS_MAX];

static struct proto_message plan_message(void)
{
    for (uint32_t i = 0; i < tiles->count; i++) {
        const struct partition_tile *tile = &tiles->tile[i];
        all[i] = i;
        wire[i] = (struct proto_plan_tile){(uint32_t)tile->level, (uint32_t)tile->cells.y,
                                           (uint32_t)tile->cells.x, (uint32_t)tile->cells.h,
                                           (uint32_t)tile->cells.w};
    }
    return (struct proto_message){
        .kind = PROTO_MESSAGE_PLAN,
        .plan = {.plan = 1,
                 .frame = {W, H},
                 .candidate_threshold = model->candidate_threshold,
                 .depth = 2,
                 .frame_bytes_max = PIXELS_MAX,
                 .tile_count = tiles->count,
                 .tiles = wire,
                 .mine_count = tiles->count / 2, /* the others are made ready on first use */
                 .mine = all}};
}

static struct proto_message frame_message(uint64_t seq)
{
    const uint32_t count = partition_tile_bands(tiles, all, tiles->count, bands);
    const uint64_t bytes = partition_band_bytes(&pyramid, bands, count);
    assert_true(bytes <= sizeof pixels);
    for (uint64_t i = 0; i < bytes; i++)
        pixels[i] = (uint8_t)((i * 2654435761u + seq * 97) >> 11);
    return (struct proto_message){.kind = PROTO_MESSAGE_FRAME,
                                  .frame = {.plan = 1,
                                            .seq = seq,
                                            .tile_count = tiles->count,
                                            .tiles = all,
                                            .band_count = count,
                                            .bands = bands,
                                            .pixel_bytes = bytes}};
}

static void say_plan(struct talk *talk)
{
    const struct proto_message plan = plan_message();
    struct proto_message answer;
    say(talk, &plan, 0, NULL);
    assert_true(hear(talk, &answer, false));
    assert_int_equal(answer.kind, PROTO_MESSAGE_READY);
    assert_int_equal(answer.ready.status, PROTO_OK);
    assert_int_equal(answer.ready.plan, 1);
    assert_true(answer.ready.memory_bytes > 0);
}

static void hear_hello(struct talk *talk)
{
    struct proto_message hello;
    assert_true(hear(talk, &hello, false));
    assert_int_equal(hello.kind, PROTO_MESSAGE_HELLO);
    assert_int_equal(hello.hello.version, PROTO_WIRE_VERSION);
    assert_string_equal(hello.hello.model_hash, model->hash);
    assert_string_equal(hello.hello.device, "ref,f32");
    talk->pid = hello.hello.pid;
}

/* ---- cases ---- */

static void worker_says_hello_beats_and_says_goodbye(void **state)
{
    struct talk talk;
    (void)state;
    begin(&talk, "ref", model_dir);
    hear_hello(&talk);
    for (int i = 0; i < 1000; i++) {
        struct proto_link_event event;
        nap();
        while (proto_link_poll(talk.ends[0], &event)) {
            assert_int_equal(event.kind, PROTO_LINK_RECEIVED);
            talk.beats++;
            proto_link_release(talk.ends[0], &event);
        }
    }
    assert_true(talk.beats > 1);
    end_with_goodbye(&talk);
}

static void frames_are_answered_in_order_with_what_exec_computes(void **state)
{
    enum { FRAMES = 3 };
    struct talk talk;
    struct worker_exec *exec;
    const struct gpu_settings settings = {.threads = 1};
    (void)state;
    begin(&talk, "ref", model_dir);
    hear_hello(&talk);
    say_plan(&talk);
    for (uint64_t seq = 0; seq < FRAMES; seq++) {
        const struct proto_message frame = frame_message(seq);
        say(&talk, &frame, (size_t)seq * (PIXELS_MAX / 4), pixels);
    }
    const struct proto_message plan = plan_message();
    assert_int_equal(worker_exec_open("ref", &settings, model, &exec), PROTO_OK);
    assert_int_equal(worker_exec_plan(exec, &plan.plan), PROTO_OK);
    for (uint64_t seq = 0; seq < FRAMES; seq++) {
        struct proto_message answer;
        struct proto_result expected = {0};
        const struct proto_message frame = frame_message(seq);
        assert_int_equal(worker_exec_run(exec, &frame.frame, pixels, &expected), PROTO_OK);
        assert_true(hear(&talk, &answer, false));
        assert_int_equal(answer.kind, PROTO_MESSAGE_RESULT);
        const struct proto_result *result = &answer.result;
        assert_int_equal(result->status, PROTO_OK);
        assert_int_equal(result->seq, seq);
        assert_int_equal(result->tile_count, tiles->count);
        assert_true(expected.survivor_count > 0);
        assert_int_equal(result->survivor_count, expected.survivor_count);
        for (uint32_t i = 0; i < result->survivor_count; i++) {
            const struct proto_survivor *a = &result->survivors[i], *b = &expected.survivors[i];
            assert_true(a->tile == b->tile && a->row == b->row && a->col == b->col &&
                        a->score == b->score && a->flags == b->flags);
        }
        assert_true(result->received_us <= result->started_us);
        assert_true(result->started_us <= result->finished_us);
    }
    worker_exec_close(exec);
    end_with_goodbye(&talk);
}

static void impossible_frame_is_answered_with_an_error_and_the_next_one_computed(void **state)
{
    struct talk talk;
    struct proto_message answer;
    (void)state;
    begin(&talk, "ref", model_dir);
    hear_hello(&talk);
    say_plan(&talk);
    struct proto_message wrong = frame_message(0);
    uint32_t none = tiles->count;
    wrong.frame.tile_count = 1;
    wrong.frame.tiles = &none;
    say(&talk, &wrong, 0, pixels);
    wrong = frame_message(1);
    wrong.frame.plan = 7;
    say(&talk, &wrong, PIXELS_MAX / 4, pixels);
    const struct proto_message right = frame_message(2);
    say(&talk, &right, PIXELS_MAX / 2, pixels);
    for (uint64_t seq = 0; seq < 3; seq++) {
        assert_true(hear(&talk, &answer, false));
        assert_int_equal(answer.kind, PROTO_MESSAGE_RESULT);
        assert_int_equal(answer.result.seq, seq);
        assert_true((answer.result.status == PROTO_OK) == (seq == 2));
        if (answer.result.status)
            assert_true(answer.result.text && *answer.result.text);
    }
    end_with_goodbye(&talk);
}

static void what_keeps_a_worker_from_working_is_told(void **state)
{
    const struct {
        const char *device, *model;
        int status;
    } cases[] = {{"abacus", model_dir, PROTO_NOT_FOUND}, {"ref", "/nowhere", PROTO_IO}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct talk talk;
        struct proto_message answer;
        begin(&talk, cases[i].device, cases[i].model);
        assert_true(hear(&talk, &answer, false));
        assert_int_equal(answer.kind, PROTO_MESSAGE_READY);
        assert_int_equal(answer.ready.status, cases[i].status);
        assert_true(*answer.ready.text);
        end_with_goodbye(&talk);
    }
}

static void malformed_message_does_not_disturb_it(void **state)
{
    struct talk talk;
    (void)state;
    begin(&talk, "ref", model_dir);
    hear_hello(&talk);
    memset(talk.out, 0xab, 1000);
    assert_int_equal(proto_link_send(talk.ends[0], 1, talk.out, 1000, NULL), PROTO_OK);
    talk.sent++;
    say_plan(&talk);
    end_with_goodbye(&talk);
}

static void stop_with_frames_queued_ends_it(void **state)
{
    struct talk talk;
    (void)state;
    begin(&talk, "ref", model_dir);
    hear_hello(&talk);
    say_plan(&talk);
    for (uint64_t seq = 0; seq < 3; seq++) {
        const struct proto_message frame = frame_message(seq);
        say(&talk, &frame, (size_t)seq * (PIXELS_MAX / 4), pixels);
    }
    end_with_goodbye(&talk);
}

static void stop_while_opening_ends_it(void **state)
{
    struct talk talk;
    (void)state;
    for (int i = 0; i < 20; i++) {
        begin(&talk, "ref", model_dir);
        end_with_goodbye(&talk);
    }
}

static void worker_ends_when_the_coordinator_is_gone(void **state)
{
    struct talk talk;
    (void)state;
    begin(&talk, "ref", model_dir);
    hear_hello(&talk);
    say_plan(&talk);
    wait_sent(&talk);
    proto_link_close(talk.ends[0]);
    talk.ends[0] = NULL;
    end(&talk);
    assert_int_equal(talk.status, PROTO_LOST);
}

/* ---- with a device process ---- */

/* Until the worker has what was said; meanwhile it says nothing but beats. */
static void wait_taken(struct talk *talk)
{
    struct proto_link_event event;
    for (int i = 0; i < LONG_POLLS && talk->sent > 0; i++, nap()) {
        while (talk->sent > 0 && proto_link_poll(talk->ends[0], &event)) {
            if (event.kind == PROTO_LINK_SENT)
                talk->sent--;
            else
                proto_link_release(talk->ends[0], &event);
        }
    }
    assert_int_equal(talk->sent, 0);
}

/* Once the device process has ended, frames in hand and those that come are answered as lost, until
 * the next one says HELLO. */
static void hear_lost_then_hello(struct talk *talk, int lost)
{
    const uint32_t pid = talk->pid;
    struct proto_message answer;
    for (int i = 0; i < lost; i++) {
        assert_true(hear(talk, &answer, false));
        assert_int_equal(answer.kind, PROTO_MESSAGE_RESULT);
        assert_int_equal(answer.result.status, PROTO_LOST);
        assert_true(*answer.result.text);
    }
    hear_hello(talk);
    assert_int_not_equal(talk->pid, pid);
}

static void hear_result(struct talk *talk, uint64_t seq)
{
    struct proto_message answer;
    assert_true(hear(talk, &answer, false));
    assert_int_equal(answer.kind, PROTO_MESSAGE_RESULT);
    assert_int_equal(answer.result.status, PROTO_OK);
    assert_int_equal(answer.result.seq, seq);
}

static void device_process_is_another_process(void **state)
{
    struct talk talk;
    (void)state;
    begin(&talk, "ref", model_dir);
    hear_hello(&talk);
    assert_int_not_equal(talk.pid, getpid());
    end_with_goodbye(&talk);
}

static void killed_device_process_is_started_again_and_works(void **state)
{
    struct talk talk;
    (void)state;
    begin(&talk, "ref", model_dir);
    hear_hello(&talk);
    for (uint64_t round = 0; round < 3; round++) {
        say_plan(&talk);
        const struct proto_message frame = frame_message(round);
        say(&talk, &frame, 0, pixels);
        hear_result(&talk, round);
        assert_int_equal(kill((pid_t)talk.pid, SIGKILL), 0);
        hear_lost_then_hello(&talk, 0);
        assert_true(talk.failures > 0);
        talk.failures = 0;
    }
    end_with_goodbye(&talk);
}

static void frames_in_hand_of_a_killed_device_process_are_answered_at_once(void **state)
{
    struct talk talk;
    (void)state;
    begin(&talk, "ref", model_dir);
    hear_hello(&talk);
    say_plan(&talk);
    assert_int_equal(kill((pid_t)talk.pid, SIGSTOP), 0); /* so that none is computed */
    for (uint64_t seq = 0; seq < 2; seq++) {
        const struct proto_message frame = frame_message(seq);
        say(&talk, &frame, (size_t)seq * (PIXELS_MAX / 4), pixels);
    }
    wait_taken(&talk);
    assert_int_equal(kill((pid_t)talk.pid, SIGKILL), 0);
    hear_lost_then_hello(&talk, 2);
    say_plan(&talk);
    const struct proto_message frame = frame_message(2);
    say(&talk, &frame, 0, pixels);
    hear_result(&talk, 2);
    end_with_goodbye(&talk);
}

static void hanging_device_process_is_started_again(void **state)
{
    struct talk talk;
    (void)state;
    hang_us = HANG_US;
    begin(&talk, "ref", model_dir);
    hear_hello(&talk);
    say_plan(&talk);
    assert_int_equal(kill((pid_t)talk.pid, SIGSTOP), 0);
    const struct proto_message frame = frame_message(0);
    say(&talk, &frame, 0, pixels);
    hear_lost_then_hello(&talk, 1);
    end_with_goodbye(&talk);
}

static void plan_in_hand_of_a_killed_device_process_is_asked_for_again(void **state)
{
    struct talk talk;
    const struct proto_message plan = plan_message();
    (void)state;
    begin(&talk, "ref", model_dir);
    hear_hello(&talk);
    assert_int_equal(kill((pid_t)talk.pid, SIGSTOP), 0);
    say(&talk, &plan, 0, NULL);
    wait_taken(&talk);
    assert_int_equal(kill((pid_t)talk.pid, SIGKILL), 0);
    hear_lost_then_hello(&talk, 0); /* no READY comes before it */
    say_plan(&talk);
    end_with_goodbye(&talk);
}

/* run_guarded lets the first one hang. */
static void device_process_that_hangs_while_it_opens_is_started_again(void **state)
{
    struct talk talk;
    (void)state;
    hang_us = HANG_US;
    begin(&talk, "ref", model_dir);
    hear_hello(&talk);
    assert_true(talk.failures > 0);
    say_plan(&talk);
    end_with_goodbye(&talk);
}

static void stopped_device_process_does_not_keep_a_worker_from_ending(void **state)
{
    struct talk talk;
    (void)state;
    begin(&talk, "ref", model_dir);
    hear_hello(&talk);
    assert_int_equal(kill((pid_t)talk.pid, SIGSTOP), 0);
    end_with_goodbye(&talk);
}

static void quiet(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg, (void)level, (void)area, (void)text;
}

static int setup(void **state)
{
    const struct partition_tile_settings settings = {.max_rows = 7, .max_cols = 5};
    (void)state;
    proto_log_set_sink(quiet, NULL);
    assert_non_null(mkdtemp(dir));
    snprintf(model_dir, sizeof model_dir, "%s/model", dir);
    assert_int_equal(random_model_write(model_dir, 3, 6), 0);
    assert_int_equal(partition_model_open(model_dir, &model), PROTO_OK);
    assert_int_equal(partition_pyramid_init(&pyramid, model, (struct proto_size){W, H}), PROTO_OK);
    assert_int_equal(partition_tiles_open(&pyramid, model, &settings, &tiles), PROTO_OK);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    partition_tiles_close(tiles);
    partition_model_close(model);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

/* Shared by all processes of a test: device processes that are to hang while they open. */
static int *hanging;

static int hang_or_run(const struct worker_rank_settings *settings, const struct worker_shm *shm,
                       int socket)
{
    if ((*hanging)-- > 0)
        pause();
    return worker_device_run(settings, shm, socket);
}

/* In a process tree of its own: the test runs as the rank of a guard. Its exit code is the tree's. */
static int run_guarded(const struct CMUnitTest *test)
{
    fflush(NULL);
    const pid_t tree = fork();
    int status = 1;
    if (tree == 0) {
        struct worker_rank_settings rank;
        struct worker_guard_settings settings;
        worker_rank_defaults(&rank);
        rank.device = "ref";
        rank.model_dir = model_dir;
        worker_guard_defaults(&settings);
        settings.rank = &rank;
        settings.back_off_us = 10000;
        settings.device = hang_or_run;
        *hanging =
            test->test_func == device_process_that_hangs_while_it_opens_is_started_again ? 1 : 0;
        if (worker_guard_start(&settings, &guard))
            _exit(1);
        const struct CMUnitTest one[] = {*test};
        const int failed = cmocka_run_group_tests_name(test->name, one, NULL, NULL);
        fflush(NULL);
        _exit(failed);
    }
    if (tree < 0 || waitpid(tree, &status, 0) != tree)
        return 1;
    return status != 0;
}

static int run_process(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worker_says_hello_beats_and_says_goodbye),
        cmocka_unit_test(frames_are_answered_in_order_with_what_exec_computes),
        cmocka_unit_test(impossible_frame_is_answered_with_an_error_and_the_next_one_computed),
        cmocka_unit_test(malformed_message_does_not_disturb_it),
        cmocka_unit_test(stop_with_frames_queued_ends_it),
        cmocka_unit_test(worker_ends_when_the_coordinator_is_gone),
        cmocka_unit_test(device_process_is_another_process),
        cmocka_unit_test(killed_device_process_is_started_again_and_works),
        cmocka_unit_test(frames_in_hand_of_a_killed_device_process_are_answered_at_once),
        cmocka_unit_test(hanging_device_process_is_started_again),
        cmocka_unit_test(plan_in_hand_of_a_killed_device_process_is_asked_for_again),
        cmocka_unit_test(device_process_that_hangs_while_it_opens_is_started_again),
        cmocka_unit_test(stopped_device_process_does_not_keep_a_worker_from_ending),
    };
    int failed = 0;
    struct worker_shm *shm;
    if (setup(NULL) || worker_shm_open(&shm) || !(hanging = worker_shm_alloc(shm, sizeof *hanging)))
        return 1;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        failed += run_guarded(&tests[i]);
    worker_shm_close(shm);
    return teardown(NULL) || failed;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "process") == 0)
        return run_process();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worker_says_hello_beats_and_says_goodbye),
        cmocka_unit_test(frames_are_answered_in_order_with_what_exec_computes),
        cmocka_unit_test(impossible_frame_is_answered_with_an_error_and_the_next_one_computed),
        cmocka_unit_test(what_keeps_a_worker_from_working_is_told),
        cmocka_unit_test(malformed_message_does_not_disturb_it),
        cmocka_unit_test(stop_with_frames_queued_ends_it),
        cmocka_unit_test(stop_while_opening_ends_it),
        cmocka_unit_test(worker_ends_when_the_coordinator_is_gone),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
