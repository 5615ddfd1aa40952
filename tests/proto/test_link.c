/* The conformance suite of links: test_link local | mpi.
 *
 * Each scenario is one function that all ranks run, with their own end: as threads over the local
 * link, as processes under `mpirun -n 3` over MPI. cmocka's asserts jump, which threads other than
 * the first may not, so the scenarios count failures and rank 0's process reports them.
 */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/launcher.h"
#include "proto/link.h"
#include "proto/log.h"
#include "proto/status.h"
#include "tests/proto/support.h"

enum {
    RANKS = 3,
    PATIENCE_S = 60,
    MEGABYTE = 1 << 20,
    LENGTH_MAX = 2 * MEGABYTE,
    IN_FLIGHT = 8,
    EARLY_MAX = 16,
};

/* One rank's view: its end, a way to sleep until something happens, and what it counted. */
struct rank {
    struct proto_link *link;
    sem_t woken;
    int barriers[RANKS]; /* barrier messages that came and were not yet waited for */
    struct proto_link_event early[EARLY_MAX]; /* came while waiting for a barrier */
    int early_count;
    int failures;
};

#define CHECK(rank_, condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "rank %d: %s:%d: %s\n", (rank_)->link->rank, __FILE__, __LINE__,       \
                    #condition);                                                                   \
            (rank_)->failures++;                                                                   \
        }                                                                                          \
    } while (0)

static void on_wake(void *arg)
{
    sem_post(arg);
}

/* Sleep until the link wakes this rank: if it forgets to, the test ends here. */
static void wait_for_wake(struct rank *rank)
{
    if (rank->link->needs_polling) {
        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
        return;
    }
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += PATIENCE_S;
    if (sem_timedwait(&rank->woken, &limit) != 0) {
        fprintf(stderr, "rank %d was not woken\n", rank->link->rank);
        abort();
    }
}

/* Barrier messages have one byte; scenarios use other lengths. */
static bool is_barrier(const struct proto_link_event *event)
{
    return (event->kind == PROTO_LINK_RECEIVED && event->len_bytes == 1) ||
           (event->kind == PROTO_LINK_SENT && !event->token);
}

/* Take one event from the link; a barrier message is counted and not passed on (returns 0). */
static int poll_link(struct rank *rank, struct proto_link_event *event, bool *empty)
{
    *empty = !proto_link_poll(rank->link, event);
    if (*empty || !is_barrier(event))
        return !*empty;
    if (event->kind == PROTO_LINK_RECEIVED) {
        rank->barriers[event->peer]++;
        proto_link_release(rank->link, event);
    }
    return 0;
}

static void wait_event(struct rank *rank, struct proto_link_event *event)
{
    bool empty;
    if (rank->early_count > 0) {
        *event = rank->early[0];
        rank->early_count--;
        memmove(rank->early, rank->early + 1, (size_t)rank->early_count * sizeof(*event));
        return;
    }
    while (!poll_link(rank, event, &empty))
        if (empty)
            wait_for_wake(rank);
}

/* Others may have left the barrier already: what they send is kept for later. */
static void wait_barrier_from(struct rank *rank, int peer)
{
    while (rank->barriers[peer] == 0) {
        struct proto_link_event event;
        bool empty;
        if (!poll_link(rank, &event, &empty)) {
            if (empty)
                wait_for_wake(rank);
        } else if (rank->early_count < EARLY_MAX) {
            rank->early[rank->early_count++] = event;
        } else {
            CHECK(rank, !"events pile up behind a barrier");
        }
    }
    rank->barriers[peer]--;
}

/* Nobody leaves before all have come. The receives of all pairs must be posted. */
static void barrier(struct rank *rank)
{
    static const unsigned char byte = 0;
    if (rank->link->rank == 0) {
        for (int i = 1; i < RANKS; i++)
            wait_barrier_from(rank, i);
        for (int i = 1; i < RANKS; i++)
            CHECK(rank, proto_link_send(rank->link, i, &byte, 1, NULL) == PROTO_OK);
    } else {
        CHECK(rank, proto_link_send(rank->link, 0, &byte, 1, NULL) == PROTO_OK);
        wait_barrier_from(rank, 0);
    }
}

