/* The link within one process: queues under one mutex.
 *
 * A send only queues a note at the receiver. The receiver's poll copies the bytes from the
 * sender's memory into a posted buffer, outside the mutex, so several receivers copy at once and
 * the sender's thread does not pay for it; then the note goes back to the sender as its SENT
 * event. Notes are kept for reuse, so a running system does not allocate.
 */
#include "proto/link.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/log.h"
#include "proto/status.h"

enum { NONE = -1 };

struct note {
    struct note *next;
    int from, to;
    const void *data;
    size_t len_bytes;
    void *token;
    int status;
};

struct queue {
    struct note *first, *last;
};

enum buffer_state { BUFFER_GONE, BUFFER_POSTED, BUFFER_HELD, BUFFER_WITHDRAWN };

struct buffer {
    void *data;
    size_t size;
    int peer;
    enum buffer_state state;
    int next; /* among the posted ones of its peer */
};

/* What one end knows about messages from one peer. */
struct inbox {
    struct queue waiting; /* not yet copied */
    int posted;           /* first free buffer, or NONE */
    bool broken;          /* a BROKEN event is due */
};

struct end {
    struct proto_link link;
    struct net *net;
    struct inbox *inboxes; /* by sender */
    struct buffer *buffers;
    int buffer_count;
    struct queue sent;  /* SENT events due */
    struct queue spare; /* notes for reuse */
    int due;            /* waiting messages and BROKEN events of all inboxes */
    int copying;        /* own messages that a receiver copies right now */
    int next_peer;      /* whose turn it is */
    bool closed;
};

struct net {
    pthread_mutex_t mutex;
    pthread_cond_t copied;
    int size, open_ends;
    struct end *ends; /* `size` of them */
};

static void queue_push(struct queue *queue, struct note *note)
{
    note->next = NULL;
    if (queue->last)
        queue->last->next = note;
    else
        queue->first = note;
    queue->last = note;
}

static struct note *queue_pop(struct queue *queue)
{
    struct note *note = queue->first;
    if (note) {
        queue->first = note->next;
        if (!queue->first)
            queue->last = NULL;
    }
    return note;
}

static void queue_free(struct queue *queue)
{
    for (struct note *note; (note = queue_pop(queue));)
        free(note);
}

static struct end *end_of(struct proto_link *link)
{
    return (struct end *)link; /* link is its first member */
}

/* Under the mutex, so that no wake reaches an end that has closed. */
static void wake(struct end *end)
{
    if (!end->closed && end->link.wake)
        end->link.wake(end->link.wake_arg);
}

static void finish_note(struct net *net, struct note *note, int status)
{
    struct end *sender = &net->ends[note->from];
    note->status = status;
    queue_push(&sender->sent, note);
    wake(sender);
}

static void mark_broken(struct end *end, int peer)
{
    if (end->closed || end->inboxes[peer].broken)
        return;
    end->inboxes[peer].broken = true;
    end->due++;
    wake(end);
}

/* ---- buffers ---- */

static void free_buffer(struct end *end, struct buffer *buffer)
{
    proto_link_buffer_free(&end->link, buffer->data);
    *buffer = (struct buffer){0};
}

static void post_buffer(struct end *end, int index)
{
    struct buffer *buffer = &end->buffers[index];
    struct inbox *inbox = &end->inboxes[buffer->peer];
    buffer->state = BUFFER_POSTED;
    buffer->next = inbox->posted;
    inbox->posted = index;
}

static void withdraw_buffers(struct end *end, int peer)
{
    for (int i = 0; i < end->buffer_count; i++) {
        struct buffer *buffer = &end->buffers[i];
        if (buffer->peer != peer)
            continue;
        if (buffer->state == BUFFER_POSTED)
            free_buffer(end, buffer);
        else if (buffer->state == BUFFER_HELD)
            buffer->state = BUFFER_WITHDRAWN;
    }
    end->inboxes[peer].posted = NONE;
}

/* Index of an unused entry of the buffer table, which grows if need be; NONE without memory. */
static int new_buffer(struct end *end, int peer, size_t size)
{
    int index = 0;
    while (index < end->buffer_count && end->buffers[index].state != BUFFER_GONE)
        index++;
    if (index == end->buffer_count) {
        struct buffer *grown =
            realloc(end->buffers, ((size_t)end->buffer_count + 1) * sizeof(*grown));
        if (!grown)
            return NONE;
        grown[end->buffer_count++] = (struct buffer){0};
        end->buffers = grown;
    }
    void *data = proto_link_buffer_new(&end->link, size);
    if (!data)
        return NONE;
    end->buffers[index] = (struct buffer){.data = data, .size = size, .peer = peer};
    return index;
}

