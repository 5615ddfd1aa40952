/* The octave bases of one frame, and the packing of the row bands that a worker is sent.
 * All memory is taken when it is opened; one struct for each frame in flight.
 */
#ifndef COORDINATOR_BANDS_H
#define COORDINATOR_BANDS_H

#include "coordinator/image.h"
#include "partition/pyramid.h"

struct coordinator_bands;

/* The pyramid is copied. Returns PROTO_OK or PROTO_NO_MEMORY. */
int coordinator_bands_open(const struct partition_pyramid *pyramid, struct coordinator_bands **out);
void coordinator_bands_close(struct coordinator_bands *bands); /* NULL is fine */

/* Build the bases that some level samples. Base 0 is the image itself: it is borrowed, untouched, until the
 * next build. Returns PROTO_OK or PROTO_INVALID when the image has not the pyramid's frame size. */
int coordinator_bands_build(struct coordinator_bands *bands, const struct coordinator_image *image);

/* Pixels of a base, tightly packed RGB; NULL for one that no level needs. */
const uint8_t *coordinator_bands_base(const struct coordinator_bands *bands, int base);

/* Copy the bands one after the other to dst, which has room for partition_band_bytes of them.
 * The bands are within the pyramid (asserted). Returns the bytes written. */
uint64_t coordinator_bands_pack(const struct coordinator_bands *bands,
                                const struct proto_band *list, uint32_t count, uint8_t *dst);

#endif
