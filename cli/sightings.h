/* Boxes of whole persons out of truth or detections files, for `muster camera`. */
#ifndef CLI_SIGHTINGS_H
#define CLI_SIGHTINGS_H

#include "partition/camera_estimate.h"

enum { CLI_SIGHTINGS_A_TRACK = 12 }; /* more of one person tell little more */

struct cli_sightings {
    struct partition_sighting *list;
    uint32_t count;
    uint32_t cut, low, too_many; /* boxes left out: not wholly in the picture; ignored or with a low
                                    score; more than are kept of one person, or in all */
};

/* Boxes of consecutive frames that overlap count as one person's. Boxes that touch the picture's edges
 * are left out. threshold: least score of a detection. The log names file and line.
 * Returns what eval_truth_open or eval_detections_read return. */
int cli_sightings_truth(const char *path, struct proto_size frame, struct cli_sightings *sightings);
int cli_sightings_detections(const char *path, struct proto_size frame, double threshold,
                             struct cli_sightings *sightings);
void cli_sightings_free(struct cli_sightings *sightings);

#endif
