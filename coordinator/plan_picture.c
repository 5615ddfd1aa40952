/* See plan_picture.h. */
#include "coordinator/plan_picture.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/output.h"
#include "proto/log.h"
#include "proto/status.h"

#define BODY_M 1.7

enum { VIEW_W = 860, PANEL_W = 560, MARGIN = 16, HEAD = 64, GAP = 90, FOOT = 92, LEGEND_MAX = 12 };

static const double font = 14;
static const double steps[] = {0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96};
enum { STEPS = sizeof steps / sizeof *steps };

struct canvas {
    cairo_t *cairo;
    const struct coordinator_plan_picture *p;
    double scale;         /* canvas units per frame pixel */
    double bottom;        /* frame row where it ends: below the picture there is padding */
    double width, height; /* of all */
};

static double x_of(const struct canvas *c, double x)
{
    return MARGIN + c->scale * x;
}

static double y_of(const struct canvas *c, double y)
{
    return HEAD + c->scale * y;
}

/* ---- colours and words ---- */

/* Hues far from each other, light and dark in turn. */
static void colour_of(int32_t i, double rgb[3])
{
    const double hue = fmod(0.58 + i * 0.381966, 1) * 6, value = i % 2 ? 0.72 : 0.9;
    const double part = hue - floor(hue), low = value * 0.35;
    const double up = low + (value - low) * part, down = value - (value - low) * part;
    const double table[6][3] = {{value, up, low},   {down, value, low}, {low, value, up},
                                {low, down, value}, {up, low, value},   {value, low, down}};
    memcpy(rgb, table[(int)hue % 6], sizeof table[0]);
}

static void set_grey(struct canvas *c, double value)
{
    cairo_set_source_rgb(c->cairo, value, value, value);
}

static double width_of(struct canvas *c, const char *string)
{
    cairo_text_extents_t extents;
    cairo_text_extents(c->cairo, string, &extents);
    return extents.x_advance;
}

/* align: 0 begins at x, 1/2 is centred there, 1 ends there. */
static void text(struct canvas *c, double x, double y, double align, const char *string)
{
    cairo_move_to(c->cairo, x - align * width_of(c, string), y);
    cairo_show_text(c->cairo, string);
}

/* Legible on any picture: on a dark ground. */
static void label(struct canvas *c, double x, double y, double align, const char *string)
{
    const double width = width_of(c, string), left = x - align * width;
    cairo_set_source_rgba(c->cairo, 0, 0, 0, 0.6);
    cairo_rectangle(c->cairo, left - 3, y - font, width + 6, font + 4);
    cairo_fill(c->cairo);
    set_grey(c, 1);
    text(c, left, y, 0, string);
}

/* A dark line under the coloured one. */
static void stroke(struct canvas *c, const double rgb[3], double width)
{
    cairo_set_source_rgba(c->cairo, 0, 0, 0, 0.5);
    cairo_set_line_width(c->cairo, width + 2);
    cairo_stroke_preserve(c->cairo);
    cairo_set_source_rgb(c->cairo, rgb[0], rgb[1], rgb[2]);
    cairo_set_line_width(c->cairo, width);
    cairo_stroke(c->cairo);
}

/* ---- the view ---- */

static void copy_view(const struct canvas *c, cairo_surface_t *surface)
{
    static const uint8_t grey[PROTO_CHANNELS] = {150, 150, 150};
    const struct coordinator_image *view = c->p->view;
    const struct proto_size size = c->p->pyramid->frame;
    uint8_t *rows = cairo_image_surface_get_data(surface);
    const int stride = cairo_image_surface_get_stride(surface);
    for (int32_t y = 0; y < size.h; y++) {
        uint32_t *row = (uint32_t *)(void *)(rows + (size_t)y * (size_t)stride);
        for (int32_t x = 0; x < size.w; x++) {
            const size_t at = ((size_t)y * (size_t)size.w + (size_t)x) * PROTO_CHANNELS;
            const uint8_t *s = view ? view->data + at : grey;
            row[x] = (uint32_t)s[0] << 16 | (uint32_t)s[1] << 8 | s[2];
        }
    }
    cairo_surface_mark_dirty(surface);
}

