/* See chain_cache.h. A few hundred entries at most, looked up while planning: a list will do. */
#include "worker/chain_cache.h"

#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "proto/status.h"

void worker_chain_cache_init(struct worker_chain_cache *cache)
{
    *cache = (struct worker_chain_cache){0};
}

void worker_chain_cache_close(struct worker_chain_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++)
        gpu_chain_close(cache->entries[i].chain);
    free(cache->entries);
    worker_chain_cache_init(cache);
}

void worker_chain_cache_next_plan(struct worker_chain_cache *cache)
{
    cache->plan++;
}

static int make_room(struct worker_chain_cache *cache)
{
    if (cache->count < cache->cap)
        return PROTO_OK;
    size_t cap = cache->cap ? 2 * cache->cap : 64;
    struct worker_chain_entry *entries = realloc(cache->entries, cap * sizeof *entries);
    if (!entries)
        return PROTO_NO_MEMORY;
    cache->entries = entries;
    cache->cap = cap;
    return PROTO_OK;
}

int worker_chain_cache_get(struct worker_chain_cache *cache, struct gpu_net *net, int32_t h,
                           int32_t w, struct gpu_chain **out)
{
    for (size_t i = 0; i < cache->count; i++) {
        struct worker_chain_entry *entry = &cache->entries[i];
        if (entry->net == net && entry->h == h && entry->w == w) {
            entry->plan = cache->plan;
            *out = entry->chain;
            return PROTO_OK;
        }
    }
    int status = make_room(cache);
    if (status == PROTO_OK)
        status = gpu_chain_open(net, h, w, out);
    if (status == PROTO_OK)
        cache->entries[cache->count++] = (struct worker_chain_entry){
            .net = net, .h = h, .w = w, .chain = *out, .plan = cache->plan};
    return status;
}

/* What chains leave behind is in pieces between those that stay: glibc keeps it, hundreds of MB
 * after many picture sizes, until it is asked. */
static void give_memory_back(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

static size_t oldest(const struct worker_chain_cache *cache)
{
    size_t found = 0;
    for (size_t i = 1; i < cache->count; i++)
        if (cache->entries[i].plan < cache->entries[found].plan)
            found = i;
    return found;
}

void worker_chain_cache_trim(struct worker_chain_cache *cache)
{
    size_t spare = 0;
    for (size_t i = 0; i < cache->count; i++)
        spare += cache->entries[i].plan != cache->plan;
    if (spare <= WORKER_CHAINS_SPARE_MAX)
        return;
    for (; spare > WORKER_CHAINS_SPARE_MAX; spare--) {
        size_t i = oldest(cache);
        gpu_chain_close(cache->entries[i].chain);
        cache->entries[i] = cache->entries[--cache->count];
    }
    give_memory_back();
}
