/* Watts against frames per second, as a picture (cairo). */
#ifndef COORDINATOR_FRONTIER_PLOT_H
#define COORDINATOR_FRONTIER_PLOT_H

#include <stdint.h>

struct coordinator_frontier_point {
    double watts, fps;
    double bound_fps; /* no choice under these watts is faster */
};

struct coordinator_frontier {
    const char *title;
    int32_t count;
    const struct coordinator_frontier_point *points; /* by watts */
    double budget_w;
    struct coordinator_frontier_point chosen; /* under the budget */
};

/* path ends in .svg. Returns PROTO_OK, PROTO_UNSUPPORTED (the ending), PROTO_IO or PROTO_NO_MEMORY; logged. */
int coordinator_frontier_plot_write(const char *path, const struct coordinator_frontier *frontier);

#endif
