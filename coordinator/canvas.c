#include "coordinator/canvas.h"

#include <cairo-svg.h>
#include <math.h>
#include <string.h>

#include "proto/log.h"
#include "proto/status.h"

static cairo_status_t write_bytes(void *file, const unsigned char *data, unsigned int size)
{
    return fwrite(data, 1, size, file) == size ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

int coordinator_canvas_open(struct coordinator_canvas *canvas, const char *path, int w, int h)
{
    const char *dot = strrchr(path, '.');
    canvas->svg = dot && strcmp(dot, ".svg") == 0;
    if (!canvas->svg && !(dot && strcmp(dot, ".png") == 0)) {
        proto_log_error("coordinator", "%s: a drawing's name ends in .svg or .png", path);
        return PROTO_UNSUPPORTED;
    }
    const int status = coordinator_output_open(&canvas->output, path);
    if (status)
        return status;
    canvas->surface =
        canvas->svg ? cairo_svg_surface_create_for_stream(write_bytes, canvas->output.file, w, h)
                    : cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    canvas->cairo = cairo_create(canvas->surface); /* never NULL: an error object on failure */
    cairo_set_source_rgb(canvas->cairo, 1, 1, 1);
    cairo_paint(canvas->cairo);
    cairo_set_source_rgb(canvas->cairo, 0, 0, 0);
    cairo_select_font_face(canvas->cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(canvas->cairo, COORDINATOR_CANVAS_FONT);
    return PROTO_OK;
}

/* Everything is flushed to the stream when this returns. */
static int render(struct coordinator_canvas *canvas)
{
    int status = cairo_status(canvas->cairo) ? PROTO_NO_MEMORY : PROTO_OK;
    if (!status && !canvas->svg &&
        cairo_surface_write_to_png_stream(canvas->surface, write_bytes, canvas->output.file))
        status = PROTO_IO;
    cairo_destroy(canvas->cairo);
    canvas->cairo = NULL;
    cairo_surface_finish(canvas->surface);
    if (!status && canvas->svg && cairo_surface_status(canvas->surface))
        status = PROTO_IO;
    return status;
}

int coordinator_canvas_finish(struct coordinator_canvas *canvas)
{
    const int status = render(canvas);
    if (!status)
        return coordinator_output_finish(&canvas->output);
    proto_log_error("coordinator", "%s: cannot draw: %s", canvas->output.path,
                    proto_status_text(status));
    return status;
}

void coordinator_canvas_close(struct coordinator_canvas *canvas)
{
    if (canvas->cairo)
        cairo_destroy(canvas->cairo);
    if (canvas->surface)
        cairo_surface_destroy(canvas->surface);
    coordinator_output_close(&canvas->output);
    *canvas = (struct coordinator_canvas){0};
}

void coordinator_canvas_line(cairo_t *cairo, double x0, double y0, double x1, double y1)
{
    cairo_move_to(cairo, x0, y0);
    cairo_line_to(cairo, x1, y1);
    cairo_stroke(cairo);
}

void coordinator_canvas_text(cairo_t *cairo, double x, double y, double align, const char *text)
{
    cairo_text_extents_t extents;
    cairo_text_extents(cairo, text, &extents);
    cairo_move_to(cairo, x - align * extents.x_advance, y);
    cairo_show_text(cairo, text);
}

void coordinator_canvas_text_up(cairo_t *cairo, double x, double y, const char *text)
{
    cairo_save(cairo);
    cairo_translate(cairo, x, y);
    cairo_rotate(cairo, -acos(0));
    coordinator_canvas_text(cairo, 0, 0, 0.5, text);
    cairo_restore(cairo);
}
