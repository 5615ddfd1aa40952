/* For the tests of the evaluation: cmocka, files in a folder of their own, and sets built in memory. */
#ifndef TESTS_EVAL_FIXTURE_H
#define TESTS_EVAL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/eval/match.h"
#include "proto/log.h"
#include "proto/status.h"

static char fixture_dir[] = "/tmp/muster-eval-XXXXXX";
static char fixture_log[4096]; /* what was logged since the last fixture_quiet */

static void fixture_sink(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg;
    (void)level;
    (void)area;
    size_t used = strlen(fixture_log);
    snprintf(fixture_log + used, sizeof fixture_log - used, "%s\n", text);
}

static inline void fixture_quiet(void)
{
    fixture_log[0] = 0;
    proto_log_set_sink(fixture_sink, NULL);
}

static inline int fixture_open(void **state)
{
    (void)state;
    fixture_quiet();
    return mkdtemp(fixture_dir) ? 0 : -1;
}

static inline int fixture_close(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", fixture_dir);
    return system(command);
}

/* Path of a file in the folder; valid until the fourth call after. */
static inline const char *fixture_path(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", fixture_dir, name);
    return path;
}

static inline const char *fixture_write(const char *name, const char *text)
{
    const char *path = fixture_path(name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* Seeded numbers for property tests. */
static inline double fixture_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 9007199254740992.0;
}

#endif
