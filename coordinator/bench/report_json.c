#include <math.h>
#include <stdio.h>

#include "coordinator/bench/report.h"
#include "coordinator/output.h"
#include "proto/host.h"
#include "proto/log.h"
#include "proto/status.h"

/* To the microsecond or the millionth; what is not known is null. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(round(value * 1e6) / 1e6 + 0.0) : json_null();
}

static json_t *text(const char *value)
{
    json_t *string = value && *value ? json_string(value) : NULL;
    return string ? string : json_null();
}

json_t *bench_host_json(const struct proto_host *host)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:{s:o, s:o, s:o}, s:{s:o, s:o}}", "host",
                     text(host->name), "system", text(host->system), "board", text(host->board),
                     "cpu", text(host->cpu), "cores", (int)host->cores, "memory_bytes",
                     number(host->memory_bytes), "power_mode", text(host->power_mode), "clocks",
                     "cpu_hz", number(host->cpu_hz), "cpu_max_hz", number(host->cpu_max_hz),
                     "gpu_hz", number(host->gpu_hz), "link", "name", text(host->link), "bit_s",
                     number(host->link_bit_s));
}

static json_t *latency_json(const struct bench_latency *l)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "mean", number(l->mean), "min",
                     number(l->min), "max", number(l->max), "p50", number(l->p50), "p90",
                     number(l->p90), "p95", number(l->p95), "p99", number(l->p99));
}

static json_t *workers_json(const struct bench_run *run)
{
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < run->worker_count; i++) {
        const struct bench_worker *w = &run->workers[i];
        json_array_append_new(list,
                              json_pack("{s:i, s:o, s:o, s:o}", "rank", (int)w->rank, "compute_ms",
                                        number(w->compute_ms), "transfer_ms",
                                        number(w->transfer_ms), "wait_ms", number(w->wait_ms)));
    }
    return list;
}

static json_t *point_json(const struct bench_result *result)
{
    const struct bench_point *p = &result->point;
    const struct bench_figures *f = &result->run.figures;
    json_t *object = json_pack("{s:s, s:s, s:i, s:s, s:s, s:b, s:o, s:i, s:I}", "name", p->name,
                               "role", p->role == BENCH_BIGGER ? "bigger" : "cluster", "workers",
                               (int)p->workers, "devices", p->devices, "split", p->split,
                               "ground_plane", p->ground_plane, "budget_watts", number(p->budget_w),
                               "repeats", (int)result->repeats, "frames", (json_int_t)f->frames);
    const struct {
        const char *key;
        double value;
    } numbers[] = {
        {"fps", f->fps},
        {"fps_min", result->fps_min},
        {"fps_max", result->fps_max},
        {"period_ms", f->period_ms},
        {"predicted_ms", f->predicted_ms},
        {"lower_bound_ms", f->lower_bound_ms},
        {"gap", f->gap},
        {"model_error", f->model_error},
        {"speedup", result->speedup},
        {"efficiency", result->efficiency},
        {"latency_speedup", result->latency_speedup},
        {"watts", f->watts},
        {"joules_per_frame", f->joules_per_frame},
        {"coverage", f->coverage},
        {"coordinator_cpu_ms", f->coordinator_cpu_ms},
        {"bytes_per_frame", f->bytes_per_frame},
    };
    for (size_t i = 0; object && i < sizeof numbers / sizeof *numbers; i++)
        json_object_set_new(object, numbers[i].key, number(numbers[i].value));
    if (object) {
        json_object_set_new(object, "latency_ms", latency_json(&f->latency));
        json_object_set_new(object, "same_detections", json_boolean(f->same_detections));
        json_object_set_new(object, "time_per_worker", workers_json(&result->run));
    }
    return object;
}

static json_t *report(const struct bench_about *about, const struct bench_results *results)
{
    json_t *points = json_array();
    for (uint32_t i = 0; points && i < results->count; i++)
        json_array_append_new(points, point_json(&results->list[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:i, s:b, s:o, s:o}", "command",
                     text(about->command), "date", text(about->date), "version",
                     text(about->version), "input", text(about->input), "model", text(about->model),
                     "warmup_ms", number(about->warmup_ms), "duration_s", number(about->duration_s),
                     "iterations", (json_int_t)about->iterations, "repeats", (int)about->repeats,
                     "complete", (int32_t)results->count == about->points_planned, "points", points,
                     "system", about->system ? json_incref(about->system) : json_null());
}

static int json_write(const char *path, json_t *root, size_t flags)
{
    struct coordinator_output output = {0};
    if (!root) {
        proto_log_error("bench", "%s: %s", path, proto_status_text(PROTO_NO_MEMORY));
        return PROTO_NO_MEMORY;
    }
    int status = coordinator_output_open(&output, path);
    if (!status) {
        json_dumpf(root, output.file, flags | JSON_REAL_PRECISION(9));
        fputc('\n', output.file);
        status = coordinator_output_finish(&output);
    }
    coordinator_output_close(&output);
    json_decref(root);
    return status;
}

int bench_report_json_write(const char *path, const struct bench_about *about,
                            const struct bench_results *results)
{
    return json_write(path, report(about, results), JSON_INDENT(2));
}

int bench_report_json_print(const struct bench_about *about, const struct bench_results *results)
{
    return json_write("-", report(about, results), JSON_COMPACT);
}

static json_t *times(const double *values, uint32_t count)
{
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < count; i++)
        json_array_append_new(list, number(values[i]));
    return list;
}

int bench_report_times_write(const char *path, const struct bench_results *results)
{
    json_t *root = json_array();
    for (uint32_t i = 0; root && i < results->count; i++) {
        const struct bench_run *run = &results->list[i].run;
        json_array_append_new(root,
                              json_pack("{s:s, s:o, s:o}", "name", results->list[i].point.name,
                                        "done_ms", times(run->done_ms, run->time_count),
                                        "latency_ms", times(run->latency_ms, run->time_count)));
    }
    return json_write(path, root, JSON_COMPACT);
}
