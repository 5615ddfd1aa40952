/* Chance by seed: splitmix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"). */
#ifndef COORDINATOR_SIM_RANDOM_H
#define COORDINATOR_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
    uint64_t state;
};

/* A hash of x. */
static inline uint64_t sim_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline uint64_t sim_random_next(struct sim_random *random)
{
    const uint64_t value = sim_mix(random->state);
    random->state += 0x9e3779b97f4a7c15u;
    return value;
}

/* 0 .. below - 1; below is at least 1. */
static inline uint64_t sim_random_below(struct sim_random *random, uint64_t below)
{
    return sim_random_next(random) % below;
}

/* low .. high, both included. */
static inline uint64_t sim_random_within(struct sim_random *random, uint64_t low, uint64_t high)
{
    return low + sim_random_below(random, high - low + 1);
}

static inline double sim_random_unit(struct sim_random *random) /* [0, 1) */
{
    return (double)(sim_random_next(random) >> 11) * 0x1p-53;
}

static inline bool sim_random_chance(struct sim_random *random, double p)
{
    return sim_random_unit(random) < p;
}

#endif
