#include "coordinator/scene/random.h"

void scene_random_init(struct scene_random *random, uint64_t seed, uint64_t stream)
{
    random->state = 0;
    random->increment = stream << 1 | 1;
    scene_random_next(random);
    random->state += seed;
    scene_random_next(random);
}

uint32_t scene_random_next(struct scene_random *random)
{
    uint64_t old = random->state;
    random->state = old * 6364136223846793005u + random->increment;
    uint32_t mixed = (uint32_t)((old >> 18 ^ old) >> 27);
    uint32_t turn = (uint32_t)(old >> 59);
    return mixed >> turn | mixed << (-turn & 31);
}

float scene_random_range(struct scene_random *random, float lo, float hi)
{
    return lo + (hi - lo) * ((float)(scene_random_next(random) >> 8) * (1.0f / 16777216));
}

int scene_random_below(struct scene_random *random, int n)
{
    return (int)((uint64_t)scene_random_next(random) * (uint64_t)n >> 32);
}

bool scene_random_chance(struct scene_random *random, float probability)
{
    return scene_random_range(random, 0, 1) < probability;
}

struct scene_vec scene_random_colour(struct scene_random *random, uint32_t rgb, float spread)
{
    float channel[3];
    float common = scene_random_range(random, -spread, spread);
    for (int i = 0; i < 3; i++) {
        float own = scene_random_range(random, -spread / 3, spread / 3);
        float v = (float)(rgb >> (16 - 8 * i) & 255) / 255;
        v = scene_clamp(v + common + own, 0.02f, 0.97f);
        channel[i] = v * v;
    }
    return scene_vec(channel[0], channel[1], channel[2]);
}
