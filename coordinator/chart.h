/* One set of axes with lines on it, in a rectangle of a canvas. */
#ifndef COORDINATOR_CHART_H
#define COORDINATOR_CHART_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/canvas.h"

enum coordinator_chart_style {
    COORDINATOR_CHART_LINE,   /* marked at its points */
    COORDINATOR_CHART_DASHED, /* limits and ideals */
    COORDINATOR_CHART_DOTS,   /* points only */
};

struct coordinator_series {
    const char *label;
    uint32_t count;
    const double *x, *y; /* borrowed; points that are not finite are left out */
    enum coordinator_chart_style style;
    int colour; /* index; any number. Equal ones are told apart by their style */
};

struct coordinator_chart {
    const char *title, *x_label, *y_label;
    double left, top, w, h; /* of the whole, axes and labels included */
    bool percent;           /* y is a share, written in per cent */
    bool from_zero;         /* the y axis begins at 0 */
    bool counts;            /* x is a number of things: only whole ones are written */
    uint32_t series_count;
    const struct coordinator_series *series;
};

/* Draws "no data" instead of lines where no point is finite. */
void coordinator_chart_draw(cairo_t *cairo, const struct coordinator_chart *chart);

/* r, g, b of a colour that stays apart from the others for colour-blind eyes (Okabe, Ito 2008). */
const double *coordinator_chart_colour(int index);
/* A step of 1, 2 or 5 times a power of ten, at least `range / most`. */
double coordinator_chart_step(double range, int most);

#endif
