/* partition/pyramid.c: levels, bases, bands and sampling geometry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/pyramid.h"
#include "proto/status.h"
#include "tests/partition/support.h"

/* The two base rows (or columns) of a level pixel and their mix: struct proto_sampling, word by word. */
static void neighbours(int32_t at, int32_t border, int64_t step, int32_t size, int32_t *i,
                       int32_t *i1, int32_t *fraction)
{
    int64_t u =
        (((2 * ((int64_t)at - border) + 1) * step) >> 1) - ((int64_t)1 << 31) + ((int64_t)1 << 23);
    const int64_t max = (int64_t)(size - 1) << 32;
    u = u < 0 ? 0 : u > max ? max : u;
    *i = (int32_t)(u >> 32);
    *fraction = (int32_t)(u >> 24 & 255);
    *i1 = *i + 1 < size ? *i + 1 : size - 1;
}

static int32_t row_pixel(const struct proto_sampling *s, const uint8_t *band, int32_t y, int32_t x,
                         int32_t c)
{
    if (y >= s->base_h)
        return 0;
    assert_in_range(y, s->band_y0, s->band_y1 - 1);
    return band[((int64_t)(y - s->band_y0) * s->base_w + x) * 3 + c];
}

/* Channel c of pixel (x, y) of the sampled rectangle. */
static float sample(const struct proto_sampling *s, const uint8_t *band, int32_t y, int32_t x,
                    int32_t c)
{
    int32_t iy, iy1, fy, ix, ix1, fx;
    neighbours(s->y0 + y, s->border_y, s->step, s->base_padded_h, &iy, &iy1, &fy);
    neighbours(s->x0 + x, s->border_x, s->step, s->base_w, &ix, &ix1, &fx);
    const int32_t v = (256 - fx) * (256 - fy) * row_pixel(s, band, iy, ix, c) +
                      fx * (256 - fy) * row_pixel(s, band, iy, ix1, c) +
                      (256 - fx) * fy * row_pixel(s, band, iy1, ix, c) +
                      fx * fy * row_pixel(s, band, iy1, ix1, c);
    return (float)v * (1.0f / 65536) * s->scale + s->offset;
}

static void init(struct partition_pyramid *pyramid, const struct partition_model *model, int32_t w,
                 int32_t h)
{
    assert_int_equal(partition_pyramid_init(pyramid, model, (struct proto_size){.w = w, .h = h}),
                     PROTO_OK);
}

static void the_paper_pyramid_has_the_papers_levels(void **state)
{
    struct partition_model model;
    struct partition_pyramid pyramid;
    (void)state;
    paper_model_init(&model);
    init(&pyramid, &model, 640, 480);
    assert_int_equal(pyramid.level_count, 26);
    assert_int_equal(pyramid.padded_h, 960);
    assert_int_equal(pyramid.levels[0].h, 1308);
    assert_int_equal(pyramid.levels[0].w, 865);
    assert_int_equal(pyramid.levels[0].rows, 148);
    assert_int_equal(pyramid.levels[0].cols, 103);
    assert_int_equal(pyramid.levels[25].net, 2);
    /* persons of 75 to 900 px: the level's own size is 100 px at scale f */
    assert_true(fabs(100 / pyramid.levels[25].scale - 75 * pow(2, 25.0 / 7)) < 1e-9);
    for (int k = 0; k < 26; k++) {
        const double f = pyramid.levels[k].scale, remaining = ldexp(f, pyramid.levels[k].base);
        assert_true(f >= 0.5 ? pyramid.levels[k].base == 0 : remaining > 0.5 && remaining <= 1);
        assert_int_equal(pyramid.levels[k].step, llround(4294967296.0 / remaining));
    }
    assert_int_equal(pyramid.base_count, 4);
    assert_int_equal(pyramid.bases[3].w, 80);
    assert_int_equal(pyramid.bases[3].h, 60);
    assert_int_equal(pyramid.bases[3].padded_h, 120);
}

static void impossible_frames_are_refused(void **state)
{
    static const struct proto_size sizes[] = {{0, 480}, {640, 0}, {-1, 5}, {16385, 4}, {4, 16385}};
    struct partition_model model;
    struct partition_pyramid pyramid;
    (void)state;
    paper_model_init(&model);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        log_capture();
        assert_int_equal(partition_pyramid_init(&pyramid, &model, sizes[i]), PROTO_INVALID);
        log_release();
    }
    init(&pyramid, &model, 1, 1);
    init(&pyramid, &model, PROTO_FRAME_SIDE_MAX, PROTO_FRAME_SIDE_MAX);
}

