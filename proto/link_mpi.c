/* The link over MPI: nonblocking point-to-point on MPI_COMM_WORLD, nothing collective after start.
 *
 * Every request has a slot, with the same index in `requests` for MPI_Testsome. A receive slot owns
 * a buffer and goes round: posted, complete, held by the caller, posted again. MPI matches
 * messages with receives in order but may complete a short one before a long one that came
 * first, so each peer has its receives in a list in the order of posting, and only its head is
 * delivered.
 */
#include "proto/link.h"

#include <assert.h>
#include <limits.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/launcher.h"
#include "proto/log.h"
#include "proto/status.h"

enum {
    TAG = 1,
    NONE = -1,
    SLOTS_FIRST = 64,
    CLOSE_SEND_MS = 2000,  /* how long close waits for sends that are still under way */
    CLOSE_LINGER_MS = 20,  /* see drain */
    CLOSE_CANCEL_MS = 200, /* how long close waits for receives to be cancelled */
};

enum slot_state {
    SLOT_UNUSED,
    SLOT_SENDING,
    SLOT_POSTED,
    SLOT_COMPLETE,  /* received, waiting for its turn */
    SLOT_CANCELLED, /* withdrawn before anything came; waiting for its turn to disappear */
    SLOT_FAILED,    /* too long, or a transport error */
    SLOT_HELD,      /* with the caller */
};

struct slot {
    enum slot_state state;
    int peer;
    int next;       /* receive: the one posted after it; unused: the next unused one */
    bool withdrawn; /* receive: free it instead of posting it again */
    void *data;     /* receive: the buffer, owned */
    size_t size, len_bytes;
    void *token; /* send */
};

struct peer {
    int first, last; /* receives in the order of posting */
    bool silent;     /* BROKEN was reported and nothing was received since */
    bool broken;     /* a BROKEN event is due */
};

struct mpi_end {
    struct proto_link link;
    struct peer *peers;
    int slot_count, slot_cap; /* slots in use (with holes), room for */
    int unused;               /* first hole */
    struct slot *slots;
    MPI_Request *requests;
    int *indices; /* what MPI_Testsome completed */
    MPI_Status *statuses;
    struct proto_link_event *events; /* at most one a slot: refilled only when empty */
    int event_first, event_count;
    int broken_count; /* peers with a BROKEN event due */
    int sending;      /* sends under way */
    bool detached;    /* the launcher expects nothing more of this process */
    bool abandoned;   /* some peers will not answer any more */
};

static struct mpi_end *end_of(struct proto_link *link)
{
    return (struct mpi_end *)link; /* link is its first member */
}

/* MPICH's text is a stack of lines; what happened is in the last one. */
static void log_mpi_error(const char *what, int peer, int code)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int len = 0;
    MPI_Error_string(code, text, &len);
    for (char *end = text + strlen(text); end > text && end[-1] == '\n'; end--)
        end[-1] = '\0';
    const char *last = strrchr(text, '\n');
    proto_log_error("proto", "%s rank %d: %s", what, peer, last ? last + 1 : text);
}

/* ---- slots ---- */

static int grow_array(void **array, size_t count, size_t each)
{
    void *grown = realloc(*array, count * each);
    if (!grown)
        return PROTO_NO_MEMORY;
    *array = grown;
    return PROTO_OK;
}

static int grow_slots(struct mpi_end *end)
{
    size_t cap = end->slot_cap > 0 ? (size_t)end->slot_cap * 2 : SLOTS_FIRST;
    void *slots = end->slots, *requests = end->requests, *indices = end->indices,
         *statuses = end->statuses, *events = end->events;
    int status = PROTO_OK;
    /* Each array that did grow is kept, whatever happens to the next one. */
    if (grow_array(&slots, cap, sizeof(*end->slots)) != PROTO_OK ||
        grow_array(&requests, cap, sizeof(MPI_Request)) != PROTO_OK ||
        grow_array(&indices, cap, sizeof(*end->indices)) != PROTO_OK ||
        grow_array(&statuses, cap, sizeof(*end->statuses)) != PROTO_OK ||
        grow_array(&events, cap, sizeof(*end->events)) != PROTO_OK)
        status = PROTO_NO_MEMORY;
    end->slots = slots;
    end->requests = requests;
    end->indices = indices;
    end->statuses = statuses;
    end->events = events;
    if (status == PROTO_OK)
        end->slot_cap = (int)cap;
    return status;
}

