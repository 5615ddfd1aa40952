#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "coordinator/bands.h"
#include "proto/status.h"
#include "tests/coordinator/support.h"

/* Only what bands.c reads: base sizes and which base each level samples. */
static struct partition_pyramid pyramid_of(int32_t w, int32_t h, const int *level_bases, int levels)
{
    struct partition_pyramid pyramid = {.frame = {w, h}, .padded_h = 2 * h};
    int32_t padded_h = 2 * h;
    for (int i = 0; i < PROTO_BASES_MAX; i++) {
        pyramid.bases[i] = (struct partition_base){w, h, padded_h};
        pyramid.base_count++;
        w = (w + 1) / 2;
        h = (h + 1) / 2;
        padded_h = (padded_h + 1) / 2;
    }
    for (int i = 0; i < levels; i++)
        pyramid.levels[pyramid.level_count++] = (struct partition_level){
            .level = i, .base = level_bases[i], .rows = level_bases[i] < 4, .cols = 1};
    return pyramid;
}

static const int four_bases[] = {0, 1, 1, 3, 5}; /* the last level is too small for a window */

static void bases_are_the_halves_of_the_image(void **state)
{
    (void)state;
    const struct proto_size sizes[] = {{640, 480}, {641, 479}, {1, 1}, {17, 2}, {3, 100}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct partition_pyramid pyramid = pyramid_of(sizes[i].w, sizes[i].h, four_bases, 5);
        struct coordinator_image image = support_noise(sizes[i].w, sizes[i].h, 3);
        struct coordinator_bands *bands;
        assert_int_equal(coordinator_bands_open(&pyramid, &bands), PROTO_OK);
        assert_int_equal(coordinator_bands_build(bands, &image), PROTO_OK);
        assert_ptr_equal(coordinator_bands_base(bands, 0), image.data); /* not copied */
        for (int b = 1; b < 4; b++) {
            const struct partition_base *base = &pyramid.bases[b];
            size_t bytes = (size_t)base->w * (size_t)base->h * PROTO_CHANNELS;
            uint8_t *want = malloc(bytes);
            assert_non_null(want);
            partition_pyramid_halve(base - 1, coordinator_bands_base(bands, b - 1), base, want);
            assert_memory_equal(coordinator_bands_base(bands, b), want, bytes);
            free(want);
        }
        assert_null(coordinator_bands_base(bands, 4)); /* no level needs it */
        coordinator_bands_close(bands);
        coordinator_image_free(&image);
    }
}

static void an_image_of_another_size_is_refused(void **state)
{
    (void)state;
    struct partition_pyramid pyramid = pyramid_of(64, 48, four_bases, 5);
    struct coordinator_image image = support_noise(64, 47, 3);
    struct coordinator_bands *bands;
    assert_int_equal(coordinator_bands_open(&pyramid, &bands), PROTO_OK);
    assert_int_equal(coordinator_bands_build(bands, &image), PROTO_INVALID);
    coordinator_bands_close(bands);
    coordinator_image_free(&image);
    coordinator_bands_close(NULL);
}

