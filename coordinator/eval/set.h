/* The frames that are evaluated: what was found and what is there, side by side.
 *
 * The detections file says which frames were searched. A frame that the truth does not list shows
 * nobody; a frame of the truth that was not searched is an error, because it would silently vanish from
 * the figures.
 */
#ifndef COORDINATOR_EVAL_SET_H
#define COORDINATOR_EVAL_SET_H

#include "coordinator/eval/detections.h"
#include "coordinator/eval/truth.h"
#include "proto/types.h"

struct eval_frame {
    const char *name; /* for people and for pairing two sets: file name without folder, or number */
    const char *source; /* may be NULL */
    long number;
    const struct eval_truth_box *truth; /* boxes */
    size_t truth_count;
    const struct eval_detection *detections;
    size_t detection_count;
    struct proto_size size; /* of the picture; 0 x 0 until someone fills it in */
};

struct eval_set {
    struct eval_frame *frames; /* by name: the order of lines in the file has no influence */
    size_t frame_count;
    size_t failed_count;  /* frames that the detector reported an error for */
    size_t partial_count; /* frames searched in part only */
    char *names;          /* storage */
};

struct eval_set_settings {
    const char *frames; /* NULL: all; a pattern with * ? [, or a prefix, of the frame's name */
    const char
        *negatives; /* NULL: any frame without truth shows nobody; else a directory or a list of
                              the pictures that do, and any other frame without truth is an error */
};

/* Borrows truth and detections until close. Returns PROTO_OK, PROTO_MISMATCH (logged: frames missing, listed twice,
 * or nothing left), PROTO_NOT_FOUND, PROTO_IO, PROTO_FORMAT or PROTO_NO_MEMORY. */
int eval_set_open(const struct eval_truth *truth, const struct eval_detections *detections,
                  const struct eval_set_settings *settings, struct eval_set **out);
void eval_set_close(struct eval_set *set);

/* Do both hold the same frames (by name)? If not, logged and PROTO_MISMATCH. */
int eval_set_same_frames(const struct eval_set *a, const struct eval_set *b);

#endif
