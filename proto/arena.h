/* Bump allocator: decoded messages live in one block that is reset, not freed. */
#ifndef PROTO_ARENA_H
#define PROTO_ARENA_H

#include <stddef.h>

struct proto_arena {
    unsigned char *data;
    size_t size, used;
};

/* Returns PROTO_OK or PROTO_NO_MEMORY. */
int proto_arena_open(struct proto_arena *arena, size_t size_bytes);
void proto_arena_close(struct proto_arena *arena); /* takes a zeroed one too */
/* Zeroed memory, aligned for any type, valid until the next reset; NULL when the block is full. */
void *proto_arena_alloc(struct proto_arena *arena, size_t count, size_t each_bytes);
void proto_arena_reset(struct proto_arena *arena);

#endif
