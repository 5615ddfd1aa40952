/* Board profiles (configs/boards/NAME.yaml): what a machine kind computes in a microsecond, what its link carries
 * and what its power modes draw. Every figure says where it comes from; one that is neither from a paper,
 * a data sheet nor a measurement is marked as assumed, and stays so in whatever is made from it.
 *
 *   time of a frame  = frame_us + the sum over its tiles of tile_us + pixels / pixels_per_us + macs / macs_per_us
 *   time of a message = latency_us + bytes / bytes_per_us
 */
#ifndef PROTO_CONFIG_BOARD_H
#define PROTO_CONFIG_BOARD_H

#include <stdbool.h>
#include <stdint.h>

/* The order is that of gpu/device.h. */
enum proto_board_precision {
    PROTO_BOARD_F32,
    PROTO_BOARD_F16,
    PROTO_BOARD_BF16,
    PROTO_BOARD_PRECISIONS
};
enum { PROTO_BOARD_MODES_MAX = 32 };

/* What one precision achieves, in a mode of speed 1. */
struct proto_board_rates {
    bool given;           /* false: the board has no figures for it */
    double macs_per_us;   /* of the nets, achieved, not the peak */
    double pixels_per_us; /* level pixels sampled from the octave bases */
    double tile_us;       /* fixed for each tile: launches, sampling and nets */
    double frame_us;      /* fixed for each frame: copies, synchronisation */
};

struct proto_board_mode {
    char *name; /* as nvpmodel names it: its numbers differ by board and release */
    double idle_w, busy_w;
    double speed; /* of all times above: 1 is the profile's rate */
};

/* One figure as it stands in the file. */
struct proto_board_figure {
    char key[64]; /* "precisions.f16.macs" */
    char *value;  /* "184 GMAC/s" */
    char *source; /* NULL: none given (then it is assumed) */
    bool assumed;
};

struct proto_config_board {
    char *name, *description;
    double memory_bytes;
    double bytes_per_us, latency_us; /* of the link, one way */
    struct proto_board_rates rates[PROTO_BOARD_PRECISIONS];
    int32_t mode_count;
    struct proto_board_mode *modes; /* the first is the usual one */
    int32_t figure_count;
    struct proto_board_figure *figures; /* in order of the file's schema */
};

/* A board in one precision and mode: what cost model and simulated device compute with. */
struct proto_board_speed {
    double macs_per_us, pixels_per_us, tile_us, frame_us; /* the mode's speed is in them */
    double bytes_per_us, latency_us;
    double idle_w, busy_w;
};

/* path: the YAML file. Returns PROTO_OK, PROTO_IO, PROTO_LIMIT, PROTO_FORMAT (not YAML, unknown or missing
 * key), PROTO_INVALID (a value that is no such quantity, not positive or out of range, a figure without
 * a source that is not marked as assumed) or PROTO_NO_MEMORY; logged with file, line and key. */
int proto_config_board_load(const char *path, struct proto_config_board **out);
void proto_config_board_free(struct proto_config_board *board); /* NULL is fine */

/* Find and load. name: "tx1", looked for as NAME.yaml in $MUSTER_BOARDS, the source tree's configs/boards and
 * the installed share/muster/boards; or the path of a file (with a '/' or ending in ".yaml").
 * Returns PROTO_NOT_FOUND (logged with the folders tried and the boards there are), or as load. */
int proto_config_board_find(const char *name, struct proto_config_board **out);

/* NULL: no mode of that name. name NULL: the usual one. Does not log. */
const struct proto_board_mode *proto_config_board_mode(const struct proto_config_board *board,
                                                       const char *name);
/* "f32", "f16", "bf16". */
const char *proto_board_precision_name(enum proto_board_precision precision);

/* mode NULL: the usual one. Returns PROTO_OK, PROTO_UNSUPPORTED (no figures for this precision) or PROTO_NOT_FOUND
 * (no such mode); logged with what there is. */
int proto_config_board_speed(const struct proto_config_board *board,
                             enum proto_board_precision precision, const char *mode,
                             struct proto_board_speed *speed);

/* Microseconds a frame takes, by the formula above. */
double proto_board_frame_us(const struct proto_board_speed *speed, double tiles, double pixels,
                            double macs);

#endif
