#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/image.h"
#include "proto/status.h"
#include "tests/coordinator/support.h"

static size_t bytes_of(const struct coordinator_image *image)
{
    return (size_t)image->size.w * (size_t)image->size.h * PROTO_CHANNELS;
}

static void a_png_comes_back_with_the_same_pixels(void **state)
{
    (void)state;
    const struct proto_size sizes[] = {{1, 1}, {3, 2}, {641, 17}, {2, 300}};
    struct coordinator_image back = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct coordinator_image image = support_noise(sizes[i].w, sizes[i].h, 7 + (uint32_t)i);
        char reason[256] = "";
        assert_int_equal(coordinator_image_write(support_path("a.png"), &image), PROTO_OK);
        assert_int_equal(coordinator_image_read(support_path("a.png"), &back, reason), PROTO_OK);
        assert_string_equal(reason, "");
        assert_int_equal(back.size.w, sizes[i].w);
        assert_int_equal(back.size.h, sizes[i].h);
        assert_memory_equal(back.data, image.data, bytes_of(&image));
        coordinator_image_free(&image);
    }
    coordinator_image_free(&back);
}

static void a_jpeg_comes_back_with_nearly_the_same_pixels(void **state)
{
    (void)state;
    struct coordinator_image image = support_gradient(333, 101), back = {0};
    assert_int_equal(coordinator_image_write(support_path("a.JPeG"), &image), PROTO_OK);
    assert_int_equal(coordinator_image_read(support_path("a.JPeG"), &back, NULL), PROTO_OK);
    assert_int_equal(back.size.w, 333);
    assert_int_equal(back.size.h, 101);
    for (size_t i = 0; i < bytes_of(&image); i++) /* quality 90 on a ramp: a few grey levels */
        assert_true(abs(back.data[i] - image.data[i]) <= 8);
    coordinator_image_free(&image);
    coordinator_image_free(&back);
}

static void the_format_is_told_by_content_and_not_by_name(void **state)
{
    (void)state;
    struct coordinator_image image = support_noise(20, 10, 3), back = {0};
    assert_int_equal(coordinator_image_write(support_path("real.png"), &image), PROTO_OK);
    assert_int_equal(rename(support_path("real.png"), support_path("named.jpg")), 0);
    assert_int_equal(coordinator_image_read(support_path("named.jpg"), &back, NULL), PROTO_OK);
    assert_memory_equal(back.data, image.data, bytes_of(&image));
    coordinator_image_free(&image);
    coordinator_image_free(&back);
}

static void memory_is_reused_when_it_is_large_enough(void **state)
{
    (void)state;
    struct coordinator_image large = support_noise(40, 30, 1), small = support_noise(10, 10, 2);
    struct coordinator_image back = {0};
    assert_int_equal(coordinator_image_write(support_path("l.png"), &large), PROTO_OK);
    assert_int_equal(coordinator_image_write(support_path("s.png"), &small), PROTO_OK);
    assert_int_equal(coordinator_image_read(support_path("l.png"), &back, NULL), PROTO_OK);
    const uint8_t *data = back.data;
    assert_int_equal(coordinator_image_read(support_path("s.png"), &back, NULL), PROTO_OK);
    assert_ptr_equal(back.data, data);
    assert_int_equal(back.size.w, 10);
    assert_memory_equal(back.data, small.data, bytes_of(&small));
    coordinator_image_free(&large);
    coordinator_image_free(&small);
    coordinator_image_free(&back);
}

