/* The live line: frames, persons, frames per second. On a terminal only, at most ten times a second.
 */
#ifndef COORDINATOR_PROGRESS_H
#define COORDINATOR_PROGRESS_H

#include <stdio.h>

#include "coordinator/sink.h"

/* total: frames to come, < 0 when not known. Where `out` is no terminal the sink does nothing.
 * Returns PROTO_OK or PROTO_NO_MEMORY. */
int coordinator_progress_open(FILE *out, int64_t total, struct coordinator_sink **out_sink);

#endif
