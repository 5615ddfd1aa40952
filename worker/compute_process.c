/* Computing in a process of its own, which the guard starts: this is the rank's side of it.
 *
 * Orders go out over the socket of the present device process, answers come back in that order. When
 * the socket ends, so has the process: what it had in hand is answered as failed at once, so that
 * the coordinator can give it to others. The guard sends the next process's socket.
 */
#include "worker/compute.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/log.h"
#include "proto/status.h"
#include "worker/device_proc.h"
#include "worker/guard.h"
#include "worker/job.h"

enum {
    ALIVE_US = 1000000,
    HANG_FIRST_US = 3000000, /* no frame is so short that less would say something */
    HANG_TIMES = 20,         /* longest frame so far; a busy machine makes them vary */
    PLAN_TIMES = 2,          /* settings.hang_us: making ready takes longer than a frame */
};

struct compute_process {
    struct worker_compute compute;
    struct worker_guard *guard;
    struct worker_shm *shm;
    int socket;                     /* to the device process; -1: there is none */
    struct worker_queue hand, done; /* ordered and not answered; answered */
    struct worker_job *opened;      /* one for each process there was */
    bool opening, ever_opened, refused, stopped, restarting;
    uint64_t hang_us, alive_us, longest_us;
    uint64_t since_us; /* when the first in hand, or opening, was begun */
    unsigned char packet[sizeof(struct worker_done) + WORKER_JOB_ANSWER_SHORT];
};

