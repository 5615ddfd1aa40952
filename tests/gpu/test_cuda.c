/* The CUDA device as a whole, through worker/exec, on its emulation: frames, graphs, lanes, memory, errors. The
 * operators are tested by test_ops, law 1 by test_exact.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <cuda_runtime_api.h>

#include "proto/log.h"
#include "proto/status.h"
#include "tests/gpu/emulation/emulation.h"
#include "tests/worker/exec_support.h"
#include "worker/exec.h"

static const struct proto_size frame_size = {.w = 93, .h = 71};
static const struct cuda_emulation defaults = {
    .devices = 1, .processors = 40, .memory_bytes = (size_t)1 << 30};

static char log_text[8192];

static void keep_log(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg;
    (void)level;
    (void)area;
    size_t used = strlen(log_text);
    snprintf(log_text + used, sizeof log_text - used, "%s\n", text);
}

static int fresh(void **state)
{
    (void)state;
    cuda_emulation = defaults;
    log_text[0] = '\0';
    proto_log_set_sink(keep_log, NULL);
    return 0;
}

/* Whatever happened: nothing is left on the GPU, and no error stands. */
static int nothing_left(void **state)
{
    (void)state;
    proto_log_set_sink(NULL, NULL);
    if (cuda_emulation.in_use_bytes || cudaGetLastError() != cudaSuccess) {
        printf("left on the GPU: %zu bytes\n", cuda_emulation.in_use_bytes);
        return -1;
    }
    return 0;
}

struct fixture {
    struct exec_model model;
    struct exec_picture picture;
    struct exec_plan plan;
    struct exec_frame frame; /* all tiles */
};

static void fixture_open(struct fixture *f, int32_t max_rows, int32_t max_cols, float threshold)
{
    exec_model_small(&f->model);
    exec_picture_open(&f->picture, &f->model.model, frame_size, 1);
    exec_plan_open(&f->plan, &f->picture, &f->model.model, max_rows, max_cols, threshold);
    exec_frame_open(&f->frame, &f->picture, &f->plan, f->plan.ids, f->plan.tiles->count);
    f->plan.plan.frame_bytes_max = f->frame.frame.pixel_bytes;
}

static void fixture_close(struct fixture *f)
{
    exec_frame_close(&f->frame);
    exec_plan_close(&f->plan);
    exec_picture_close(&f->picture);
    exec_model_close(&f->model);
}

static struct worker_exec *exec_open(const char *device, const struct fixture *f)
{
    struct worker_exec *exec;
    const struct gpu_settings settings = {.threads = 1};
    assert_int_equal(worker_exec_open(device, &settings, &f->model.model, &exec), PROTO_OK);
    return exec;
}

static struct worker_exec *exec_planned(const char *device, const struct fixture *f)
{
    struct worker_exec *exec = exec_open(device, f);
    assert_int_equal(worker_exec_plan(exec, &f->plan.plan), PROTO_OK);
    return exec;
}

/* A frame's survivors, kept. */
struct answer {
    uint32_t count;
    struct proto_survivor *survivors;
};

static struct answer answer_of(struct worker_exec *exec, const struct exec_frame *frame)
{
    struct proto_result result;
    struct answer answer;
    assert_int_equal(worker_exec_run(exec, &frame->frame, frame->pixels, &result), PROTO_OK);
    answer.count = result.survivor_count;
    answer.survivors = malloc((answer.count + 1u) * sizeof *answer.survivors);
    assert_non_null(answer.survivors);
    memcpy(answer.survivors, result.survivors, answer.count * sizeof *answer.survivors);
    return answer;
}

/* The answer of a device that is opened for this only. */
static struct answer answer_on(const char *device, const struct fixture *f)
{
    struct worker_exec *exec = exec_planned(device, f);
    struct answer answer = answer_of(exec, &f->frame);
    worker_exec_close(exec);
    return answer;
}

static void assert_answers_equal(struct answer a, const struct answer *b)
{
    assert_int_equal(a.count, b->count);
    assert_memory_equal(a.survivors, b->survivors, a.count * sizeof *a.survivors);
    free(a.survivors);
}

