/* See measure.h. */
#include "worker/measure.h"

#include <stdlib.h>
#include <string.h>

#include "proto/status.h"

/* Where a device computes behind the caller's back, the times of tiles are those of starting them:
 * then each shape is run by itself. */
#define TILES_SHARE_LEAST 0.5

struct measure {
    struct worker_exec *exec;
    const struct partition_model *model;
    const struct partition_pyramid *pyramid;
    const struct partition_tiles *tiles;
    const struct worker_measure_settings *settings;
    struct proto_plan_tile *plan_tiles;
    uint32_t *ids;
    struct proto_band *bands;
    uint32_t band_count;
    uint64_t pixel_bytes;
    uint8_t *pixels;
    uint32_t *shape_of; /* of each tile */
    double *us;         /* frames x tiles */
    double *rest_us;    /* of each frame: besides its tiles */
    double *scratch;
    int32_t frames;
};

void worker_measure_defaults(struct worker_measure_settings *settings)
{
    *settings = (struct worker_measure_settings){.seconds = 5, .least = 5, .most = 200};
}

static void measure_free(struct measure *m)
{
    free(m->plan_tiles);
    free(m->ids);
    free(m->bands);
    free(m->pixels);
    free(m->shape_of);
    free(m->us);
    free(m->rest_us);
    free(m->scratch);
}

/* Something like a picture: slow waves with grain. */
static void paint(uint8_t *pixels, uint64_t bytes)
{
    uint32_t noise = 1;
    for (uint64_t i = 0; i < bytes; i++) {
        noise = noise * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(64 + (i / 97) % 96 + (noise >> 26));
    }
}

static int measure_init(struct measure *m)
{
    const uint32_t count = m->tiles->count;
    const size_t most = (size_t)m->settings->most;
    m->plan_tiles = calloc(count + 1, sizeof *m->plan_tiles);
    m->ids = calloc(count + 1, sizeof *m->ids);
    m->bands = calloc(count + 1, sizeof *m->bands);
    m->shape_of = calloc(count + 1, sizeof *m->shape_of);
    m->us = calloc(most * count + 1, sizeof *m->us);
    m->rest_us = calloc(most, sizeof *m->rest_us);
    m->scratch = calloc(most * count + most, sizeof *m->scratch);
    if (!m->plan_tiles || !m->ids || !m->bands || !m->shape_of || !m->us || !m->rest_us ||
        !m->scratch)
        return PROTO_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        const struct proto_rect *cells = &m->tiles->tile[i].cells;
        m->ids[i] = i;
        m->plan_tiles[i] =
            (struct proto_plan_tile){(uint32_t)m->tiles->tile[i].level, (uint32_t)cells->y,
                                     (uint32_t)cells->x, (uint32_t)cells->h, (uint32_t)cells->w};
    }
    m->band_count = partition_tile_bands(m->tiles, m->ids, count, m->bands);
    m->pixel_bytes = partition_band_bytes(m->pyramid, m->bands, m->band_count);
    m->pixels = malloc(m->pixel_bytes + 1);
    if (!m->pixels)
        return PROTO_NO_MEMORY;
    paint(m->pixels, m->pixel_bytes);
    return PROTO_OK;
}

/* ---- shapes ---- */

static int compare_shapes(const struct measure *m, uint32_t a, uint32_t b)
{
    const struct partition_tile *x = &m->tiles->tile[a], *y = &m->tiles->tile[b];
    const int32_t net_x = m->pyramid->levels[x->level].net;
    const int32_t net_y = m->pyramid->levels[y->level].net;
    if (net_x != net_y)
        return net_x < net_y ? -1 : 1;
    if (x->input.w != y->input.w)
        return x->input.w < y->input.w ? -1 : 1;
    return (x->input.h > y->input.h) - (x->input.h < y->input.h);
}

/* Numbers the shapes in their order. A few hundred tiles and a few dozen shapes: inserting will do. */
static int find_shapes(struct measure *m, struct proto_config_profile *profile)
{
    uint32_t *first = calloc(m->tiles->count + 1, sizeof *first); /* a tile of each shape */
    uint32_t count = 0;
    if (!first)
        return PROTO_NO_MEMORY;
    for (uint32_t i = 0; i < m->tiles->count; i++) {
        uint32_t at = 0;
        while (at < count && compare_shapes(m, first[at], i) < 0)
            at++;
        if (at < count && compare_shapes(m, first[at], i) == 0)
            continue;
        memmove(first + at + 1, first + at, (count - at) * sizeof *first);
        first[at] = i;
        count++;
    }
    int status = PROTO_OK;
    profile->shapes = calloc(count + 1, sizeof *profile->shapes);
    for (uint32_t s = 0; profile->shapes && s < count; s++) {
        const struct partition_tile *tile = &m->tiles->tile[first[s]];
        const char *net = m->model->nets[m->pyramid->levels[tile->level].net].name;
        profile->shapes[s] = (struct proto_profile_shape){
            .net = strdup(net), .w = tile->input.w, .h = tile->input.h};
        profile->shape_count = (int32_t)s + 1;
        if (!profile->shapes[s].net)
            status = PROTO_NO_MEMORY;
    }
    for (uint32_t i = 0; i < m->tiles->count; i++)
        while (compare_shapes(m, first[m->shape_of[i]], i) != 0)
            m->shape_of[i]++;
    free(first);
    return profile->shapes ? status : PROTO_NO_MEMORY;
}

/* ---- frames ---- */

