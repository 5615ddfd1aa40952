/* partition/tile.c: the tile set and its bands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "partition/tile.h"
#include "proto/status.h"
#include "tests/partition/support.h"

static void make(struct random *random, struct partition_model *model,
                 struct partition_pyramid *pyramid, struct partition_tile_settings *settings,
                 struct partition_tiles **tiles)
{
    random_model_init(model, random);
    const struct proto_size frame = {.w = random_in(random, 1, 160),
                                     .h = random_in(random, 1, 160)};
    assert_int_equal(partition_pyramid_init(pyramid, model, frame), PROTO_OK);
    *settings = (struct partition_tile_settings){0};
    settings->max_rows = random_in(random, 0, 4) ? random_in(random, 3, 20) : 0;
    settings->max_cols = random_in(random, 0, 4) ? random_in(random, 3, 20) : 0;
    assert_int_equal(partition_tiles_open(pyramid, model, settings, tiles), PROTO_OK);
}

static void tiles_cover_every_cell_exactly_once(void **state)
{
    struct random random = {.state = 5};
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct partition_model model;
        struct partition_pyramid pyramid;
        struct partition_tile_settings settings;
        struct partition_tiles *tiles;
        uint64_t macs = 0;
        make(&random, &model, &pyramid, &settings, &tiles);
        for (int k = 0; k < pyramid.level_count; k++) {
            const struct partition_level *l = &pyramid.levels[k];
            uint8_t *seen = calloc((size_t)(l->rows * l->cols) + 1, 1);
            int32_t lowest = INT32_MAX, highest = 0;
            assert_non_null(seen);
            for (uint32_t i = 0; i < tiles->count; i++) {
                const struct partition_tile *t = &tiles->tile[i];
                assert_int_equal(t->id, i);
                if (t->level != k)
                    continue;
                assert_true(!settings.max_rows || t->cells.h <= settings.max_rows);
                assert_true(!settings.max_cols || t->cells.w <= settings.max_cols);
                lowest = t->cells.h < lowest ? t->cells.h : lowest;
                highest = t->cells.h > highest ? t->cells.h : highest;
                for (int32_t y = t->cells.y; y < t->cells.y + t->cells.h; y++)
                    for (int32_t x = t->cells.x; x < t->cells.x + t->cells.w; x++)
                        seen[y * l->cols + x]++;
            }
            for (int32_t i = 0; i < l->rows * l->cols; i++)
                assert_int_equal(seen[i], 1);
            assert_true(l->rows == 0 || highest - lowest <= 1);
            free(seen);
        }
        for (uint32_t i = 0; i < tiles->count; i++) {
            const struct partition_tile *t = &tiles->tile[i];
            const struct partition_net *net = partition_model_net(&model, t->level);
            macs += t->macs;
            assert_int_equal(partition_net_rows(net, t->input.h), t->cells.h);
            assert_int_equal(partition_net_cols(net, t->input.w), t->cells.w);
            assert_int_equal(t->macs, partition_net_macs(net, t->input.h, t->input.w));
        }
        assert_int_equal(macs, tiles->macs);
        partition_tiles_close(tiles);
    }
}

static void strips_of_74_rows_cost_the_paper_two_percent_more_work(void **state)
{
    struct partition_model model;
    struct partition_pyramid pyramid;
    struct partition_tile_settings settings;
    struct partition_tiles *whole, *cut;
    (void)state;
    paper_model_init(&model);
    assert_int_equal(partition_pyramid_init(&pyramid, &model, (struct proto_size){640, 480}),
                     PROTO_OK);
    settings = (struct partition_tile_settings){.max_rows = 74};
    assert_int_equal(partition_tiles_open(&pyramid, &model, &settings, &cut), PROTO_OK);
    settings.max_rows = 0;
    assert_int_equal(partition_tiles_open(&pyramid, &model, &settings, &whole), PROTO_OK);
    assert_int_equal(whole->count, 26);
    assert_true((double)cut->macs / (double)whole->macs < 1.03);
    print_message("default: %u tiles, %.1f GMAC; whole levels: %.1f GMAC\n", cut->count,
                  1e-9 * (double)cut->macs, 1e-9 * (double)whole->macs);
    partition_tiles_close(whole);
    partition_tiles_close(cut);
}

/* Whatever the sizes: cutting adds no more than it may, and stops at the asked size or when nothing is left
 * to cut with what is left to spend. */
