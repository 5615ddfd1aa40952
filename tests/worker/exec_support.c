/* See exec_support.h. */
#include "tests/worker/exec_support.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"

static void add_net(struct exec_model *m, const struct test_layer *list, int32_t first,
                    int32_t last, double person_px, int32_t border_rows, int32_t border_cols)
{
    int i = m->model.net_count++;
    struct partition_net *net = &m->model.nets[i];
    test_net_open(&m->nets[i], list, (uint64_t)i + 1);
    *net = (struct partition_net){.first_level = first,
                                  .last_level = last,
                                  .person_px = person_px,
                                  .border_rows = border_rows,
                                  .border_cols = border_cols,
                                  .scale = 1.0f / 256.0f,
                                  .layer_count = m->nets[i].count};
    memcpy(net->layers, m->nets[i].layers, sizeof net->layers);
    int status = partition_net_analyse(net);
    assert(status == PROTO_OK);
    (void)status;
}

void exec_model_small(struct exec_model *m)
{
    const struct test_layer far[] = {{'c', 3, 3, 1, 8},
                                     {'p', 2, 2, 2, 0},
                                     {'c', 2, 3, 1, 12},
                                     {'p', 2, 2, 2, 0},
                                     {'c', 4, 1, 1, 16},
                                     {'c', 1, 1, 1, 2},
                                     {0}};
    const struct test_layer near[] = {{'c', 5, 3, 2, 9}, {'p', 2, 2, 2, 0}, {'c', 3, 2, 1, 1}, {0}};
    *m = (struct exec_model){
        .model = {
            .first_person_px = 20, .per_octave = 3, .levels = 7, .pad_below = 0.5, .aspect = 0.41}};
    add_net(m, far, 0, 3, 26, 3, 2);
    add_net(m, near, 4, 6, 20, 2, 1);
}

static void model_of(struct exec_model *m, const struct test_layer *topology)
{
    *m = (struct exec_model){
        .model = {
            .first_person_px = 75, .per_octave = 7, .levels = 26, .pad_below = 1, .aspect = 0.41}};
    add_net(m, topology, 0, 6, 100, 14, 6);
    add_net(m, topology, 7, 13, 100, 14, 6);
    add_net(m, topology, 14, 25, 100, 14, 6);
}

void exec_model_default(struct exec_model *m)
{
    model_of(m, test_net_default);
}

void exec_model_default_small(struct exec_model *m)
{
    model_of(m, test_net_small);
}

void exec_model_close(struct exec_model *m)
{
    for (int i = 0; i < m->model.net_count; i++)
        test_net_close(&m->nets[i]);
}

static void paint_blob(uint8_t *pixels, struct proto_size size, struct test_random *random)
{
    int32_t w = test_random_int(random, 1, size.w), h = test_random_int(random, 1, size.h);
    int32_t x0 = test_random_int(random, 0, size.w - w),
            y0 = test_random_int(random, 0, size.h - h);
    uint32_t colour = test_random_bits(random);
    for (int32_t y = y0; y < y0 + h; y++)
        for (int32_t x = x0; x < x0 + w; x++)
            for (int32_t c = 0; c < PROTO_CHANNELS; c++) {
                uint8_t *p = &pixels[((size_t)y * (size_t)size.w + (size_t)x) * PROTO_CHANNELS + c];
                *p = (uint8_t)(*p / 2 + (colour >> 8 * c & 127u));
            }
}

void exec_picture_open(struct exec_picture *picture, const struct partition_model *model,
                       struct proto_size size, uint64_t seed)
{
    int status = partition_pyramid_init(&picture->pyramid, model, size);
    assert(status == PROTO_OK);
    (void)status;
    struct test_random random = {seed};
    const struct partition_base *bases = picture->pyramid.bases;
    for (int o = 0; o < picture->pyramid.base_count; o++) {
        picture->bases[o] = calloc((size_t)bases[o].w * (size_t)bases[o].h, PROTO_CHANNELS);
        assert(picture->bases[o]);
        if (o > 0)
            partition_pyramid_halve(&bases[o - 1], picture->bases[o - 1], &bases[o],
                                    picture->bases[o]);
        else
            for (int i = 0; i < 30; i++)
                paint_blob(picture->bases[0], size, &random);
    }
}

void exec_picture_close(struct exec_picture *picture)
{
    for (int o = 0; o < picture->pyramid.base_count; o++)
        free(picture->bases[o]);
}

void exec_plan_open(struct exec_plan *p, const struct exec_picture *picture,
                    const struct partition_model *model, int32_t max_rows, int32_t max_cols,
                    float threshold)
{
    const struct partition_tile_settings settings = {.max_rows = max_rows, .max_cols = max_cols};
    exec_plan_open_with(p, picture, model, &settings, threshold);
}

void exec_plan_open_with(struct exec_plan *p, const struct exec_picture *picture,
                         const struct partition_model *model,
                         const struct partition_tile_settings *settings, float threshold)
{
    int status = partition_tiles_open(&picture->pyramid, model, settings, &p->tiles);
    assert(status == PROTO_OK);
    (void)status;
    uint32_t count = p->tiles->count;
    p->plan_tiles = calloc(count, sizeof *p->plan_tiles);
    p->ids = calloc(count, sizeof *p->ids);
    assert(p->plan_tiles && p->ids);
    for (uint32_t i = 0; i < count; i++) {
        const struct partition_tile *t = &p->tiles->tile[i];
        p->ids[i] = i;
        p->plan_tiles[i] = (struct proto_plan_tile){.level = (uint32_t)t->level,
                                                    .row0 = (uint32_t)t->cells.y,
                                                    .col0 = (uint32_t)t->cells.x,
                                                    .rows = (uint32_t)t->cells.h,
                                                    .cols = (uint32_t)t->cells.w};
    }
    p->plan = (struct proto_plan){.plan = 1,
                                  .frame = picture->pyramid.frame,
                                  .candidate_threshold = threshold,
                                  .tile_count = count,
                                  .tiles = p->plan_tiles,
                                  .mine_count = count,
                                  .mine = p->ids};
}

void exec_plan_close(struct exec_plan *p)
{
    partition_tiles_close(p->tiles);
    free(p->plan_tiles);
    free(p->ids);
}

void exec_frame_open(struct exec_frame *f, const struct exec_picture *picture,
                     const struct exec_plan *plan, const uint32_t *ids, uint32_t count)
{
    f->bands = calloc(count + 1u, sizeof *f->bands);
    assert(f->bands);
    uint32_t bands = partition_tile_bands(plan->tiles, ids, count, f->bands);
    f->frame = (struct proto_frame){.plan = plan->plan.plan,
                                    .seq = 1,
                                    .tile_count = count,
                                    .tiles = ids,
                                    .band_count = bands,
                                    .bands = f->bands,
                                    .pixel_bytes =
                                        partition_band_bytes(&picture->pyramid, f->bands, bands)};
    f->pixels = malloc((size_t)f->frame.pixel_bytes + 1);
    assert(f->pixels);
    uint8_t *next = f->pixels;
    for (uint32_t i = 0; i < bands; i++) {
        const struct proto_band *b = &f->bands[i];
        size_t row = (size_t)picture->pyramid.bases[b->base].w * PROTO_CHANNELS;
        size_t bytes = (size_t)(b->y1 - b->y0) * row;
        memcpy(next, picture->bases[b->base] + (size_t)b->y0 * row, bytes);
        next += bytes;
    }
}

void exec_frame_close(struct exec_frame *f)
{
    free(f->bands);
    free(f->pixels);
}
