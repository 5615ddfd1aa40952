#include "coordinator/image_codec.h"

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "proto/status.h"

enum { QUALITY = 90 };

/* Newer versions can refuse files that decode for minutes. */
#ifdef TJFLAG_LIMITSCANS
#define LIMITS TJFLAG_LIMITSCANS
#else
#define LIMITS 0
#endif

static int refuse(tjhandle handle, int status, char *text)
{
    snprintf(text, COORDINATOR_CODEC_TEXT_BYTES, "JPEG: %s",
             handle ? tjGetErrorStr2(handle) : tjGetErrorStr());
    return status;
}

/* The library calls a file with missing or damaged pixels a success with a warning. Only harmless
 * warnings pass here: cameras do write stray bytes between segments. */
static bool harmless(tjhandle handle)
{
    if (tjGetErrorCode(handle) != TJERR_WARNING)
        return false;
    const char *text = tjGetErrorStr2(handle);
    return strstr(text, "extraneous bytes") ||
           !(strstr(text, "Premature end") || strstr(text, "Corrupt"));
}

int coordinator_jpeg_decode(const uint8_t *data, size_t len_bytes, struct coordinator_image *image,
                            char *text)
{
    tjhandle handle = tjInitDecompress();
    if (!handle)
        return refuse(NULL, PROTO_NO_MEMORY, text);
    /* A file that ends before its frame header counts as one of tables only, and fills none of these. */
    int w = 0, h = 0, subsampling = 0, colours = 0;
    int status;
    if (tjDecompressHeader3(handle, data, len_bytes, &w, &h, &subsampling, &colours) != 0) {
        status = refuse(handle, PROTO_FORMAT, text);
        goto fail;
    }
    status =
        w < 1 || h < 1 ? PROTO_FORMAT : coordinator_image_resize(image, (uint64_t)w, (uint64_t)h);
    if (status != PROTO_OK) {
        snprintf(text, COORDINATOR_CODEC_TEXT_BYTES, "JPEG: %dx%d pixels: %s", w, h,
                 proto_status_text(status));
        goto fail;
    }
    /* The accurate transform is the same integer arithmetic on every CPU: equal pixels everywhere. */
    if (tjDecompress2(handle, data, len_bytes, image->data, w, 0, h, TJPF_RGB,
                      TJFLAG_ACCURATEDCT | LIMITS) != 0 &&
        !harmless(handle))
        status = refuse(handle, PROTO_FORMAT, text);
fail:
    tjDestroy(handle);
    return status;
}

int coordinator_jpeg_encode(const struct coordinator_image *image, FILE *out, char *text)
{
    unsigned char *data = NULL;
    unsigned long len = 0;
    int status = PROTO_OK;
    tjhandle handle = tjInitCompress();
    if (!handle)
        return refuse(NULL, PROTO_NO_MEMORY, text);
    if (tjCompress2(handle, image->data, image->size.w, 0, image->size.h, TJPF_RGB, &data, &len,
                    TJSAMP_444, QUALITY, TJFLAG_ACCURATEDCT) != 0)
        status = refuse(handle, PROTO_FORMAT, text);
    else if (fwrite(data, 1, len, out) != len)
        status = PROTO_IO;
    tjFree(data);
    tjDestroy(handle);
    return status;
}
