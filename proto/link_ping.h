/* How long messages take between rank 0 and a worker: round trips of several sizes over a link on which nothing
 * else happens. Any message may be answered by one of any size, so each direction is measured by itself.
 */
#ifndef PROTO_LINK_PING_H
#define PROTO_LINK_PING_H

#include <stdint.h>

#include "proto/config_profile.h"
#include "proto/link.h"

enum {
    PROTO_PING_MAX = 1 << 20, /* bytes of the longest message */
    PROTO_PING_ROUNDS = 40,   /* of each size; fewer of long ones over slow links */
};

/* Rank 0: listen to the worker and measure both directions.
 * Returns PROTO_OK, PROTO_LOST when no answer came for silence_us (logged), PROTO_NO_MEMORY. */
int proto_link_ping(struct proto_link *link, int worker, uint64_t silence_us,
                    struct proto_profile_way *to, struct proto_profile_way *from);
/* Rank 0, when all are measured (cancel: or will not be): the worker's proto_link_pong returns. Does not
 * wait: a SENT event with a NULL token follows. */
void proto_link_ping_end(struct proto_link *link, int worker, bool cancel);
/* The worker: answer until rank 0 ends it. Returns PROTO_OK, PROTO_END when rank 0 has cancelled, or
 * PROTO_LOST after silence_us without a word. */
int proto_link_pong(struct proto_link *link, uint64_t silence_us);

/* Blocking helpers of such simple exchanges, for a thread that owns the link and has no loop: send and wait until
 * it has left; wait for a message from the peer, -1: from any (to be released; what others send
 * meanwhile is dropped). PROTO_LOST after silence_us. */
int proto_link_put(struct proto_link *link, int peer, const void *data, size_t len_bytes,
                   uint64_t silence_us);
int proto_link_get(struct proto_link *link, int peer, uint64_t silence_us,
                   struct proto_link_event *event);

#endif
