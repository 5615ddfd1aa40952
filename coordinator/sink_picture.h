/* Pictures with the boxes drawn in, one for each frame that could be read, under the frame's file name.
 * Drawing and encoding run in a thread of their own; a frame only waits when all its buffers are full.
 */
#ifndef COORDINATOR_SINK_PICTURE_H
#define COORDINATOR_SINK_PICTURE_H

#include "coordinator/sink.h"

/* dir is made, with its parents, where it is missing. JPEG (quality 90) or PNG as the source's name says.
 * Returns PROTO_OK, PROTO_IO (logged), PROTO_NO_MEMORY. */
int coordinator_sink_picture_open(const char *dir, struct coordinator_sink **out);

#endif
