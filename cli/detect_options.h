/* The options of `muster detect`: command line over --config FILE over defaults. */
#ifndef CLI_DETECT_OPTIONS_H
#define CLI_DETECT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/config.h"

struct detect_options {
    const char *input;
    struct proto_config_detect config; /* what a file can set too */
    double fppi;                       /* NAN: not given */
    int32_t workers;                   /* 0: as many as there are */
    int64_t frames;                    /* 0: all */
    bool loop;                         /* the input again and again */
    double duration_s;                 /* 0: until the input ends */
    int64_t iterations;                /* with a duration: at least so many frames */
    const char *json, *out, *report, *trace;
    const char *power, *power_root; /* where workers read their watts: worker/power.h */
    const char *camera;             /* NULL: none */
    const char *ground_plane;       /* "on", "off", "measure" */
    bool softmax;                   /* --scores softmax */
    const char *split;              /* "tile", "level", "frame" */
    const char *reserve;  /* device of the coordinator's own host; "on": as the workers'; "off" */
    const char *profiles; /* files with commas between them; NULL: none */
    double deadline_ms;   /* 0: none */
    double silence_ms;    /* after which a worker is lost; 0: never, nor is one late */
    double port_bytes_per_us; /* INFINITY: not limited, or not known */
    double budget_w;          /* NAN: none */
    bool quiet;
};

enum detect_parse { DETECT_RUN, DETECT_HELP, DETECT_BAD };

/* Under mpirun every rank parses the same line; only one of them should `speak`. */
enum detect_parse detect_options_parse(int argc, char **argv, bool speak,
                                       struct detect_options *options);
void detect_options_free(struct detect_options *options);

#endif
