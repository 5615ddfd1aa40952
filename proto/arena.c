/* Bump allocator: see arena.h. */
#include "proto/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/status.h"

int proto_arena_open(struct proto_arena *arena, size_t size_bytes)
{
    *arena = (struct proto_arena){0};
    if (size_bytes == 0)
        return PROTO_OK;
    arena->data = malloc(size_bytes);
    if (!arena->data)
        return PROTO_NO_MEMORY;
    arena->size = size_bytes;
    return PROTO_OK;
}

void proto_arena_close(struct proto_arena *arena)
{
    free(arena->data);
    *arena = (struct proto_arena){0};
}

void *proto_arena_alloc(struct proto_arena *arena, size_t count, size_t each_bytes)
{
    const size_t align = alignof(max_align_t);
    /* `size` need not be a multiple of the alignment, so the next aligned place may lie beyond it. */
    size_t start = (arena->used + align - 1) / align * align;
    if (!arena->data || start > arena->size)
        return NULL;
    if (each_bytes != 0 && count > (arena->size - start) / each_bytes)
        return NULL;
    unsigned char *memory = arena->data + start;
    memset(memory, 0, count * each_bytes);
    arena->used = start + count * each_bytes;
    return memory;
}

void proto_arena_reset(struct proto_arena *arena)
{
    arena->used = 0;
}
