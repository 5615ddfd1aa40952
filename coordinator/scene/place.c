#include "coordinator/scene/place.h"

/* To and from the thing's own axes. */
static struct scene_vec turn_in(const struct scene_thing *g, struct scene_vec v)
{
    return scene_vec(v.x * g->cosine + v.y * g->sine, v.y * g->cosine - v.x * g->sine, v.z);
}

static struct scene_vec turn_out(const struct scene_thing *g, struct scene_vec v)
{
    return scene_vec(v.x * g->cosine - v.y * g->sine, v.y * g->cosine + v.x * g->sine, v.z);
}

static float inverse(float v)
{
    return 1 / (v < 1e-7f && v > -1e-7f ? 1e-7f : v);
}

/* Entry of a ray into |p| <= half along one axis; false: it misses the slab between *in and *out.
 */
static bool cross_slab(float origin, float ray, float half, float *in, float *out, bool *entered)
{
    float inv = inverse(ray);
    float a = (-half - origin) * inv, b = (half - origin) * inv;
    float first = scene_min(a, b), last = scene_max(a, b);
    *entered = first > *in;
    *in = scene_max(*in, first);
    *out = scene_min(*out, last);
    return *in <= *out;
}

static float sign(float v)
{
    return v < 0 ? -1.0f : 1.0f;
}

/* The face of a box that p lies on: its outward normal and the two directions in it. */
static void box_spot(const struct scene_thing *g, int axis, struct scene_vec ray,
                     struct scene_vec p, struct scene_touch *touch)
{
    struct scene_vec n, u;
    struct scene_spot *s = &touch->spot;
    if (axis == 0) {
        n = scene_vec(-sign(ray.x), 0, 0);
        u = scene_vec(0, 1, 0);
        *s = (struct scene_spot){.u = p.y, .v = p.z, .half_u = g->half.y, .half_v = g->half.z};
    } else if (axis == 1) {
        n = scene_vec(0, -sign(ray.y), 0);
        u = scene_vec(1, 0, 0);
        *s = (struct scene_spot){.u = p.x, .v = p.z, .half_u = g->half.x, .half_v = g->half.z};
    } else {
        n = scene_vec(0, 0, -sign(ray.z));
        u = scene_vec(1, 0, 0);
        *s = (struct scene_spot){.u = p.x, .v = p.y, .half_u = g->half.x, .half_v = g->half.y};
    }
    touch->normal = turn_out(g, n);
    touch->u_axis = turn_out(g, u);
}

static bool meet_box(const struct scene_thing *g, struct scene_vec o, struct scene_vec r,
                     struct scene_touch *touch)
{
    float in = 1e-3f, out = touch->t;
    bool entered[3];
    if (!cross_slab(o.x, r.x, g->half.x, &in, &out, &entered[0]) ||
        !cross_slab(o.y, r.y, g->half.y, &in, &out, &entered[1]) ||
        !cross_slab(o.z, r.z, g->half.z, &in, &out, &entered[2]))
        return false;
    int axis = entered[2] ? 2 : entered[1] ? 1 : entered[0] ? 0 : -1;
    if (axis < 0)
        return false; /* the eye is inside */
    touch->t = in;
    touch->local = scene_along(o, r, in);
    box_spot(g, axis, r, touch->local, touch);
    return true;
}

/* Upright cylinder of radius half.x and its lid. */
static bool meet_cylinder(const struct scene_thing *g, struct scene_vec o, struct scene_vec r,
                          struct scene_touch *touch)
{
    float a = r.x * r.x + r.y * r.y, b = o.x * r.x + o.y * r.y;
    float c = o.x * o.x + o.y * o.y - g->half.x * g->half.x;
    float root = b * b - a * c;
    if (root < 0 || c < 0 || a < 1e-9f)
        return false;
    float side = (-b - sqrtf(root)) / a, z = o.z + r.z * side;
    float lid = (sign(-r.z) * g->half.z - o.z) * inverse(r.z);
    struct scene_vec p = scene_along(o, r, lid);
    bool on_lid = p.x * p.x + p.y * p.y < g->half.x * g->half.x && z * sign(-r.z) > g->half.z;
    float t = on_lid ? lid : side;
    if (t < 1e-3f || t >= touch->t || (!on_lid && (z > g->half.z || z < -g->half.z)))
        return false;
    p = scene_along(o, r, t);
    touch->t = t;
    touch->local = p;
    touch->normal = on_lid ? scene_vec(0, 0, sign(-r.z))
                           : turn_out(g, scene_vec(p.x / g->half.x, p.y / g->half.x, 0));
    touch->u_axis = scene_vec(-touch->normal.y, touch->normal.x, 0);
    if (on_lid)
        touch->u_axis = scene_vec(1, 0, 0);
    touch->spot = (struct scene_spot){
        .u = p.x, .v = on_lid ? p.y : p.z, .half_u = g->half.x, .half_v = g->half.z};
    return true;
}

