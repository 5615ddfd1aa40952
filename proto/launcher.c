/* Environment variables and PMI-1; tried with MPICH 4.0.2 (src/pm/hydra). */
#include "proto/launcher.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { GOODBYE_MS = 2000 };

static int environment_int(const char *name, int otherwise)
{
    const char *text = getenv(name);
    if (!text || !*text)
        return otherwise;
    char *rest;
    errno = 0;
    long value = strtol(text, &rest, 10);
    return *rest || errno || value < 0 || value > INT_MAX ? otherwise : (int)value;
}

bool proto_launcher_present(void)
{
    return getenv("PMI_RANK") || getenv("PMI_FD") || getenv("PMI_PORT") || getenv("PMIX_RANK") ||
           getenv("OMPI_COMM_WORLD_SIZE") || environment_int("SLURM_STEP_NUM_TASKS", 0) > 1;
}

/* A Slurm variable counts only inside a job step: a batch script has SLURM_NTASKS too. */
int proto_launcher_size(void)
{
    static const char *const names[] = {"PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int size = environment_int(names[i], 0);
        if (size > 0)
            return size;
    }
    return 0;
}

int proto_launcher_rank(void)
{
    static const char *const names[] = {"PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK",
                                        "SLURM_PROCID"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int rank = environment_int(names[i], -1);
        if (rank >= 0)
            return rank;
    }
    return -1;
}

/* Slurm sets PMI_FD too, but speaks PMI-2 there; MPI_LOCALNRANKS comes from hydra only. */
int proto_launcher_hydra(void)
{
    return getenv("MPI_LOCALNRANKS") ? environment_int("PMI_FD", -1) : -1;
}

static bool is_named(int fd, int argc, char **argv)
{
    char name[32];
    snprintf(name, sizeof name, "/dev/fd/%d", fd);
    for (int i = 0; i < argc; i++)
        if (strstr(argv[i], name))
            return true;
    return false;
}

void proto_launcher_close_inherited(int argc, char **argv)
{
    const int hydra = proto_launcher_hydra();
    DIR *open_ones = hydra >= 0 ? opendir("/proc/self/fd") : NULL;
    if (!open_ones)
        return;
    for (struct dirent *entry; (entry = readdir(open_ones));) {
        const int fd = atoi(entry->d_name);
        struct stat about;
        if (fd <= STDERR_FILENO || fd == hydra || fd == dirfd(open_ones) || fstat(fd, &about) ||
            !(S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode)) || is_named(fd, argc, argv))
            continue;
        close(fd);
    }
    closedir(open_ones);
}

int proto_launcher_output(void)
{
    static const int outputs[] = {STDERR_FILENO, STDOUT_FILENO}; /* pipes, unless redirected */
    struct stat about;
    for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++)
        if (getenv("MPI_LOCALNRANKS") && fstat(outputs[i], &about) == 0 && S_ISFIFO(about.st_mode))
            return outputs[i];
    return -1;
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static bool say(int fd, const char *line)
{
    const size_t length = strlen(line);
    for (size_t done = 0; done < length;) {
        /* send, not write: a manager that is gone must not raise SIGPIPE. */
        ssize_t n = send(fd, line + done, length - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static void hear_line(int fd)
{
    double end_ms = now_ms() + GOODBYE_MS;
    for (char c = 0; c != '\n' && now_ms() < end_ms;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, 100) > 0 && read(fd, &c, 1) <= 0)
            return;
    }
}

void proto_launcher_goodbye(void)
{
    const int fd = proto_launcher_hydra();
    if (fd < 0)
        return;
    if (say(fd, "cmd=finalize\n"))
        hear_line(fd);
    close(fd);
    unsetenv("PMI_FD"); /* the number may soon belong to something else */
}

void proto_launcher_abort(int code)
{
    char line[64];
    const int fd = proto_launcher_hydra();
    if (fd < 0)
        return;
    snprintf(line, sizeof line, "cmd=abort exitcode=%d\n", code);
    say(fd, line);
}
