/* One conformance suite for every device and precision: each operator against gpu/ref, the truth.
 *
 *   test_ops DEVICE            run the cases
 *   test_ops DEVICE --bench    time the same operators instead, on one thread
 *
 * Tolerances: a sum of n products of size s in fp32 is off by about n * eps32 * s at most, in any
 * order; a value kept in half or bf16 by eps16 or eps_bf16 of itself at each layer, and at the
 * start. cuda keeps biases as it keeps activations (cuDNN wants it so), but for the last layer's.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gpu/device.h"
#include "gpu/ref/ref.h"
#include "gpu/sampling.h"
#include "gpu/shape.h"
#include "proto/log.h"
#include "proto/status.h"
#include "tests/gpu/nets.h"

/* ThreadSanitizer does not see OpenMP's barriers. */
#ifdef __SANITIZE_THREAD__
enum { THREADS = 1 };
#else
enum { THREADS = 2 };
#endif
enum { SKIPPED = 77 };

static const char *spec;
static struct gpu_device *device;

/* Half of the distance from 1 to the next value. */
static double precision_eps(void)
{
    const double eps[GPU_PRECISIONS] = {
        [GPU_F32] = 1.0 / 16777216, [GPU_F16] = 1.0 / 2048, [GPU_BF16] = 1.0 / 256};
    return eps[device->precision];
}

/* To `bits` bits of mantissa, ties to even, by arithmetic instead of bits: independent of the
 * device's way. */
static float rounded_to(float value, int bits, int lowest_exponent)
{
    int exponent;
    if (value == 0.0f || !isfinite(value))
        return value;
    frexp(value, &exponent);
    exponent = exponent - 1 < lowest_exponent ? lowest_exponent : exponent - 1;
    double step = ldexp(1.0, exponent - bits);
    return (float)(nearbyint(value / step) * step);
}

static float rounded_half(float value)
{
    float result = rounded_to(value, 10, -14);
    return fabsf(result) > 65504.0f ? copysignf(INFINITY, value) : result;
}

/* As the device keeps it. */
static float kept(float value)
{
    if (device->precision == GPU_F16)
        return rounded_half(value);
    return device->precision == GPU_BF16 ? rounded_to(value, 7, -126) : value;
}

static bool keeps_biases(void)
{
    return strncmp(spec, "cuda", 4) == 0;
}

