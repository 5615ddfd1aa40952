#include "coordinator/scene/shade.h"

#include "coordinator/scene/dress.h"
#include "coordinator/scene/noise.h"

/* Light from the main source and from the surroundings on a matt surface. */
static struct scene_vec lit(const struct scene_light *light, struct scene_vec normal, float key,
                            float open)
{
    float facing = scene_max(scene_dot(normal, light->direction), 0) * key;
    struct scene_vec around = scene_blend(light->bounce, light->sky, normal.z * 0.5f + 0.5f);
    return scene_along(scene_scale(around, open), light->key, facing);
}

static float shine(const struct scene_light *light, struct scene_vec normal, struct scene_vec ray)
{
    struct scene_vec half = scene_unit(scene_sub(light->direction, ray));
    float s = scene_max(scene_dot(normal, half), 0);
    s *= s;
    s *= s;
    s *= s;
    return s * s;
}

/* Share of the main light that passes a capsule. Source:
 * https://iquilezles.org/articles/capsulesoftshadow/ */
static float pass_capsule(struct scene_vec from, struct scene_vec light, struct scene_vec a,
                          struct scene_vec b, float radius, float hardness)
{
    struct scene_vec ba = scene_sub(b, a), oa = scene_sub(from, a);
    float oad = scene_dot(oa, light), dba = scene_dot(light, ba), baba = scene_dot(ba, ba),
          oaba = scene_dot(oa, ba);
    float scale = 1 / scene_max(baba - dba * dba, 1e-5f);
    float along_ray = scene_max((dba * oaba - oad * baba) * scale, 1e-4f);
    float along = scene_clamp((oaba - oad * dba) * scale, 0, 1);
    struct scene_vec gap =
        scene_sub(scene_along(a, ba, along), scene_along(from, light, along_ray));
    float s = scene_clamp(hardness * (scene_length(gap) - radius) / along_ray + 0.5f, 0, 1);
    return s * s * (3 - 2 * s);
}

static float pass_body(const struct scene_body *body, struct scene_vec from, struct scene_vec light,
                       float hardness)
{
    float pass = 1;
    for (int i = 0; i < body->count; i++) {
        const struct scene_part *part = &body->parts[i];
        if (part->kind == SCENE_PART_TRUNK || part->kind == SCENE_PART_THIGH ||
            part->kind == SCENE_PART_SHANK || part->kind == SCENE_PART_HEAD ||
            part->kind == SCENE_PART_SKIRT)
            pass = scene_min(pass, pass_capsule(from, light, part->a, part->b,
                                                (part->ra + part->rb) / 2, hardness));
    }
    return pass;
}

/* Darkening of the floor by people: contact under each foot and a soft or sharp shadow. */
static void floor_shadow(const struct scene_world *world, struct scene_vec p, float *key,
                         float *open)
{
    struct scene_vec light = world->place->light.direction;
    float slope = sqrtf(light.x * light.x + light.y * light.y) / light.z;
    bool street = world->place->kind == SCENE_PLACE_STREET;
    for (int i = 0; i < world->count; i++) {
        const struct scene_body *body = &world->bodies[i];
        float dx = p.x - body->pose.at.x, dy = p.y - body->pose.at.y, d2 = dx * dx + dy * dy;
        float reach = 0.8f + 2 * slope;
        if (d2 > reach * reach)
            continue;
        *key *=
            scene_mix(1, pass_body(body, p, light, street ? 14.0f : 3.5f), street ? 0.9f : 0.7f);
        *open *= 1 - 0.3f * scene_bump(sqrtf(d2) / 0.75f);
        for (int k = 0; k < body->count; k++) {
            const struct scene_part *foot = &body->parts[k];
            if (foot->kind != SCENE_PART_FOOT)
                continue;
            float t = scene_clamp(scene_dot(scene_sub(p, foot->a), foot->ab) * foot->inverse, 0, 1);
            struct scene_vec near = scene_along(foot->a, foot->ab, t);
            float gap = scene_length(scene_sub(p, near)) - 0.02f;
            *open *= 1 - 0.75f * scene_bump(gap / 0.14f);
            *key *= 1 - 0.5f * scene_bump(gap / 0.1f);
        }
    }
}

/* Width of a pixel on the surface along u and v: stretched in the direction in which it slants
 * away. */
static void set_footprint(const struct scene_world *world, const struct scene_hit *hit,
                          struct scene_spot *spot)
{
    const struct scene_touch *touch = &hit->touch;
    float facing = -scene_dot(touch->normal, hit->ray), base = hit->t / world->camera->fx;
    struct scene_vec slant = scene_unit(scene_along(hit->ray, touch->normal, facing));
    float stretch = 1 / scene_max(facing * facing, 1e-4f) - 1, u = scene_dot(slant, touch->u_axis);
    spot->fu = base * sqrtf(1 + u * u * stretch);
    spot->fv = base * sqrtf(1 + (1 - u * u) * stretch);
}

