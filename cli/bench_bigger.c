/* Which one board is worth comparing a cluster of simulated boards with. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/bench_options.h"
#include "proto/config_board.h"
#include "proto/status.h"

/* Busy watts of a device spec "sim:NAME[,..][,mode=NAME]", and its rate; NAN for other devices. */
static double board_watts(const char *spec, double *macs_per_us)
{
    char name[64] = "", mode[64] = "";
    struct proto_config_board *board = NULL;
    struct proto_board_speed speed;
    double watts = NAN;
    if (strncmp(spec, "sim:", 4) != 0 || sscanf(spec + 4, "%63[^,]", name) != 1)
        return NAN;
    const char *set = strstr(spec, ",mode=");
    if (set)
        sscanf(set + strlen(",mode="), "%63[^,]", mode);
    const enum proto_board_precision precision =
        strstr(spec, ",f32") ? PROTO_BOARD_F32 : PROTO_BOARD_F16;
    if (proto_config_board_find(name, &board) == PROTO_OK &&
        proto_config_board_speed(board, precision, *mode ? mode : NULL, &speed) == PROTO_OK) {
        watts = speed.busy_w;
        *macs_per_us = speed.macs_per_us;
    }
    proto_config_board_free(board);
    return watts;
}

bool bench_bigger_choose(const struct bench_options *options, char spec[BENCH_DEVICES_MAX])
{
    static const char *const names[] = {"agx-orin", "orin-nx", "orin-nano", "xavier-nx"};
    double budget = 0, best = 0, rate = 0;
    int32_t most = 0;
    for (int i = 0; i < options->count_count; i++)
        most = options->counts[i] > most ? options->counts[i] : most;
    for (int32_t w = 0; w < most; w++) {
        const char *own = options->specs[w < options->spec_count ? w : options->spec_count - 1];
        budget += board_watts(own, &rate);
        best = fmax(best, rate);
    }
    bool found = false;
    for (size_t i = 0; budget > 0 && i < sizeof names / sizeof *names; i++) {
        struct proto_config_board *board = NULL;
        if (proto_config_board_find(names[i], &board))
            continue;
        for (int32_t m = 0; m < board->mode_count; m++) {
            struct proto_board_speed speed;
            if (proto_config_board_speed(board, PROTO_BOARD_F16, board->modes[m].name, &speed) ||
                speed.busy_w > budget || speed.macs_per_us <= best)
                continue;
            best = speed.macs_per_us;
            snprintf(spec, BENCH_DEVICES_MAX, "sim:%s%s,mode=%s", names[i],
                     strstr(options->specs[0], ",empty") ? ",empty" : "", board->modes[m].name);
            found = true;
        }
        proto_config_board_free(board);
    }
    return found;
}
