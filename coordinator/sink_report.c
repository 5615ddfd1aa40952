#include "coordinator/sink_report.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "coordinator/histogram.h"
#include "coordinator/output.h"
#include "coordinator/run_stats.h"
#include "proto/log.h"
#include "proto/status.h"

struct sink_report {
    struct coordinator_sink sink;
    struct coordinator_output output; /* file NULL: only printed */
    struct coordinator_run_stats stats;
};

/* NAN is null: jansson refuses to make a number of it. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* To the microsecond or the millionth: more digits would only be noise. + 0.0: never -0. */
static json_t *rounded(double value)
{
    return number(isfinite(value) ? round(value * 1e6) / 1e6 + 0.0 : value);
}

static json_t *text(const char *value)
{
    if (!value)
        return json_null();
    json_t *string = json_string(value);
    return string ? string : json_string("(not UTF-8)");
}

static json_t *percentiles(const struct coordinator_histogram *histogram)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "mean",
                     rounded(coordinator_histogram_mean(histogram)), "p50",
                     rounded(coordinator_histogram_percentile(histogram, 50)), "p90",
                     rounded(coordinator_histogram_percentile(histogram, 90)), "p95",
                     rounded(coordinator_histogram_percentile(histogram, 95)), "p99",
                     rounded(coordinator_histogram_percentile(histogram, 99)), "max",
                     rounded(histogram->count ? histogram->max : NAN));
}

/* Was given up and came back after that. */
static bool is_back(const struct coordinator_run_worker *worker)
{
    return worker->returned > 0 && worker->returned_s >= worker->lost_s;
}

/* "measured", "modelled", "partly modelled", "no data", "no data from 2 of 4 workers": where the watts come from. */
static const char *power_text(const struct coordinator_run_power *power, char out[64])
{
    if (power->with == 0)
        return "no data";
    if (power->without > 0) {
        snprintf(out, 64, "no data from %u of %u workers", power->without,
                 power->with + power->without);
        return out;
    }
    if (power->modelled == 0)
        return "measured";
    return power->modelled == power->with ? "modelled" : "partly modelled";
}

static json_t *worker_power_json(const struct coordinator_worker_power *power)
{
    if (!power->rail)
        return json_null();
    return json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:I}", "rail", text(power->rail), "modelled",
                     (int)power->modelled, "watts", rounded(power->watts), "joules",
                     rounded(power->joules), "coverage", rounded(power->coverage), "rate_hz",
                     rounded(power->rate_hz), "samples", (json_int_t)power->samples);
}

static json_t *worker_json(const struct coordinator_run_worker *about,
                           const struct coordinator_worker_stats *stats,
                           const struct coordinator_run_summary *summary, double wall_ms)
{
    static const struct coordinator_worker_stats none;
    const struct coordinator_worker_stats *s = stats ? stats : &none;
    return json_pack(
        "{s:i, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:b, s:o, s:o}", "rank",
        (int)about->rank, "host", text(about->host), "device", text(about->device), "kernels",
        text(about->kernels), "tiles", (json_int_t)s->tiles, "macs", (json_int_t)s->macs, "share",
        rounded(coordinator_run_share(s, summary)), "compute_ms", rounded(s->compute_ms),
        "transfer_ms", rounded(s->transfer_ms), "queue_ms", rounded(s->queue_ms), "idle_ms",
        rounded(fmax(0, wall_ms - s->compute_ms)), "bytes", (json_int_t)s->bytes, "memory_bytes",
        about->memory_bytes ? json_integer((json_int_t)about->memory_bytes) : json_null(),
        "reserve", (int)about->reserve, "whole_frame_ms", rounded(about->ms_per_frame), "power",
        worker_power_json(&about->power));
}

static json_t *workers_json(const struct sink_report *report, const struct coordinator_run *run,
                            const struct coordinator_run_summary *summary)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < run->worker_count; i++) {
        const struct coordinator_run_worker *about = &run->workers[i];
        json_array_append_new(
            list, worker_json(about, coordinator_run_stats_worker(&report->stats, about->rank),
                              summary, run->wall_ms));
    }
    return list;
}

/* One entry for each worker that was ever given up, as it last was. */
static json_t *lost_json(const struct coordinator_run *run)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < run->worker_count; i++) {
        const struct coordinator_run_worker *w = &run->workers[i];
        if (w->lost > 0)
            json_array_append_new(list, json_pack("{s:i, s:o, s:o, s:o, s:I, s:o}", "rank",
                                                  (int)w->rank, "host", text(w->host), "at_s",
                                                  rounded(w->lost_s), "why", text(w->why), "times",
                                                  (json_int_t)w->lost, "returned_s",
                                                  rounded(is_back(w) ? w->returned_s : NAN)));
    }
    return list;
}

