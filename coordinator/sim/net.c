/* The network. A message takes its sender's port for its bytes, then, a packet and a latency later, its
 * receiver's port; both at once for most of its length, as a store-and-forward switch forwards
 * packets and not messages.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/sim/state.h"
#include "proto/codec.h"
#include "proto/status.h"

enum {
    PACKET_BYTES = 1500,    /* Ethernet */
    SHORT_BYTES = 24 << 10, /* HELLO: four strings of any length allowed */
    PLAN_BYTES = 1024,      /* keys and numbers of a PLAN */
    CLASS_MIN = 9,          /* 512 bytes */
};

void sim_packets_put(struct sim_packets *list, struct sim_packet *packet)
{
    packet->next = NULL;
    if (list->last)
        list->last->next = packet;
    else
        list->first = packet;
    list->last = packet;
}

struct sim_packet *sim_packets_take(struct sim_packets *list)
{
    struct sim_packet *packet = list->first;
    if (packet) {
        list->first = packet->next;
        if (!list->first)
            list->last = NULL;
    }
    return packet;
}

/* ---- packets ---- */

static int class_of(size_t bytes)
{
    int class = CLASS_MIN;
    while (((size_t)1 << class) < bytes)
        class ++;
    return class;
}

static struct sim_packet *packet_take(struct sim *sim, size_t need)
{
    const int class = class_of(need);
    struct sim_packet *packet = sim->spare[class];
    if (packet) {
        sim->spare[class] = packet->next;
    } else {
        packet = calloc(1, sizeof *packet);
        unsigned char *data = malloc((size_t)1 << class);
        if (!packet || !data) {
            free(packet);
            free(data);
            sim->status = PROTO_NO_MEMORY;
            return NULL;
        }
        packet->data = data;
        packet->cap_bytes = (size_t)1 << class;
    }
    *packet = (struct sim_packet){.data = packet->data, .cap_bytes = packet->cap_bytes};
    sim->in_flight++;
    return packet;
}

void sim_net_drop(struct sim *sim, struct sim_packet *packet)
{
    const int class = class_of(packet->cap_bytes);
    if (packet->counted)
        sim->boards[packet->board].frames--;
    packet->next = sim->spare[class];
    sim->spare[class] = packet;
    sim->in_flight--;
}

void sim_net_close(struct sim *sim)
{
    for (int class = 0; class < SIM_PACKET_CLASSES; class ++) {
        while (sim->spare[class]) {
            struct sim_packet *packet = sim->spare[class];
            sim->spare[class] = packet->next;
            free(packet->data);
            free(packet);
        }
    }
}

static size_t bytes_needed(const struct proto_message *message)
{
    switch (message->kind) {
    case PROTO_MESSAGE_PLAN:
        return PLAN_BYTES + message->plan.tile_count * sizeof *message->plan.tiles +
               message->plan.mine_count * sizeof *message->plan.mine;
    case PROTO_MESSAGE_FRAME:
        return proto_codec_frame_header_max(message->frame.tile_count, message->frame.band_count) +
               (size_t)message->frame.pixel_bytes;
    case PROTO_MESSAGE_RESULT:
        return proto_codec_result_max(message->result.tile_count, message->result.survivor_count);
    default:
        return message->kind == PROTO_MESSAGE_BEAT || message->kind == PROTO_MESSAGE_STOP
                   ? (size_t)1 << CLASS_MIN
                   : SHORT_BYTES;
    }
}

struct sim_packet *sim_net_packet(struct sim *sim, int32_t board, enum sim_way way,
                                  const struct proto_message *message)
{
    struct sim_packet *packet = packet_take(sim, bytes_needed(message));
    if (!packet)
        return NULL;
    packet->board = board;
    packet->way = way;
    packet->life = sim->boards[board].life;
    packet->kind = message->kind;
    if (proto_codec_encode(message, packet->data, packet->cap_bytes, &packet->head_bytes)) {
        sim_break(sim, "rank %d: a message of kind %d can't be encoded", board + 1,
                  (int)message->kind);
        sim_net_drop(sim, packet);
        return NULL;
    }
    packet->len_bytes = packet->head_bytes;
    if (message->kind == PROTO_MESSAGE_FRAME) {
        packet->seq = message->frame.seq;
        packet->assignment = message->frame.assignment;
        packet->len_bytes += (size_t)message->frame.pixel_bytes;
        packet->counted = true;
        sim->boards[board].frames++;
    } else if (message->kind == PROTO_MESSAGE_RESULT) {
        packet->seq = message->result.seq;
    }
    return packet;
}