static void listen_to_all(struct rank *rank, int buffers, size_t each_bytes)
{
    for (int i = 0; i < RANKS; i++)
        if (i != rank->link->rank)
            CHECK(rank, proto_link_listen(rank->link, i, buffers, each_bytes) == PROTO_OK);
    barrier(rank);
}

/* ---- messages whose bytes follow from sender, receiver and number ---- */

static uint64_t seed_of(int from, int to, int number)
{
    return 1 + (uint64_t)number * 64 + (uint64_t)from * 8 + (uint64_t)to;
}

static size_t length_of(int from, int to, int number)
{
    static const size_t special[] = {0, 2, 63, 64, 65, 4096, 65536, LENGTH_MAX};
    uint64_t seed = seed_of(from, to, number);
    random_next(&seed);
    switch (random_below(&seed, 3)) {
    case 0:
        return special[random_below(&seed, 8)];
    case 1:
        return 2 + random_below(&seed, 200);
    default:
        return 2 + random_below(&seed, 300000);
    }
}

static void fill(unsigned char *data, size_t len, int from, int to, int number)
{
    uint64_t seed = seed_of(from, to, number);
    for (size_t i = 0; i < len; i += 8) {
        uint64_t bits = random_next(&seed);
        memcpy(data + i, &bits, len - i < 8 ? len - i : 8);
    }
}

static bool is_filled(const unsigned char *data, size_t len, int from, int to, int number)
{
    uint64_t seed = seed_of(from, to, number);
    for (size_t i = 0; i < len; i += 8) {
        uint64_t bits = random_next(&seed);
        if (memcmp(data + i, &bits, len - i < 8 ? len - i : 8) != 0)
            return false;
    }
    return true;
}

/* Sends numbered messages to one peer and checks those that come back from it. */
struct exchange {
    struct rank *rank;
    int peer, messages;
    int sent, done, got; /* begun, SENT seen, received */
    size_t (*length)(int from, int to, int number);
    struct {
        unsigned char *data;
        size_t len;
        bool busy;
    } slots[IN_FLIGHT];
};

static void exchange_open(struct exchange *exchange, struct rank *rank, int peer, int messages,
                          size_t (*length)(int, int, int), size_t length_max)
{
    *exchange =
        (struct exchange){.rank = rank, .peer = peer, .messages = messages, .length = length};
    for (int i = 0; i < IN_FLIGHT; i++)
        exchange->slots[i].data = malloc(length_max);
}

static void exchange_close(struct exchange *exchange)
{
    for (int i = 0; i < IN_FLIGHT; i++)
        free(exchange->slots[i].data);
}

static void exchange_send(struct exchange *exchange)
{
    int from = exchange->rank->link->rank, to = exchange->peer;
    for (int i = 0; i < IN_FLIGHT && exchange->sent < exchange->messages; i++) {
        if (exchange->slots[i].busy)
            continue;
        size_t len = exchange->length(from, to, exchange->sent);
        unsigned char *data = exchange->slots[i].data;
        fill(data, len, from, to, exchange->sent);
        exchange->slots[i].busy = true;
        exchange->slots[i].len = len;
        CHECK(exchange->rank, proto_link_send(exchange->rank->link, to, data, len,
                                              &exchange->slots[i]) == PROTO_OK);
        exchange->sent++;
    }
}

/* Its own again: what is written there now must not reach the receiver. */
static void exchange_on_sent(struct exchange *exchange, const struct proto_link_event *event)
{
    for (int i = 0; i < IN_FLIGHT; i++) {
        if (event->token != &exchange->slots[i])
            continue;
        CHECK(exchange->rank, exchange->slots[i].busy);
        CHECK(exchange->rank, event->status == PROTO_OK && event->peer == exchange->peer);
        exchange->slots[i].busy = false;
        memset(exchange->slots[i].data, 0xee, exchange->slots[i].len);
        exchange->done++;
    }
}

static void exchange_on_received(struct exchange *exchange, const struct proto_link_event *event)
{
    int from = exchange->peer, to = exchange->rank->link->rank;
    size_t len = exchange->length(from, to, exchange->got);
    CHECK(exchange->rank, event->len_bytes == len);
    CHECK(exchange->rank, (uintptr_t)event->data % 64 == 0);
    if (event->len_bytes == len)
        CHECK(exchange->rank, is_filled(event->data, len, from, to, exchange->got));
    exchange->got++;
}

