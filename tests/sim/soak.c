/* Seeds by the million, and one run of a million frames whose memory must not grow.
 *
 *   soak --seeds 1000000 --from 1     stops at the first seed that breaks a rule, and says how to see it
 *   soak --seed 4711 --log            that one, with all its events
 *   soak --frames 1000000             one run, faults now and then, resident memory watched
 *   soak --seeds 2000 --must-break    success if some seed breaks a rule: for deliberately broken cores
 */
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/sim/trial.h"
#include "proto/status.h"
#include "tests/sim/small_model.h"

static struct partition_model model;
static struct sim_trial trial;
static uint32_t kinds = SIM_TRIAL_ALL;
static bool speed = true, must_break;

static void print_help(void)
{
    puts("usage: soak [--from N] [--seeds N] [--keep-going] [--kinds MASK] [--no-speed] | --seed N "
         "[--log]");
}

static int one(uint64_t seed, FILE *log)
{
    sim_trial_draw(&trial, &model, seed, kinds);
    trial.settings.log = log;
    trial.speed = speed;
    if (log)
        sim_trial_print(&trial, log);
    if (sim_trial_run(&trial)) {
        fprintf(stderr, "seed %" PRIu64 ": out of memory\n", seed);
        exit(1);
    }
    if (trial.verdict[0])
        printf("seed %" PRIu64 ": %s\n", seed, trial.verdict);
    return trial.verdict[0] != '\0';
}

static int seeds_run(uint64_t from, uint64_t count, bool keep_going)
{
    uint64_t broken = 0, frames = 0, incomplete = 0, rounds = 0;
    for (uint64_t seed = from; seed < from + count; seed++) {
        broken += (uint64_t)one(seed, NULL);
        frames += trial.outcome.frames;
        incomplete += trial.outcome.incomplete;
        rounds += trial.outcome.rounds;
        if (broken && !keep_going)
            break;
        if ((seed - from + 1) % 100000 == 0) {
            printf("%" PRIu64 " seeds, %" PRIu64 " frames\n", seed - from + 1, frames);
            fflush(stdout);
        }
    }
    printf("%" PRIu64 " frames, %" PRIu64 " incomplete, %" PRIu64 " FRAMEs to others, %" PRIu64
           " seeds broke a rule\n",
           frames, incomplete, rounds, broken);
    return (broken > 0) != must_break;
}

/* ---- one long run ---- */

enum { EVERY_US = 30000000, LONG_US = 3000000, LONG_FAULTS = 20000, WARM_UP = 1000 };

struct memory {
    uint64_t frames;
    long first_pages, most_pages;
};

/* Resident pages; 0 where the system does not tell. */
static long resident(void)
{
    long size, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%ld %ld", &size, &pages) != 2)
        pages = 0;
    fclose(file);
    return pages;
}

static void on_report(void *arg, const struct coordinator_frame_report *report, uint64_t now_us)
{
    struct memory *memory = arg;
    (void)report, (void)now_us;
    if (++memory->frames % WARM_UP != 0)
        return;
    const long pages = resident();
    if (memory->frames == WARM_UP)
        memory->first_pages = pages;
    if (pages > memory->most_pages)
        memory->most_pages = pages;
    if (memory->frames % 100000 == 0) {
        printf("%" PRIu64 " frames, %ld KiB resident\n", memory->frames,
               pages * (sysconf(_SC_PAGESIZE) / 1024));
        fflush(stdout);
    }
}

/* Four boards, a fault of any kind every half minute of virtual time. */
static int frames_run(uint64_t frames)
{
    struct sim_random random = {1};
    struct memory memory = {0};
    struct sim_outcome outcome;
    struct sim_fault *faults = calloc(LONG_FAULTS, sizeof *faults);
    const long kib = sysconf(_SC_PAGESIZE) / 1024;
    if (!faults)
        return 1;
    sim_trial_draw(&trial, &model, 1, 0);
    for (int i = 0; i < LONG_FAULTS; i++) {
        faults[i] =
            sim_fault_draw(&random, 1 + (int32_t)sim_random_below(&random, 3),
                           (uint64_t)i * EVERY_US, (uint64_t)i * EVERY_US + LONG_US, LONG_US);
        if (faults[i].until_us == SIM_NEVER) /* or nobody would be left in the end */
            faults[i].until_us = faults[i].at_us + LONG_US;
    }
    trial.settings.board_count = 4;
    trial.settings.faults = faults;
    trial.settings.fault_count = LONG_FAULTS;
    trial.settings.frames = frames;
    trial.settings.other_frame = (struct proto_size){0, 0};
    trial.settings.tail_frames = 0;
    trial.settings.on_report = on_report;
    trial.settings.on_report_arg = &memory;
    int status = sim_run(&trial.settings, &outcome);
    free(faults);
    printf("%" PRIu64 " frames, %" PRIu64 " complete, %" PRIu64 " FRAMEs to others; resident after "
           "%d frames %ld KiB, later at most %ld KiB\n",
           outcome.frames, outcome.complete, outcome.rounds, WARM_UP, memory.first_pages * kib,
           memory.most_pages * kib);
    if (outcome.broken[0])
        printf("%s\n", outcome.broken);
    return status || outcome.broken[0] ||
           memory.most_pages > memory.first_pages + memory.first_pages / 50 + 64;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"from", required_argument, NULL, 'f'},
        {"seeds", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'},
        {"log", no_argument, NULL, 'l'},
        {"kinds", required_argument, NULL, 'm'},
        {"no-speed", no_argument, NULL, 'p'},
        {"must-break", no_argument, NULL, 'b'},
        {"frames", required_argument, NULL, 'F'},
        {"keep-going", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    uint64_t from = 1, seeds = 100000, seed = 0, frames = 0;
    bool log = false, single = false, keep_going = false;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'f':
            from = strtoull(optarg, NULL, 10);
            break;
        case 'n':
            seeds = strtoull(optarg, NULL, 10);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 10);
            single = true;
            break;
        case 'm':
            kinds = (uint32_t)strtoul(optarg, NULL, 0);
            break;
        case 'b':
            must_break = true;
            break;
        case 'F':
            frames = strtoull(optarg, NULL, 10);
            break;
        case 'p':
            speed = false;
            break;
        case 'l':
            log = true;
            break;
        case 'k':
            keep_going = true;
            break;
        case 'h':
            print_help();
            return 0;
        default:
            print_help();
            return 2;
        }
    }
    if (small_model_init(&model))
        return 1;
    if (frames > 0)
        return frames_run(frames);
    return single ? one(seed, log ? stdout : NULL) : seeds_run(from, seeds, keep_going);
}
