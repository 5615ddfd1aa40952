/* The computing half of a worker, as its link side sees it: takes decoded PLANs and FRAMEs in order,
 * gives back encoded answers. Either a thread of this process (without mpirun), or a process of its
 * own that the guard starts and, when it fails, starts anew (worker/guard.h).
 */
#ifndef WORKER_COMPUTE_H
#define WORKER_COMPUTE_H

#include <stdbool.h>

#include "proto/arena.h"
#include "proto/link.h"
#include "proto/message.h"
#include "worker/rank.h"

/* A message on its way through the computing half. Its arrays lie in `arena`; the message itself,
 * with the pixels, in the link's buffer. */
struct worker_job {
    struct worker_job *next;      /* in a queue */
    struct worker_job *next_made; /* the owner's list of all */
    struct proto_message message;
    struct proto_link_event received; /* to be released afterwards */
    uint64_t received_us;
    struct proto_arena arena;
    unsigned char *answer; /* encoded READY or RESULT; from worker_compute_memory */
    size_t answer_cap, answer_bytes;
};

struct worker_queue {
    struct worker_job *first, *last;
};
void worker_queue_put(struct worker_queue *queue, struct worker_job *job);
struct worker_job *worker_queue_take(struct worker_queue *queue); /* NULL: empty */

struct worker_compute;

struct worker_compute_ops {
    void (*stop)(struct worker_compute *compute);
    void (*close)(struct worker_compute *compute);
    void (*push)(struct worker_compute *compute, struct worker_job *job);
    struct worker_job *(*done)(struct worker_compute *compute);
    void (*tick)(struct worker_compute *compute); /* (optional) */
    /* (optional) Where answers and received messages have to lie; malloc and free if NULL. */
    void *(*memory)(void *arg, size_t size_bytes);
    void (*forget)(void *arg, void *memory);
};

/* Embedded first in each implementation's own struct. */
struct worker_compute {
    const struct worker_compute_ops *ops;
    int fd;           /* readable: worker_compute_done may have something; -1: `wake` says so */
    bool down;        /* nobody there to compute; jobs come back at once, as failed */
    void *memory_arg; /* outlives the compute */
};

/* Start: model and device are opened first, which a job of kind HELLO tells: its answer is a HELLO,
 * or a READY that says why there is none. Such a job belongs to the compute and comes again whenever
 * computing was started anew; its answer stays until close.
 * The thread calls `wake` from itself whenever worker_compute_done has something. */
int worker_compute_thread_open(const struct worker_rank_settings *settings, void (*wake)(void *arg),
                               void *arg, struct worker_compute **out);
/* settings->guard is this process's guard. */
int worker_compute_process_open(const struct worker_rank_settings *settings,
                                struct worker_compute **out);

/* Leave the jobs that are not begun, end computing. No push after it. */
static inline void worker_compute_stop(struct worker_compute *compute)
{
    compute->ops->stop(compute);
}
/* Stop and free. NULL is fine. */
static inline void worker_compute_close(struct worker_compute *compute)
{
    if (compute)
        compute->ops->close(compute);
}
static inline void worker_compute_push(struct worker_compute *compute, struct worker_job *job)
{
    compute->ops->push(compute, job);
}
/* Next finished job, or NULL. Its answer is to be sent before it is used again. */
static inline struct worker_job *worker_compute_done(struct worker_compute *compute)
{
    return compute->ops->done(compute);
}
/* Time has passed: call it a few times a second. */
static inline void worker_compute_tick(struct worker_compute *compute)
{
    if (compute->ops->tick)
        compute->ops->tick(compute);
}

#endif
