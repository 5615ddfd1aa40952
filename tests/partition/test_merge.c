/* partition/merge.c and nms.c: tiles, in any order, give the same persons as one pass over whole levels
 * that knows nothing of tiles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/merge.h"
#include "partition/nms.h"
#include "proto/status.h"
#include "tests/partition/support.h"

struct world {
    struct partition_model model;
    struct partition_pyramid pyramid;
    float *scores[PROTO_LEVELS_MAX]; /* rows x cols of each level */
    struct partition_rows bands[PROTO_LEVELS_MAX];
    const struct partition_rows *searched; /* bands, or NULL: everything */
};

static float *cell(const struct world *w, int level, int32_t row, int32_t col)
{
    return &w->scores[level][(size_t)row * (size_t)w->pyramid.levels[level].cols + (size_t)col];
}

/* Scores on a few steps, so that ties and plateaus are everywhere. */
static void fill_steps(struct world *w, struct random *random)
{
    const int32_t steps = random_in(random, 1, 12), density = random_in(random, 1, 100);
    for (int k = 0; k < w->pyramid.level_count; k++)
        for (int32_t r = 0; r < w->pyramid.levels[k].rows; r++)
            for (int32_t c = 0; c < w->pyramid.levels[k].cols; c++)
                *cell(w, k, r, c) = random_in(random, 1, 100) <= density
                                        ? (float)random_in(random, 0, steps) * 0.25f
                                        : -1;
}

struct person {
    double x, y, height, score;
};

/* What a trained net gives: a smooth hill for each person, and noise. */
static void fill_hills(struct world *w, struct random *random)
{
    struct person persons[8];
    for (int i = 0; i < 8; i++)
        persons[i] = (struct person){.x = random_in(random, 0, w->pyramid.frame.w),
                                     .y = random_in(random, 0, w->pyramid.frame.h),
                                     .height = 75 * exp2(random_in(random, 0, 250) / 100.0),
                                     .score = random_in(random, 200, 800) / 100.0};
    for (int k = 0; k < w->pyramid.level_count; k++) {
        struct partition_nms_level level;
        partition_nms_level_init(&level, &w->pyramid, &w->model, k);
        for (int32_t r = 0; r < w->pyramid.levels[k].rows; r++)
            for (int32_t c = 0; c < w->pyramid.levels[k].cols; c++) {
                double best = -5;
                for (int i = 0; i < 8; i++) {
                    const struct person *p = &persons[i];
                    const double dx = (level.x0 + c * level.step_x - p->x) / (0.12 * p->height);
                    const double dy = (level.y0 + r * level.step_y - p->y) / (0.2 * p->height);
                    const double ds = (level.log_height - log(p->height)) / 0.25;
                    best = fmax(best, p->score - (dx * dx + dy * dy + ds * ds));
                }
                *cell(w, k, r, c) = (float)(best + random_in(random, -100, 100) / 300.0);
            }
    }
}

static void open_world(struct world *w, struct proto_size frame)
{
    memset(w->scores, 0, sizeof(w->scores));
    w->searched = NULL;
    assert_int_equal(partition_pyramid_init(&w->pyramid, &w->model, frame), PROTO_OK);
    for (int k = 0; k < w->pyramid.level_count; k++) {
        const struct partition_level *l = &w->pyramid.levels[k];
        w->scores[k] = calloc((size_t)l->rows * (size_t)l->cols + 1, sizeof(float));
        assert_non_null(w->scores[k]);
    }
}

/* Search only a band of each level, some empty: for the reference nothing is found outside. */
static void narrow_world(struct world *w, struct random *random)
{
    w->searched = w->bands;
    for (int k = 0; k < w->pyramid.level_count; k++) {
        const struct partition_level *l = &w->pyramid.levels[k];
        const int32_t first = random_in(random, 0, l->rows),
                      end = random_in(random, first, l->rows);
        w->bands[k] = (struct partition_rows){first, end - first};
        for (int32_t r = 0; r < l->rows; r++)
            for (int32_t c = 0; c < l->cols; c++)
                if (r < first || r >= end)
                    *cell(w, k, r, c) = -INFINITY;
    }
}

