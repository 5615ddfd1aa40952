/* The device process: everything that touches model and device, and nothing else. It takes orders
 * from its rank over a socket; messages and answers lie in shared memory. Errors of a device may stick
 * to a process (CUDA's do), so after one it answers, ends, and the guard starts another.
 */
#ifndef WORKER_DEVICE_PROC_H
#define WORKER_DEVICE_PROC_H

#include <stdint.h>

#include "worker/rank.h"
#include "worker/shm.h"

/* On the socket (SOCK_SEQPACKET), rank -> device: a PLAN or FRAME as it was received. */
struct worker_order {
    uint64_t job; /* comes back with the answer */
    uint64_t message_at, message_bytes;
    uint64_t answer_at, answer_cap;
    uint64_t received_us;
};

enum worker_done_kind {
    WORKER_DONE_OPENED, /* `bytes` of HELLO, or of a READY, follow in the same packet */
    WORKER_DONE_JOB,    /* `bytes` of answer lie where the order said */
};

/* Device -> rank. */
struct worker_done {
    uint64_t kind; /* enum worker_done_kind */
    uint64_t job;
    uint64_t bytes;
    int64_t status; /* PROTO_OK, or why model and device can't be opened or the job failed */
};

/* Exit codes; any other is a crash. */
enum {
    WORKER_DEVICE_DONE = 0,    /* its rank has gone */
    WORKER_DEVICE_UNABLE = 10, /* model or device can't be opened */
    WORKER_DEVICE_BROKEN = 11, /* an error that it can't recover from */
};

/* Work until the rank closes the socket. Returns the exit code. */
int worker_device_run(const struct worker_rank_settings *settings, const struct worker_shm *shm,
                      int socket);

#endif
