/* A worker's guard: waits for its children, starts the device process again, ends with the rank.
 * It allocates nothing and asks nothing of the network. */
#define _GNU_SOURCE /* POLLRDHUP */
#include "worker/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/launcher.h"
#include "proto/log.h"
#include "worker/device_proc.h"
#include "worker/guard_state.h"

enum {
    TICK_MS = 1000,
    STALL_TICKS_HUNG = 120, /* a rank that is not stopped, but has not been heard of for as long */
    CONNECT_MS = 200,       /* between two tries to find rank 0's sentry on this host */
    CONNECT_TRIES = 100,
    FAREWELL_MS = 1000, /* from the end of the job to the end of a rank that does not see it */
    HEALTHY_MS = 60000, /* a device process that lived as long did not fail because of its start */
};

struct guard_loop {
    struct worker_guard *guard;
    pid_t rank, device;
    int leave, signals;
    const char *job;
    bool started;                           /* MPI runs */
    bool stopped;                           /* the rank, by SIGSTOP */
    int ticks;                              /* since it was last heard of, or stopped */
    bool device_ever;                       /* one was able to open model and device */
    bool device_refused;                    /* the first one was not: there is no use in another */
    uint64_t device_since_ms, device_at_ms; /* 0: none due */
    uint64_t back_off_ms;
    int job_socket, job_tries;
    uint64_t job_try_ms, farewell_ms; /* 0: none */
};

static void device_start(struct guard_loop *loop)
{
    struct worker_guard *guard = loop->guard;
    int ends[2];
    loop->device_at_ms = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
        proto_log_error("worker", "socketpair: %s", strerror(errno));
        _exit(1);
    }
    const pid_t self = getpid();
    fflush(NULL);
    loop->device = fork();
    if (loop->device == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        guard_become("muster-device", self, SIGKILL);
        const int hydra = proto_launcher_hydra();
        const int others[] = {ends[0],       guard->control,   loop->leave,
                              loop->signals, loop->job_socket, hydra};
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            if (others[i] >= 0)
                close(others[i]);
        const int code = guard->settings.device(guard->settings.rank, guard->shm, ends[1]);
        fflush(NULL);
        kill(self, SIGCONT); /* its rank has gone: a stopped guard must see that */
        _exit(code);         /* exit would run what the guard had registered */
    }
    close(ends[1]);
    loop->device_since_ms = guard_now_ms();
    if (loop->device < 0) {
        proto_log_error("worker", "fork: %s", strerror(errno));
        loop->device_at_ms = loop->device_since_ms + loop->back_off_ms;
    } else {
        guard_say(guard->control, GUARD_DEVICE, 0, ends[0]);
    }
    close(ends[0]);
}

static void how_text(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "was killed by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) == WORKER_DEVICE_BROKEN)
        snprintf(text, size, "gave up after an error of its device");
    else
        snprintf(text, size, "ended with code %d", WEXITSTATUS(status));
}

/* Twice as long from one quick end to the next. */
static void device_ended(struct guard_loop *loop, int status)
{
    const struct worker_guard_settings *settings = &loop->guard->settings;
    const uint64_t now_ms = guard_now_ms();
    char how[64];
    loop->device = -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_DEVICE_DONE)
        return; /* its rank has let it go */
    if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_DEVICE_UNABLE && !loop->device_ever) {
        loop->device_refused = true; /* the rank has been told why */
        return;
    }
    if (loop->back_off_ms == 0 || now_ms - loop->device_since_ms > HEALTHY_MS)
        loop->back_off_ms = settings->back_off_us / 1000;
    how_text(status, how, sizeof how);
    proto_log_error("worker", "the device process %s; another one starts in %.2f s", how,
                    (double)loop->back_off_ms / 1e3);
    loop->device_at_ms = now_ms + loop->back_off_ms;
    loop->back_off_ms *= 2;
    if (loop->back_off_ms > settings->back_off_max_us / 1000)
        loop->back_off_ms = settings->back_off_max_us / 1000;
}

/* The kernel ends the device process with this one. */
static void leave(const struct guard_loop *loop, int code)
{
    if (loop->device > 0) {
        kill(loop->device, SIGKILL);
        waitpid(loop->device, NULL, 0);
    }
    _exit(code);
}

static void rank_ended(struct guard_loop *loop, int status)
{
    if (loop->started) {
        if (WIFSIGNALED(status))
            proto_log_error("worker", "the rank was killed by signal %d: this worker ends",
                            WTERMSIG(status));
        /* A worker's end is no failure of the job: rank 0 says what became of it. */
        leave(loop, WIFEXITED(status) ? WEXITSTATUS(status) : 0);
    }
    if (WIFEXITED(status))
        leave(loop, WEXITSTATUS(status));
    /* The others wait for it inside MPI_Init, and would for ever. */
    proto_log_error("worker", "the rank was killed by signal %d while MPI started: the job ends",
                    WTERMSIG(status));
    proto_launcher_abort(1);
    leave(loop, 1);
}

