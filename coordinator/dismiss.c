/* STOP without a run. */
#include "coordinator/dismiss.h"

#include <stdlib.h>
#include <time.h>

#include "proto/codec.h"
#include "proto/status.h"

enum { STOP_BYTES = 256, ARENA_BYTES = 1 << 20, POLL_NS = 1000000, POLLS_MAX = 10000 };

static bool is_goodbye(const struct proto_link_event *event, struct proto_arena *arena)
{
    struct proto_message message;
    proto_arena_reset(arena);
    return proto_codec_decode(event->data, event->len_bytes, arena, &message) == PROTO_OK &&
           message.kind == PROTO_MESSAGE_BEAT && message.beat.state == PROTO_WORKER_STOPPED;
}

bool coordinator_dismiss(struct proto_link *link)
{
    const struct proto_message message = {.kind = PROTO_MESSAGE_STOP};
    unsigned char stop[STOP_BYTES];
    size_t bytes;
    int waiting = 0; /* goodbyes and sends to come */
    struct proto_arena arena;

    if (proto_arena_open(&arena, ARENA_BYTES))
        return false;
    if (proto_codec_encode(&message, stop, sizeof stop, &bytes) == PROTO_OK) {
        for (int peer = 1; peer < link->size; peer++)
            if (proto_link_listen(link, peer, 2, PROTO_CODEC_CONTROL_MAX) == PROTO_OK &&
                proto_link_send(link, peer, stop, bytes, NULL) == PROTO_OK)
                waiting += 2;
    }
    for (int i = 0; i < POLLS_MAX && waiting > 0; i++) {
        struct proto_link_event event;
        while (proto_link_poll(link, &event)) {
            if (event.kind == PROTO_LINK_SENT) {
                waiting--;
            } else if (event.kind == PROTO_LINK_RECEIVED) {
                waiting -= is_goodbye(&event, &arena);
                proto_link_release(link, &event);
            }
        }
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    }
    proto_arena_close(&arena);
    return waiting == 0;
}
