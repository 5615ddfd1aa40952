/* Names of pictures that are known to show nobody. */
#ifndef COORDINATOR_EVAL_NEGATIVES_H
#define COORDINATOR_EVAL_NEGATIVES_H

#include <stdbool.h>
#include <stddef.h>

struct eval_negatives {
    char **names; /* sorted; without folder */
    size_t count, cap;
};

/* path: a directory (its files), or a text file with one name a line. Returns PROTO_OK, PROTO_NOT_FOUND, PROTO_IO, PROTO_FORMAT,
 * PROTO_LIMIT or PROTO_NO_MEMORY; logged. Close in any case. */
int eval_negatives_open(const char *path, struct eval_negatives *negatives);
void eval_negatives_close(struct eval_negatives *negatives);
bool eval_negatives_contain(const struct eval_negatives *negatives, const char *name);

#endif
