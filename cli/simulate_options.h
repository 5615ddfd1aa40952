/* Command line of `muster simulate`. */
#ifndef CLI_SIMULATE_OPTIONS_H
#define CLI_SIMULATE_OPTIONS_H

#include "partition/plan.h"
#include "partition/power.h"
#include "proto/config_board.h"

enum { SIMULATE_KINDS_MAX = 16, SIMULATE_BOARDS_MAX = 256, SIMULATE_COUNTS_MAX = 64 };

/* A kind of board of --board, with its count there; 0: as many as asked for. */
struct simulate_kind {
    char name[64];
    int32_t count;
    struct proto_config_board *board; /* owned */
    struct proto_board_speed speed;
};

struct simulate_options {
    int32_t kind_count;
    struct simulate_kind kinds[SIMULATE_KINDS_MAX];
    int32_t count_count;
    int32_t counts[SIMULATE_COUNTS_MAX]; /* of boards: a point each */
    const char *model, *camera, *mode;
    bool ground_plane;
    enum proto_board_precision precision;
    struct proto_size frame;
    uint64_t frames;
    int32_t depth;
    enum partition_split split;
    double budget_w;              /* NAN: none */
    double link_bytes_per_us;     /* of every link; NAN: the boards' own */
    double port_bytes_per_us;     /* of the coordinator; NAN: that of the fastest link */
    double latency_us, jitter_us; /* latency NAN: the boards' own */
    double capture_us;
    uint64_t seed;
    bool faults, compare, json, help;
    const char *launcher; /* of --compare */
    const char *input;    /* NULL: a clip is rendered */
};

/* Prints what is wrong. Returns PROTO_OK or what loading a board returns; close in any case. */
int simulate_options_parse(int argc, char **argv, struct simulate_options *options);
void simulate_options_close(struct simulate_options *options);

/* The kind of board `index` in a cluster of --board's order; kinds without a count go on for ever. */
const struct simulate_kind *simulate_kind_of(const struct simulate_options *options, int32_t index);
const char *simulate_split_name(enum partition_split split);

#endif
