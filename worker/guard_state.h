/* What the files of the guard share; nobody else includes this. */
#ifndef WORKER_GUARD_STATE_H
#define WORKER_GUARD_STATE_H

#include <stdint.h>
#include <time.h>

#include "worker/guard.h"

/* Between guard (or rank 0's sentry) and rank, on a SOCK_SEQPACKET pair. */
enum guard_word_kind {
    GUARD_STARTED, /* rank: MPI runs; value: detached */
    GUARD_ALIVE,   /* rank; value: a device process has opened model and device */
    GUARD_RESTART, /* rank: the device process hangs */
    GUARD_END_JOB, /* rank 0: do not wait for the others; value: exit code */
    GUARD_DEVICE,  /* guard: a device process was started; its socket comes with it */
};

struct guard_word {
    uint32_t kind;
    int32_t value;
};

struct worker_guard {
    struct worker_guard_settings settings;
    struct worker_shm *shm; /* a worker's */
    int control;            /* the rank's end, or the guard's; -1: none (not under a launcher) */
    pid_t parent;           /* of the rank: guard, or rank 0's sentry */
};

uint64_t guard_now_ms(void);
/* Returns false when the other side is gone (or, without `wait`, takes no more). fd < 0: none. */
bool guard_say(int control, enum guard_word_kind kind, int32_t value, int fd);
/* Returns 1 with a word (*fd: what came with it, or -1), 0 if there is none, -1 when the other side
 * has gone. Does not block. */
int guard_hear(int control, struct guard_word *word, int *fd);
/* Name this process for ps and top; set what happens to it when its parent dies. */
void guard_become(const char *name, pid_t parent, int signal_on_parents_death);

/* guard.c of a worker: starts rank and device. Returns in the rank; the guard never returns.
 * leave: tells the sentry to go when closed after a byte was written. */
void guard_worker_run(struct worker_guard *guard, pid_t rank, int leave, const char *job)
    __attribute__((noreturn));

/* The sentries. `job` names this job's rendezvous on this host. */
void guard_sentry_worker(pid_t guard, int left) __attribute__((noreturn));
void guard_sentry_rank0(pid_t rank, int control, int listener) __attribute__((noreturn));
/* Rank 0's sentry listens, guards connect: either sees the other's end at once. -1 on failure. */
int guard_job_listen(const char *job);
int guard_job_connect(const char *job);

#endif
