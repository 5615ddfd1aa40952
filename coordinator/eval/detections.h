/* What a detector found: JSON lines as `muster detect --json` writes them, one a frame.
 *
 * Needed keys: `frame` (a number, or the picture's name) or `source` (the picture's path), and
 * `detections`, a list of {"box": [x, y, w, h], "score": s}. `coverage` and `error` are used when present.
 */
#ifndef COORDINATOR_EVAL_DETECTIONS_H
#define COORDINATOR_EVAL_DETECTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/eval/box.h"

struct eval_detection {
    struct eval_box box;
    double score;
};

struct eval_detection_frame {
    char *source; /* path or name of the picture; NULL when the line has only a number */
    long number;  /* -1: none */
    int line;
    bool failed;     /* the line has an `error`: the frame was not searched */
    double coverage; /* share that was searched */
    struct eval_detection *list;
    size_t count;
};

struct eval_detections {
    struct eval_detection_frame *frames; /* in the order of the file */
    size_t frame_count, frame_cap;
};

/* Append a file's frames to *detections (zeroed before the first one). The log names file and line.
 * Returns PROTO_OK, PROTO_NOT_FOUND, PROTO_IO, PROTO_FORMAT, PROTO_LIMIT or PROTO_NO_MEMORY; what was read so far
 * stays and is freed by close. */
int eval_detections_read(struct eval_detections *detections, const char *path);
void eval_detections_close(struct eval_detections *detections);

#endif
