/* Faults by name and by chance. */
#include "coordinator/sim/fault.h"

#include <inttypes.h>
#include <stdio.h>

const char *sim_fault_word(enum sim_fault_kind kind)
{
    static const char *const words[] = {
#define X(name, word, amount) word,
        SIM_FAULT_MAP(X)
#undef X
    };
    return words[kind];
}

const char *sim_fault_text(const struct sim_fault *fault, char *text, size_t cap_bytes)
{
    char who[24] = "coordinator", end[32] = "for good";
    if (fault->board >= 0)
        snprintf(who, sizeof who, "rank %d", fault->board + 1);
    if (fault->until_us != SIM_NEVER)
        snprintf(end, sizeof end, "until %.6f s", (double)fault->until_us / 1e6);
    snprintf(text, cap_bytes, "%s: %s %g at %.6f s %s", who, sim_fault_word(fault->kind),
             fault->amount, (double)fault->at_us / 1e6, end);
    return text;
}

static double amount_draw(struct sim_random *random, enum sim_fault_kind kind)
{
    switch (kind) {
    case SIM_FAULT_DELAY:
    case SIM_FAULT_REORDER:
        return (double)sim_random_within(random, 1000, 200000);
    case SIM_FAULT_NARROW:
        return (double)sim_random_within(random, 2, 100);
    case SIM_FAULT_CUT:
        return (double)sim_random_below(random, 3);
    case SIM_FAULT_DUPLICATE:
    case SIM_FAULT_CORRUPT:
    case SIM_FAULT_TRUNCATE:
        return 0.02 + 0.5 * sim_random_unit(random) * sim_random_unit(random);
    case SIM_FAULT_CRASH:
        return (double)sim_random_below(random, 2);
    case SIM_FAULT_SLOW:
        return 1.2 + 20.0 * sim_random_unit(random) * sim_random_unit(random);
    case SIM_FAULT_CLOCK: /* up to a day, either way */
        return (sim_random_unit(random) - 0.5) * (sim_random_chance(random, 0.5) ? 1.7e11 : 1e6);
    default:
        return 0.0;
    }
}

struct sim_fault sim_fault_draw(struct sim_random *random, int32_t board, uint64_t from_us,
                                uint64_t to_us, uint64_t long_us)
{
    struct sim_fault fault = {.board = board};
    fault.kind = (enum sim_fault_kind)sim_random_below(random, SIM_FAULT_KINDS);
    fault.at_us = sim_random_within(random, from_us, to_us);
    /* Short ones too: what ends before it is noticed is a case of its own. */
    const uint64_t most_us = sim_random_chance(random, 0.4) ? long_us / 10 + 1 : long_us;
    fault.until_us = fault.at_us + 1 + sim_random_below(random, most_us);
    fault.amount = amount_draw(random, fault.kind);
    if (fault.kind == SIM_FAULT_STALL)
        fault.board = -1;
    if (fault.kind == SIM_FAULT_CRASH && sim_random_chance(random, 0.5))
        fault.until_us = SIM_NEVER;
    return fault;
}
