/* Forward reader of msgpack bytes from outside (https://github.com/msgpack/msgpack/blob/master/spec.md).
 *
 * msgpack-c's own unpacker allocates count * 24..48 bytes for an array or map before it has seen
 * that its elements exist, so a dozen bytes can ask for gigabytes. This one takes values one by one
 * from a fixed range, allocates nothing and never reads beyond the end. Pure.
 */
#ifndef PROTO_READER_H
#define PROTO_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proto_reader {
    const unsigned char *at, *end;
};

/* Each takes one value and returns true, or returns false if the next value is of another type,
 * does not fit `out` or is cut off; the position is then undefined. */
bool proto_reader_map(struct proto_reader *reader, uint32_t *pairs);
bool proto_reader_uint(struct proto_reader *reader, uint64_t *out);
bool proto_reader_int(struct proto_reader *reader, int64_t *out);
bool proto_reader_float(struct proto_reader *reader, float *out); /* float32 only */
/* The bytes stay where they are; no terminating zero. */
bool proto_reader_str(struct proto_reader *reader, const char **out, uint32_t *len_bytes);
bool proto_reader_bin(struct proto_reader *reader, const unsigned char **out, uint32_t *len_bytes);
/* Pass over any one value, nested ones to a small depth. */
bool proto_reader_skip(struct proto_reader *reader);

#endif
