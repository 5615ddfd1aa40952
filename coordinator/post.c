/* Send buffers. */
#include "coordinator/post.h"

#include <stdlib.h>

#include "proto/codec.h"
#include "proto/status.h"

enum { SHORT_BYTES = 256 }; /* STOP */

struct coordinator_parcel {
    struct coordinator_parcel *next;
    bool in_use;
    struct coordinator_sent what;
    unsigned char *data;
    size_t cap;
};

/* The smallest spare buffer that is large enough, or a new one. */
static struct coordinator_parcel *take(struct coordinator_post *post, size_t need)
{
    struct coordinator_parcel *best = NULL;
    for (struct coordinator_parcel *parcel = post->parcels; parcel; parcel = parcel->next)
        if (!parcel->in_use && parcel->cap >= need && (!best || parcel->cap < best->cap))
            best = parcel;
    if (!best) {
        best = calloc(1, sizeof *best);
        unsigned char *data = malloc(need);
        if (!best || !data) {
            free(best);
            free(data);
            return NULL;
        }
        best->data = data;
        best->cap = need;
        best->next = post->parcels;
        post->parcels = best;
    }
    best->in_use = true;
    return best;
}

static size_t bytes_needed(const struct proto_message *message)
{
    const struct proto_frame *frame = &message->frame;
    if (message->kind == PROTO_MESSAGE_FRAME)
        return proto_codec_frame_header_max(frame->tile_count, frame->band_count) +
               (size_t)frame->pixel_bytes;
    return message->kind == PROTO_MESSAGE_PLAN ? PROTO_CODEC_CONTROL_MAX : SHORT_BYTES;
}

int coordinator_post_message(struct coordinator_post *post, int worker,
                             const struct proto_message *message,
                             const struct coordinator_bands *bands)
{
    size_t bytes;
    struct coordinator_parcel *parcel = take(post, bytes_needed(message));
    if (!parcel)
        return PROTO_NO_MEMORY;
    int status = proto_codec_encode(message, parcel->data, parcel->cap, &bytes);
    if (!status) {
        parcel->what = (struct coordinator_sent){.kind = message->kind, .worker = worker};
        if (message->kind == PROTO_MESSAGE_FRAME) {
            const struct proto_frame *frame = &message->frame;
            parcel->what.seq = frame->seq;
            parcel->what.assignment = frame->assignment;
            bytes += (size_t)coordinator_bands_pack(bands, frame->bands, frame->band_count,
                                                    parcel->data + bytes);
        }
        const bool reserve = post->reserve && worker == post->reserve_worker;
        status = proto_link_send(reserve ? post->reserve : post->link, reserve ? 1 : worker + 1,
                                 parcel->data, bytes, parcel);
    }
    parcel->in_use = status == PROTO_OK;
    post->sending += parcel->in_use;
    return status;
}

struct coordinator_sent coordinator_post_sent(struct coordinator_post *post,
                                              const struct proto_link_event *event)
{
    struct coordinator_parcel *parcel = event->token;
    parcel->in_use = false;
    post->sending--;
    return parcel->what;
}

/* Free all buffers, or only those not on their way. */
static void drop(struct coordinator_post *post, bool all)
{
    for (struct coordinator_parcel **at = &post->parcels; *at;) {
        struct coordinator_parcel *parcel = *at;
        if (parcel->in_use && !all) {
            at = &parcel->next;
            continue;
        }
        *at = parcel->next;
        free(parcel->data);
        free(parcel);
    }
}

void coordinator_post_trim(struct coordinator_post *post)
{
    drop(post, false);
}

void coordinator_post_close(struct coordinator_post *post)
{
    drop(post, true);
}
