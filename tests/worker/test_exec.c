/* worker/exec: plans and frames in, survivors out. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gpu/ref/ref.h"
#include "gpu/shape.h"
#include "proto/log.h"
#include "proto/status.h"
#include "tests/worker/exec_support.h"
#include "worker/chain_cache.h"
#include "worker/exec.h"

static const struct proto_size frame_size = {.w = 93, .h = 71};

struct fixture {
    struct exec_model model;
    struct exec_picture picture;
};

static void fixture_open(struct fixture *f, uint64_t seed)
{
    exec_model_small(&f->model);
    exec_picture_open(&f->picture, &f->model.model, frame_size, seed);
}

static void fixture_close(struct fixture *f)
{
    exec_picture_close(&f->picture);
    exec_model_close(&f->model);
}

static struct worker_exec *exec_open(const char *device, const struct fixture *f)
{
    struct worker_exec *exec;
    const struct gpu_settings settings = {.threads = 1};
    assert_int_equal(worker_exec_open(device, &settings, &f->model.model, &exec), PROTO_OK);
    return exec;
}

/* Scores of whole levels by the reference operators, without exec, tiles or bands. */
struct truth {
    float *scores[PROTO_LEVELS_MAX];
};

static float *reference_scores(const struct partition_net *net, const struct proto_sampling *s,
                               const uint8_t *base)
{
    struct proto_size size = {.w = s->w, .h = s->h};
    float *at = malloc((size_t)s->w * (size_t)s->h * PROTO_CHANNELS * sizeof *at);
    assert_non_null(at);
    gpu_ref_sample(s, base, at);
    for (int i = 0; i < net->layer_count; i++) {
        const struct proto_layer *layer = &net->layers[i];
        struct proto_size to = gpu_shape_layer(layer, size);
        float *out = malloc((size_t)layer->cout * (size_t)to.w * (size_t)to.h * sizeof *out);
        assert_non_null(out);
        if (layer->kind == PROTO_LAYER_CONV)
            gpu_ref_conv(layer, at, size, out);
        else
            gpu_ref_pool(layer, at, size, out);
        free(at);
        at = out;
        size = to;
    }
    size_t cells = (size_t)size.w * (size_t)size.h;
    float *scores = malloc(cells * sizeof *scores);
    assert_non_null(scores);
    gpu_ref_score(at, net->outputs, cells, scores);
    free(at);
    return scores;
}

static void truth_open(struct truth *truth, const struct fixture *f)
{
    const struct partition_pyramid *pyramid = &f->picture.pyramid;
    for (int k = 0; k < pyramid->level_count; k++) {
        const struct partition_level *level = &pyramid->levels[k];
        const struct proto_rect all = {.w = level->cols, .h = level->rows};
        struct proto_sampling sampling;
        partition_pyramid_sampling(pyramid, &f->model.model, k, &all, &sampling);
        sampling.band_y0 = 0;
        sampling.band_y1 = pyramid->bases[level->base].h;
        sampling.band_offset = 0;
        truth->scores[k] = reference_scores(&f->model.model.nets[level->net], &sampling,
                                            f->picture.bases[level->base]);
    }
}

static void truth_close(struct truth *truth, const struct fixture *f)
{
    for (int k = 0; k < f->picture.pyramid.level_count; k++)
        free(truth->scores[k]);
}

/* Scores of a tile's cells within the level's map. */
static float *tile_scores(const float *level, int32_t level_cols, const struct proto_rect *cells)
{
    float *scores = malloc((size_t)cells->w * (size_t)cells->h * sizeof *scores);
    assert_non_null(scores);
    for (int32_t r = 0; r < cells->h; r++)
        memcpy(scores + r * cells->w, level + (cells->y + r) * level_cols + cells->x,
               (size_t)cells->w * sizeof *scores);
    return scores;
}

static const struct proto_survivor *assert_tile(const struct fixture *f, const struct truth *truth,
                                                const struct partition_tile *tile, float threshold,
                                                const struct proto_survivor *at)
{
    const struct partition_pyramid *pyramid = &f->picture.pyramid;
    uint32_t cap = (uint32_t)(tile->cells.w * tile->cells.h);
    struct proto_survivor *want = calloc(cap, sizeof *want);
    assert_non_null(want);
    float *scores =
        tile_scores(truth->scores[tile->level], pyramid->levels[tile->level].cols, &tile->cells);
    const struct proto_tile_area area = partition_tile_area(pyramid, tile);
    uint32_t count = gpu_ref_local_nms(scores, &area, threshold, want, cap);
    for (uint32_t i = 0; i < count; i++, at++) {
        assert_int_equal(at->tile, want[i].tile);
        assert_int_equal(at->row, want[i].row);
        assert_int_equal(at->col, want[i].col);
        assert_int_equal(at->flags, want[i].flags);
        assert_true(at->score == want[i].score);
    }
    free(scores);
    free(want);
    return at;
}

