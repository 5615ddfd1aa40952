/* Messages <-> bytes (msgpack). The wire form is described in proto/PROTOCOL.md:
 * 8 bytes "MSTR" + length of the msgpack part (u32, little endian), the msgpack map, zero bytes
 * up to the next multiple of 64 (every kind), then the raw pixels of a FRAME.
 */
#ifndef PROTO_CODEC_H
#define PROTO_CODEC_H

#include "proto/arena.h"
#include "proto/message.h"

enum {
    PROTO_CODEC_ALIGN = 64,
    /* Largest message without pixels: the size of receive buffers before there is a PLAN. */
    PROTO_CODEC_CONTROL_MAX = 4 << 20,
    /* An arena of this size holds any decoded message. */
    PROTO_CODEC_ARENA_MAX = PROTO_CODEC_CONTROL_MAX + 4096,
    PROTO_CODEC_STRING_MAX = 4096,      /* bytes of one string, without the terminating zero */
    PROTO_CODEC_BANDS_MAX = 16384,      /* bands of one FRAME */
    PROTO_CODEC_SURVIVORS_MAX = 196608, /* survivors of one RESULT */
};

/* Write `message` to buf. For a FRAME, *header_bytes is where the caller puts pixel_bytes of
 * pixels; for others it is the length of the message. Does not allocate;
 * a NULL string is written as "".
 * Returns PROTO_OK, PROTO_LIMIT if cap_bytes is too small or a count is above its limit. */
int proto_codec_encode(const struct proto_message *message, void *buf, size_t cap_bytes,
                       size_t *header_bytes);

/* Read a message. Arrays and strings are placed in `arena` (pixels stay in buf); strings are never
 * NULL, arrays of 0 elements may have any pointer. An arena of PROTO_CODEC_ARENA_MAX always suffices.
 * Every length is checked against its limit and against len_bytes before use.
 * Returns PROTO_OK, PROTO_FORMAT, PROTO_VERSION, PROTO_LIMIT or PROTO_NO_MEMORY (arena full);
 * logs what was wrong, and reads nothing outside buf. */
int proto_codec_decode(const void *buf, size_t len_bytes, struct proto_arena *arena,
                       struct proto_message *message);

/* Upper bounds for sizing buffers. */
size_t proto_codec_frame_header_max(uint32_t tiles, uint32_t bands);
size_t proto_codec_result_max(uint32_t tiles, uint32_t survivors);

#endif
