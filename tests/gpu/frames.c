/* See frames.h. */
#include "tests/gpu/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/status.h"

void frames_open(struct frames *f, int32_t max_rows, int32_t max_cols, float threshold)
{
    exec_model_small(&f->model);
    exec_picture_open(&f->picture, &f->model.model, (struct proto_size){.w = 93, .h = 71}, 1);
    exec_plan_open(&f->plan, &f->picture, &f->model.model, max_rows, max_cols, threshold);
    exec_frame_open(&f->frame, &f->picture, &f->plan, f->plan.ids, f->plan.tiles->count);
    f->plan.plan.frame_bytes_max = f->frame.frame.pixel_bytes;
}

void frames_close(struct frames *f)
{
    exec_frame_close(&f->frame);
    exec_plan_close(&f->plan);
    exec_picture_close(&f->picture);
    exec_model_close(&f->model);
}

struct worker_exec *frames_exec(const char *device, const struct frames *f)
{
    struct worker_exec *exec;
    const struct gpu_settings settings = {.threads = 1};
    assert_int_equal(worker_exec_open(device, &settings, &f->model.model, &exec), PROTO_OK);
    return exec;
}

struct worker_exec *frames_exec_planned(const char *device, const struct frames *f)
{
    struct worker_exec *exec = frames_exec(device, f);
    assert_int_equal(worker_exec_plan(exec, &f->plan.plan), PROTO_OK);
    return exec;
}

struct frames_answer frames_answer(struct worker_exec *exec, const struct exec_frame *frame)
{
    struct proto_result result;
    struct frames_answer answer;
    assert_int_equal(worker_exec_run(exec, &frame->frame, frame->pixels, &result), PROTO_OK);
    answer.count = result.survivor_count;
    answer.survivors = malloc((answer.count + 1u) * sizeof *answer.survivors);
    assert_non_null(answer.survivors);
    memcpy(answer.survivors, result.survivors, answer.count * sizeof *answer.survivors);
    return answer;
}

struct frames_answer frames_answer_on(const char *device, const struct frames *f)
{
    struct worker_exec *exec = frames_exec_planned(device, f);
    struct frames_answer answer = frames_answer(exec, &f->frame);
    worker_exec_close(exec);
    return answer;
}

void frames_assert_equal(struct frames_answer a, const struct frames_answer *b)
{
    assert_int_equal(a.count, b->count);
    assert_memory_equal(a.survivors, b->survivors, a.count * sizeof *a.survivors);
    free(a.survivors);
}