static void close_world(struct world *w)
{
    for (int k = 0; k < w->pyramid.level_count; k++)
        free(w->scores[k]);
}

/* ---- the reference: whole levels, plain loops ---- */

/* True if the candidate is the best of its window clipped to rows [r0, r1) and columns [c0, c1). */
static bool is_peak(const struct world *w, int k, int32_t row, int32_t col, int32_t r0, int32_t r1,
                    int32_t c0, int32_t c1)
{
    const float score = *cell(w, k, row, col);
    for (int32_t r = row - 3; r <= row + 3; r++)
        for (int32_t c = col - 1; c <= col + 1; c++) {
            if (r < r0 || r >= r1 || c < c0 || c >= c1)
                continue;
            const float other = *cell(w, k, r, c);
            const bool before = r < row || (r == row && c < col);
            if (other > score || (other == score && before))
                return false;
        }
    return true;
}

static uint32_t find_peaks(const struct world *w, struct partition_peak *peaks)
{
    uint32_t n = 0;
    for (int k = 0; k < w->pyramid.level_count; k++) {
        const struct partition_level *l = &w->pyramid.levels[k];
        for (int32_t r = 0; r < l->rows; r++)
            for (int32_t c = 0; c < l->cols; c++)
                if (*cell(w, k, r, c) > w->model.candidate_threshold &&
                    is_peak(w, k, r, c, 0, l->rows, 0, l->cols))
                    peaks[n++] = (struct partition_peak){
                        .level = k, .row = r, .col = c, .score = *cell(w, k, r, c)};
    }
    return n;
}

static bool stands(const struct world *w, const struct partition_peak *peaks, uint32_t n,
                   const struct partition_peak *p)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct partition_peak *q = &peaks[i];
        struct partition_nms_level from, to;
        int32_t row, col;
        if (abs(q->level - p->level) != 1)
            continue;
        partition_nms_level_init(&from, &w->pyramid, &w->model, p->level);
        partition_nms_level_init(&to, &w->pyramid, &w->model, q->level);
        partition_nms_map(&from, &to, p->row, p->col, &row, &col);
        if (abs(q->row - row) <= 3 && abs(q->col - col) <= 1 &&
            (q->score > p->score || (q->score == p->score && q->level < p->level)))
            return false;
    }
    return true;
}

static struct partition_person reference_person(const struct world *w,
                                                const struct partition_peak *peaks, uint32_t n,
                                                const struct partition_peak *p)
{
    struct partition_nms_level level;
    struct partition_nms_mean mean;
    partition_nms_level_init(&level, &w->pyramid, &w->model, p->level);
    partition_nms_mean_init(&mean, &level, p, w->model.candidate_threshold);
    for (uint32_t i = 0; i < n; i++) {
        partition_nms_level_init(&level, &w->pyramid, &w->model, peaks[i].level);
        partition_nms_mean_add(&mean, &level, &peaks[i]);
    }
    return partition_nms_mean_person(&mean, w->model.aspect);
}

static int by_rank(const void *a, const void *b)
{
    return partition_nms_rank(a, b);
}

