/* What the proto tests share: a seeded generator and a log that is kept instead of printed. */
#ifndef TESTS_PROTO_SUPPORT_H
#define TESTS_PROTO_SUPPORT_H

#include <stdint.h>

#include "proto/log.h"

/* xorshift64*: the same numbers on every machine. The state must not be 0. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717u;
}

static inline uint32_t random_below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)((random_next(state) >> 32) % limit);
}

/* proto_log_set_sink(keep_line, line): `arg` is a char[512] that gets the newest line's text. */
void keep_line(void *arg, enum proto_log_level level, const char *area, const char *text);

#endif
