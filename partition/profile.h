/* A measured profile as a worker's speed. */
#ifndef PARTITION_PROFILE_H
#define PARTITION_PROFILE_H

#include "partition/cost.h"
#include "proto/config_profile.h"

struct partition_profile {
    struct partition_speed speed; /* its shapes point below */
    struct partition_shape_cost *shapes;
};

/* Shapes that were not measured are taken from a straight line through those that were: a fixed part and
 * MACs over a rate. Nets that the model does not have are left out.
 * Returns PROTO_OK, PROTO_NO_MEMORY, or PROTO_MISMATCH when no shape belongs to the model (logged). */
int partition_profile_open(const struct proto_config_profile *config,
                           const struct partition_model *model, struct partition_profile *out);
void partition_profile_close(struct partition_profile *profile); /* a zeroed one is fine */

#endif
