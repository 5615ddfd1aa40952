/* One detector evaluated: files read, frames joined, matched, measured. */
#ifndef COORDINATOR_EVAL_RESULT_H
#define COORDINATOR_EVAL_RESULT_H

#include "coordinator/eval/bootstrap.h"

enum { EVAL_FILES_MAX = 16 };

struct eval_settings {
    const char *truth;
    struct eval_set_settings set;
    struct eval_rules rules;
    struct eval_bootstrap_settings bootstrap;
    const char *images; /* folder with the pictures; NULL: `source` is the path */
    double threshold;   /* of precision, recall and box quality; NAN: the one that gives `fppi` */
    double fppi;        /* 0.1 */
};
void eval_settings_defaults(struct eval_settings *settings);

struct eval_result {
    const char *name; /* the first file of detections; borrowed */
    struct eval_detections detections;
    struct eval_set *set;
    struct eval_match *match;
    double threshold;
    double fppi_reached;  /* when everything in the file counts */
    uint32_t person_free; /* frames without a person that counts */
    struct eval_figures figures;
    struct eval_interval intervals[EVAL_FIGURES];
};

/* Borrows truth and files until close. Returns PROTO_OK, or what the steps return (logged). */
int eval_result_open(const struct eval_truth *truth, const char *const *files, int file_count,
                     const struct eval_settings *settings, struct eval_result **out);
void eval_result_close(struct eval_result *result);

/* Where the frame's picture is: in `images`, or at its source. Returns PROTO_OK, or PROTO_NOT_FOUND when the frame
 * has only a number or the path is too long. */
int eval_picture_path(const struct eval_frame *frame, const char *images, char *path, size_t size);

#endif
