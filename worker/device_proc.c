/* Orders in, answers out. */
#include "worker/device_proc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/codec.h"
#include "proto/log.h"
#include "proto/status.h"
#include "worker/job.h"

/* Returns false when the rank has gone. */
static bool tell(int socket, const void *packet, size_t bytes)
{
    ssize_t n;
    do
        n = send(socket, packet, bytes, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)bytes;
}

static bool hear(int socket, struct worker_order *order)
{
    ssize_t n;
    do
        n = recv(socket, order, sizeof *order, 0);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof *order;
}

static bool tell_opened(int socket, struct worker_job_runner *runner)
{
    unsigned char *packet = malloc(sizeof(struct worker_done) + WORKER_JOB_ANSWER_SHORT);
    if (!packet)
        return false;
    struct worker_job_answer answer = {packet + sizeof(struct worker_done), WORKER_JOB_ANSWER_SHORT,
                                       0};
    worker_job_open(runner, &answer);
    const struct worker_done done = {
        .kind = WORKER_DONE_OPENED, .bytes = answer.bytes, .status = runner->status};
    memcpy(packet, &done, sizeof done);
    const bool told = tell(socket, packet, sizeof done + answer.bytes);
    free(packet);
    return told;
}

/* One order; the message is decoded here again, since only its place travels between the two. */
static int carry_out(struct worker_job_runner *runner, const struct worker_shm *shm,
                     struct proto_arena *arena, const struct worker_order *order,
                     struct worker_done *done)
{
    struct proto_message message;
    const void *received = worker_shm_at(shm, order->message_at, order->message_bytes);
    struct worker_job_answer answer = {worker_shm_at(shm, order->answer_at, order->answer_cap),
                                       (size_t)order->answer_cap, 0};

    proto_arena_reset(arena);
    if (!received || !answer.data ||
        proto_codec_decode(received, (size_t)order->message_bytes, arena, &message))
        return PROTO_INVALID; /* it was good when the rank decoded it: memory has gone bad */
    worker_job_run(runner, &message, order->received_us, &answer);
    *done = (struct worker_done){WORKER_DONE_JOB, order->job, answer.bytes, runner->status};
    return runner->status;
}

int worker_device_run(const struct worker_rank_settings *settings, const struct worker_shm *shm,
                      int socket)
{
    struct worker_job_runner runner = {.settings = settings};
    struct proto_arena arena = {0};
    struct worker_order order;
    int code = WORKER_DEVICE_DONE;

    if (proto_arena_open(&arena, PROTO_CODEC_ARENA_MAX))
        return WORKER_DEVICE_UNABLE;
    const bool told = tell_opened(socket, &runner);
    if (runner.status)
        return WORKER_DEVICE_UNABLE;
    while (told && code == WORKER_DEVICE_DONE && hear(socket, &order)) {
        struct worker_done done = {0};
        const int status = carry_out(&runner, shm, &arena, &order, &done);
        if (done.kind != WORKER_DONE_JOB)
            return WORKER_DEVICE_BROKEN;
        if (!tell(socket, &done, sizeof done))
            break;
        /* What the device could not do it may not be able to do ever again in this process. */
        if (status == PROTO_DEVICE)
            code = WORKER_DEVICE_BROKEN;
    }
    worker_job_close(&runner);
    proto_arena_close(&arena);
    return code;
}
