/* What the partition tests share: seeded numbers and models that need no file. */
#ifndef TESTS_PARTITION_SUPPORT_H
#define TESTS_PARTITION_SUPPORT_H

#include "partition/model.h"

/* splitmix64: the same numbers everywhere. */
struct random {
    uint64_t state;
};
uint64_t random_next(struct random *random);
/* low..high, both included. */
int32_t random_in(struct random *random, int32_t low, int32_t high);

/* The paper's topology (DESIGN.md section 3), without weights. */
void paper_net_init(struct partition_net *net);
/* Its model: three nets, 26 levels, 640x960 padded picture. */
void paper_model_init(struct partition_model *model);
/* A made-up model with any geometry: 1 to 3 nets that differ in window, stride, border, person. */
void random_model_init(struct partition_model *model, struct random *random);

/* Log lines of the code under test, instead of stderr. */
void log_capture(void);
const char *log_captured(void); /* all lines since log_capture */
void log_release(void);

#endif