static void draw_image(struct canvas *c)
{
    const struct proto_size size = c->p->pyramid->frame;
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, size.w, size.h);
    if (cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS)
        copy_view(c, surface);
    cairo_save(c->cairo);
    cairo_translate(c->cairo, x_of(c, 0), y_of(c, 0));
    cairo_scale(c->cairo, c->scale, c->scale);
    cairo_set_source_surface(c->cairo, surface, 0, 0);
    cairo_paint(c->cairo);
    cairo_restore(c->cairo);
    cairo_surface_destroy(surface);
    set_grey(c, 0.25); /* the padding */
    cairo_rectangle(c->cairo, x_of(c, 0), y_of(c, size.h), c->scale * size.w,
                    c->scale * (c->bottom - size.h));
    cairo_fill(c->cairo);
}

/* Frame rows of head and soles of somebody of `body` seen at column x of the picture. */
static bool person_at(const struct canvas *c, double distance, double body, double x, double *top,
                      double *bottom)
{
    const struct partition_camera *camera = c->p->camera;
    double y = camera->cy;
    for (int i = 0; i < 3; i++) { /* with distortion the column hangs on the row */
        const double column = partition_camera_column(camera, x, y);
        if (!partition_camera_person(camera, distance, body, 0, column, top, bottom))
            return false;
        y = (*top + *bottom) / 2;
    }
    return true;
}

/* The floor at one distance, across the picture. *label_y: its row at the right side; NAN: not seen there. */
static void draw_distance(struct canvas *c, double distance, const double rgb[3], double width,
                          double *label_y)
{
    const int32_t w = c->p->pyramid->frame.w;
    bool drawing = false;
    for (int i = 0; i <= 64; i++) {
        double top, bottom;
        const double x = w * i / 64.0;
        const bool seen =
            person_at(c, distance, 0.01, x, &top, &bottom) && bottom > 0 && bottom < c->bottom;
        if (seen && drawing)
            cairo_line_to(c->cairo, x_of(c, x), y_of(c, bottom));
        else if (seen)
            cairo_move_to(c->cairo, x_of(c, x), y_of(c, bottom));
        drawing = seen;
        *label_y = seen ? bottom : NAN;
    }
    stroke(c, rgb, width);
}

static void draw_person(struct canvas *c, double distance, double x)
{
    static const double rgb[3] = {0.2, 0.95, 0.35};
    double top, bottom;
    char string[32];
    if (!person_at(c, distance, BODY_M, x, &top, &bottom) || top > c->bottom || bottom < 0 ||
        bottom - top < 2)
        return;
    const double h = bottom - top, w = c->p->model->aspect * h;
    cairo_rectangle(c->cairo, x_of(c, x - w / 2), y_of(c, top), c->scale * w, c->scale * h);
    stroke(c, rgb, 2);
    snprintf(string, sizeof string, "%g m", distance);
    label(c, x_of(c, x), y_of(c, fmax(top, 0)) + (top > 24 ? -5 : 20), 0.5, string);
}

static bool is_shown(const struct canvas *c, double distance)
{
    const struct proto_config_camera *config = &c->p->camera->config;
    return distance >= config->distance_min_m && distance <= config->distance_max_m;
}

static void draw_floor(struct canvas *c)
{
    static const double yellow[3] = {1, 0.85, 0.1}, blue[3] = {0.45, 0.8, 1};
    const int32_t w = c->p->pyramid->frame.w;
    char string[32];
    double y, last = -1e9;
    int n = 0;
    draw_distance(c, 1e5, yellow, 2, &y);
    if (!isnan(y))
        label(c, x_of(c, w) - 6, y_of(c, y) - 6, 1, "horizon");
    for (int i = STEPS - 1; i >= 0; i--) {
        if (!is_shown(c, steps[i]))
            continue;
        n++;
        draw_distance(c, steps[i], blue, 1, &y);
        snprintf(string, sizeof string, "%g m", steps[i]);
        if (isnan(y) || c->scale * (y - last) < font + 5)
            continue; /* no room: the box has it, too */
        label(c, x_of(c, w) - 6, y_of(c, y) + 4, 1, string);
        last = y;
    }
    for (int i = STEPS - 1, at = 0; i >= 0; i--) /* the far ones first, the near ones over them */
        if (is_shown(c, steps[i]))
            draw_person(c, steps[i], w * (0.03 + 0.87 * (at++ + 0.5) / n));
}

