/* Reads frames and builds their octave bases in libuv's thread pool, one at a time, into a few
 * slots.
 */
#ifndef COORDINATOR_READER_H
#define COORDINATOR_READER_H

#include <uv.h>

#include "coordinator/bands.h"
#include "coordinator/source.h"

struct coordinator_reader;

struct coordinator_reader_slot {
    int status; /* PROTO_OK, PROTO_END, or why there is no picture (frame.error has the text) */
    struct coordinator_frame frame;
    struct coordinator_bands *bands; /* of frame.image */
    uint64_t begin_us, end_us;       /* uv_hrtime */
    uint64_t bases_cpu_ns;           /* CPU time of the octave bases */
};

/* on_read is called on the loop's thread for each slot read, END included. source and model are
 * borrowed. */
int coordinator_reader_open(uv_loop_t *loop, struct coordinator_source *source,
                            const struct partition_model *model, int slots,
                            void (*on_read)(void *arg, int slot), void *arg,
                            struct coordinator_reader **out);
void coordinator_reader_close(
    struct coordinator_reader *reader); /* not while it is busy; NULL is fine */

/* Begin to read into a free slot, unless one is being read, none is free, or the input has
 * ended. */
void coordinator_reader_next(struct coordinator_reader *reader);
/* No further reading; true if a frame is being read right now and will still come. */
bool coordinator_reader_stop(struct coordinator_reader *reader);
void coordinator_reader_release(struct coordinator_reader *reader, int slot);
const struct coordinator_reader_slot *
coordinator_reader_slot(const struct coordinator_reader *reader, int slot);

#endif
