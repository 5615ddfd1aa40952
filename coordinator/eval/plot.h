/* The curve of miss rate against FPPI as a picture, log-log, one line a detector (cairo). */
#ifndef COORDINATOR_EVAL_PLOT_H
#define COORDINATOR_EVAL_PLOT_H

#include "coordinator/eval/result.h"

/* path ends in .svg or .png; written under a temporary name and renamed. Returns PROTO_OK, PROTO_UNSUPPORTED (the
 * ending), PROTO_IO or PROTO_NO_MEMORY; logged. */
int eval_plot_write(const char *path, const struct eval_result *const *results, int count);

#endif
