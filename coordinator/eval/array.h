/* A growing array for the readers of this folder, whose files do not say how many rows follow. */
#ifndef COORDINATOR_EVAL_ARRAY_H
#define COORDINATOR_EVAL_ARRAY_H

#include <stdint.h>
#include <stdlib.h>

#include "proto/status.h"

/* Make room for `need` elements of `each` bytes. *data and *cap start as NULL and 0 and stay valid on
 * failure. limit: most elements allowed. Returns PROTO_OK, PROTO_LIMIT or PROTO_NO_MEMORY. */
static inline int eval_array_reserve(void **data, size_t *cap, size_t need, size_t each,
                                     size_t limit)
{
    if (need > limit || need > SIZE_MAX / 2 / each)
        return PROTO_LIMIT;
    if (need <= *cap)
        return PROTO_OK;
    size_t grown = *cap ? *cap : 16;
    while (grown < need)
        grown *= 2;
    void *moved = realloc(*data, grown * each);
    if (!moved)
        return PROTO_NO_MEMORY;
    *data = moved;
    *cap = grown;
    return PROTO_OK;
}

#endif
