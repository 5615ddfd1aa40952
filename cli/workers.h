/* --workers LIST: the workers a plan is made for, out of board files and measured profiles. */
#ifndef CLI_WORKERS_H
#define CLI_WORKERS_H

#include "partition/power.h"
#include "partition/profile.h"

/* One entry of the list. */
struct cli_worker_kind {
    char name[64];                    /* "tx1", "orin-nano@7W", "here.yaml" */
    struct proto_config_board *board; /* NULL: a profile */
    struct partition_profile profile;
    struct partition_speed speed; /* in its mode */
    double idle_w, busy_w;        /* NAN: not known */
    /* A board's modes, speeds relative to that of `speed`. */
    int32_t mode_count;
    struct partition_power_mode modes[PARTITION_POWER_MODES_MAX];
};

struct cli_workers {
    int32_t kind_count;
    struct cli_worker_kind *kinds;
    int32_t count;
    int32_t *kind; /* of each worker */
};

/* list: entries with commas between them, NAME[@MODE][:COUNT]: a board ("tx1", "orin-nano@7W:3") or a file, of
 * a board or of `muster profile`. precision: "f16"; NULL: f16 where the board has figures for it, else f32,
 * else bf16. A profile must be of this model.
 * Returns PROTO_OK, or what is wrong (logged with the entry). Close in any case. */
int cli_workers_open(const char *list, const char *precision, const struct partition_model *model,
                     struct cli_workers *workers);
void cli_workers_close(struct cli_workers *workers);

/* Worker i; beyond the list its last entry goes on. */
const struct cli_worker_kind *cli_workers_kind(const struct cli_workers *workers, int32_t i);

#endif
