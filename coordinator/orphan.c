#include "coordinator/orphan.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "proto/log.h"

enum {
    VERDICT_MS = 1000,   /* a worker that is gone has been silent for several beats by then */
    BEFORE_US = 3000000, /* the launcher may notice later than we: it waits for its own children */
};

static void on_verdict(uv_timer_t *timer)
{
    struct coordinator_orphan *orphan = timer->data;
    if (orphan->gone_since(orphan->arg, orphan->at_us - BEFORE_US)) {
        proto_log_warn("coordinator", "mpirun has ended, and a worker with it: the others go on");
        return;
    }
    proto_log_error("coordinator", "mpirun has ended: so does the run");
    orphan->on_end(orphan->arg);
}

static void on_gone(uv_poll_t *poll, int status, int events)
{
    struct coordinator_orphan *orphan = poll->data;
    (void)status, (void)events;
    uv_poll_stop(poll);
    orphan->at_us = uv_hrtime() / 1000;
    uv_timer_start(&orphan->timer, on_verdict, VERDICT_MS, 0);
}

/* libuv would make the fd nonblocking, and with it the standard output of this process and its
 * relatives: so it gets an epoll of its own to look at. Errors are reported without being asked for. */
static int error_fd(int fd)
{
    struct epoll_event only_errors = {.events = 0};
    const int epoll = fd >= 0 ? epoll_create1(EPOLL_CLOEXEC) : -1;
    if (epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &only_errors)) {
        close(epoll);
        return -1;
    }
    return epoll;
}

void coordinator_orphan_start(struct coordinator_orphan *orphan, uv_loop_t *loop, int fd)
{
    uv_timer_init(loop, &orphan->timer);
    orphan->timer.data = orphan->poll.data = orphan;
    orphan->fd = error_fd(fd);
    orphan->polling = orphan->fd >= 0 && uv_poll_init(loop, &orphan->poll, orphan->fd) == 0;
    if (orphan->polling)
        uv_poll_start(&orphan->poll, UV_READABLE, on_gone);
}

void coordinator_orphan_stop(struct coordinator_orphan *orphan)
{
    uv_close((uv_handle_t *)&orphan->timer, NULL);
    if (orphan->polling)
        uv_close((uv_handle_t *)&orphan->poll, NULL);
    if (orphan->fd >= 0)
        close(orphan->fd);
}