/* ---- on the way ---- */

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t us_for(double bytes, double bytes_per_us)
{
    return isinf(bytes_per_us) ? 0 : (uint64_t)ceil(bytes / bytes_per_us);
}

static double first_bytes(const struct sim_packet *packet)
{
    return packet->len_bytes < PACKET_BYTES ? (double)packet->len_bytes : PACKET_BYTES;
}

static double link_rate(const struct sim *sim, int32_t board)
{
    return sim->boards[board].settings->speed.bytes_per_us / sim->boards[board].link.narrow;
}

/* Latency of this message, with all that can be added to it. */
static uint64_t latency(struct sim *sim, int32_t board)
{
    const struct sim_link *link = &sim->boards[board].link;
    double us = sim->boards[board].settings->speed.latency_us + link->delay_us;
    if (sim->settings.jitter_us > 0)
        us += sim->settings.jitter_us * sim_random_unit(&sim->random);
    if (link->reorder_us > 0)
        us += link->reorder_us * sim_random_unit(&sim->random);
    return (uint64_t)us;
}

/* Through `port` and then, from switched_us on, through the next one. */
static void through_first(struct sim_packet *packet, uint64_t *port_free_us, uint64_t now_us,
                          double rate)
{
    const uint64_t start_us = later(now_us, *port_free_us);
    *port_free_us = start_us + us_for((double)packet->len_bytes, rate);
    packet->sent_us = start_us + us_for(first_bytes(packet), rate);
    packet->last_byte_us = *port_free_us;
}

static uint64_t through_second(const struct sim_packet *packet, uint64_t *port_free_us,
                               uint64_t now_us, double rate)
{
    const uint64_t start_us = later(now_us, *port_free_us);
    *port_free_us = start_us + us_for((double)packet->len_bytes, rate);
    return later(*port_free_us, packet->last_byte_us + us_for(first_bytes(packet), rate));
}

static uint64_t in_order(const struct sim_link *link, struct sim_lane *lane, uint64_t at_us)
{
    if (link->reorder_us > 0)
        return at_us;
    lane->last_us = later(at_us, lane->last_us);
    return lane->last_us;
}

static void on_its_way(struct sim *sim, struct sim_packet *packet)
{
    struct sim_board *board = &sim->boards[packet->board];
    struct sim_lane *lane = &board->link.lanes[packet->way];
    const double port_rate = sim->settings.port_bytes_per_us;
    const uint64_t latency_us = latency(sim, packet->board);
    struct sim_event event = {.kind = SIM_EVENT_ARRIVED, .board = packet->board, .packet = packet};
    uint64_t at_us;

    if (packet->way == SIM_TO_BOARD) {
        /* Nobody else uses the second port: its turn can be reckoned now. */
        through_first(packet, &sim->port_free_us[SIM_TO_BOARD], sim->now_us, port_rate);
        at_us =
            through_second(packet, &lane->free_us, packet->sent_us, link_rate(sim, packet->board)) +
            latency_us;
    } else {
        through_first(packet, &lane->free_us, sim->now_us, link_rate(sim, packet->board));
        at_us = packet->sent_us + latency_us;
        packet->last_byte_us += latency_us;
        event.kind = SIM_EVENT_SWITCHED;
    }
    sim_put(sim, in_order(&board->link, lane, at_us), event);
}

