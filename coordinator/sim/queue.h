/* What will happen, by virtual time; equal times in the order they were put. */
#ifndef COORDINATOR_SIM_QUEUE_H
#define COORDINATOR_SIM_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

enum sim_event_kind {
    SIM_EVENT_OPENED,   /* board: model and device are open: HELLO */
    SIM_EVENT_BEAT,     /* board: its timer */
    SIM_EVENT_COMPUTED, /* board: the job in hand is done */
    SIM_EVENT_SWITCHED, /* packet, at the coordinator's port */
    SIM_EVENT_ARRIVED,  /* packet, at either end */
    SIM_EVENT_BROKEN,   /* board: the coordinator's link notices that the process is gone */
    SIM_EVENT_READ,     /* index: slot whose frame is read */
    SIM_EVENT_FAULT,    /* index: into the list; begins */
    SIM_EVENT_FAULT_END,
    SIM_EVENT_CLEAR, /* index: way; board: its link carries again what it held */
};

struct sim_packet;

struct sim_event {
    uint64_t at_us, order;
    enum sim_event_kind kind;
    int32_t board, index;
    uint32_t life; /* of the board: what concerns an earlier process is void */
    struct sim_packet *packet;
};

/* Zeroed is empty. */
struct sim_queue {
    struct sim_event *heap;
    uint32_t count, cap;
    uint64_t made;
};

/* Fills event->order. Returns PROTO_OK or PROTO_NO_MEMORY. */
int sim_queue_put(struct sim_queue *queue, struct sim_event event);
const struct sim_event *sim_queue_first(const struct sim_queue *queue); /* NULL: empty */
bool sim_queue_take(struct sim_queue *queue, struct sim_event *out);
void sim_queue_free(struct sim_queue *queue);

#endif
