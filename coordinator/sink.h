/* A sink takes every frame's report, in order: JSON lines, pictures, the run's report, the live line.
 * Each kind is a const table; coordinator/sink_*.h and progress.h open them.
 *
 * One thread at a time calls a sink. A sink logs its error once, with path and reason, and returns
 * the code from then on; the run then ends with exit code 1.
 */
#ifndef COORDINATOR_SINK_H
#define COORDINATOR_SINK_H

#include <stddef.h>

#include "coordinator/image.h"
#include "coordinator/report.h"

struct coordinator_sink;

struct coordinator_sink_ops {
    const char *name;
    int (*frame)(struct coordinator_sink *sink, const struct coordinator_frame_report *report,
                 const struct coordinator_image *image);
    int (*finish)(struct coordinator_sink *sink, const struct coordinator_run *run);
    void (*close)(struct coordinator_sink *sink);
};

/* Embedded first in each kind's own struct. */
struct coordinator_sink {
    const struct coordinator_sink_ops *ops;
};

/* Tell a frame. image: its pixels, NULL when it could not be read. All is borrowed for the call.
 * Returns PROTO_OK, PROTO_IO, PROTO_NO_MEMORY; PROTO_END: the reader of a pipe has gone, which is
 * no failure: the run may end here. */
static inline int coordinator_sink_frame(struct coordinator_sink *sink,
                                         const struct coordinator_frame_report *report,
                                         const struct coordinator_image *image)
{
    return sink->ops->frame(sink, report, image);
}

/* The run is over: bring everything to its final name. Returns as coordinator_sink_frame. */
static inline int coordinator_sink_finish(struct coordinator_sink *sink,
                                          const struct coordinator_run *run)
{
    return sink->ops->finish(sink, run);
}

/* Without a finish before it, removes what is not complete. NULL is fine. */
static inline void coordinator_sink_close(struct coordinator_sink *sink)
{
    if (sink)
        sink->ops->close(sink);
}

#endif