/* ---- the same persons ---- */

/* In tiles of single cells, with no threshold, every score is an answer. */
static void assert_scores_near(const char *device, const char *truth_device, double tolerance)
{
    struct fixture f;
    fixture_open(&f, 1, 1, -INFINITY);
    struct answer truth = answer_on(truth_device, &f), got = answer_on(device, &f);
    assert_int_equal(got.count, f.plan.tiles->count);
    assert_int_equal(got.count, truth.count);
    for (uint32_t i = 0; i < got.count; i++) {
        assert_int_equal(got.survivors[i].tile, truth.survivors[i].tile);
        if (!(fabsf(got.survivors[i].score - truth.survivors[i].score) <= tolerance))
            fail_msg("%s: tile %u: %g, not %g", device, i, (double)got.survivors[i].score,
                     (double)truth.survivors[i].score);
    }
    free(truth.survivors);
    free(got.survivors);
    fixture_close(&f);
}

static void every_cell_has_the_score_of_the_oracle(void **state)
{
    (void)state;
    assert_scores_near("cuda:0,f32", "ref", 1e-5); /* the order of fp32 sums */
    /* Biases are halves as well, and roundings flip: a few steps of a half near 1. */
    assert_scores_near("cuda:0,f16", "cpu,f16", 5.0 / 2048);
}

/* Candidates come and go near the threshold, and peaks near ties: of those well above, all must be there. */
static void persons_are_those_of_the_emulated_f16_of_the_cpu(void **state)
{
    (void)state;
    const double near = 0.02;
    struct fixture f;
    fixture_open(&f, 6, 0, -0.4f);
    struct answer truth = answer_on("cpu,f16", &f), got = answer_on("cuda:0,f16", &f);
    uint32_t found = 0;
    for (uint32_t i = 0, j = 0; i < truth.count; i++) {
        const struct proto_survivor *want = &truth.survivors[i];
        for (j = 0; j < got.count; j++)
            if (got.survivors[j].tile == want->tile && got.survivors[j].row == want->row &&
                got.survivors[j].col == want->col)
                break;
        if (j == got.count)
            continue;
        found++;
        assert_true(fabs((double)got.survivors[j].score - (double)want->score) <= near);
    }
    assert_true(truth.count > 50);
    assert_true(found + truth.count / 50 >= truth.count);
    assert_true(got.count <= truth.count + truth.count / 50);
    free(truth.survivors);
    free(got.survivors);
    fixture_close(&f);
}

static void default_tile_set_gives_the_answers_of_the_cpu(void **state)
{
    (void)state;
    struct exec_model model;
    struct exec_picture picture;
    struct exec_plan plan;
    struct exec_frame frame;
    exec_model_default_small(&model);
    exec_picture_open(&picture, &model.model, (struct proto_size){.w = 640, .h = 480}, 5);
    exec_plan_open(&plan, &picture, &model.model, 74, 0, -INFINITY);
    exec_frame_open(&frame, &picture, &plan, plan.ids, plan.tiles->count);
    plan.plan.frame_bytes_max = frame.frame.pixel_bytes;
    const char *const devices[] = {"cpu,f32", "cuda:0,f32"};
    struct answer answers[2];
    for (int i = 0; i < 2; i++) {
        struct worker_exec *exec;
        const struct gpu_settings settings = {.threads = 1};
        assert_int_equal(worker_exec_open(devices[i], &settings, &model.model, &exec), PROTO_OK);
        assert_int_equal(worker_exec_plan(exec, &plan.plan), PROTO_OK);
        answers[i] = answer_of(exec, &frame);
        worker_exec_close(exec);
    }
    assert_true(answers[0].count > 500);
    /* Peaks among nearly equal scores may fall to a neighbour. */
    assert_true(abs((int)answers[0].count - (int)answers[1].count) <= (int)answers[0].count / 100);
    uint32_t same = 0;
    for (uint32_t i = 0, j = 0; i < answers[0].count && j < answers[1].count;) {
        const struct proto_survivor *a = &answers[0].survivors[i], *b = &answers[1].survivors[j];
        const int64_t at_a = ((int64_t)a->tile << 32) + ((int64_t)a->row << 16) + a->col;
        const int64_t at_b = ((int64_t)b->tile << 32) + ((int64_t)b->row << 16) + b->col;
        if (at_a == at_b) {
            assert_true(fabsf(a->score - b->score) <= 1e-4f);
            same++;
        }
        i += at_a <= at_b;
        j += at_b <= at_a;
    }
    assert_true(same + answers[0].count / 100 >= answers[0].count);
    free(answers[0].survivors);
    free(answers[1].survivors);
    exec_frame_close(&frame);
    exec_plan_close(&plan);
    exec_picture_close(&picture);
    exec_model_close(&model);
}

