#include "coordinator/bands.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"

struct coordinator_bands {
    struct partition_pyramid pyramid;
    int base_count;                   /* bases some level samples, and those between */
    const uint8_t *frame;             /* base 0: the image, borrowed */
    uint8_t *halves[PROTO_BASES_MAX]; /* base 1.. inside memory; [0] is not used */
    uint8_t *memory;
};

static uint64_t base_bytes(const struct partition_base *base)
{
    return (uint64_t)base->w * (uint64_t)base->h * PROTO_CHANNELS;
}

/* Each base is made from the one before, so all up to the smallest one in use are built. */
static int bases_in_use(const struct partition_pyramid *pyramid)
{
    int count = 1;
    for (int i = 0; i < pyramid->level_count; i++) {
        const struct partition_level *level = &pyramid->levels[i];
        if (level->rows > 0 && level->cols > 0 && level->base + 1 > count)
            count = level->base + 1;
    }
    return count;
}

int coordinator_bands_open(const struct partition_pyramid *pyramid, struct coordinator_bands **out)
{
    struct coordinator_bands *bands = calloc(1, sizeof *bands);
    if (!bands)
        return PROTO_NO_MEMORY;
    bands->pyramid = *pyramid;
    bands->base_count = bases_in_use(pyramid);
    uint64_t bytes = 0;
    for (int i = 1; i < bands->base_count; i++)
        bytes += base_bytes(&pyramid->bases[i]);
    bands->memory = malloc(bytes ? bytes : 1);
    if (!bands->memory) {
        coordinator_bands_close(bands);
        return PROTO_NO_MEMORY;
    }
    uint8_t *at = bands->memory;
    for (int i = 1; i < bands->base_count; i++) {
        bands->halves[i] = at;
        at += base_bytes(&pyramid->bases[i]);
    }
    *out = bands;
    return PROTO_OK;
}

void coordinator_bands_close(struct coordinator_bands *bands)
{
    if (!bands)
        return;
    free(bands->memory);
    free(bands);
}

int coordinator_bands_build(struct coordinator_bands *bands, const struct coordinator_image *image)
{
    const struct partition_pyramid *pyramid = &bands->pyramid;
    if (image->size.w != pyramid->frame.w || image->size.h != pyramid->frame.h)
        return PROTO_INVALID;
    bands->frame = image->data;
    const uint8_t *src = image->data;
    for (int i = 1; i < bands->base_count; i++) {
        partition_pyramid_halve(&pyramid->bases[i - 1], src, &pyramid->bases[i], bands->halves[i]);
        src = bands->halves[i];
    }
    return PROTO_OK;
}

const uint8_t *coordinator_bands_base(const struct coordinator_bands *bands, int base)
{
    assert(base >= 0 && base < PROTO_BASES_MAX);
    return base == 0 ? bands->frame : bands->halves[base];
}

uint64_t coordinator_bands_pack(const struct coordinator_bands *bands,
                                const struct proto_band *list, uint32_t count, uint8_t *dst)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct proto_band *band = &list[i];
        assert(band->base >= 0 && band->base < bands->base_count);
        const struct partition_base *base = &bands->pyramid.bases[band->base];
        assert(band->y0 >= 0 && band->y0 <= band->y1 && band->y1 <= base->h);
        size_t stride = (size_t)base->w * PROTO_CHANNELS;
        size_t bytes = (size_t)(band->y1 - band->y0) * stride;
        memcpy(dst + total, coordinator_bands_base(bands, band->base) + (size_t)band->y0 * stride,
               bytes);
        total += bytes;
    }
    return total;
}
