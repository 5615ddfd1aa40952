/* Speeds from files. */
#include "coordinator/knowledge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "partition/profile.h"
#include "proto/config_board.h"
#include "proto/log.h"
#include "proto/status.h"

enum { PROFILES_MAX = 256, PATH_BYTES = 4096 };

struct known {
    struct proto_config_profile *config;
    struct partition_profile profile;
};

struct coordinator_knowledge {
    const struct partition_model *model;
    int count;
    struct known known[PROFILES_MAX];
};

static int add(struct coordinator_knowledge *knowledge, const char *path)
{
    if (knowledge->count == PROFILES_MAX) {
        proto_log_error("coordinator", "more than %d profiles", PROFILES_MAX);
        return PROTO_LIMIT;
    }
    struct known *known = &knowledge->known[knowledge->count++];
    int status = proto_config_profile_load(path, knowledge->model->hash, &known->config);
    if (status == PROTO_OK)
        status = partition_profile_open(known->config, knowledge->model, &known->profile);
    return status == PROTO_IO ? PROTO_NOT_FOUND : status; /* a wrong option, not a failed run */
}

int coordinator_knowledge_open(const char *profiles, const struct partition_model *model,
                               struct coordinator_knowledge **out)
{
    struct coordinator_knowledge *knowledge = calloc(1, sizeof *knowledge);
    int status = PROTO_OK;
    *out = NULL;
    if (!knowledge)
        return PROTO_NO_MEMORY;
    knowledge->model = model;
    for (const char *at = profiles; at && status == PROTO_OK;) {
        char path[PATH_BYTES];
        const size_t len = strcspn(at, ",");
        snprintf(path, sizeof path, "%.*s", (int)len, at);
        status = add(knowledge, path);
        at = at[len] ? at + len + 1 : NULL;
    }
    if (status == PROTO_OK)
        *out = knowledge;
    else
        coordinator_knowledge_close(knowledge);
    return status;
}

void coordinator_knowledge_close(struct coordinator_knowledge *knowledge)
{
    for (int i = 0; knowledge && i < knowledge->count; i++) {
        proto_config_profile_free(knowledge->known[i].config);
        partition_profile_close(&knowledge->known[i].profile);
    }
    free(knowledge);
}

/* The first profile of this device that fits best: the worker's own host counts more than its number of
 * threads. */
static const struct known *profile_find(const struct coordinator_knowledge *knowledge,
                                        const struct proto_hello *hello)
{
    const struct known *best = NULL;
    int most = -1;
    for (int i = 0; i < knowledge->count; i++) {
        const struct proto_config_profile *config = knowledge->known[i].config;
        if (strcmp(config->device, hello->device) != 0)
            continue;
        const int fits = 2 * (config->host && strcmp(config->host, hello->host) == 0) +
                         ((uint32_t)config->threads == hello->threads);
        if (fits > most) {
            most = fits;
            best = &knowledge->known[i];
        }
    }
    return best;
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
    const struct known *known = profile_find(knowledge, hello);
    *watts = (struct coordinator_watts){NAN, NAN};
    if (known) {
        *speed = known->profile.speed;
        return true;
    }
    return board_find(hello->device, speed, watts);
}