static bool exchange_is_done(const struct exchange *exchange)
{
    return exchange->done == exchange->messages && exchange->got == exchange->messages;
}

static void exchange_with_event(struct exchange *exchange, const struct proto_link_event *event)
{
    CHECK(exchange->rank, event->kind != PROTO_LINK_BROKEN);
    if (event->kind == PROTO_LINK_SENT)
        exchange_on_sent(exchange, event);
    if (event->kind == PROTO_LINK_RECEIVED && event->peer == exchange->peer)
        exchange_on_received(exchange, event);
}

/* ---- scenarios ---- */

static void order_and_bytes(struct rank *rank)
{
    struct exchange all[RANKS];
    int open = 0, first = rank->link->rank == 0 ? 1 : 0,
        last = rank->link->rank == 0 ? RANKS - 1 : 0;
    listen_to_all(rank, 3, LENGTH_MAX);
    for (int i = first; i <= last; i++)
        exchange_open(&all[i], rank, i, 60, length_of, LENGTH_MAX);
    do {
        struct proto_link_event event;
        for (int i = first; i <= last; i++)
            exchange_send(&all[i]);
        wait_event(rank, &event);
        for (int i = first; i <= last; i++)
            exchange_with_event(&all[i], &event);
        if (event.kind == PROTO_LINK_RECEIVED)
            proto_link_release(rank->link, &event);
        open = 0;
        for (int i = first; i <= last; i++)
            open += !exchange_is_done(&all[i]);
    } while (open > 0);
    for (int i = first; i <= last; i++)
        exchange_close(&all[i]);
    barrier(rank);
}

static size_t short_length(int from, int to, int number)
{
    (void)from, (void)to;
    return 2 + (size_t)number % 61;
}

/* Two buffers, given back late: the other messages wait somewhere and none is lost. */
static void more_messages_than_buffers(struct rank *rank)
{
    enum { MESSAGES = 500 };
    listen_to_all(rank, 2, 64);
    if (rank->link->rank == 0) {
        static unsigned char data[RANKS][MESSAGES][64];
        struct proto_link_event event;
        for (int n = 0; n < MESSAGES; n++) {
            for (int i = 1; i < RANKS; i++) {
                size_t len = short_length(0, i, n);
                fill(data[i][n], len, 0, i, n);
                CHECK(rank,
                      proto_link_send(rank->link, i, data[i][n], len, data[i][n]) == PROTO_OK);
            }
        }
        for (int done = 0; done < MESSAGES * (RANKS - 1); done++) {
            wait_event(rank, &event);
            CHECK(rank, event.kind == PROTO_LINK_SENT && event.status == PROTO_OK);
        }
    } else {
        struct proto_link_event events[2];
        for (int n = 0; n < MESSAGES; n += 2) {
            for (int k = 0; k < 2; k++) {
                wait_event(rank, &events[k]);
                size_t len = short_length(0, rank->link->rank, n + k);
                CHECK(rank, events[k].len_bytes == len);
                CHECK(rank, is_filled(events[k].data, len, 0, rank->link->rank, n + k));
            }
            /* In either order. */
            proto_link_release(rank->link, &events[n / 2 % 2]);
            proto_link_release(rank->link, &events[1 - n / 2 % 2]);
        }
    }
    barrier(rank);
}

/* The receiver changes its buffers again and again while messages are coming. */
static void listening_again_loses_nothing(struct rank *rank)
{
    enum { MESSAGES = 200 };
    struct exchange exchange;
    listen_to_all(rank, 2, 64);
    if (rank->link->rank < 2) {
        int peer = 1 - rank->link->rank;
        exchange_open(&exchange, rank, peer, MESSAGES, short_length, 64);
        while (!exchange_is_done(&exchange)) {
            struct proto_link_event event;
            exchange_send(&exchange);
            wait_event(rank, &event);
            bool again = event.kind == PROTO_LINK_RECEIVED && exchange.got % 10 == 3;
            if (again) /* before the message is looked at: a held buffer stays */
                CHECK(rank, proto_link_listen(rank->link, peer, 1 + exchange.got % 4,
                                              64 + (size_t)exchange.got * 100) == PROTO_OK);
            exchange_with_event(&exchange, &event);
            if (event.kind == PROTO_LINK_RECEIVED)
                proto_link_release(rank->link, &event);
        }
        exchange_close(&exchange);
    }
    barrier(rank);
}

