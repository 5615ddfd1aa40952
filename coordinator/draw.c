#include "coordinator/draw.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>

#include "proto/status.h"

/* cairo has pixels as native 32 bit 0x00RRGGBB words. */
static void to_cairo(const struct coordinator_image *image, cairo_surface_t *surface)
{
    uint8_t *rows = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    const uint8_t *p = image->data;
    for (int32_t y = 0; y < image->size.h; y++) {
        uint32_t *row = (uint32_t *)(void *)(rows + (size_t)y * (size_t)stride);
        for (int32_t x = 0; x < image->size.w; x++, p += PROTO_CHANNELS)
            row[x] = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    }
    cairo_surface_mark_dirty(surface);
}

static void from_cairo(cairo_surface_t *surface, struct coordinator_image *image)
{
    cairo_surface_flush(surface);
    const uint8_t *rows = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    uint8_t *p = image->data;
    for (int32_t y = 0; y < image->size.h; y++) {
        const uint32_t *row = (const uint32_t *)(const void *)(rows + (size_t)y * (size_t)stride);
        for (int32_t x = 0; x < image->size.w; x++, p += PROTO_CHANNELS) {
            p[0] = (uint8_t)(row[x] >> 16);
            p[1] = (uint8_t)(row[x] >> 8);
            p[2] = (uint8_t)row[x];
        }
    }
}

/* A dark line under the coloured one keeps the box visible on any background. */
static void draw_box(cairo_t *cairo, const struct proto_detection *d, double line)
{
    cairo_rectangle(cairo, d->x, d->y, d->w, d->h);
    cairo_set_source_rgba(cairo, 0, 0, 0, 0.55);
    cairo_set_line_width(cairo, line * 2);
    cairo_stroke_preserve(cairo);
    cairo_set_source_rgb(cairo, 0.2, 0.95, 0.35);
    cairo_set_line_width(cairo, line);
    cairo_stroke(cairo);
}

/* On top of the box, moved into the picture where that would be cut off. */
static void draw_label(cairo_t *cairo, const struct proto_detection *d, double font,
                       struct proto_size size)
{
    char text[64];
    if (isnan(d->distance_m))
        snprintf(text, sizeof text, "%.1f", (double)d->score);
    else
        snprintf(text, sizeof text, "%.1f  %.1f m", (double)d->score, (double)d->distance_m);
    cairo_font_extents_t line;
    cairo_text_extents_t extents;
    cairo_set_font_size(cairo, font);
    cairo_font_extents(cairo, &line);
    cairo_text_extents(cairo, text, &extents);
    double pad = font * 0.25;
    double w = extents.x_advance + 2 * pad, h = line.ascent + line.descent;
    double x = fmax(0, fmin(d->x, size.w - w));
    double y = fmax(0, fmin(d->y - h, size.h - h));
    cairo_rectangle(cairo, x, y, w, h);
    cairo_set_source_rgba(cairo, 0.05, 0.25, 0.1, 0.8);
    cairo_fill(cairo);
    cairo_set_source_rgb(cairo, 1, 1, 1);
    cairo_move_to(cairo, x + pad, y + line.ascent);
    cairo_show_text(cairo, text);
}

int coordinator_draw_detections(struct coordinator_image *image,
                                const struct proto_detection *detections, uint32_t count)
{
    if (count == 0)
        return PROTO_OK;
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, image->size.w, image->size.h);
    cairo_t *cairo = cairo_create(surface); /* never NULL: an error object on failure */
    int status = PROTO_NO_MEMORY;
    if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS ||
        cairo_status(cairo) != CAIRO_STATUS_SUCCESS)
        goto fail;
    to_cairo(image, surface);
    double font = fmax(11, image->size.h / 40.0); /* legible at any size */
    cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    for (uint32_t i = count; i-- > 0;) { /* the best one last, on top */
        draw_box(cairo, &detections[i], font / 7);
        draw_label(cairo, &detections[i], font, image->size);
    }
    if (cairo_status(cairo) == CAIRO_STATUS_SUCCESS) {
        from_cairo(surface, image);
        status = PROTO_OK;
    }
fail:
    cairo_destroy(cairo);
    cairo_surface_destroy(surface);
    return status;
}
