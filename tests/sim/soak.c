/* Seeds by the million, and one run of a million frames whose memory must not grow.
 *
 *   soak --seeds 1000000 --from 1     stops at the first seed that breaks a rule, and says how to see it
 *   soak --seed 4711 --log            that one, with all its events
 *   soak --frames 1000000             one run, faults now and then, resident memory watched
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
static bool speed = true;

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
    return broken > 0;
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
        {"keep-going", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    uint64_t from = 1, seeds = 100000, seed = 0;
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
    return single ? one(seed, log ? stdout : NULL) : seeds_run(from, seeds, keep_going);
}