static void children_look(struct guard_loop *loop)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0;) {
        if (pid == loop->rank) {
            if (WIFEXITED(status) || WIFSIGNALED(status))
                rank_ended(loop, status);
            loop->stopped = WIFSTOPPED(status);
            loop->ticks = 0;
        } else if (pid == loop->device && (WIFEXITED(status) || WIFSIGNALED(status))) {
            device_ended(loop, status);
        }
    }
}

/* The launcher has let go of this worker: sentry and socket are not needed any more. */
static void started(struct guard_loop *loop, bool detached)
{
    loop->started = true;
    if (!detached)
        return;
    const int hydra = proto_launcher_hydra();
    if (hydra >= 0)
        close(hydra);
    unsetenv("PMI_FD");
    prctl(PR_SET_PDEATHSIG, 0);
    if (write(loop->leave, "", 1) == 1)
        close(loop->leave);
    loop->leave = -1;
}

static void words_take(struct guard_loop *loop)
{
    struct guard_word word;
    int fd;
    while (guard_hear(loop->guard->control, &word, &fd) > 0) {
        if (fd >= 0)
            close(fd);
        loop->ticks = 0;
        if (word.kind == GUARD_STARTED)
            started(loop, word.value);
        else if (word.kind == GUARD_RESTART && loop->device > 0)
            kill(loop->device, SIGKILL);
        else if (word.kind == GUARD_ALIVE && word.value)
            loop->device_ever = true;
    }
}

static void job_watch(struct guard_loop *loop, uint64_t now_ms, const struct pollfd *socket)
{
    if (loop->job_socket >= 0 && socket->revents) {
        close(loop->job_socket);
        loop->job_tries = CONNECT_TRIES;
        /* Rank 0's sentry has gone; rank 0 holds the other end too, as long as it lives. */
        loop->job_socket = guard_job_connect(loop->job);
        if (loop->job_socket < 0)
            loop->farewell_ms = now_ms + FAREWELL_MS;
    }
    if (loop->farewell_ms && now_ms >= loop->farewell_ms)
        leave(loop, 0); /* and the rank with it */
    if (loop->job_socket < 0 && loop->job_tries < CONNECT_TRIES && now_ms >= loop->job_try_ms) {
        loop->job_tries++;
        loop->job_try_ms = now_ms + CONNECT_MS;
        loop->job_socket = guard_job_connect(loop->job);
    }
}

/* Ticks are counted, not compared with a clock: a machine that slept has not lost its rank. */
static void tick(struct guard_loop *loop)
{
    const int stall = (int)(loop->guard->settings.stall_us / 1000 / TICK_MS);
    loop->ticks++;
    if ((loop->stopped && loop->ticks > stall) ||
        (loop->started && loop->ticks > STALL_TICKS_HUNG)) {
        proto_log_error("worker", "the rank has stood still for %d s: killed",
                        loop->ticks * TICK_MS / 1000);
        kill(loop->rank, SIGKILL);
    }
}

static int wait_ms(const struct guard_loop *loop, uint64_t now_ms, uint64_t tick_ms)
{
    uint64_t next = tick_ms;
    if (loop->device_at_ms && loop->device_at_ms < next)
        next = loop->device_at_ms;
    if (loop->farewell_ms && loop->farewell_ms < next)
        next = loop->farewell_ms;
    if (loop->job_socket < 0 && loop->job_tries < CONNECT_TRIES && loop->job_try_ms < next)
        next = loop->job_try_ms;
    return next > now_ms ? (int)(next - now_ms) : 0;
}

static int signals_open(void)
{
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    return signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
}

void guard_worker_run(struct worker_guard *guard, pid_t rank, int leave_fd, const char *job)
{
    struct guard_loop loop = {.guard = guard,
                              .rank = rank,
                              .device = -1,
                              .leave = leave_fd,
                              .job = job,
                              .job_socket = -1};
    char host[64] = "?";
    uint64_t tick_ms = guard_now_ms() + TICK_MS;

    gethostname(host, sizeof host - 1);
    proto_log_set_identity(proto_launcher_rank(), host);
    loop.signals = signals_open();
    if (!guard->settings.rank->unable)
        device_start(&loop);
    for (;;) {
        struct pollfd fds[] = {{.fd = loop.signals, .events = POLLIN},
                               {.fd = guard->control, .events = POLLIN},
                               {.fd = loop.job_socket, .events = POLLIN | POLLRDHUP}};
        struct signalfd_siginfo info;
        poll(fds, sizeof fds / sizeof *fds, wait_ms(&loop, guard_now_ms(), tick_ms));
        const uint64_t now_ms = guard_now_ms();
        if (read(loop.signals, &info, sizeof info) < 0 && errno != EAGAIN && errno != EINTR)
            _exit(1);
        words_take(&loop); /* first, so that a rank that started and died has started */
        children_look(&loop);
        job_watch(&loop, now_ms, &fds[2]);
        if (loop.device_at_ms && now_ms >= loop.device_at_ms)
            device_start(&loop);
        if (now_ms >= tick_ms) {
            tick_ms = now_ms + TICK_MS;
            tick(&loop);
        }
    }
}
