#include "coordinator/eval/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/canvas.h"
#include "proto/log.h"
#include "proto/status.h"

enum { WIDTH = 720, HEIGHT = 520, LEFT = 70, RIGHT = 20, TOP = 20, BOTTOM = 60 };
static const double font = COORDINATOR_CANVAS_FONT;
static const double fppi_low = 1e-3, fppi_high = 10;

/* Told apart by brightness as well as by colour. */
static const double colours[2][3] = {{0.75, 0.15, 0.10}, {0.10, 0.35, 0.80}};

struct plot {
    cairo_t *cairo;
    double miss_low; /* lower end of the axis: 0.1, 0.01 or 0.001 */
};

static double x_of(double fppi)
{
    double share = log(fppi / fppi_low) / log(fppi_high / fppi_low);
    return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct plot *plot, double miss)
{
    double share = log(miss / plot->miss_low) / log(1 / plot->miss_low);
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
}

static void draw_fppi_axis(const struct plot *plot)
{
    char label[32];
    for (double decade = fppi_low; decade < fppi_high * 1.01; decade *= 10) {
        for (int i = 1; i < 10 && decade * i < fppi_high * 1.01; i++) {
            cairo_set_source_rgb(plot->cairo, 0, 0, 0);
            cairo_set_line_width(plot->cairo, i == 1 ? 0.5 : 0.12);
            coordinator_canvas_line(plot->cairo, x_of(decade * i), TOP, x_of(decade * i),
                                    HEIGHT - BOTTOM);
        }
        snprintf(label, sizeof label, "%g", decade);
        coordinator_canvas_text(plot->cairo, x_of(decade), HEIGHT - BOTTOM + font + 6, 0.5, label);
    }
    coordinator_canvas_text(plot->cairo, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 12, 0.5,
                            "false positives per image (FPPI)");
}

static void draw_miss_axis(const struct plot *plot)
{
    char label[32];
    for (double decade = plot->miss_low; decade < 1.01; decade *= 10) {
        for (int i = 1; i < 10 && decade * i < 1.01; i++) {
            double y = y_of(plot, decade * i);
            cairo_set_source_rgb(plot->cairo, 0, 0, 0);
            cairo_set_line_width(plot->cairo, i == 1 ? 0.5 : 0.12);
            coordinator_canvas_line(plot->cairo, LEFT, y, WIDTH - RIGHT, y);
            if (i != 1 && i != 2 && i != 5)
                continue;
            snprintf(label, sizeof label, "%g", decade * i);
            coordinator_canvas_text(plot->cairo, LEFT - 7, y + font / 3, 1, label);
        }
    }
    coordinator_canvas_text_up(plot->cairo, 20, (TOP + HEIGHT - BOTTOM) / 2.0, "miss rate");
}

/* A staircase: the miss rate stays until the next detection counts. Parts below the axes run along the edge. */
static void draw_curve(const struct plot *plot, const struct eval_point *points, uint32_t count,
                       int index)
{
    cairo_t *cairo = plot->cairo;
    double y = y_of(plot, 1);
    cairo_save(cairo);
    cairo_rectangle(cairo, LEFT, TOP - 1, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM + 2);
    cairo_clip(cairo);
    cairo_set_source_rgb(cairo, colours[index][0], colours[index][1], colours[index][2]);
    cairo_set_line_width(cairo, 2.2);
    if (index)
        cairo_set_dash(cairo, (double[]){8, 4}, 2, 0);
    cairo_move_to(cairo, LEFT, y);
    for (uint32_t i = 0; i < count; i++) {
        cairo_line_to(cairo, x_of(fmax(points[i].fppi, fppi_low)), y);
        y = y_of(plot, fmax(points[i].miss, plot->miss_low));
        cairo_line_to(cairo, x_of(fmax(points[i].fppi, fppi_low)), y);
    }
    cairo_stroke(cairo);
    cairo_restore(cairo);
}

static void draw_legend(const struct plot *plot, const struct eval_result *const *results,
                        int count)
{
    cairo_t *cairo = plot->cairo;
    double top = HEIGHT - BOTTOM - 14 - count * (font + 8);
    for (int i = 0; i < count; i++) {
        char label[256];
        const double *value = results[i]->figures.value;
        const char *slash = strrchr(results[i]->name, '/');
        double y = top + (i + 1) * (font + 8);
        cairo_text_extents_t extents;
        snprintf(label, sizeof label, "%.80s: %.3f at 0.1, %.3f at 0.01, log-average %.3f",
                 slash ? slash + 1 : results[i]->name, value[EVAL_MISS_RATE_01],
                 value[EVAL_MISS_RATE_001], value[EVAL_LOG_AVERAGE]);
        cairo_text_extents(cairo, label, &extents);
        cairo_set_source_rgba(cairo, 1, 1, 1, 0.9);
        cairo_rectangle(cairo, LEFT + 8, y - font - 3, extents.x_advance + 52, font + 8);
        cairo_fill(cairo);
        cairo_set_source_rgb(cairo, colours[i][0], colours[i][1], colours[i][2]);
        cairo_set_line_width(cairo, 2.2);
        cairo_set_dash(cairo, (double[]){8, 4}, i ? 2 : 0, 0);
        coordinator_canvas_line(cairo, LEFT + 14, y - font / 3, LEFT + 46, y - font / 3);
        cairo_set_dash(cairo, NULL, 0, 0);
        cairo_set_source_rgb(cairo, 0, 0, 0);
        coordinator_canvas_text(cairo, LEFT + 54, y, 0, label);
    }
}

/* The axis ends at the decade below the lowest miss rate. */
static double lowest_decade(struct eval_point *const *points, const uint32_t *counts, int count)
{
    double lowest = 0.1;
    for (int r = 0; r < count; r++)
        for (uint32_t i = 0; i < counts[r]; i++)
            while (lowest > 0.002 && points[r][i].miss < lowest)
                lowest /= 10;
    return lowest;
}

static int draw(cairo_t *cairo, const struct eval_result *const *results, int count)
{
    struct eval_point *points[2] = {NULL, NULL};
    uint32_t counts[2] = {0, 0};
    int status = PROTO_OK;
    for (int i = 0; !status && i < count; i++)
        status = eval_curve_points(results[i]->match, &points[i], &counts[i]);
    if (!status) {
        struct plot plot = {cairo, lowest_decade(points, counts, count)};
        draw_fppi_axis(&plot);
        draw_miss_axis(&plot);
        for (int i = 0; i < count; i++)
            draw_curve(&plot, points[i], counts[i], i);
        draw_legend(&plot, results, count);
    }
    free(points[0]);
    free(points[1]);
    return status;
}

int eval_plot_write(const char *path, const struct eval_result *const *results, int count)
{
    struct coordinator_canvas canvas = {0};
    int status = coordinator_canvas_open(&canvas, path, WIDTH, HEIGHT);
    if (status)
        return status;
    status = draw(canvas.cairo, results, count);
    if (status)
        proto_log_error("eval", "%s: cannot draw: %s", path, proto_status_text(status));
    else
        status = coordinator_canvas_finish(&canvas);
    coordinator_canvas_close(&canvas);
    return status;
}
