/* See reader.h. Multi-byte numbers are big endian in msgpack. */
#include "proto/reader.h"

#include <string.h>

enum { SKIP_DEPTH_MAX = 16 };

static size_t left(const struct proto_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static bool take_byte(struct proto_reader *reader, unsigned *out)
{
    if (left(reader) < 1)
        return false;
    *out = *reader->at++;
    return true;
}

static bool take_number(struct proto_reader *reader, size_t bytes, uint64_t *out)
{
    if (left(reader) < bytes)
        return false;
    *out = 0;
    for (size_t i = 0; i < bytes; i++)
        *out = *out << 8 | *reader->at++;
    return true;
}

static bool take_bytes(struct proto_reader *reader, uint64_t bytes, const unsigned char **out)
{
    if (bytes > left(reader))
        return false;
    *out = reader->at;
    reader->at += bytes;
    return true;
}

bool proto_reader_map(struct proto_reader *reader, uint32_t *pairs)
{
    unsigned type;
    uint64_t count;
    if (!take_byte(reader, &type))
        return false;
    if (type >= 0x80 && type <= 0x8f)
        count = type & 0x0f;
    else if (type != 0xde && type != 0xdf)
        return false;
    else if (!take_number(reader, type == 0xde ? 2 : 4, &count))
        return false;
    *pairs = (uint32_t)count;
    return true;
}

bool proto_reader_uint(struct proto_reader *reader, uint64_t *out)
{
    unsigned type;
    if (!take_byte(reader, &type))
        return false;
    if (type <= 0x7f) {
        *out = type;
        return true;
    }
    return type >= 0xcc && type <= 0xcf && take_number(reader, (size_t)1 << (type - 0xcc), out);
}

bool proto_reader_int(struct proto_reader *reader, int64_t *out)
{
    if (left(reader) < 1)
        return false;
    unsigned type = *reader->at;
    uint64_t bits;
    if (type >= 0xe0) {
        reader->at++;
        *out = (int64_t)type - 256;
        return true;
    }
    if (type < 0xd0 || type > 0xd3) {
        if (!proto_reader_uint(reader, &bits) || bits > INT64_MAX)
            return false;
        *out = (int64_t)bits;
        return true;
    }
    reader->at++;
    size_t bytes = (size_t)1 << (type - 0xd0);
    if (!take_number(reader, bytes, &bits))
        return false;
    if (bytes < 8 && bits >> (8 * bytes - 1)) /* negative: extend the sign */
        bits |= UINT64_MAX << (8 * bytes);
    memcpy(out, &bits, sizeof(*out));
    return true;
}

bool proto_reader_float(struct proto_reader *reader, float *out)
{
    unsigned type;
    uint64_t bits;
    if (!take_byte(reader, &type) || type != 0xca || !take_number(reader, 4, &bits))
        return false;
    uint32_t bits32 = (uint32_t)bits;
    memcpy(out, &bits32, sizeof(*out));
    return true;
}

bool proto_reader_str(struct proto_reader *reader, const char **out, uint32_t *len_bytes)
{
    unsigned type;
    uint64_t len;
    const unsigned char *bytes;
    if (!take_byte(reader, &type))
        return false;
    if (type >= 0xa0 && type <= 0xbf)
        len = type & 0x1f;
    else if (type < 0xd9 || type > 0xdb || !take_number(reader, (size_t)1 << (type - 0xd9), &len))
        return false;
    if (!take_bytes(reader, len, &bytes))
        return false;
    *out = (const char *)bytes;
    *len_bytes = (uint32_t)len;
    return true;
}

bool proto_reader_bin(struct proto_reader *reader, const unsigned char **out, uint32_t *len_bytes)
{
    unsigned type;
    uint64_t len;
    if (!take_byte(reader, &type) || type < 0xc4 || type > 0xc6 ||
        !take_number(reader, (size_t)1 << (type - 0xc4), &len) || !take_bytes(reader, len, out))
        return false;
    *len_bytes = (uint32_t)len;
    return true;
}

/* Take the head of a value: `bytes` of payload follow it, then `values` nested values. */
static bool take_head(struct proto_reader *reader, uint64_t *bytes, uint64_t *values)
{
    /* For 0xc0 .. 0xdf: bytes of a length field, bytes of payload, nested values per length. */
    /* clang-format off */
    static const struct { unsigned char length, payload, values; } heads[32] = {
        [0x00] = {0, 0, 0}, [0x01] = {0, 0, 0}, [0x02] = {0, 0, 0}, [0x03] = {0, 0, 0}, /* nil, -, bool */
        [0x04] = {1, 0, 0}, [0x05] = {2, 0, 0}, [0x06] = {4, 0, 0},                     /* bin */
        [0x07] = {1, 1, 0}, [0x08] = {2, 1, 0}, [0x09] = {4, 1, 0},                     /* ext: type byte */
        [0x0a] = {0, 4, 0}, [0x0b] = {0, 8, 0},                                         /* float */
        [0x0c] = {0, 1, 0}, [0x0d] = {0, 2, 0}, [0x0e] = {0, 4, 0}, [0x0f] = {0, 8, 0}, /* uint */
        [0x10] = {0, 1, 0}, [0x11] = {0, 2, 0}, [0x12] = {0, 4, 0}, [0x13] = {0, 8, 0}, /* int */
        [0x14] = {0, 2, 0}, [0x15] = {0, 3, 0}, [0x16] = {0, 5, 0}, [0x17] = {0, 9, 0}, /* fixext */
        [0x18] = {0, 17, 0},
        [0x19] = {1, 0, 0}, [0x1a] = {2, 0, 0}, [0x1b] = {4, 0, 0},                     /* str */
        [0x1c] = {2, 0, 1}, [0x1d] = {4, 0, 1},                                         /* array */
        [0x1e] = {2, 0, 2}, [0x1f] = {4, 0, 2},                                         /* map */
    };
    /* clang-format on */
    unsigned type;
    uint64_t length = 0;
    *bytes = *values = 0;
    if (!take_byte(reader, &type) || type == 0xc1)
        return false;
    if (type <= 0x7f || type >= 0xe0)
        return true;
    if (type <= 0x8f) {
        *values = 2 * (uint64_t)(type & 0x0f);
        return true;
    }
    if (type <= 0x9f) {
        *values = type & 0x0f;
        return true;
    }
    if (type <= 0xbf) {
        *bytes = type & 0x1f;
        return true;
    }
    unsigned i = type - 0xc0;
    if (!take_number(reader, heads[i].length, &length))
        return false;
    *values = length * heads[i].values;
    *bytes = heads[i].payload + (heads[i].values ? 0 : length);
    return true;
}

static bool skip_nested(struct proto_reader *reader, int depth)
{
    uint64_t bytes, values;
    const unsigned char *payload;
    if (depth > SKIP_DEPTH_MAX || !take_head(reader, &bytes, &values) ||
        !take_bytes(reader, bytes, &payload))
        return false;
    for (uint64_t i = 0; i < values; i++) /* ends with the bytes: each value takes at least one */
        if (!skip_nested(reader, depth + 1))
            return false;
    return true;
}

bool proto_reader_skip(struct proto_reader *reader)
{
    return skip_nested(reader, 0);
}