static void draw_view(struct canvas *c)
{
    cairo_save(c->cairo);
    cairo_rectangle(c->cairo, x_of(c, 0), y_of(c, 0), VIEW_W, c->scale * c->bottom);
    cairo_clip(c->cairo);
    draw_image(c);
    if (c->p->camera)
        draw_floor(c);
    cairo_restore(c->cairo);
}

/* ---- the levels ---- */

/* Left and right as shares of the level's width; top and bottom: frame rows of the middle of the first
 * and the last person looked for, and half a step around. */
static void tile_rect(const struct canvas *c, const struct partition_tile *tile, double xy[4])
{
    const struct partition_level *level = &c->p->pyramid->levels[tile->level];
    double first[4], last[4];
    partition_pyramid_box(c->p->pyramid, c->p->model, tile->level, tile->cells.y - 0.5, 0, first);
    partition_pyramid_box(c->p->pyramid, c->p->model, tile->level,
                          tile->cells.y + tile->cells.h - 0.5, 0, last);
    xy[0] = (double)tile->cells.x / level->cols;
    xy[1] = first[1] + first[3] / 2;
    xy[2] = (double)(tile->cells.x + tile->cells.w) / level->cols;
    xy[3] = last[1] + last[3] / 2;
}

static void draw_tile(struct canvas *c, const struct partition_tile *tile, double left, double step)
{
    const int32_t net = c->p->pyramid->levels[tile->level].net;
    const int32_t owner = c->p->owner ? c->p->owner[tile->id] : net;
    const double bar = left + step * (tile->level + 0.08), width = step * 0.84;
    double xy[4], rgb[3] = {0.6, 0.6, 0.6};
    tile_rect(c, tile, xy);
    if (owner >= 0)
        colour_of(owner, rgb);
    cairo_rectangle(c->cairo, bar + width * xy[0], y_of(c, xy[1]), width * (xy[2] - xy[0]),
                    c->scale * (xy[3] - xy[1]));
    cairo_set_source_rgb(c->cairo, rgb[0], rgb[1], rgb[2]);
    cairo_fill_preserve(c->cairo);
    set_grey(c, 1);
    cairo_set_line_width(c->cairo, 1);
    cairo_stroke(c->cairo);
}

static void draw_levels(struct canvas *c)
{
    const struct partition_pyramid *pyramid = c->p->pyramid;
    const double left = MARGIN + VIEW_W + GAP, step = (double)PANEL_W / pyramid->level_count;
    const double under = y_of(c, c->bottom) + font + 4;
    char string[64];
    set_grey(c, 0.9);
    cairo_rectangle(c->cairo, left, y_of(c, 0), PANEL_W, c->scale * c->bottom);
    cairo_fill(c->cairo);
    for (uint32_t i = 0; i < c->p->tiles->count; i++)
        draw_tile(c, &c->p->tiles->tile[i], left, step);
    set_grey(c, 0.2);
    cairo_move_to(c->cairo, left, y_of(c, pyramid->frame.h));
    cairo_line_to(c->cairo, left + PANEL_W, y_of(c, pyramid->frame.h));
    cairo_set_line_width(c->cairo, 1);
    cairo_stroke(c->cairo);
    label(c, left + PANEL_W - 4, y_of(c, pyramid->frame.h) - 5, 1, "end of the picture");
    set_grey(c, 0);
    for (int32_t k = 0; k<pyramid->level_count; k += pyramid->level_count> 13 ? 3 : 1) {
        double box[4];
        partition_pyramid_box(pyramid, c->p->model, k, 0, 0, box);
        snprintf(string, sizeof string, "%d", k);
        text(c, left + step * (k + 0.5), under, 0.5, string);
        snprintf(string, sizeof string, "%.0f", box[3]);
        text(c, left + step * (k + 0.5), under + font + 4, 0.5, string);
    }
    text(c, left - 8, under, 1, "level");
    text(c, left - 8, under + font + 4, 1, "person, px");
}

/* ---- around them ---- */