static int new_slot(struct mpi_end *end)
{
    int index = end->unused;
    if (index != NONE) {
        end->unused = end->slots[index].next;
    } else {
        if (end->slot_count == end->slot_cap && grow_slots(end) != PROTO_OK)
            return NONE;
        index = end->slot_count++;
    }
    end->slots[index] = (struct slot){.next = NONE};
    end->requests[index] = MPI_REQUEST_NULL;
    return index;
}

static void free_slot(struct mpi_end *end, int index)
{
    proto_link_buffer_free(&end->link, end->slots[index].data);
    end->slots[index] = (struct slot){.next = end->unused};
    end->unused = index;
}

static void mark_broken(struct mpi_end *end, int index)
{
    struct peer *peer = &end->peers[index];
    if (peer->silent || peer->broken)
        return;
    peer->silent = peer->broken = true;
    end->broken_count++;
}

/* ---- receiving ---- */

/* Post a receive, as the last of its peer. */
static void post_receive(struct mpi_end *end, int index)
{
    struct slot *slot = &end->slots[index];
    struct peer *peer = &end->peers[slot->peer];
    slot->state = SLOT_POSTED;
    slot->next = NONE;
    int code = MPI_Irecv(slot->data, (int)slot->size, MPI_BYTE, slot->peer, TAG, MPI_COMM_WORLD,
                         &end->requests[index]);
    if (code != MPI_SUCCESS) {
        log_mpi_error("receiving from", slot->peer, code);
        mark_broken(end, slot->peer);
        free_slot(end, index);
        return;
    }
    if (peer->last != NONE)
        end->slots[peer->last].next = index;
    else
        peer->first = index;
    peer->last = index;
}

static void repost_or_free(struct mpi_end *end, int index)
{
    if (end->slots[index].withdrawn)
        free_slot(end, index);
    else
        post_receive(end, index);
}

/* Only asks MPI to cancel: a message that came first wins, and a wait for one whose sender died
 * half-way would never end. The request's completion tells which it was. */
static void withdraw_receives(struct mpi_end *end, int peer)
{
    for (int i = 0; i < end->slot_count; i++) {
        struct slot *slot = &end->slots[i];
        if (slot->peer != peer || slot->state == SLOT_UNUSED || slot->state == SLOT_SENDING ||
            slot->withdrawn)
            continue;
        slot->withdrawn = true;
        if (slot->state == SLOT_POSTED)
            MPI_Cancel(&end->requests[i]);
    }
}

static int mpi_listen(struct proto_link *link, int peer, int buffers, size_t each_bytes)
{
    struct mpi_end *end = end_of(link);
    assert(peer >= 0 && peer < link->size && each_bytes <= INT_MAX);
    withdraw_receives(end, peer);
    for (int i = 0; i < buffers; i++) {
        int index = new_slot(end);
        if (index == NONE)
            goto fail;
        struct slot *slot = &end->slots[index];
        slot->peer = peer;
        slot->size = each_bytes;
        slot->data = proto_link_buffer_new(&end->link, each_bytes);
        if (!slot->data) {
            free_slot(end, index);
            goto fail;
        }
        post_receive(end, index);
    }
    return PROTO_OK;
fail:
    proto_log_error("proto", "no memory for %d receive buffers of %zu bytes", buffers, each_bytes);
    return PROTO_NO_MEMORY;
}

