#include "coordinator/chart.h"

#include <math.h>
#include <stdio.h>

enum { LEFT = 62, RIGHT = 14, TOP = 30, BOTTOM = 44, TICKS = 8 };
static const double font = COORDINATOR_CANVAS_FONT;

const double *coordinator_chart_colour(int index)
{
    static const double colours[][3] = {
        {0.00, 0.45, 0.70}, {0.84, 0.37, 0.00}, {0.00, 0.62, 0.45}, {0.80, 0.47, 0.65},
        {0.34, 0.71, 0.91}, {0.90, 0.62, 0.00}, {0.35, 0.35, 0.35},
    };
    const int count = sizeof colours / sizeof *colours;
    return colours[((index % count) + count) % count];
}

double coordinator_chart_step(double range, int most)
{
    const double least = range / most;
    double step = pow(10, floor(log10(least)));
    const double factors[] = {1, 2, 5, 10};
    for (int i = 0; i < 4; i++)
        if (step * factors[i] >= least * (1 - 1e-9))
            return step * factors[i];
    return step * 10;
}

struct axis {
    double low, high, step;
    double from, to; /* on the canvas */
};

static double place(const struct axis *axis, double value)
{
    return axis->from + (value - axis->low) / (axis->high - axis->low) * (axis->to - axis->from);
}

/* Rounded outwards to whole steps. */
static void axis_fit(struct axis *axis, double low, double high)
{
    if (!(high > low)) {
        const double room = fabs(low) > 0 ? 0.1 * fabs(low) : 1;
        low -= low == 0 ? 0 : room;
        high += room;
    }
    axis->step = coordinator_chart_step(high - low, TICKS);
    axis->low = floor(low / axis->step + 1e-9) * axis->step;
    axis->high = ceil(high / axis->step - 1e-9) * axis->step;
}

static bool point_shown(const struct coordinator_series *series, uint32_t i)
{
    return isfinite(series->x[i]) && isfinite(series->y[i]);
}

/* False when there is nothing to show. */
static bool axes_fit(const struct coordinator_chart *chart, struct axis *x, struct axis *y)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (uint32_t s = 0; s < chart->series_count; s++)
        for (uint32_t i = 0; i < chart->series[s].count; i++) {
            const double at[2] = {chart->series[s].x[i], chart->series[s].y[i]};
            for (int d = 0; d < 2 && point_shown(&chart->series[s], i); d++) {
                low[d] = fmin(low[d], at[d]);
                high[d] = fmax(high[d], at[d]);
            }
        }
    if (!(high[0] >= low[0]))
        return false;
    axis_fit(x, low[0], high[0]);
    if (chart->counts) {
        x->step = fmax(1, x->step);
        x->low = floor(low[0] / x->step) * x->step;
        x->high = fmax(x->low + x->step, ceil(high[0] / x->step) * x->step);
    }
    axis_fit(y, chart->from_zero ? fmin(0, low[1]) : low[1], high[1]);
    return true;
}

static void draw_axes(cairo_t *cairo, const struct coordinator_chart *chart, const struct axis *x,
                      const struct axis *y)
{
    char label[32];
    cairo_set_source_rgb(cairo, 0, 0, 0);
    cairo_set_line_width(cairo, 0.25);
    for (int i = 0; i <= (int)lround((x->high - x->low) / x->step); i++) {
        const double value = x->low + i * x->step, at = place(x, value);
        coordinator_canvas_line(cairo, at, y->from, at, y->to);
        snprintf(label, sizeof label, "%g", value);
        coordinator_canvas_text(cairo, at, y->from + font + 4, 0.5, label);
    }
    for (int i = 0; i <= (int)lround((y->high - y->low) / y->step); i++) {
        const double value = y->low + i * y->step, at = place(y, value);
        coordinator_canvas_line(cairo, x->from, at, x->to, at);
        snprintf(label, sizeof label, chart->percent ? "%g %%" : "%g",
                 (chart->percent ? 100 : 1) * value + 0.0);
        coordinator_canvas_text(cairo, x->from - 6, at + font / 3, 1, label);
    }
}

static void draw_series(cairo_t *cairo, const struct coordinator_series *series,
                        const struct axis *x, const struct axis *y)
{
    const double *colour = coordinator_chart_colour(series->colour);
    bool begun = false;
    cairo_set_source_rgb(cairo, colour[0], colour[1], colour[2]);
    cairo_set_line_width(cairo, series->style == COORDINATOR_CHART_DASHED ? 1.4 : 2.2);
    if (series->style == COORDINATOR_CHART_DASHED)
        cairo_set_dash(cairo, (double[]){6, 4}, 2, 0);
    for (uint32_t i = 0; series->style != COORDINATOR_CHART_DOTS && i < series->count; i++) {
        if (!point_shown(series, i))
            continue;
        (begun ? cairo_line_to : cairo_move_to)(cairo, place(x, series->x[i]),
                                                place(y, series->y[i]));
        begun = true;
    }
    cairo_stroke(cairo);
    cairo_set_dash(cairo, NULL, 0, 0);
    for (uint32_t i = 0; series->style != COORDINATOR_CHART_DASHED && i < series->count; i++) {
        if (!point_shown(series, i))
            continue;
        cairo_arc(cairo, place(x, series->x[i]), place(y, series->y[i]), 3.2, 0, 4 * acos(0));
        cairo_fill(cairo);
    }
}