/* Rank 1 keeps both its buffers, so four large messages to it have to wait; meanwhile ranks 0 and 2
 * must get on with each other, and only when they are done does rank 1 receive again. */
enum { LARGE_MESSAGES = 4, TURNS = 50 };

static void deaf_sender(struct rank *rank)
{
    static unsigned char large[LENGTH_MAX], small[50];
    struct proto_link_event event;
    int turns = 0, large_sent = 0;
    fill(large, sizeof(large), 0, 1, 0);
    for (int i = 0; i < 2; i++)
        CHECK(rank, proto_link_send(rank->link, 1, small, 2, small) == PROTO_OK);
    for (int i = 0; i < LARGE_MESSAGES; i++)
        CHECK(rank, proto_link_send(rank->link, 1, large, sizeof(large), large) == PROTO_OK);
    CHECK(rank, proto_link_send(rank->link, 2, small, sizeof(small), small) == PROTO_OK);
    while (turns < TURNS || large_sent < LARGE_MESSAGES) {
        wait_event(rank, &event);
        if (event.kind == PROTO_LINK_SENT && event.token == large) {
            CHECK(rank, turns >= TURNS - 1); /* rank 1 may hear of the end a little before */
            large_sent++;
        } else if (event.kind == PROTO_LINK_RECEIVED) {
            CHECK(rank, event.peer == 2);
            proto_link_release(rank->link, &event);
            if (++turns < TURNS)
                CHECK(rank,
                      proto_link_send(rank->link, 2, small, sizeof(small), small) == PROTO_OK);
        } else {
            CHECK(rank, event.kind == PROTO_LINK_SENT);
        }
    }
}

static void deaf_receiver(struct rank *rank)
{
    struct proto_link_event held[3], event;
    for (int i = 0; i < 3; i++) { /* two from rank 0, the end from rank 2 */
        wait_event(rank, &held[i]);
        CHECK(rank, held[i].kind == PROTO_LINK_RECEIVED && held[i].len_bytes == 2);
    }
    CHECK(rank, proto_link_listen(rank->link, 0, 2, LENGTH_MAX) == PROTO_OK);
    for (int i = 0; i < LARGE_MESSAGES; i++) {
        wait_event(rank, &event);
        CHECK(rank, event.peer == 0 && event.len_bytes == LENGTH_MAX);
        if (event.len_bytes == LENGTH_MAX)
            CHECK(rank, is_filled(event.data, event.len_bytes, 0, 1, 0));
        proto_link_release(rank->link, &event);
    }
    for (int i = 0; i < 3; i++)
        proto_link_release(rank->link, &held[i]);
}

static void deaf_bystander(struct rank *rank)
{
    static unsigned char small[60];
    struct proto_link_event event;
    for (int turns = 0, sent = 0; turns < TURNS || sent < TURNS + 1;) {
        wait_event(rank, &event);
        if (event.kind == PROTO_LINK_SENT) {
            sent++;
            continue;
        }
        CHECK(rank, event.kind == PROTO_LINK_RECEIVED && event.peer == 0);
        proto_link_release(rank->link, &event);
        CHECK(rank, proto_link_send(rank->link, 0, small, sizeof(small), small) == PROTO_OK);
        if (++turns == TURNS)
            CHECK(rank, proto_link_send(rank->link, 1, small, 2, small) == PROTO_OK);
    }
}

static void a_deaf_peer_blocks_no_other(struct rank *rank)
{
    static void (*const parts[RANKS])(struct rank *) = {deaf_sender, deaf_receiver, deaf_bystander};
    listen_to_all(rank, 2, 64);
    parts[rank->link->rank](rank);
    barrier(rank);
}

/* Short and long: MPI has two protocols for them. */
static void a_message_too_long_is_dropped_and_told(struct rank *rank)
{
    static unsigned char data[MEGABYTE];
    struct proto_link_event event;
    listen_to_all(rank, 3, 64);
    if (rank->link->rank == 0) {
        proto_link_send(rank->link, 1, data, 65, data);
        proto_link_send(rank->link, 1, data, 10, data);
        proto_link_send(rank->link, 1, data, MEGABYTE, data);
        proto_link_send(rank->link, 1, data, 20, data);
        for (int i = 0; i < 4; i++) {
            wait_event(rank, &event);
            CHECK(rank, event.kind == PROTO_LINK_SENT);
        }
    } else if (rank->link->rank == 1) {
        int broken = 0, got = 0;
        while (got < 2 || broken == 0) { /* two may be told as one */
            wait_event(rank, &event);
            CHECK(rank, event.peer == 0);
            if (event.kind == PROTO_LINK_BROKEN) {
                broken++;
            } else {
                CHECK(rank, event.len_bytes == (got == 0 ? 10 : 20));
                got++;
                proto_link_release(rank->link, &event);
            }
        }
    }
    barrier(rank);
}

