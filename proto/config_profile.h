/* Profiles of workers (`muster profile`): what one device took for each tile shape of one model, for the fixed
 * part of a frame, and, when it was measured under MPI, its link to the coordinator. Every figure in it was
 * measured; what the system did not tell is absent.
 */
#ifndef PROTO_CONFIG_PROFILE_H
#define PROTO_CONFIG_PROFILE_H

#include <stdio.h>

#include "proto/types.h"

enum { PROTO_PROFILE_FORMAT = 1, PROTO_PROFILE_SHAPES_MAX = 4096 };

struct proto_profile_shape {
    char *net;        /* its name in the model */
    int32_t w, h;     /* level pixels of the tile */
    double us;        /* median: sampling, net and local NMS */
    double spread_us; /* from the first to the third quartile */
    int32_t runs;
};

/* One direction of a link: a message of n bytes takes latency_us + n / bytes_per_us. */
struct proto_profile_way {
    double latency_us, bytes_per_us;
};

struct proto_config_profile {
    char *model, *model_hash; /* name, and SHA-256 in hex */
    char *device;             /* "cpu,f32" */
    char *kernels;            /* NULL: not told */
    int32_t threads;          /* 0: one a core */
    struct proto_size frame;  /* of the tile set that was measured */
    char *date;               /* "2026-11-21" */
    /* NULL or NAN: the system does not tell. */
    char *host, *board, *cpu, *system, *power_mode;
    double cpu_hz, gpu_hz;            /* while measuring */
    double frame_us, frame_spread_us; /* of a frame besides its tiles */
    double bases_us; /* building a frame's octave bases here, if this were the coordinator */
    int32_t shape_count;
    struct proto_profile_shape *shapes;
    bool has_link;
    struct proto_profile_way to, from; /* the worker; seen from the coordinator */
};

/* path: the YAML file. model_hash: of the model that is going to be used; NULL: any.
 * Returns PROTO_OK; PROTO_IO, PROTO_LIMIT, PROTO_FORMAT, PROTO_INVALID or PROTO_NO_MEMORY as the other files do;
 * PROTO_MISMATCH if it was measured with another model. Logged with file, line and key. */
int proto_config_profile_load(const char *path, const char *model_hash,
                              struct proto_config_profile **out);
void proto_config_profile_free(struct proto_config_profile *profile); /* NULL is fine */

/* As a file that load reads. */
void proto_config_profile_print(FILE *file, const struct proto_config_profile *profile);
/* The link's part alone, to be put behind what print wrote of a profile without one. */
void proto_config_profile_print_link(FILE *file, const struct proto_profile_way *to,
                                     const struct proto_profile_way *from);

#endif
