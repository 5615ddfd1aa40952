/* A worker's link side: a libuv loop with HELLO, receive buffers and BEAT. What computes is a thread
 * beside it, or under mpirun a process that may fail and be started anew (worker/compute.h). Pixels
 * are used where the link received them; results come back as encoded messages.
 */
#ifndef WORKER_RANK_H
#define WORKER_RANK_H

#include "gpu/device.h"
#include "partition/model.h"
#include "proto/link.h"
#include "worker/power.h"

struct worker_guard;

struct worker_rank_settings {
    const char *device; /* "cpu" */
    struct gpu_settings gpu;
    const char *model_dir; /* opened by the worker itself, under mpirun on its own host */
    uint64_t beat_us;      /* 100 ms */
    struct worker_power_settings power; /* worker_power_defaults(); device is filled in */
    uint64_t hang_us;   /* 60 s: a device process that takes longer for a frame is started anew */
    const char *unable; /* NULL; or why this process can't work: all it does is to say so */
    struct worker_guard *guard; /* NULL: compute in a thread */
};
void worker_rank_defaults(struct worker_rank_settings *settings);

/* Serve the coordinator (peer 0 of `link`, which is borrowed) until it says STOP.
 * Model and device are opened first; if that fails the coordinator is told why, and STOP awaited
 * all the same. Returns the status of the STOP, PROTO_LOST if the coordinator has gone, or why the
 * loop could not start. */
int worker_rank_run(struct proto_link *link, const struct worker_rank_settings *settings);

#endif