static void a_message_over_the_limit_is_refused(struct rank *rank)
{
    static unsigned char byte;
    CHECK(rank, proto_link_send(rank->link, 0, &byte, (size_t)1 << 31, NULL) == PROTO_LIMIT);
}

/* ---- the two ways to run a scenario ---- */

typedef void scenario_function(struct rank *rank);

static void rank_init(struct rank *rank, struct proto_link *link)
{
    *rank = (struct rank){.link = link};
    sem_init(&rank->woken, 0, 0);
    proto_link_set_wake(link, on_wake, &rank->woken);
}

struct thread {
    pthread_t id;
    struct rank rank;
    scenario_function *scenario;
};

static void *run_thread(void *arg)
{
    struct thread *thread = arg;
    thread->scenario(&thread->rank);
    return NULL;
}

static void run_local(void **state)
{
    struct thread threads[RANKS];
    struct proto_link *ends[RANKS];
    scenario_function *const *scenario = (scenario_function *const *)*state;
    assert_int_equal(proto_link_local_open(RANKS, ends), PROTO_OK);
    for (int i = 0; i < RANKS; i++) {
        assert_int_equal(ends[i]->rank, i);
        assert_int_equal(ends[i]->size, RANKS);
        rank_init(&threads[i].rank, ends[i]);
        threads[i].scenario = *scenario;
    }
    for (int i = 0; i < RANKS; i++)
        assert_int_equal(pthread_create(&threads[i].id, NULL, run_thread, &threads[i]), 0);
    for (int i = 0; i < RANKS; i++)
        assert_int_equal(pthread_join(threads[i].id, NULL), 0);
    for (int i = 0; i < RANKS; i++) {
        proto_link_close(ends[i]);
        sem_destroy(&threads[i].rank.woken);
        assert_int_equal(threads[i].rank.failures, 0);
    }
}

static struct rank mpi_rank; /* there is only one MPI */

static void run_mpi(void **state)
{
    scenario_function *const *scenario = (scenario_function *const *)*state;
    (*scenario)(&mpi_rank);
    assert_int_equal(mpi_rank.failures, 0);
}

/* ---- what only one of them can do ---- */

static void a_closed_peer_is_reported_and_sends_to_it_end(void **state)
{
    (void)state;
    struct proto_link *ends[2];
    struct proto_link_event event;
    static unsigned char data[10];
    assert_int_equal(proto_link_local_open(2, ends), PROTO_OK);
    assert_int_equal(proto_link_send(ends[0], 1, data, 10, data), PROTO_OK); /* never received */
    assert_int_equal(proto_link_send(ends[1], 0, data, 10, data), PROTO_OK); /* neither */
    assert_int_equal(proto_link_poll(ends[0], &event), 0);
    proto_link_close(ends[1]);
    assert_int_equal(proto_link_poll(ends[0], &event), 1);
    assert_int_equal(event.kind, PROTO_LINK_SENT);
    assert_int_equal(event.status, PROTO_LOST);
    assert_ptr_equal(event.token, data);
    assert_int_equal(proto_link_poll(ends[0], &event), 1);
    assert_int_equal(event.kind, PROTO_LINK_BROKEN);
    assert_int_equal(event.peer, 1);
    assert_int_equal(proto_link_poll(ends[0], &event), 0);
    assert_int_equal(proto_link_send(ends[0], 1, data, 10, data), PROTO_LOST);
    proto_link_close(ends[0]);
    proto_link_close(NULL);
}

