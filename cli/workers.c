/* See workers.h. */
#include "cli/workers.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/log.h"
#include "proto/status.h"

enum { KINDS_MAX = 64, ENTRY_MAX = 4096 };

static int refuse(const char *entry, const char *what)
{
    proto_log_error("cli", "--workers: '%s': %s", entry, what);
    return PROTO_INVALID;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* A file that begins with what `muster profile` writes; boards have no key `profile`. */
static bool is_profile(const char *path)
{
    char line[256];
    bool found = false;
    FILE *file = fopen(path, "r");
    while (file && !found && fgets(line, sizeof line, file))
        found = strncmp(line, "profile:", 8) == 0;
    if (file)
        fclose(file);
    return found;
}

static int find_precision(const struct proto_config_board *board, const char *name,
                          enum proto_board_precision *out)
{
    static const enum proto_board_precision usual[] = {PROTO_BOARD_F16, PROTO_BOARD_F32,
                                                       PROTO_BOARD_BF16};
    for (int i = 0; i < PROTO_BOARD_PRECISIONS; i++)
        if (name ? strcmp(name, proto_board_precision_name(usual[i])) == 0
                 : board->rates[usual[i]].given) {
            *out = usual[i];
            return PROTO_OK;
        }
    proto_log_error("cli", "--precision: '%s': expected f16, f32 or bf16", name ? name : "");
    return PROTO_INVALID;
}

static int open_board(const char *name, const char *mode, const char *precision_name,
                      struct cli_worker_kind *kind)
{
    enum proto_board_precision precision = PROTO_BOARD_F16;
    struct proto_board_speed speed;
    int status = proto_config_board_find(name, &kind->board);
    if (status == PROTO_IO)
        status = PROTO_NOT_FOUND;
    if (status == PROTO_OK)
        status = find_precision(kind->board, precision_name, &precision);
    if (status == PROTO_OK)
        status = proto_config_board_speed(kind->board, precision, mode, &speed);
    if (status != PROTO_OK)
        return status;
    partition_speed_of_board(&speed, &kind->speed);
    kind->idle_w = speed.idle_w;
    kind->busy_w = speed.busy_w;
    const double in_use = proto_config_board_mode(kind->board, mode)->speed;
    for (int32_t m = 0; m < kind->board->mode_count; m++) {
        const struct proto_board_mode *one = &kind->board->modes[m];
        if (m < PARTITION_POWER_MODES_MAX)
            kind->modes[kind->mode_count++] = (struct partition_power_mode){
                one->name, one->idle_w, one->busy_w, one->speed / in_use};
    }
    return PROTO_OK;
}

static int open_profile(const char *path, const struct partition_model *model,
                        struct cli_worker_kind *kind)
{
    struct proto_config_profile *config = NULL;
    int status = proto_config_profile_load(path, model->hash, &config);
    if (status == PROTO_OK)
        status = partition_profile_open(config, model, &kind->profile);
    kind->speed = kind->profile.speed;
    kind->idle_w = kind->busy_w = NAN;
    proto_config_profile_free(config);
    return status;
}

/* The last path element, so that a table stays readable. */
static void set_name(struct cli_worker_kind *kind, const char *name, const char *mode)
{
    const char *slash = strrchr(name, '/');
    snprintf(kind->name, sizeof kind->name, "%.40s%s%.20s", slash ? slash + 1 : name,
             mode ? "@" : "", mode ? mode : "");
}

/* ":3" at the end; *count: 1 without. */
static bool take_count(char *entry, int32_t *count)
{
    char *colon = strrchr(entry, ':'), *end;
    *count = 1;
    if (!colon)
        return true;
    errno = 0;
    const long value = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end || errno || value < 1 || value > PROTO_WORKERS_MAX)
        return false;
    *colon = '\0';
    *count = (int32_t)value;
    return true;
}

static int add(struct cli_workers *workers, const char *text, size_t len, const char *precision,
               const struct partition_model *model)
{
    char entry[ENTRY_MAX], whole[ENTRY_MAX];
    int32_t count;
    snprintf(entry, sizeof entry, "%.*s", (int)len, text);
    snprintf(whole, sizeof whole, "%s", entry);
    if (len == 0 || len >= sizeof entry)
        return refuse(entry, "expected NAME[@MODE][:COUNT], for example tx1,orin-nano@7W:3");
    if (!take_count(entry, &count))
        return refuse(whole, "the number behind ':' must be from 1 to 1024");
    if (workers->kind_count == KINDS_MAX || workers->count + count > PROTO_WORKERS_MAX)
        return refuse(whole, "too many workers: at most 64 entries and 1024 in all");
    struct cli_worker_kind *kind = &workers->kinds[workers->kind_count++];
    const bool is_file = strchr(entry, '/') || ends_with(entry, ".yaml");
    char *mode = is_file ? NULL : strchr(entry, '@');
    if (mode)
        *mode++ = '\0';
    set_name(kind, entry, mode);
    const int status = is_file && is_profile(entry) ? open_profile(entry, model, kind)
                                                    : open_board(entry, mode, precision, kind);
    for (int32_t i = 0; i < count; i++)
        workers->kind[workers->count++] = workers->kind_count - 1;
    return status;
}

int cli_workers_open(const char *list, const char *precision, const struct partition_model *model,
                     struct cli_workers *workers)
{
    *workers = (struct cli_workers){.kinds = calloc(KINDS_MAX, sizeof *workers->kinds),
                                    .kind = calloc(PROTO_WORKERS_MAX, sizeof *workers->kind)};
    int status = workers->kinds && workers->kind ? PROTO_OK : PROTO_NO_MEMORY;
    for (const char *at = list; status == PROTO_OK;) {
        const size_t len = strcspn(at, ",");
        status = add(workers, at, len, precision, model);
        if (!at[len])
            break;
        at += len + 1;
    }
    return status;
}

void cli_workers_close(struct cli_workers *workers)
{
    for (int32_t k = 0; k < workers->kind_count; k++) {
        proto_config_board_free(workers->kinds[k].board);
        partition_profile_close(&workers->kinds[k].profile);
    }
    free(workers->kinds);
    free(workers->kind);
    *workers = (struct cli_workers){0};
}

const struct cli_worker_kind *cli_workers_kind(const struct cli_workers *workers, int32_t i)
{
    return &workers->kinds[workers->kind[i < workers->count ? i : workers->count - 1]];
}