static float *floats(size_t count)
{
    float *values = malloc((count ? count : 1) * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = NAN; /* poison: whatever is not written shows */
    return values;
}

static struct gpu_chain *chain_open(struct gpu_net *net, int h, int w)
{
    struct gpu_chain *chain;
    assert_int_equal(gpu_chain_open(net, h, w, &chain), PROTO_OK);
    return chain;
}

static void input_set(struct gpu_chain *chain, const float *input)
{
    assert_int_equal(device->backend->input_set(chain, input), PROTO_OK);
}

static float *scores_of(struct gpu_chain *chain)
{
    float *scores = floats((size_t)chain->rows * (size_t)chain->cols);
    assert_int_equal(gpu_run(chain), PROTO_OK);
    assert_int_equal(device->backend->scores_get(chain, scores), PROTO_OK);
    return scores;
}

/* ---- nets ---- */

/* The truth for a device that keeps activations in less than fp32: reference operators, inputs,
 * weights and what each layer gives rounded as the device keeps them. `size` sums the
 * magnitudes, for the tolerance. */
struct truth {
    float *scores;
    double size; /* largest output */
};

static void copy_kept(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = kept(values[i]);
}

static struct truth truth_open(const struct test_net *net, const float *input, int32_t h, int32_t w)
{
    struct proto_size size = {.w = w, .h = h};
    size_t pixels = (size_t)h * (size_t)w;
    float *at = floats(pixels * PROTO_CHANNELS);
    for (size_t i = 0; i < pixels * PROTO_CHANNELS; i++)
        at[i % PROTO_CHANNELS * pixels + i / PROTO_CHANNELS] = kept(input[i]);
    for (int i = 0; i < net->count; i++) {
        struct proto_layer layer = net->layers[i];
        struct proto_size to = gpu_shape_layer(&layer, size);
        size_t count = (size_t)layer.cout * (size_t)to.h * (size_t)to.w;
        size_t weights = gpu_shape_weights(&layer), biases = (size_t)layer.cout;
        float *out = floats(count), *values = floats(weights + biases);
        if (layer.kind == PROTO_LAYER_CONV) {
            memcpy(values, layer.weights, weights * sizeof *values);
            memcpy(values + weights, layer.bias, biases * sizeof *values);
            copy_kept(values, weights + (keeps_biases() && i + 1 < net->count ? biases : 0));
            layer.weights = values;
            layer.bias = values + weights;
            gpu_ref_conv(&layer, at, size, out);
        } else {
            gpu_ref_pool(&layer, at, size, out);
        }
        if (i + 1 < net->count)
            copy_kept(out, count);
        free(values);
        free(at);
        at = out;
        size = to;
    }
    size_t cells = (size_t)size.h * (size_t)size.w;
    int outputs = net->layers[net->count - 1].cout;
    struct truth truth = {.scores = floats(cells)};
    gpu_ref_score(at, outputs, cells, truth.scores);
    for (size_t i = 0; i < cells * (size_t)outputs; i++)
        truth.size = fmax(truth.size, fabs((double)at[i]));
    free(at);
    return truth;
}

/* Products in the longest sum. */
static double longest_sum(const struct test_net *net)
{
    double longest = 1;
    for (int i = 0; i < net->count; i++) {
        const struct proto_layer *l = &net->layers[i];
        if (l->kind == PROTO_LAYER_CONV)
            longest = fmax(longest, (double)gpu_shape_weights(l) / l->cout);
    }
    return longest;
}

/* Convolutions whose outputs are kept in the device's precision: all but the last. */
static int layers_kept(const struct test_net *net)
{
    int convs = 0;
    for (int i = 0; i + 1 < net->count; i++)
        convs += net->layers[i].kind == PROTO_LAYER_CONV;
    return convs;
}

static void assert_net_near_truth(const struct test_layer *list, int32_t h, int32_t w,
                                  uint64_t seed)
{
    struct test_net data;
    struct gpu_net *net;
    test_net_open(&data, list, seed);
    assert_int_equal(gpu_net_open(device, data.layers, data.count, &net), PROTO_OK);
    struct gpu_chain *chain = chain_open(net, h, w);
    float *input = floats((size_t)h * (size_t)w * PROTO_CHANNELS);
    struct test_random random = {seed + 1000};
    for (size_t i = 0; i < (size_t)h * (size_t)w * PROTO_CHANNELS; i++)
        input[i] = test_random_float(&random, -1.0f, 1.0f);
    struct truth truth = truth_open(&data, input, h, w);
    input_set(chain, input);
    float *scores = scores_of(chain);
    /* fp32 sums in another order flip a rounding now and then; what sums up the flipped value is rounded
     * from another value itself, and after a few layers all roundings are others: one eps a layer. */
    double eps32 = 1.0 / 16777216;
    double roundings =
        device->precision == GPU_F32 ? 0 : (1 + layers_kept(&data)) * precision_eps();
    double tolerance = truth.size * (longest_sum(&data) * eps32 + roundings) + 1e-6;
    for (size_t i = 0; i < (size_t)chain->rows * (size_t)chain->cols; i++)
        if (!(fabs((double)scores[i] - (double)truth.scores[i]) <= tolerance))
            fail_msg("%s: %dx%d, seed %d: cell %zu is %.9g, not %.9g (tolerance %g)", spec, h, w,
                     (int)seed, i, (double)scores[i], (double)truth.scores[i], tolerance);
    free(truth.scores);
    free(scores);
    free(input);
    gpu_chain_close(chain);
    gpu_net_close(net);
    test_net_close(&data);
}

static void single_convolutions_match_the_reference(void **state)
{
    (void)state;
    const int32_t kernels[][2] = {{1, 1}, {5, 5}, {3, 3}, {2, 2}, {11, 1}, {1, 7}, {4, 3}};
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
        for (int32_t outputs = 1; outputs <= 2; outputs++)
            for (int32_t stride = 1; stride <= 2; stride++) {
                const struct test_layer list[] = {
                    {'c', kernels[i][0], kernels[i][1], stride, outputs}, {0}};
                assert_net_near_truth(list, kernels[i][0], kernels[i][1], i);
                assert_net_near_truth(list, kernels[i][0] + 13, kernels[i][1] + 18, i);
            }
}

static void odd_channels_and_kernels_match_the_reference(void **state)
{
    (void)state;
    struct test_random random = {3};
    for (uint64_t round = 0; round < 30; round++) {
        struct test_layer list[5] = {{0}};
        int32_t convs = test_random_int(&random, 1, 4);
        for (int32_t i = 0; i < convs; i++)
            list[i] = (struct test_layer){
                'c', test_random_int(&random, 1, 4), test_random_int(&random, 1, 4),
                test_random_int(&random, 1, 2), test_random_int(&random, 1, 37)};
        list[convs - 1].cout = test_random_int(&random, 1, 2);
        assert_net_near_truth(list, test_random_int(&random, 40, 60),
                              test_random_int(&random, 40, 60), round);
    }
}

static void nets_with_pools_anywhere_match_the_reference(void **state)
{
    (void)state;
    const struct test_layer first[] = {
        {'p', 2, 2, 2, 0}, {'c', 3, 3, 1, 20}, {'c', 1, 1, 1, 2}, {0}};
    const struct test_layer twice[] = {
        {'c', 3, 3, 1, 24}, {'p', 3, 3, 2, 0}, {'p', 2, 1, 1, 0}, {'c', 2, 2, 1, 1}, {0}};
    const struct test_layer usual[] = {{'c', 5, 5, 1, 32},
                                       {'p', 2, 2, 2, 0},
                                       {'c', 3, 3, 1, 17},
                                       {'p', 2, 2, 2, 0},
                                       {'c', 4, 1, 1, 40},
                                       {'c', 1, 1, 1, 2},
                                       {0}};
    for (int32_t extra = 0; extra < 4; extra++) {
        assert_net_near_truth(first, 21 + extra, 34 + extra, 1);
        assert_net_near_truth(twice, 24 + extra, 29 - extra, 2);
        assert_net_near_truth(usual, 46 + extra, 37 + 2 * extra, 3);
    }
}

/* A device may take the first layer and its pool together: kernels of all shapes, and maps that end anywhere. */
static void first_layers_with_a_pool_match_the_reference(void **state)
{
    (void)state;
    const int32_t kernels[][2] = {{5, 5}, {1, 1}, {3, 3}, {7, 4}, {4, 7}, {1, 7}, {2, 5}, {7, 5}};
    struct test_random random = {9};
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
        for (uint64_t round = 0; round < 4; round++) {
            const struct test_layer list[] = {{'c', kernels[i][0], kernels[i][1], 1, 32},
                                              {'p', 2, 2, 2, 0},
                                              {'c', 1, 1, 1, (int32_t)round % 2 + 1},
                                              {0}};
            assert_net_near_truth(list, kernels[i][0] + test_random_int(&random, 1, 40),
                                  kernels[i][1] + test_random_int(&random, 1, 90), round);
        }
    const struct test_layer large[] = {
        {'c', 3, 3, 1, 32}, {'p', 2, 2, 2, 0}, {'c', 1, 1, 1, 1}, {0}};
    assert_net_near_truth(large, 701, 420, 1);
}

static void default_topology_matches_the_reference(void **state)
{
    (void)state;
    assert_net_near_truth(test_net_default, 128 + 8, 48 + 16, 4);
}

static void input_where_no_window_fits_is_refused(void **state)
{
    (void)state;
    struct test_net data;
    struct gpu_net *net;
    struct gpu_chain *chain;
    test_net_open(&data, test_net_default, 1);
    assert_int_equal(gpu_net_open(device, data.layers, data.count, &net), PROTO_OK);
    assert_int_equal(gpu_chain_open(net, 127, 48, &chain), PROTO_INVALID);
    assert_int_equal(gpu_chain_open(net, 128, 47, &chain), PROTO_INVALID);
    assert_int_equal(gpu_chain_open(net, 0, 48, &chain), PROTO_INVALID);
    assert_int_equal(gpu_chain_open(net, 128, INT32_MAX, &chain), PROTO_INVALID);
    gpu_net_close(net);
    test_net_close(&data);
}

static void infinities_and_nans_do_not_spread_to_cells_that_do_not_see_them(void **state)
{
    (void)state;
    const struct test_layer list[] = {{'c', 3, 3, 1, 16}, {'c', 3, 3, 1, 1}, {0}};
    struct test_net data;
    struct gpu_net *net;
    test_net_open(&data, list, 8);
    assert_int_equal(gpu_net_open(device, data.layers, data.count, &net), PROTO_OK);
    struct gpu_chain *chain = chain_open(net, 30, 40);
    float *input = floats(30 * 40 * PROTO_CHANNELS);
    for (size_t i = 0; i < 30 * 40 * PROTO_CHANNELS; i++)
        input[i] = i == (15 * 40 + 20) * PROTO_CHANNELS ? INFINITY : 0.5f;
    input_set(chain, input);
    float *scores = scores_of(chain);
    for (int r = 0; r < chain->rows; r++)
        for (int c = 0; c < chain->cols; c++)
            if (r < 11 || r > 15 || c < 16 || c > 20)
                assert_true(isfinite(scores[r * chain->cols + c]));
    free(scores);
    free(input);
    gpu_chain_close(chain);
    gpu_net_close(net);
    test_net_close(&data);
}

/* ---- sampling ---- */

/* A net whose scores are its input's red channel: what an operator test can see through. */
static struct gpu_net *red_net_open(void)
{
    static const float weights[PROTO_CHANNELS] = {1, 0, 0}, bias[1] = {0};
    const struct proto_layer layer = {.kind = PROTO_LAYER_CONV,
                                      .cin = PROTO_CHANNELS,
                                      .cout = 1,
                                      .kh = 1,
                                      .kw = 1,
                                      .sh = 1,
                                      .sw = 1,
                                      .weights = weights,
                                      .bias = bias,
                                      .name = "red"};
    struct gpu_net *net;
    assert_int_equal(gpu_net_open(device, &layer, 1, &net), PROTO_OK);
    return net;
}

static struct proto_sampling random_sampling(struct test_random *random)
{
    struct proto_sampling s = {
        .step = (int64_t)(test_random_float(random, 0.4f, 2.2f) * 4294967296.0),
        .border_x = test_random_int(random, 0, 8),
        .border_y = test_random_int(random, 0, 16),
        .base_w = test_random_int(random, 1, 90),
        .base_h = test_random_int(random, 1, 70),
        .x0 = test_random_int(random, 0, 40),
        .y0 = test_random_int(random, 0, 90),
        .w = test_random_int(random, 1, 60),
        .h = test_random_int(random, 1, 40),
        .band_offset = (uint64_t)test_random_int(random, 0, 100),
        .scale = 1.0f / 256.0f,
    };
    s.base_padded_h = s.base_h + test_random_int(random, 0, 70);
    if (test_random_int(random, 0, 1)) {
        s.scale = test_random_float(random, 0.001f, 0.1f);
        s.offset = test_random_float(random, -2.0f, 2.0f);
    }
    /* Just the rows that are needed, and sometimes more. */
    struct gpu_sampling_at first = gpu_sampling_row(&s, 0), last = gpu_sampling_row(&s, s.h - 1);
    s.band_y0 = first.i < s.base_h ? first.i : s.base_h;
    s.band_y1 = last.next + 1 < s.base_h ? last.next + 1 : s.base_h;
    if (s.band_y1 < s.band_y0)
        s.band_y1 = s.band_y0;
    if (test_random_int(random, 0, 2) == 0)
        s.band_y0 = 0;
    return s;
}

static void sampling_gives_the_bits_of_the_reference(void **state)
{
    (void)state;
    struct test_random random = {12};
    struct gpu_net *net = red_net_open();
    for (int round = 0; round < 300; round++) {
        struct proto_sampling s = random_sampling(&random);
        size_t bytes = (size_t)s.band_offset +
                       (size_t)(s.band_y1 - s.band_y0) * (size_t)s.base_w * PROTO_CHANNELS;
        uint8_t *frame = malloc(bytes + 1);
        assert_non_null(frame);
        for (size_t i = 0; i < bytes; i++)
            frame[i] = (uint8_t)test_random_bits(&random);
        struct gpu_chain *chain = chain_open(net, s.h, s.w);
        size_t pixels = (size_t)s.h * (size_t)s.w;
        float *got = floats(pixels * PROTO_CHANNELS), *truth = floats(pixels * PROTO_CHANNELS);
        gpu_ref_sample(&s, frame, truth);
        assert_int_equal(gpu_frame_begin(device, frame, bytes), PROTO_OK);
        assert_int_equal(gpu_sample(chain, &s), PROTO_OK);
        assert_int_equal(gpu_frame_end(device), PROTO_OK);
        assert_int_equal(device->backend->input_get(chain, got), PROTO_OK);
        for (size_t i = 0; i < pixels * PROTO_CHANNELS; i++) {
            float want = kept(truth[i % PROTO_CHANNELS * pixels + i / PROTO_CHANNELS]);
            if (memcmp(&got[i], &want, sizeof want) != 0)
                fail_msg("%s, round %d: value %zu is %.9g, not %.9g", spec, round, i,
                         (double)got[i], (double)want);
        }
        gpu_chain_close(chain);
        free(got);
        free(truth);
        free(frame);
    }
    gpu_net_close(net);
}

static struct proto_sampling plain_sampling(void)
{
    return (struct proto_sampling){.step = INT64_C(1) << 32,
                                   .base_w = 32,
                                   .base_h = 20,
                                   .base_padded_h = 40,
                                   .y0 = 4,
                                   .w = 32,
                                   .h = 8,
                                   .band_y0 = 4,
                                   .band_y1 = 12,
                                   .scale = 1.0f};
}

static void sampling_with_pixels_missing_is_refused(void **state)
{
    (void)state;
    static uint8_t frame[20 * 32 * PROTO_CHANNELS];
    struct gpu_net *net = red_net_open();
    struct gpu_chain *chain = chain_open(net, 8, 32);
    struct proto_sampling good = plain_sampling(), bad;
    assert_int_equal(gpu_frame_begin(device, frame, 8 * 32 * PROTO_CHANNELS), PROTO_OK);
    assert_int_equal(gpu_sample(chain, &good), PROTO_OK);
    bad = good;
    bad.band_y0++;
    assert_int_equal(gpu_sample(chain, &bad), PROTO_INVALID);
    bad = good;
    bad.band_y1--;
    assert_int_equal(gpu_sample(chain, &bad), PROTO_INVALID);
    bad = good;
    bad.band_offset = 1;
    assert_int_equal(gpu_sample(chain, &bad), PROTO_INVALID);
    bad.band_offset = UINT64_MAX;
    assert_int_equal(gpu_sample(chain, &bad), PROTO_INVALID);
    bad = good;
    bad.band_y1 = good.base_h + 1;
    assert_int_equal(gpu_sample(chain, &bad), PROTO_INVALID);
    bad = good;
    bad.base_w = 0;
    assert_int_equal(gpu_sample(chain, &bad), PROTO_INVALID);
    assert_int_equal(gpu_frame_end(device), PROTO_OK);
    gpu_chain_close(chain);
    gpu_net_close(net);
}

static void rows_of_the_padding_are_zero_without_a_band(void **state)
{
    (void)state;
    static const uint8_t frame[1];
    struct gpu_net *net = red_net_open();
    struct gpu_chain *chain = chain_open(net, 8, 32);
    struct proto_sampling s = plain_sampling();
    s.y0 = 20;
    s.band_y0 = s.band_y1 = 0;
    s.offset = 0.25f;
    float *input = floats(8 * 32 * PROTO_CHANNELS);
    assert_int_equal(gpu_frame_begin(device, frame, 0), PROTO_OK);
    assert_int_equal(gpu_sample(chain, &s), PROTO_OK);
    assert_int_equal(gpu_frame_end(device), PROTO_OK);
    assert_int_equal(device->backend->input_get(chain, input), PROTO_OK);
    for (size_t i = 0; i < 8 * 32 * PROTO_CHANNELS; i++)
        assert_true(input[i] == 0.25f);
    free(input);
    gpu_chain_close(chain);
    gpu_net_close(net);
}

/* ---- local NMS ---- */

/* Small whole numbers: exact in every precision, and full of ties. */
static float *random_scores(struct test_random *random, size_t cells)
{
    float *scores = floats(cells);
    int32_t range = test_random_int(random, 1, 100);
    for (size_t i = 0; i < cells; i++)
        scores[i] = (float)test_random_int(random, -range, range);
    return scores;
}

static void scores_set(struct gpu_chain *chain, const float *scores)
{
    size_t cells = (size_t)chain->rows * (size_t)chain->cols;
    float *input = floats(cells * PROTO_CHANNELS);
    for (size_t i = 0; i < cells * PROTO_CHANNELS; i++)
        input[i] = i % PROTO_CHANNELS == 0 ? scores[i / PROTO_CHANNELS] : 0.0f;
    input_set(chain, input);
    assert_int_equal(gpu_run(chain), PROTO_OK);
    free(input);
}

static struct proto_tile_area random_area(struct test_random *random)
{
    struct proto_tile_area area = {.tile = test_random_bits(random),
                                   .row0 = test_random_int(random, 0, 5),
                                   .col0 = test_random_int(random, 0, 3),
                                   .rows = test_random_int(random, 1, 25),
                                   .cols = test_random_int(random, 1, 40)};
    area.level_rows = area.row0 + area.rows + test_random_int(random, 0, 2);
    area.level_cols = area.col0 + area.cols + test_random_int(random, 0, 2);
    return area;
}

static void assert_survivors_equal(const struct proto_survivor *a, const struct proto_survivor *b,
                                   uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(a[i].tile, b[i].tile);
        assert_int_equal(a[i].row, b[i].row);
        assert_int_equal(a[i].col, b[i].col);
        assert_int_equal(a[i].flags, b[i].flags);
        assert_true(a[i].score == b[i].score);
    }
}

