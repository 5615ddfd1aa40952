/* A main for the fuzz targets where there is no libFuzzer: replay SEED-FOLDER [MUTATIONS].
 *
 * Runs the target on each file of the folder: as it is, with each of our own allocations failing in
 * turn, and on MUTATIONS changed copies. The changes are seeded: the same on every run, so a crash can
 * be repeated.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/target.h"

enum { INPUT_MAX = 1 << 16, PATH_BYTES = 4096, FAILURES_MAX = 1000 };

static uint64_t state = 88172645463325252u;

static uint32_t below(uint32_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 16) % limit);
}

/* On memory of exactly this size, so that a sanitizer sees every read beyond it. */
static void run(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy)
        abort();
    memcpy(copy, data, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void fail_each_allocation(const uint8_t *data, size_t len)
{
    bool failed = true;
    for (unsigned n = 1; failed && n <= FAILURES_MAX; n++) {
        fuzz_allocation_fail(n);
        LLVMFuzzerTestOneInput(data, len);
        failed = fuzz_allocation_fail(0);
    }
}

static size_t mutate(uint8_t *data, size_t len)
{
    static const uint8_t special[] = {0x00, 0x01, 0x0a, 0x20, 0x7f, 0x80, 0xc1,
                                      0xc6, 0xd9, 0xdd, 0xdf, 0xff, '-',  '.',
                                      ':',  '"',  '[',  '{',  '9',  'e',  'n'};
    for (uint32_t n = 1 + below(6); n > 0 && len > 0; n--) {
        const size_t at = below((uint32_t)len);
        size_t some = 1 + below(8);
        switch (below(7)) {
        case 0:
            data[at] = (uint8_t)below(256);
            break;
        case 1:
            data[at] = special[below(sizeof(special))];
            break;
        case 2:
            data[at] ^= (uint8_t)(1u << below(8));
            break;
        case 3: /* cut: seldom, or little of long files would be left */
            len = below(4) ? len : at;
            break;
        case 4: /* take some bytes out */
            some = some < len - at ? some : len - at;
            memmove(data + at, data + at + some, len - at - some);
            len -= some;
            break;
        default: /* put some in */
            if (len + some <= INPUT_MAX) {
                memmove(data + at + some, data + at, len - at);
                memset(data + at, special[below(sizeof(special))], some);
                len += some;
            }
        }
    }
    return len;
}

static int replay(const char *path, long mutations)
{
    static uint8_t seed[INPUT_MAX], changed[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    const size_t len = fread(seed, 1, sizeof(seed), file);
    fclose(file);
    run(seed, len);
    fail_each_allocation(seed, len);
    for (long i = 0; i < mutations; i++) {
        memcpy(changed, seed, len);
        run(changed, mutate(changed, len));
    }
    return 0;
}

int main(int argc, char **argv)
{
    long mutations = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    const char *wish = getenv("MUSTER_FUZZ_ROUNDS");
    DIR *folder = argc > 1 ? opendir(argv[1]) : NULL;
    int files = 0;
    if (!folder) {
        fprintf(stderr,
                "usage: %s SEED-FOLDER [MUTATIONS]; MUSTER_FUZZ_ROUNDS=N overrides the number\n",
                argv[0]);
        return 2;
    }
    if (wish)
        mutations = strtol(wish, NULL, 10);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[PATH_BYTES];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        if (replay(path, mutations) != 0)
            return 1;
        files++;
    }
    closedir(folder);
    printf("%d seeds, %ld mutations of each\n", files, mutations);
    return files > 0 ? 0 : 1;
}
