/* One way to learn what is drawn. power.c has the table of them; each has a file of its own. */
#ifndef WORKER_POWER_SAMPLER_H
#define WORKER_POWER_SAMPLER_H

#include "worker/power.h"

enum { WORKER_POWER_RAIL_MAX = 160 };

struct worker_power_source;

struct worker_power_sampler {
    const char *name;     /* "ina3221" */
    const char *argument; /* what may follow the colon, for --help; NULL: nothing may */
    const char *what;     /* for --help */
    /* argument: the text behind the colon, or NULL. Returns PROTO_OK, PROTO_NOT_FOUND (no such thing on this machine),
     * PROTO_INVALID (the argument), PROTO_IO (there, but can't be read), PROTO_NO_MEMORY. Why goes into
     * `why`: whether that is worth a line in the log only power.c knows. */
    int (*open)(const struct worker_power_settings *settings, const char *argument, char *why,
                size_t why_bytes, struct worker_power_source **out);
    void (*close)(struct worker_power_source *source);
    /* Watts, or joules. False: nothing could be read this time. */
    bool (*read)(struct worker_power_source *source, uint64_t now_us, double *value);
    /* (optional) As worker_power_busy. */
    void (*busy)(struct worker_power_source *source, bool busy, uint64_t now_us);
};

/* Every sampler embeds this first in its own struct. */
struct worker_power_source {
    char rail[WORKER_POWER_RAIL_MAX]; /* without the sampler's name: "VDD_IN" */
    bool counts_joules;               /* reads joules since some beginning instead of watts */
    bool own;                         /* as worker_power_own */
};

extern const struct worker_power_sampler worker_power_ina3221;
extern const struct worker_power_sampler worker_power_nvml;
extern const struct worker_power_sampler worker_power_rapl;
extern const struct worker_power_sampler worker_power_csv;
extern const struct worker_power_sampler worker_power_model;

/* ---- files of one number, as below /sys ---- */

/* The first line of a file without its end; false if it can't be read or is empty. */
bool worker_power_text(const char *path, char *text, size_t size);
/* The whole number in a file that stays open: /sys gives a new value at each read. */
bool worker_power_number(int fd, double *out);

/* Calls found for each path that matches root + pattern (glob), in order of name. */
void worker_power_glob(const char *root, const char *pattern,
                       void (*found)(void *arg, const char *path), void *arg);

#endif