static void local_nms_gives_the_survivors_of_the_reference(void **state)
{
    (void)state;
    struct test_random random = {21};
    struct gpu_net *net = red_net_open();
    for (int round = 0; round < 200; round++) {
        struct proto_tile_area area = random_area(&random);
        struct gpu_chain *chain = chain_open(net, area.rows, area.cols);
        size_t cells = (size_t)area.rows * (size_t)area.cols;
        float *scores = random_scores(&random, cells);
        float threshold = (float)test_random_int(&random, -101, 101);
        struct proto_survivor *got = calloc(cells, sizeof *got);
        struct proto_survivor *truth = calloc(cells, sizeof *truth);
        assert_true(got && truth);
        uint32_t count = UINT32_MAX, cap = (uint32_t)cells;
        uint32_t truth_count = gpu_ref_local_nms(scores, &area, threshold, truth, cap);
        assert_int_equal(gpu_frame_begin(device, NULL, 0), PROTO_OK);
        scores_set(chain, scores);
        assert_int_equal(gpu_local_nms(chain, &area, threshold, got, cap, &count), PROTO_OK);
        assert_int_equal(gpu_frame_end(device), PROTO_OK);
        assert_int_equal(count, truth_count);
        assert_survivors_equal(got, truth, count);
        gpu_chain_close(chain);
        free(scores);
        free(got);
        free(truth);
    }
    gpu_net_close(net);
}

