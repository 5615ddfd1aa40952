/* A file that appears under its name only when it is complete: written as PATH.part, then synced and
 * renamed. "-" is stdout; a device, pipe or socket is written directly.
 */
#ifndef COORDINATOR_OUTPUT_H
#define COORDINATOR_OUTPUT_H

#include <stdio.h>

struct coordinator_output {
    FILE *file;
    char *path; /* for messages */
    char *part; /* NULL when written directly */
    int status; /* first failure; it stays, and is logged once */
};

/* Start from a zeroed struct. Returns PROTO_OK, PROTO_IO (logged), PROTO_NO_MEMORY. */
int coordinator_output_open(struct coordinator_output *output, const char *path);

/* Flush what was written to `file` and look for errors. Returns PROTO_OK, PROTO_IO (logged the
 * first time), PROTO_END: the reader of a pipe has gone. */
int coordinator_output_flush(struct coordinator_output *output);

/* Flush, sync, rename. Returns as flush; after a failure nothing is left under the name. */
int coordinator_output_finish(struct coordinator_output *output);

/* Removes what is not finished. A zeroed struct is fine. */
void coordinator_output_close(struct coordinator_output *output);

#endif
