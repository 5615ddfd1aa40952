/* Frames in: a directory of pictures, one picture, or a numbered sequence ("dir/f%04d.png").
 * Each kind of source is a row of a const table in source.c; video will be another one.
 */
#ifndef COORDINATOR_SOURCE_H
#define COORDINATOR_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/image.h"

enum { COORDINATOR_SOURCE_NAME_MAX = 512 };

struct coordinator_source;

struct coordinator_source_settings {
    int64_t frames_max; /* stop after so many; 0: no limit */
    bool loop;          /* false; true: after the last picture comes the first again, without end */
};
void coordinator_source_defaults(struct coordinator_source_settings *settings);

/* A frame read. Zero it before its first use; source_next reuses the image's memory. */
struct coordinator_frame {
    uint64_t seq;                             /* from 0, without gaps */
    char source[COORDINATOR_SOURCE_NAME_MAX]; /* file name, relative to the input */
    int64_t stamp_ns;                         /* CLOCK_REALTIME when reading began */
    double capture_ms;                        /* reading and decoding */
    struct coordinator_image image;           /* not valid when the frame is broken */
    char error[256];                          /* why the frame is broken, else "" */
};
void coordinator_frame_free(struct coordinator_frame *frame);

/* Directories are read once, in natural order (f2 before f10); hidden files and other than .jpg, .jpeg, .png are
 * skipped. A sequence starts at 0 or 1 and ends at its first gap.
 * Returns PROTO_OK; PROTO_NOT_FOUND (no such path, nothing to read in it), PROTO_INVALID (bad pattern),
 * PROTO_UNSUPPORTED (not a picture's name), PROTO_IO, PROTO_LIMIT, PROTO_NO_MEMORY: logged with the path. */
int coordinator_source_open(const char *input, const struct coordinator_source_settings *settings,
                            struct coordinator_source **out);
void coordinator_source_close(struct coordinator_source *source); /* NULL is fine */

/* Read the next frame. One thread at a time, not necessarily the one that opened; blocks.
 * Returns PROTO_OK; PROTO_END; any other code: this frame is broken, it has seq, source, stamp_ns and error,
 * it is to be reported as such, and the next call goes on with the next frame. Does not log. */
int coordinator_source_next(struct coordinator_source *source, struct coordinator_frame *frame);

/* Is the next frame read from this directory? Results must not go there: they would overwrite it. */
bool coordinator_source_reads_from(const struct coordinator_source *source, const char *dir);

/* Frames there will be in all; -1 when not known. */
int64_t coordinator_source_count(const struct coordinator_source *source);

#endif