/* The rule itself, on a map small enough to work out by hand. */
static void local_nms_keeps_peaks_ties_and_edges_as_the_rule_says(void **state)
{
    (void)state;
    enum { ROWS = 12, COLS = 6 };
    float scores[ROWS * COLS] = {0};
    struct proto_survivor got[8];
    uint32_t count = 0;
    scores[0 * COLS + 0] = 5; /* peak */
    scores[3 * COLS + 1] = 5; /* tie with the one above within reach: loses */
    scores[4 * COLS + 4] = 7; /* peak */
    scores[8 * COLS + 4] = 6; /* 4 rows below: out of reach, peak */
    scores[9 * COLS + 5] = 4; /* loses, but the lower edge is cut: kept as edge */
    const struct proto_tile_area area = {.tile = 3,
                                         .row0 = 0,
                                         .col0 = 10,
                                         .rows = ROWS,
                                         .cols = COLS,
                                         .level_rows = 13,
                                         .level_cols = 16};
    struct gpu_net *net = red_net_open();
    struct gpu_chain *chain = chain_open(net, ROWS, COLS);
    assert_int_equal(gpu_frame_begin(device, NULL, 0), PROTO_OK);
    scores_set(chain, scores);
    assert_int_equal(gpu_local_nms(chain, &area, 0.5f, got, 8, &count), PROTO_OK);
    assert_int_equal(gpu_frame_end(device), PROTO_OK);
    const struct proto_survivor want[] = {
        /* column 10 is next to a cut: every candidate there is an edge cell too */
        {3, 0, 10, 5, PROTO_SURVIVOR_PEAK | PROTO_SURVIVOR_EDGE},
        {3, 4, 14, 7, PROTO_SURVIVOR_PEAK},
        {3, 8, 14, 6, PROTO_SURVIVOR_PEAK},
        {3, 9, 15, 4, PROTO_SURVIVOR_EDGE},
    };
    assert_int_equal(count, 4);
    assert_survivors_equal(got, want, 4);
    gpu_chain_close(chain);
    gpu_net_close(net);
}

