/* What of the CUDA device only its emulation can show: copies counted, memory that ends, calls that fail, other
 * machines. Operators are tested by test_ops, whole frames by test_frames, law 1 by test_exact.
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
#include "tests/gpu/frames.h"

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

/* ---- graphs and copies ---- */

static void a_planned_frame_is_one_copy_in_one_graph_and_one_copy_out(void **state)
{
    (void)state;
    struct frames f;
    frames_open(&f, 6, 0, 0.1f);
    struct worker_exec *exec = frames_exec_planned("cuda:0", &f);
    struct frames_answer first = frames_answer(exec, &f.frame);
    const struct cuda_emulation before = cuda_emulation;
    for (int i = 0; i < 10; i++)
        frames_assert_equal(frames_answer(exec, &f.frame), &first);
    assert_int_equal(cuda_emulation.graph_launches - before.graph_launches, 10);
    assert_int_equal(cuda_emulation.copies_in - before.copies_in, 10);
    assert_int_equal(cuda_emulation.copies_out - before.copies_out, 10);
    /* Take the GPU, copy, launch, wait: nothing else, and no memory. */
    assert_int_equal(cuda_emulation.calls - before.calls, 30);
    assert_int_equal(cuda_emulation.in_use_bytes, before.in_use_bytes);
    worker_exec_close(exec);
    free(first.survivors);
    frames_close(&f);
}

static void the_first_frame_of_a_plan_allocates_nothing(void **state)
{
    (void)state;
    struct frames f;
    frames_open(&f, 6, 0, 0.1f);
    struct worker_exec *exec = frames_exec_planned("cuda:0", &f);
    const struct cuda_emulation before = cuda_emulation;
    free(frames_answer(exec, &f.frame).survivors);
    assert_int_equal(cuda_emulation.in_use_bytes, before.in_use_bytes);
    assert_int_equal(cuda_emulation.calls - before.calls, 3);
    worker_exec_close(exec);
    frames_close(&f);
}

static void an_integrated_gpu_copies_nothing(void **state)
{
    (void)state;
    struct frames f;
    frames_open(&f, 6, 0, 0.1f);
    struct frames_answer truth = frames_answer_on("cuda:0", &f);
    cuda_emulation.integrated = true;
    struct worker_exec *exec = frames_exec_planned("cuda:0", &f);
    const struct cuda_emulation before = cuda_emulation;
    frames_assert_equal(frames_answer(exec, &f.frame), &truth);
    assert_int_equal(cuda_emulation.copies_in, before.copies_in);
    assert_int_equal(cuda_emulation.copies_out, before.copies_out);
    worker_exec_close(exec);
    free(truth.survivors);
    frames_close(&f);
}

/* Sizes of the machine, and the order in which it runs threads. */
static void machines_change_no_bit(void **state)
{
    (void)state;
    const char *const devices[] = {"cuda:0", "cuda:0,copy", "cuda:0,own"};
    struct frames f;
    frames_open(&f, 9, 0, -1.0f);
    struct frames_answer truth = frames_answer_on("cuda:0", &f);
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
        for (int machine = 0; machine < 3; machine++) {
            cuda_emulation.integrated = machine == 1;
            cuda_emulation.backwards = machine == 2;
            cuda_emulation.processors = machine == 1 ? 2 : 40;
            frames_assert_equal(frames_answer_on(devices[i], &f), &truth);
        }
    free(truth.survivors);
    frames_close(&f);
}

/* Convolutions of cuDNN for one input of the default topology. */
static uint64_t convolutions_of(const char *spec)
{
    struct test_net data;
    struct gpu_device *device;
    struct gpu_net *net;
    struct gpu_chain *chain;
    test_net_open(&data, test_net_default, 1);
    assert_int_equal(gpu_device_open(spec, NULL, &device), PROTO_OK);
    assert_int_equal(gpu_net_open(device, data.layers, data.count, &net), PROTO_OK);
    assert_int_equal(gpu_chain_open(net, 128, 48, &chain), PROTO_OK);
    const uint64_t before = cuda_emulation.convolutions;
    assert_int_equal(gpu_run(chain), PROTO_OK);
    const uint64_t after = cuda_emulation.convolutions;
    gpu_chain_close(chain);
    gpu_net_close(net);
    gpu_device_close(device);
    test_net_close(&data);
    return after - before;
}

static void the_first_layer_is_fused_in_halves_unless_told_otherwise(void **state)
{
    (void)state;
    assert_int_equal(convolutions_of("cuda:0"), 6); /* of 8: the last is ours, too */
    assert_int_equal(convolutions_of("cuda:0,unfused"), 7);
    assert_int_equal(convolutions_of("cuda:0,f32"), 7);
    assert_int_equal(convolutions_of("cuda:0,own"), 0);
}

