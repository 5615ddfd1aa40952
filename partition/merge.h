/* Join the tiles' answers of one frame into persons: finish the in-plane NMS at cut edges, 3D NMS
 * between neighbouring levels, refinement, overlap suppression (partition/nms.h has the rules).
 *
 * Survivors may be added in any order, a tile's survivors all at once; the result does not depend on
 * the order. All memory is taken when it is opened; nothing is allocated per frame.
 */
#ifndef PARTITION_MERGE_H
#define PARTITION_MERGE_H

#include "partition/camera.h"
#include "partition/tile.h"

struct partition_merge;

/* Keeps pointers to (borrows) the three; they outlive it. threshold: final score threshold.
 * Returns PROTO_OK or PROTO_NO_MEMORY. */
int partition_merge_open(const struct partition_pyramid *pyramid,
                         const struct partition_model *model, const struct partition_tiles *tiles,
                         float threshold, struct partition_merge **out);
void partition_merge_close(struct partition_merge *merge);

/* Detections get their distance from now on (NULL: none). Borrowed. */
void partition_merge_borrow_camera(struct partition_merge *merge,
                                   const struct partition_camera *camera);
/* Of the detections of the last finish, how many peak outside the bands. */
uint32_t partition_merge_outside(const struct partition_merge *merge,
                                 const struct partition_rows bands[PROTO_LEVELS_MAX]);

/* Forget the last frame. */
void partition_merge_reset(struct partition_merge *merge);
/* Add survivors of tiles not added before, each tile's together and in order of row and column.
 * Outside data: each is checked (tile, cell inside the tile, order, finite score, flags that fit the
 * cell). Returns PROTO_OK, PROTO_INVALID or PROTO_LIMIT (logged; nothing was added). */
int partition_merge_add(struct partition_merge *merge, const struct proto_survivor *survivors,
                        uint32_t count);
/* Persons with a score above the threshold, best first (ties: level, row, column).
 * *detections is valid until the next reset. */
int partition_merge_finish(struct partition_merge *merge, const struct proto_detection **detections,
                           uint32_t *count);

/* Most survivors a tile can send: peaks plus cells near cut edges. */
uint32_t partition_merge_survivors_max(const struct partition_pyramid *pyramid,
                                       const struct partition_tile *tile);

#endif