static void local_nms_counts_what_does_not_fit_and_writes_only_what_does(void **state)
{
    (void)state;
    enum { ROWS = 16, COLS = 16, CAP = 3 };
    float scores[ROWS * COLS];
    struct proto_survivor got[CAP + 1];
    memset(got, 0xa5, sizeof got);
    struct proto_survivor poison = got[CAP];
    uint32_t count = 0;
    for (int i = 0; i < ROWS * COLS; i++)
        scores[i] = i / COLS % 4 == 0 && i % 2 == 0 ? 2.0f : 1.0f;
    const struct proto_tile_area area = {
        .rows = ROWS, .cols = COLS, .level_rows = ROWS, .level_cols = COLS};
    struct gpu_net *net = red_net_open();
    struct gpu_chain *chain = chain_open(net, ROWS, COLS);
    assert_int_equal(gpu_frame_begin(device, NULL, 0), PROTO_OK);
    scores_set(chain, scores);
    assert_int_equal(gpu_local_nms(chain, &area, 0.0f, got, CAP, &count), PROTO_OK);
    assert_int_equal(gpu_frame_end(device), PROTO_OK);
    assert_int_equal(count, ROWS / 4 * COLS / 2);
    assert_memory_equal(&got[CAP], &poison, sizeof poison);
    gpu_chain_close(chain);
    gpu_net_close(net);
}

