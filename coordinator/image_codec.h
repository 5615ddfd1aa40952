/* The two picture formats, each in a file of its own, which is the only one that sees its library.
 */
#ifndef COORDINATOR_IMAGE_CODEC_H
#define COORDINATOR_IMAGE_CODEC_H

#include <stdio.h>

#include "coordinator/image.h"

enum { COORDINATOR_CODEC_TEXT_BYTES = 256 };

/* Decode a whole file to RGB. Return PROTO_OK, PROTO_FORMAT, PROTO_LIMIT, PROTO_NO_MEMORY, with the reason in text. */
int coordinator_jpeg_decode(const uint8_t *data, size_t len_bytes, struct coordinator_image *image,
                            char *text);
int coordinator_png_decode(const uint8_t *data, size_t len_bytes, struct coordinator_image *image,
                           char *text);

/* Encode to a stream. Return PROTO_OK, PROTO_IO (a write failed: ferror is set), PROTO_NO_MEMORY,
 * PROTO_FORMAT (the encoder refused, reason in text). */
int coordinator_jpeg_encode(const struct coordinator_image *image, FILE *out, char *text);
int coordinator_png_encode(const struct coordinator_image *image, FILE *out, char *text);

#endif