static void packing_copies_each_row_of_each_band_in_order(void **state)
{
    (void)state;
    struct partition_pyramid pyramid = pyramid_of(53, 37, four_bases, 5);
    struct coordinator_image image = support_noise(53, 37, 11);
    struct coordinator_bands *bands;
    assert_int_equal(coordinator_bands_open(&pyramid, &bands), PROTO_OK);
    assert_int_equal(coordinator_bands_build(bands, &image), PROTO_OK);
    uint32_t random = 5;
    for (int round = 0; round < 200; round++) {
        struct proto_band list[6];
        uint32_t count = support_random(&random) % 7;
        uint64_t want = 0;
        for (uint32_t i = 0; i < count; i++) {
            int base = (int)(support_random(&random) % 4);
            int32_t h = pyramid.bases[base].h;
            int32_t y0 = (int32_t)(support_random(&random) % (uint32_t)(h + 1));
            int32_t rows = (int32_t)(support_random(&random) % (uint32_t)(h - y0 + 1));
            list[i] = (struct proto_band){base, y0, y0 + rows};
            want += (uint64_t)rows * (uint64_t)pyramid.bases[base].w * PROTO_CHANNELS;
        }
        uint8_t *packed = malloc(want + 1);
        assert_non_null(packed);
        packed[want] = 0x5a;
        assert_int_equal(coordinator_bands_pack(bands, list, count, packed), want);
        assert_int_equal(packed[want], 0x5a);
        const uint8_t *at = packed;
        for (uint32_t i = 0; i < count; i++) {
            size_t row = (size_t)pyramid.bases[list[i].base].w * PROTO_CHANNELS;
            for (int32_t y = list[i].y0; y < list[i].y1; y++, at += row)
                assert_memory_equal(
                    at, coordinator_bands_base(bands, list[i].base) + (size_t)y * row, row);
        }
        free(packed);
    }
    coordinator_bands_close(bands);
    coordinator_image_free(&image);
}

static void a_pyramid_of_the_frame_alone_needs_no_memory_of_its_own(void **state)
{
    (void)state;
    const int only_frame[] = {0, 0};
    struct partition_pyramid pyramid = pyramid_of(20, 10, only_frame, 2);
    struct coordinator_image image = support_noise(20, 10, 2);
    struct coordinator_bands *bands;
    assert_int_equal(coordinator_bands_open(&pyramid, &bands), PROTO_OK);
    assert_int_equal(coordinator_bands_build(bands, &image), PROTO_OK);
    assert_ptr_equal(coordinator_bands_base(bands, 0), image.data);
    assert_null(coordinator_bands_base(bands, 1));
    coordinator_bands_close(bands);
    coordinator_image_free(&image);
}

/* Time of building and packing a 640x480 frame; printed, never judged. */
static void bench(void)
{
    enum { ROUNDS = 500 };
    struct partition_pyramid pyramid = pyramid_of(640, 480, four_bases, 5);
    struct coordinator_image image = support_noise(640, 480, 3);
    const struct proto_band all[] = {{0, 0, 480}, {1, 0, 240}, {2, 0, 120}, {3, 0, 60}};
    struct coordinator_bands *bands;
    uint8_t *packed = malloc(2 * 640 * 480 * PROTO_CHANNELS);
    assert_non_null(packed);
    assert_int_equal(coordinator_bands_open(&pyramid, &bands), PROTO_OK);
    double ms[2] = {1e9, 1e9};
    for (int i = 0; i < ROUNDS; i++) {
        struct timespec t[3];
        clock_gettime(CLOCK_MONOTONIC, &t[0]);
        coordinator_bands_build(bands, &image);
        clock_gettime(CLOCK_MONOTONIC, &t[1]);
        coordinator_bands_pack(bands, all, 4, packed);
        clock_gettime(CLOCK_MONOTONIC, &t[2]);
        for (int k = 0; k < 2; k++) {
            double d = (double)(t[k + 1].tv_sec - t[k].tv_sec) * 1e3 +
                       (double)(t[k + 1].tv_nsec - t[k].tv_nsec) * 1e-6;
            ms[k] = d < ms[k] ? d : ms[k];
        }
    }
    printf("640x480: bases %.3f ms, packing all of them %.3f ms (best of %d)\n", ms[0], ms[1],
           ROUNDS);
    coordinator_bands_close(bands);
    coordinator_image_free(&image);
    free(packed);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bases_are_the_halves_of_the_image),
        cmocka_unit_test(an_image_of_another_size_is_refused),
        cmocka_unit_test(packing_copies_each_row_of_each_band_in_order),
        cmocka_unit_test(a_pyramid_of_the_frame_alone_needs_no_memory_of_its_own),
    };
    if (argc > 1 && strcmp(argv[1], "--bench") == 0) {
        bench();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
