/* See link_ping.h. */
#include "proto/link_ping.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/log.h"
#include "proto/status.h"

enum {
    SIZES = 5,
    BUFFERS = 4,
    SPIN_US =
        20000, /* after the last message: then sleep between polls, the core is others', too */
    REST_NS = 500000,
    SLOW_US = 200000, /* a round trip that takes longer is repeated only a few times */
    SLOW_ROUNDS = 4,
};
static const uint32_t sizes[SIZES] = {64, 4096, 65536, 262144, PROTO_PING_MAX};

/* At the start of every message. */
struct ping {
    char mark[8];
    uint32_t answer_bytes; /* 0: it was the last; CANCELLED */
    uint32_t number;
};
static const char mark[8] = "mu-ping";
#define CANCELLED UINT32_MAX

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Next event of one kind from a peer; others of that peer's kind are passed over. */
static int wait_for(struct proto_link *link, enum proto_link_event_kind kind, int peer,
                    uint64_t silence_us, struct proto_link_event *event)
{
    const uint64_t start = now_ns();
    for (;;) {
        const uint64_t waited_us = (now_ns() - start) / 1000;
        if (proto_link_poll(link, event)) {
            if (event->kind == kind && (event->peer == peer || peer < 0))
                return event->kind == PROTO_LINK_SENT ? event->status : PROTO_OK;
            if (event->kind == PROTO_LINK_RECEIVED)
                proto_link_release(link, event);
            if (event->kind == PROTO_LINK_BROKEN && (event->peer == peer || peer < 0))
                return PROTO_LOST;
        } else if (waited_us > silence_us) {
            return PROTO_LOST;
        } else if (waited_us < SPIN_US) {
            sched_yield();
        } else {
            nanosleep(&(struct timespec){.tv_nsec = REST_NS}, NULL);
        }
    }
}

int proto_link_put(struct proto_link *link, int peer, const void *data, size_t len_bytes,
                   uint64_t silence_us)
{
    struct proto_link_event event;
    const int status = proto_link_send(link, peer, data, len_bytes, NULL);
    return status ? status : wait_for(link, PROTO_LINK_SENT, peer, silence_us, &event);
}

int proto_link_get(struct proto_link *link, int peer, uint64_t silence_us,
                   struct proto_link_event *event)
{
    return wait_for(link, PROTO_LINK_RECEIVED, peer, silence_us, event);
}

/* ---- the worker ---- */

int proto_link_pong(struct proto_link *link, uint64_t silence_us)
{
    unsigned char *answer = calloc(1, PROTO_PING_MAX);
    int status = answer ? proto_link_listen(link, 0, BUFFERS, PROTO_PING_MAX) : PROTO_NO_MEMORY;
    while (status == PROTO_OK) {
        struct proto_link_event event;
        struct ping ping = {.answer_bytes = 0};
        status = proto_link_get(link, 0, silence_us, &event);
        if (status != PROTO_OK)
            break;
        const bool is_ping =
            event.len_bytes >= sizeof ping && !memcmp(event.data, mark, sizeof mark);
        if (is_ping)
            memcpy(&ping, event.data, sizeof ping);
        proto_link_release(link, &event);
        if (!is_ping)
            continue;
        if (ping.answer_bytes == 0)
            break;
        if (ping.answer_bytes == CANCELLED) {
            status = PROTO_END;
        } else if (ping.answer_bytes >= sizeof ping && ping.answer_bytes <= PROTO_PING_MAX) {
            memcpy(answer, &ping, sizeof ping);
            status = proto_link_put(link, 0, answer, ping.answer_bytes, silence_us);
        }
    }
    free(answer);
    return status;
}

/* ---- rank 0 ---- */

void proto_link_ping_end(struct proto_link *link, int worker, bool cancel)
{
    /* Not changed any more once they are on their way. */
    static const struct ping end = {"mu-ping", 0, 0}, cancelled = {"mu-ping", CANCELLED, 0};
    if (proto_link_send(link, worker, cancel ? &cancelled : &end, sizeof end, NULL))
        proto_log_error("proto", "worker %d (rank %d) can't be reached", worker, worker);
}

struct pinger {
    struct proto_link *link;
    int worker;
    uint64_t silence_us;
    uint32_t number;
    unsigned char *data;
};