/* ---- times ---- */

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Best of five, after one run to warm up. */
static double best_s(int (*call)(void *arg), void *arg)
{
    double best = INFINITY;
    call(arg);
    for (int i = 0; i < 5; i++) {
        double start = now_s();
        call(arg);
        best = fmin(best, now_s() - start);
    }
    return best;
}

struct bench {
    struct gpu_chain *chain;
    struct proto_sampling sampling;
    struct proto_tile_area area;
};

static int bench_sample(void *arg)
{
    const struct bench *b = arg;
    return gpu_sample(b->chain, &b->sampling);
}

static int bench_run(void *arg)
{
    return gpu_run(((const struct bench *)arg)->chain);
}

static int bench_local_nms(void *arg)
{
    const struct bench *b = arg;
    struct proto_survivor out[64];
    uint32_t count;
    return gpu_local_nms(b->chain, &b->area, 1e9f, out, 64, &count);
}

static double net_gflop(const struct test_net *net, struct proto_size size)
{
    double sum = 0;
    for (int i = 0; i < net->count; i++) {
        size = gpu_shape_layer(&net->layers[i], size);
        sum += 2e-9 * (double)gpu_shape_weights(&net->layers[i]) * size.h * size.w;
    }
    return sum;
}

static void bench_shape(struct gpu_net *net, const struct test_net *data, int h, int w)
{
    struct bench b = {.chain = chain_open(net, h, w)};
    b.sampling = (struct proto_sampling){.step = INT64_C(3) << 30,
                                         .base_w = 640,
                                         .base_h = 480,
                                         .base_padded_h = 960,
                                         .w = w,
                                         .h = h,
                                         .band_y1 = 480,
                                         .scale = 1.0f / 256.0f};
    b.area = (struct proto_tile_area){.rows = b.chain->rows,
                                      .cols = b.chain->cols,
                                      .level_rows = b.chain->rows,
                                      .level_cols = b.chain->cols};
    double run = best_s(bench_run, &b);
    printf("%4d x %4d  sample %7.3f ms  run %8.2f ms (%6.1f GFLOP/s)  local NMS %6.4f ms\n", h, w,
           1e3 * best_s(bench_sample, &b), 1e3 * run,
           net_gflop(data, (struct proto_size){.w = w, .h = h}) / run,
           1e3 * best_s(bench_local_nms, &b));
    gpu_chain_close(b.chain);
}

