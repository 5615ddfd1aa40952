#include "coordinator/image_codec.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"

enum { CHUNK_BYTES_MAX = 8 << 20 };

struct png_job {
    const uint8_t *data; /* not yet read */
    size_t left;
    FILE *out;
    int status;
    char *text;
};

static void on_error(png_structp png, png_const_charp message)
{
    struct png_job *job = png_get_error_ptr(png);
    if (job->status == PROTO_OK)
        job->status = PROTO_FORMAT;
    if (!job->text[0])
        snprintf(job->text, COORDINATOR_CODEC_TEXT_BYTES, "PNG: %s", message);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message; /* harmless by libpng's own judgement: odd metadata */
}

static void on_read(png_structp png, png_bytep to, size_t len)
{
    struct png_job *job = png_get_io_ptr(png);
    if (len > job->left)
        png_error(png, "file ends too early");
    memcpy(to, job->data, len);
    job->data += len;
    job->left -= len;
}

static void on_write(png_structp png, png_bytep from, size_t len)
{
    struct png_job *job = png_get_io_ptr(png);
    if (fwrite(from, 1, len, job->out) == len)
        return;
    job->status = PROTO_IO;
    png_error(png, "write failed");
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* Everything becomes 8 bit RGB. Stored values are taken as they are (no gamma), like other
 * readers of training and test pictures do. */
static void want_rgb(png_structp png, png_infop info)
{
    png_color_16 black = {0};
    png_set_expand(png); /* palette, grey below 8 bit, transparent colour */
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    if (png_get_color_type(png, info) & PNG_COLOR_MASK_ALPHA ||
        png_get_valid(png, info, PNG_INFO_tRNS))
        png_set_background_fixed(png, &black, PNG_BACKGROUND_GAMMA_SCREEN, 0, PNG_FP_1);
}

/* Body between setjmp and its end: libpng comes back from any failure by longjmp, so nothing that is
 * changed here is needed after it but what lives behind pointers. */
static void decode_rows(png_structp png, png_infop info, struct png_job *job,
                        struct coordinator_image *image)
{
    png_read_info(png, info);
    job->status = coordinator_image_resize(image, png_get_image_width(png, info),
                                           png_get_image_height(png, info));
    if (job->status != PROTO_OK)
        png_error(png, proto_status_text(job->status));
    want_rgb(png, info);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    size_t stride = (size_t)image->size.w * PROTO_CHANNELS;
    if (png_get_rowbytes(png, info) != stride)
        png_error(png, "can't be converted to RGB");
    while (passes-- > 0)
        for (int32_t y = 0; y < image->size.h; y++)
            png_read_row(png, image->data + (size_t)y * stride, NULL);
}

int coordinator_png_decode(const uint8_t *data, size_t len_bytes, struct coordinator_image *image,
                           char *text)
{
    struct png_job job = {.data = data, .left = len_bytes, .status = PROTO_OK, .text = text};
    text[0] = '\0';
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        return PROTO_NO_MEMORY;
    }
    if (setjmp(png_jmpbuf(png)) == 0) {
        /* A side above the limit is told by our own check, in our own words, before pixels are allocated. */
        png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
        png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
        png_set_read_fn(png, &job, on_read);
        decode_rows(png, info, &job, image);
    }
    png_destroy_read_struct(&png, &info, NULL);
    return job.status;
}

static void encode_rows(png_structp png, png_infop info, const struct coordinator_image *image)
{
    png_set_IHDR(png, info, (png_uint_32)image->size.w, (png_uint_32)image->size.h, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    /* Level 3 with one filter: about a fifth of the default's time for some 5 % more bytes. */
    png_set_compression_level(png, 3);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    png_write_info(png, info);
    size_t stride = (size_t)image->size.w * PROTO_CHANNELS;
    for (int32_t y = 0; y < image->size.h; y++)
        png_write_row(png, image->data + (size_t)y * stride);
    png_write_end(png, info);
}

int coordinator_png_encode(const struct coordinator_image *image, FILE *out, char *text)
{
    struct png_job job = {.out = out, .status = PROTO_OK, .text = text};
    text[0] = '\0';
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return PROTO_NO_MEMORY;
    }
    if (setjmp(png_jmpbuf(png)) == 0) {
        png_set_write_fn(png, &job, on_write, on_flush);
        encode_rows(png, info, image);
    }
    png_destroy_write_struct(&png, &info);
    return job.status;
}
