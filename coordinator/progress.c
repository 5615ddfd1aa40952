#include "coordinator/progress.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "proto/status.h"

#define INTERVAL_S 0.1

struct progress {
    struct coordinator_sink sink;
    FILE *out;
    bool terminal;
    int64_t total;
    uint64_t frames, persons;
    double began_s, shown_s;
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void show(const struct progress *progress, double now)
{
    double s = now - progress->began_s;
    fprintf(progress->out, "\r\033[Kframe %llu", (unsigned long long)progress->frames);
    if (progress->total >= 0)
        fprintf(progress->out, " of %lld", (long long)progress->total);
    fprintf(progress->out, ", %llu persons, %.2f frames/s", (unsigned long long)progress->persons,
            s > 0 ? (double)progress->frames / s : 0.0);
    fflush(progress->out);
}

static int progress_frame(struct coordinator_sink *sink,
                          const struct coordinator_frame_report *report,
                          const struct coordinator_image *image)
{
    (void)image;
    struct progress *progress = (struct progress *)sink;
    progress->frames++;
    progress->persons += report->detection_count;
    if (!progress->terminal)
        return PROTO_OK;
    double now = now_s();
    if (now - progress->shown_s < INTERVAL_S)
        return PROTO_OK;
    progress->shown_s = now;
    show(progress, now);
    return PROTO_OK;
}

/* The line is gone before the summary comes; a lost terminal is no failure of the run. */
static int progress_finish(struct coordinator_sink *sink, const struct coordinator_run *run)
{
    (void)run;
    struct progress *progress = (struct progress *)sink;
    if (progress->terminal) {
        fputs("\r\033[K", progress->out);
        fflush(progress->out);
    }
    return PROTO_OK;
}

static void progress_close(struct coordinator_sink *sink)
{
    free(sink);
}

static const struct coordinator_sink_ops progress_ops = {
    .name = "progress",
    .frame = progress_frame,
    .finish = progress_finish,
    .close = progress_close,
};

int coordinator_progress_open(FILE *out, int64_t total, struct coordinator_sink **out_sink)
{
    struct progress *progress = calloc(1, sizeof *progress);
    if (!progress)
        return PROTO_NO_MEMORY;
    progress->sink.ops = &progress_ops;
    progress->out = out;
    progress->terminal = isatty(fileno(out)) == 1;
    progress->total = total;
    progress->began_s = now_s();
    *out_sink = &progress->sink;
    return PROTO_OK;
}
