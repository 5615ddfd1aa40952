/* The computing thread: model and device live and die here. */
#include "worker/compute.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "proto/codec.h"
#include "proto/log.h"
#include "proto/status.h"
#include "worker/exec.h"

enum { ANSWER_SHORT = 64 << 10 }; /* HELLO, READY */

struct job_queue {
    struct worker_job *first, *last;
};

struct worker_compute {
    struct worker_rank_settings settings;
    void (*wake)(void *arg);
    void *wake_arg;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct job_queue todo, done;
    bool quit, stopped;
    struct worker_job opened;
    /* the thread's own */
    struct partition_model *model;
    struct worker_exec *exec;
};

static void queue_put(struct job_queue *queue, struct worker_job *job)
{
    job->next = NULL;
    if (queue->last)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
}

static struct worker_job *queue_take(struct job_queue *queue)
{
    struct worker_job *job = queue->first;
    if (job) {
        queue->first = job->next;
        if (!queue->first)
            queue->last = NULL;
    }
    return job;
}

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

static int answer(struct worker_job *job, const struct proto_message *message)
{
    return proto_codec_encode(message, job->answer, job->answer_cap, &job->answer_bytes);
}

static void answer_ready(struct worker_job *job, uint32_t plan, int status, const char *text)
{
    const struct proto_message message = {
        .kind = PROTO_MESSAGE_READY,
        .ready = {.plan = plan,
                  .status = status,
                  .text = text,
                  .memory_bytes = status ? 0 : resident_bytes()},
    };
    if (answer(job, &message))
        job->answer_bytes = 0; /* can't be: the buffer holds any READY */
}

/* HELLO, or a READY that says why there won't be one. */
static void open_all(struct worker_compute *compute)
{
    struct worker_job *job = &compute->opened;
    char host[64] = "";
    if (compute->settings.unable) {
        answer_ready(job, 0, PROTO_INVALID, compute->settings.unable);
        return;
    }
    int status = partition_model_open(compute->settings.model_dir, &compute->model);
    if (status) {
        answer_ready(job, 0, status, compute->settings.model_dir);
        return;
    }
    status = worker_exec_open(compute->settings.device, &compute->settings.gpu, compute->model,
                              &compute->exec);
    if (status) {
        answer_ready(job, 0, status, compute->settings.device);
        return;
    }
    gethostname(host, sizeof host - 1);
    const struct proto_message message = {
        .kind = PROTO_MESSAGE_HELLO,
        .hello = {.version = PROTO_WIRE_VERSION,
                  .host = host,
                  .pid = (uint32_t)getpid(),
                  .device = worker_exec_device(compute->exec),
                  .kernels = worker_exec_kernels(compute->exec),
                  .model_hash = compute->model->hash,
                  .threads = (uint32_t)compute->settings.gpu.threads},
    };
    status = answer(job, &message);
    if (status)
        answer_ready(job, 0, status, "HELLO is too long");
}

static void run_plan(struct worker_compute *compute, struct worker_job *job)
{
    const struct proto_plan *plan = &job->message.plan;
    int status = compute->exec ? worker_exec_plan(compute->exec, plan) : PROTO_DEVICE;
    answer_ready(job, plan->plan, status, status ? proto_status_text(status) : "");
}

static void run_frame(struct worker_compute *compute, struct worker_job *job)
{
    const struct proto_frame *frame = &job->message.frame;
    struct proto_message message = {.kind = PROTO_MESSAGE_RESULT};
    struct proto_result *result = &message.result;
    int status = PROTO_DEVICE;

    if (compute->exec)
        status = worker_exec_run(compute->exec, frame, job->message.pixels, result);
    result->received_us = job->received_us;
    if (!status)
        status = answer(job, &message);
    if (status) {
        *result = (struct proto_result){
            .plan = frame->plan,
            .seq = frame->seq,
            .assignment = frame->assignment,
            .status = status,
            .text = result->text ? result->text : proto_status_text(status),
            .received_us = job->received_us,
            .started_us = job->received_us,
            .finished_us = job->received_us,
        };
        if (answer(job, &message))
            job->answer_bytes = 0;
    }
}

static void finish(struct worker_compute *compute, struct worker_job *job)
{
    pthread_mutex_lock(&compute->mutex);
    queue_put(&compute->done, job);
    pthread_mutex_unlock(&compute->mutex);
    compute->wake(compute->wake_arg);
}

static struct worker_job *wait_for_work(struct worker_compute *compute)
{
    struct worker_job *job = NULL;
    pthread_mutex_lock(&compute->mutex);
    while (!compute->quit && !compute->todo.first)
        pthread_cond_wait(&compute->work, &compute->mutex);
    if (!compute->quit)
        job = queue_take(&compute->todo);
    pthread_mutex_unlock(&compute->mutex);
    return job;
}

static void *thread_main(void *arg)
{
    struct worker_compute *compute = arg;
    struct worker_job *job;

    open_all(compute);
    finish(compute, &compute->opened);
    while ((job = wait_for_work(compute))) {
        if (job->message.kind == PROTO_MESSAGE_PLAN)
            run_plan(compute, job);
        else
            run_frame(compute, job);
        finish(compute, job);
    }
    worker_exec_close(compute->exec);
    partition_model_close(compute->model);
    return NULL;
}

int worker_compute_open(const struct worker_rank_settings *settings, void (*wake)(void *arg),
                        void *arg, struct worker_compute **out)
{
    struct worker_compute *compute = calloc(1, sizeof *compute);
    if (!compute)
        return PROTO_NO_MEMORY;
    compute->settings = *settings;
    compute->wake = wake;
    compute->wake_arg = arg;
    compute->opened.message.kind = PROTO_MESSAGE_HELLO;
    compute->opened.answer_cap = ANSWER_SHORT;
    compute->opened.answer = malloc(ANSWER_SHORT);
    pthread_mutex_init(&compute->mutex, NULL);
    pthread_cond_init(&compute->work, NULL);
    if (!compute->opened.answer || pthread_create(&compute->thread, NULL, thread_main, compute)) {
        pthread_cond_destroy(&compute->work);
        pthread_mutex_destroy(&compute->mutex);
        free(compute->opened.answer);
        free(compute);
        return PROTO_NO_MEMORY;
    }
    *out = compute;
    return PROTO_OK;
}

void worker_compute_stop(struct worker_compute *compute)
{
    if (compute->stopped)
        return;
    pthread_mutex_lock(&compute->mutex);
    compute->quit = true;
    pthread_cond_signal(&compute->work);
    pthread_mutex_unlock(&compute->mutex);
    pthread_join(compute->thread, NULL);
    compute->stopped = true;
}

void worker_compute_close(struct worker_compute *compute)
{
    if (!compute)
        return;
    worker_compute_stop(compute);
    pthread_cond_destroy(&compute->work);
    pthread_mutex_destroy(&compute->mutex);
    free(compute->opened.answer);
    free(compute);
}

void worker_compute_push(struct worker_compute *compute, struct worker_job *job)
{
    pthread_mutex_lock(&compute->mutex);
    queue_put(&compute->todo, job);
    pthread_cond_signal(&compute->work);
    pthread_mutex_unlock(&compute->mutex);
}

struct worker_job *worker_compute_done(struct worker_compute *compute)
{
    pthread_mutex_lock(&compute->mutex);
    struct worker_job *job = queue_take(&compute->done);
    pthread_mutex_unlock(&compute->mutex);
    return job;
}
