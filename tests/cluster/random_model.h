/* A model folder with two small nets of random weights, for whole runs in tests.
 *
 * Its detections mean nothing, but there are many, in all levels, and they take no time: what
 * is wanted to compare runs. Window 30 x 14, stride 4, person 24 px high in it.
 */
#ifndef TESTS_CLUSTER_RANDOM_MODEL_H
#define TESTS_CLUSTER_RANDOM_MODEL_H

#include <stdint.h>

/* Returns 0, or 1 when it could not be written. */
int random_model_write(const char *dir, uint64_t seed, int levels);

#endif
