/* The lower bound T* of the frame period: no plan of these tiles for these workers can be faster.
 * The fractional relaxation (Lenstra, Shmoys, Tardos 1990; StarPU's starpu_bound_compute is the precedent for
 * reporting it): x_ij >= 0, each tile given out once, worker rows and the one-port row at most T,
 * x_ij = 0 where tile i alone takes worker j longer than T.
 */
#ifndef PARTITION_BOUND_H
#define PARTITION_BOUND_H

#include "partition/plan.h"

/* Fills *period_us. gap = plan->period_us / *period_us - 1 is never below 0 (up to rounding).
 * Returns PROTO_OK, PROTO_NO_MEMORY, PROTO_INVALID as partition_plan_open. */
int partition_bound_period(const struct partition_pyramid *pyramid,
                           const struct partition_tiles *tiles,
                           const struct partition_plan_settings *settings, double *period_us);

#endif
