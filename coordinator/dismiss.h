/* Send the workers home before a run has begun: rank 0 found its input or its model unusable.
 */
#ifndef COORDINATOR_DISMISS_H
#define COORDINATOR_DISMISS_H

#include <stdbool.h>

#include "proto/link.h"

/* STOP to every peer; returns when each has said goodbye (true), or after ten seconds. */
bool coordinator_dismiss(struct proto_link *link);

#endif