static void mpi_release(struct proto_link *link, const struct proto_link_event *event)
{
    struct mpi_end *end = end_of(link);
    assert(event->buffer >= 0 && event->buffer < end->slot_count);
    assert(end->slots[event->buffer].state == SLOT_HELD);
    repost_or_free(end, event->buffer);
}

static void finish_receive(struct mpi_end *end, int index, const MPI_Status *status, int code)
{
    struct slot *slot = &end->slots[index];
    int cancelled = 0, count = 0;
    if (code != MPI_SUCCESS) {
        log_mpi_error("receiving from", slot->peer, code);
        slot->state = SLOT_FAILED;
        return;
    }
    MPI_Test_cancelled(status, &cancelled);
    if (cancelled) {
        slot->state = SLOT_CANCELLED;
        return;
    }
    MPI_Get_count(status, MPI_BYTE, &count);
    slot->len_bytes = (size_t)count;
    slot->state = SLOT_COMPLETE;
}

static void add_event(struct mpi_end *end, const struct proto_link_event *event)
{
    assert(end->event_count < end->slot_cap);
    end->events[end->event_count++] = *event;
}

/* Hand over what has come from a peer, up to the first receive that is still open. */
static void deliver_in_order(struct mpi_end *end, int peer_index)
{
    struct peer *peer = &end->peers[peer_index];
    while (peer->first != NONE && end->slots[peer->first].state != SLOT_POSTED) {
        int index = peer->first;
        struct slot *slot = &end->slots[index];
        peer->first = slot->next;
        if (peer->first == NONE)
            peer->last = NONE;
        if (slot->state == SLOT_COMPLETE) {
            slot->state = SLOT_HELD;
            peer->silent = false;
            add_event(end, &(struct proto_link_event){.kind = PROTO_LINK_RECEIVED,
                                                      .peer = peer_index,
                                                      .data = slot->data,
                                                      .len_bytes = slot->len_bytes,
                                                      .buffer = index});
        } else if (slot->state == SLOT_FAILED) {
            mark_broken(end, peer_index);
            repost_or_free(end, index);
        } else {
            free_slot(end, index);
        }
    }
}

/* ---- sending ---- */

static int mpi_send(struct proto_link *link, int peer, const void *data, size_t len_bytes,
                    void *token)
{
    struct mpi_end *end = end_of(link);
    assert(peer >= 0 && peer < link->size);
    if (len_bytes > INT_MAX)
        return PROTO_LIMIT;
    int index = new_slot(end);
    if (index == NONE)
        return PROTO_NO_MEMORY;
    int code =
        MPI_Isend(data, (int)len_bytes, MPI_BYTE, peer, TAG, MPI_COMM_WORLD, &end->requests[index]);
    if (code != MPI_SUCCESS) {
        log_mpi_error("sending to", peer, code);
        free_slot(end, index);
        mark_broken(end, peer);
        return PROTO_LOST;
    }
    struct slot *slot = &end->slots[index];
    slot->state = SLOT_SENDING;
    slot->peer = peer;
    slot->token = token;
    end->sending++;
    return PROTO_OK;
}

static void finish_send(struct mpi_end *end, int index, int code)
{
    struct slot *slot = &end->slots[index];
    if (code != MPI_SUCCESS) {
        log_mpi_error("sending to", slot->peer, code);
        mark_broken(end, slot->peer);
    }
    add_event(end,
              &(struct proto_link_event){.kind = PROTO_LINK_SENT,
                                         .peer = slot->peer,
                                         .token = slot->token,
                                         .status = code == MPI_SUCCESS ? PROTO_OK : PROTO_LOST});
    end->sending--;
    free_slot(end, index);
}

/* ---- polling ---- */

