/* A drawing that becomes a file: SVG or PNG by the name's ending, under its name only when complete
 * (cairo, coordinator/output.h).
 */
#ifndef COORDINATOR_CANVAS_H
#define COORDINATOR_CANVAS_H

#include <cairo.h>
#include <stdbool.h>

#include "coordinator/output.h"

enum { COORDINATOR_CANVAS_FONT = 13 }; /* px */

struct coordinator_canvas {
    cairo_t *cairo; /* to draw with: white paper, black, sans-serif of COORDINATOR_CANVAS_FONT */
    cairo_surface_t *surface;
    struct coordinator_output output;
    bool svg;
};

/* Start from a zeroed struct. Returns PROTO_OK, PROTO_UNSUPPORTED (the ending), PROTO_IO or PROTO_NO_MEMORY; logged. */
int coordinator_canvas_open(struct coordinator_canvas *canvas, const char *path, int w, int h);
/* Write it out. Returns PROTO_OK, PROTO_IO or PROTO_NO_MEMORY; logged. */
int coordinator_canvas_finish(struct coordinator_canvas *canvas);
void coordinator_canvas_close(
    struct coordinator_canvas *canvas); /* what is not finished is removed */

void coordinator_canvas_line(cairo_t *cairo, double x0, double y0, double x1, double y1);
/* align: 0 begins at x, 1/2 is centred there, 1 ends there. */
void coordinator_canvas_text(cairo_t *cairo, double x, double y, double align, const char *text);
/* Bottom to top, centred at (x, y). */
void coordinator_canvas_text_up(cairo_t *cairo, double x, double y, const char *text);

#endif