static uint32_t reference(const struct world *w, float threshold, struct proto_detection **out)
{
    uint32_t cells = 0, n = 0, kept = 0;
    for (int k = 0; k < w->pyramid.level_count; k++)
        cells += (uint32_t)(w->pyramid.levels[k].rows * w->pyramid.levels[k].cols);
    struct partition_peak *peaks = calloc(cells + 1, sizeof(*peaks));
    struct partition_person *persons = calloc(cells + 1, sizeof(*persons));
    struct proto_detection *detections = calloc(cells + 1, sizeof(*detections));
    assert_true(peaks && persons && detections);
    const uint32_t count = find_peaks(w, peaks);
    for (uint32_t i = 0; i < count; i++)
        if (peaks[i].score > threshold && stands(w, peaks, count, &peaks[i]))
            persons[n++] = reference_person(w, peaks, count, &peaks[i]);
    qsort(persons, n, sizeof(*persons), by_rank);
    for (uint32_t i = 0; i < n; i++) {
        bool keep = true;
        for (uint32_t j = 0; j < kept; j++)
            keep &= !(partition_nms_overlap(w->model.overlap_measure, &persons[i], &persons[j]) >
                      (double)w->model.overlap);
        if (!keep)
            continue;
        persons[kept] = persons[i];
        detections[kept++] = (struct proto_detection){(float)persons[i].x,
                                                      (float)persons[i].y,
                                                      (float)persons[i].w,
                                                      (float)persons[i].h,
                                                      persons[i].peak.score,
                                                      persons[i].peak.level,
                                                      NAN};
    }
    free(peaks);
    free(persons);
    *out = detections;
    return kept;
}

/* ---- tiles: local NMS as gpu/device.h describes it, then the merge ---- */

static uint32_t local_nms(const struct world *w, const struct partition_tile *tile,
                          struct proto_survivor *out)
{
    const struct proto_tile_area a = partition_tile_area(&w->pyramid, tile);
    const int32_t row1 = a.row0 + a.rows, col1 = a.col0 + a.cols;
    uint32_t n = 0;
    for (int32_t r = a.row0; r < row1; r++)
        for (int32_t c = a.col0; c < col1; c++) {
            const float score = *cell(w, tile->level, r, c);
            uint32_t flags = 0;
            if (!(score > w->model.candidate_threshold))
                continue;
            if (is_peak(w, tile->level, r, c, a.row0, row1, a.col0, col1))
                flags |= PROTO_SURVIVOR_PEAK;
            if ((r - 3 < a.row0 && a.row0 > 0) || (r + 3 >= row1 && row1 < a.level_rows) ||
                (c - 1 < a.col0 && a.col0 > 0) || (c + 1 >= col1 && col1 < a.level_cols))
                flags |= PROTO_SURVIVOR_EDGE;
            if (flags)
                out[n++] =
                    (struct proto_survivor){tile->id, (uint16_t)r, (uint16_t)c, score, flags};
        }
    return n;
}

static void shuffle(struct random *random, uint32_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        ids[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        const uint32_t j = (uint32_t)random_in(random, 0, (int32_t)i - 1), swap = ids[i - 1];
        ids[i - 1] = ids[j];
        ids[j] = swap;
    }
}

/* Add all tiles in a random order, some calls with several tiles. */
static void add_shuffled(const struct world *w, const struct partition_tiles *tiles,
                         struct random *random, struct partition_merge *merge)
{
    uint32_t *ids = calloc(tiles->count + 1, sizeof(*ids)), most = 0, n = 0;
    for (uint32_t i = 0; i < tiles->count; i++)
        most += partition_merge_survivors_max(&w->pyramid, &tiles->tile[i]);
    struct proto_survivor *survivors = calloc(most + 1, sizeof(*survivors));
    assert_true(ids && survivors);
    shuffle(random, ids, tiles->count);
    for (uint32_t i = 0; i < tiles->count; i++) {
        const uint32_t found = local_nms(w, &tiles->tile[ids[i]], survivors + n);
        assert_true(found <= partition_merge_survivors_max(&w->pyramid, &tiles->tile[ids[i]]));
        n += found;
        if (random_in(random, 0, 2) || i + 1 == tiles->count) {
            assert_int_equal(partition_merge_add(merge, survivors, n), PROTO_OK);
            n = 0;
        }
    }
    free(ids);
    free(survivors);
}