/* Let MPI work and turn what it completed into events. */
static void test_requests(struct mpi_end *end)
{
    int count = 0;
    if (end->slot_count == 0)
        return;
    int code = MPI_Testsome(end->slot_count, end->requests, &count, end->indices, end->statuses);
    if (code != MPI_SUCCESS && code != MPI_ERR_IN_STATUS) {
        log_mpi_error("testing the requests of", end->link.rank, code);
        return;
    }
    if (count == MPI_UNDEFINED) /* no request is open */
        return;
    for (int i = 0; i < count; i++) {
        int index = end->indices[i];
        /* MPI sets the field only when it says so. */
        int each = code == MPI_SUCCESS ? MPI_SUCCESS : end->statuses[i].MPI_ERROR;
        if (end->slots[index].state == SLOT_SENDING)
            finish_send(end, index, each);
        else
            finish_receive(end, index, &end->statuses[i], each);
    }
    for (int i = 0; i < end->link.size && count > 0; i++)
        deliver_in_order(end, i);
}

static int take_broken(struct mpi_end *end, struct proto_link_event *event)
{
    for (int i = 0; i < end->link.size; i++) {
        if (end->peers[i].broken) {
            end->peers[i].broken = false;
            end->broken_count--;
            *event = (struct proto_link_event){.kind = PROTO_LINK_BROKEN, .peer = i};
            return 1;
        }
    }
    return 0;
}

static int mpi_poll(struct proto_link *link, struct proto_link_event *event)
{
    struct mpi_end *end = end_of(link);
    if (end->event_first == end->event_count) {
        end->event_first = end->event_count = 0;
        test_requests(end);
    }
    if (end->event_first < end->event_count) {
        *event = end->events[end->event_first++];
        return 1;
    }
    return end->broken_count > 0 ? take_broken(end, event) : 0;
}

