/* --trace FILE: where each frame's time went, as JSON in Chrome's trace event format, which ui.perfetto.dev and
 * chrome://tracing show. Nothing of it is written, or asked for, in a run without it.
 *
 *   process "coordinator"    rows: frames (read .. merged), capture, held (for the power budget), send, merge; a
 *                            count of the watts the workers draw
 *   process "rank N ..."     rows: receive, compute (with a span for each tile in it), answer
 *
 * A frame has one id, its number, in the name and args of all its spans and as the id of the arrows between them.
 * All times are the coordinator's clock, workers' clocks are never compared: a worker's spans lie within its round
 * trip (FRAME begun .. RESULT there) such that what is left of it, after the FRAME had gone, is half before and half
 * behind them.
 * Source: "Trace Event Format", Google, 2016 (X, b/e, s/t/f, i, C and M events).
 */
#ifndef COORDINATOR_SINK_TRACE_H
#define COORDINATOR_SINK_TRACE_H

#include "coordinator/sink.h"

/* Returns PROTO_OK, PROTO_IO (logged), PROTO_NO_MEMORY. */
int coordinator_sink_trace_open(const char *path, struct coordinator_sink **out);

#endif