static void survivors_equal_a_brute_force_pass_over_whole_levels(void **state)
{
    (void)state;
    const int32_t limits[][2] = {{0, 0}, {5, 0}, {3, 4}, {1, 7}};
    struct fixture f;
    struct truth truth;
    fixture_open(&f, 1);
    truth_open(&truth, &f);
    struct worker_exec *exec = exec_open("ref", &f);
    uint64_t survivors = 0;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const float threshold = i % 2 ? 0.1f : -100.0f;
        struct exec_plan plan;
        struct exec_frame frame;
        struct proto_result result;
        exec_plan_open(&plan, &f.picture, &f.model.model, limits[i][0], limits[i][1], threshold);
        exec_frame_open(&frame, &f.picture, &plan, plan.ids, plan.tiles->count);
        assert_int_equal(worker_exec_plan(exec, &plan.plan), PROTO_OK);
        assert_int_equal(worker_exec_run(exec, &frame.frame, frame.pixels, &result), PROTO_OK);
        const struct proto_survivor *at = result.survivors;
        for (uint32_t t = 0; t < plan.tiles->count; t++)
            at = assert_tile(&f, &truth, &plan.tiles->tile[t], threshold, at);
        assert_int_equal(at - result.survivors, result.survivor_count);
        survivors += result.survivor_count;
        exec_frame_close(&frame);
        exec_plan_close(&plan);
    }
    assert_true(survivors > 100);
    worker_exec_close(exec);
    truth_close(&truth, &f);
    fixture_close(&f);
}

/* Run all tiles of a plan in frames of `each` tiles, in shuffled order; scores[level][cell] from
 * the survivors. */
static void run_in_parts(struct worker_exec *exec, const struct fixture *f,
                         const struct exec_plan *plan, uint32_t each, float **scores)
{
    uint32_t count = plan->tiles->count;
    uint32_t *order = malloc(count * sizeof *order);
    assert_non_null(order);
    struct test_random random = {each};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = (uint32_t)test_random_int(&random, 0, (int32_t)i);
        order[i] = order[j];
        order[j] = i;
    }
    for (uint32_t at = 0; at < count; at += each) {
        uint32_t part = count - at < each ? count - at : each;
        struct exec_frame frame;
        struct proto_result result;
        exec_frame_open(&frame, &f->picture, plan, order + at, part);
        assert_int_equal(worker_exec_run(exec, &frame.frame, frame.pixels, &result), PROTO_OK);
        assert_int_equal(result.tile_count, part);
        assert_memory_equal(result.tiles, order + at, part * sizeof *order);
        for (uint32_t i = 0; i < result.survivor_count; i++) {
            const struct proto_survivor *s = &result.survivors[i];
            int32_t level = plan->tiles->tile[s->tile].level;
            scores[level][s->row * f->picture.pyramid.levels[level].cols + s->col] = s->score;
            if (i > 0)
                assert_true(s[-1].tile < s->tile ||
                            (s[-1].tile == s->tile &&
                             (s[-1].row < s->row || (s[-1].row == s->row && s[-1].col < s->col))));
        }
        exec_frame_close(&frame);
    }
    free(order);
}

static size_t level_cells(const struct fixture *f, int level)
{
    const struct partition_level *l = &f->picture.pyramid.levels[level];
    return (size_t)l->rows * (size_t)l->cols;
}

