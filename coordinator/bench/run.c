/* Reading what a run left behind. */
#include "coordinator/bench/run.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/log.h"
#include "proto/status.h"

#define AREA "bench"

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* ---- the lines ---- */

/* Calls `take` with each line's object; it returns a status, PROTO_END to stop without an error. */
static int each_line(const char *path, int (*take)(void *arg, const json_t *line), void *arg)
{
    char *text = NULL;
    size_t cap = 0;
    int number_of_line = 0, status = PROTO_OK;
    FILE *file = fopen(path, "r");
    if (!file) {
        proto_log_error(AREA, "%s can't be read", path);
        return PROTO_IO;
    }
    while (!status && getline(&text, &cap, file) > 0) {
        json_error_t error;
        json_t *line = json_loads(text, 0, &error);
        number_of_line++;
        status = line ? take(arg, line) : PROTO_FORMAT;
        if (status && status != PROTO_END)
            proto_log_error(AREA, "%s:%d: %s", path, number_of_line,
                            line ? proto_status_text(status) : error.text);
        json_decref(line);
    }
    free(text);
    fclose(file);
    return status == PROTO_END ? PROTO_OK : status;
}

struct times {
    struct bench_run *run;
    double warmup_ms;
    uint32_t cap;
};

static int times_take(void *arg, const json_t *line)
{
    struct times *times = arg;
    struct bench_run *run = times->run;
    const json_t *timing = json_object_get(line, "timing");
    const double done = number(timing, "done"), latency = number(timing, "latency");
    if (isnan(done) || isnan(latency))
        return json_object_get(line, "error") ? PROTO_OK : PROTO_FORMAT; /* a broken picture */
    if (done < times->warmup_ms)
        return PROTO_OK;
    if (run->time_count == times->cap) {
        const uint32_t cap = times->cap ? 2 * times->cap : 256;
        double *done_ms = realloc(run->done_ms, cap * sizeof *done_ms);
        if (done_ms)
            run->done_ms = done_ms;
        double *latency_ms = realloc(run->latency_ms, cap * sizeof *latency_ms);
        if (latency_ms)
            run->latency_ms = latency_ms;
        if (!done_ms || !latency_ms)
            return PROTO_NO_MEMORY;
        times->cap = cap;
    }
    run->done_ms[run->time_count] = done;
    run->latency_ms[run->time_count++] = latency;
    return PROTO_OK;
}

struct pick {
    struct bench_run *run;
    double warmup_ms, latency_ms;
};

/* The first frame with just this latency: its workers' times become spans. Clocks of two hosts
 * are never compared: a worker's part is drawn in the middle of its round trip. */
static int spans_take(void *arg, const json_t *line)
{
    struct pick *pick = arg;
    const json_t *timing = json_object_get(line, "timing");
    const json_t *workers = json_object_get(timing, "workers");
    if (number(timing, "done") < pick->warmup_ms || number(timing, "latency") != pick->latency_ms)
        return PROTO_OK;
    const size_t count = json_array_size(workers);
    pick->run->spans = calloc(count ? count : 1, sizeof *pick->run->spans);
    if (!pick->run->spans)
        return PROTO_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const json_t *worker = json_array_get(workers, i);
        const double half = number(worker, "transfer") / 2;
        struct bench_span span = {.rank = (int32_t)number(worker, "rank"), .received_ms = half};
        span.started_ms = half + number(worker, "queue");
        span.finished_ms = span.started_ms + number(worker, "compute");
        span.answered_ms = span.finished_ms + half;
        if (number(worker, "tiles") > 0)
            pick->run->spans[pick->run->span_count++] = span;
    }
    return PROTO_END;
}

/* ---- the report ---- */

static int workers_read(const json_t *report, double frames, struct bench_run *run)
{
    const json_t *workers = json_object_get(report, "workers");
    const double wall_ms = number(report, "wall_ms");
    const size_t count = json_array_size(workers);
    run->workers = calloc(count ? count : 1, sizeof *run->workers);
    if (!run->workers)
        return PROTO_NO_MEMORY;
    run->worker_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        const json_t *worker = json_array_get(workers, i);
        struct bench_worker *out = &run->workers[i];
        out->rank = (int32_t)number(worker, "rank");
        out->compute_ms = number(worker, "compute_ms") / frames;
        out->transfer_ms = number(worker, "transfer_ms") / frames;
        out->wait_ms = fmax(0, wall_ms / frames - out->compute_ms);
    }
    return PROTO_OK;
}

