/* Energy accounts: what the workers' BEATs say they draw, and what that is for a run. No I/O.
 *
 * A rail that belongs to a host (a board's sensor) is counted once however many workers of that host read
 * it. Without data from one of them the sum is not known, and NAN, never what the others drew.
 */
#ifndef COORDINATOR_POWER_H
#define COORDINATOR_POWER_H

#include "coordinator/report.h"
#include "proto/message.h"

/* One worker's. Zeroed is empty. */
struct coordinator_power_account {
    char rail[192]; /* ""; never any data */
    bool own;
    uint32_t period_us;
    struct coordinator_power_point {
        uint64_t energy_uj, covered_us, samples;
    } first, last; /* when the run began; now */
    uint64_t last_at_us,
        begin_us; /* of `last`; of a run whose `first` the next BEAT will tell, else 0 */
};

/* A BEAT came. now_us: the clock of both functions. */
void coordinator_power_beat(struct coordinator_power_account *account,
                            const struct proto_beat *beat, uint64_t now_us);
/* The run begins: what was drawn before does not count. BEATs are a tenth of a second apart, so the sums at this
 * moment are taken from the two around it, in proportion. */
void coordinator_power_begin(struct coordinator_power_account *account, uint64_t now_us);

/* Fill the workers' power and the run's. accounts: one per worker of run->workers; the rails point into them. wall_ms
 * and the workers' hosts and `absent` are known already. */
void coordinator_power_describe(const struct coordinator_power_account *accounts,
                                struct coordinator_run_worker *workers, uint32_t count,
                                double wall_ms, struct coordinator_run_power *power);

#endif