/* Write a 2x1 PNG of any type through libpng itself. */
static void write_odd_png(const char *path, int depth, int type, const uint8_t *row, int colours)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, file);
    png_set_IHDR(png, info, 2, 1, depth, type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (colours) {
        const png_color palette[2] = {{10, 20, 30}, {200, 100, 50}};
        const png_byte opacity[2] = {255, 0};
        png_set_PLTE(png, info, palette, 2);
        if (colours > 2)
            png_set_tRNS(png, info, opacity, 2, NULL);
    }
    png_write_info(png, info);
    png_write_row(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    fclose(file);
}

static void grey_alpha_palette_and_16_bit_become_rgb(void **state)
{
    (void)state;
    const struct {
        const char *name;
        int depth, type, colours;
        uint8_t row[16], want[6];
    } cases[] = {
        {"grey.png", 8, PNG_COLOR_TYPE_GRAY, 0, {7, 250}, {7, 7, 7, 250, 250, 250}},
        {"bit.png", 1, PNG_COLOR_TYPE_GRAY, 0, {0x40}, {0, 0, 0, 255, 255, 255}},
        {"greya.png",
         8,
         PNG_COLOR_TYPE_GRAY_ALPHA,
         0,
         {200, 255, 200, 0},
         {200, 200, 200, 0, 0, 0}},
        {"rgba.png",
         8,
         PNG_COLOR_TYPE_RGB_ALPHA,
         0,
         {1, 2, 3, 255, 100, 200, 50, 51},
         {1, 2, 3, 20, 40, 10}},
        {"rgb16.png",
         16,
         PNG_COLOR_TYPE_RGB,
         0,
         {255, 255, 128, 128, 0, 0, 1, 1, 2, 2, 3, 3},
         {255, 128, 0, 1, 2, 3}},
        {"palette.png", 8, PNG_COLOR_TYPE_PALETTE, 2, {1, 0}, {200, 100, 50, 10, 20, 30}},
        {"palettea.png", 8, PNG_COLOR_TYPE_PALETTE, 3, {1, 0}, {0, 0, 0, 10, 20, 30}},
    };
    struct coordinator_image image = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = support_path(cases[i].name);
        write_odd_png(path, cases[i].depth, cases[i].type, cases[i].row, cases[i].colours);
        assert_int_equal(coordinator_image_read(path, &image, NULL), PROTO_OK);
        assert_int_equal(image.size.w, 2);
        assert_int_equal(image.size.h, 1);
        for (int k = 0; k < 6; k++)
            assert_int_equal(image.data[k], cases[i].want[k]);
    }
    coordinator_image_free(&image);
}

static void every_truncation_is_an_error_with_a_reason(void **state)
{
    (void)state;
    struct coordinator_image image = support_gradient(64, 48), back = {0};
    const char *names[] = {"t.png", "t.jpg"};
    for (int k = 0; k < 2; k++) {
        const char *path = support_path(names[k]), *cut = support_path("cut");
        size_t len;
        assert_int_equal(coordinator_image_write(path, &image), PROTO_OK);
        char *data = support_file(path, &len);
        /* Up to 16 bytes before the end pixels are missing; behind them only end marks are. */
        for (size_t n = 0; n + 16 < len; n += 1 + n / 16) {
            char reason[256] = "";
            support_file_write(cut, data, n);
            assert_int_equal(coordinator_image_read(cut, &back, reason), PROTO_FORMAT);
            assert_true(reason[0] != '\0');
            assert_null(strchr(reason, '\n'));
        }
        free(data);
    }
    coordinator_image_free(&image);
    coordinator_image_free(&back);
}

static void damaged_bytes_never_do_harm(void **state)
{
    (void)state;
    struct coordinator_image image = support_noise(31, 33, 5), back = {0};
    const char *names[] = {"d.png", "d.jpg"};
    uint32_t random = 4242;
    for (int k = 0; k < 2; k++) {
        size_t len;
        assert_int_equal(coordinator_image_write(support_path(names[k]), &image), PROTO_OK);
        char *data = support_file(support_path(names[k]), &len);
        for (int i = 0; i < 400; i++) {
            size_t at = support_random(&random) % len;
            char was = data[at];
            data[at] = (char)support_random(&random);
            support_file_write(support_path("damaged"), data, len);
            int status = coordinator_image_read(support_path("damaged"), &back, NULL);
            assert_true(status == PROTO_OK || status == PROTO_FORMAT || status == PROTO_LIMIT);
            data[at] = was;
        }
        free(data);
    }
    coordinator_image_free(&image);
    coordinator_image_free(&back);
}

