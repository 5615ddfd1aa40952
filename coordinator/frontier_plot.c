/* See frontier_plot.h. */
#include "coordinator/frontier_plot.h"

#include <cairo.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/canvas.h"
#include "proto/log.h"
#include "proto/status.h"

enum { WIDTH = 720, HEIGHT = 440, LEFT = 70, RIGHT = 24, TOP = 44, BOTTOM = 58 };
static const double font = 13;

struct axes {
    cairo_t *cairo;
    double watts, fps; /* at the ends */
};

static double x_of(const struct axes *a, double watts)
{
    return LEFT + watts / a->watts * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct axes *a, double fps)
{
    return HEIGHT - BOTTOM - fps / a->fps * (HEIGHT - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten: at most eight of them up to `end`. */
static double step_of(double end)
{
    static const double steps[] = {1, 2, 5, 10};
    const double decade = pow(10, floor(log10(end / 8)));
    for (int i = 0; i < 3; i++)
        if (end / (steps[i] * decade) <= 8)
            return steps[i] * decade;
    return 10 * decade;
}

static void text(cairo_t *cairo, double x, double y, double align, const char *string)
{
    cairo_text_extents_t extents;
    cairo_text_extents(cairo, string, &extents);
    cairo_move_to(cairo, x - align * extents.x_advance, y);
    cairo_show_text(cairo, string);
}

static void line(cairo_t *cairo, double x0, double y0, double x1, double y1)
{
    cairo_move_to(cairo, x0, y0);
    cairo_line_to(cairo, x1, y1);
    cairo_stroke(cairo);
}

static void draw_axes(const struct axes *a)
{
    cairo_t *cairo = a->cairo;
    char label[32];
    cairo_set_line_width(cairo, 0.4);
    cairo_set_source_rgb(cairo, 0, 0, 0);
    for (double w = 0; w <= a->watts * 1.0001; w += step_of(a->watts)) {
        line(cairo, x_of(a, w), TOP, x_of(a, w), HEIGHT - BOTTOM);
        snprintf(label, sizeof label, "%g", w);
        text(cairo, x_of(a, w), HEIGHT - BOTTOM + font + 5, 0.5, label);
    }
    for (double f = 0; f <= a->fps * 1.0001; f += step_of(a->fps)) {
        line(cairo, LEFT, y_of(a, f), WIDTH - RIGHT, y_of(a, f));
        snprintf(label, sizeof label, "%g", f);
        text(cairo, LEFT - 7, y_of(a, f) + font / 3, 1, label);
    }
    text(cairo, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14, 0.5, "watts of the whole cluster");
    cairo_save(cairo);
    cairo_translate(cairo, 20, (TOP + HEIGHT - BOTTOM) / 2.0);
    cairo_rotate(cairo, -acos(0));
    text(cairo, 0, 0, 0.5, "frames per second");
    cairo_restore(cairo);
}

static void draw_lines(const struct axes *a, const struct coordinator_frontier *frontier)
{
    static const double dashes[] = {5, 4};
    cairo_t *cairo = a->cairo;
    cairo_new_path(cairo);
    for (int32_t i = 0; i < frontier->count; i++) /* what no choice can exceed */
        cairo_line_to(cairo, x_of(a, frontier->points[i].watts),
                      y_of(a, frontier->points[i].bound_fps));
    cairo_set_source_rgb(cairo, 0.45, 0.45, 0.45);
    cairo_set_line_width(cairo, 1.2);
    cairo_set_dash(cairo, dashes, 2, 0);
    cairo_stroke(cairo);
    cairo_set_source_rgb(cairo, 0.75, 0.15, 0.10);
    line(cairo, x_of(a, frontier->budget_w), TOP, x_of(a, frontier->budget_w), HEIGHT - BOTTOM);
    cairo_set_dash(cairo, NULL, 0, 0);
    cairo_set_source_rgb(cairo, 0.10, 0.35, 0.80);
    cairo_set_line_width(cairo, 2.2);
    cairo_new_path(cairo);
    for (int32_t i = 0; i < frontier->count; i++)
        cairo_line_to(cairo, x_of(a, frontier->points[i].watts), y_of(a, frontier->points[i].fps));
    cairo_stroke(cairo);
    for (int32_t i = 0; i < frontier->count; i++) {
        cairo_new_path(cairo);
        cairo_arc(cairo, x_of(a, frontier->points[i].watts), y_of(a, frontier->points[i].fps), 3, 0,
                  7);
        cairo_fill(cairo);
    }
}

static void draw_chosen(const struct axes *a, const struct coordinator_frontier *frontier)
{
    cairo_t *cairo = a->cairo;
    char label[96];
    const double x = x_of(a, frontier->chosen.watts), y = y_of(a, frontier->chosen.fps);
    cairo_set_source_rgb(cairo, 0.75, 0.15, 0.10);
    cairo_new_path(cairo);
    cairo_arc(cairo, x, y, 5, 0, 7);
    cairo_fill(cairo);
    snprintf(label, sizeof label, "%.3g frames/s for %.3g W (budget %.3g W)", frontier->chosen.fps,
             frontier->chosen.watts, frontier->budget_w);
    const bool right = x > (LEFT + WIDTH - RIGHT) / 2.0;
    text(cairo, x + (right ? -10 : 10), y + font + 8, right, label);
}

static void draw(cairo_t *cairo, const struct coordinator_frontier *frontier)
{
    struct axes axes = {cairo, frontier->budget_w * 1.05, frontier->chosen.fps * 1.1};
    for (int32_t i = 0; i < frontier->count; i++) {
        axes.watts = fmax(axes.watts, frontier->points[i].watts * 1.05);
        axes.fps = fmax(axes.fps, frontier->points[i].bound_fps * 1.05);
    }
    cairo_set_source_rgb(cairo, 1, 1, 1);
    cairo_paint(cairo);
    cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cairo, font);
    draw_axes(&axes);
    draw_lines(&axes, frontier);
    draw_chosen(&axes, frontier);
    cairo_set_source_rgb(cairo, 0, 0, 0);
    text(cairo, LEFT, 18, 0, frontier->title);
    text(cairo, LEFT, 18 + font + 4, 0,
         "blue: best choice found; dashed: no choice is faster; red: the budget");
}

int coordinator_frontier_plot_write(const char *path, const struct coordinator_frontier *frontier)
{
    const char *dot = strrchr(path, '.');
    if (!dot || strcmp(dot, ".svg") != 0) {
        proto_log_error("cli", "--plot %s: the plot's name must end in .svg", path);
        return PROTO_UNSUPPORTED;
    }
    struct coordinator_canvas canvas = {0};
    int status = coordinator_canvas_open(&canvas, path, WIDTH, HEIGHT);
    if (status)
        return status;
    draw(canvas.cairo, frontier);
    status = coordinator_canvas_finish(&canvas);
    coordinator_canvas_close(&canvas);
    return status;
}