/* One frame of these tiles; *us: all of it, *tiles_us: the sum of its tiles' own times. */
static int run(struct measure *m, const uint32_t *tiles, uint32_t count, double *us,
               double *tiles_us, double *each)
{
    const struct proto_frame frame = {.plan = 1,
                                      .tile_count = count,
                                      .tiles = tiles,
                                      .band_count = m->band_count,
                                      .bands = m->bands,
                                      .pixel_bytes = m->pixel_bytes};
    struct proto_result result;
    const int status = worker_exec_run(m->exec, &frame, m->pixels, &result);
    if (status != PROTO_OK)
        return status;
    *us = (double)(result.finished_us - result.started_us);
    *tiles_us = 0;
    for (uint32_t i = 0; i < result.tile_count; i++) {
        *tiles_us += result.tile_us[i];
        if (each)
            each[i] = result.tile_us[i];
    }
    return PROTO_OK;
}

/* Frames until the time is over. *share: of their time that the tiles' own times make up. */
static int run_frames(struct measure *m, double *share)
{
    const struct worker_measure_settings *s = m->settings;
    double all_us, tiles_us, spent_us = 0, sum_us = 0;
    int status = run(m, m->ids, m->tiles->count, &all_us, &tiles_us, NULL); /* warms up */
    while (status == PROTO_OK && m->frames < s->most &&
           (m->frames < s->least || spent_us < s->seconds * 1e6)) {
        status = run(m, m->ids, m->tiles->count, &all_us, &tiles_us,
                     m->us + (size_t)m->frames * m->tiles->count);
        m->rest_us[m->frames++] = all_us > tiles_us ? all_us - tiles_us : 0;
        spent_us += all_us;
        sum_us += tiles_us;
    }
    *share = spent_us > 0 ? sum_us / spent_us : 1;
    return status;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* values are sorted. */
static double median(double *values, size_t count, double *spread)
{
    qsort(values, count, sizeof *values, by_value);
    *spread = values[3 * count / 4] - values[count / 4];
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* From the times of the tiles in the frames. */
static void take_tiles(struct measure *m, struct proto_config_profile *profile)
{
    for (int32_t s = 0; s < profile->shape_count; s++) {
        struct proto_profile_shape *shape = &profile->shapes[s];
        size_t n = 0;
        for (int32_t f = 0; f < m->frames; f++)
            for (uint32_t i = 0; i < m->tiles->count; i++)
                if (m->shape_of[i] == (uint32_t)s)
                    m->scratch[n++] = m->us[(size_t)f * m->tiles->count + i];
        shape->us = median(m->scratch, n, &shape->spread_us);
        shape->us = shape->us > 0.5 ? shape->us : 0.5; /* the clock's steps */
        shape->runs = (int32_t)n;
    }
}

/* Each shape by itself, against a frame without tiles. */
static int take_alone(struct measure *m, struct proto_config_profile *profile)
{
    double all_us, tiles_us;
    int status = PROTO_OK;
    for (int32_t f = 0; f < m->settings->least * 4 && status == PROTO_OK && f < m->settings->most;
         f++) {
        status = run(m, m->ids, 0, &all_us, &tiles_us, NULL);
        m->rest_us[f] = all_us;
        m->frames = f + 1;
    }
    if (status != PROTO_OK)
        return status;
    profile->frame_us = median(m->rest_us, (size_t)m->frames, &profile->frame_spread_us);
    for (int32_t s = 0; s < profile->shape_count && status == PROTO_OK; s++) {
        struct proto_profile_shape *shape = &profile->shapes[s];
        uint32_t tile = 0;
        while (m->shape_of[tile] != (uint32_t)s)
            tile++;
        for (int32_t f = -1; f < m->frames && status == PROTO_OK; f++) { /* -1 warms up */
            status = run(m, &tile, 1, &all_us, &tiles_us, NULL);
            if (f >= 0)
                m->scratch[f] = all_us;
        }
        if (status != PROTO_OK)
            return status;
        shape->us = median(m->scratch, (size_t)m->frames, &shape->spread_us) - profile->frame_us;
        shape->us = shape->us > 0.5 ? shape->us : 0.5;
        shape->runs = m->frames;
    }
    return status;
}

int worker_measure(struct worker_exec *exec, const struct partition_model *model,
                   const struct partition_pyramid *pyramid, const struct partition_tiles *tiles,
                   const struct worker_measure_settings *settings,
                   struct proto_config_profile *profile)
{
    struct measure m = {
        .exec = exec, .model = model, .pyramid = pyramid, .tiles = tiles, .settings = settings};
    double share = 1;
    int status = measure_init(&m);
    if (status == PROTO_OK)
        status = find_shapes(&m, profile);
    if (status == PROTO_OK) {
        const struct proto_plan plan = {.plan = 1,
                                        .frame = pyramid->frame,
                                        .candidate_threshold = model->candidate_threshold,
                                        .depth = 1,
                                        .tile_count = tiles->count,
                                        .tiles = m.plan_tiles,
                                        .mine_count = tiles->count,
                                        .mine = m.ids};
        status = worker_exec_plan(exec, &plan);
    }
    if (status == PROTO_OK)
        status = run_frames(&m, &share);
    if (status == PROTO_OK && share < TILES_SHARE_LEAST) {
        status = take_alone(&m, profile);
    } else if (status == PROTO_OK) {
        take_tiles(&m, profile);
        profile->frame_us = median(m.rest_us, (size_t)m.frames, &profile->frame_spread_us);
    }
    measure_free(&m);
    return status;
}