static void draw_head(struct canvas *c)
{
    char string[256];
    const double left = MARGIN + VIEW_W + GAP, first = MARGIN + font, second = MARGIN + 2.4 * font;
    set_grey(c, 0);
    if (c->p->camera) {
        const struct proto_config_camera *config = &c->p->camera->config;
        snprintf(string, sizeof string,
                 "Camera %.2f m high (\xc2\xb1 %.2f), pitch %.1f\xc2\xb0 (\xc2\xb1 %.1f), roll "
                 "%.1f\xc2\xb0 (\xc2\xb1 %.1f)",
                 config->height_m, config->height_tolerance_m, config->pitch_deg,
                 config->pitch_tolerance_deg, config->roll_deg, config->roll_tolerance_deg);
        text(c, MARGIN, first, 0, string);
        snprintf(string, sizeof string,
                 "Lines: the floor at so many metres. Boxes: somebody of %.1f m who stands there.",
                 BODY_M);
        text(c, MARGIN, second, 0, string);
    } else {
        text(c, MARGIN, first, 0, "No camera: everything is searched.");
    }
    snprintf(string, sizeof string, "Searched: %u tiles, %.1f %% of the whole pyramid's work.",
             c->p->tiles->count, 100 * c->p->macs_share);
    text(c, left, first, 0, string);
    text(c, left, second, 0, "Bars: rows in which the middle of a person is looked for, by level.");
}

static void draw_legend(struct canvas *c)
{
    const struct coordinator_plan_picture *p = c->p;
    const int32_t count = p->owner ? p->worker_count : p->model->net_count;
    const double y = c->height - MARGIN - 4;
    double x = MARGIN;
    for (int32_t i = 0; i < count && i < LEGEND_MAX; i++) {
        char string[96];
        double rgb[3];
        colour_of(i, rgb);
        cairo_rectangle(c->cairo, x, y - font + 2, font, font);
        cairo_set_source_rgb(c->cairo, rgb[0], rgb[1], rgb[2]);
        cairo_fill(c->cairo);
        if (p->owner)
            snprintf(string, sizeof string, "%d %s", i + 1, p->names[i]);
        else
            snprintf(string, sizeof string, "net %s", p->model->nets[i].name);
        set_grey(c, 0);
        text(c, x + font + 6, y, 0, string);
        x += font + 26 + width_of(c, string);
    }
    if (count > LEGEND_MAX)
        text(c, x, y, 0, "...");
}

static cairo_status_t write_bytes(void *file, const unsigned char *data, unsigned int size)
{
    return fwrite(data, 1, size, file) == size ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

/* Frame row below which nothing is searched, at least the picture's end. */
static double find_bottom(const struct canvas *c)
{
    double bottom = c->p->pyramid->frame.h * 1.02;
    for (uint32_t i = 0; i < c->p->tiles->count; i++) {
        double xy[4];
        tile_rect(c, &c->p->tiles->tile[i], xy);
        bottom = fmax(bottom, xy[3]);
    }
    return fmin(bottom, c->p->pyramid->padded_h) + 4;
}

static int render(const struct coordinator_plan_picture *picture, FILE *file)
{
    struct canvas c = {.p = picture, .scale = (double)VIEW_W / picture->pyramid->frame.w};
    c.bottom = find_bottom(&c);
    c.width = 2 * MARGIN + VIEW_W + GAP + PANEL_W;
    c.height = HEAD + c.scale * c.bottom + FOOT;
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)c.width, (int)c.height);
    c.cairo = cairo_create(surface); /* never NULL: an error object on failure */
    set_grey(&c, 1);
    cairo_paint(c.cairo);
    cairo_select_font_face(c.cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(c.cairo, font);
    draw_head(&c);
    draw_view(&c);
    draw_levels(&c);
    draw_legend(&c);
    int status = cairo_status(c.cairo) == CAIRO_STATUS_SUCCESS ? PROTO_OK : PROTO_NO_MEMORY;
    if (!status &&
        cairo_surface_write_to_png_stream(surface, write_bytes, file) != CAIRO_STATUS_SUCCESS)
        status = PROTO_IO;
    cairo_destroy(c.cairo);
    cairo_surface_destroy(surface);
    return status;
}

int coordinator_plan_picture_write(const char *path, const struct coordinator_plan_picture *picture)
{
    const char *dot = strrchr(path, '.');
    if (!dot || strcmp(dot, ".png") != 0) {
        proto_log_error("cli", "--draw %s: the picture's name must end in .png", path);
        return PROTO_UNSUPPORTED;
    }
    struct coordinator_output output = {0};
    int status = coordinator_output_open(&output, path);
    if (status)
        return status;
    status = render(picture, output.file);
    if (status)
        proto_log_error("cli", "%s: cannot draw: %s", path, proto_status_text(status));
    else
        status = coordinator_output_finish(&output);
    coordinator_output_close(&output);
    return status;
}
