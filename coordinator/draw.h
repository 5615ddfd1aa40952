/* Boxes and labels on a picture (cairo). */
#ifndef COORDINATOR_DRAW_H
#define COORDINATOR_DRAW_H

#include "coordinator/image.h"

/* Draw each detection's box with its score, and its distance where known; best score on top.
 * Returns PROTO_OK or PROTO_NO_MEMORY (picture untouched). */
int coordinator_draw_detections(struct coordinator_image *image,
                                const struct proto_detection *detections, uint32_t count);

#endif
