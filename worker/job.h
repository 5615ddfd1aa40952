/* What is done with a message, wherever computing lives: model and device are opened, PLANs and
 * FRAMEs carried out, answers encoded.
 */
#ifndef WORKER_JOB_H
#define WORKER_JOB_H

#include "proto/message.h"
#include "worker/exec.h"
#include "worker/rank.h"

enum { WORKER_JOB_ANSWER_SHORT = 64 << 10 }; /* room for a HELLO or READY */

struct worker_job_runner {
    const struct worker_rank_settings *settings; /* borrowed */
    struct partition_model *model;
    struct worker_exec *exec;
    int status; /* of the last open, plan or frame */
};

/* Room for an answer; bytes is 0 when it could not be written. */
struct worker_job_answer {
    unsigned char *data;
    size_t cap, bytes;
};

/* Open model and device; the answer is a HELLO, or a READY that says what is wrong. */
void worker_job_open(struct worker_job_runner *runner, struct worker_job_answer *answer);
/* Carry out a PLAN (answer READY) or a FRAME (answer RESULT). */
void worker_job_run(struct worker_job_runner *runner, const struct proto_message *message,
                    uint64_t received_us, struct worker_job_answer *answer);
void worker_job_close(struct worker_job_runner *runner);

/* The RESULT of a FRAME that nobody computed. */
void worker_job_fail(const struct proto_frame *frame, int status, const char *text,
                     uint64_t received_us, struct worker_job_answer *answer);

#endif