/* ---- law 1 ---- */

static void options_and_machines_change_no_bit(void **state)
{
    (void)state;
    const char *const devices[] = {"cuda:0,nograph",           "cuda:0,serial",    "cuda:0,copy",
                                   "cuda:0,dynamic",           "cuda:0,roundtrip", "cuda:0,own",
                                   "cuda:0,f16,nograph,serial"};
    struct fixture f;
    fixture_open(&f, 9, 0, -1.0f);
    struct answer truth = answer_on("cuda:0", &f);
    assert_true(truth.count > 100);
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
        for (int machine = 0; machine < 3; machine++) {
            cuda_emulation.integrated = machine == 1;
            cuda_emulation.backwards = machine == 2;
            cuda_emulation.processors = machine == 1 ? 2 : 40;
            assert_answers_equal(answer_on(devices[i], &f), &truth);
        }
    free(truth.survivors);
    fixture_close(&f);
}

static void order_of_tiles_and_company_change_no_bit(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, 6, 5, -1.0f);
    struct worker_exec *exec = exec_planned("cuda:0", &f);
    struct answer truth = answer_of(exec, &f.frame);
    const uint32_t count = f.plan.tiles->count;
    struct test_random random = {3};
    for (uint32_t each = 1; each < count; each += 1 + each / 2) {
        uint32_t *order = malloc(count * sizeof *order), got = 0;
        assert_non_null(order);
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t j = (uint32_t)test_random_int(&random, 0, (int32_t)i);
            order[i] = order[j];
            order[j] = i;
        }
        for (uint32_t at = 0; at < count; at += each) {
            struct exec_frame part;
            exec_frame_open(&part, &f.picture, &f.plan, order + at,
                            count - at < each ? count - at : each);
            struct answer answer = answer_of(exec, &part);
            for (uint32_t i = 0, j = 0; i < answer.count; i++, got++) {
                while (j < truth.count &&
                       memcmp(&answer.survivors[i], &truth.survivors[j], sizeof truth.survivors[j]))
                    j++;
                assert_true(j < truth.count);
            }
            free(answer.survivors);
            exec_frame_close(&part);
        }
        assert_int_equal(got, truth.count);
        free(order);
    }
    worker_exec_close(exec);
    free(truth.survivors);
    fixture_close(&f);
}

/* ---- graphs and copies ---- */

static void a_planned_frame_is_one_copy_in_one_graph_and_one_copy_out(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, 6, 0, 0.1f);
    struct worker_exec *exec = exec_planned("cuda:0", &f);
    struct answer first = answer_of(exec, &f.frame);
    const struct cuda_emulation before = cuda_emulation;
    for (int i = 0; i < 10; i++)
        assert_answers_equal(answer_of(exec, &f.frame), &first);
    assert_int_equal(cuda_emulation.graph_launches - before.graph_launches, 10);
    assert_int_equal(cuda_emulation.copies_in - before.copies_in, 10);
    assert_int_equal(cuda_emulation.copies_out - before.copies_out, 10);
    /* Take the GPU, copy, launch, wait: nothing else, and no memory. */
    assert_int_equal(cuda_emulation.calls - before.calls, 30);
    assert_int_equal(cuda_emulation.in_use_bytes, before.in_use_bytes);
    worker_exec_close(exec);
    free(first.survivors);
    fixture_close(&f);
}

