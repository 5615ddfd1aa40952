/* What a worker draws: one of several samplers behind a table, and the sums that its BEATs carry.
 *
 * "No power data" is a state of its own, never a zero: a worker without a sampler, or whose sampler can't be read,
 * says so by covering no time. Time without data is not filled in.
 */
#ifndef WORKER_POWER_H
#define WORKER_POWER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct worker_power;

struct worker_power_settings {
    const char *spec;   /* "auto"; worker_power_list shows all */
    const char *root;   /* ""; stands before /sys: a recorded tree, for instance */
    const char *device; /* the worker's device: sim:BOARD is charged from the board's profile */
    uint64_t period_us; /* 50 ms: between two samples */
};
void worker_power_defaults(struct worker_power_settings *settings);

/* Whether a spec can be meant; PROTO_INVALID is logged with what there is. */
int worker_power_check(const char *spec);
/* Table for --help. */
void worker_power_list(FILE *out);

/* Find what can be read. Returns PROTO_OK also when there is nothing to read, which is logged unless spec is
 * "auto" or "none"; PROTO_INVALID (the spec), PROTO_NO_MEMORY. settings are borrowed for the call. */
int worker_power_open(const struct worker_power_settings *settings, struct worker_power **out);
void worker_power_close(struct worker_power *power); /* NULL is fine */

/* "ina3221 VDD_IN"; NULL: no power data. */
const char *worker_power_rail(const struct worker_power *power);
/* The rail is this worker's alone, not its host's. */
bool worker_power_own(const struct worker_power *power);
/* Time between two samples; 0: none are needed. */
uint64_t worker_power_period_us(const struct worker_power *power);

/* Read once, unless that was done within the last half period. now_us: any clock that does not run backwards,
 * the same for both functions. */
void worker_power_sample(struct worker_power *power, uint64_t now_us);
/* The device has work, or none any more: what a modelled board's power hangs on. */
void worker_power_busy(struct worker_power *power, bool busy, uint64_t now_us);

struct worker_power_sums {
    uint64_t covered_us; /* 0: no data yet */
    uint64_t samples;    /* readings that succeeded */
    double watts;        /* the last one */
    double joules;       /* within covered_us */
};
struct worker_power_sums worker_power_sums(const struct worker_power *power);

#endif
