/* The whole program but its command line: the coordinator's loop and several workers' loops as
 * threads of one process, on the in-process link and the reference device.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "coordinator/image.h"
#include "coordinator/shell.h"
#include "proto/log.h"
#include "proto/status.h"
#include "tests/cluster/random_model.h"
#include "worker/rank.h"

enum { WORKERS_MAX = 4, FRAMES = 5 };

static char dir[] = "/tmp/muster-in-process-XXXXXX", model_dir[64], clip[64];
static struct partition_model *model;

/* A sink that keeps a hash of what it is told. */
struct keeper {
    struct coordinator_sink sink;
    int frames, broken, stop_after, answer;
    uint64_t hash;
    double least_coverage;
};

static int keep(struct coordinator_sink *sink, const struct coordinator_frame_report *report,
                const struct coordinator_image *image)
{
    struct keeper *keeper = (struct keeper *)sink;
    const unsigned char *bytes = (const unsigned char *)report->detections;
    const size_t count = report->detection_count * sizeof *report->detections;

    assert_int_equal(report->seq, keeper->frames);
    assert_true((image == NULL) == (report->error != NULL));
    keeper->frames++;
    keeper->broken += report->error != NULL;
    if (!report->error && report->coverage < keeper->least_coverage)
        keeper->least_coverage = report->coverage;
    for (size_t i = 0; i < count; i++)
        keeper->hash = (keeper->hash ^ bytes[i]) * 1099511628211u;
    return keeper->frames == keeper->stop_after ? keeper->answer : PROTO_OK;
}

static int keep_finish(struct coordinator_sink *sink, const struct coordinator_run *run)
{
    (void)sink, (void)run;
    return PROTO_OK;
}

static void keep_close(struct coordinator_sink *sink)
{
    (void)sink;
}

static const struct coordinator_sink_ops keeper_ops = {"keeper", keep, keep_finish, keep_close};

struct worker {
    struct proto_link *link;
    struct worker_rank_settings settings;
    pthread_t thread;
    int status;
};

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    worker->status = worker_rank_run(worker->link, &worker->settings);
    return NULL;
}

struct job {
    const char *input, *device, *model; /* of worker 0; the others have what works */
    int workers, depth;
    struct partition_tile_settings tiles;
};

/* A run with all its threads; returns the shell's status. */
static int run(const struct job *job, struct keeper *keeper)
{
    struct proto_link *ends[WORKERS_MAX + 1];
    struct worker workers[WORKERS_MAX];
    struct coordinator_source_settings source_settings;
    struct coordinator_shell_settings settings = {
        .launcher = -1, .sink_count = 1, .sinks = {&keeper->sink}};
    struct coordinator_source *source;
    struct coordinator_shell *shell;

    keeper->sink.ops = &keeper_ops;
    keeper->least_coverage = 1.0;
    assert_int_equal(proto_link_local_open(job->workers + 1, ends), PROTO_OK);
    coordinator_source_defaults(&source_settings);
    assert_int_equal(coordinator_source_open(job->input, &source_settings, &source), PROTO_OK);
    coordinator_core_defaults(&settings.core);
    settings.core.model = model;
    settings.core.depth = job->depth;
    settings.core.tiles = job->tiles;
    settings.link = ends[0];
    settings.source = source;
    assert_int_equal(coordinator_shell_open(&settings, &shell), PROTO_OK);
    for (int w = 0; w < job->workers; w++) {
        workers[w].link = ends[w + 1];
        worker_rank_defaults(&workers[w].settings);
        workers[w].settings.model_dir = w == 0 && job->model ? job->model : model_dir;
        workers[w].settings.device = w == 0 && job->device ? job->device : "ref";
        workers[w].settings.beat_us = 5000;
        assert_int_equal(pthread_create(&workers[w].thread, NULL, worker_main, &workers[w]), 0);
    }
    const int status = coordinator_shell_run(shell);
    for (int w = 0; w < job->workers; w++)
        pthread_join(workers[w].thread, NULL);
    coordinator_shell_close(shell);
    coordinator_source_close(source);
    for (int i = 0; i <= job->workers; i++)
        proto_link_close(ends[i]);
    return status;
}

static struct job usual(int workers)
{
    return (struct job){.input = clip, .workers = workers, .depth = 2, .tiles = {.max_rows = 9}};
}