/* ---- closing ---- */

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static void let_mpi_work(struct mpi_end *end)
{
    struct proto_link_event event;
    while (mpi_poll(&end->link, &event))
        ;
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

/* Complete the sends. A completed send may still lie in the transport's own buffer, which only
 * empties while MPI is called: hence the lingering. */
static void drain(struct mpi_end *end)
{
    double end_ms = now_ms() + CLOSE_SEND_MS;
    while (end->sending > 0 && now_ms() < end_ms)
        let_mpi_work(end);
    if (end->sending > 0)
        proto_log_warn("proto", "%d messages could not be sent before the end", end->sending);
    end_ms = now_ms() + CLOSE_LINGER_MS;
    while (now_ms() < end_ms)
        let_mpi_work(end);
}

static bool receives_open(const struct mpi_end *end)
{
    for (int i = 0; i < end->slot_count; i++)
        if (end->slots[i].state == SLOT_POSTED)
            return true;
    return false;
}

static void cancel_receives(struct mpi_end *end)
{
    for (int i = 0; i < end->link.size; i++)
        withdraw_receives(end, i);
    double end_ms = now_ms() + CLOSE_CANCEL_MS;
    while (receives_open(end) && now_ms() < end_ms)
        let_mpi_work(end);
}

/* Memory of a request that is still open stays: the transport may write to it. */
static void free_end(struct mpi_end *end)
{
    for (int i = 0; i < end->slot_count; i++)
        if (end->requests[i] == MPI_REQUEST_NULL)
            proto_link_buffer_free(&end->link, end->slots[i].data);
    free(end->slots);
    free(end->requests);
    free(end->indices);
    free(end->statuses);
    free(end->events);
    free(end->peers);
    free(end);
}

static void mpi_close(struct proto_link *link)
{
    struct mpi_end *end = end_of(link);
    if (end->abandoned)
        return; /* what is under way will stay so */
    drain(end);
    cancel_receives(end);
    if (proto_launcher_hydra() >= 0)
        proto_launcher_goodbye();
    else if (!end->detached && end->sending == 0) /* else it would wait for a dead peer for ever */
        MPI_Finalize();
    free_end(end);
}

bool proto_link_mpi_detach(struct proto_link *link)
{
    struct mpi_end *end = end_of(link);
    end->detached = proto_launcher_hydra() >= 0;
    proto_launcher_goodbye();
    return end->detached;
}

/* MPI_Finalize waits in the manager's barrier without driving the transport. Over TCP, when ranks
 * poll with pauses, another rank that still has to finish a connection then waits for ever: 8 of
 * 8 runs with 5 ranks hung with MPICH 4.0 and UCX. Under hydra the same goodbye that MPI_Finalize
 * would send, then _exit, ended 12 of 12 runs cleanly; the barrier is what is left out. _exit,
 * because exit would run the transport's destructors in the middle of its life. */
void proto_link_mpi_exit(struct proto_link *link, int code)
{
    proto_link_close(link);
    fflush(NULL);
    _exit(code);
}

void proto_link_mpi_abandon(struct proto_link *link)
{
    end_of(link)->detached = end_of(link)->abandoned = true;
}

static const struct proto_link_ops mpi_ops = {
    .name = "mpi",
    .listen = mpi_listen,
    .send = mpi_send,
    .poll = mpi_poll,
    .release = mpi_release,
    .close = mpi_close,
};

/* ---- opening ---- */

const char *proto_link_mpi_version(void)
{
    static char text[64];
    char library[MPI_MAX_LIBRARY_VERSION_STRING], name[16] = "MPI", number[24] = "unknown";
    int length;
    /* MPICH: "MPICH Version:\t4.0.2\n..."; others say it in other words. */
    if (MPI_Get_library_version(library, &length) == MPI_SUCCESS)
        sscanf(library, "%15s Version: %23s", name, number);
    snprintf(text, sizeof text, "%s %s", name, number);
    return text;
}

static int start_mpi(int *rank, int *size)
{
    int provided = MPI_THREAD_SINGLE;
    /* Over shared memory a killed peer can take this process with it, and sends to it "succeed".
     * Over TCP the kernel tells. Whoever has set it keeps it. */
    setenv("UCX_TLS", "tcp,self", 0);
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
        proto_log_error("proto", "MPI does not start");
        return PROTO_UNSUPPORTED;
    }
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, size);
    char host[MPI_MAX_PROCESSOR_NAME] = "?";
    int len = 0;
    MPI_Get_processor_name(host, &len);
    proto_log_set_identity(*rank, host);
    if (provided < MPI_THREAD_FUNNELED) {
        proto_log_error("proto", "this MPI supports no threads (MPI_THREAD_FUNNELED is needed)");
        return PROTO_UNSUPPORTED;
    }
    int launched = proto_launcher_size();
    if (launched > 0 && launched != *size) {
        /* Every process believes it is rank 0: one of them speaks. */
        if (proto_launcher_rank() <= 0)
            proto_log_error("proto",
                            "the launcher started %d processes but MPI sees %d: mpirun and the MPI "
                            "library do not belong together (Ubuntu 24.04's mpich 4.2.0 has this "
                            "fault); use the mpirun of the same MPI, or another version",
                            launched, *size);
        return PROTO_MISMATCH;
    }
    return PROTO_OK;
}

int proto_link_mpi_open(struct proto_link **out)
{
    int rank = 0, size = 1;
    struct mpi_end *end = NULL;
    int status = start_mpi(&rank, &size);
    if (status != PROTO_OK)
        return status;
    end = calloc(1, sizeof(*end));
    if (!end)
        return PROTO_NO_MEMORY;
    end->link =
        (struct proto_link){.ops = &mpi_ops, .rank = rank, .size = size, .needs_polling = true};
    end->unused = NONE;
    end->peers = calloc((size_t)size, sizeof(*end->peers));
    if (!end->peers) {
        free(end);
        return PROTO_NO_MEMORY;
    }
    for (int i = 0; i < size; i++)
        end->peers[i] = (struct peer){.first = NONE, .last = NONE};
    *out = &end->link;
    return PROTO_OK;
}
