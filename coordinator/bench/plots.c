#include "coordinator/bench/plots.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/chart.h"
#include "proto/log.h"
#include "proto/status.h"

enum { WIDTH = 1000, HEIGHT = 420, SERIES_MAX = 12, POINTS_MAX = 256, PATH_BYTES = 4200 };

/* One line of points that differ only in the number of workers. */
struct line {
    char label[96];
    struct bench_point like;
    uint32_t count;
    const struct bench_result *at[POINTS_MAX];
};

struct lines {
    uint32_t count;
    struct line list[SERIES_MAX];
};

static bool same_line(const struct bench_point *a, const struct bench_point *b)
{
    return a->role == b->role && strcmp(a->split, b->split) == 0 &&
           a->ground_plane == b->ground_plane &&
           (a->budget_w == b->budget_w || (isnan(a->budget_w) && isnan(b->budget_w)));
}

static void label_make(const struct bench_point *point, char label[96])
{
    static const struct {
        const char *split, *text;
    } names[] = {{"tile", "tiles"}, {"level", "levels"}, {"frame", "replicas (whole frames)"}};
    const char *what = point->split;
    char budget[32] = "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(point->split, names[i].split) == 0)
            what = names[i].text;
    if (!isnan(point->budget_w))
        snprintf(budget, sizeof budget, ", %.3g W", point->budget_w);
    snprintf(label, 96, "%s%s%s", point->role == BENCH_BIGGER ? "one bigger board" : what,
             point->ground_plane ? ", ground plane" : "", budget);
}

static int by_workers(const void *pa, const void *pb)
{
    const struct bench_result *const *a = pa, *const *b = pb;
    return ((*a)->point.workers > (*b)->point.workers) -
           ((*a)->point.workers < (*b)->point.workers);
}

static void lines_fill(const struct bench_results *results, struct lines *lines)
{
    lines->count = 0;
    for (uint32_t i = 0; i < results->count; i++) {
        const struct bench_result *result = &results->list[i];
        uint32_t l = 0;
        while (l < lines->count && !same_line(&lines->list[l].like, &result->point))
            l++;
        if (l == SERIES_MAX)
            continue; /* more lines than a picture can tell apart: the tables have them all */
        struct line *line = &lines->list[l];
        if (l == lines->count) {
            lines->count++;
            line->count = 0;
            line->like = result->point;
            label_make(&result->point, line->label);
        }
        if (line->count < POINTS_MAX)
            line->at[line->count++] = result;
    }
    for (uint32_t l = 0; l < lines->count; l++)
        qsort(lines->list[l].at, lines->list[l].count, sizeof *lines->list[l].at, by_workers);
}

/* Series over the number of workers, each with its own arrays. */
struct series {
    struct coordinator_series list[2 * SERIES_MAX];
    double x[2 * SERIES_MAX][POINTS_MAX], y[2 * SERIES_MAX][POINTS_MAX];
    char labels[2 * SERIES_MAX][128];
    uint32_t count;
};

static void series_add(struct series *series, const struct line *line, const char *suffix,
                       double (*value)(const struct bench_result *result),
                       enum coordinator_chart_style style, int colour)
{
    const uint32_t s = series->count;
    if (s == 2 * SERIES_MAX)
        return;
    series->count++;
    for (uint32_t i = 0; i < line->count; i++) {
        series->x[s][i] = line->at[i]->point.workers;
        series->y[s][i] = value(line->at[i]);
    }
    snprintf(series->labels[s], sizeof series->labels[s], "%s%s", line->label, suffix);
    series->list[s] = (struct coordinator_series){
        .label = series->labels[s],
        .count = line->count,
        .x = series->x[s],
        .y = series->y[s],
        .style =
            line->count == 1 && style == COORDINATOR_CHART_LINE ? COORDINATOR_CHART_DOTS : style,
        .colour = colour,
    };
}

static double fps_of(const struct bench_result *r)
{
    return r->run.figures.fps;
}

static double ceiling_of(const struct bench_result *r)
{
    return 1e3 / r->run.figures.lower_bound_ms;
}

static double efficiency_of(const struct bench_result *r)
{
    return r->efficiency;
}

static double p50_of(const struct bench_result *r)
{
    return r->run.figures.latency.p50;
}

