/* Law 1 on a device: a cell's score is the same bits in a whole level, a row strip, a 2D tile or a
 * single window, and for any number of threads. On the default topology with random weights, for
 * each tile shape of the default tile set at 640 x 480, and some that nobody would choose.
 *
 *   test_exact DEVICE [small]      small: a net of the same geometry with few channels
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gpu/device.h"
#include "proto/status.h"
#include "tests/gpu/nets.h"

enum { WINDOW_H = 128, WINDOW_W = 48, STRIDE = 8, LEVELS = 26, TILE_ROWS = 74, SKIPPED = 77 };

static const char *spec;
static const struct test_layer *topology = test_net_default;
static struct test_net net_data;
static struct gpu_device *device;
static struct gpu_net *net;

struct map {
    int32_t h, w;       /* pixels */
    int32_t rows, cols; /* cells */
    float *input, *scores;
};

static struct gpu_device *device_with_threads(int threads)
{
    struct gpu_device *opened;
    const struct gpu_settings settings = {.threads = threads};
    int status = gpu_device_open(spec, &settings, &opened);
    assert_int_equal(status, PROTO_OK);
    return opened;
}

static void compute(struct gpu_net *with, int32_t h, int32_t w, const float *input, float *scores,
                    size_t cells)
{
    struct gpu_chain *chain;
    assert_int_equal(gpu_chain_open(with, h, w, &chain), PROTO_OK);
    assert_int_equal((size_t)chain->rows * (size_t)chain->cols, cells);
    for (size_t i = 0; i < cells; i++)
        scores[i] = NAN;
    assert_int_equal(with->device->backend->input_set(chain, input), PROTO_OK);
    assert_int_equal(gpu_run(chain), PROTO_OK);
    assert_int_equal(with->device->backend->scores_get(chain, scores), PROTO_OK);
    gpu_chain_close(chain);
}

static struct map map_open(int32_t h, int32_t w, uint64_t seed)
{
    struct map map = {
        .h = h, .w = w, .rows = (h - WINDOW_H) / STRIDE + 1, .cols = (w - WINDOW_W) / STRIDE + 1};
    size_t values = (size_t)h * (size_t)w * PROTO_CHANNELS;
    size_t cells = (size_t)map.rows * (size_t)map.cols;
    map.input = malloc(values * sizeof(float));
    map.scores = malloc(cells * sizeof(float));
    assert_true(map.input && map.scores);
    struct test_random random = {seed};
    for (size_t i = 0; i < values; i++)
        map.input[i] = test_random_float(&random, 0.0f, 1.0f);
    compute(net, h, w, map.input, map.scores, cells);
    return map;
}

static void map_close(struct map *map)
{
    free(map->input);
    free(map->scores);
}

/* Cut a tile out of the level, compute it alone, and compare bits. */
static void assert_tile_equal(struct gpu_net *with, const struct map *map, struct proto_rect cells)
{
    int32_t h = (cells.h - 1) * STRIDE + WINDOW_H, w = (cells.w - 1) * STRIDE + WINDOW_W;
    size_t count = (size_t)cells.h * (size_t)cells.w, row = (size_t)w * PROTO_CHANNELS;
    float *input = malloc((size_t)h * row * sizeof(float)), *scores = malloc(count * sizeof(float));
    assert_true(input && scores);
    for (int32_t y = 0; y < h; y++) {
        size_t from = (size_t)(cells.y * STRIDE + y) * (size_t)map->w + (size_t)(cells.x * STRIDE);
        memcpy(input + (size_t)y * row, map->input + from * PROTO_CHANNELS, row * sizeof(float));
    }
    compute(with, h, w, input, scores, count);
    for (int32_t r = 0; r < cells.h; r++) {
        const float *whole = map->scores + (size_t)(cells.y + r) * (size_t)map->cols + cells.x;
        const float *tile = scores + (size_t)r * (size_t)cells.w;
        if (memcmp(whole, tile, (size_t)cells.w * sizeof(float)) != 0)
            fail_msg("%s: tile of %d x %d cells at row %d, column %d of %d x %d: row %d differs",
                     spec, cells.h, cells.w, cells.y, cells.x, map->rows, map->cols, r);
    }
    free(input);
    free(scores);
}

static void level_size(int level, int32_t *h, int32_t *w)
{
    double f = 100.0 / 75.0 * exp2(-level / 7.0);
    *h = (int32_t)floor(960 * f + 0.5) + 28;
    *w = (int32_t)floor(640 * f + 0.5) + 12;
}

static void default_tile_set_gives_the_bits_of_whole_levels(void **state)
{
    (void)state;
    for (int level = 0; level < LEVELS; level++) {
        int32_t h, w;
        level_size(level, &h, &w);
        struct map map = map_open(h, w, (uint64_t)level);
        int32_t strips = (map.rows - 1) / TILE_ROWS + 1;
        for (int32_t i = 0; i < strips; i++) {
            int32_t y = map.rows * i / strips;
            struct proto_rect cells = {.y = y, .h = map.rows * (i + 1) / strips - y, .w = map.cols};
            assert_tile_equal(net, &map, cells);
        }
        map_close(&map);
    }
}