static void a_side_above_the_limit_is_refused_before_any_allocation(void **state)
{
    (void)state;
    struct coordinator_image image = support_noise(4, 4, 9), back = {0};
    size_t len;
    char reason[256];
    assert_int_equal(coordinator_image_write(support_path("big.jpg"), &image), PROTO_OK);
    unsigned char *data = (unsigned char *)support_file(support_path("big.jpg"), &len);
    for (size_t i = 0; i + 9 < len; i++)
        if (data[i] == 0xff && data[i + 1] == 0xc0) { /* frame header: make it 32767 rows */
            data[i + 5] = 0x7f;
            data[i + 6] = 0xff;
        }
    support_file_write(support_path("big.jpg"), data, len);
    free(data);
    assert_int_equal(coordinator_image_read(support_path("big.jpg"), &back, reason), PROTO_LIMIT);
    assert_non_null(strstr(reason, "32767"));
    assert_null(back.data);

    assert_int_equal(coordinator_image_write(support_path("big.png"), &image), PROTO_OK);
    data = (unsigned char *)support_file(support_path("big.png"), &len);
    data[16] = 0x10; /* width's high byte, then the header's checksum: */
    uint32_t crc = 0xffffffff;
    for (int i = 12; i < 29; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    crc = ~crc;
    for (int i = 0; i < 4; i++)
        data[29 + i] = (unsigned char)(crc >> (24 - 8 * i));
    support_file_write(support_path("big.png"), data, len);
    free(data);
    assert_int_equal(coordinator_image_read(support_path("big.png"), &back, reason), PROTO_LIMIT);
    assert_null(back.data);
    assert_int_equal(
        coordinator_image_init(&back, (struct proto_size){PROTO_FRAME_SIDE_MAX + 1, 1}),
        PROTO_LIMIT);
    coordinator_image_free(&image);
}

static void what_is_no_picture_says_so(void **state)
{
    (void)state;
    struct coordinator_image image = {0};
    char reason[256];
    assert_int_equal(coordinator_image_read(support_path("none.png"), &image, reason), PROTO_IO);
    assert_non_null(strstr(reason, "No such file"));
    assert_int_equal(coordinator_image_read(support_dir, &image, reason), PROTO_IO);
    assert_string_equal(reason, "not a regular file");
    support_file_write(support_path("text.png"), "hello, this is no picture", 25);
    assert_int_equal(coordinator_image_read(support_path("text.png"), &image, reason),
                     PROTO_FORMAT);
    assert_string_equal(reason, "neither JPEG nor PNG");
    support_file_write(support_path("empty.jpg"), "", 0);
    assert_int_equal(coordinator_image_read(support_path("empty.jpg"), &image, reason),
                     PROTO_FORMAT);
    assert_string_equal(reason, "file is empty");
}

static void a_failed_write_leaves_nothing_and_logs_once(void **state)
{
    (void)state;
    struct coordinator_image image = support_noise(64, 64, 1);
    support_log_catch();
    assert_int_equal(coordinator_image_write(support_path("no/such/dir/a.png"), &image), PROTO_IO);
    assert_int_equal(support_log_lines, 1);
    assert_non_null(strstr(support_log, "no/such/dir/a.png"));
    assert_int_equal(coordinator_image_write(support_path("a.bmp"), &image), PROTO_UNSUPPORTED);
    /* A full disk: the temporary name leads to /dev/full. */
    const char *names[] = {"full.png", "full.jpg"};
    for (int i = 0; i < 2; i++) {
        char part[1100];
        snprintf(part, sizeof part, "%s.part", support_path(names[i]));
        assert_int_equal(symlink("/dev/full", part), 0);
        support_log_lines = 0;
        assert_int_equal(coordinator_image_write(support_path(names[i]), &image), PROTO_IO);
        assert_int_equal(support_log_lines, 1);
        assert_non_null(strstr(support_log, "No space left"));
        assert_int_equal(access(support_path(names[i]), F_OK), -1);
        assert_int_equal(access(part, F_OK), -1);
    }
    coordinator_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_png_comes_back_with_the_same_pixels),
        cmocka_unit_test(a_jpeg_comes_back_with_nearly_the_same_pixels),
        cmocka_unit_test(the_format_is_told_by_content_and_not_by_name),
        cmocka_unit_test(memory_is_reused_when_it_is_large_enough),
        cmocka_unit_test(grey_alpha_palette_and_16_bit_become_rgb),
        cmocka_unit_test(every_truncation_is_an_error_with_a_reason),
        cmocka_unit_test(damaged_bytes_never_do_harm),
        cmocka_unit_test(a_side_above_the_limit_is_refused_before_any_allocation),
        cmocka_unit_test(what_is_no_picture_says_so),
        cmocka_unit_test(a_failed_write_leaves_nothing_and_logs_once),
    };
    return cmocka_run_group_tests(tests, support_dir_make, support_dir_remove);
}
