/* The report for readers, in Markdown. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/bench/report.h"
#include "coordinator/output.h"
#include "proto/status.h"

/* "12.3", or "-" where nothing is known. */
static const char *figure(double value, const char *unit, char out[32])
{
    if (!isfinite(value))
        return "-";
    const double size = fabs(value);
    snprintf(out, 32, "%.*f%s", size < 10 ? 2 : size < 100 ? 1 : 0, value, unit);
    return out;
}

static const char *percent(double ratio, char out[32])
{
    if (!isfinite(ratio))
        return "-";
    snprintf(out, 32, "%.1f %%", 100 * ratio + 0.0);
    return out;
}

static void write_points(FILE *file, const struct bench_results *results)
{
    fputs("| workers | devices | split | ground plane | budget | frames/s (range) | latency p50 | "
          "p95 | p99 | speed-up | efficiency | latency speed-up | T* ceiling | gap | model error | "
          "watts | J/frame |\n"
          "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
          file);
    for (uint32_t i = 0; i < results->count; i++) {
        const struct bench_result *r = &results->list[i];
        const struct bench_figures *f = &r->run.figures;
        char t[14][32];
        fprintf(file,
                "| %d%s | %s | %s | %s | %s | %s (%s .. %s) | %s | %s | %s | %s | %s | %s | %s | "
                "%s | %s | %s | %s |\n",
                (int)r->point.workers, r->point.role == BENCH_BIGGER ? " (bigger)" : "",
                r->point.devices, r->point.split, r->point.ground_plane ? "on" : "off",
                figure(r->point.budget_w, " W", t[0]), figure(f->fps, "", t[1]),
                figure(r->fps_min, "", t[2]), figure(r->fps_max, "", t[3]),
                figure(f->latency.p50, " ms", t[4]), figure(f->latency.p95, " ms", t[5]),
                figure(f->latency.p99, " ms", t[6]), figure(r->speedup, "x", t[7]),
                percent(r->efficiency, t[8]), figure(r->latency_speedup, "x", t[9]),
                figure(1e3 / f->lower_bound_ms, " fps", t[10]), percent(f->gap, t[11]),
                percent(f->model_error, t[12]), figure(f->watts, "", t[13]),
                figure(f->joules_per_frame, "", (char[32]){0}));
    }
}

/* What a reader wants to know first: what one more board gives. */
static void write_more(FILE *file, const struct bench_results *results)
{
    bool any = false;
    for (uint32_t i = 0; i < results->count; i++) {
        const struct bench_result *r = &results->list[i];
        if (r->point.role != BENCH_CLUSTER || strcmp(r->point.split, "tile") != 0)
            continue;
        const struct bench_result *next = NULL;
        for (int32_t more = r->point.workers + 1; !next && more <= r->point.workers + 64; more++)
            next = bench_results_find(results, &r->point, more, "tile");
        if (!next)
            continue;
        if (!any)
            fputs("\n## What more boards give\n\n", file);
        any = true;
        const struct bench_figures *a = &r->run.figures, *b = &next->run.figures;
        fprintf(
            file,
            "- from %d to %d workers, ground plane %s: %.2fx the frame rate, %.2fx the latency\n",
            (int)r->point.workers, (int)next->point.workers, r->point.ground_plane ? "on" : "off",
            b->fps / a->fps, b->latency.p50 / a->latency.p50);
    }
}

/* Splitting a frame against giving whole frames away, and against one bigger board. */
static void write_rivals(FILE *file, const struct bench_results *results)
{
    bool any = false;
    for (uint32_t i = 0; i < results->count; i++) {
        const struct bench_result *rival = &results->list[i];
        const bool replicas =
            rival->point.role == BENCH_CLUSTER && strcmp(rival->point.split, "frame") == 0;
        if (!replicas && rival->point.role != BENCH_BIGGER)
            continue;
        const struct bench_result *ours = NULL;
        for (uint32_t k = 0; k < results->count; k++)
            if (results->list[k].point.role == BENCH_CLUSTER &&
                strcmp(results->list[k].point.split, "tile") == 0 &&
                results->list[k].point.ground_plane == rival->point.ground_plane &&
                (replicas ? results->list[k].point.workers == rival->point.workers
                          : !ours || results->list[k].point.workers > ours->point.workers))
                ours = &results->list[k];
        if (!ours)
            continue;
        if (!any)
            fputs("\n## Against the baselines\n\n", file);
        any = true;
        const struct bench_figures *a = &ours->run.figures, *b = &rival->run.figures;
        fprintf(file,
                "- %d workers by tiles against %s%s, ground plane %s: %.2fx the frame rate, %.2fx "
                "the latency\n",
                (int)ours->point.workers, replicas ? "as many replicas" : "one bigger board, ",
                replicas ? "" : rival->point.devices, rival->point.ground_plane ? "on" : "off",
                a->fps / b->fps, a->latency.p50 / b->latency.p50);
    }
}

static const char *told(const json_t *object, const char *key, const char *otherwise)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : otherwise;
}

static void write_system(FILE *file, const struct bench_about *about)
{
    size_t index;
    json_t *host;
    fputs("\n## Where\n\n", file);
    if (!about->system)
        fputs("(the hosts could not be asked)\n", file);
    json_array_foreach(about->system, index, host)
    {
        const json_t *link = json_object_get(host, "link");
        const double bit_s = json_number_value(json_object_get(link, "bit_s"));
        fprintf(file, "- %s: %s, %d cores, %s; power mode %s", told(host, "host", "?"),
                told(host, "board", told(host, "cpu", "board not known")),
                (int)json_integer_value(json_object_get(host, "cores")), told(host, "system", ""),
                told(host, "power_mode", "not known"));
        if (bit_s > 0)
            fprintf(file, "; %s %.3g Gbit/s", told(link, "name", "link"), bit_s / 1e9);
        fputc('\n', file);
    }
}

int bench_report_text_write(const char *path, const struct bench_about *about,
                            const struct bench_results *results)
{
    struct coordinator_output output = {0};
    bool same = true;
    int status = coordinator_output_open(&output, path);
    if (status)
        return status;
    FILE *file = output.file;
    fprintf(file,
            "# Scaling report\n\n`%s`\n\n%s; muster %s; model %s; input %s. Median of %d repeats, "
            "%g ms "
            "warm-up, at least %lld frames and %g s each.%s\n\n",
            about->command, about->date, about->version, about->model, about->input,
            (int)about->repeats, about->warmup_ms, (long long)about->iterations, about->duration_s,
            (int32_t)results->count < about->points_planned
                ? " **Not complete: the run was stopped or goes on.**"
                : "");
    write_points(file, results);
    fputs("\nT* is the bound no plan of these tiles can beat; gap is the plan above it; model "
          "error is "
          "the measured period against the planned one. Replicas take whole frames in turn.\n",
          file);
    for (uint32_t i = 0; i < results->count; i++)
        same &= results->list[i].run.figures.same_detections;
    fprintf(file, "Detections of all points with the same ground plane: %s.\n",
            same ? "the same, byte for byte" : "**DIFFERENT**");
    write_more(file, results);
    write_rivals(file, results);
    fputs("\n## Pictures\n\n![frame rate and efficiency](speedup.svg)\n![latency](latency.svg)\n"
          "![power](energy.svg)\n![where the time goes](where.svg)\n![one frame](gantt.svg)\n",
          file);
    write_system(file, about);
    status = coordinator_output_finish(&output);
    coordinator_output_close(&output);
    return status;
}
