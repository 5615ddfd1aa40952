/* What goes wrong in a simulated run: a list of faults with times, written by hand or drawn by seed.
 */
#ifndef COORDINATOR_SIM_FAULT_H
#define COORDINATOR_SIM_FAULT_H

#include <stddef.h>
#include <stdint.h>

#include "coordinator/sim/random.h"

/* X(NAME, word, what `amount` is). Every fault holds from at_us until until_us. */
/* clang-format off */
#define SIM_FAULT_MAP(X)                                                                       \
    X(DELAY,     "delay",     "us added to every message of the link")                         \
    X(NARROW,    "narrow",    "the link's bandwidth is divided by it")                         \
    X(CUT,       "cut",       "0: both ways, 1: only to the worker, 2: only from it; TCP keeps what was sent") \
    X(REORDER,   "reorder",   "messages of the link may overtake each other by up to so many us") \
    X(DUPLICATE, "duplicate", "share of messages that come twice")                             \
    X(CORRUPT,   "corrupt",   "share of messages with a changed byte in their header")         \
    X(TRUNCATE,  "truncate",  "share of messages that are cut short")                          \
    X(CRASH,     "crash",     "0: the process dies, 1: the whole board; a restart says HELLO at the end") \
    X(HANG,      "hang",      "-: SIGSTOP: nothing is received, computed or said")             \
    X(STUCK,     "stuck",     "-: the device computes nothing, beats go on")                   \
    X(SLOW,      "slow",      "computing takes so many times as long")                         \
    X(CLOCK,     "clock",     "us by which the worker's clock jumps, at the beginning")        \
    X(STALL,     "stall",     "-: the coordinator's process stands still")
/* clang-format on */

enum sim_fault_kind {
#define X(name, word, amount) SIM_FAULT_##name,
    SIM_FAULT_MAP(X)
#undef X
        SIM_FAULT_KINDS
};

#define SIM_NEVER UINT64_MAX /* as until_us of a CRASH: no restart */

struct sim_fault {
    enum sim_fault_kind kind;
    int32_t board;            /* -1: STALL */
    uint64_t at_us, until_us; /* since the run's beginning */
    double amount;
};

const char *sim_fault_word(enum sim_fault_kind kind);
/* "rank 3: hang, 1.250 s .. 3.000 s". Returns text. */
const char *sim_fault_text(const struct sim_fault *fault, char *text, size_t cap_bytes);

/* A random fault of a board that begins within [from_us, to_us]; most last up to long_us. */
struct sim_fault sim_fault_draw(struct sim_random *random, int32_t board, uint64_t from_us,
                                uint64_t to_us, uint64_t long_us);

#endif