static uint32_t check_merge(const struct world *w, struct random *random, float threshold)
{
    struct proto_detection *expected;
    const uint32_t expected_count = reference(w, threshold, &expected);
    for (int cut = 0; cut < 3; cut++) {
        const struct partition_tile_settings settings = {
            .max_rows = cut ? random_in(random, 0, 12) : 0,
            .max_cols = cut ? random_in(random, 0, 12) : 0,
            .bands = w->searched};
        struct partition_tiles *tiles;
        struct partition_merge *merge;
        assert_int_equal(partition_tiles_open(&w->pyramid, &w->model, &settings, &tiles), PROTO_OK);
        assert_int_equal(partition_merge_open(&w->pyramid, &w->model, tiles, threshold, &merge),
                         PROTO_OK);
        for (int order = 0; order < 2; order++) {
            const struct proto_detection *detections;
            uint32_t count;
            add_shuffled(w, tiles, random, merge);
            assert_int_equal(partition_merge_finish(merge, &detections, &count), PROTO_OK);
            assert_int_equal(count, expected_count);
            assert_memory_equal(detections, expected, count * sizeof(*expected));
            if (w->searched)
                assert_int_equal(partition_merge_outside(merge, w->bands), 0);
            partition_merge_reset(merge);
        }
        partition_merge_close(merge);
        partition_tiles_close(tiles);
    }
    free(expected);
    return expected_count;
}

static void any_cut_in_any_order_gives_the_same_persons_as_whole_levels(void **state)
{
    struct random random = {.state = 9};
    uint64_t persons = 0;
    (void)state;
    for (int round = 0; round < 150; round++) {
        struct world w;
        random_model_init(&w.model, &random);
        w.model.candidate_threshold = (float)random_in(&random, -2, 8) * 0.25f;
        open_world(&w, (struct proto_size){random_in(&random, 8, 80), random_in(&random, 8, 80)});
        fill_steps(&w, &random);
        persons += check_merge(
            &w, &random, w.model.candidate_threshold + (float)random_in(&random, 0, 2) * 0.5f);
        close_world(&w);
    }
    assert_true(persons > 1000);
}

static void the_papers_pyramid_cut_any_way_gives_the_same_persons(void **state)
{
    struct random random = {.state = 10};
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct world w;
        paper_model_init(&w.model);
        w.model.overlap_measure = round == 1 ? PROTO_OVERLAP_MIN : PROTO_OVERLAP_IOU;
        open_world(&w, (struct proto_size){320, 240});
        fill_hills(&w, &random);
        assert_true(check_merge(&w, &random, 1.0f) > 0);
        close_world(&w);
    }
}

static void bands_cut_any_way_give_the_same_persons_as_levels_without_the_rest(void **state)
{
    struct random random = {.state = 14};
    uint64_t persons = 0;
    (void)state;
    for (int round = 0; round < 150; round++) {
        struct world w;
        random_model_init(&w.model, &random);
        w.model.candidate_threshold = (float)random_in(&random, -2, 8) * 0.25f;
        open_world(&w, (struct proto_size){random_in(&random, 8, 80), random_in(&random, 8, 80)});
        fill_steps(&w, &random);
        narrow_world(&w, &random);
        persons += check_merge(&w, &random, w.model.candidate_threshold);
        close_world(&w);
    }
    assert_true(persons > 500);
}

/* Both count the same thing: what peaks outside, told from all there is. */
static void persons_outside_the_bands_are_counted(void **state)
{
    struct random random = {.state = 15};
    struct partition_tiles *tiles;
    struct partition_merge *merge;
    struct world w;
    uint32_t count, outside = 0;
    const struct proto_detection *found;
    (void)state;
    paper_model_init(&w.model);
    open_world(&w, (struct proto_size){320, 240});
    fill_hills(&w, &random);
    const struct partition_tile_settings settings = {.max_rows = 0};
    assert_int_equal(partition_tiles_open(&w.pyramid, &w.model, &settings, &tiles), PROTO_OK);
    assert_int_equal(partition_merge_open(&w.pyramid, &w.model, tiles, 1, &merge), PROTO_OK);
    add_shuffled(&w, tiles, &random, merge);
    assert_int_equal(partition_merge_finish(merge, &found, &count), PROTO_OK);
    memset(w.bands, 0, sizeof(w.bands));
    for (int k = 0; k < w.pyramid.level_count; k++)
        if (k % 2)
            w.bands[k].rows = w.pyramid.levels[k].rows;
    for (uint32_t i = 0; i < count; i++)
        outside += found[i].level % 2 == 0;
    assert_int_equal(partition_merge_outside(merge, w.bands), outside);
    assert_true(count > 0);
    partition_merge_close(merge);
    partition_tiles_close(tiles);
    close_world(&w);
}

