/* Random clusters with random faults. */
#include "coordinator/sim/trial.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "proto/status.h"

/* The core's longer waits are cut down, so that a run is short. */
enum {
    FAULTS_FROM_US = 1000,
    FAULTS_TO_US = 1500000,
    FAULT_LONG_US = 2500000,
    JOIN_US = 3000000,
    SILENCE_US = 500000,
    STARTING_US = 2000000,
    PATIENCE_US = 1000000,
    BENCH_US = 100000,
    RECOVERY_US = 4000000,
    SHORT_US = 200000,
    RECOVERY_FRAMES = 200, /* a worker that was left out is tried again after 128 */
    TAIL_FRAMES = 20,
    WARM_UP_FRAMES = 12, /* of the run without faults, before its period is measured */
};

static void boards_draw(struct sim_trial *trial, struct sim_random *random)
{
    static const double speeds[] = {1, 1, 2, 4};
    const bool mixed = sim_random_chance(random, 0.5);
    const double noise = sim_random_chance(random, 0.5) ? 0.0 : 0.03;
    for (int32_t b = 0; b < trial->settings.board_count; b++) {
        struct sim_board_settings *board = &trial->boards[b];
        sim_board_defaults(board);
        board->speed.macs_per_us = 0.05 * (mixed ? speeds[sim_random_below(random, 4)] : 1);
        board->speed.tile_us = 50;
        board->speed.frame_us = 200;
        board->speed.bytes_per_us = sim_random_chance(random, 0.5) ? 125 : 12.5;
        board->speed.latency_us = 100;
        board->noise = noise;
        board->open_us = sim_random_within(random, 1000, 100000);
        board->prepare_us = sim_random_within(random, 1000, 100000);
    }
}

void sim_trial_draw_faults(struct sim_trial *trial, struct sim_random *random, uint32_t kinds,
                           uint64_t from_us, uint64_t to_us, uint64_t long_us)
{
    const int count = (int)sim_random_below(random, SIM_TRIAL_FAULTS_MAX + 1);
    const int32_t boards = trial->settings.board_count;
    const int32_t spared = sim_random_chance(random, 0.7) ? 1 : 0;
    trial->settings.faults = trial->faults;
    trial->settings.fault_count = 0;
    for (int i = 0; i < count && boards > spared; i++) {
        const int32_t board =
            spared + (int32_t)sim_random_below(random, (uint64_t)(boards - spared));
        const struct sim_fault fault = sim_fault_draw(random, board, from_us, to_us, long_us);
        if (kinds >> fault.kind & 1)
            trial->faults[trial->settings.fault_count++] = fault;
    }
}

void sim_trial_draw(struct sim_trial *trial, const struct partition_model *model, uint64_t seed,
                    uint32_t kinds)
{
    static const struct proto_size sizes[] = {{64, 48}, {80, 40}, {37, 61}, {120, 90}};
    static const struct partition_tile_settings tiles[] = {
        {.max_rows = 4, .max_cols = 5}, {.max_rows = 7}, {.max_rows = 0}};
    struct sim_random random = {sim_mix(seed)};
    struct sim_settings *s = &trial->settings;

    trial->seed = seed;
    trial->speed = true;
    trial->healthy_period_us = NAN;
    trial->verdict[0] = '\0';
    sim_defaults(s);
    s->core.model = model;
    s->core.tiles = tiles[sim_random_below(&random, 3)];
    s->core.depth = (int32_t)sim_random_within(&random, 1, 3);
    s->core.slots = s->core.depth + (int32_t)sim_random_below(&random, 3);
    s->core.join_us = JOIN_US;
    s->core.silence_us = SILENCE_US;
    s->core.starting_us = STARTING_US;
    s->core.patience_us = PATIENCE_US;
    s->core.bench_us = BENCH_US;
    s->recovery_us = RECOVERY_US;
    s->recovery_frames = RECOVERY_FRAMES;
    s->frame = sizes[sim_random_below(&random, 4)];
    if (sim_random_chance(&random, 0.2))
        s->other_frame = sizes[sim_random_below(&random, 4)];
    s->unreadable = sim_random_chance(&random, 0.2) ? 0.05 : 0;
    s->board_count =
        (int32_t)sim_random_within(&random, 1, sim_random_chance(&random, 0.5) ? 4 : 8);
    s->boards = trial->boards;
    s->jitter_us = sim_random_chance(&random, 0.5) ? 0 : 500;
    s->frames = 20;
    s->capture_us = 3000;
    s->tail_frames = TAIL_FRAMES;
    s->answers = SIM_ANSWERS_RANDOM;
    s->seed = seed;
    boards_draw(trial, &random);
    sim_trial_draw_faults(trial, &random, kinds, FAULTS_FROM_US, FAULTS_TO_US, FAULT_LONG_US);
}

