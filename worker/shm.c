/* First fit over a list of blocks in order of address: there are a dozen of them. The list is the
 * rank's own, so nothing a failing device process writes can harm it. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE, madvise */
#include "worker/shm.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/status.h"

/* 64 frames of 4K in flight fit into the first; the last still holds a few ordinary ones. */
#define RESERVE_FIRST ((size_t)8 << 30)
#define RESERVE_LAST  ((size_t)64 << 20)
enum { BLOCKS_FIRST = 32, GIVE_BACK = 1 << 20 };

struct block {
    size_t at, size; /* pages */
};

struct worker_shm {
    unsigned char *base;
    size_t size, page;
    struct block *blocks;
    size_t count, cap;
};

int worker_shm_open(struct worker_shm **out)
{
    struct worker_shm *shm = calloc(1, sizeof *shm);
    if (!shm)
        return PROTO_NO_MEMORY;
    shm->page = (size_t)sysconf(_SC_PAGESIZE);
    void *base = MAP_FAILED;
    for (shm->size = RESERVE_FIRST; shm->size >= RESERVE_LAST; shm->size /= 2) {
        base = mmap(NULL, shm->size, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base != MAP_FAILED)
            break;
    }
    if (base == MAP_FAILED) {
        free(shm);
        return PROTO_NO_MEMORY;
    }
    shm->base = base;
    *out = shm;
    return PROTO_OK;
}

void worker_shm_close(struct worker_shm *shm)
{
    if (!shm)
        return;
    munmap(shm->base, shm->size);
    free(shm->blocks);
    free(shm);
}

static int grow(struct worker_shm *shm)
{
    const size_t cap = shm->cap ? shm->cap * 2 : BLOCKS_FIRST;
    struct block *blocks = realloc(shm->blocks, cap * sizeof *blocks);
    if (!blocks)
        return PROTO_NO_MEMORY;
    shm->blocks = blocks;
    shm->cap = cap;
    return PROTO_OK;
}

void *worker_shm_alloc(void *memory, size_t size_bytes)
{
    struct worker_shm *shm = memory;
    if (size_bytes > shm->size)
        return NULL;
    const size_t need =
        size_bytes ? (size_bytes + shm->page - 1) / shm->page * shm->page : shm->page;
    size_t at = 0, i = 0;
    while (i < shm->count && shm->blocks[i].at - at < need) {
        at = shm->blocks[i].at + shm->blocks[i].size;
        i++;
    }
    if (shm->size - at < need || (shm->count == shm->cap && grow(shm)))
        return NULL;
    memmove(&shm->blocks[i + 1], &shm->blocks[i], (shm->count - i) * sizeof *shm->blocks);
    shm->blocks[i] = (struct block){at, need};
    shm->count++;
    return shm->base + at;
}

void worker_shm_free(void *memory, void *block)
{
    struct worker_shm *shm = memory;
    if (!block)
        return;
    const size_t at = (size_t)worker_shm_offset(shm, block);
    for (size_t i = 0; i < shm->count; i++) {
        if (shm->blocks[i].at != at)
            continue;
        /* What large frames have touched goes back to the system when smaller ones follow. */
        if (shm->blocks[i].size >= GIVE_BACK)
            madvise(block, shm->blocks[i].size, MADV_REMOVE);
        shm->count--;
        memmove(&shm->blocks[i], &shm->blocks[i + 1], (shm->count - i) * sizeof *shm->blocks);
        return;
    }
    assert(!"not a block");
}

uint64_t worker_shm_offset(const struct worker_shm *shm, const void *memory)
{
    const unsigned char *at = memory;
    assert(at >= shm->base && at < shm->base + shm->size);
    return (uint64_t)(at - shm->base);
}

void *worker_shm_at(const struct worker_shm *shm, uint64_t offset, uint64_t size_bytes)
{
    if (offset > shm->size || size_bytes > shm->size - offset)
        return NULL;
    return shm->base + offset;
}
