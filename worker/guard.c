/* One process becomes several; the rank's side of its guard. */
#define _GNU_SOURCE /* SCM_RIGHTS with MSG_CMSG_CLOEXEC */
#include "worker/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/log.h"
#include "proto/launcher.h"
#include "proto/status.h"
#include "worker/device_proc.h"
#include "worker/guard_state.h"

void worker_guard_defaults(struct worker_guard_settings *settings)
{
    *settings = (struct worker_guard_settings){
        .device = worker_device_run,
        .stall_us = 30000000,
        .back_off_us = 250000,
        .back_off_max_us = 30000000,
    };
}

uint64_t guard_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

union control_room {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

bool guard_say(int control, enum guard_word_kind kind, int32_t value, int fd)
{
    struct guard_word word = {kind, value};
    struct iovec part = {&word, sizeof word};
    union control_room room;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    if (fd >= 0) {
        memset(&room, 0, sizeof room);
        message.msg_control = &room;
        message.msg_controllen = sizeof room;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    do
        n = sendmsg(control, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof word;
}

int guard_hear(int control, struct guard_word *word, int *fd)
{
    struct iovec part = {word, sizeof *word};
    union control_room room;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};
    ssize_t n;
    *fd = -1;
    do
        n = recvmsg(control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(header), sizeof *fd);
    return n == (ssize_t)sizeof *word ? 1 : -1;
}

void guard_become(const char *name, pid_t parent, int signal_on_parents_death)
{
    prctl(PR_SET_NAME, name);
    prctl(PR_SET_PDEATHSIG, signal_on_parents_death);
    if (signal_on_parents_death == SIGKILL && getppid() != parent)
        _exit(1); /* it died before that */
}

static int complain(const char *what)
{
    proto_log_error("worker", "%s: %s", what, strerror(errno));
    return PROTO_NO_MEMORY;
}

static int start_rank0(struct worker_guard *guard, const int *control, const char *job)
{
    const int listener = guard_job_listen(job);
    const pid_t sentry = getpid(), rank = fork();
    if (rank < 0)
        return complain("fork");
    if (rank > 0) {
        close(control[1]);
        prctl(PR_SET_NAME, "muster-sentry");
        guard_sentry_rank0(rank, control[0], listener);
    }
    close(control[0]);
    /* `listener` stays open here too: the guards of this host see its end when both have gone. */
    setpgid(0, 0); /* out of reach of the proxy's kill: when mpirun ends, rank 0 decides */
    guard_become("muster-rank", sentry, SIGKILL);
    guard->control = control[1];
    guard->parent = sentry;
    return PROTO_OK;
}

/* The guard is made first, then the rank within it. */
static int start_worker(struct worker_guard *guard, const int *control, const char *job)
{
    int leave[2];
    int status = worker_shm_open(&guard->shm);
    if (status)
        return status;
    if (pipe(leave))
        return complain("pipe");
    const pid_t sentry = getpid();
    const pid_t child = fork();
    if (child < 0)
        return complain("fork");
    if (child > 0) {
        prctl(PR_SET_NAME, "muster-sentry");
        close(leave[1]);
        close(control[0]);
        close(control[1]);
        guard_sentry_worker(child, leave[0]);
    }
    close(leave[0]);
    fcntl(leave[1], F_SETFD, FD_CLOEXEC);
    /* A process group of its own, but the sentry's session: that keeps the number of the sentry, which
     * is about to leave, from being used again while the proxy might still kill it. */
    setpgid(0, 0);
    guard_become("muster-guard", sentry, SIGKILL);
    const pid_t self = getpid(), rank = fork();
    if (rank < 0)
        _exit(1);
    if (rank > 0) {
        close(control[1]);
        guard->control = control[0];
        guard_worker_run(guard, rank, leave[1], job);
    }
    close(leave[1]);
    close(control[0]);
    guard_become("muster-rank", self, SIGKILL);
    guard->control = control[1];
    guard->parent = self;
    return PROTO_OK;
}

int worker_guard_start(const struct worker_guard_settings *settings, struct worker_guard **out)
{
    struct worker_guard *guard = calloc(1, sizeof *guard);
    int control[2];
    char job[48];
    if (!guard)
        return PROTO_NO_MEMORY;
    guard->settings = *settings;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control)) {
        free(guard);
        return complain("socketpair");
    }
    signal(SIGUSR1, SIG_IGN); /* hydra sends it to the others of a job when a process dies */
    snprintf(job, sizeof job, "muster-%ld", (long)getppid()); /* the proxy of this host */
    fflush(NULL);
    const int status = settings->coordinator ? start_rank0(guard, control, job)
                                             : start_worker(guard, control, job);
    if (status) {
        worker_shm_close(guard->shm);
        free(guard);
        return status;
    }
    *out = guard;
    return PROTO_OK;
}

void worker_guard_started(struct worker_guard *guard, bool detached)
{
    /* From now on rank 0 outlives its sentry, and a stopped one must be able to see that it is alone. */
    if (guard->settings.coordinator)
        prctl(PR_SET_PDEATHSIG, SIGCONT);
    guard_say(guard->control, GUARD_STARTED, detached, -1);
}

void worker_guard_alive(struct worker_guard *guard, bool opened)
{
    guard_say(guard->control, GUARD_ALIVE, opened, -1);
}

void worker_guard_restart_device(struct worker_guard *guard)
{
    guard_say(guard->control, GUARD_RESTART, 0, -1);
}

int worker_guard_fd(const struct worker_guard *guard)
{
    return guard->control;
}

bool worker_guard_next(struct worker_guard *guard, int *socket)
{
    struct guard_word word;
    while (guard_hear(guard->control, &word, socket) > 0) {
        if (word.kind == GUARD_DEVICE && *socket >= 0)
            return true;
        if (*socket >= 0)
            close(*socket);
    }
    return false;
}

struct worker_shm *worker_guard_shm(const struct worker_guard *guard)
{
    return guard->shm;
}

void worker_guard_leave(struct worker_guard *guard)
{
    kill(guard->parent, SIGCONT);
}

bool worker_guard_gone(const struct worker_guard *guard)
{
    return getppid() != guard->parent;
}

void worker_guard_end_job(struct worker_guard *guard, int code)
{
    if (!guard_say(guard->control, GUARD_END_JOB, code, -1))
        proto_launcher_abort(code); /* no sentry that could */
}