static int report_read(const char *path, struct bench_run *run)
{
    json_error_t error;
    json_t *report = json_load_file(path, 0, &error);
    struct bench_figures *f = &run->figures;
    if (!report) {
        proto_log_error(AREA, "%s:%d: %s", path, error.line, error.text);
        return PROTO_FORMAT;
    }
    f->predicted_ms = number(report, "predicted_ms");
    f->lower_bound_ms = number(report, "lower_bound_ms");
    f->gap = number(report, "gap");
    f->watts = number(report, "watts");
    f->joules_per_frame = number(report, "joules_per_frame");
    f->coverage = number(report, "coverage");
    f->coordinator_cpu_ms = number(report, "coordinator_cpu_ms");
    f->bytes_per_frame = number(report, "bytes_per_frame");
    const int status = workers_read(report, number(report, "frames"), run);
    json_decref(report);
    return status;
}

/* Mean time from frame to frame. Replicas' answers come in bursts of as many as there are workers, and take a few
 * rounds to fall into step: the last half of the frames counts, in whole rounds; all of them where they
 * are too few for that. */
static double period_of(const struct bench_run *run)
{
    const uint32_t n = run->time_count, round = run->worker_count ? run->worker_count : 1;
    const uint32_t rounds = n / 2 / round;
    const uint32_t last = n - 1, first = rounds > 0 ? last - rounds * round : 0;
    return (run->done_ms[last] - run->done_ms[first]) / (last - first);
}

static int figures_fill(const char *lines, struct bench_run *run, double *median_ms)
{
    struct bench_figures *f = &run->figures;
    const uint32_t n = run->time_count;
    if (n < 2 || !(run->done_ms[n - 1] > run->done_ms[0])) {
        proto_log_error(AREA,
                        "%s: %u frames after the warm-up are too few to measure: take more "
                        "--iterations or a longer --duration",
                        lines, n);
        return PROTO_INVALID;
    }
    double *sorted = malloc(n * sizeof *sorted), sum = 0;
    if (!sorted)
        return PROTO_NO_MEMORY;
    memcpy(sorted, run->latency_ms, n * sizeof *sorted);
    for (uint32_t i = 0; i < n; i++)
        sum += sorted[i];
    f->frames = n;
    f->period_ms = period_of(run);
    f->fps = 1e3 / f->period_ms;
    f->model_error = f->period_ms / f->predicted_ms - 1;
    f->latency = (struct bench_latency){
        .mean = sum / n,
        .p50 = bench_percentile(sorted, n, 50),
        .p90 = bench_percentile(sorted, n, 90),
        .p95 = bench_percentile(sorted, n, 95),
        .p99 = bench_percentile(sorted, n, 99),
    };
    f->latency.min = sorted[0];
    f->latency.max = sorted[n - 1];
    *median_ms = f->latency.p50;
    free(sorted);
    return PROTO_OK;
}

int bench_run_read(const char *report, const char *lines, double warmup_ms, struct bench_run *run)
{
    struct times times = {.run = run, .warmup_ms = warmup_ms};
    struct pick pick = {.run = run, .warmup_ms = warmup_ms};
    *run = (struct bench_run){0};
    int status = each_line(lines, times_take, &times);
    if (!status)
        status = report_read(report, run);
    if (!status)
        status = figures_fill(lines, run, &pick.latency_ms);
    if (!status)
        status = each_line(lines, spans_take, &pick);
    if (status)
        bench_run_free(run);
    return status;
}

/* ---- the digest ---- */

struct digest {
    uint64_t left, hash;
};

static void hash_text(struct digest *digest, const char *text)
{
    for (; *text; text++)
        digest->hash = (digest->hash ^ (unsigned char)*text) * 1099511628211u;
}

static int digest_take(void *arg, const json_t *line)
{
    static const char *const keys[] = {"frame", "source", "detections", "coverage", "missing"};
    struct digest *digest = arg;
    if (digest->left == 0)
        return PROTO_END;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *value = json_object_get(line, keys[i]);
        char *text =
            value ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
        hash_text(digest, text ? text : "-");
        free(text);
    }
    digest->left--;
    return PROTO_OK;
}

int bench_run_digest(const char *lines, uint64_t pictures, uint64_t *out)
{
    struct digest digest = {.left = pictures, .hash = 14695981039346656037u};
    const int status = each_line(lines, digest_take, &digest);
    *out = digest.hash;
    return status;
}
