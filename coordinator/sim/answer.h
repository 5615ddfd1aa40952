/* What a tile of a frame answers: sparse random candidates by seed, with flags as a device would set
 * them, also near cut edges. A pure function of its arguments, whoever computes it and whenever.
 */
#ifndef COORDINATOR_SIM_ANSWER_H
#define COORDINATOR_SIM_ANSWER_H

#include "proto/types.h"

enum { SIM_ANSWER_MAX = 6 }; /* survivors of one tile */

/* Returns the number written, in order of row and column. */
uint32_t sim_answer(uint64_t seed, uint64_t seq, const struct proto_tile_area *area, int32_t level,
                    float candidate_threshold, struct proto_survivor out[SIM_ANSWER_MAX]);

#endif