/* Ends that exchange and close as they like: nothing is used after it was freed. */
static void *chatter(void *arg)
{
    struct proto_link *link = arg;
    unsigned char data[IN_FLIGHT][256];
    struct proto_link_event event;
    uint64_t seed = 77 + (uint64_t)link->rank;
    bool busy[IN_FLIGHT] = {false};
    for (int i = 0; i < link->size; i++)
        if (i != link->rank)
            proto_link_listen(link, i, 2, 256);
    for (uint32_t turn = 0, turns = random_below(&seed, 2000); turn < turns; turn++) {
        int i = (int)random_below(&seed, IN_FLIGHT);
        int peer = (link->rank + 1 + (int)random_below(&seed, 2)) % 3;
        if (!busy[i])
            busy[i] = proto_link_send(link, peer, data[i], 2 + random_below(&seed, 254),
                                      &busy[i]) == PROTO_OK;
        while (proto_link_poll(link, &event)) {
            if (event.kind == PROTO_LINK_SENT)
                *(bool *)event.token = false;
            if (event.kind == PROTO_LINK_RECEIVED)
                proto_link_release(link, &event);
        }
    }
    proto_link_close(link);
    return NULL;
}

static void ends_may_close_at_any_time(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct proto_link *ends[3];
        pthread_t threads[3];
        assert_int_equal(proto_link_local_open(3, ends), PROTO_OK);
        for (int i = 0; i < 3; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, chatter, ends[i]), 0);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
    }
}

/* The others send and leave at once; rank 0 must still get it. Never returns. */
static void leave_mpi(int failures)
{
    enum { LAST_BYTES = 100000 };
    static unsigned char data[LAST_BYTES];
    struct proto_link_event event;
    struct rank *rank = &mpi_rank;
    if (rank->link->rank == 0) {
        for (int i = 1; i < RANKS; i++)
            proto_link_listen(rank->link, i, 1, LAST_BYTES);
        for (int got = 0; got < RANKS - 1;) {
            wait_event(rank, &event);
            got += event.kind == PROTO_LINK_RECEIVED && event.len_bytes == LAST_BYTES;
        }
    } else {
        CHECK(rank, proto_link_send(rank->link, 0, data, LAST_BYTES, data) == PROTO_OK);
    }
    proto_link_mpi_exit(rank->link, failures || rank->failures ? 1 : 0);
}

static char last_line[512];

int main(int argc, char **argv)
{
    static scenario_function *const scenarios[] = {
        order_and_bytes,
        more_messages_than_buffers,
        listening_again_loses_nothing,
        a_deaf_peer_blocks_no_other,
        a_message_too_long_is_dropped_and_told,
        a_message_over_the_limit_is_refused,
    };
#define SCENARIO(run, i, name_)                                                                    \
    {                                                                                              \
        .name = name_, .test_func = run, .initial_state = (void *)&scenarios[i]                    \
    }
#define SCENARIOS(run)                                                                             \
    SCENARIO(run, 0, "messages_arrive_in_order_with_their_bytes"),                                 \
        SCENARIO(run, 1, "more_messages_than_buffers_wait_for_them"),                              \
        SCENARIO(run, 2, "listening_again_loses_nothing"),                                         \
        SCENARIO(run, 3, "a_peer_that_does_not_receive_blocks_no_other"),                          \
        SCENARIO(run, 4, "a_message_too_long_is_dropped_and_told"),                                \
        SCENARIO(run, 5, "a_message_over_the_limit_is_refused")

    const struct CMUnitTest local_tests[] = {
        SCENARIOS(run_local),
        cmocka_unit_test(a_closed_peer_is_reported_and_sends_to_it_end),
        cmocka_unit_test(ends_may_close_at_any_time),
    };
    const struct CMUnitTest mpi_tests[] = {SCENARIOS(run_mpi)};

    proto_log_set_sink(keep_line, last_line); /* too long messages are on purpose */
    if (argc == 2 && strcmp(argv[1], "local") == 0)
        return cmocka_run_group_tests_name("local", local_tests, NULL, NULL);
    if (argc == 2 && strcmp(argv[1], "mpi") == 0) {
        struct proto_link *link;
        if (!proto_launcher_present() || proto_link_mpi_open(&link) != PROTO_OK ||
            link->size != RANKS) {
            fprintf(stderr, "run this under mpirun -n %d\n", RANKS);
            return 2;
        }
        rank_init(&mpi_rank, link);
        leave_mpi(cmocka_run_group_tests_name("mpi", mpi_tests, NULL, NULL));
    }
    fprintf(stderr, "usage: test_link local|mpi\n");
    return 2;
}