static void a_level_that_holds_no_window_has_no_cells(void **state)
{
    struct partition_model model;
    struct partition_pyramid pyramid;
    (void)state;
    paper_model_init(&model);
    model.nets[2].border_cols = 0;
    init(&pyramid, &model, 60, 480);
    assert_true(pyramid.levels[0].rows > 0);
    assert_int_equal(pyramid.levels[25].rows, 0);
    assert_int_equal(pyramid.levels[25].cols, 0);
}

/* Every row that sampling touches is stored below or in the band; the band has no row too many. */
static void a_band_holds_exactly_the_rows_that_sampling_touches(void **state)
{
    struct random random = {.state = 2};
    (void)state;
    for (int round = 0; round < 400; round++) {
        struct partition_model model;
        struct partition_pyramid pyramid;
        random_model_init(&model, &random);
        init(&pyramid, &model, random_in(&random, 1, 200), random_in(&random, 1, 200));
        for (int k = 0; k < pyramid.level_count; k++) {
            const struct partition_level *l = &pyramid.levels[k];
            if (l->rows == 0)
                continue;
            const struct partition_base *base = &pyramid.bases[l->base];
            const int32_t row = random_in(&random, 0, l->rows - 1);
            const int32_t rows = random_in(&random, 1, l->rows - row);
            const struct proto_rect cells = {.x = 0, .y = row, .w = l->cols, .h = rows};
            const struct proto_band band = partition_pyramid_band(&pyramid, &model, k, row, rows);
            struct proto_sampling s;
            int32_t first = base->h, last = -1;
            partition_pyramid_sampling(&pyramid, &model, k, &cells, &s);
            for (int32_t y = 0; y < s.h; y++) {
                int32_t i, i1, fraction;
                neighbours(s.y0 + y, s.border_y, s.step, s.base_padded_h, &i, &i1, &fraction);
                if (i < base->h && i < first)
                    first = i;
                if (i < base->h && i > last)
                    last = i;
                if (i1 < base->h && i1 > last)
                    last = i1;
            }
            assert_int_equal(band.base, l->base);
            assert_true(s.y0 + s.h <= l->h && s.x0 + s.w <= l->w);
            if (last < 0) {
                assert_int_equal(band.y0, band.y1);
            } else {
                assert_int_equal(band.y0, first);
                assert_int_equal(band.y1, last + 1);
            }
        }
    }
}

static uint8_t *make_base(const struct partition_pyramid *pyramid, int base, struct random *random)
{
    const size_t bytes = (size_t)pyramid->bases[base].w * (size_t)pyramid->bases[base].h * 3;
    uint8_t *pixels = malloc(bytes + 1);
    assert_non_null(pixels);
    for (size_t i = 0; i < bytes; i++)
        pixels[i] = (uint8_t)random_next(random);
    return pixels;
}

static void a_cut_samples_the_same_pixels_as_the_whole_level(void **state)
{
    struct random random = {.state = 3};
    (void)state;
    for (int round = 0; round < 60; round++) {
        struct partition_model model;
        struct partition_pyramid pyramid;
        random_model_init(&model, &random);
        init(&pyramid, &model, random_in(&random, 20, 90), random_in(&random, 20, 90));
        for (int k = 0; k < pyramid.level_count; k++) {
            const struct partition_level *l = &pyramid.levels[k];
            if (l->rows == 0)
                continue;
            uint8_t *pixels = make_base(&pyramid, l->base, &random);
            struct proto_rect cells = {.x = 0, .y = 0, .w = l->cols, .h = l->rows};
            struct proto_sampling whole, cut;
            partition_pyramid_sampling(&pyramid, &model, k, &cells, &whole);
            whole.band_y1 = pyramid.bases[l->base].h;
            cells.x = random_in(&random, 0, l->cols - 1);
            cells.y = random_in(&random, 0, l->rows - 1);
            cells.w = random_in(&random, 1, l->cols - cells.x);
            cells.h = random_in(&random, 1, l->rows - cells.y);
            partition_pyramid_sampling(&pyramid, &model, k, &cells, &cut);
            const struct proto_band band =
                partition_pyramid_band(&pyramid, &model, k, cells.y, cells.h);
            cut.band_y0 = band.y0;
            cut.band_y1 = band.y1;
            const uint8_t *rows = pixels + (size_t)band.y0 * (size_t)cut.base_w * 3;
            for (int32_t y = 0; y < cut.h; y++)
                for (int32_t x = 0; x < cut.w; x++)
                    for (int32_t c = 0; c < 3; c++)
                        assert_true(sample(&cut, rows, y, x, c) ==
                                    sample(&whole, pixels, y + cut.y0, x + cut.x0, c));
            free(pixels);
        }
    }
}

