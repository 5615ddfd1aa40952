/* The messages between coordinator and workers, as plain structs.
 *
 *   worker -> coordinator   HELLO  READY  RESULT  BEAT
 *   coordinator -> worker   PLAN  FRAME  STOP
 *
 * A FRAME names everything its receiver has to do (tiles) and everything it gets (bands), so a
 * worker keeps no assignment of its own: re-planning and recovery are just other FRAMEs.
 * Arrays and strings point into the arena they were decoded into, or to the sender's memory.
 */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include "proto/types.h"

/* Goes into HELLO; proto/PROTOCOL.md says what may change without a new number. */
enum { PROTO_WIRE_VERSION = 1 };

/* clang-format off */
#define PROTO_MESSAGE_MAP(X) \
    X(HELLO, 1, hello)       \
    X(PLAN, 2, plan)         \
    X(READY, 3, ready)       \
    X(FRAME, 4, frame)       \
    X(RESULT, 5, result)     \
    X(BEAT, 6, beat)         \
    X(STOP, 7, stop)

enum proto_message_kind {
#define X(name, number, member) PROTO_MESSAGE_##name = number,
    PROTO_MESSAGE_MAP(X)
#undef X
};
/* clang-format on */

/* First message of a worker: who it is and what it computes with. */
struct proto_hello {
    uint32_t version;
    const char *host;
    uint32_t pid;
    const char *device;     /* "cpu,f32" */
    const char *kernels;    /* implementations in use, with commas; differing ones cost exactness */
    const char *model_hash; /* hex SHA-256; must equal the coordinator's */
    uint32_t threads;
};

/* A tile as the worker needs it; its id is its index in the plan's list. */
struct proto_plan_tile {
    uint32_t level;
    uint32_t row0, col0, rows, cols; /* cells */
};

/* The tile set for frames of one size. The worker prepares the shapes of the tiles `mine` names
 * (others are prepared when first asked for), makes its receive buffers and answers READY. */
struct proto_plan {
    uint32_t plan; /* number of this plan; FRAMEs name it */
    struct proto_size frame;
    float candidate_threshold;
    uint32_t depth;           /* most FRAMEs on their way to one worker */
    uint64_t frame_bytes_max; /* largest FRAME message of this plan */
    uint32_t tile_count;
    const struct proto_plan_tile *tiles;
    uint32_t mine_count;
    const uint32_t *mine;
};

struct proto_ready {
    uint32_t plan;
    int32_t status;        /* PROTO_OK, or why this worker can't work with the plan */
    const char *text;      /* reason, for the log */
    uint64_t memory_bytes; /* resident set after preparing */
};

/* Work for one frame. The pixels of all bands follow the header, in this order, tightly packed. */
struct proto_frame {
    uint32_t plan;
    uint64_t seq;        /* frame number */
    uint32_t assignment; /* tells a second attempt at the same frame from the first */
    uint32_t tile_count;
    const uint32_t *tiles;
    uint32_t band_count;
    const struct proto_band *bands;
    uint64_t pixel_bytes;
};

struct proto_result {
    uint32_t plan;
    uint64_t seq;
    uint32_t assignment;
    int32_t status;
    const char *text; /* reason when status is not PROTO_OK */
    uint32_t tile_count;
    const uint32_t *tiles;   /* searched */
    const uint32_t *tile_us; /* compute time of each */
    uint64_t received_us;    /* worker's clock: FRAME complete */
    uint64_t started_us;     /* compute began */
    uint64_t finished_us;    /* compute ended */
    uint32_t survivor_count;
    const struct proto_survivor *survivors; /* in order of tile, row, column */
};

struct proto_beat {
    uint64_t count;
    uint32_t state;  /* enum proto_worker_state */
    uint32_t queued; /* FRAMEs received and not answered */
    /* What its watts are read from, "ina3221 VDD_IN"; NULL: no power data. */
    const char *power;
    uint32_t power_own; /* 1: this worker's alone; 0: of its host, the same for all workers there */
    uint32_t power_period_us; /* between two samples */
    /* Since the worker started; power_us 0: no data yet. Two BEATs tell the energy and the time with data
     * between them. */
    uint64_t power_us;      /* time covered by data */
    uint64_t power_samples; /* readings that succeeded */
    uint32_t power_mw;      /* the last one */
    uint64_t energy_uj;     /* within power_us */
};

/* STOPPED is a worker's answer to STOP and its last message. */
enum proto_worker_state {
    PROTO_WORKER_STARTING,
    PROTO_WORKER_READY,
    PROTO_WORKER_FAILED,
    PROTO_WORKER_STOPPED,
};

struct proto_stop {
    int32_t status;
};

struct proto_message {
    enum proto_message_kind kind;
    union {
        struct proto_hello hello;
        struct proto_plan plan;
        struct proto_ready ready;
        struct proto_frame frame;
        struct proto_result result;
        struct proto_beat beat;
        struct proto_stop stop;
    };
    const uint8_t *pixels; /* FRAME after decoding: first pixel, inside the decoded buffer */
};

#endif
