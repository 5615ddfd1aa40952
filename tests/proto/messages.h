/* Random messages of every kind, and what it means for two of them to be equal. */
#ifndef TESTS_PROTO_MESSAGES_H
#define TESTS_PROTO_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/message.h"

enum { MESSAGES_ARRAY_MAX = 300 };

/* Memory that a random message points to. */
struct message_memory {
    char texts[4][200];
    uint32_t numbers[2][MESSAGES_ARRAY_MAX];
    struct proto_plan_tile tiles[MESSAGES_ARRAY_MAX];
    struct proto_band bands[MESSAGES_ARRAY_MAX];
    struct proto_survivor survivors[MESSAGES_ARRAY_MAX];
};

void message_make_random(struct proto_message *message, enum proto_message_kind kind,
                         struct message_memory *memory, uint64_t *seed);
bool messages_equal(const struct proto_message *a, const struct proto_message *b);

#endif