/* The rule of partition_pyramid_halve, pixel by pixel. */
static int32_t base_pixel(const struct partition_base *b, const uint8_t *pixels, int32_t y,
                          int32_t x, int32_t c)
{
    if (x >= b->w)
        x = b->w - 1;
    if (y >= b->h) {
        if (b->padded_h > b->h)
            return 0;
        y = b->h - 1;
    }
    return pixels[((int64_t)y * b->w + x) * 3 + c];
}

static void halving_takes_the_rounded_mean_of_each_block(void **state)
{
    struct random random = {.state = 4};
    (void)state;
    for (int round = 0; round < 300; round++) {
        const int32_t w = random_in(&random, 1, 120), h = random_in(&random, 1, 12);
        const struct partition_base src = {
            .w = w, .h = h, .padded_h = h + random_in(&random, 0, 2)};
        const struct partition_base dst = {
            .w = (w + 1) / 2, .h = (h + 1) / 2, .padded_h = (src.padded_h + 1) / 2};
        const size_t bytes = (size_t)(w * h * 3), dst_bytes = (size_t)(dst.w * dst.h * 3);
        uint8_t *from = malloc(bytes), *to = malloc(dst_bytes + 1);
        assert_true(from && to);
        for (size_t i = 0; i < bytes; i++)
            from[i] = (uint8_t)random_next(&random);
        to[dst_bytes] = 77;
        partition_pyramid_halve(&src, from, &dst, to);
        assert_int_equal(to[dst_bytes], 77);
        for (int32_t y = 0; y < dst.h; y++)
            for (int32_t x = 0; x < dst.w; x++)
                for (int32_t c = 0; c < 3; c++) {
                    const int32_t sum = base_pixel(&src, from, 2 * y, 2 * x, c) +
                                        base_pixel(&src, from, 2 * y, 2 * x + 1, c) +
                                        base_pixel(&src, from, 2 * y + 1, 2 * x, c) +
                                        base_pixel(&src, from, 2 * y + 1, 2 * x + 1, c);
                    assert_int_equal(to[(y * dst.w + x) * 3 + c], (sum + 2) >> 2);
                }
        free(from);
        free(to);
    }
}

/* A net sees the person in the middle of its window: the box must be where those pixels come from. */
static void a_box_lies_where_its_windows_pixels_come_from(void **state)
{
    struct partition_model model;
    struct partition_pyramid pyramid;
    double box[4];
    (void)state;
    paper_model_init(&model);
    init(&pyramid, &model, 640, 480);
    for (int k = 0; k < 26; k++) {
        const struct partition_level *l = &pyramid.levels[k];
        const int32_t row = l->rows / 2, col = l->cols / 2;
        int32_t y, y1, x, x1, fraction;
        neighbours(row * 8 + 64, 14, l->step, pyramid.bases[l->base].padded_h, &y, &y1, &fraction);
        neighbours(col * 8 + 24, 6, l->step, pyramid.bases[l->base].w, &x, &x1, &fraction);
        partition_pyramid_box(&pyramid, &model, k, row, col, box);
        const double octave = ldexp(1, l->base); /* frame pixels of a base pixel */
        assert_true(fabs(box[0] + box[2] / 2 - (x + 0.5) * octave) <= 1.5 * octave);
        assert_true(fabs(box[1] + box[3] / 2 - (y + 0.5) * octave) <= 1.5 * octave);
        assert_true(fabs(box[3] - 75 * pow(2, k / 7.0)) < 1e-9);
        assert_true(fabs(box[2] - 0.41 * box[3]) < 1e-9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_paper_pyramid_has_the_papers_levels),
        cmocka_unit_test(impossible_frames_are_refused),
        cmocka_unit_test(a_level_that_holds_no_window_has_no_cells),
        cmocka_unit_test(a_band_holds_exactly_the_rows_that_sampling_touches),
        cmocka_unit_test(a_cut_samples_the_same_pixels_as_the_whole_level),
        cmocka_unit_test(halving_takes_the_rounded_mean_of_each_block),
        cmocka_unit_test(a_box_lies_where_its_windows_pixels_come_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