static json_t *recovery_json(const struct coordinator_run *run,
                             const struct coordinator_run_stats *stats)
{
    const struct coordinator_run_events *e = &run->events;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "late", (json_int_t)e->late,
                     "lost", (json_int_t)e->lost, "returned", (json_int_t)e->returned,
                     "tiles_reassigned", (json_int_t)e->reassigned, "answers_ignored",
                     (json_int_t)e->duplicates, "replans", (json_int_t)e->replans, "frames_cut",
                     (json_int_t)stats->cut, "lost_workers", lost_json(run));
}

static json_t *versions_json(const struct coordinator_run *run)
{
    json_t *object = json_object();
    for (uint32_t i = 0; i < run->version_count; i++)
        json_object_set_new(object, run->versions[i].name, text(run->versions[i].text));
    return object;
}

static json_t *date_json(void)
{
    char date[32];
    time_t now = time(NULL);
    struct tm utc;
    if (!gmtime_r(&now, &utc) || !strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc))
        return json_null();
    return json_string(date);
}

static bool is_ground_plane(const struct coordinator_run *run, const char *mode)
{
    return run->ground_plane && strcmp(run->ground_plane, mode) == 0;
}

/* Adds `value` under `key`. A NULL value (no memory) is kept in mind until the end. */
static void put(json_t *object, const char *key, json_t *value, bool *failed)
{
    if (json_object_set_new(object, key, value) != 0)
        *failed = true;
}

static void put_power(json_t *root, const struct coordinator_run *run, double frames, bool *failed)
{
    const struct coordinator_run_power *power = &run->power;
    char where[64];
    put(root, "watts", rounded(power->with ? power->watts : NAN), failed);
    put(root, "joules_per_frame", rounded(power->with ? power->joules / frames : NAN), failed);
    put(root, "power", text(power_text(power, where)), failed);
    put(root, "power_coverage", rounded(power->with ? power->coverage : NAN), failed);
}

static json_t *report_json(const struct sink_report *report, const struct coordinator_run *run)
{
    const struct coordinator_run_stats *stats = &report->stats;
    struct coordinator_run_summary summary = coordinator_run_summarise(stats, run);
    double frames = (double)stats->frames;
    json_t *root = json_object();
    if (!root)
        return NULL;
    bool failed = false;
    put(root, "date", date_json(), &failed);
    put(root, "input", text(run->input), &failed);
    put(root, "status", text(proto_status_name(run->status)), &failed);
    put(root, "frames", json_integer((json_int_t)stats->frames), &failed);
    put(root, "broken", json_integer((json_int_t)stats->broken), &failed);
    put(root, "incomplete", json_integer((json_int_t)stats->incomplete), &failed);
    put(root, "persons", json_integer((json_int_t)stats->persons), &failed);
    put(root, "coverage", rounded(summary.coverage), &failed);
    put(root, "wall_ms", rounded(run->wall_ms), &failed);
    put(root, "fps", rounded(summary.fps), &failed);
    put(root, "latency_ms", percentiles(&stats->latency), &failed);
    put(root, "compute_ms", percentiles(&stats->compute), &failed);
    put(root, "capture_ms", percentiles(&stats->capture), &failed);
    put(root, "merge_ms", percentiles(&stats->merge), &failed);
    put(root, "coordinator_cpu_ms", rounded(run->coordinator_cpu_ms / frames), &failed);
    put(root, "bytes_per_frame", rounded((double)stats->bytes / frames), &failed);
    put(root, "speedup", rounded(summary.speedup), &failed);
    put(root, "efficiency", rounded(summary.efficiency), &failed);
    put(root, "predicted_ms", rounded(summary.predicted_ms), &failed);
    put(root, "lower_bound_ms", rounded(summary.lower_bound_ms), &failed);
    put(root, "measured_ms", rounded(summary.measured_ms), &failed);
    put(root, "gap", rounded(summary.gap), &failed);
    put(root, "model_error", rounded(summary.model_error), &failed);
    put(root, "recovery", recovery_json(run, stats), &failed);
    put_power(root, run, frames, &failed);
    put(root, "budget_watts", rounded(run->budget_w > 0 ? run->budget_w : NAN), &failed);
    put(root, "throttled_ms", rounded(stats->throttled_ms / frames), &failed);
    put(root, "split", text(run->split), &failed);
    put(root, "depth", json_integer(run->depth), &failed);
    put(root, "tiles", json_integer(run->tile_count), &failed);
    put(root, "ground_plane", text(run->ground_plane), &failed);
    put(root, "macs_share", rounded(run->macs_share), &failed);
    put(root, "detections_lost",
        is_ground_plane(run, "measure") ? json_integer((json_int_t)stats->outside) : json_null(),
        &failed);
    put(root, "model",
        json_pack("{s:o, s:o}", "name", text(run->model_name), "hash", text(run->model_hash)),
        &failed);
    put(root, "workers", workers_json(report, run, &summary), &failed);
    put(root, "versions", versions_json(run), &failed);
    if (failed) {
        json_decref(root);
        return NULL;
    }
    return root;
}

