/* Rows as the truth readers hand them over: one labelled box of one frame. Internal to the truth. */
#ifndef COORDINATOR_EVAL_TRUTH_ROWS_H
#define COORDINATOR_EVAL_TRUTH_ROWS_H

#include "coordinator/eval/truth.h"

struct eval_truth_row {
    char *name; /* of the frame; owned */
    bool empty; /* says only that the frame exists */
    int line;
    struct eval_truth_box truth;
};

struct eval_truth_rows {
    struct eval_truth_row *row;
    size_t count, cap;
};

/* Copies `row` with its name. Returns PROTO_OK, PROTO_LIMIT or PROTO_NO_MEMORY. */
int eval_truth_rows_add(struct eval_truth_rows *rows, const struct eval_truth_row *row);

/* Is a box with this label a person to be found (0), a region to ignore (1), or unknown (-1)? */
int eval_truth_label(const char *label);

/* The two readers. Errors are logged. */
int eval_truth_csv_read(const char *path, struct eval_truth_rows *rows);
int eval_truth_bbgt_read(const char *path, struct eval_truth_rows *rows);

#endif
