/* Faults begin and end. */
#include <stdlib.h>

#include "coordinator/sim/state.h"

static bool holds(const struct sim *sim, const struct sim_fault *fault)
{
    const uint64_t since_us = sim->now_us - sim->start_us;
    return since_us >= fault->at_us && since_us < fault->until_us;
}

/* What adds up is worked out anew from all faults that hold: no sum drifts. */
static void apply(struct sim *sim, int32_t b)
{
    struct sim_board *board = &sim->boards[b];
    struct sim_link *link = &board->link;
    board->slow = link->narrow = 1;
    link->delay_us = link->reorder_us = 0;
    link->duplicate = link->corrupt = link->truncate = 0;
    for (int i = 0; i < sim->settings.fault_count; i++) {
        const struct sim_fault *fault = &sim->settings.faults[i];
        if (fault->board != b || !holds(sim, fault))
            continue;
        switch (fault->kind) {
        case SIM_FAULT_DELAY:
            link->delay_us += fault->amount;
            break;
        case SIM_FAULT_NARROW:
            link->narrow = fault->amount > link->narrow ? fault->amount : link->narrow;
            break;
        case SIM_FAULT_REORDER:
            link->reorder_us += fault->amount;
            board->spoilt = true;
            break;
        case SIM_FAULT_DUPLICATE:
            link->duplicate = fault->amount;
            break;
        case SIM_FAULT_CORRUPT:
            link->corrupt = fault->amount;
            break;
        case SIM_FAULT_TRUNCATE:
            link->truncate = fault->amount;
            break;
        case SIM_FAULT_SLOW:
            board->slow *= fault->amount;
            break;
        default:
            break;
        }
    }
}

void sim_trouble_plan(struct sim *sim)
{
    for (int32_t b = 0; b < sim->settings.board_count; b++)
        apply(sim, b);
    for (int i = 0; i < sim->settings.fault_count; i++) {
        const struct sim_fault *fault = &sim->settings.faults[i];
        const bool ends = fault->until_us != SIM_NEVER;
        /* What a cut holds back comes later still (net.c). */
        const uint64_t end_us = !ends ? fault->at_us
                                : fault->kind == SIM_FAULT_CUT
                                    ? fault->until_us + (fault->until_us - fault->at_us) / 2
                                    : fault->until_us;
        struct sim_event event = {.kind = SIM_EVENT_FAULT, .board = fault->board, .index = i};
        sim_put(sim, sim->start_us + fault->at_us, event);
        event.kind = SIM_EVENT_FAULT_END;
        if (ends)
            sim_put(sim, sim->start_us + fault->until_us, event);
        if (sim->start_us + end_us > sim->last_fault_us)
            sim->last_fault_us = sim->start_us + end_us;
    }
}

static void crash(struct sim *sim, const struct sim_fault *fault)
{
    enum { NOTICE_US = 50000 };
    struct sim_board *board = &sim->boards[fault->board];
    if (board->state == SIM_BOARD_OFF || board->state == SIM_BOARD_STOPPED)
        return;
    sim_board_account(sim, fault->board);
    sim_board_die(sim, fault->board);
    board->without_notice = fault->amount > 0;
    if (!board->without_notice && sim_random_chance(&sim->random, 0.5))
        sim_put(sim, sim->now_us + sim_random_below(&sim->random, NOTICE_US),
                (struct sim_event){
                    .kind = SIM_EVENT_BROKEN, .board = fault->board, .life = board->life});
}

void sim_trouble_begin(struct sim *sim, int index)
{
    const struct sim_fault *fault = &sim->settings.faults[index];
    struct sim_board *board = fault->board >= 0 ? &sim->boards[fault->board] : NULL;
    char text[96];
    sim_log(sim, "FAULT  %s", sim_fault_text(fault, text, sizeof text));
    switch (fault->kind) {
    case SIM_FAULT_CUT:
        sim_net_cut(sim, fault->board, (int)fault->amount);
        break;
    case SIM_FAULT_CRASH:
        crash(sim, fault);
        break;
    case SIM_FAULT_HANG:
        board->hangs++;
        break;
    case SIM_FAULT_STUCK:
        board->stucks++;
        break;
    case SIM_FAULT_CLOCK:
        board->clock_us += (int64_t)fault->amount;
        board->spoilt = true;
        break;
    case SIM_FAULT_STALL:
        sim->stalls++;
        break;
    default:
        apply(sim, fault->board);
    }
}

void sim_trouble_end(struct sim *sim, int index)
{
    const struct sim_fault *fault = &sim->settings.faults[index];
    struct sim_board *board = fault->board >= 0 ? &sim->boards[fault->board] : NULL;
    char text[96];
    sim_log(sim, "END    %s", sim_fault_text(fault, text, sizeof text));
    switch (fault->kind) {
    case SIM_FAULT_CUT:
        sim_net_uncut(sim, fault->board, (int)fault->amount, fault->until_us - fault->at_us);
        break;
    case SIM_FAULT_CRASH:
        if (board->state == SIM_BOARD_OFF)
            sim_board_start(sim, fault->board, 0);
        break;
    case SIM_FAULT_HANG:
        board->hangs--;
        sim_board_go_on(sim, fault->board);
        break;
    case SIM_FAULT_STUCK:
        board->stucks--;
        sim_board_go_on(sim, fault->board);
        break;
    case SIM_FAULT_CLOCK:
        break;
    case SIM_FAULT_STALL:
        sim->stalls--;
        sim_go_on(sim);
        break;
    default:
        apply(sim, fault->board);
    }
}
