/* Computing in a thread: model and device live and die in it. */
#include "worker/compute.h"

#include <pthread.h>
#include <stdlib.h>

#include "proto/status.h"
#include "worker/job.h"

struct compute_thread {
    struct worker_compute compute;
    struct worker_rank_settings settings;
    void (*wake)(void *arg);
    void *wake_arg;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t work;
    struct worker_queue todo, done;
    bool quit, stopped;
    struct worker_job opened;
    struct worker_job_runner runner; /* the thread's own */
};

static struct compute_thread *thread_of(struct worker_compute *compute)
{
    return (struct compute_thread *)compute; /* compute is its first member */
}

void worker_queue_put(struct worker_queue *queue, struct worker_job *job)
{
    job->next = NULL;
    if (queue->last)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
}

struct worker_job *worker_queue_take(struct worker_queue *queue)
{
    struct worker_job *job = queue->first;
    if (job) {
        queue->first = job->next;
        if (!queue->first)
            queue->last = NULL;
    }
    return job;
}

static void finish(struct compute_thread *thread, struct worker_job *job)
{
    pthread_mutex_lock(&thread->mutex);
    worker_queue_put(&thread->done, job);
    pthread_mutex_unlock(&thread->mutex);
    thread->wake(thread->wake_arg);
}

static struct worker_job *wait_for_work(struct compute_thread *thread)
{
    struct worker_job *job = NULL;
    pthread_mutex_lock(&thread->mutex);
    while (!thread->quit && !thread->todo.first)
        pthread_cond_wait(&thread->work, &thread->mutex);
    if (!thread->quit)
        job = worker_queue_take(&thread->todo);
    pthread_mutex_unlock(&thread->mutex);
    return job;
}

static void *thread_main(void *arg)
{
    struct compute_thread *thread = arg;
    struct worker_job *job = &thread->opened;
    struct worker_job_answer answer = {job->answer, job->answer_cap, 0};

    worker_job_open(&thread->runner, &answer);
    job->answer_bytes = answer.bytes;
    finish(thread, job);
    while ((job = wait_for_work(thread))) {
        answer = (struct worker_job_answer){job->answer, job->answer_cap, 0};
        worker_job_run(&thread->runner, &job->message, job->received_us, &answer);
        job->answer_bytes = answer.bytes;
        finish(thread, job);
    }
    worker_job_close(&thread->runner);
    return NULL;
}

/* Waits for the job in hand. */
static void thread_stop(struct worker_compute *compute)
{
    struct compute_thread *thread = thread_of(compute);
    if (thread->stopped)
        return;
    pthread_mutex_lock(&thread->mutex);
    thread->quit = true;
    pthread_cond_signal(&thread->work);
    pthread_mutex_unlock(&thread->mutex);
    pthread_join(thread->thread, NULL);
    thread->stopped = true;
}

static void thread_free(struct compute_thread *thread)
{
    pthread_cond_destroy(&thread->work);
    pthread_mutex_destroy(&thread->mutex);
    free(thread->opened.answer);
    free(thread);
}

static void thread_close(struct worker_compute *compute)
{
    thread_stop(compute);
    thread_free(thread_of(compute));
}

static void thread_push(struct worker_compute *compute, struct worker_job *job)
{
    struct compute_thread *thread = thread_of(compute);
    pthread_mutex_lock(&thread->mutex);
    worker_queue_put(&thread->todo, job);
    pthread_cond_signal(&thread->work);
    pthread_mutex_unlock(&thread->mutex);
}

static struct worker_job *thread_done(struct worker_compute *compute)
{
    struct compute_thread *thread = thread_of(compute);
    pthread_mutex_lock(&thread->mutex);
    struct worker_job *job = worker_queue_take(&thread->done);
    pthread_mutex_unlock(&thread->mutex);
    return job;
}

static const struct worker_compute_ops thread_ops = {
    .stop = thread_stop,
    .close = thread_close,
    .push = thread_push,
    .done = thread_done,
};

int worker_compute_thread_open(const struct worker_rank_settings *settings, void (*wake)(void *arg),
                               void *arg, struct worker_compute **out)
{
    struct compute_thread *thread = calloc(1, sizeof *thread);
    if (!thread)
        return PROTO_NO_MEMORY;
    thread->compute = (struct worker_compute){.ops = &thread_ops, .fd = -1};
    thread->settings = *settings;
    thread->runner.settings = &thread->settings;
    thread->wake = wake;
    thread->wake_arg = arg;
    thread->opened.message.kind = PROTO_MESSAGE_HELLO;
    thread->opened.answer_cap = WORKER_JOB_ANSWER_SHORT;
    thread->opened.answer = malloc(WORKER_JOB_ANSWER_SHORT);
    pthread_mutex_init(&thread->mutex, NULL);
    pthread_cond_init(&thread->work, NULL);
    if (!thread->opened.answer || pthread_create(&thread->thread, NULL, thread_main, thread)) {
        thread_free(thread);
        return PROTO_NO_MEMORY;
    }
    *out = &thread->compute;
    return PROTO_OK;
}