static struct compute_process *process_of(struct worker_compute *compute)
{
    return (struct compute_process *)compute; /* compute is its first member */
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static int watch(struct compute_process *process, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(process->compute.fd, EPOLL_CTL_ADD, fd, &event) ? PROTO_IO : PROTO_OK;
}

static void fail(struct compute_process *process, struct worker_job *job, const char *why)
{
    struct worker_job_answer answer = {job->answer, job->answer_cap, 0};
    /* A PLAN is not answered: the next process's HELLO brings another. */
    if (job->message.kind == PROTO_MESSAGE_FRAME)
        worker_job_fail(&job->message.frame, PROTO_LOST, why, job->received_us, &answer);
    job->answer_bytes = answer.bytes;
    worker_queue_put(&process->done, job);
}

static void device_lost(struct compute_process *process)
{
    struct worker_job *job;
    close(process->socket);
    process->socket = -1;
    process->opening = process->restarting = false;
    process->compute.down = !process->refused;
    while ((job = worker_queue_take(&process->hand)))
        fail(process, job, "its device process ended");
}

/* A HELLO to send, or why there is none: that is told of the first process only, since it ends the
 * worker's part in the job; later ones are tried again. */
static void device_opened(struct compute_process *process, const struct worker_done *done)
{
    process->opening = false;
    if (done->status && process->ever_opened)
        return;
    process->refused = done->status != PROTO_OK;
    process->ever_opened |= done->status == PROTO_OK;
    worker_guard_alive(process->guard, process->ever_opened);
    struct worker_job *job = calloc(1, sizeof *job);
    unsigned char *answer = malloc((size_t)done->bytes + 1);
    if (!job || !answer) {
        free(job);
        free(answer);
        return; /* nobody hears of this process: it stays unused */
    }
    memcpy(answer, process->packet + sizeof *done, (size_t)done->bytes);
    job->message.kind = PROTO_MESSAGE_HELLO;
    job->answer = answer;
    job->answer_bytes = (size_t)done->bytes;
    job->next_made = process->opened;
    process->opened = job;
    process->compute.down = false;
    worker_queue_put(&process->done, job);
}

static void job_answered(struct compute_process *process, const struct worker_done *done)
{
    struct worker_job *job = worker_queue_take(&process->hand);
    const uint64_t now = now_us(), took_us = now - process->since_us;
    if (!job)
        return; /* a process out of its mind; the guard sees to its end, not we */
    job->answer_bytes = done->bytes <= job->answer_cap ? (size_t)done->bytes : 0;
    /* One that failed, perhaps at once, says nothing of how long a frame takes. */
    if (job->message.kind == PROTO_MESSAGE_FRAME && !done->status && took_us > process->longest_us)
        process->longest_us = took_us;
    process->since_us = now;
    worker_queue_put(&process->done, job);
}

/* Take what the device process says. Returns false when there is nothing more for now. */
static bool device_hear(struct compute_process *process)
{
    struct worker_done done;
    if (process->socket < 0)
        return false;
    const ssize_t n = recv(process->socket, process->packet, sizeof process->packet, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return false;
    if (n < (ssize_t)sizeof done) {
        device_lost(process);
        return false;
    }
    memcpy(&done, process->packet, sizeof done);
    if (done.kind == WORKER_DONE_OPENED && done.bytes <= (size_t)n - sizeof done)
        device_opened(process, &done);
    else if (done.kind == WORKER_DONE_JOB)
        job_answered(process, &done);
    return true;
}

static void pump(struct compute_process *process)
{
    int socket;
    while (device_hear(process))
        ;
    while (!process->stopped && worker_guard_next(process->guard, &socket)) {
        if (process->socket >= 0)
            device_lost(process); /* killed, and its end not read yet */
        process->socket = socket;
        process->opening = true;
        process->since_us = now_us();
        if (watch(process, socket))
            proto_log_error("worker", "the device process can't be watched");
        while (device_hear(process))
            ;
    }
}

static void process_push(struct worker_compute *compute, struct worker_job *job)
{
    struct compute_process *process = process_of(compute);
    const struct worker_order order = {
        .message_at = worker_shm_offset(process->shm, job->received.data),
        .message_bytes = job->received.len_bytes,
        .answer_at = worker_shm_offset(process->shm, job->answer),
        .answer_cap = job->answer_cap,
        .received_us = job->received_us,
    };
    if (process->socket < 0 || compute->down ||
        send(process->socket, &order, sizeof order, MSG_NOSIGNAL | MSG_DONTWAIT) !=
            (ssize_t)sizeof order) {
        fail(process, job, "its device process is being started again");
        return;
    }
    if (!process->hand.first)
        process->since_us = now_us();
    worker_queue_put(&process->hand, job);
}

static struct worker_job *process_done(struct worker_compute *compute)
{
    struct compute_process *process = process_of(compute);
    if (!process->done.first)
        pump(process);
    return worker_queue_take(&process->done);
}

static uint64_t patience_us(const struct compute_process *process)
{
    const uint64_t longest = process->longest_us * HANG_TIMES;
    if (process->opening || process->hand.first->message.kind == PROTO_MESSAGE_PLAN)
        return process->hang_us * PLAN_TIMES;
    if (process->longest_us == 0 || longest > process->hang_us)
        return process->hang_us;
    return longest > HANG_FIRST_US ? longest : HANG_FIRST_US;
}

static void process_tick(struct worker_compute *compute)
{
    struct compute_process *process = process_of(compute);
    pump(process); /* before judging: this process may have slept itself */
    const uint64_t now = now_us();
    if (now - process->alive_us >= ALIVE_US) {
        process->alive_us = now;
        worker_guard_alive(process->guard, process->ever_opened);
    }
    if (process->socket < 0 || (!process->hand.first && !process->opening) || process->restarting ||
        now - process->since_us <= patience_us(process))
        return;
    proto_log_error("worker", "the device process has not answered for %.1f s: started again",
                    (double)(now - process->since_us) / 1e6);
    process->restarting = true;
    worker_guard_restart_device(process->guard);
}

/* A job in hand is not waited for: the guard ends the device process with this one. */
static void process_stop(struct worker_compute *compute)
{
    struct compute_process *process = process_of(compute);
    process->stopped = true;
    if (process->socket >= 0)
        close(process->socket);
    process->socket = -1;
}

static void process_close(struct worker_compute *compute)
{
    struct compute_process *process = process_of(compute);
    process_stop(compute);
    close(compute->fd);
    while (process->opened) {
        struct worker_job *job = process->opened;
        process->opened = job->next_made;
        free(job->answer);
        free(job);
    }
    free(process);
}

static const struct worker_compute_ops process_ops = {
    .stop = process_stop,
    .close = process_close,
    .push = process_push,
    .done = process_done,
    .tick = process_tick,
    .memory = worker_shm_alloc,
    .forget = worker_shm_free,
};

int worker_compute_process_open(const struct worker_rank_settings *settings,
                                struct worker_compute **out)
{
    struct compute_process *process = calloc(1, sizeof *process);
    if (!process)
        return PROTO_NO_MEMORY;
    process->guard = settings->guard;
    process->shm = worker_guard_shm(settings->guard);
    process->compute = (struct worker_compute){.ops = &process_ops, .memory_arg = process->shm};
    process->hang_us = settings->hang_us;
    process->socket = -1;
    process->compute.fd = epoll_create1(EPOLL_CLOEXEC);
    if (process->compute.fd < 0 || watch(process, worker_guard_fd(process->guard))) {
        proto_log_error("worker", "epoll: %s", strerror(errno));
        if (process->compute.fd >= 0)
            close(process->compute.fd);
        free(process);
        return PROTO_NO_MEMORY;
    }
    *out = &process->compute;
    return PROTO_OK;
}