/* In tiles of one cell every candidate is a survivor: all scores come to light. */
static void every_split_and_order_gives_the_bits_of_every_other(void **state)
{
    (void)state;
    const int32_t limits[][2] = {{0, 0}, {6, 0}, {4, 5}};
    struct fixture f;
    fixture_open(&f, 2);
    struct worker_exec *exec = exec_open("cpu,f32", &f);
    float *single[PROTO_LEVELS_MAX], *other[PROTO_LEVELS_MAX];
    for (int k = 0; k < f.model.model.levels; k++) {
        single[k] = malloc(level_cells(&f, k) * sizeof(float));
        other[k] = malloc(level_cells(&f, k) * sizeof(float));
        assert_true(single[k] && other[k]);
        for (size_t i = 0; i < level_cells(&f, k); i++)
            single[k][i] = other[k][i] = NAN;
    }
    struct exec_plan plan;
    exec_plan_open(&plan, &f.picture, &f.model.model, 1, 1, -INFINITY);
    assert_int_equal(worker_exec_plan(exec, &plan.plan), PROTO_OK);
    run_in_parts(exec, &f, &plan, 50, single);
    exec_plan_close(&plan);
    uint64_t compared = 0;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        exec_plan_open(&plan, &f.picture, &f.model.model, limits[i][0], limits[i][1], -INFINITY);
        assert_int_equal(worker_exec_plan(exec, &plan.plan), PROTO_OK);
        run_in_parts(exec, &f, &plan, 1 + (uint32_t)i, other);
        exec_plan_close(&plan);
        for (int k = 0; k < f.model.model.levels; k++)
            for (size_t c = 0; c < level_cells(&f, k); c++) {
                assert_false(isnan(single[k][c]));
                if (isnan(other[k][c]))
                    continue;
                assert_memory_equal(&other[k][c], &single[k][c], sizeof(float));
                compared++;
            }
    }
    assert_true(compared > 500);
    for (int k = 0; k < f.model.model.levels; k++) {
        free(single[k]);
        free(other[k]);
    }
    worker_exec_close(exec);
    fixture_close(&f);
}

static void result_names_the_frame_and_times_each_tile(void **state)
{
    (void)state;
    struct fixture f;
    struct exec_plan plan;
    struct exec_frame frame;
    struct proto_result result;
    fixture_open(&f, 3);
    struct worker_exec *exec = exec_open("cpu", &f);
    assert_string_equal(worker_exec_device(exec), "cpu,f32");
    assert_true(strlen(worker_exec_kernels(exec)) > 0);
    exec_plan_open(&plan, &f.picture, &f.model.model, 4, 0, 0.0f);
    plan.plan.plan = 77;
    assert_int_equal(worker_exec_plan(exec, &plan.plan), PROTO_OK);
    exec_frame_open(&frame, &f.picture, &plan, plan.ids, plan.tiles->count);
    frame.frame.seq = UINT64_C(1) << 40;
    frame.frame.assignment = 5;
    assert_int_equal(worker_exec_run(exec, &frame.frame, frame.pixels, &result), PROTO_OK);
    assert_int_equal(result.plan, 77);
    assert_true(result.seq == UINT64_C(1) << 40);
    assert_int_equal(result.assignment, 5);
    assert_int_equal(result.status, PROTO_OK);
    assert_string_equal(result.text, "");
    assert_int_equal(result.tile_count, plan.tiles->count);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < result.tile_count; i++)
        sum += result.tile_us[i];
    assert_true(result.started_us <= result.finished_us);
    assert_true(sum <= result.finished_us - result.started_us);
    exec_frame_close(&frame);
    exec_plan_close(&plan);
    worker_exec_close(exec);
    fixture_close(&f);
}

static void tiles_that_were_not_mine_are_made_ready_when_asked_for(void **state)
{
    (void)state;
    struct fixture f;
    struct exec_plan plan;
    struct exec_frame frame;
    struct proto_result result;
    fixture_open(&f, 4);
    struct worker_exec *exec = exec_open("cpu", &f);
    exec_plan_open(&plan, &f.picture, &f.model.model, 4, 0, 0.0f);
    plan.plan.mine_count = 1;
    assert_int_equal(worker_exec_plan(exec, &plan.plan), PROTO_OK);
    exec_frame_open(&frame, &f.picture, &plan, plan.ids, plan.tiles->count);
    assert_int_equal(worker_exec_run(exec, &frame.frame, frame.pixels, &result), PROTO_OK);
    assert_int_equal(result.tile_count, plan.tiles->count);
    exec_frame_close(&frame);
    exec_plan_close(&plan);
    worker_exec_close(exec);
    fixture_close(&f);
}

static void assert_refused(struct worker_exec *exec, const struct exec_frame *frame, int status)
{
    struct proto_result result;
    assert_int_equal(worker_exec_run(exec, &frame->frame, frame->pixels, &result), status);
    assert_int_equal(result.status, status);
    assert_true(strlen(result.text) > 0);
    assert_int_equal(result.tile_count, 0);
    assert_int_equal(result.survivor_count, 0);
}