struct periods {
    uint64_t frames, warm_up, first_us, last_us;
};

static void on_report(void *arg, const struct coordinator_frame_report *report, uint64_t now_us)
{
    struct periods *periods = arg;
    (void)report;
    if (++periods->frames == periods->warm_up)
        periods->first_us = now_us;
    periods->last_us = now_us;
}

/* The period of the boards that are left, in a run of their own. */
static int healthy_run(struct sim_trial *trial)
{
    struct sim_settings settings = trial->settings;
    struct sim_outcome outcome;
    struct periods periods = {.warm_up = WARM_UP_FRAMES};
    struct sim_board_settings *boards = calloc((size_t)settings.board_count, sizeof *boards);
    if (!boards)
        return PROTO_NO_MEMORY;
    settings.board_count = 0;
    for (int32_t b = 0; b < trial->settings.board_count; b++)
        if (trial->outcome.usable[b])
            boards[settings.board_count++] = trial->settings.boards[b];
    settings.boards = boards;
    settings.fault_count = 0;
    settings.other_frame = (struct proto_size){0, 0};
    settings.frame = trial->outcome.frame;
    settings.unreadable = 0;
    settings.frames = WARM_UP_FRAMES + TAIL_FRAMES;
    settings.answers = SIM_ANSWERS_NONE;
    settings.log = NULL;
    settings.on_report = on_report;
    settings.on_report_arg = &periods;
    int status = settings.board_count > 0 ? sim_run(&settings, &outcome) : PROTO_OK;
    free(boards);
    if (settings.board_count == 0)
        return status;
    if (!status && outcome.broken[0])
        snprintf(trial->verdict, sizeof trial->verdict, "without faults: %s", outcome.broken);
    else if (!status)
        trial->healthy_period_us =
            (double)(periods.last_us - periods.first_us) / (double)TAIL_FRAMES;
    return status;
}

int sim_trial_run(struct sim_trial *trial)
{
    /* Equal plans give equal periods; what differs is chance in the tail: noise, jitter, beats between. */
    const double tolerance = 1.10, floor_us = 1000;
    struct sim_settings settings = trial->settings;
    if (!trial->speed) { /* a few frames after the last fault are enough */
        settings.recovery_us = SHORT_US;
        settings.recovery_frames = 0;
        settings.tail_frames = 4;
    }
    int status = sim_run(&settings, &trial->outcome);
    const struct sim_outcome *outcome = &trial->outcome;
    if (status)
        return status;
    if (outcome->broken[0]) {
        snprintf(trial->verdict, sizeof trial->verdict, "%s", outcome->broken);
        return PROTO_OK;
    }
    if (!trial->speed || trial->settings.fault_count == 0 || isnan(outcome->tail_period_us) ||
        trial->settings.unreadable > 0)
        return PROTO_OK;
    status = healthy_run(trial);
    if (!status && !trial->verdict[0] &&
        outcome->tail_period_us > trial->healthy_period_us * tolerance + floor_us)
        snprintf(trial->verdict, sizeof trial->verdict,
                 "after the last fault a frame takes %.1f ms; the boards that are left can do it "
                 "in %.1f ms",
                 outcome->tail_period_us / 1e3, trial->healthy_period_us / 1e3);
    return status;
}

void sim_trial_print(const struct sim_trial *trial, FILE *out)
{
    const struct sim_settings *s = &trial->settings;
    char text[96];
    fprintf(out, "seed %" PRIu64 ": %d boards, frames of %d x %d, depth %d, %d faults\n",
            trial->seed, s->board_count, s->frame.w, s->frame.h, s->core.depth, s->fault_count);
    for (int32_t b = 0; b < s->board_count; b++)
        fprintf(out, "  rank %d: %s, %g MACs/us, link %g MB/s\n", b + 1, s->boards[b].name,
                s->boards[b].speed.macs_per_us, s->boards[b].speed.bytes_per_us);
    for (int i = 0; i < s->fault_count; i++)
        fprintf(out, "  %s\n", sim_fault_text(&s->faults[i], text, sizeof text));
}