static double p95_of(const struct bench_result *r)
{
    return r->run.figures.latency.p95;
}

static double p99_of(const struct bench_result *r)
{
    return r->run.figures.latency.p99;
}

static double latency_speedup_of(const struct bench_result *r)
{
    return r->latency_speedup;
}

static double watts_of(const struct bench_result *r)
{
    return r->run.figures.watts;
}

static double joules_of(const struct bench_result *r)
{
    return r->run.figures.joules_per_frame;
}

static void chart(cairo_t *cairo, int column, const char *title, const char *y_label, bool percent,
                  const struct series *series)
{
    const struct coordinator_chart one = {
        .title = title,
        .x_label = "workers",
        .y_label = y_label,
        .left = column * (WIDTH / 2.0),
        .w = WIDTH / 2.0,
        .h = HEIGHT,
        .percent = percent,
        .from_zero = true,
        .counts = true,
        .series_count = series->count,
        .series = series->list,
    };
    coordinator_chart_draw(cairo, &one);
}

/* A row of the table of pictures: two charts from the lines, with room to work in. */
static void draw_speedup(cairo_t *cairo, const struct lines *lines, struct series *series)
{
    series->count = 0;
    for (uint32_t l = 0; l < lines->count; l++)
        series_add(series, &lines->list[l], "", fps_of, COORDINATOR_CHART_LINE, (int)l);
    for (uint32_t l = 0; l < lines->count; l++)
        if (strcmp(lines->list[l].like.split, "tile") == 0 &&
            lines->list[l].like.role == BENCH_CLUSTER)
            series_add(series, &lines->list[l], ": T*, no plan is faster", ceiling_of,
                       COORDINATOR_CHART_DASHED, (int)l);
    chart(cairo, 0, "Frame rate", "frames/s", false, series);
    series->count = 0;
    for (uint32_t l = 0; l < lines->count; l++)
        if (lines->list[l].like.role == BENCH_CLUSTER)
            series_add(series, &lines->list[l], "", efficiency_of, COORDINATOR_CHART_LINE, (int)l);
    chart(cairo, 1, "Efficiency", "of what as many single boards would do", true, series);
}

static void draw_latency(cairo_t *cairo, const struct lines *lines, struct series *series)
{
    static const struct {
        const char *suffix;
        double (*value)(const struct bench_result *result);
        enum coordinator_chart_style style;
    } percentiles[] = {
        {" p50", p50_of, COORDINATOR_CHART_LINE},
        {" p95", p95_of, COORDINATOR_CHART_DASHED},
        {" p99", p99_of, COORDINATOR_CHART_DOTS},
    };
    series->count = 0;
    for (uint32_t l = 0; l < lines->count && lines->count <= SERIES_MAX; l++)
        for (size_t p = 0; p < sizeof percentiles / sizeof *percentiles; p++)
            series_add(series, &lines->list[l], percentiles[p].suffix, percentiles[p].value,
                       percentiles[p].style, (int)l);
    chart(cairo, 0, "Latency", "ms", false, series);
    series->count = 0;
    for (uint32_t l = 0; l < lines->count; l++)
        if (lines->list[l].like.role == BENCH_CLUSTER)
            series_add(series, &lines->list[l], "", latency_speedup_of, COORDINATOR_CHART_LINE,
                       (int)l);
    chart(cairo, 1, "Latency speed-up", "median latency of one worker / of all", false, series);
}

static void draw_energy(cairo_t *cairo, const struct lines *lines, struct series *series)
{
    series->count = 0;
    for (uint32_t l = 0; l < lines->count; l++)
        series_add(series, &lines->list[l], "", watts_of, COORDINATOR_CHART_LINE, (int)l);
    chart(cairo, 0, "Power", "watts", false, series);
    series->count = 0;
    for (uint32_t l = 0; l < lines->count; l++)
        series_add(series, &lines->list[l], "", joules_of, COORDINATOR_CHART_LINE, (int)l);
    chart(cairo, 1, "Energy", "joules a frame", false, series);
}