static void bad_frames_are_refused_and_good_ones_go_on(void **state)
{
    (void)state;
    struct fixture f;
    struct exec_plan plan;
    struct exec_frame good, bad;
    struct proto_result result;
    fixture_open(&f, 5);
    struct worker_exec *exec = exec_open("cpu", &f);
    exec_plan_open(&plan, &f.picture, &f.model.model, 4, 0, 0.0f);
    uint32_t count = plan.tiles->count;
    exec_frame_open(&good, &f.picture, &plan, plan.ids, count);
    assert_refused(exec, &good, PROTO_MISMATCH); /* no plan yet */
    assert_int_equal(worker_exec_plan(exec, &plan.plan), PROTO_OK);

    bad = good;
    bad.frame.plan++;
    assert_refused(exec, &bad, PROTO_MISMATCH);

    const uint32_t twice[] = {0, 1, 0}, unknown[] = {0, count};
    bad = good;
    bad.frame.tiles = twice;
    bad.frame.tile_count = 3;
    assert_refused(exec, &bad, PROTO_INVALID);
    bad.frame.tiles = unknown;
    bad.frame.tile_count = 2;
    assert_refused(exec, &bad, PROTO_INVALID);

    bad = good;
    bad.frame.band_count = 0;
    assert_refused(exec, &bad, PROTO_INVALID);
    bad = good;
    bad.frame.pixel_bytes /= 2;
    assert_refused(exec, &bad, PROTO_INVALID);

    struct proto_band bands[PROTO_BASES_MAX];
    memcpy(bands, good.bands, good.frame.band_count * sizeof *bands);
    bad = good;
    bad.frame.bands = bands;
    bands[0].base = f.picture.pyramid.base_count;
    assert_refused(exec, &bad, PROTO_INVALID);
    bands[0] = good.bands[0];
    bands[0].y1 = f.picture.pyramid.bases[bands[0].base].h + 1;
    assert_refused(exec, &bad, PROTO_INVALID);
    bands[0] = good.bands[0];
    bands[0].y0 = -1;
    assert_refused(exec, &bad, PROTO_INVALID);

    assert_int_equal(worker_exec_run(exec, &good.frame, good.pixels, &result), PROTO_OK);
    assert_int_equal(result.tile_count, count);
    exec_frame_close(&good);
    exec_plan_close(&plan);
    worker_exec_close(exec);
    fixture_close(&f);
}

static void bad_plans_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct exec_plan plan;
    fixture_open(&f, 6);
    struct worker_exec *exec = exec_open("cpu", &f);
    exec_plan_open(&plan, &f.picture, &f.model.model, 4, 0, 0.0f);
    struct proto_plan_tile *tile = &plan.plan_tiles[plan.tiles->count - 1], good = *tile;
    struct proto_plan_tile bad[6];
    for (size_t i = 0; i < 6; i++)
        bad[i] = good;
    bad[0].level = 7;
    bad[1].rows = 0;
    bad[2].cols = 0;
    bad[3].row0 = UINT32_MAX;
    bad[4].cols++;
    bad[5].rows = UINT32_MAX;
    for (size_t i = 0; i < 6; i++) {
        *tile = bad[i];
        assert_int_equal(worker_exec_plan(exec, &plan.plan), PROTO_INVALID);
    }
    *tile = good;
    const uint32_t unknown = plan.tiles->count;
    struct proto_plan other = plan.plan;
    other.mine = &unknown;
    other.mine_count = 1;
    assert_int_equal(worker_exec_plan(exec, &other), PROTO_INVALID);
    other = plan.plan;
    other.frame.w = 0;
    assert_int_equal(worker_exec_plan(exec, &other), PROTO_INVALID);
    other = plan.plan;
    other.tile_count = PROTO_TILES_MAX + 1;
    assert_int_equal(worker_exec_plan(exec, &other), PROTO_LIMIT);
    assert_int_equal(worker_exec_plan(exec, &plan.plan), PROTO_OK);
    exec_plan_close(&plan);
    worker_exec_close(exec);
    fixture_close(&f);
}

