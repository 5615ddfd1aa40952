/* The input as a file, and the log's errors counted. */
#include <stdio.h>
#include <stdlib.h>

#include <sys/types.h>
#include <unistd.h>

#include "proto/log.h"
#include "proto/status.h"
#include "tests/fuzz/target.h"

static char path[] = "/tmp/muster-fuzz-XXXXXX";
static int file = -1;
static unsigned errors;
static bool failed_before; /* an allocation, while another reader had the file */

static void count_error(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg, (void)area, (void)text;
    errors += level == PROTO_LOG_ERROR;
}

static void remove_file(void)
{
    unlink(path);
}

void fuzz_need(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz: %s\n", what);
    abort();
}

const char *fuzz_file(const uint8_t *data, size_t len)
{
    if (file < 0) {
        file = mkstemp(path);
        fuzz_need(file >= 0 && atexit(remove_file) == 0, "no scratch file");
        proto_log_set_sink(count_error, NULL);
    }
    /* Not truncated to nothing first: ext4 flushes such a file to the disk when it is closed. */
    fuzz_need(pwrite(file, data, len, 0) == (ssize_t)len && ftruncate(file, (off_t)len) == 0,
              "the scratch file can't be written");
    errors = 0;
    failed_before = fuzz_allocation_failed();
    return path;
}

void fuzz_judge(int status)
{
    fuzz_need(status == PROTO_OK || errors > 0 || status == PROTO_NO_MEMORY,
              "refused without a word");
    fuzz_need(status != PROTO_OK || failed_before || !fuzz_allocation_failed(),
              "a failed allocation went unnoticed");
}