static void the_first_frame_of_a_plan_allocates_nothing(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, 6, 0, 0.1f);
    struct worker_exec *exec = exec_planned("cuda:0", &f);
    const struct cuda_emulation before = cuda_emulation;
    free(answer_of(exec, &f.frame).survivors);
    assert_int_equal(cuda_emulation.in_use_bytes, before.in_use_bytes);
    assert_int_equal(cuda_emulation.calls - before.calls, 3);
    worker_exec_close(exec);
    fixture_close(&f);
}

static void an_integrated_gpu_copies_nothing(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, 6, 0, 0.1f);
    struct answer truth = answer_on("cuda:0", &f);
    cuda_emulation.integrated = true;
    struct worker_exec *exec = exec_planned("cuda:0", &f);
    const struct cuda_emulation before = cuda_emulation;
    assert_answers_equal(answer_of(exec, &f.frame), &truth);
    assert_int_equal(cuda_emulation.copies_in, before.copies_in);
    assert_int_equal(cuda_emulation.copies_out, before.copies_out);
    worker_exec_close(exec);
    free(truth.survivors);
    fixture_close(&f);
}

/* Other pixels, in other bands: the graph stays, what it works on does not. */
static void a_graph_works_on_the_pixels_of_its_frame(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, 6, 0, 0.1f);
    struct worker_exec *exec = exec_planned("cuda:0", &f),
                       *other = exec_planned("cuda:0,nograph", &f);
    for (uint64_t seed = 2; seed < 6; seed++) {
        struct exec_picture picture;
        struct exec_frame frame;
        exec_picture_open(&picture, &f.model.model, frame_size, seed);
        exec_frame_open(&frame, &picture, &f.plan, f.plan.ids, f.plan.tiles->count);
        struct answer truth = answer_of(other, &frame);
        assert_answers_equal(answer_of(exec, &frame), &truth);
        free(truth.survivors);

        /* The same rows, lying 11 bytes further back. */
        struct proto_band bands[PROTO_BASES_MAX + 1] = {{.base = 0, .y0 = 0, .y1 = 0}};
        struct exec_frame moved = frame;
        const size_t bytes = (size_t)frame.frame.pixel_bytes;
        const size_t row = (size_t)picture.pyramid.bases[0].w * PROTO_CHANNELS;
        bands[0].y1 = 1;
        memcpy(bands + 1, frame.bands, frame.frame.band_count * sizeof *bands);
        moved.frame.bands = bands;
        moved.frame.band_count++;
        moved.frame.pixel_bytes += row;
        moved.pixels = calloc(bytes + row, 1);
        assert_non_null(moved.pixels);
        memcpy(moved.pixels + row, frame.pixels, bytes);
        /* The band in front holds row 0 only, so a tile that needs more takes the next. */
        struct answer answer = answer_of(exec, &moved);
        struct answer again = answer_of(other, &moved);
        assert_answers_equal(answer, &again);
        free(again.survivors);
        free(moved.pixels);
        exec_frame_close(&frame);
        exec_picture_close(&picture);
    }
    worker_exec_close(exec);
    worker_exec_close(other);
    fixture_close(&f);
}

static void without_capture_frames_are_launched_and_it_is_said(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, 6, 0, 0.1f);
    struct answer truth = answer_on("cuda:0", &f);
    cuda_emulation.no_capture = true;
    struct worker_exec *exec = exec_planned("cuda:0", &f);
    assert_non_null(strstr(log_text, "no CUDA graph"));
    for (int i = 0; i < 3; i++)
        assert_answers_equal(answer_of(exec, &f.frame), &truth);
    worker_exec_close(exec);
    free(truth.survivors);
    fixture_close(&f);
}