struct legend {
    double left, top, w, h;
};

/* How much of the lines a legend there would hide: places on them, a few between two points. */
static int hidden(const struct coordinator_chart *chart, const struct axis *x, const struct axis *y,
                  const struct legend *at)
{
    enum { BETWEEN = 16 };
    int count = 0;
    for (uint32_t s = 0; s < chart->series_count; s++) {
        const struct coordinator_series *series = &chart->series[s];
        for (uint32_t i = 0; i + 1 < series->count; i++)
            for (int k = 0; k <= BETWEEN; k++) {
                const double share = (double)k / BETWEEN;
                const double px =
                    place(x, series->x[i] + share * (series->x[i + 1] - series->x[i]));
                const double py =
                    place(y, series->y[i] + share * (series->y[i + 1] - series->y[i]));
                count +=
                    px > at->left && px < at->left + at->w && py > at->top && py < at->top + at->h;
            }
    }
    return count;
}

/* In the corner where it hides least. */
static struct legend legend_place(const struct coordinator_chart *chart, const struct axis *x,
                                  const struct axis *y, double w, double h)
{
    const double lefts[] = {x->from + 8, x->to - 8 - w}, tops[] = {y->to + 8, y->from - 8 - h};
    struct legend best = {lefts[0], tops[0], w, h};
    int least = hidden(chart, x, y, &best);
    for (int corner = 1; corner < 4; corner++) {
        const struct legend one = {lefts[corner % 2], tops[corner / 2], w, h};
        const int count = hidden(chart, x, y, &one);
        if (count < least) {
            least = count;
            best = one;
        }
    }
    return best;
}

static void draw_legend(cairo_t *cairo, const struct coordinator_chart *chart, const struct axis *x,
                        const struct axis *y)
{
    const double row = font + 5;
    double widest = 0;
    uint32_t shown = 0;
    for (uint32_t s = 0; s < chart->series_count; s++) {
        cairo_text_extents_t extents;
        cairo_text_extents(cairo, chart->series[s].label, &extents);
        widest = fmax(widest, extents.x_advance);
        shown += chart->series[s].count > 0;
    }
    const struct legend at = legend_place(chart, x, y, widest + 46, shown * row + 8);
    double line = at.top + row;
    cairo_set_source_rgba(cairo, 1, 1, 1, 0.85);
    cairo_rectangle(cairo, at.left, at.top, at.w, at.h);
    cairo_fill(cairo);
    for (uint32_t s = 0; s < chart->series_count; s++) {
        if (chart->series[s].count == 0)
            continue;
        const double ends[2] = {0, 1}, flat[2] = {0, 0};
        const struct axis ax = {.low = 0, .high = 1, .from = at.left + 6, .to = at.left + 30};
        const struct axis ay = {.low = 0, .high = 1, .from = line - font / 3, .to = line};
        struct coordinator_series key = chart->series[s];
        key.count = 2;
        key.x = ends;
        key.y = flat;
        draw_series(cairo, &key, &ax, &ay);
        cairo_set_source_rgb(cairo, 0, 0, 0);
        coordinator_canvas_text(cairo, at.left + 38, line, 0, chart->series[s].label);
        line += row;
    }
}

void coordinator_chart_draw(cairo_t *cairo, const struct coordinator_chart *chart)
{
    const double right = chart->left + chart->w - RIGHT, bottom = chart->top + chart->h - BOTTOM;
    struct axis x = {.from = chart->left + LEFT, .to = right};
    struct axis y = {.from = bottom, .to = chart->top + TOP};
    const double middle = (x.from + x.to) / 2;
    const bool any = axes_fit(chart, &x, &y);

    cairo_set_source_rgb(cairo, 0, 0, 0);
    coordinator_canvas_text(cairo, middle, chart->top + font + 4, 0.5, chart->title);
    if (any) {
        draw_axes(cairo, chart, &x, &y);
        coordinator_canvas_text(cairo, middle, bottom + 2 * font + 10, 0.5, chart->x_label);
        coordinator_canvas_text_up(cairo, chart->left + font + 2, (y.from + y.to) / 2,
                                   chart->y_label);
        for (uint32_t s = 0; s < chart->series_count; s++)
            draw_series(cairo, &chart->series[s], &x, &y);
        draw_legend(cairo, chart, &x, &y);
    } else {
        coordinator_canvas_text(cairo, middle, (y.from + y.to) / 2, 0.5, "no data");
    }
    cairo_set_source_rgb(cairo, 0, 0, 0);
    cairo_set_line_width(cairo, 1);
    cairo_rectangle(cairo, x.from, y.to, x.to - x.from, y.from - y.to);
    cairo_stroke(cairo);
}
