/* The processes of one rank under mpirun, and who answers for whom.
 *
 *   launcher's proxy
 *    '- sentry       the process mpirun knows
 *        '- guard    (workers) starts the other two, and the device process again when it ends
 *            |- rank     MPI and the loop; the caller of worker_guard_start goes on in here
 *            '- device   model and device: worker/device_proc.h
 *        '- rank 0   (the coordinator: no guard between, no device)
 *
 * While MPI starts, the launcher supervises as it is used to, and a death ends the job. From
 * worker_guard_started on a worker is on its own: its sentry has left, with 0, so that nothing the
 * launcher sees of a worker can end the job. Within a worker the kernel sees to the rest: when the
 * guard dies, so do rank and device (PR_SET_PDEATHSIG); when the rank ends, the guard ends the device
 * and itself. Rank 0's sentry stays, gives its exit code to the launcher, ends the workers of
 * its own host that are still there after the run (stopped ones), and the job where the launcher would
 * wait for one that is gone.
 */
#ifndef WORKER_GUARD_H
#define WORKER_GUARD_H

#include <stdbool.h>
#include <sys/types.h>

#include "worker/rank.h"
#include "worker/shm.h"

struct worker_guard;

struct worker_guard_settings {
    bool coordinator;                        /* this is rank 0 */
    const struct worker_rank_settings *rank; /* a worker's; unable: without a device process */
    int (*device)(const struct worker_rank_settings *rank, const struct worker_shm *shm,
                  int socket); /* worker_device_run, or a test's */
    uint64_t stall_us;         /* 30 s: a rank that stands still for longer is killed */
    uint64_t back_off_us,
        back_off_max_us; /* 0.25 s, 30 s: before a device process is started again */
};
void worker_guard_defaults(struct worker_guard_settings *settings);

/* Split this process, which must have one thread. Returns in the rank (rank 0 or a worker's), with
 * its end of the guard, or, on failure, in the one process there is. The others never return. */
int worker_guard_start(const struct worker_guard_settings *settings, struct worker_guard **out);

/* ---- called by the rank ---- */

/* MPI runs. detached: the launcher was told goodbye (proto_link_mpi_detach). */
void worker_guard_started(struct worker_guard *guard, bool detached);
/* To be said every second or so: a rank that does not is taken for hung. opened: some device process
 * was able to open model and device. */
void worker_guard_alive(struct worker_guard *guard, bool opened);
/* The device process does not answer: kill it, start another. */
void worker_guard_restart_device(struct worker_guard *guard);

/* Readable: worker_guard_next has something, or the guard is gone. */
int worker_guard_fd(const struct worker_guard *guard);
/* A device process was started: *socket leads to it and is the caller's. False: nothing new. */
bool worker_guard_next(struct worker_guard *guard, int *socket);
struct worker_shm *worker_guard_shm(const struct worker_guard *guard);

/* A worker's rank, before it ends: a stopped guard must see that. */
void worker_guard_leave(struct worker_guard *guard);
/* Rank 0's sentry was killed: nobody is there to hand the exit code on. */
bool worker_guard_gone(const struct worker_guard *guard);
/* Rank 0, as the last thing before it ends with `code`, when some worker did not say goodbye: the
 * launcher must not wait for it. Its output has been flushed. */
void worker_guard_end_job(struct worker_guard *guard, int code);

#endif
