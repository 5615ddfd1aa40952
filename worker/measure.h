/* What a device takes for each tile shape of a tile set, measured as it works: whole frames, tile after
 * tile, so that caches are as warm as they are in a run and no warmer.
 */
#ifndef WORKER_MEASURE_H
#define WORKER_MEASURE_H

#include "partition/tile.h"
#include "proto/config_profile.h"
#include "worker/exec.h"

struct worker_measure_settings {
    double seconds;      /* 5: measured for about so long, after one frame that is not counted */
    int32_t least, most; /* 5, 200: frames */
};
void worker_measure_defaults(struct worker_measure_settings *settings);

/* Fills shapes (one for each net and input size among the tiles, by net, width, height) and the
 * frame's fixed part of `profile`; the other fields stay. Free with proto_config_profile_free.
 * Returns PROTO_OK, PROTO_NO_MEMORY, or what exec returns. */
int worker_measure(struct worker_exec *exec, const struct partition_model *model,
                   const struct partition_pyramid *pyramid, const struct partition_tiles *tiles,
                   const struct worker_measure_settings *settings,
                   struct proto_config_profile *profile);

#endif
