/* The pictures of a scaling report (SVG): speedup, latency, energy, where, gantt. */
#ifndef COORDINATOR_BENCH_PLOTS_H
#define COORDINATOR_BENCH_PLOTS_H

#include "coordinator/bench/result.h"

/* Each into `folder`, replacing what was there. Returns PROTO_OK, PROTO_IO or PROTO_NO_MEMORY; logged. */
int bench_plots_write(const char *folder, const struct bench_results *results);

#endif