static int report_frame(struct coordinator_sink *sink, const struct coordinator_frame_report *frame,
                        const struct coordinator_image *image)
{
    (void)image;
    return coordinator_run_stats_add(&((struct sink_report *)sink)->stats, frame);
}

static int report_finish(struct coordinator_sink *sink, const struct coordinator_run *run)
{
    struct sink_report *report = (struct sink_report *)sink;
    if (!report->output.file)
        return PROTO_OK;
    json_t *root = report_json(report, run);
    if (!root) {
        proto_log_error("coordinator", "%s: %s", report->output.path,
                        proto_status_text(PROTO_NO_MEMORY));
        return PROTO_NO_MEMORY;
    }
    json_dumpf(root, report->output.file, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    fputc('\n', report->output.file);
    json_decref(root);
    return coordinator_output_finish(&report->output); /* sees failed writes by ferror */
}

static void report_close(struct coordinator_sink *sink)
{
    struct sink_report *report = (struct sink_report *)sink;
    coordinator_output_close(&report->output);
    coordinator_run_stats_free(&report->stats);
    free(report);
}

static const struct coordinator_sink_ops report_ops = {
    .name = "report",
    .frame = report_frame,
    .finish = report_finish,
    .close = report_close,
};

int coordinator_sink_report_open(const char *path, struct coordinator_sink **out)
{
    struct sink_report *report = calloc(1, sizeof *report);
    if (!report)
        return PROTO_NO_MEMORY;
    report->sink.ops = &report_ops;
    int status = path ? coordinator_output_open(&report->output, path) : PROTO_OK;
    if (status != PROTO_OK) {
        report_close(&report->sink);
        return status;
    }
    *out = &report->sink;
    return PROTO_OK;
}

struct coordinator_sink_report_totals
coordinator_sink_report_totals(const struct coordinator_sink *sink)
{
    const struct coordinator_run_stats *stats = &((const struct sink_report *)sink)->stats;
    return (struct coordinator_sink_report_totals){
        .frames = stats->frames,
        .broken = stats->broken,
        .incomplete = stats->incomplete,
        .cut = stats->cut,
        .persons = stats->persons,
    };
}

/* "12.3 ms", or "-" where nothing was measured. */
static const char *ms_text(double ms, char out[32])
{
    if (isfinite(ms))
        snprintf(out, 32, "%.*f ms", ms < 10 ? 2 : ms < 100 ? 1 : 0, ms);
    else
        snprintf(out, 32, "-");
    return out;
}

static void print_percent(FILE *out, const char *label, double ratio)
{
    if (isfinite(ratio))
        fprintf(out, "%s %.1f %%", label, round(1000 * ratio) / 10 + 0.0);
    else
        fprintf(out, "%s -", label);
}

static void print_workers(const struct sink_report *report, const struct coordinator_run *run,
                          const struct coordinator_run_summary *summary, FILE *out)
{
    static const struct coordinator_worker_stats none;
    fprintf(out, "  %4s  %-16s %-10s %7s %8s %12s %12s %9s\n", "rank", "host", "device", "share",
            "tiles", "compute", "transfer", "MB/frame");
    double frames = (double)report->stats.frames;
    for (uint32_t i = 0; i < run->worker_count; i++) {
        const struct coordinator_run_worker *about = &run->workers[i];
        const struct coordinator_worker_stats *s =
            coordinator_run_stats_worker(&report->stats, about->rank);
        s = s ? s : &none;
        char compute[32], transfer[32];
        fprintf(out, "  %4d  %-16s %-10s %5.1f %% %8llu %12s %12s %9.3f\n", (int)about->rank,
                about->host ? about->host : "-", about->device ? about->device : "-",
                100 * coordinator_run_share(s, summary), (unsigned long long)s->tiles,
                ms_text(s->compute_ms / frames, compute),
                ms_text(s->transfer_ms / frames, transfer), (double)s->bytes / frames * 1e-6);
    }
}

/* A line for each worker that was given up, and one for what else recovery did. */
static void print_recovery(const struct coordinator_run *run, FILE *out)
{
    const struct coordinator_run_events *e = &run->events;
    for (uint32_t i = 0; i < run->worker_count; i++) {
        const struct coordinator_run_worker *w = &run->workers[i];
        if (w->lost == 0)
            continue;
        fprintf(out, "lost rank %d on %s after %.1f s: %s", (int)w->rank,
                w->host && *w->host ? w->host : "an unknown host", w->lost_s, w->why ? w->why : "");
        if (w->lost > 1)
            fprintf(out, " (%llu times)", (unsigned long long)w->lost);
        if (is_back(w))
            fprintf(out, "; back after %.1f s\n", w->returned_s);
        else
            fputs("; not back\n", out);
    }
    if (e->late + e->lost + e->reassigned > 0)
        fprintf(out,
                "recovery: %llu late answers, %llu tiles given to others, %llu answers ignored, "
                "%llu new plans\n",
                (unsigned long long)e->late, (unsigned long long)e->reassigned,
                (unsigned long long)e->duplicates, (unsigned long long)e->replans);
}

static void print_ground_plane(const struct sink_report *report, const struct coordinator_run *run,
                               FILE *out)
{
    const struct coordinator_run_stats *stats = &report->stats;
    if (is_ground_plane(run, "on"))
        print_percent(out, "ground plane: searched", run->macs_share);
    else if (is_ground_plane(run, "measure"))
        print_percent(out, "ground plane: would search", run->macs_share);
    else
        return;
    fputs(" of the pyramid's MACs", out);
    if (is_ground_plane(run, "measure"))
        fprintf(out, " and lose %llu of %llu detections", (unsigned long long)stats->outside,
                (unsigned long long)stats->persons);
    fputc('\n', out);
}

static void print_power(const struct coordinator_run *run, double frames, FILE *out)
{
    const struct coordinator_run_power *power = &run->power;
    char where[64];
    fprintf(out, "\npower: %s", power_text(power, where));
    if (power->with && isfinite(power->watts))
        fprintf(out, ", %.1f W, %.2f J a frame", power->watts, power->joules / frames);
    for (uint32_t w = 0; power->with && w < run->worker_count; w++) {
        const struct coordinator_worker_power *first = &run->workers[w].power;
        if (!first->rail)
            continue; /* the rest is in the report's file */
        fprintf(out, " (%s%s", first->rail, power->with > 1 ? ", ..;" : ";");
        fprintf(out, " %.0f Hz; %.0f %% of the time with data)", first->rate_hz,
                100 * power->coverage);
        break;
    }
    fputc('\n', out);
}

void coordinator_sink_report_print(const struct coordinator_sink *sink,
                                   const struct coordinator_run *run, FILE *out)
{
    const struct sink_report *report = (const struct sink_report *)sink;
    const struct coordinator_run_stats *stats = &report->stats;
    struct coordinator_run_summary summary = coordinator_run_summarise(stats, run);
    char a[32], b[32];
    fprintf(out, "%llu frames, %llu persons", (unsigned long long)stats->frames,
            (unsigned long long)stats->persons);
    if (stats->broken)
        fprintf(out, ", %llu broken pictures", (unsigned long long)stats->broken);
    if (stats->incomplete)
        fprintf(out, ", %llu frames not searched completely",
                (unsigned long long)stats->incomplete);
    if (stats->cut)
        fprintf(out, ", %llu of them cut short by their deadline", (unsigned long long)stats->cut);
    if (isfinite(summary.fps))
        fprintf(out, "; %.2f frames/s", summary.fps);
    fprintf(out, "\nlatency p50 %s, p95 %s",
            ms_text(coordinator_histogram_percentile(&stats->latency, 50), a),
            ms_text(coordinator_histogram_percentile(&stats->latency, 95), b));
    fprintf(out, "; coordinator %s CPU a frame\n",
            ms_text(run->coordinator_cpu_ms / (double)stats->frames, a));
    print_percent(out, "efficiency", summary.efficiency);
    print_percent(out, ", plan gap", summary.gap);
    print_percent(out, ", model error", summary.model_error);
    print_power(run, (double)stats->frames, out);
    print_ground_plane(report, run, out);
    print_recovery(run, out);
    print_workers(report, run, &summary, out);
}