static void a_person_is_found_once_at_its_place_and_size(void **state)
{
    struct random random = {.state = 11};
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct world w;
        struct proto_detection *found;
        paper_model_init(&w.model);
        open_world(&w, (struct proto_size){640, 480});
        const double height = random_in(&random, 120, 400);
        const struct person p = {.x = random_in(&random, 100, 540),
                                 .y = random_in(&random, 0, 150) + 0.6 * height,
                                 .height = height,
                                 .score = 6};
        for (int k = 0; k < w.pyramid.level_count; k++) {
            struct partition_nms_level level;
            partition_nms_level_init(&level, &w.pyramid, &w.model, k);
            for (int32_t r = 0; r < w.pyramid.levels[k].rows; r++)
                for (int32_t c = 0; c < w.pyramid.levels[k].cols; c++) {
                    const double dx = (level.x0 + c * level.step_x - p.x) / (0.1 * p.height);
                    const double dy = (level.y0 + r * level.step_y - p.y) / (0.1 * p.height);
                    const double ds = (level.log_height - log(p.height)) / 0.15;
                    *cell(&w, k, r, c) = (float)(p.score - (dx * dx + dy * dy + ds * ds));
                }
        }
        assert_int_equal(reference(&w, 1.0f, &found), 1);
        assert_true(fabs((double)found[0].h / p.height - 1) < 0.04);
        assert_true(fabs((double)(found[0].x + found[0].w / 2) - p.x) < 0.04 * p.height);
        assert_true(fabs((double)(found[0].y + found[0].h / 2) - p.y) < 0.04 * p.height);
        assert_true(fabs((double)(found[0].w / found[0].h) - 0.41) < 1e-6);
        free(found);
        close_world(&w);
    }
}

/* ---- the dense 3x7x3 max-pool ---- */

static bool dense_maximum(const struct world *w, const struct partition_peak *p)
{
    struct partition_nms_level from, to;
    partition_nms_level_init(&from, &w->pyramid, &w->model, p->level);
    for (int k = p->level - 1; k <= p->level + 1; k += 2) {
        int32_t row, col;
        if (k < 0 || k >= w->pyramid.level_count)
            continue;
        partition_nms_level_init(&to, &w->pyramid, &w->model, k);
        partition_nms_map(&from, &to, p->row, p->col, &row, &col);
        for (int32_t r = row - 3; r <= row + 3; r++)
            for (int32_t c = col - 1; c <= col + 1; c++) {
                if (r < 0 || c < 0 || r >= w->pyramid.levels[k].rows ||
                    c >= w->pyramid.levels[k].cols)
                    continue;
                const float other = *cell(w, k, r, c);
                if (other > p->score || (other == p->score && k < p->level))
                    return false;
            }
    }
    return true;
}

/* The survivor rule sees only the best cells of the neighbouring levels, so it keeps all that the
 * dense rule keeps, and some more whose better neighbour was itself no survivor. */
