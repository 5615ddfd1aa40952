/* What all transports share. */
#include "proto/link.h"

#include <stdlib.h>

enum { BUFFER_ALIGN = 64 };

void *proto_link_buffer_new(struct proto_link *link, size_t size_bytes)
{
    void *buffer;
    if (link->memory)
        return link->memory(link->memory_arg, size_bytes);
    return posix_memalign(&buffer, BUFFER_ALIGN, size_bytes ? size_bytes : 1) ? NULL : buffer;
}

void proto_link_buffer_free(struct proto_link *link, void *buffer)
{
    if (link->memory)
        link->forget(link->memory_arg, buffer);
    else
        free(buffer);
}