static void bench(void)
{
    static uint8_t frame[640 * 480 * PROTO_CHANNELS];
    struct test_random random = {2};
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)test_random_bits(&random);
    struct test_net data;
    struct gpu_net *net;
    test_net_open(&data, test_net_default, 1);
    assert_int_equal(gpu_net_open(device, data.layers, data.count, &net), PROTO_OK);
    assert_int_equal(gpu_frame_begin(device, frame, sizeof frame), PROTO_OK);
    printf("%s: %s\n", device->name, gpu_device_kernels(device));
    const int shapes[][2] = {{128, 48}, {200, 120}, {360, 440}, {712, 865}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        bench_shape(net, &data, shapes[i][0], shapes[i][1]);
    gpu_frame_end(device);
    gpu_net_close(net);
    test_net_close(&data);
}

static void quiet(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg;
    (void)level;
    (void)area;
    (void)text;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_convolutions_match_the_reference),
        cmocka_unit_test(odd_channels_and_kernels_match_the_reference),
        cmocka_unit_test(nets_with_pools_anywhere_match_the_reference),
        cmocka_unit_test(first_layers_with_a_pool_match_the_reference),
        cmocka_unit_test(default_topology_matches_the_reference),
        cmocka_unit_test(input_where_no_window_fits_is_refused),
        cmocka_unit_test(infinities_and_nans_do_not_spread_to_cells_that_do_not_see_them),
        cmocka_unit_test(sampling_gives_the_bits_of_the_reference),
        cmocka_unit_test(sampling_with_pixels_missing_is_refused),
        cmocka_unit_test(rows_of_the_padding_are_zero_without_a_band),
        cmocka_unit_test(local_nms_gives_the_survivors_of_the_reference),
        cmocka_unit_test(local_nms_keeps_peaks_ties_and_edges_as_the_rule_says),
        cmocka_unit_test(local_nms_counts_what_does_not_fit_and_writes_only_what_does),
    };
    spec = argc > 1 ? argv[1] : "cpu,f32";
    bool timing = argc > 2 && strcmp(argv[2], "--bench") == 0;
    const struct gpu_settings settings = {.threads = timing ? 1 : THREADS};
    int status = gpu_device_open(spec, &settings, &device);
    if (status == PROTO_NOT_FOUND && strncmp(spec, "cuda", 4) == 0)
        printf("no GPU: %zu tests not run\n", sizeof tests / sizeof tests[0]);
    if (status == PROTO_UNSUPPORTED || status == PROTO_NOT_FOUND)
        return SKIPPED;
    if (status != PROTO_OK)
        return 1;
    int failed = 0;
    if (timing) {
        bench();
    } else {
        proto_log_set_sink(quiet, NULL); /* refusals are expected */
        failed = cmocka_run_group_tests_name(spec, tests, NULL, NULL);
    }
    gpu_device_close(device);
    return failed;
}
