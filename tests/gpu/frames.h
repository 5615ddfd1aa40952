/* What tests of whole frames share: a small model, a picture, a plan, and a device's answers to it. */
#ifndef TESTS_GPU_FRAMES_H
#define TESTS_GPU_FRAMES_H

#include "tests/worker/exec_support.h"
#include "worker/exec.h"

struct frames {
    struct exec_model model;
    struct exec_picture picture;
    struct exec_plan plan;
    struct exec_frame frame; /* all tiles */
};

/* A picture of 93 x 71 pixels, the small model. */
void frames_open(struct frames *f, int32_t max_rows, int32_t max_cols, float threshold);
void frames_close(struct frames *f);

struct worker_exec *frames_exec(const char *device, const struct frames *f);
/* With the plan. */
struct worker_exec *frames_exec_planned(const char *device, const struct frames *f);

/* A frame's survivors, kept; free survivors. */
struct frames_answer {
    uint32_t count;
    struct proto_survivor *survivors;
};
struct frames_answer frames_answer(struct worker_exec *exec, const struct exec_frame *frame);
/* The answer of a device that is opened for this only. */
struct frames_answer frames_answer_on(const char *device, const struct frames *f);
/* Byte for byte; frees a. */
void frames_assert_equal(struct frames_answer a, const struct frames_answer *b);

#endif
