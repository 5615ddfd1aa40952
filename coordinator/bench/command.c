/* Starting a program and waiting for it. */
#include "coordinator/bench/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/log.h"
#include "proto/status.h"

#define AREA "bench"

extern char **environ;

enum { POLL_MS = 20, GRACE_MS = 3000 };

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void pause_ms(long ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static int start(char *const argv[], const char *log, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    sigaddset(&usual, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    const int error = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error)
        proto_log_error(AREA, "%s can't be started: %s", argv[0], strerror(error));
    return error ? PROTO_IO : PROTO_OK;
}

/* True once it has ended. */
static bool ended(pid_t pid, int *state, double until_s)
{
    for (;;) {
        const pid_t got = waitpid(pid, state, WNOHANG);
        if (got == pid || (got < 0 && errno != EINTR))
            return true;
        if (now_s() >= until_s || interrupted)
            return false;
        pause_ms(POLL_MS);
    }
}

/* The last line that is not blank, for the message. */
static void last_line(const char *log, char out[256])
{
    char line[256];
    FILE *file = fopen(log, "r");
    snprintf(out, 256, "(it said nothing)");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[strspn(line, " \t")])
            memcpy(out, line, sizeof line);
    }
    if (file)
        fclose(file);
}

static int judge(char *const argv[], const char *log, int state)
{
    char line[256];
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return PROTO_OK;
    last_line(log, line);
    if (WIFEXITED(state))
        proto_log_error(AREA, "%s ended with %d: %s; all of its output is in %s", argv[0],
                        WEXITSTATUS(state), line, log);
    else
        proto_log_error(AREA, "%s was ended by signal %d: %s; all of its output is in %s", argv[0],
                        WTERMSIG(state), line, log);
    return PROTO_IO;
}

int bench_run_command(char *const argv[], const char *log, double limit_s)
{
    struct sigaction action = {.sa_handler = on_signal}, old_int, old_term;
    int state = 0, status;
    pid_t pid;
    sigemptyset(&action.sa_mask);
    interrupted = 0;
    status = start(argv, log, &pid);
    if (status)
        return status;
    sigaction(SIGINT, &action, &old_int);
    sigaction(SIGTERM, &action, &old_term);
    if (ended(pid, &state, now_s() + limit_s)) {
        status = judge(argv, log, state);
    } else {
        status = interrupted ? PROTO_CANCELED : PROTO_TIMEOUT;
        if (status == PROTO_TIMEOUT)
            proto_log_error(AREA, "%s has not ended after %.0f s: killed; its output is in %s",
                            argv[0], limit_s, log);
        /* The launcher passes a SIGTERM on to its processes; whatever is left then goes the hard way. */
        interrupted = 0;
        kill(-pid, SIGTERM);
        if (!ended(pid, &state, now_s() + GRACE_MS / 1e3)) {
            kill(-pid, SIGKILL);
            waitpid(pid, &state, 0);
        }
    }
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    return status;
}
