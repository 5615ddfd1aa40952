/* Messages out: encodes them, packs the bands behind a FRAME's header, sends, and keeps each buffer
 * untouched until it has left. Buffers are used again, so after the first frames nothing is
 * allocated.
 */
#ifndef COORDINATOR_POST_H
#define COORDINATOR_POST_H

#include "coordinator/bands.h"
#include "proto/link.h"
#include "proto/message.h"

struct coordinator_parcel;

struct coordinator_post {
    struct proto_link *link;    /* borrowed */
    struct proto_link *reserve; /* borrowed; NULL: none */
    int reserve_worker;         /* who is peer 1 of `reserve` */
    int sending;                /* messages on their way */
    struct coordinator_parcel *parcels;
};

/* Worker `worker` is rank worker + 1, or the reserve. bands: a FRAME's, otherwise NULL; read during the call only.
 * Returns PROTO_OK, PROTO_NO_MEMORY, PROTO_LIMIT or PROTO_LOST: then nothing was sent. */
int coordinator_post_message(struct coordinator_post *post, int worker,
                             const struct proto_message *message,
                             const struct coordinator_bands *bands);

/* What a SENT event was about; the buffer is free again. */
struct coordinator_sent {
    enum proto_message_kind kind;
    int worker;
    uint64_t seq; /* FRAME */
    uint32_t assignment;
};
struct coordinator_sent coordinator_post_sent(struct coordinator_post *post,
                                              const struct proto_link_event *event);

/* Free the buffers that are not on their way: frames of another size come. */
void coordinator_post_trim(struct coordinator_post *post);
/* Free all. Those still on their way go too: the link is closed next. */
void coordinator_post_close(struct coordinator_post *post);

#endif
