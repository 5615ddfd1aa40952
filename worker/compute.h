/* The computing half of a worker: a thread that takes decoded PLANs and FRAMEs in order and gives
 * back encoded answers. This is all that the link side knows of computing.
 */
#ifndef WORKER_COMPUTE_H
#define WORKER_COMPUTE_H

#include "proto/arena.h"
#include "proto/link.h"
#include "proto/message.h"
#include "worker/rank.h"

/* A message on its way through the thread. Its arrays lie in `arena`, its pixels in the link's
 * buffer. */
struct worker_job {
    struct worker_job *next;      /* in a queue */
    struct worker_job *next_made; /* the owner's list of all */
    struct proto_message message;
    struct proto_link_event received; /* to be released afterwards */
    uint64_t received_us;
    struct proto_arena arena;
    unsigned char *answer; /* encoded READY or RESULT */
    size_t answer_cap, answer_bytes;
};

struct worker_compute;

/* Start the thread; it opens model and device first and says so with `opened`, a job of kind HELLO
 * that belongs to the thread. `wake` is called from the thread whenever worker_compute_done has
 * something. */
int worker_compute_open(const struct worker_rank_settings *settings, void (*wake)(void *arg),
                        void *arg, struct worker_compute **out);
/* Wait for the job in hand, leave the others, end the thread. */
void worker_compute_stop(struct worker_compute *compute);
/* Stop and free; the answer of `opened` goes too. NULL is fine. */
void worker_compute_close(struct worker_compute *compute);

void worker_compute_push(struct worker_compute *compute, struct worker_job *job);
/* Next finished job, or NULL. Its answer is to be sent before it is used again. */
struct worker_job *worker_compute_done(struct worker_compute *compute);

#endif
