/* Chains of a device's nets by input size, kept from plan to plan: pictures of many sizes come in
 * one run.
 */
#ifndef WORKER_CHAIN_CACHE_H
#define WORKER_CHAIN_CACHE_H

#include "gpu/device.h"

/* Chains kept that the current plan does not use: those of one or two other picture sizes. With
 * the default topology one takes about 3 MB (compiled kernels), and making it 5 ms. */
enum { WORKER_CHAINS_SPARE_MAX = 64 };

struct worker_chain_entry {
    struct gpu_net *net;
    int32_t h, w;
    struct gpu_chain *chain;
    uint64_t plan; /* last plan that used it */
};

struct worker_chain_cache {
    struct worker_chain_entry *entries;
    size_t count, cap;
    uint64_t plan; /* current */
};

void worker_chain_cache_init(struct worker_chain_cache *cache);
void worker_chain_cache_close(struct worker_chain_cache *cache); /* before its nets */

/* A new plan begins: no chain given out so far is used any more. */
void worker_chain_cache_next_plan(struct worker_chain_cache *cache);
/* The chain for an input of h x w; it stays until the next plan begins. Returns PROTO_OK,
 * PROTO_NO_MEMORY or what gpu_chain_open returns. */
int worker_chain_cache_get(struct worker_chain_cache *cache, struct gpu_net *net, int32_t h,
                           int32_t w, struct gpu_chain **out);
/* Close spare chains above the limit, least recently planned first. */
void worker_chain_cache_trim(struct worker_chain_cache *cache);

#endif
