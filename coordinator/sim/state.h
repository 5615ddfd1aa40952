/* What the files of the simulator share; nobody else includes this. */
#ifndef COORDINATOR_SIM_STATE_H
#define COORDINATOR_SIM_STATE_H

#include "coordinator/sim/check.h"
#include "coordinator/sim/plan.h"
#include "coordinator/sim/queue.h"
#include "coordinator/sim/sim.h"
#include "proto/arena.h"

enum { SIM_PACKET_CLASSES = 40 };

enum sim_way { SIM_TO_BOARD, SIM_FROM_BOARD, SIM_WAYS };

/* A message on its way, encoded. */
struct sim_packet {
    struct sim_packet *next;
    int32_t board;
    enum sim_way way;
    uint32_t life; /* of the board that sent it */
    enum proto_message_kind kind;
    uint64_t seq; /* FRAME, RESULT */
    uint32_t assignment;
    uint64_t sent_us, last_byte_us;
    uint64_t received_us; /* board's clock */
    size_t head_bytes;    /* what the codec wrote; pixels behind it are never touched */
    size_t len_bytes, cap_bytes;
    bool spoiled; /* the network changed it */
    bool copy;    /* the network made it */
    bool counted; /* among its board's `frames` */
    unsigned char *data;
};

struct sim_packets {
    struct sim_packet *first, *last;
};

/* One way of one board's link. */
struct sim_lane {
    uint64_t free_us;        /* the board's port is busy until then */
    uint64_t last_us;        /* arrival of the last message in order */
    uint64_t clear_us;       /* nothing arrives before: TCP repeats what was lost in a cut */
    int cuts;                /* faults that hold it now */
    struct sim_packets held; /* arrived at the cut */
};

struct sim_link {
    struct sim_lane lanes[SIM_WAYS];
    double delay_us, narrow; /* of the faults that hold now */
    double reorder_us, duplicate, corrupt, truncate;
};

enum sim_board_state {
    SIM_BOARD_OFF,     /* no process */
    SIM_BOARD_OPENING, /* opens model and device */
    SIM_BOARD_UP,
    SIM_BOARD_STOPPED, /* said goodbye */
};

struct sim_board {
    const struct sim_board_settings *settings;
    struct sim_link link;
    enum sim_board_state state;
    uint32_t life;       /* rises with every process */
    bool without_notice; /* power off, not only its process killed */
    struct sim_plan plan;
    double *tile_us; /* one per tile of the plan */
    uint32_t tile_us_cap;
    struct sim_packets todo; /* FRAMEs and PLANs; the first is in hand when `computing` */
    uint32_t queued;         /* FRAMEs among them */
    uint32_t frames;         /* FRAMEs for it that exist anywhere */
    bool computing;
    uint64_t started_us;   /* board's clock */
    uint64_t computing_us; /* ours: since when */
    struct sim_random random;
    uint64_t beats;
    uint64_t began_us, busy_us; /* process started; spent computing FRAMEs since */
    double joules;              /* of all its processes */
    uint32_t wire_state;        /* enum proto_worker_state, for BEAT */
    bool beat_waits;            /* the last one has not left yet */
    int64_t clock_us;           /* its clock minus ours */
    /* faults that hold now */
    int hangs, stucks;
    double slow;
    struct sim_event *late; /* what happens when it goes on */
    uint32_t late_count, late_cap;
    bool plan_spoiled; /* its PLAN was changed on the way */
    bool spoilt; /* it was sent, or sent, something spoiled: refusing it is no fault of the core */
};

/* A frame that the core holds. */
struct sim_slot {
    bool used;
    struct coordinator_core_frame in;
};