static int plot(const char *folder, const char *name, const struct lines *lines,
                void (*draw)(cairo_t *cairo, const struct lines *lines, struct series *series))
{
    char path[PATH_BYTES];
    struct coordinator_canvas canvas = {0};
    struct series *series = calloc(1, sizeof *series);
    snprintf(path, sizeof path, "%.4000s/%s", folder, name);
    int status = series ? coordinator_canvas_open(&canvas, path, WIDTH, HEIGHT) : PROTO_NO_MEMORY;
    if (!status) {
        draw(canvas.cairo, lines, series);
        status = coordinator_canvas_finish(&canvas);
    }
    coordinator_canvas_close(&canvas);
    free(series);
    return status;
}

/* ---- bars: one row a worker ---- */

enum { BAR_LEFT = 90, BAR_RIGHT = 20, BAR_TOP = 58, BAR_BOTTOM = 50, BAR_ROW_MAX = 34 };

/* A part of a row: from, to in ms. */
struct part {
    double from, to;
    int colour;
};

static void key(cairo_t *cairo, const char *const *labels, const int *colours, int count)
{
    double at = BAR_LEFT;
    for (int i = 0; i < count; i++) {
        const double *c = coordinator_chart_colour(colours[i]);
        cairo_text_extents_t extents;
        cairo_set_source_rgb(cairo, c[0], c[1], c[2]);
        cairo_rectangle(cairo, at, BAR_TOP - 24, 14, 12);
        cairo_fill(cairo);
        cairo_set_source_rgb(cairo, 0, 0, 0);
        coordinator_canvas_text(cairo, at + 20, BAR_TOP - 13, 0, labels[i]);
        cairo_text_extents(cairo, labels[i], &extents);
        at += extents.x_advance + 44;
    }
}

static void time_axis(cairo_t *cairo, double longest_ms, double bottom)
{
    const double scale = (WIDTH - BAR_LEFT - BAR_RIGHT) / longest_ms;
    const double step = coordinator_chart_step(longest_ms, 10);
    char label[32];
    cairo_set_line_width(cairo, 0.25);
    for (int i = 0; i * step <= longest_ms * (1 + 1e-9); i++) {
        const double x = BAR_LEFT + i * step * scale;
        coordinator_canvas_line(cairo, x, BAR_TOP, x, bottom);
        snprintf(label, sizeof label, "%g", i * step);
        coordinator_canvas_text(cairo, x, bottom + 16, 0.5, label);
    }
    coordinator_canvas_text(cairo, (BAR_LEFT + WIDTH - BAR_RIGHT) / 2.0, bottom + 36, 0.5, "ms");
}

static void row(cairo_t *cairo, uint32_t index, double height, int32_t rank,
                const struct part *parts, int count, double longest_ms)
{
    const double scale = (WIDTH - BAR_LEFT - BAR_RIGHT) / longest_ms;
    const double top = BAR_TOP + index * height;
    char label[32];
    for (int i = 0; i < count; i++) {
        const double *c = coordinator_chart_colour(parts[i].colour);
        cairo_set_source_rgb(cairo, c[0], c[1], c[2]);
        cairo_rectangle(cairo, BAR_LEFT + parts[i].from * scale, top + 0.12 * height,
                        fmax(0, parts[i].to - parts[i].from) * scale, 0.76 * height);
        cairo_fill(cairo);
    }
    cairo_set_source_rgb(cairo, 0, 0, 0);
    snprintf(label, sizeof label, "worker %d", (int)rank);
    if (height >= COORDINATOR_CANVAS_FONT || index % 4 == 0)
        coordinator_canvas_text(cairo, BAR_LEFT - 8, top + height / 2 + 4, 1, label);
}

static double row_height(uint32_t rows)
{
    return fmin(BAR_ROW_MAX, (HEIGHT - BAR_TOP - BAR_BOTTOM) / (double)(rows ? rows : 1));
}

static void title_of(const struct bench_result *result, const char *what, char out[256])
{
    char label[96];
    label_make(&result->point, label);
    snprintf(out, 256, "%s: %d workers, %s", what, (int)result->point.workers, label);
}

