/* Pictures in and out: JPEG (libturbojpeg) and PNG (libpng), always u8 RGB inside.
 *
 * Pixels are taken as stored: an EXIF orientation and colour profiles are ignored, as a camera's raw frames
 * have neither. Turn such pictures before detecting in them.
 */
#ifndef COORDINATOR_IMAGE_H
#define COORDINATOR_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/types.h"

struct coordinator_image {
    struct proto_size size;
    uint8_t *data; /* size.w * size.h * 3, tightly packed; owned */
    size_t cap_bytes;
};

/* Read a JPEG or PNG (told apart by content; grey, alpha, palette and 16 bit are converted to RGB,
 * alpha over black). Reuses image->data when it is large enough. Sides above PROTO_FRAME_SIDE_MAX are refused
 * before anything is allocated. Returns PROTO_OK, PROTO_IO, PROTO_FORMAT, PROTO_LIMIT; `reason` (may be NULL)
 * gets a one-line text without the path. Does not log: a broken picture is reported in its frame's line. */
int coordinator_image_read(const char *path, struct coordinator_image *image, char reason[256]);
/* Write by extension (.jpg, .jpeg, .png), to a temporary name that is renamed at the end, so a full disk leaves
 * nothing half-written under `path`. Returns PROTO_OK, PROTO_IO (logged with path and reason), PROTO_UNSUPPORTED. */
int coordinator_image_write(const char *path, const struct coordinator_image *image);
int coordinator_image_init(struct coordinator_image *image,
                           struct proto_size size); /* zeroed pixels */
void coordinator_image_free(struct coordinator_image *image);
/* Another size, keeping the memory where it is large enough; pixels are undefined.
 * Returns PROTO_OK, PROTO_LIMIT (a side is 0 or above PROTO_FRAME_SIDE_MAX), PROTO_NO_MEMORY. */
int coordinator_image_resize(struct coordinator_image *image, uint64_t w, uint64_t h);

/* Format that a name's ending stands for, in any case. */
enum coordinator_image_kind {
    COORDINATOR_IMAGE_OTHER,
    COORDINATOR_IMAGE_JPEG, /* .jpg .jpeg */
    COORDINATOR_IMAGE_PNG,  /* .png */
};
enum coordinator_image_kind coordinator_image_kind(const char *name);

#endif
