/* A model of two small nets over six levels, without weights: geometry is all the simulator needs. */
#ifndef TESTS_SIM_SMALL_MODEL_H
#define TESTS_SIM_SMALL_MODEL_H

#include "partition/model.h"

/* Returns PROTO_OK. */
int small_model_init(struct partition_model *model);

#endif