void sim_net_switched(struct sim *sim, struct sim_packet *packet)
{
    const uint64_t at_us = through_second(packet, &sim->port_free_us[SIM_FROM_BOARD], sim->now_us,
                                          sim->settings.port_bytes_per_us);
    sim_put(
        sim, at_us,
        (struct sim_event){.kind = SIM_EVENT_ARRIVED, .board = packet->board, .packet = packet});
}

/* ---- what a faulty network does ---- */

static void spoil(struct sim *sim, struct sim_packet *packet)
{
    const struct sim_link *link = &sim->boards[packet->board].link;
    if (link->corrupt > 0 && sim_random_chance(&sim->random, link->corrupt)) {
        /* Not the pixels: nobody could tell, nor does anybody look at them here. */
        packet->data[sim_random_below(&sim->random, packet->head_bytes)] ^=
            (unsigned char)(1 + sim_random_below(&sim->random, 255));
        packet->spoiled = true;
    }
    if (link->truncate > 0 && sim_random_chance(&sim->random, link->truncate)) {
        packet->len_bytes = (size_t)sim_random_below(&sim->random, packet->len_bytes);
        if (packet->head_bytes > packet->len_bytes)
            packet->head_bytes = packet->len_bytes;
        packet->spoiled = true;
    }
    if (packet->spoiled) {
        sim->boards[packet->board].spoilt = true;
        sim_log(sim, "  the network spoils a message of rank %d", packet->board + 1);
    }
}

static void double_up(struct sim *sim, const struct sim_packet *packet)
{
    struct sim_packet *copy = packet_take(sim, packet->cap_bytes);
    if (!copy)
        return;
    unsigned char *data = copy->data;
    memcpy(data, packet->data, packet->head_bytes);
    *copy = *packet;
    copy->data = data;
    copy->copy = true;
    copy->counted = false;
    on_its_way(sim, copy);
}

void sim_net_send(struct sim *sim, struct sim_packet *packet)
{
    const struct sim_link *link = &sim->boards[packet->board].link;
    const bool twice = link->duplicate > 0 && sim_random_chance(&sim->random, link->duplicate);
    sim->outcome->messages++;
    spoil(sim, packet);
    if (twice) {
        sim->boards[packet->board].spoilt = true;
        sim_log(sim, "  the network sends a message of rank %d twice", packet->board + 1);
        double_up(sim, packet);
    }
    on_its_way(sim, packet);
}

bool sim_net_arrives(struct sim *sim, struct sim_packet *packet)
{
    struct sim_lane *lane = &sim->boards[packet->board].link.lanes[packet->way];
    if (lane->cuts == 0 && sim->now_us >= lane->clear_us && !lane->held.first)
        return true;
    sim_packets_put(&lane->held, packet);
    return false;
}

static bool lane_is_cut(int ways, enum sim_way way)
{
    return ways == 0 || ways == (int)way + 1;
}

void sim_net_cut(struct sim *sim, int32_t board, int ways)
{
    for (enum sim_way way = 0; way < SIM_WAYS; way++)
        if (lane_is_cut(ways, way))
            sim->boards[board].link.lanes[way].cuts++;
}

void sim_net_uncut(struct sim *sim, int32_t board, int ways, uint64_t cut_us)
{
    for (enum sim_way way = 0; way < SIM_WAYS; way++) {
        struct sim_lane *lane = &sim->boards[board].link.lanes[way];
        if (!lane_is_cut(ways, way) || --lane->cuts > 0)
            continue;
        /* TCP waits twice as long from try to try: up to half as long as the cut was. */
        lane->clear_us = sim->now_us + sim_random_below(&sim->random, cut_us / 2 + 1);
        sim_put(sim, lane->clear_us,
                (struct sim_event){.kind = SIM_EVENT_CLEAR, .board = board, .index = (int32_t)way});
    }
}

void sim_net_clear(struct sim *sim, int32_t board, enum sim_way way)
{
    struct sim_lane *lane = &sim->boards[board].link.lanes[way];
    struct sim_packet *packet;
    while (lane->cuts == 0 && sim->now_us >= lane->clear_us &&
           (packet = sim_packets_take(&lane->held)))
        sim_deliver(sim, packet);
}
