/* Speeds from files. */
#include "coordinator/knowledge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/config_board.h"
#include "proto/status.h"

struct coordinator_knowledge {
    const struct partition_model *model;
};

int coordinator_knowledge_open(const char *profiles, const struct partition_model *model,
                               struct coordinator_knowledge **out)
{
    (void)profiles;
    struct coordinator_knowledge *knowledge = calloc(1, sizeof *knowledge);
    if (!knowledge)
        return PROTO_NO_MEMORY;
    knowledge->model = model;
    *out = knowledge;
    return PROTO_OK;
}

void coordinator_knowledge_close(struct coordinator_knowledge *knowledge)
{
    free(knowledge);
}

/* "sim:tx1,f16,mode=MAXN" */
static bool board_find(const char *device, struct partition_speed *speed,
                       struct coordinator_watts *watts)
{
    char text[192], *save = NULL;
    const char *name = NULL, *mode = NULL;
    enum proto_board_precision precision = PROTO_BOARD_PRECISIONS;
    struct proto_config_board *board;
    struct proto_board_speed found;

    if (strncmp(device, "sim:", 4) != 0 || strlen(device) >= sizeof text)
        return false;
    strcpy(text, device + 4);
    for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        if (!name)
            name = word;
        else if (strncmp(word, "mode=", 5) == 0)
            mode = word + 5;
        for (int p = 0; p < PROTO_BOARD_PRECISIONS; p++)
            if (strcmp(word, proto_board_precision_name((enum proto_board_precision)p)) == 0)
                precision = (enum proto_board_precision)p;
    }
    if (!name || precision == PROTO_BOARD_PRECISIONS || proto_config_board_find(name, &board))
        return false;
    const int status = proto_config_board_speed(board, precision, mode, &found);
    proto_config_board_free(board);
    if (status)
        return false;
    partition_speed_of_board(&found, speed);
    *watts = (struct coordinator_watts){found.idle_w, found.busy_w};
    return true;
}

bool coordinator_knowledge_find(const struct coordinator_knowledge *knowledge,
                                const struct proto_hello *hello, struct partition_speed *speed,
                                struct coordinator_watts *watts)
{
    (void)knowledge;
    *watts = (struct coordinator_watts){NAN, NAN};
    return board_find(hello->device, speed, watts);
}
