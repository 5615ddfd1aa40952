/* From message to answer. */
#include "worker/job.h"

#include <stdio.h>
#include <unistd.h>

#include "proto/codec.h"
#include "proto/status.h"

/* Resident memory of the process; 0 where the system does not tell. */
static uint64_t resident_bytes(void)
{
    unsigned long long size, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    fclose(file);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int encode(struct worker_job_answer *answer, const struct proto_message *message)
{
    const int status = proto_codec_encode(message, answer->data, answer->cap, &answer->bytes);
    if (status)
        answer->bytes = 0;
    return status;
}

static void answer_ready(struct worker_job_answer *answer, uint32_t plan, int status,
                         const char *text)
{
    const struct proto_message message = {
        .kind = PROTO_MESSAGE_READY,
        .ready = {.plan = plan,
                  .status = status,
                  .text = text,
                  .memory_bytes = status ? 0 : resident_bytes()},
    };
    encode(answer, &message); /* can't fail: the buffer holds any READY */
}

static int open_all(struct worker_job_runner *runner, const char **why)
{
    const struct worker_rank_settings *settings = runner->settings;
    *why = settings->unable;
    if (settings->unable)
        return PROTO_INVALID;
    *why = settings->model_dir;
    int status = partition_model_open(settings->model_dir, &runner->model);
    if (status)
        return status;
    *why = settings->device;
    return worker_exec_open(settings->device, &settings->gpu, runner->model, &runner->exec);
}

void worker_job_open(struct worker_job_runner *runner, struct worker_job_answer *answer)
{
    char host[64] = "";
    const char *why;
    runner->status = open_all(runner, &why);
    if (runner->status) {
        answer_ready(answer, 0, runner->status, why);
        return;
    }
    gethostname(host, sizeof host - 1);
    const struct proto_message message = {
        .kind = PROTO_MESSAGE_HELLO,
        .hello = {.version = PROTO_WIRE_VERSION,
                  .host = host,
                  .pid = (uint32_t)getpid(),
                  .device = worker_exec_device(runner->exec),
                  .kernels = worker_exec_kernels(runner->exec),
                  .model_hash = runner->model->hash,
                  .threads = (uint32_t)runner->settings->gpu.threads},
    };
    runner->status = encode(answer, &message);
    if (runner->status)
        answer_ready(answer, 0, runner->status, "HELLO is too long");
}

static void run_plan(struct worker_job_runner *runner, const struct proto_plan *plan,
                     struct worker_job_answer *answer)
{
    runner->status = runner->exec ? worker_exec_plan(runner->exec, plan) : PROTO_DEVICE;
    answer_ready(answer, plan->plan, runner->status,
                 runner->status ? proto_status_text(runner->status) : "");
}

void worker_job_fail(const struct proto_frame *frame, int status, const char *text,
                     uint64_t received_us, struct worker_job_answer *answer)
{
    const struct proto_message message = {
        .kind = PROTO_MESSAGE_RESULT,
        .result = {.plan = frame->plan,
                   .seq = frame->seq,
                   .assignment = frame->assignment,
                   .status = status,
                   .text = text,
                   .received_us = received_us,
                   .started_us = received_us,
                   .finished_us = received_us},
    };
    encode(answer, &message);
}

static void run_frame(struct worker_job_runner *runner, const struct proto_message *order,
                      uint64_t received_us, struct worker_job_answer *answer)
{
    const struct proto_frame *frame = &order->frame;
    struct proto_message message = {.kind = PROTO_MESSAGE_RESULT};
    struct proto_result *result = &message.result;

    runner->status = PROTO_DEVICE;
    if (runner->exec)
        runner->status = worker_exec_run(runner->exec, frame, order->pixels, result);
    result->received_us = received_us;
    if (!runner->status)
        runner->status = encode(answer, &message);
    if (runner->status)
        worker_job_fail(frame, runner->status,
                        result->text ? result->text : proto_status_text(runner->status),
                        received_us, answer);
}

void worker_job_run(struct worker_job_runner *runner, const struct proto_message *message,
                    uint64_t received_us, struct worker_job_answer *answer)
{
    if (message->kind == PROTO_MESSAGE_PLAN)
        run_plan(runner, &message->plan, answer);
    else
        run_frame(runner, message, received_us, answer);
}

void worker_job_close(struct worker_job_runner *runner)
{
    worker_exec_close(runner->exec);
    partition_model_close(runner->model);
    runner->exec = NULL;
    runner->model = NULL;
}
