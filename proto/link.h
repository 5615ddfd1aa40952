/* Nonblocking messages between rank 0 and its workers, over MPI or within one process.
 *
 * One thread owns a link and calls proto_link_poll from its loop. Receive buffers belong to the
 * link and are posted in advance; send buffers belong to the caller until the SENT event.
 * Messages between two peers arrive in order. Not collective except where said.
 */
#ifndef PROTO_LINK_H
#define PROTO_LINK_H

#include <stdbool.h>
#include <stddef.h>

enum proto_link_event_kind {
    PROTO_LINK_RECEIVED, /* a message; the buffer is the caller's until proto_link_release */
    PROTO_LINK_SENT,     /* a send ended; its buffer is the caller's again */
    PROTO_LINK_BROKEN,   /* the peer can't be reached (not every transport can tell) */
};

struct proto_link_event {
    enum proto_link_event_kind kind;
    int peer;
    const void *data; /* RECEIVED */
    size_t len_bytes; /* RECEIVED */
    int buffer;       /* RECEIVED: to give to proto_link_release */
    void *token;      /* SENT: as given to proto_link_send */
    int status;       /* SENT: PROTO_OK or PROTO_LOST */
};

struct proto_link;

struct proto_link_ops {
    const char *name;
    int (*listen)(struct proto_link *link, int peer, int buffers, size_t each_bytes);
    int (*send)(struct proto_link *link, int peer, const void *data, size_t len_bytes, void *token);
    int (*poll)(struct proto_link *link, struct proto_link_event *event);
    void (*release)(struct proto_link *link, const struct proto_link_event *event);
    void (*close)(struct proto_link *link);
    /* (optional) As proto_link_set_wake, for transports that wake from other threads. */
    void (*set_wake)(struct proto_link *link, void (*wake)(void *arg), void *arg);
};

/* Embedded first in each transport's own struct. */
struct proto_link {
    const struct proto_link_ops *ops;
    int rank, size; /* own rank, number of ranks; rank 0 coordinates */
    /* true: poll must be called from time to time (MPI has no file descriptor);
     * false: the transport calls `wake` when there is something to poll. */
    bool needs_polling;
    /* From any thread, perhaps with a lock of the link held: only signal (uv_async_send), never
     * call the link. See proto_link_set_wake. */
    void (*wake)(void *arg);
    void *wake_arg;
    /* Where receive buffers come from; NULL: malloc. See proto_link_set_memory. */
    void *(*memory)(void *arg, size_t size_bytes);
    void (*forget)(void *arg, void *memory);
    void *memory_arg;
};

/* Receive from `peer` into `buffers` buffers of `each_bytes` from now on (0 buffers: no longer).
 * Earlier buffers of that peer are withdrawn; messages that are in them already are still
 * delivered, and one that is on its way goes into whichever buffer it meets. A message longer
 * than its buffer is dropped, logged and reported as BROKEN.
 * Returns PROTO_OK or PROTO_NO_MEMORY (then fewer buffers are posted). */
static inline int proto_link_listen(struct proto_link *link, int peer, int buffers,
                                    size_t each_bytes)
{
    return link->ops->listen(link, peer, buffers, each_bytes);
}
/* Begin to send. data stays untouched until the SENT event with the same token; to a peer that
 * does not receive, that may be never. SENT does not mean that the peer has polled the message.
 * Returns PROTO_OK, or PROTO_LOST, PROTO_LIMIT (over 2 GiB), PROTO_NO_MEMORY: nothing was sent and no
 * event follows. */
static inline int proto_link_send(struct proto_link *link, int peer, const void *data,
                                  size_t len_bytes, void *token)
{
    return link->ops->send(link, peer, data, len_bytes, token);
}
/* Take the next event. Returns 1 with *event filled, 0 if nothing happened. Never blocks. */
static inline int proto_link_poll(struct proto_link *link, struct proto_link_event *event)
{
    return link->ops->poll(link, event);
}
/* Give a received buffer back; the link posts it again. */
static inline void proto_link_release(struct proto_link *link, const struct proto_link_event *event)
{
    link->ops->release(link, event);
}
/* Say what is called when there is something to poll; NULL: nothing. Once it has returned, the
 * earlier one is not called any more. What came before is not told: poll once afterwards. */
static inline void proto_link_set_wake(struct proto_link *link, void (*wake)(void *arg), void *arg)
{
    if (link->ops->set_wake) {
        link->ops->set_wake(link, wake, arg);
    } else {
        link->wake = wake;
        link->wake_arg = arg;
    }
}
/* Take receive buffers from `memory` instead of malloc: memory that another process shares. To be said
 * before the first listen; it must outlive the link. */
static inline void proto_link_set_memory(struct proto_link *link,
                                         void *(*memory)(void *arg, size_t size_bytes),
                                         void (*forget)(void *arg, void *memory), void *arg)
{
    link->memory = memory;
    link->forget = forget;
    link->memory_arg = arg;
}
/* Close this end; take the SENT events first. Messages not yet polled are lost. NULL is fine.
 * MPI: ends MPI for the process, so that leaving main is all that may follow; programs call
 * proto_link_mpi_exit instead. Collective. */
static inline void proto_link_close(struct proto_link *link)
{
    if (link)
        link->ops->close(link);
}

/* For transports: a receive buffer, aligned for pixels. NULL: no memory. */
void *proto_link_buffer_new(struct proto_link *link, size_t size_bytes);
void proto_link_buffer_free(struct proto_link *link, void *buffer); /* NULL is fine */

/* In one process: `size` ends that know each other; end i has rank i. One thread may own each.
 * Close every end. Returns PROTO_OK or PROTO_NO_MEMORY (then no end is open). */
int proto_link_local_open(int size, struct proto_link **ends);

/* MPI (MPI_COMM_WORLD). The calling thread becomes the one that owns MPI; log lines carry the rank
 * from then on. Once per process. Collective.
 * Returns PROTO_OK, PROTO_UNSUPPORTED if MPI does not start, PROTO_NO_MEMORY, or PROTO_MISMATCH if
 * the launcher started another number of processes than MPI can see. */
int proto_link_mpi_open(struct proto_link **out);
/* Leave the launcher's care while MPI goes on: from now on it neither waits for this process nor ends
 * the others when this one dies. Returns whether that was possible (hydra only). */
bool proto_link_mpi_detach(struct proto_link *link);
/* Some peers are dead or stand still: closing is to wait for nobody, and to leave the launcher to
 * somebody else (worker/guard.h). */
void proto_link_mpi_abandon(struct proto_link *link);
/* "MPICH 4.0.2": the library in use. MPI need not be started. */
const char *proto_link_mpi_version(void);
/* Close the link (NULL: MPI was never opened), flush stdio and end the process with `code`.
 * The one right way out of a program that opened an MPI link: link_mpi.c says why. */
void proto_link_mpi_exit(struct proto_link *link, int code) __attribute__((noreturn));

#endif
