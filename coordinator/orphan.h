/* What to make of the launcher's end. mpirun ends when somebody ends it, and then the run is to end too;
 * but it also gives up when it loses the connection to a host, and then the workers on the other
 * hosts go on. The two are told apart by the workers: with a host, some have gone as well.
 */
#ifndef COORDINATOR_ORPHAN_H
#define COORDINATOR_ORPHAN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct coordinator_orphan {
    void (*on_end)(void *arg); /* the run is to end */
    bool (*gone_since)(void *arg,
                       uint64_t since_us); /* a worker went silent, no earlier than that */
    void *arg;
    /* private */
    uv_poll_t poll;
    uv_timer_t timer;
    bool polling;
    int fd;
    uint64_t at_us;
};

/* Watch an fd that fails when the launcher has gone; -1: nothing to watch. Callbacks and arg are set;
 * the clock is uv_hrtime() / 1000. The handles live until stop, and one turn of the loop longer. */
void coordinator_orphan_start(struct coordinator_orphan *orphan, uv_loop_t *loop, int fd);
void coordinator_orphan_stop(struct coordinator_orphan *orphan);

#endif
