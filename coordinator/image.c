#include "coordinator/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/image_codec.h"
#include "coordinator/output.h"
#include "proto/log.h"
#include "proto/status.h"

enum {
    REASON_BYTES = 256,
    FILE_BYTES_MAX = 512 << 20,
};

static void explain(char *reason, const char *text)
{
    if (reason)
        snprintf(reason, REASON_BYTES, "%s", text);
}

int coordinator_image_init(struct coordinator_image *image, struct proto_size size)
{
    if (size.w < 1 || size.h < 1 || size.w > PROTO_FRAME_SIDE_MAX || size.h > PROTO_FRAME_SIDE_MAX)
        return PROTO_LIMIT;
    size_t bytes = (size_t)size.w * (size_t)size.h * PROTO_CHANNELS;
    image->data = calloc(1, bytes);
    if (!image->data)
        return PROTO_NO_MEMORY;
    image->cap_bytes = bytes;
    image->size = size;
    return PROTO_OK;
}

void coordinator_image_free(struct coordinator_image *image)
{
    free(image->data);
    *image = (struct coordinator_image){0};
}

int coordinator_image_resize(struct coordinator_image *image, uint64_t w, uint64_t h)
{
    if (w < 1 || h < 1 || w > PROTO_FRAME_SIDE_MAX || h > PROTO_FRAME_SIDE_MAX)
        return PROTO_LIMIT;
    size_t bytes = (size_t)(w * h * PROTO_CHANNELS);
    if (bytes > image->cap_bytes) {
        uint8_t *data = realloc(image->data, bytes);
        if (!data)
            return PROTO_NO_MEMORY;
        image->data = data;
        image->cap_bytes = bytes;
    }
    image->size = (struct proto_size){(int32_t)w, (int32_t)h};
    return PROTO_OK;
}

/* A picture is small beside its pixels, so it is read as a whole: decoders then see one buffer
 * that nobody changes under them. */
static int read_whole(const char *path, uint8_t **data, size_t *len_bytes, char *reason)
{
    *data = NULL;
    int status = PROTO_IO;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not stop us here */
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        explain(reason, strerror(errno));
        goto fail;
    }
    if (!S_ISREG(st.st_mode)) {
        explain(reason, "not a regular file");
        goto fail;
    }
    if (st.st_size == 0 || st.st_size > FILE_BYTES_MAX) {
        explain(reason, st.st_size ? "file is larger than 512 MiB" : "file is empty");
        status = st.st_size ? PROTO_LIMIT : PROTO_FORMAT;
        goto fail;
    }
    size_t want = (size_t)st.st_size;
    *data = malloc(want);
    if (!*data) {
        explain(reason, "out of memory");
        status = PROTO_NO_MEMORY;
        goto fail;
    }
    size_t have = 0;
    while (have < want) {
        ssize_t n = read(fd, *data + have, want - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            explain(reason, strerror(errno));
            goto fail;
        }
        if (n == 0) /* became shorter: the decoder judges what there is */
            break;
        have += (size_t)n;
    }
    close(fd);
    *len_bytes = have;
    return PROTO_OK;
fail:
    if (fd >= 0)
        close(fd);
    free(*data);
    *data = NULL;
    return status;
}

int coordinator_image_read(const char *path, struct coordinator_image *image, char reason[256])
{
    uint8_t *data;
    size_t len;
    int status = read_whole(path, &data, &len, reason);
    if (status != PROTO_OK)
        return status;
    char text[REASON_BYTES] = "";
    if (len >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0)
        status = coordinator_png_decode(data, len, image, text);
    else if (len >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0)
        status = coordinator_jpeg_decode(data, len, image, text);
    else {
        status = PROTO_FORMAT;
        snprintf(text, sizeof text, "neither JPEG nor PNG");
    }
    if (status != PROTO_OK)
        explain(reason, text[0] ? text : proto_status_text(status));
    free(data);
    return status;
}

enum coordinator_image_kind coordinator_image_kind(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (!dot || strchr(dot, '/'))
        return COORDINATOR_IMAGE_OTHER;
    char ext[6] = "";
    for (size_t i = 0; i + 1 < sizeof ext && dot[1 + i]; i++)
        ext[i] = dot[1 + i] >= 'A' && dot[1 + i] <= 'Z' ? (char)(dot[1 + i] + 32) : dot[1 + i];
    if (strcmp(ext, "jpg") == 0 || strcmp(ext, "jpeg") == 0)
        return COORDINATOR_IMAGE_JPEG;
    return strcmp(ext, "png") == 0 ? COORDINATOR_IMAGE_PNG : COORDINATOR_IMAGE_OTHER;
}

int coordinator_image_write(const char *path, const struct coordinator_image *image)
{
    enum coordinator_image_kind kind = coordinator_image_kind(path);
    if (kind == COORDINATOR_IMAGE_OTHER) {
        proto_log_error("coordinator", "%s: not the name of a JPEG or PNG picture", path);
        return PROTO_UNSUPPORTED;
    }
    struct coordinator_output output = {0};
    int status = coordinator_output_open(&output, path);
    if (status != PROTO_OK)
        return status;
    char text[REASON_BYTES] = "";
    status = kind == COORDINATOR_IMAGE_JPEG ? coordinator_jpeg_encode(image, output.file, text)
                                            : coordinator_png_encode(image, output.file, text);
    if (status != PROTO_OK && status != PROTO_IO) {
        proto_log_error("coordinator", "%s: %s", path, text);
        coordinator_output_close(&output);
        return status;
    }
    status = coordinator_output_finish(&output); /* sees a failed write by ferror and says why */
    coordinator_output_close(&output);
    return status;
}
