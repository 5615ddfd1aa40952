/* What is known of workers' speeds before their first answer: measured profiles that the user names, and
 * the board's file of a device that is a board (sim:BOARD).
 */
#ifndef COORDINATOR_KNOWLEDGE_H
#define COORDINATOR_KNOWLEDGE_H

#include "partition/cost.h"
#include "partition/model.h"
#include "proto/message.h"

struct coordinator_knowledge;

struct coordinator_watts {
    double idle_w, busy_w; /* NAN: not known */
};

/* profiles: files, with commas between them; NULL: none. The model is borrowed.
 * Returns PROTO_OK, PROTO_NO_MEMORY, or why a file can't be used (logged). */
int coordinator_knowledge_open(const char *profiles, const struct partition_model *model,
                               struct coordinator_knowledge **out);
void coordinator_knowledge_close(struct coordinator_knowledge *knowledge); /* NULL is fine */
/* Of the profiles of this device one whose host is the worker's, and whose threads, else of any host; otherwise the
 * board's file. false: nothing is known. speed's shapes live until close. */
bool coordinator_knowledge_find(const struct coordinator_knowledge *knowledge,
                                const struct proto_hello *hello, struct partition_speed *speed,
                                struct coordinator_watts *watts);

#endif
