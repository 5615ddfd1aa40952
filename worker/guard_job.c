/* The sentries, and the rendezvous of a job's processes on rank 0's host. */
#define _GNU_SOURCE /* accept4, struct ucred, POLLRDHUP */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/launcher.h"
#include "proto/log.h"
#include "proto/types.h"
#include "worker/guard_state.h"

enum {
    STRAGGLERS_MS =
        1500,        /* from rank 0's end to the end of workers of its host that are still there */
    FLUSH_MS = 1000, /* how long the launcher may take to read what was written */
    POLL_MS = 10,
};

/* ---- rendezvous: an abstract socket, which goes with its last holder ---- */

static socklen_t address_of(const char *job, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "%s", job);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(job));
}

int guard_job_listen(const char *job)
{
    struct sockaddr_un address;
    const socklen_t length = address_of(job, &address);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&address, length) || listen(fd, PROTO_WORKERS_MAX)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Anybody can make such a socket: only the same user's counts. */
static pid_t peer_of(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) || peer.uid != geteuid())
        return -1;
    return peer.pid;
}

int guard_job_connect(const char *job)
{
    struct sockaddr_un address;
    const socklen_t length = address_of(job, &address);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, length) || peer_of(fd) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* ---- a worker's sentry ---- */

void guard_sentry_worker(pid_t guard, int left)
{
    char c;
    int status = 0;
    ssize_t n;
    do
        n = read(left, &c, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        _exit(0); /* the worker is on its own from now on */
    if (waitpid(guard, &status, 0) != guard)
        _exit(1);
    if (WIFSIGNALED(status))
        raise(WTERMSIG(status)); /* a death during start ends the job */
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

/* ---- rank 0's sentry ---- */

struct sentry {
    pid_t rank;
    int control, listener;
    bool ended, end_job;
    int code;
    int peer_count;
    struct pollfd peers[PROTO_WORKERS_MAX]; /* guards on this host */
};

static void peers_accept(struct sentry *sentry)
{
    int fd;
    while (sentry->listener >= 0 &&
           (fd = accept4(sentry->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        if (sentry->peer_count == PROTO_WORKERS_MAX || peer_of(fd) < 0)
            close(fd);
        else
            sentry->peers[sentry->peer_count++] = (struct pollfd){fd, POLLIN | POLLRDHUP, 0};
    }
}

static void peers_drop_gone(struct sentry *sentry)
{
    poll(sentry->peers, (nfds_t)sentry->peer_count, 0);
    for (int i = sentry->peer_count - 1; i >= 0; i--) {
        if (!sentry->peers[i].revents)
            continue;
        close(sentry->peers[i].fd);
        sentry->peers[i] = sentry->peers[--sentry->peer_count];
    }
}

static void words_take(struct sentry *sentry)
{
    struct guard_word word;
    int fd;
    while (guard_hear(sentry->control, &word, &fd) > 0) {
        if (word.kind != GUARD_END_JOB)
            continue;
        sentry->end_job = true;
        sentry->code = word.value;
    }
}

static void rank_look(struct sentry *sentry)
{
    int status;
    if (waitpid(sentry->rank, &status, WNOHANG) != sentry->rank)
        return;
    sentry->ended = true;
    words_take(sentry);
    if (WIFEXITED(status)) {
        sentry->code = WEXITSTATUS(status);
        return;
    }
    sentry->code = 128 + WTERMSIG(status);
    sentry->end_job = true;
    proto_log_error("worker", "the coordinator was killed by signal %d: the job ends",
                    WTERMSIG(status));
}

/* A connection is open exactly as long as its guard lives, so the number is still that guard's;
 * with it the kernel ends rank and device, stopped or not. */
static void stragglers_end(struct sentry *sentry)
{
    const uint64_t end_ms = guard_now_ms() + STRAGGLERS_MS;
    for (; guard_now_ms() < end_ms; poll(NULL, 0, POLL_MS)) {
        peers_accept(sentry);
        peers_drop_gone(sentry);
        if (sentry->peer_count == 0)
            return;
    }
    for (int i = 0; i < sentry->peer_count; i++)
        kill(peer_of(sentry->peers[i].fd), SIGKILL);
}

/* Wait until the proxy has read what we wrote: what mpirun is told next goes the same way, behind it. */
static void output_wait(void)
{
    const uint64_t end_ms = guard_now_ms() + FLUSH_MS;
    for (; guard_now_ms() < end_ms; poll(NULL, 0, POLL_MS)) {
        int out = 0, err = 0;
        if (ioctl(STDOUT_FILENO, FIONREAD, &out) || out < 0)
            out = 0;
        if (ioctl(STDERR_FILENO, FIONREAD, &err) || err < 0)
            err = 0;
        if (out == 0 && err == 0)
            return;
    }
}

static int signals_open(void)
{
    static const int wanted[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        sigaddset(&set, wanted[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Ctrl-C at mpirun comes here, and is meant for rank 0. */
static bool signals_take(const struct sentry *sentry, int signals)
{
    struct signalfd_siginfo info;
    ssize_t n;
    while ((n = read(signals, &info, sizeof info)) == (ssize_t)sizeof info)
        if (info.ssi_signo != SIGCHLD)
            kill(sentry->rank, (int)info.ssi_signo);
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

void guard_sentry_rank0(pid_t rank, int control, int listener)
{
    struct sentry sentry = {.rank = rank, .control = control, .listener = listener};
    const int signals = signals_open();
    while (!sentry.ended) {
        struct pollfd fds[] = {{.fd = signals, .events = POLLIN},
                               {.fd = listener, .events = POLLIN}};
        rank_look(&sentry); /* before the first wait: it may have ended already */
        peers_accept(&sentry);
        peers_drop_gone(&sentry);
        if (!sentry.ended)
            poll(fds, sizeof fds / sizeof *fds, 1000);
        if (!sentry.ended && !signals_take(&sentry, signals))
            break;
    }
    stragglers_end(&sentry);
    if (sentry.end_job) {
        output_wait();
        proto_launcher_abort(sentry.code);
        poll(NULL, 0, FLUSH_MS); /* mpirun ends meanwhile, and this process with it */
    }
    _exit(sentry.code);
}
