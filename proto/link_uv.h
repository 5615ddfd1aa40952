/* Polls a link from a libuv loop: on its wake call, or by timer when the transport has to be
 * polled.
 *
 * Tried with 64 KiB between two local ranks: spinning costs all the CPU there is, a 1 ms timer 2 %
 * of it and 1.4 ms a round trip. A large message needs several polls to get through. So: every 0.1
 * ms while the owner expects something (`eager`) and for a moment after each event, otherwise every
 * millisecond.
 */
#ifndef PROTO_LINK_UV_H
#define PROTO_LINK_UV_H

#include <uv.h>

#include "proto/link.h"

struct proto_link_uv {
    struct proto_link *link;
    void (*on_event)(void *arg, const struct proto_link_event *event);
    void *arg;
    bool eager;            /* set by the owner: sends are pending, or an answer is due any moment */
    uint64_t eager_cpu_ns; /* CPU time of polls while eager: what sending costs beside the call */
    /* private */
    bool running;
    uint64_t calm_at_ns;
    uv_async_t async;
    uv_timer_t timer;
    uv_idle_t idle;
};

/* Begin to deliver events on the loop's thread, which must own the link. A RECEIVED event is to be
 * released by on_event's owner. Both structs are borrowed. Returns PROTO_OK or PROTO_NO_MEMORY. */
int proto_link_uv_start(struct proto_link_uv *poller, uv_loop_t *loop, struct proto_link *link,
                        void (*on_event)(void *arg, const struct proto_link_event *event),
                        void *arg);
/* Say whether something is expected soon. */
void proto_link_uv_eager(struct proto_link_uv *poller, bool eager);
/* No more events. The loop must run once more to close the handles before `poller` may go. */
void proto_link_uv_stop(struct proto_link_uv *poller);

#endif