static int local_listen(struct proto_link *link, int peer, int buffers, size_t each_bytes)
{
    struct end *end = end_of(link);
    int status = PROTO_OK;
    assert(peer >= 0 && peer < link->size);
    pthread_mutex_lock(&end->net->mutex);
    withdraw_buffers(end, peer);
    for (int i = 0; i < buffers && status == PROTO_OK; i++) {
        int index = new_buffer(end, peer, each_bytes);
        if (index == NONE)
            status = PROTO_NO_MEMORY;
        else
            post_buffer(end, index);
    }
    if (end->inboxes[peer].waiting.first)
        wake(end);
    pthread_mutex_unlock(&end->net->mutex);
    if (status != PROTO_OK)
        proto_log_error("proto", "no memory for %d receive buffers of %zu bytes", buffers,
                        each_bytes);
    return status;
}

static void local_release(struct proto_link *link, const struct proto_link_event *event)
{
    struct end *end = end_of(link);
    pthread_mutex_lock(&end->net->mutex);
    assert(event->buffer >= 0 && event->buffer < end->buffer_count);
    struct buffer *buffer = &end->buffers[event->buffer];
    if (buffer->state == BUFFER_WITHDRAWN) {
        free_buffer(end, buffer);
    } else {
        assert(buffer->state == BUFFER_HELD);
        post_buffer(end, event->buffer);
        if (end->inboxes[buffer->peer].waiting.first)
            wake(end);
    }
    pthread_mutex_unlock(&end->net->mutex);
}

/* ---- messages ---- */

static int local_send(struct proto_link *link, int peer, const void *data, size_t len_bytes,
                      void *token)
{
    struct end *end = end_of(link);
    struct net *net = end->net;
    int status = PROTO_OK;
    assert(peer >= 0 && peer < link->size);
    if (len_bytes > INT32_MAX)
        return PROTO_LIMIT;
    pthread_mutex_lock(&net->mutex);
    struct end *receiver = &net->ends[peer];
    struct note *note = NULL;
    if (receiver->closed) {
        status = PROTO_LOST;
    } else {
        note = queue_pop(&end->spare);
        if (!note)
            note = malloc(sizeof(*note));
        if (!note)
            status = PROTO_NO_MEMORY;
    }
    if (note) {
        *note = (struct note){
            .from = link->rank, .to = peer, .data = data, .len_bytes = len_bytes, .token = token};
        queue_push(&receiver->inboxes[link->rank].waiting, note);
        receiver->due++;
        wake(receiver);
    }
    pthread_mutex_unlock(&net->mutex);
    return status;
}

/* Copy one message and tell its sender. Called and left with the mutex held. */
static void receive(struct end *end, int peer, struct proto_link_event *event)
{
    struct net *net = end->net;
    struct inbox *inbox = &end->inboxes[peer];
    struct end *sender = &net->ends[peer];
    struct note *note = queue_pop(&inbox->waiting);
    int index = inbox->posted;
    struct buffer *buffer = &end->buffers[index];

    end->due--;
    if (note->len_bytes > buffer->size) {
        proto_log_error("proto", "rank %d sent %zu bytes to rank %d, which expects at most %zu",
                        peer, note->len_bytes, end->link.rank, buffer->size);
        finish_note(net, note, PROTO_LOST);
        *event = (struct proto_link_event){.kind = PROTO_LINK_BROKEN, .peer = peer};
        return;
    }
    inbox->posted = buffer->next;
    buffer->state = BUFFER_HELD;
    void *data = buffer->data;
    sender->copying++; /* keeps its memory alive: closing waits for this */
    pthread_mutex_unlock(&net->mutex);

    if (note->len_bytes > 0)
        memcpy(data, note->data, note->len_bytes);

    pthread_mutex_lock(&net->mutex);
    sender->copying--;
    pthread_cond_broadcast(&net->copied);
    *event = (struct proto_link_event){.kind = PROTO_LINK_RECEIVED,
                                       .peer = peer,
                                       .data = data,
                                       .len_bytes = note->len_bytes,
                                       .buffer = index};
    finish_note(net, note, PROTO_OK);
}