static void draw_where(cairo_t *cairo, const struct bench_result *result)
{
    static const char *const labels[] = {"compute", "transfer", "wait"};
    static const int colours[] = {0, 1, 4};
    const struct bench_run *run = &result->run;
    const double height = row_height(run->worker_count);
    double longest = 0;
    char title[256];
    for (uint32_t i = 0; i < run->worker_count; i++)
        longest = fmax(longest, run->workers[i].compute_ms + run->workers[i].wait_ms);
    title_of(result, "Where a frame period goes (transfer overlaps with compute)", title);
    coordinator_canvas_text(cairo, WIDTH / 2.0, 18, 0.5, title);
    key(cairo, labels, colours, 3);
    for (uint32_t i = 0; i < run->worker_count; i++) {
        const struct bench_worker *w = &run->workers[i];
        const double hidden = fmin(w->transfer_ms, w->wait_ms);
        const struct part parts[] = {
            {0, w->compute_ms, 0},
            {w->compute_ms, w->compute_ms + hidden, 1},
            {w->compute_ms + hidden, w->compute_ms + w->wait_ms, 4},
        };
        row(cairo, i, height, w->rank, parts, 3, longest);
    }
    time_axis(cairo, longest, BAR_TOP + run->worker_count * height);
}

static void draw_gantt(cairo_t *cairo, const struct bench_result *result)
{
    static const char *const labels[] = {"on the way", "waiting for the device", "compute"};
    static const int colours[] = {1, 4, 0};
    const struct bench_run *run = &result->run;
    const double height = row_height(run->span_count);
    double longest = 0;
    char title[256];
    for (uint32_t i = 0; i < run->span_count; i++)
        longest = fmax(longest, run->spans[i].answered_ms);
    title_of(result, "One frame, of median latency", title);
    coordinator_canvas_text(cairo, WIDTH / 2.0, 18, 0.5, title);
    key(cairo, labels, colours, 3);
    for (uint32_t i = 0; i < run->span_count; i++) {
        const struct bench_span *s = &run->spans[i];
        const struct part parts[] = {
            {0, s->received_ms, 1},
            {s->received_ms, s->started_ms, 4},
            {s->started_ms, s->finished_ms, 0},
            {s->finished_ms, s->answered_ms, 1},
        };
        row(cairo, i, height, s->rank, parts, 4, longest);
    }
    time_axis(cairo, longest, BAR_TOP + run->span_count * height);
}

/* The largest cluster that shares frames by tiles: with ground plane if any has it. */
static const struct bench_result *largest(const struct bench_results *results)
{
    const struct bench_result *best = NULL;
    for (uint32_t i = 0; i < results->count; i++) {
        const struct bench_result *r = &results->list[i];
        if (r->point.role != BENCH_CLUSTER || strcmp(r->point.split, "tile") != 0)
            continue;
        if (!best || r->point.workers > best->point.workers ||
            (r->point.workers == best->point.workers && r->point.ground_plane &&
             !best->point.ground_plane))
            best = r;
    }
    return best;
}

static int bars(const char *folder, const char *name, const struct bench_result *result,
                uint32_t rows, void (*draw)(cairo_t *cairo, const struct bench_result *result))
{
    char path[PATH_BYTES];
    struct coordinator_canvas canvas = {0};
    snprintf(path, sizeof path, "%.4000s/%s", folder, name);
    const double height = BAR_TOP + rows * row_height(rows) + BAR_BOTTOM;
    int status = coordinator_canvas_open(&canvas, path, WIDTH, (int)height);
    if (!status) {
        draw(canvas.cairo, result);
        status = coordinator_canvas_finish(&canvas);
    }
    coordinator_canvas_close(&canvas);
    return status;
}

int bench_plots_write(const char *folder, const struct bench_results *results)
{
    const struct bench_result *most = largest(results);
    struct lines *lines = calloc(1, sizeof *lines);
    if (!lines)
        return PROTO_NO_MEMORY;
    lines_fill(results, lines);
    int status = plot(folder, "speedup.svg", lines, draw_speedup);
    if (!status)
        status = plot(folder, "latency.svg", lines, draw_latency);
    if (!status)
        status = plot(folder, "energy.svg", lines, draw_energy);
    if (!status && most && most->run.worker_count > 0)
        status = bars(folder, "where.svg", most, most->run.worker_count, draw_where);
    if (!status && most && most->run.span_count > 0)
        status = bars(folder, "gantt.svg", most, most->run.span_count, draw_gantt);
    free(lines);
    return status;
}