static void frames_of_changing_sizes_come_out_as_with_a_fresh_worker(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, 7);
    struct worker_exec *kept = exec_open("cpu", &f);
    struct test_random random = {70};
    for (int round = 0; round < 12; round++) {
        struct exec_picture picture;
        struct exec_plan plan;
        struct exec_frame frame;
        struct proto_result a, b;
        struct proto_size size = {.w = test_random_int(&random, 40, 120),
                                  .h = test_random_int(&random, 40, 120)};
        struct worker_exec *fresh = exec_open("cpu", &f);
        exec_picture_open(&picture, &f.model.model, size, (uint64_t)round);
        exec_plan_open(&plan, &picture, &f.model.model, 5, 0, -0.5f);
        exec_frame_open(&frame, &picture, &plan, plan.ids, plan.tiles->count);
        assert_int_equal(worker_exec_plan(kept, &plan.plan), PROTO_OK);
        assert_int_equal(worker_exec_plan(fresh, &plan.plan), PROTO_OK);
        assert_int_equal(worker_exec_run(kept, &frame.frame, frame.pixels, &a), PROTO_OK);
        assert_int_equal(worker_exec_run(fresh, &frame.frame, frame.pixels, &b), PROTO_OK);
        assert_int_equal(a.survivor_count, b.survivor_count);
        assert_memory_equal(a.survivors, b.survivors, a.survivor_count * sizeof *a.survivors);
        worker_exec_close(fresh);
        exec_frame_close(&frame);
        exec_plan_close(&plan);
        exec_picture_close(&picture);
    }
    worker_exec_close(kept);
    fixture_close(&f);
}

static void device_that_does_not_exist_is_passed_on(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, 8);
    struct worker_exec *exec = (struct worker_exec *)1;
    assert_int_equal(worker_exec_open("tpu", NULL, &f.model.model, &exec), PROTO_NOT_FOUND);
    assert_null(exec);
    worker_exec_close(NULL);
    fixture_close(&f);
}

static void spare_chains_are_bounded_and_recurring_shapes_are_kept(void **state)
{
    (void)state;
    struct fixture f;
    struct gpu_device *device;
    struct gpu_net *net;
    struct worker_chain_cache cache;
    struct gpu_chain *often, *chain;
    fixture_open(&f, 9);
    assert_int_equal(gpu_device_open("ref", NULL, &device), PROTO_OK);
    assert_int_equal(gpu_net_open(device, f.model.nets[0].layers, f.model.nets[0].count, &net),
                     PROTO_OK);
    worker_chain_cache_init(&cache);
    assert_int_equal(worker_chain_cache_get(&cache, net, 30, 30, &often), PROTO_OK);
    for (int32_t i = 0; i < 400; i++) {
        worker_chain_cache_next_plan(&cache);
        assert_int_equal(worker_chain_cache_get(&cache, net, 30, 30, &chain), PROTO_OK);
        assert_ptr_equal(chain, often);
        assert_int_equal(worker_chain_cache_get(&cache, net, 40, 30 + i, &chain), PROTO_OK);
        worker_chain_cache_trim(&cache);
        assert_true(cache.count <= WORKER_CHAINS_SPARE_MAX + 2);
    }
    /* The newest are there still. */
    size_t count = cache.count;
    for (int32_t i = 400 - WORKER_CHAINS_SPARE_MAX; i < 400; i++)
        assert_int_equal(worker_chain_cache_get(&cache, net, 40, 30 + i, &chain), PROTO_OK);
    assert_int_equal(cache.count, count);
    worker_chain_cache_close(&cache);
    gpu_net_close(net);
    gpu_device_close(device);
    fixture_close(&f);
}

static void quiet(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg;
    (void)level;
    (void)area;
    (void)text;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survivors_equal_a_brute_force_pass_over_whole_levels),
        cmocka_unit_test(every_split_and_order_gives_the_bits_of_every_other),
        cmocka_unit_test(result_names_the_frame_and_times_each_tile),
        cmocka_unit_test(tiles_that_were_not_mine_are_made_ready_when_asked_for),
        cmocka_unit_test(bad_frames_are_refused_and_good_ones_go_on),
        cmocka_unit_test(bad_plans_are_refused),
        cmocka_unit_test(frames_of_changing_sizes_come_out_as_with_a_fresh_worker),
        cmocka_unit_test(device_that_does_not_exist_is_passed_on),
        cmocka_unit_test(spare_chains_are_bounded_and_recurring_shapes_are_kept),
    };
    proto_log_set_sink(quiet, NULL); /* refusals are expected */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