static void more_survivors_than_one_copy_holds_come_all_the_same(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, 1, 1, -INFINITY);
    struct worker_exec *exec = exec_planned("cuda:0,f32", &f);
    struct answer single = answer_of(exec, &f.frame);
    assert_true(single.count == f.plan.tiles->count && single.count > 2048);
    for (uint32_t i = 0; i < single.count; i++)
        assert_int_equal(single.survivors[i].tile, i);
    free(single.survivors);
    worker_exec_close(exec);
    fixture_close(&f);
}

/* ---- memory ---- */

static void too_little_memory_names_the_tile_set_and_what_would_fit(void **state)
{
    (void)state;
    struct fixture f, smaller;
    fixture_open(&f, 0, 0, 0.1f);
    struct worker_exec *exec = exec_open("cuda:0,f32", &f);
    cuda_emulation.memory_bytes = cuda_emulation.in_use_bytes + 300000;
    assert_int_equal(worker_exec_plan(exec, &f.plan.plan), PROTO_NO_MEMORY);
    const char *advice = strstr(log_text, "tiles of at most ");
    assert_non_null(strstr(log_text, "tile set"));
    if (!advice)
        fail_msg("no advice: %s", log_text);
    const int rows = atoi(advice + strlen("tiles of at most "));
    assert_true(rows > 0 && rows < 20);
    /* And it is true. */
    fixture_open(&smaller, rows, 0, 0.1f);
    smaller.plan.plan.frame_bytes_max = smaller.frame.frame.pixel_bytes;
    assert_int_equal(worker_exec_plan(exec, &smaller.plan.plan), PROTO_OK);
    free(answer_of(exec, &smaller.frame).survivors);
    worker_exec_close(exec);
    fixture_close(&smaller);
    fixture_close(&f);
}

static void less_memory_means_fewer_lanes_and_the_same_bits(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, 0, 0, 0.1f);
    struct answer truth = answer_on("cuda:0", &f);
    struct worker_exec *exec = exec_open("cuda:0", &f);
    cuda_emulation.memory_bytes = cuda_emulation.in_use_bytes + 700000;
    if (worker_exec_plan(exec, &f.plan.plan) != PROTO_OK)
        fail_msg("%s", log_text);
    assert_non_null(strstr(log_text, "beside each other only"));
    assert_answers_equal(answer_of(exec, &f.frame), &truth);
    worker_exec_close(exec);
    free(truth.survivors);
    fixture_close(&f);
}

static void plans_come_and_go_without_a_leak(void **state)
{
    (void)state;
    struct fixture f[3];
    const int32_t rows[3] = {0, 5, 9};
    struct answer truth[3];
    for (int i = 0; i < 3; i++) {
        fixture_open(&f[i], rows[i], i == 1 ? 12 : 0, 0.1f);
        truth[i] = answer_on("cuda:0,nograph", &f[i]);
    }
    struct worker_exec *exec = exec_open("cuda:0", &f[0]);
    size_t in_use = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++) {
            assert_int_equal(worker_exec_plan(exec, &f[i].plan.plan), PROTO_OK);
            assert_answers_equal(answer_of(exec, &f[i].frame), &truth[i]);
        }
        if (round > 0)
            assert_int_equal(cuda_emulation.in_use_bytes, in_use);
        in_use = cuda_emulation.in_use_bytes;
    }
    worker_exec_close(exec);
    for (int i = 0; i < 3; i++) {
        free(truth[i].survivors);
        fixture_close(&f[i]);
    }
}

/* ---- errors ---- */

/* The n-th call of CUDA or cuDNN fails, for every n: an error that is logged, or a graph less, and afterwards all is
 * as before. */