static void without_capture_frames_are_launched_and_it_is_said(void **state)
{
    (void)state;
    struct frames f;
    frames_open(&f, 6, 0, 0.1f);
    struct frames_answer truth = frames_answer_on("cuda:0", &f);
    cuda_emulation.no_capture = true;
    struct worker_exec *exec = frames_exec_planned("cuda:0", &f);
    assert_non_null(strstr(log_text, "no CUDA graph"));
    for (int i = 0; i < 3; i++)
        frames_assert_equal(frames_answer(exec, &f.frame), &truth);
    worker_exec_close(exec);
    free(truth.survivors);
    frames_close(&f);
}

/* ---- memory ---- */

static void too_little_memory_names_the_tile_set_and_what_would_fit(void **state)
{
    (void)state;
    struct frames f, smaller;
    frames_open(&f, 0, 0, 0.1f);
    struct worker_exec *exec = frames_exec("cuda:0,f32", &f);
    cuda_emulation.memory_bytes = cuda_emulation.in_use_bytes + 300000;
    assert_int_equal(worker_exec_plan(exec, &f.plan.plan), PROTO_NO_MEMORY);
    const char *advice = strstr(log_text, "tiles of at most ");
    assert_non_null(strstr(log_text, "tile set"));
    if (!advice)
        fail_msg("no advice: %s", log_text);
    const int rows = atoi(advice + strlen("tiles of at most "));
    assert_true(rows > 0 && rows < 20);
    /* And it is true. */
    frames_open(&smaller, rows, 0, 0.1f);
    smaller.plan.plan.frame_bytes_max = smaller.frame.frame.pixel_bytes;
    assert_int_equal(worker_exec_plan(exec, &smaller.plan.plan), PROTO_OK);
    free(frames_answer(exec, &smaller.frame).survivors);
    worker_exec_close(exec);
    frames_close(&smaller);
    frames_close(&f);
}

static void less_memory_means_fewer_lanes_and_the_same_bits(void **state)
{
    (void)state;
    struct frames f;
    frames_open(&f, 0, 0, 0.1f);
    struct frames_answer truth = frames_answer_on("cuda:0", &f);
    struct worker_exec *exec = frames_exec("cuda:0", &f);
    cuda_emulation.memory_bytes = cuda_emulation.in_use_bytes + 700000;
    if (worker_exec_plan(exec, &f.plan.plan) != PROTO_OK)
        fail_msg("%s", log_text);
    assert_non_null(strstr(log_text, "beside each other only"));
    frames_assert_equal(frames_answer(exec, &f.frame), &truth);
    worker_exec_close(exec);
    free(truth.survivors);
    frames_close(&f);
}

static void plans_come_and_go_without_a_leak(void **state)
{
    (void)state;
    struct frames f, g;
    frames_open(&f, 9, 0, 0.1f);
    frames_open(&g, 0, 12, 0.1f);
    struct worker_exec *exec = frames_exec("cuda:0", &f);
    size_t in_use = 0;
    for (int round = 0; round < 3; round++) {
        assert_int_equal(worker_exec_plan(exec, &f.plan.plan), PROTO_OK);
        assert_int_equal(worker_exec_plan(exec, &g.plan.plan), PROTO_OK);
        if (round > 0)
            assert_int_equal(cuda_emulation.in_use_bytes, in_use);
        in_use = cuda_emulation.in_use_bytes;
    }
    worker_exec_close(exec);
    frames_close(&f);
    frames_close(&g);
}

/* ---- errors ---- */

/* The n-th call of CUDA or cuDNN fails, for every n: an error that is logged, or a graph less, and afterwards all is
 * as before. */
static void every_failing_call_is_an_error_and_leaves_no_trace(void **state)
{
    (void)state;
    struct frames f;
    frames_open(&f, 0, 0, 0.1f);
    /* The two smallest tiles: that is calls enough. */
    f.plan.plan.mine += f.plan.tiles->count - 2;
    f.frame.frame.tiles += f.plan.tiles->count - 2;
    f.plan.plan.mine_count = f.frame.frame.tile_count = 2;
    struct frames_answer truth = frames_answer_on("cuda:0", &f);
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
            frames_assert_equal(frames_answer(exec, &f.frame), &truth);
        }
        worker_exec_close(exec);
        assert_int_equal(cuda_emulation.in_use_bytes, 0);
        if (!reached)
            break;
    }
    assert_true(errors > 100);
    free(truth.survivors);
    frames_close(&f);
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
        CASE(a_planned_frame_is_one_copy_in_one_graph_and_one_copy_out),
        CASE(the_first_frame_of_a_plan_allocates_nothing),
        CASE(an_integrated_gpu_copies_nothing),
        CASE(machines_change_no_bit),
        CASE(the_first_layer_is_fused_in_halves_unless_told_otherwise),
        CASE(without_capture_frames_are_launched_and_it_is_said),
        CASE(too_little_memory_names_the_tile_set_and_what_would_fit),
        CASE(less_memory_means_fewer_lanes_and_the_same_bits),
        CASE(plans_come_and_go_without_a_leak),
        CASE(every_failing_call_is_an_error_and_leaves_no_trace),
        CASE(no_gpu_wrong_gpu_and_wrong_words_are_refused),
        CASE(name_and_kernels_say_what_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
