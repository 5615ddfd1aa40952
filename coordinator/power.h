/* Energy accounts: what the workers' BEATs say they draw, and what that is for a run. No I/O.
 *
 * A rail that belongs to a host (a board's sensor) is counted once however many workers of that host read
 * it. Without data from one of them the sum is not known, and NAN, never what the others drew.
 */
#ifndef COORDINATOR_POWER_H
#define COORDINATOR_POWER_H

#include "coordinator/report.h"
#include "proto/message.h"

/* One worker's. Zeroed is empty; the lists below are of all workers. */
struct coordinator_power_account {
    char host[64];  /* ""; it never came, and is no part of the cluster */
    char rail[192]; /* ""; never any data */
    bool own;       /* the rail is this worker's alone */
    bool again;     /* the rail is in an earlier account already */
    uint32_t period_us;
    double watts; /* the last reading */
    struct coordinator_power_point {
        uint64_t energy_uj, covered_us, samples;
    } first, last; /* when the run began; now */
    uint64_t last_at_us,
        begin_us; /* of `last`; of a run whose `first` the next BEAT will tell, else 0 */
};

void coordinator_power_joined(struct coordinator_power_account *account, const char *host);
/* A BEAT of worker w came. now_us: the clock of both functions. */
void coordinator_power_beat(struct coordinator_power_account *accounts, uint32_t count, uint32_t w,
                            const struct proto_beat *beat, uint64_t now_us);
/* The run begins: what was drawn before does not count. BEATs are a tenth of a second apart, so the sums at this
 * moment are taken from the two around it, in proportion. */
void coordinator_power_begin(struct coordinator_power_account *account, uint64_t now_us);

/* What all of them draw, by their last BEATs; NAN: not known of one that came. */
double coordinator_power_now(const struct coordinator_power_account *accounts, uint32_t count);

/* Fill the workers' power, whose rails point into the accounts, and the run's. */
void coordinator_power_describe(const struct coordinator_power_account *accounts,
                                struct coordinator_run_worker *workers, uint32_t count,
                                double wall_ms, struct coordinator_run_power *power);

#endif
