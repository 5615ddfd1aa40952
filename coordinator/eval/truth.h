/* The truth: which persons a picture shows, read from CSV or Caltech text files (docs/evaluation.md). */
#ifndef COORDINATOR_EVAL_TRUTH_H
#define COORDINATOR_EVAL_TRUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/eval/box.h"

struct eval_truth_box {
    struct eval_box box;
    double
        visible; /* share of the person that is not hidden, 0..1; 1 where the file does not say */
    bool ignore; /* a region: neither a miss nor a false alarm */
};

struct eval_truth_frame {
    char *name;
    const struct eval_truth_box *boxes;
    size_t box_count;
};

/* How frames are named in the file, and so how a detection's frame is found. */
enum eval_naming {
    EVAL_NAMING_FILE,   /* file names: compared with the end of `source` */
    EVAL_NAMING_STEM,   /* file names without extension */
    EVAL_NAMING_NUMBER, /* numbers: compared with `frame` */
};

struct eval_truth {
    enum eval_naming naming;
    struct eval_truth_frame *frames; /* sorted by name, or by number */
    size_t frame_count;
    struct eval_truth_box *boxes;
    size_t box_count;
};

/* path: a CSV file, a `% bbGt version=3` file, or a directory of those. Boxes must be finite with
 * positive sides, labels known, and no person may be listed twice; the log names file and line.
 * Returns PROTO_OK, PROTO_NOT_FOUND, PROTO_IO, PROTO_FORMAT, PROTO_LIMIT or PROTO_NO_MEMORY. */
int eval_truth_open(const char *path, struct eval_truth **out);
void eval_truth_close(struct eval_truth *truth);

/* NULL when the truth does not list the frame. source: may be NULL; number < 0: not known. */
const struct eval_truth_frame *eval_truth_find(const struct eval_truth *truth, const char *source,
                                               long number);

#endif