static void cuts_stay_within_the_halo_share_and_end_when_tiles_are_small_enough(void **state)
{
    static const struct proto_size sizes[] = {{640, 480}, {1280, 720}, {160, 120}, {1920, 1080}};
    struct partition_model model;
    (void)state;
    paper_model_init(&model);
    for (int round = 0; round < 32; round++) {
        struct partition_pyramid pyramid;
        struct partition_tile_settings settings;
        struct partition_tiles *tiles;
        uint64_t largest = 0, macs = 0;
        uint32_t shapes = 0;
        partition_tile_defaults(&settings);
        settings.max_workers = 1 << (round % 8);
        settings.halo_share = round % 3 == 0 ? 0.02 : round % 3 == 1 ? 0.05 : 1;
        assert_int_equal(partition_pyramid_init(&pyramid, &model, sizes[round % 4]), PROTO_OK);
        assert_int_equal(partition_tiles_open(&pyramid, &model, &settings, &tiles), PROTO_OK);
        for (uint32_t i = 0; i < tiles->count; i++) {
            const struct partition_tile *t = &tiles->tile[i];
            bool seen = false;
            largest = t->macs > largest ? t->macs : largest;
            macs += t->macs;
            for (uint32_t j = 0; j < i && !seen; j++)
                seen = tiles->tile[j].input.w == t->input.w && tiles->tile[j].input.h == t->input.h;
            shapes += !seen;
        }
        assert_int_equal(macs, tiles->macs);
        assert_true((double)macs <=
                    (1 + settings.halo_share) * (double)tiles->whole_macs * (1 + 1e-12));
        assert_true(shapes <= 4u * (uint32_t)pyramid.level_count);
        if (settings.halo_share == 1 && settings.max_workers <= 32)
            assert_true((double)largest <= 0.75 * (double)tiles->whole_macs / settings.max_workers);
        if (settings.max_workers == 1)
            assert_int_equal(macs, tiles->whole_macs);
        partition_tiles_close(tiles);
    }
}

/* Of a band of 16 rows a cut by rows computes the 128 pixels of a window's height twice: 15 to 25 % more. */
static void narrow_bands_are_cut_by_columns(void **state)
{
    struct partition_model model;
    struct partition_pyramid pyramid;
    struct partition_tile_settings settings;
    struct partition_rows bands[PROTO_LEVELS_MAX];
    struct partition_tiles *tiles;
    uint32_t cut = 0;
    (void)state;
    paper_model_init(&model);
    assert_int_equal(partition_pyramid_init(&pyramid, &model, (struct proto_size){640, 480}),
                     PROTO_OK);
    for (int k = 0; k < 26; k++)
        bands[k] = (struct partition_rows){0, pyramid.levels[k].rows < 16 ? 0 : 16};
    partition_tile_defaults(&settings);
    settings.bands = bands;
    assert_int_equal(partition_tiles_open(&pyramid, &model, &settings, &tiles), PROTO_OK);
    for (uint32_t i = 0; i < tiles->count; i++) {
        assert_int_equal(tiles->tile[i].cells.h, 16);
        cut += tiles->tile[i].cells.w < pyramid.levels[tiles->tile[i].level].cols;
    }
    assert_true(cut >= 2);
    assert_true((double)tiles->macs < 1.03 * (double)tiles->whole_macs);
    partition_tiles_close(tiles);
}

static void too_many_tiles_are_refused(void **state)
{
    struct partition_model model;
    struct partition_pyramid pyramid;
    const struct partition_tile_settings settings = {.max_rows = 1, .max_cols = 1};
    struct partition_tiles *tiles;
    (void)state;
    paper_model_init(&model);
    assert_int_equal(partition_pyramid_init(&pyramid, &model, (struct proto_size){1920, 1080}),
                     PROTO_OK);
    log_capture();
    assert_int_equal(partition_tiles_open(&pyramid, &model, &settings, &tiles), PROTO_LIMIT);
    assert_non_null(strstr(log_captured(), "1920 x 1080"));
    log_release();
    assert_null(tiles);
    partition_tiles_close(NULL);
}