struct sim {
    struct sim_settings settings;
    struct coordinator_core *core;
    struct sim_random random;
    uint64_t start_us, now_us;
    struct sim_queue queue;
    struct sim_packet *spare[SIM_PACKET_CLASSES]; /* for reuse, by the power of two they hold */
    struct proto_arena arena;                     /* of the message being read */
    struct sim_board *boards;
    uint64_t port_free_us[SIM_WAYS]; /* of the coordinator's host */
    uint32_t in_flight;              /* packets */
    /* the coordinator's process */
    int stalls;
    struct sim_event *late;
    uint32_t late_count, late_cap;
    struct sim_slot *slots;
    bool reading, input_ended, done;
    int32_t read_slot;
    uint64_t next_seq;
    struct proto_size size; /* of the next frame */
    /* faults and what comes after */
    uint64_t last_fault_us; /* end of the last one; 0: none */
    uint64_t tail_reports, tail_first_us;
    bool tail_known;
    int late_timers;   /* in a row, without time passing */
    uint32_t *sorted;  /* scratch: tiles of an answer */
    uint32_t *tile_us; /* and their times */
    uint32_t sorted_cap;
    struct proto_survivor *survivors;
    struct sim_check check;
    struct sim_outcome *outcome;
    int status; /* of the simulator itself: no memory */
};

/* log.c */
/* A line of the event log; its text goes into the outcome's hash only through sim_note. */
__attribute__((format(printf, 2, 3))) void sim_log(struct sim *sim, const char *format, ...);
void sim_log_core(struct sim *sim); /* log lines of the core go to the event log */
void sim_log_end(void);
/* A rule is broken: the run ends. Only the first is kept. */
__attribute__((format(printf, 2, 3))) void sim_break(struct sim *sim, const char *format, ...);
void sim_note(struct sim *sim, const void *data, size_t bytes); /* into the hash */

/* run.c */
void sim_put(struct sim *sim, uint64_t at_us, struct sim_event event);
/* Keep an event for when a process goes on. */
void sim_put_off(struct sim *sim, struct sim_event **late, uint32_t *count, uint32_t *cap,
                 const struct sim_event *event);
void sim_go_on(struct sim *sim); /* a STALL has ended */
/* A packet at the end of its way. */
void sim_deliver(struct sim *sim, struct sim_packet *packet);
/* The coordinator's link finds out that a process is gone. */
void sim_broken(struct sim *sim, int32_t board, const char *why);

/* net.c */
/* A message encoded into a packet, NULL when it can't be (logged). */
struct sim_packet *sim_net_packet(struct sim *sim, int32_t board, enum sim_way way,
                                  const struct proto_message *message);
void sim_net_send(struct sim *sim, struct sim_packet *packet);     /* packet is taken */
void sim_net_switched(struct sim *sim, struct sim_packet *packet); /* it is at the other port */
/* It has come to the end of its way; false when the link holds it back. */
bool sim_net_arrives(struct sim *sim, struct sim_packet *packet);
void sim_net_cut(struct sim *sim, int32_t board, int ways); /* as SIM_FAULT_CUT's amount */
/* The fault ends; it lasted cut_us. */
void sim_net_uncut(struct sim *sim, int32_t board, int ways, uint64_t cut_us);
void sim_net_clear(struct sim *sim, int32_t board, enum sim_way way); /* what was held comes */
void sim_net_drop(struct sim *sim, struct sim_packet *packet);        /* not needed any more */
void sim_net_close(struct sim *sim);
void sim_packets_put(struct sim_packets *list, struct sim_packet *packet);
struct sim_packet *sim_packets_take(struct sim_packets *list);

/* board.c */
void sim_board_start(struct sim *sim, int32_t board, uint64_t after_us);
/* Its energy until now goes into the account: the run ends, or its process does. */
void sim_board_account(struct sim *sim, int32_t board);
void sim_board_die(struct sim *sim, int32_t board);
void sim_board_event(struct sim *sim, const struct sim_event *event);
void sim_board_go_on(struct sim *sim, int32_t board); /* a HANG or STUCK has ended */
void sim_board_close(struct sim *sim, int32_t board);

/* trouble.c: faults begin and end. */
void sim_trouble_plan(struct sim *sim);
void sim_trouble_begin(struct sim *sim, int index);
void sim_trouble_end(struct sim *sim, int index);

#endif
