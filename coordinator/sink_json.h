/* Detections as JSON lines, one a frame, with the keys and the order of DESIGN.md section 8.
 *
 *   {"frame":0,"source":"f0000.png","stamp_ns":..,"detections":[{"box":[x,y,w,h],"score":..,
 *   "level":..,"distance_m":null}],"coverage":1,"missing":[],"timing":{..}}
 *
 * "error" stands before "timing" and only where there is one. A float is written with the fewest digits that read
 * back as the same float, so lines can be compared byte by byte once "stamp_ns" and "timing" are gone.
 */
#ifndef COORDINATOR_SINK_JSON_H
#define COORDINATOR_SINK_JSON_H

#include "coordinator/sink.h"

/* path: "-" is stdout. A file is written as PATH.part and renamed by finish; a device or pipe is
 * written directly. Each frame is flushed. The caller ignores SIGPIPE.
 * Returns PROTO_OK, PROTO_IO (logged), PROTO_NO_MEMORY. */
int coordinator_sink_json_open(const char *path, struct coordinator_sink **out);

#endif