/* The next thing that came in, peers taking turns. */
static int poll_inboxes(struct end *end, struct proto_link_event *event)
{
    for (int i = 0; i < end->link.size && end->due > 0; i++) {
        int peer = (end->next_peer + i) % end->link.size;
        struct inbox *inbox = &end->inboxes[peer];
        if (inbox->broken) {
            inbox->broken = false;
            end->due--;
            *event = (struct proto_link_event){.kind = PROTO_LINK_BROKEN, .peer = peer};
            return 1;
        }
        if (inbox->waiting.first && inbox->posted != NONE) {
            end->next_peer = (peer + 1) % end->link.size;
            receive(end, peer, event);
            return 1;
        }
    }
    return 0;
}

static int local_poll(struct proto_link *link, struct proto_link_event *event)
{
    struct end *end = end_of(link);
    int got;
    pthread_mutex_lock(&end->net->mutex);
    struct note *note = queue_pop(&end->sent);
    if (note) {
        *event = (struct proto_link_event){.kind = PROTO_LINK_SENT,
                                           .peer = note->to,
                                           .token = note->token,
                                           .status = note->status};
        queue_push(&end->spare, note);
        got = 1;
    } else {
        got = poll_inboxes(end, event);
    }
    pthread_mutex_unlock(&end->net->mutex);
    return got;
}

/* ---- open and close ---- */

/* Take the notes of a closing sender out of a queue; their memory goes with the sender. */
static int drop_notes_from(struct queue *queue, int sender)
{
    struct queue kept = {0};
    int dropped = 0;
    for (struct note *note; (note = queue_pop(queue));) {
        if (note->from == sender) {
            free(note);
            dropped++;
        } else {
            queue_push(&kept, note);
        }
    }
    *queue = kept;
    return dropped;
}

static void free_end(struct end *end)
{
    for (int i = 0; i < end->buffer_count; i++)
        free_buffer(end, &end->buffers[i]);
    free(end->buffers);
    free(end->inboxes);
    queue_free(&end->sent);
    queue_free(&end->spare);
}

static void free_net(struct net *net)
{
    for (int i = 0; net->ends && i < net->size; i++)
        free_end(&net->ends[i]);
    free(net->ends);
    pthread_cond_destroy(&net->copied);
    pthread_mutex_destroy(&net->mutex);
    free(net);
}

static void local_close(struct proto_link *link)
{
    struct end *end = end_of(link);
    struct net *net = end->net;
    pthread_mutex_lock(&net->mutex);
    while (end->copying > 0)
        pthread_cond_wait(&net->copied, &net->mutex);
    end->closed = true;
    for (int i = 0; i < net->size; i++) {
        struct end *other = &net->ends[i];
        for (struct note *note; (note = queue_pop(&end->inboxes[i].waiting));)
            finish_note(net, note, PROTO_LOST);
        other->due -= drop_notes_from(&other->inboxes[link->rank].waiting, link->rank);
        mark_broken(other, link->rank);
    }
    bool last = --net->open_ends == 0;
    pthread_mutex_unlock(&net->mutex);
    if (last)
        free_net(net);
}

static void local_set_wake(struct proto_link *link, void (*function)(void *arg), void *arg)
{
    struct end *end = end_of(link);
    pthread_mutex_lock(&end->net->mutex);
    link->wake = function;
    link->wake_arg = arg;
    pthread_mutex_unlock(&end->net->mutex);
}

static const struct proto_link_ops local_ops = {
    .name = "local",
    .listen = local_listen,
    .send = local_send,
    .poll = local_poll,
    .release = local_release,
    .close = local_close,
    .set_wake = local_set_wake,
};

static int open_end(struct net *net, int rank)
{
    struct end *end = &net->ends[rank];
    end->link = (struct proto_link){.ops = &local_ops, .rank = rank, .size = net->size};
    end->net = net;
    end->inboxes = calloc((size_t)net->size, sizeof(*end->inboxes));
    if (!end->inboxes)
        return PROTO_NO_MEMORY;
    for (int i = 0; i < net->size; i++)
        end->inboxes[i].posted = NONE;
    return PROTO_OK;
}

int proto_link_local_open(int size, struct proto_link **ends)
{
    assert(size > 0);
    struct net *net = calloc(1, sizeof(*net));
    if (!net)
        return PROTO_NO_MEMORY;
    pthread_mutex_init(&net->mutex, NULL);
    pthread_cond_init(&net->copied, NULL);
    net->size = net->open_ends = size;
    net->ends = calloc((size_t)size, sizeof(*net->ends));
    if (!net->ends)
        goto fail;
    for (int i = 0; i < size; i++)
        if (open_end(net, i) != PROTO_OK)
            goto fail;
    for (int i = 0; i < size; i++)
        ends[i] = &net->ends[i].link;
    return PROTO_OK;
fail:
    free_net(net);
    return PROTO_NO_MEMORY;
}
