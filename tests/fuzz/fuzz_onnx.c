/* The ONNX reader against damaged files and failing memory.
 *
 *   fuzz_onnx FILE...            each file as it is, with each allocation failing in turn, and with
 *                                2000 seeded mutations; the test runs this over seeds/onnx
 *   MUSTER_FUZZ_ROUNDS=N         another number of mutations
 *
 * Built with clang -fsanitize=fuzzer -DMUSTER_LIBFUZZER there is no main, and libFuzzer does the mutating.
 * The reader must never crash, leak or hang, and must say what is wrong whenever it refuses.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/types.h>
#include <unistd.h>

#include "partition/onnx.h"
#include "proto/log.h"
#include "proto/status.h"

enum { SEED_BYTES_MAX = 1 << 16, ROUNDS = 2000, FAILURES_MAX = 1000 };

static char scratch[] = "/tmp/muster-fuzz-XXXXXX";
static int scratch_file = -1;
static unsigned messages;

static void count_message(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg;
    (void)area;
    (void)text;
    messages += level == PROTO_LOG_ERROR;
}

static void remove_scratch(void)
{
    unlink(scratch);
}

static void need(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_onnx: %s\n", what);
    abort();
}

static void open_scratch(void)
{
    scratch_file = mkstemp(scratch);
    need(scratch_file >= 0, "no scratch file");
    atexit(remove_scratch);
    proto_log_set_sink(count_message, NULL);
}

/* Read the bytes as a model; returns the status. */
static int read_model(const uint8_t *data, size_t len)
{
    struct partition_net net = {.name = "fuzz"};
    if (scratch_file < 0)
        open_scratch();
    /* Not truncated to nothing first: ext4 flushes such a file to the disk when it is closed. */
    need(pwrite(scratch_file, data, len, 0) == (ssize_t)len &&
             ftruncate(scratch_file, (off_t)len) == 0,
         "the scratch file can't be written");
    messages = 0;
    const int status = partition_onnx_read(scratch, &net);
    if (status == PROTO_OK) {
        need(net.layer_count > 0 && net.window.h > 0 && net.stride.w > 0 && net.outputs > 0,
             "a model was accepted that is none");
        double sum = 0; /* touch every weight: the sanitizer sees a wrong length */
        for (uint64_t i = 0; i < net.weight_count; i++)
            sum += (double)net.weights[i];
        need(sum == sum, "a weight is not a number");
        free(net.weights);
    } else {
        need(net.weights == NULL && net.layer_count == 0, "a refused model left something behind");
        need(messages > 0 || status == PROTO_NO_MEMORY, "a model was refused without a word");
    }
    return status;
}

#ifdef MUSTER_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    read_model(data, len);
    return 0;
}

#else

/* The linker sends the reader's allocations here (--wrap). */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t each);
void *__real_realloc(void *block, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t each);
void *__wrap_realloc(void *block, size_t bytes);

static int until_failure; /* 0: none fails */

static bool fails(void)
{
    return until_failure > 0 && --until_failure == 0;
}

void *__wrap_malloc(size_t bytes)
{
    return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t each)
{
    return fails() ? NULL : __real_calloc(count, each);
}

void *__wrap_realloc(void *block, size_t bytes)
{
    return fails() ? NULL : __real_realloc(block, bytes);
}

static uint64_t state;

static uint32_t below(size_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % (n ? n : 1));
}

/* Change, drop, insert or repeat a few bytes. Returns the new length. */
static size_t mutate(uint8_t *data, size_t len)
{
    static const uint8_t telling[] = {0, 1, 127, 128, 255, 0x0a, 0x12, 0x7f};
    for (uint32_t n = 1 + below(4); n > 0 && len > 8; n--) {
        const size_t at = below(len), some = 1 + below(8);
        switch (below(5)) {
        case 0:
            data[at] ^= (uint8_t)(1u << below(8));
            break;
        case 1:
            data[at] = telling[below(sizeof(telling))];
            break;
        case 2: /* drop */
            if (at + some < len) {
                memmove(data + at, data + at + some, len - at - some);
                len -= some;
            }
            break;
        case 3: /* insert */
            if (len + some <= 2 * SEED_BYTES_MAX) {
                memmove(data + at + some, data + at, len - at);
                memset(data + at, telling[below(sizeof(telling))], some);
                len += some;
            }
            break;
        default: /* cut */
            len = below(16) ? len : at;
        }
    }
    return len;
}

static void fail_each_allocation(const uint8_t *data, size_t len, int expected)
{
    for (int n = 1; n <= FAILURES_MAX; n++) {
        until_failure = n;
        const int status = read_model(data, len);
        const bool reached = until_failure == 0;
        until_failure = 0;
        if (!reached) {
            need(status == expected, "the same file was read in two ways");
            return;
        }
        need(status != PROTO_OK, "a failed allocation went unnoticed");
    }
}

static void replay(const char *path, int rounds)
{
    static uint8_t seed[SEED_BYTES_MAX], changed[2 * SEED_BYTES_MAX];
    FILE *file = fopen(path, "rb");
    need(file != NULL, path);
    const size_t len = fread(seed, 1, sizeof(seed), file);
    fclose(file);
    const int status = read_model(seed, len);
    fail_each_allocation(seed, len, status);
    int accepted = 0;
    for (int i = 0; i < rounds; i++) {
        memcpy(changed, seed, len);
        accepted += read_model(changed, mutate(changed, len)) == PROTO_OK;
    }
    printf("%s: %s; %d of %d mutations accepted\n", path, proto_status_name(status), accepted,
           rounds);
}

int main(int argc, char **argv)
{
    const char *rounds = getenv("MUSTER_FUZZ_ROUNDS");
    for (int i = 1; i < argc; i++) {
        state = (uint64_t)i;
        replay(argv[i], rounds ? atoi(rounds) : ROUNDS);
    }
    return argc > 1 ? 0 : 2;
}

#endif
