/* A link on a libuv loop; see link_uv.h for the measurements behind the intervals. */
#include "proto/link_uv.h"

#include <time.h>

#include "proto/status.h"

enum {
    REST_MS = 1,            /* libuv's timers can't do less */
    EAGER_NS = 100000,      /* between two polls while something is expected */
    AFTERMATH_NS = 2000000, /* events come in bursts: stay eager this long after each */
};

static uint64_t thread_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Deliver all there is. Returns the number of events. */
static int drain(struct proto_link_uv *poller)
{
    struct proto_link_event event;
    int count = 0;
    while (poller->running && proto_link_poll(poller->link, &event)) {
        poller->on_event(poller->arg, &event);
        count++;
    }
    return count;
}

static void on_idle(uv_idle_t *idle)
{
    struct proto_link_uv *poller = idle->data;
    const uint64_t before_ns = poller->eager ? thread_cpu_ns() : 0;
    const bool eager = poller->eager;
    const int count = drain(poller);
    const uint64_t now_ns = uv_hrtime();

    if (!poller->running)
        return;
    if (count > 0) {
        poller->calm_at_ns = now_ns + AFTERMATH_NS;
        return;
    }
    if (eager)
        poller->eager_cpu_ns += thread_cpu_ns() - before_ns;
    if (!poller->eager && now_ns >= poller->calm_at_ns) {
        uv_idle_stop(idle);
        return;
    }
    nanosleep(&(struct timespec){.tv_nsec = EAGER_NS}, NULL);
}

static void on_timer(uv_timer_t *timer)
{
    struct proto_link_uv *poller = timer->data;
    if (drain(poller) > 0 && poller->running) {
        poller->calm_at_ns = uv_hrtime() + AFTERMATH_NS;
        uv_idle_start(&poller->idle, on_idle);
    }
}

static void on_async(uv_async_t *async)
{
    drain(async->data);
}

static void wake(void *arg)
{
    struct proto_link_uv *poller = arg;
    uv_async_send(&poller->async);
}

int proto_link_uv_start(struct proto_link_uv *poller, uv_loop_t *loop, struct proto_link *link,
                        void (*on_event)(void *arg, const struct proto_link_event *event),
                        void *arg)
{
    *poller =
        (struct proto_link_uv){.link = link, .on_event = on_event, .arg = arg, .running = true};
    if (uv_async_init(loop, &poller->async, on_async))
        return PROTO_NO_MEMORY;
    uv_timer_init(loop, &poller->timer); /* these two can't fail */
    uv_idle_init(loop, &poller->idle);
    poller->async.data = poller->timer.data = poller->idle.data = poller;
    if (link->needs_polling)
        uv_timer_start(&poller->timer, on_timer, 0, REST_MS);
    proto_link_set_wake(link, wake, poller);
    uv_async_send(&poller->async); /* something may have come before there was a wake */
    return PROTO_OK;
}

void proto_link_uv_eager(struct proto_link_uv *poller, bool eager)
{
    poller->eager = eager;
    if (eager && poller->link->needs_polling && !uv_is_active((uv_handle_t *)&poller->idle))
        uv_idle_start(&poller->idle, on_idle);
}

void proto_link_uv_stop(struct proto_link_uv *poller)
{
    poller->running = false;
    proto_link_set_wake(poller->link, NULL, NULL);
    uv_close((uv_handle_t *)&poller->async, NULL);
    uv_close((uv_handle_t *)&poller->timer, NULL);
    uv_close((uv_handle_t *)&poller->idle, NULL);
}
