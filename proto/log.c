/* Log lines: see log.h. A line is formatted into one buffer and leaves in one write, so lines of
 * ranks that share a terminal or a pipe do not mix (writes up to PIPE_BUF are atomic). */
#include "proto/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, HOST_MAX_BYTES = 64, AREAS_MAX_BYTES = 256 };

/* clang-format off */
static const char *const level_names[] = {
    [PROTO_LOG_ERROR] = "error",
    [PROTO_LOG_WARN] = "warning",
    [PROTO_LOG_INFO] = "info",
    [PROTO_LOG_DEBUG] = "debug",
};
/* clang-format on */

static struct {
    pthread_mutex_t mutex;
    bool started;                /* the environment was read */
    int level;                   /* highest one shown */
    int areas_level;             /* highest one shown for the areas named in MUSTER_LOG */
    char areas[AREAS_MAX_BYTES]; /* ",partition,gpu," */
    int rank;
    char host[HOST_MAX_BYTES];
    proto_log_sink *sink;
    void *sink_arg;
} state = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .level = PROTO_LOG_WARN,
    .areas_level = -1,
    .rank = -1,
};

static int level_from_name(const char *name, size_t len)
{
    for (int i = PROTO_LOG_ERROR; i <= PROTO_LOG_DEBUG; i++)
        if (strlen(level_names[i]) == len && strncmp(level_names[i], name, len) == 0)
            return i;
    return -1;
}

/* MUSTER_LOG=level[,area...]: without areas the level is for all of them. */
static void read_environment(void)
{
    state.started = true;
    const char *text = getenv("MUSTER_LOG");
    if (!text || !*text)
        return;
    size_t len = strcspn(text, ",");
    int level = level_from_name(text, len);
    if (level < 0) {
        fprintf(stderr,
                "muster: MUSTER_LOG=%s: the first word is not error, warning, info or debug\n",
                text);
        return;
    }
    if (text[len] == '\0') {
        state.level = level;
        return;
    }
    state.areas_level = level;
    snprintf(state.areas, sizeof(state.areas), "%s,", text + len);
}

static bool area_is_named(const char *area)
{
    size_t len = strlen(area);
    for (const char *at = state.areas; (at = strchr(at, ',')) && at[1]; at++)
        if (strncmp(at + 1, area, len) == 0 && at[1 + len] == ',')
            return true;
    return false;
}

static bool is_shown(enum proto_log_level level, const char *area)
{
    if (!state.started)
        read_environment();
    return (int)level <= state.level || ((int)level <= state.areas_level && area_is_named(area));
}

static void write_line(enum proto_log_level level, const char *area, const char *text)
{
    char line[LINE_MAX_BYTES];
    int used;
    if (state.rank < 0)
        used = snprintf(line, sizeof(line) - 1, "muster %s %s: %s", level_names[level], area, text);
    else
        used = snprintf(line, sizeof(line) - 1, "muster[rank %d @ %s] %s %s: %s", state.rank,
                        state.host, level_names[level], area, text);
    if (used < 0)
        return;
    size_t len = (size_t)used < sizeof(line) - 1 ? (size_t)used : sizeof(line) - 2;
    line[len++] = '\n';
    for (size_t done = 0; done < len;) {
        ssize_t n = write(STDERR_FILENO, line + done, len - done);
        if (n < 0 && errno != EINTR)
            return; /* nobody left to tell */
        done += n > 0 ? (size_t)n : 0;
    }
}

void proto_log(enum proto_log_level level, const char *area, const char *format, ...)
{
    int saved_errno = errno; /* callers log before they look at it */
    pthread_mutex_lock(&state.mutex);
    if (is_shown(level, area)) {
        char text[LINE_MAX_BYTES];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (state.sink)
            state.sink(state.sink_arg, level, area, text);
        else
            write_line(level, area, text);
    }
    pthread_mutex_unlock(&state.mutex);
    errno = saved_errno;
}

void proto_log_set_level(enum proto_log_level level)
{
    pthread_mutex_lock(&state.mutex);
    state.level = (int)level;
    read_environment(); /* the user's word counts more than the program's */
    pthread_mutex_unlock(&state.mutex);
}

void proto_log_set_identity(int rank, const char *host)
{
    pthread_mutex_lock(&state.mutex);
    state.rank = rank;
    snprintf(state.host, sizeof(state.host), "%s", host ? host : "?");
    pthread_mutex_unlock(&state.mutex);
}

void proto_log_set_sink(proto_log_sink *sink, void *arg)
{
    pthread_mutex_lock(&state.mutex);
    state.sink = sink;
    state.sink_arg = arg;
    pthread_mutex_unlock(&state.mutex);
}
