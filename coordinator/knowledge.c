/* Speeds from files. */
#include "coordinator/knowledge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "partition/profile.h"
#include "proto/config_board.h"
#include "proto/config_profile.h"
#include "proto/status.h"

struct entry {
    struct entry *next;
    struct proto_config_profile *config;
    struct partition_profile profile;
};

struct coordinator_knowledge {
    struct entry *entries; /* in order of the files */
};

static int entry_add(struct coordinator_knowledge *knowledge, const char *path,
                     const struct partition_model *model)
{
    struct entry **at = &knowledge->entries, *entry = calloc(1, sizeof *entry);
    if (!entry)
        return PROTO_NO_MEMORY;
    int status = proto_config_profile_load(path, model->hash, &entry->config);
    if (!status)
        status = partition_profile_open(entry->config, model, &entry->profile);
    if (status) {
        proto_config_profile_free(entry->config);
        free(entry);
        return status == PROTO_IO ? PROTO_NOT_FOUND : status; /* a wrong option, not a failed run */
    }
    while (*at)
        at = &(*at)->next;
    *at = entry;
    return PROTO_OK;
}

int coordinator_knowledge_open(const char *profiles, const struct partition_model *model,
                               struct coordinator_knowledge **out)
{
    struct coordinator_knowledge *knowledge = calloc(1, sizeof *knowledge);
    char *list = strdup(profiles ? profiles : ""), *save = NULL;
    int status = knowledge && list ? PROTO_OK : PROTO_NO_MEMORY;
    for (char *path = list ? strtok_r(list, ",", &save) : NULL; path && !status;
         path = strtok_r(NULL, ",", &save))
        status = entry_add(knowledge, path, model);
    free(list);
    if (status) {
        coordinator_knowledge_close(knowledge);
        return status;
    }
    *out = knowledge;
    return PROTO_OK;
}

void coordinator_knowledge_close(struct coordinator_knowledge *knowledge)
{
    while (knowledge && knowledge->entries) {
        struct entry *entry = knowledge->entries;
        knowledge->entries = entry->next;
        partition_profile_close(&entry->profile);
        proto_config_profile_free(entry->config);
        free(entry);
    }
    free(knowledge);
}

static const struct entry *entry_find(const struct coordinator_knowledge *knowledge,
                                      const struct proto_hello *hello)
{
    const struct entry *any = NULL;
    for (const struct entry *entry = knowledge->entries; entry; entry = entry->next) {
        if (strcmp(entry->config->device, hello->device) != 0)
            continue;
        if (entry->config->host && strcmp(entry->config->host, hello->host) == 0)
            return entry;
        any = any ? any : entry;
    }
    return any;
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
    const struct entry *entry = entry_find(knowledge, hello);
    *watts = (struct coordinator_watts){NAN, NAN};
    if (entry) {
        *speed = entry->profile.speed;
        return true;
    }
    return board_find(hello->device, speed, watts);
}
