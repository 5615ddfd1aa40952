/* A binary heap. */
#include "coordinator/sim/queue.h"

#include <stdlib.h>

#include "proto/status.h"

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

int sim_queue_put(struct sim_queue *queue, struct sim_event event)
{
    if (queue->count == queue->cap) {
        const uint32_t cap = queue->cap ? queue->cap * 2 : 64;
        struct sim_event *heap = realloc(queue->heap, cap * sizeof *heap);
        if (!heap)
            return PROTO_NO_MEMORY;
        queue->heap = heap;
        queue->cap = cap;
    }
    event.order = queue->made++;
    uint32_t at = queue->count++;
    for (; at > 0 && before(&event, &queue->heap[(at - 1) / 2]); at = (at - 1) / 2)
        queue->heap[at] = queue->heap[(at - 1) / 2];
    queue->heap[at] = event;
    return PROTO_OK;
}

const struct sim_event *sim_queue_first(const struct sim_queue *queue)
{
    return queue->count ? queue->heap : NULL;
}

bool sim_queue_take(struct sim_queue *queue, struct sim_event *out)
{
    if (queue->count == 0)
        return false;
    *out = queue->heap[0];
    const struct sim_event last = queue->heap[--queue->count];
    uint32_t at = 0;
    for (uint32_t child; (child = 2 * at + 1) < queue->count; at = child) {
        if (child + 1 < queue->count && before(&queue->heap[child + 1], &queue->heap[child]))
            child++;
        if (!before(&queue->heap[child], &last))
            break;
        queue->heap[at] = queue->heap[child];
    }
    queue->heap[at] = last;
    return true;
}

void sim_queue_free(struct sim_queue *queue)
{
    free(queue->heap);
    *queue = (struct sim_queue){0};
}