/* There and back, in microseconds. */
static int round_trip(struct pinger *p, uint32_t bytes, uint32_t answer_bytes, double *us)
{
    struct proto_link_event event;
    struct ping ping = {.answer_bytes = answer_bytes, .number = ++p->number}, answer;
    memcpy(ping.mark, mark, sizeof mark);
    memcpy(p->data, &ping, sizeof ping);
    const uint64_t start = now_ns();
    int status = proto_link_send(p->link, p->worker, p->data, bytes, NULL);
    bool sent = false, answered = false;
    while (status == PROTO_OK && !(sent && answered)) {
        if (!proto_link_poll(p->link, &event)) {
            if ((now_ns() - start) / 1000 > p->silence_us)
                status = PROTO_LOST;
            sched_yield();
        } else if (event.kind == PROTO_LINK_SENT) {
            sent = true;
            status = event.status;
        } else if (event.kind == PROTO_LINK_BROKEN) {
            status = event.peer == p->worker ? PROTO_LOST : PROTO_OK;
        } else {
            answered = event.peer == p->worker && event.len_bytes >= sizeof answer;
            if (answered) {
                memcpy(&answer, event.data, sizeof answer);
                answered = answer.number == p->number;
                *us = (double)(now_ns() - start) / 1e3;
            }
            proto_link_release(p->link, &event);
        }
    }
    return status;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int typical(struct pinger *p, uint32_t bytes, uint32_t answer_bytes, double *us)
{
    double all[PROTO_PING_ROUNDS], warm;
    int n = 0, status = round_trip(p, bytes, answer_bytes, &warm);
    while (status == PROTO_OK && n < PROTO_PING_ROUNDS && !(warm > SLOW_US && n >= SLOW_ROUNDS))
        status = round_trip(p, bytes, answer_bytes, &all[n++]);
    if (status != PROTO_OK)
        return status;
    qsort(all, (size_t)n, sizeof *all, by_value);
    *us = all[n / 2]; /* the median */
    return PROTO_OK;
}

/* us[i]: round trips with sizes[i] one way and the least the other. The rate is the median of those between
 * any two sizes that differ enough, the latency half of what is left (Theil and Sen): one size
 * that was disturbed changes little. */
static void line_of(const double us[SIZES], struct proto_profile_way *way)
{
    double slopes[SIZES * SIZES], starts[SIZES];
    int n = 0;
    for (int i = 0; i < SIZES; i++)
        for (int j = 0; j < i; j++)
            if (sizes[i] - sizes[j] > 32768)
                slopes[n++] = (us[i] - us[j]) / (double)(sizes[i] - sizes[j]);
    qsort(slopes, (size_t)n, sizeof *slopes, by_value);
    /* Not below what the longest message shows, if all of its time were the wire's. */
    const double least = us[SIZES - 1] / sizes[SIZES - 1] / 4;
    const double slope = slopes[n / 2] > least ? slopes[n / 2] : least;
    for (int i = 0; i < SIZES; i++)
        starts[i] = us[i] - slope * sizes[i];
    qsort(starts, SIZES, sizeof *starts, by_value);
    const double start = starts[SIZES / 2];
    *way = (struct proto_profile_way){.latency_us = start > 0 ? start / 2 : us[0] / 2,
                                      .bytes_per_us = 1 / slope};
}

int proto_link_ping(struct proto_link *link, int worker, uint64_t silence_us,
                    struct proto_profile_way *to, struct proto_profile_way *from)
{
    struct pinger p = {link, worker, silence_us, 0, calloc(1, PROTO_PING_MAX)};
    double out[SIZES] = {0}, in[SIZES] = {0};
    int status =
        p.data ? proto_link_listen(link, worker, BUFFERS, PROTO_PING_MAX) : PROTO_NO_MEMORY;
    for (int i = 0; i < SIZES && status == PROTO_OK; i++) {
        status = typical(&p, sizes[i], sizes[0], &out[i]);
        if (status == PROTO_OK)
            status = typical(&p, sizes[0], sizes[i], &in[i]);
    }
    free(p.data);
    if (status != PROTO_OK) {
        proto_log_error("proto", "worker %d (rank %d) does not answer", worker, worker);
        return status;
    }
    line_of(out, to);
    line_of(in, from);
    return PROTO_OK;
}