static void write_picture(const char *name, int w, int h, uint32_t seed)
{
    char path[128];
    struct coordinator_image image = {0};
    assert_int_equal(coordinator_image_init(&image, (struct proto_size){w, h}), PROTO_OK);
    for (int i = 0; i < w * h * PROTO_CHANNELS; i++) {
        seed = seed * 1664525u + 1013904223u;
        image.data[i] = (uint8_t)(seed >> 24);
    }
    snprintf(path, sizeof path, "%s/%s", clip, name);
    assert_int_equal(coordinator_image_write(path, &image), PROTO_OK);
    coordinator_image_free(&image);
}

static void quiet(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg, (void)level, (void)area, (void)text;
}

static int setup(void **state)
{
    (void)state;
    proto_log_set_sink(quiet, NULL);
    assert_non_null(mkdtemp(dir));
    snprintf(model_dir, sizeof model_dir, "%s/model", dir);
    snprintf(clip, sizeof clip, "%s/clip", dir);
    assert_int_equal(mkdir(clip, 0777), 0);
    assert_int_equal(random_model_write(model_dir, 3, 6), 0);
    assert_int_equal(partition_model_open(model_dir, &model), PROTO_OK);
    write_picture("f0.png", 64, 48, 1);
    write_picture("f1.png", 64, 48, 2);
    write_picture("f2.png", 50, 70, 3);
    write_picture("f4.png", 64, 48, 4);
    char path[128];
    snprintf(path, sizeof path, "%s/f3.png", clip);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("no picture", file);
    fclose(file);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    partition_model_close(model);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static void any_number_of_workers_finds_the_same(void **state)
{
    uint64_t hash = 0;
    (void)state;
    for (int workers = 1; workers <= WORKERS_MAX; workers++) {
        for (int depth = 1; depth <= 3; depth++) {
            struct keeper keeper = {.hash = 14695981039346656037u};
            struct job job = usual(workers);
            job.depth = depth;
            job.tiles.max_cols = depth == 2 ? 6 : 0;
            assert_int_equal(run(&job, &keeper), PROTO_OK);
            assert_int_equal(keeper.frames, FRAMES);
            assert_int_equal(keeper.broken, 1);
            assert_true(keeper.least_coverage == 1.0);
            if (hash == 0)
                hash = keeper.hash;
            assert_true(keeper.hash == hash);
        }
    }
}

static void worker_without_its_device_is_left_out(void **state)
{
    struct keeper keeper = {0};
    struct job job = usual(2);
    (void)state;
    job.device = "abacus";
    assert_int_equal(run(&job, &keeper), PROTO_OK);
    assert_int_equal(keeper.frames, FRAMES);
    assert_true(keeper.least_coverage == 1.0);
}

static void no_worker_that_can_compute_fails_the_run(void **state)
{
    struct keeper keeper = {0};
    struct job job = usual(1);
    (void)state;
    job.device = "abacus";
    assert_int_equal(run(&job, &keeper), PROTO_NOT_FOUND);
    assert_int_equal(keeper.frames, 0);
}

static void worker_with_another_model_is_refused(void **state)
{
    char other[80];
    struct keeper keeper = {0};
    struct job job = usual(2);
    (void)state;
    snprintf(other, sizeof other, "%s/other", dir);
    assert_int_equal(random_model_write(other, 4, 6), 0);
    job.model = other;
    assert_int_equal(run(&job, &keeper), PROTO_OK);
    assert_true(keeper.least_coverage == 1.0);
    job.workers = 1;
    keeper = (struct keeper){0};
    assert_int_equal(run(&job, &keeper), PROTO_MISMATCH);
}

static void sink_that_fails_ends_the_run(void **state)
{
    struct keeper keeper = {.stop_after = 2, .answer = PROTO_IO};
    const struct job job = usual(2);
    (void)state;
    assert_int_equal(run(&job, &keeper), PROTO_IO);
    assert_int_equal(keeper.frames, 2);
    keeper = (struct keeper){.stop_after = 1, .answer = PROTO_END};
    assert_int_equal(run(&job, &keeper), PROTO_OK);
    assert_int_equal(keeper.frames, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_workers_finds_the_same),
        cmocka_unit_test(worker_without_its_device_is_left_out),
        cmocka_unit_test(no_worker_that_can_compute_fails_the_run),
        cmocka_unit_test(worker_with_another_model_is_refused),
        cmocka_unit_test(sink_that_fails_ends_the_run),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