static void the_dense_maximum_is_kept_by_the_survivor_rule(void **state)
{
    struct random random = {.state = 12};
    uint32_t dense = 0, kept = 0;
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct world w;
        paper_model_init(&w.model);
        open_world(&w, (struct proto_size){320, 240});
        fill_hills(&w, &random);
        struct partition_peak *peaks = calloc(200000, sizeof(*peaks));
        assert_non_null(peaks);
        const uint32_t n = find_peaks(&w, peaks);
        for (uint32_t i = 0; i < n; i++) {
            const bool by_dense = dense_maximum(&w, &peaks[i]);
            const bool by_rule = stands(&w, peaks, n, &peaks[i]);
            assert_true(by_rule || !by_dense);
            dense += by_dense;
            kept += by_rule;
        }
        free(peaks);
        close_world(&w);
    }
    print_message("survivor rule keeps %u, dense 3x7x3 max-pool %u: %.1f %% more\n", kept, dense,
                  100.0 * (kept - dense) / dense);
    assert_true(dense > 0);
}

/* ---- what a merge refuses ---- */

struct fixture {
    struct world w;
    struct partition_tiles *tiles;
    struct partition_merge *merge;
};

static void open_fixture(struct fixture *f)
{
    const struct partition_tile_settings settings = {.max_rows = 20, .max_cols = 20};
    paper_model_init(&f->w.model);
    open_world(&f->w, (struct proto_size){320, 240});
    assert_int_equal(partition_tiles_open(&f->w.pyramid, &f->w.model, &settings, &f->tiles),
                     PROTO_OK);
    assert_int_equal(partition_merge_open(&f->w.pyramid, &f->w.model, f->tiles, 0, &f->merge),
                     PROTO_OK);
}

static void close_fixture(struct fixture *f)
{
    partition_merge_close(f->merge);
    partition_tiles_close(f->tiles);
    close_world(&f->w);
}