static struct proto_rect random_cells(struct test_random *random, const struct map *map,
                                      int32_t most_rows, int32_t most_cols)
{
    int32_t h = test_random_int(random, 1, most_rows < map->rows ? most_rows : map->rows);
    int32_t w = test_random_int(random, 1, most_cols < map->cols ? most_cols : map->cols);
    return (struct proto_rect){.x = test_random_int(random, 0, map->cols - w),
                               .y = test_random_int(random, 0, map->rows - h),
                               .w = w,
                               .h = h};
}

static void odd_tiles_and_single_windows_give_the_bits_of_the_whole_level(void **state)
{
    (void)state;
    /* 7 pixels more than the cells need: those at the end are in no window. */
    struct map map = map_open(WINDOW_H + 31 * STRIDE + 7, WINDOW_W + 66 * STRIDE + 5, 99);
    struct test_random random = {7};
    for (int i = 0; i < 12; i++)
        assert_tile_equal(net, &map, random_cells(&random, &map, 1, 1));
    for (int i = 0; i < 8; i++)
        assert_tile_equal(net, &map, random_cells(&random, &map, 1, map.cols));
    for (int i = 0; i < 8; i++)
        assert_tile_equal(net, &map, random_cells(&random, &map, map.rows, 1));
    for (int i = 0; i < 12; i++)
        assert_tile_equal(net, &map, random_cells(&random, &map, 9, 9));
    for (int i = 0; i < 6; i++)
        assert_tile_equal(net, &map, random_cells(&random, &map, map.rows, map.cols));
    map_close(&map);
}

static void number_of_threads_does_not_change_a_bit(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it does not see OpenMP's barriers */
#endif
    struct map map = map_open(WINDOW_H + 20 * STRIDE, WINDOW_W + 33 * STRIDE, 5);
    const int threads[] = {2, 3, 5};
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        struct test_random random = {i};
        struct gpu_device *other = device_with_threads(threads[i]);
        struct gpu_net *other_net;
        assert_int_equal(gpu_net_open(other, net_data.layers, net_data.count, &other_net),
                         PROTO_OK);
        assert_tile_equal(other_net, &map, (struct proto_rect){.w = map.cols, .h = map.rows});
        assert_tile_equal(other_net, &map, random_cells(&random, &map, map.rows, map.cols));
        assert_tile_equal(other_net, &map, random_cells(&random, &map, 1, 1));
        gpu_net_close(other_net);
        gpu_device_close(other);
    }
    map_close(&map);
}

/* The order in which sizes are met must not matter either: the kernels are pinned by the net
 * alone. */
static void kernels_do_not_depend_on_what_was_computed_before(void **state)
{
    (void)state;
    char before[1024];
    snprintf(before, sizeof before, "%s", gpu_device_kernels(device));
    struct gpu_device *fresh = device_with_threads(1);
    struct gpu_net *fresh_net;
    assert_int_equal(gpu_net_open(fresh, net_data.layers, net_data.count, &fresh_net), PROTO_OK);
    assert_string_equal(gpu_device_kernels(fresh), before);
    struct map map = map_open(WINDOW_H + 3 * STRIDE, WINDOW_W + 40 * STRIDE, 11);
    assert_tile_equal(fresh_net, &map, (struct proto_rect){.w = 1, .h = 1});
    assert_tile_equal(fresh_net, &map, (struct proto_rect){.w = map.cols, .h = map.rows});
    assert_string_equal(gpu_device_kernels(fresh), before);
    map_close(&map);
    gpu_net_close(fresh_net);
    gpu_device_close(fresh);
}

static int open_net(void **state)
{
    (void)state;
    test_net_open(&net_data, topology, 1);
    return gpu_net_open(device, net_data.layers, net_data.count, &net);
}

static int close_net(void **state)
{
    (void)state;
    gpu_net_close(net);
    test_net_close(&net_data);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_tile_set_gives_the_bits_of_whole_levels),
        cmocka_unit_test(odd_tiles_and_single_windows_give_the_bits_of_the_whole_level),
        cmocka_unit_test(number_of_threads_does_not_change_a_bit),
        cmocka_unit_test(kernels_do_not_depend_on_what_was_computed_before),
    };
    spec = argc > 1 ? argv[1] : "cpu,f32";
    if (argc > 2 && strcmp(argv[2], "small") == 0)
        topology = test_net_small;
    const struct gpu_settings settings = {.threads = 1};
    int status = gpu_device_open(spec, &settings, &device);
    if (status == PROTO_NOT_FOUND && strncmp(spec, "cuda", 4) == 0)
        printf("no GPU: %zu tests not run\n", sizeof tests / sizeof tests[0]);
    if (status == PROTO_UNSUPPORTED || status == PROTO_NOT_FOUND)
        return SKIPPED;
    if (status != PROTO_OK)
        return 1;
    int failed = cmocka_run_group_tests_name(spec, tests, open_net, close_net);
    gpu_device_close(device);
    return failed;
}