/* Bands of any selection: sorted, disjoint, apart, and just the rows of the selected tiles. */
static void bands_are_the_union_of_the_tiles_rows(void **state)
{
    struct random random = {.state = 6};
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct partition_model model;
        struct partition_pyramid pyramid;
        struct partition_tile_settings settings;
        struct partition_tiles *tiles;
        uint8_t need[PROTO_BASES_MAX][512] = {{0}}, got[PROTO_BASES_MAX][512] = {{0}};
        uint32_t count = 0;
        make(&random, &model, &pyramid, &settings, &tiles);
        uint32_t *ids = calloc(tiles->count + 1, sizeof(*ids));
        struct proto_band *bands = calloc(tiles->count + 1, sizeof(*bands));
        assert_true(ids && bands);
        for (uint32_t i = tiles->count; i-- > 0;)
            if (random_in(&random, 0, 3) == 0) {
                const struct proto_band b = tiles->tile[i].band;
                ids[count++] = i;
                memset(need[b.base] + b.y0, 1, (size_t)(b.y1 - b.y0));
            }
        const uint32_t n = partition_tile_bands(tiles, ids, count, bands);
        uint64_t bytes = 0;
        assert_true(n <= count);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(bands[i].y0 < bands[i].y1);
            assert_true(i == 0 || bands[i].base > bands[i - 1].base ||
                        bands[i].y0 > bands[i - 1].y1);
            memset(got[bands[i].base] + bands[i].y0, 1, (size_t)(bands[i].y1 - bands[i].y0));
            bytes += (uint64_t)(bands[i].y1 - bands[i].y0) *
                     (uint64_t)pyramid.bases[bands[i].base].w * 3;
        }
        assert_memory_equal(need, got, sizeof(need));
        assert_int_equal(partition_band_bytes(&pyramid, bands, n), bytes);
        for (uint32_t i = 0; i < count; i++) {
            const struct proto_band b = tiles->tile[ids[i]].band;
            struct proto_sampling s;
            assert_int_equal(partition_band_find(&pyramid, bands, n, b, &s), PROTO_OK);
            assert_true(b.y0 == b.y1 || (s.band_y0 <= b.y0 && b.y1 <= s.band_y1));
            assert_true(s.band_offset + (uint64_t)(s.band_y1 - s.band_y0) *
                                            (uint64_t)pyramid.bases[b.base].w * 3 <=
                        bytes);
        }
        free(ids);
        free(bands);
        partition_tiles_close(tiles);
    }
}

static void a_band_that_is_not_there_is_not_found(void **state)
{
    struct partition_model model;
    struct partition_pyramid pyramid;
    const struct proto_band bands[] = {{0, 0, 10}, {0, 20, 30}, {1, 0, 5}};
    struct proto_sampling s;
    (void)state;
    paper_model_init(&model);
    assert_int_equal(partition_pyramid_init(&pyramid, &model, (struct proto_size){640, 480}),
                     PROTO_OK);
    assert_int_equal(partition_band_find(&pyramid, bands, 3, (struct proto_band){0, 9, 11}, &s),
                     PROTO_INVALID);
    assert_int_equal(partition_band_find(&pyramid, bands, 3, (struct proto_band){2, 0, 1}, &s),
                     PROTO_INVALID);
    assert_int_equal(partition_band_find(&pyramid, bands, 3, (struct proto_band){1, 2, 5}, &s),
                     PROTO_OK);
    assert_int_equal(s.band_y0, 0);
    assert_int_equal(s.band_y1, 5);
    assert_int_equal(s.band_offset, 20 * 640 * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_cover_every_cell_exactly_once),
        cmocka_unit_test(strips_of_74_rows_cost_the_paper_two_percent_more_work),
        cmocka_unit_test(cuts_stay_within_the_halo_share_and_end_when_tiles_are_small_enough),
        cmocka_unit_test(narrow_bands_are_cut_by_columns),
        cmocka_unit_test(too_many_tiles_are_refused),
        cmocka_unit_test(bands_are_the_union_of_the_tiles_rows),
        cmocka_unit_test(a_band_that_is_not_there_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