static struct scene_vec shade_surface(const struct scene_world *world, const struct scene_hit *hit)
{
    const struct scene_place *place = world->place;
    bool is_floor = hit->object == SCENE_FLOOR;
    const struct scene_surface *surface =
        is_floor ? &place->floor : &place->things[hit->object].surface;
    struct scene_spot spot = hit->touch.spot;
    set_footprint(world, hit, &spot);
    struct scene_vec albedo = scene_surface_colour(surface, &spot);
    if (surface->kind == SCENE_SURFACE_LAMP)
        return albedo;
    float key = 1, open = 1;
    if (is_floor) {
        float shade = scene_place_shade(place, hit->point.x, hit->point.y);
        key = shade;
        open = 0.4f + 0.6f * shade;
        floor_shadow(world, hit->point, &key, &open);
    } else {
        struct scene_vec p = hit->point;
        open = 1 - 0.35f * scene_bump(p.z / 0.6f);
        key = 0.75f + 0.5f * scene_noise2((p.x + p.y) * 0.4f, p.z * 0.5f, 77);
    }
    struct scene_vec colour = scene_mul(albedo, lit(&place->light, hit->touch.normal, key, open));
    return scene_along(colour, place->light.key,
                       surface->gloss * key * shine(&place->light, hit->touch.normal, hit->ray));
}

static struct scene_vec shade_person(const struct scene_world *world, const struct scene_hit *hit)
{
    const struct scene_body *body = &world->bodies[hit->object - SCENE_PERSON];
    const struct scene_light *light = &world->place->light;
    float footprint = hit->t / world->camera->fx;
    scene_parts near = scene_body_near(body, hit->parts, hit->point, 0.17f);
    scene_parts here = scene_body_near(body, near, hit->point, 0.075f);
    struct scene_vec n =
        scene_body_normal(body, here, hit->point, scene_max(footprint * 0.5f, 0.002f));
    int part = 0;
    scene_body_distance(body, here, hit->point, &part);
    struct scene_dress dress;
    scene_dress_at(body, part, hit->point, footprint, &dress);
    /* How open the surroundings are, and whether an arm or the chin is in the light's way. */
    float open = scene_body_distance(body, near, scene_along(hit->point, n, 0.06f), NULL) / 0.06f;
    open = scene_mix(0.35f, 1, scene_clamp(open, 0, 1)) *
           (1 - 0.2f * scene_bump(hit->point.z / 0.35f));
    struct scene_vec ahead =
        scene_along(scene_along(hit->point, n, 0.015f), light->direction, 0.08f);
    float key = scene_mix(0.3f, 1,
                          scene_step(-0.01f, 0.035f, scene_body_distance(body, near, ahead, NULL)));
    key *= scene_place_shade(world->place, body->pose.at.x, body->pose.at.y);
    n = scene_unit(scene_along(n, scene_vec(0.5f, 0.3f, 0.8f), 0.3f * dress.folds));
    struct scene_vec colour =
        scene_mul(dress.albedo, lit(light, n, key, open * (1 + 0.25f * dress.folds)));
    return scene_along(colour, light->key, dress.gloss * key * shine(light, n, hit->ray));
}

static struct scene_vec sky(const struct scene_light *light, struct scene_vec ray)
{
    float up = scene_clamp(ray.z * 2, 0, 1), scale = 1.2f / (0.15f + scene_max(ray.z, 0));
    float cloud = scene_fbm(ray.x * scale, ray.y * scale, 5, 0.01f, 41);
    struct scene_vec clear = scene_blend(scene_rgb(0xdfe7ec), scene_rgb(0x7fa6d4), up);
    struct scene_vec c = scene_blend(clear, scene_rgb(0xf2f3f4), scene_step(0.45f, 0.7f, cloud));
    return scene_scale(c, 0.6f + light->sky.y * 0.9f);
}

struct scene_vec scene_shade(const struct scene_world *world, const struct scene_hit *hit)
{
    const struct scene_light *light = &world->place->light;
    if (hit->object == SCENE_SKY)
        return sky(light, hit->ray);
    struct scene_vec c =
        hit->object >= SCENE_PERSON ? shade_person(world, hit) : shade_surface(world, hit);
    float haze = hit->t * light->haze_per_m;
    return scene_blend(c, scene_scale(light->sky, 0.8f), haze / (1 + haze));
}