static bool meet_ellipsoid(const struct scene_thing *g, struct scene_vec o, struct scene_vec r,
                           struct scene_touch *touch)
{
    struct scene_vec shrink = scene_vec(1 / g->half.x, 1 / g->half.y, 1 / g->half.z);
    struct scene_vec so = scene_mul(o, shrink), sr = scene_mul(r, shrink);
    float a = scene_dot(sr, sr), b = scene_dot(so, sr), c = scene_dot(so, so) - 1;
    float root = b * b - a * c;
    if (root < 0)
        return false;
    root = sqrtf(root);
    /* Leaves have holes: behind a hole in the front lies the inside of the back. */
    for (int face = 0; face < 2; face++) {
        float t = (-b + (face ? root : -root)) / a;
        struct scene_vec p = scene_along(o, r, t);
        if (t < 1e-3f || t >= touch->t || !scene_surface_is_solid(&g->surface, p))
            continue;
        struct scene_vec n = scene_unit(scene_mul(scene_mul(p, shrink), shrink));
        touch->t = t;
        touch->local = p;
        touch->normal = turn_out(g, n);
        touch->u_axis = scene_unit(scene_vec(-touch->normal.y, touch->normal.x, 1e-4f));
        touch->spot = (struct scene_spot){.u = p.x + p.y, .v = p.z};
        return true;
    }
    return false;
}

bool scene_thing_meet(const struct scene_thing *thing, struct scene_vec origin,
                      struct scene_vec ray, struct scene_touch *touch)
{
    struct scene_vec o = turn_in(thing, scene_sub(origin, thing->centre)), r = turn_in(thing, ray);
    switch (thing->shape) {
    case SCENE_SHAPE_BOX:
        return meet_box(thing, o, r, touch);
    case SCENE_SHAPE_CYLINDER:
        return meet_cylinder(thing, o, r, touch);
    case SCENE_SHAPE_ELLIPSOID:
        return meet_ellipsoid(thing, o, r, touch);
    }
    return false;
}

float scene_floor_distance(const struct scene_thing *g, float x, float y)
{
    struct scene_vec p = turn_in(g, scene_vec(x - g->centre.x, y - g->centre.y, 0));
    if (g->shape != SCENE_SHAPE_BOX)
        return scene_length(p) - g->half.x;
    float dx = scene_max(sign(p.x) * p.x - g->half.x, 0),
          dy = scene_max(sign(p.y) * p.y - g->half.y, 0);
    return sqrtf(dx * dx + dy * dy);
}

bool scene_place_is_free(const struct scene_place *place, float x, float y, float room_m)
{
    if (x < place->left_m + room_m || x > place->right_m - room_m || y > place->depth_m - room_m)
        return false;
    for (int i = 0; i < place->count; i++)
        if (place->things[i].is_solid && scene_floor_distance(&place->things[i], x, y) < room_m)
            return false;
    return true;
}

float scene_place_shade(const struct scene_place *place, float x, float y)
{
    float limit = SCENE_FLOOR_CELLS - 1.001f;
    float u = scene_clamp((x - place->floor_x) / place->floor_cell_m - 0.5f, 0, limit);
    float v = scene_clamp((y - place->floor_y) / place->floor_cell_m - 0.5f, 0, limit);
    int i = (int)u, j = (int)v;
    float fu = u - (float)i, fv = v - (float)j;
    float top = scene_mix(place->shade[j][i], place->shade[j][i + 1], fu);
    return scene_mix(top, scene_mix(place->shade[j + 1][i], place->shade[j + 1][i + 1], fu), fv);
}