static void survivors_that_can_not_be_are_refused_as_a_whole(void **state)
{
    struct fixture f;
    (void)state;
    open_fixture(&f);
    const struct proto_rect first = f.tiles->tile[0].cells;
    const uint16_t row = (uint16_t)(first.h / 2), col = (uint16_t)(first.w / 2);
    const struct proto_survivor good = {0, row, col, 1, PROTO_SURVIVOR_PEAK};
    const struct {
        struct proto_survivor survivor;
        const char *why;
    } bad[] = {
        {{f.tiles->count, row, col, 1, 1}, "no such tile"},
        {{0, (uint16_t)first.h, col, 1, 1}, "outside the tile"},
        {{0, row, (uint16_t)first.w, 1, 1}, "outside the tile"},
        {{0, (uint16_t)(row + 1), col, NAN, 1}, "not finite"},
        {{0, (uint16_t)(row + 1), col, INFINITY, 1}, "not finite"},
        {{0, (uint16_t)(row + 1), col, 1, 0}, "flags"},
        {{0, (uint16_t)(row + 1), col, 1, 5}, "flags"},
        {{0, (uint16_t)(row + 1), col, 1, PROTO_SURVIVOR_EDGE}, "flags"},
        {{0, (uint16_t)(first.h - 1), col, 1, PROTO_SURVIVOR_PEAK}, "flags"},
        {{0, row, col, 1, 1}, "order"},
        {{0, (uint16_t)(row - 1), col, 1, 1}, "order"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct proto_survivor both[2] = {good, bad[i].survivor};
        const struct proto_detection *detections;
        uint32_t count;
        log_capture();
        assert_int_equal(partition_merge_add(f.merge, both, 2), PROTO_INVALID);
        assert_non_null(strstr(log_captured(), bad[i].why));
        log_release();
        assert_int_equal(partition_merge_finish(f.merge, &detections, &count), PROTO_OK);
        assert_int_equal(count, 0);
    }
    assert_int_equal(partition_merge_add(f.merge, &good, 1), PROTO_OK);
    log_capture();
    assert_int_equal(partition_merge_add(f.merge, &good, 1), PROTO_INVALID);
    assert_non_null(strstr(log_captured(), "added before"));
    log_release();
    partition_merge_reset(f.merge);
    assert_int_equal(partition_merge_add(f.merge, &good, 1), PROTO_OK);
    assert_int_equal(partition_merge_add(f.merge, NULL, 0), PROTO_OK);
    close_fixture(&f);
}

static void more_survivors_than_a_tile_can_have_are_refused(void **state)
{
    struct fixture f;
    uint32_t n = 0;
    (void)state;
    open_fixture(&f);
    const struct proto_tile_area a = partition_tile_area(&f.w.pyramid, &f.tiles->tile[0]);
    struct proto_survivor *all = calloc((size_t)a.rows * (size_t)a.cols, sizeof(*all));
    assert_non_null(all);
    for (int32_t r = 0; r < a.rows; r++)
        for (int32_t c = 0; c < a.cols; c++)
            all[n++] = (struct proto_survivor){
                0, (uint16_t)r, (uint16_t)c, 1,
                r >= a.rows - 3 || c >= a.cols - 1 ? PROTO_SURVIVOR_EDGE : PROTO_SURVIVOR_PEAK};
    log_capture();
    assert_int_equal(partition_merge_add(f.merge, all, n), PROTO_LIMIT);
    log_release();
    free(all);
    close_fixture(&f);
}

/* With a tile missing its neighbours' edge cells are tested against what is there. */
static void a_missing_tile_adds_no_candidates(void **state)
{
    struct fixture f;
    const struct proto_detection *detections;
    uint32_t count;
    (void)state;
    open_fixture(&f);
    const struct proto_tile_area a = partition_tile_area(&f.w.pyramid, &f.tiles->tile[0]);
    const uint32_t both = PROTO_SURVIVOR_PEAK | PROTO_SURVIVOR_EDGE;
    const uint16_t row = (uint16_t)(a.rows / 2), col = (uint16_t)(a.cols - 1);
    const struct proto_survivor weak = {0, row, col, 1, both};
    const struct proto_survivor strong = {1, row, (uint16_t)(col + 1), 2, both};
    assert_int_equal(f.tiles->tile[1].cells.x, a.cols);
    assert_int_equal(partition_merge_add(f.merge, &weak, 1), PROTO_OK);
    assert_int_equal(partition_merge_finish(f.merge, &detections, &count), PROTO_OK);
    assert_int_equal(count, 1);
    assert_true(detections[0].score == 1);
    assert_int_equal(partition_merge_add(f.merge, &strong, 1), PROTO_OK);
    assert_int_equal(partition_merge_finish(f.merge, &detections, &count), PROTO_OK);
    assert_int_equal(count, 1);
    assert_true(detections[0].score == 2);
    close_fixture(&f);
}

static void a_higher_threshold_only_drops_persons(void **state)
{
    struct random random = {.state = 13};
    struct world w;
    struct proto_detection *low, *high;
    (void)state;
    paper_model_init(&w.model);
    open_world(&w, (struct proto_size){320, 240});
    fill_hills(&w, &random);
    const uint32_t low_count = reference(&w, 0.5f, &low), high_count = reference(&w, 4, &high);
    assert_true(high_count <= low_count);
    assert_memory_equal(low, high, high_count * sizeof(*high));
    free(low);
    free(high);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_in_any_order_gives_the_same_persons_as_whole_levels),
        cmocka_unit_test(the_papers_pyramid_cut_any_way_gives_the_same_persons),
        cmocka_unit_test(bands_cut_any_way_give_the_same_persons_as_levels_without_the_rest),
        cmocka_unit_test(persons_outside_the_bands_are_counted),
        cmocka_unit_test(a_person_is_found_once_at_its_place_and_size),
        cmocka_unit_test(the_dense_maximum_is_kept_by_the_survivor_rule),
        cmocka_unit_test(survivors_that_can_not_be_are_refused_as_a_whole),
        cmocka_unit_test(more_survivors_than_a_tile_can_have_are_refused),
        cmocka_unit_test(a_missing_tile_adds_no_candidates),
        cmocka_unit_test(a_higher_threshold_only_drops_persons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