static void every_failing_call_is_an_error_and_leaves_no_trace(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, 0, 0, 0.1f);
    /* The two smallest tiles: that is calls enough. */
    f.plan.plan.mine += f.plan.tiles->count - 2;
    f.frame.frame.tiles += f.plan.tiles->count - 2;
    f.plan.plan.mine_count = f.frame.frame.tile_count = 2;
    struct answer truth = answer_on("cuda:0", &f);
    uint64_t errors = 0;
    for (int n = 1;; n++) {
        struct worker_exec *exec = NULL;
        const struct gpu_settings settings = {.threads = 1};
        struct proto_result result;
        log_text[0] = '\0';
        cuda_emulation.fail_in = n;
        int status = worker_exec_open("cuda:0", &settings, &f.model.model, &exec);
        if (status == PROTO_OK)
            status = worker_exec_plan(exec, &f.plan.plan);
        if (status == PROTO_OK)
            status = worker_exec_run(exec, &f.frame.frame, f.frame.pixels, &result);
        const bool reached = cuda_emulation.fail_in == 0;
        cuda_emulation.fail_in = 0;
        if (cudaGetLastError() != cudaSuccess)
            fail_msg("an error stands after call %d failed: %s", n, log_text);
        if (status != PROTO_OK)
            assert_int_equal(status, PROTO_DEVICE);
        if (reached)
            assert_true(log_text[0] != '\0');
        errors += status != PROTO_OK;
        if (exec) {
            assert_int_equal(worker_exec_plan(exec, &f.plan.plan), PROTO_OK);
            assert_answers_equal(answer_of(exec, &f.frame), &truth);
        }
        worker_exec_close(exec);
        assert_int_equal(cuda_emulation.in_use_bytes, 0);
        if (!reached)
            break;
    }
    assert_true(errors > 100);
    free(truth.survivors);
    fixture_close(&f);
}

static void assert_open_refused(const char *spec, int status, const char *words)
{
    struct gpu_device *device;
    log_text[0] = '\0';
    assert_int_equal(gpu_device_open(spec, NULL, &device), status);
    assert_null(device);
    if (!strstr(log_text, words))
        fail_msg("'%s' is not in: %s", words, log_text);
}

static void no_gpu_wrong_gpu_and_wrong_words_are_refused(void **state)
{
    (void)state;
    assert_open_refused("cuda:1", PROTO_NOT_FOUND, "cuda:0 to cuda:0");
    assert_open_refused("cuda:x", PROTO_INVALID, "cuda:0");
    assert_open_refused("cuda:-1", PROTO_INVALID, "cuda:0");
    assert_open_refused("cuda:0,bf16", PROTO_UNSUPPORTED, "bf16");
    assert_open_refused("cuda:0,f16,fast", PROTO_INVALID, "nograph");
    cuda_emulation.devices = 0;
    assert_open_refused("cuda:0", PROTO_NOT_FOUND, "no CUDA GPU here");
}

static void name_and_kernels_say_what_computes(void **state)
{
    (void)state;
    struct gpu_device *device;
    assert_int_equal(gpu_device_open("cuda", NULL, &device), PROTO_OK);
    assert_string_equal(device->name, "cuda,f16");
    assert_non_null(strstr(gpu_device_kernels(device), "Emulated_GPU_sm_"));
    assert_non_null(strstr(gpu_device_kernels(device), "cudnn_9.19.0"));
    gpu_device_close(device);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, nothing_left)
    const struct CMUnitTest tests[] = {
        CASE(every_cell_has_the_score_of_the_oracle),
        CASE(persons_are_those_of_the_emulated_f16_of_the_cpu),
        CASE(default_tile_set_gives_the_answers_of_the_cpu),
        CASE(options_and_machines_change_no_bit),
        CASE(order_of_tiles_and_company_change_no_bit),
        CASE(a_planned_frame_is_one_copy_in_one_graph_and_one_copy_out),
        CASE(the_first_frame_of_a_plan_allocates_nothing),
        CASE(an_integrated_gpu_copies_nothing),
        CASE(a_graph_works_on_the_pixels_of_its_frame),
        CASE(without_capture_frames_are_launched_and_it_is_said),
        CASE(more_survivors_than_one_copy_holds_come_all_the_same),
        CASE(too_little_memory_names_the_tile_set_and_what_would_fit),
        CASE(less_memory_means_fewer_lanes_and_the_same_bits),
        CASE(plans_come_and_go_without_a_leak),
        CASE(every_failing_call_is_an_error_and_leaves_no_trace),
        CASE(no_gpu_wrong_gpu_and_wrong_words_are_refused),
        CASE(name_and_kernels_say_what_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
