#include "coordinator/scene/dress.h"

#include "coordinator/scene/noise.h"

/* A point in the body's own axes (left, forward, up from the floor) and along its part (0 .. 1). */
struct spot {
    float left, forward, up, along;
};

static struct spot locate(const struct scene_body *body, const struct scene_part *part,
                          struct scene_vec p)
{
    struct scene_vec d = scene_sub(p, body->pose.at);
    float along = scene_clamp(scene_dot(scene_sub(p, part->a), part->ab) * part->inverse, 0, 1);
    return (struct spot){scene_dot(d, body->left), scene_dot(d, body->forward), d.z, along};
}

static struct scene_vec pattern(const struct scene_look *look, const struct spot *s,
                                float footprint)
{
    float period = look->pattern_m, around = s->left + s->forward * 0.7f, cover = 0;
    float chest = 0.72f * look->height_m;
    switch (look->pattern) {
    case SCENE_PATTERN_STRIPES:
        cover = scene_lines(s->up, period, period * 0.45f, footprint);
        break;
    case SCENE_PATTERN_CHECKS:
        cover = 0.5f * scene_lines(s->up, period, period * 0.4f, footprint) +
                0.5f * scene_lines(around, period, period * 0.4f, footprint);
        break;
    case SCENE_PATTERN_PRINT:
        if (s->forward > 0)
            cover = scene_span(s->up, chest - 0.09f, chest + 0.05f, footprint) *
                    scene_span(s->left, -0.09f, 0.09f, footprint) *
                    scene_step(0.42f, 0.55f, scene_noise2(s->left * 45, s->up * 38, look->seed));
        break;
    case SCENE_PATTERN_YOKE:
        cover = scene_span(s->up, chest + 0.03f, 9, footprint);
        break;
    case SCENE_PATTERN_PLAIN:
        break;
    }
    return scene_blend(look->shirt, look->accent, cover);
}

/* Straps of bags over the trunk. */
static struct scene_vec add_straps(const struct scene_look *look, const struct spot *s,
                                   float footprint, struct scene_vec colour)
{
    float cover = 0, h = look->height_m;
    if (look->bag == SCENE_BAG_SHOULDER && s->up > 0.55f * h)
        cover = scene_span(s->left - (s->up - 0.68f * h) * 0.75f, -0.018f, 0.018f, footprint);
    else if (look->bag == SCENE_BAG_BACKPACK && s->forward > -0.05f && s->up > 0.62f * h)
        cover =
            scene_span((s->left > 0 ? s->left : -s->left) - 0.052f * h, -0.02f, 0.02f, footprint);
    return scene_blend(colour, look->bag_colour, cover);
}

/* Front of the trunk: open jackets show what is under them, closed ones a row of buttons, all a
 * collar. */
static struct scene_vec top_colour(const struct scene_look *look, const struct spot *s,
                                   float footprint)
{
    struct scene_vec colour = pattern(look, s, footprint);
    float h = look->height_m;
    bool outer = look->top == SCENE_TOP_JACKET || look->top == SCENE_TOP_COAT;
    bool open = outer && (look->seed & 1);
    if (s->forward > 0) {
        float neck = s->up - (outer ? 0.68f : 0.775f) * h;
        float half = scene_max(open ? 0.03f : 0, (outer ? 0.32f : 0.8f) * neck);
        if (half > 0)
            colour = scene_blend(colour, outer ? look->under : look->skin,
                                 scene_span(s->left, -half, half, footprint));
        else if (look->top != SCENE_TOP_TSHIRT)
            colour =
                scene_scale(colour, 1 - 0.5f * scene_span(s->left, -0.006f, 0.006f, footprint));
    }
    return add_straps(look, s, footprint, colour);
}

static struct scene_vec trouser_colour(const struct scene_look *look, const struct spot *s)
{
    /* Worn cloth is lighter on the thighs and darker below; seams run down the sides. */
    float wear = 1 + 0.25f * scene_bump((s->up - 0.38f * look->height_m) / 0.2f) *
                         (s->forward > 0 ? 1 : 0.3f);
    return scene_scale(look->trousers, wear);
}

/* Skin with eyes, brows, nose shadow and mouth, in head coordinates scaled by body height. */
static struct scene_vec face_colour(const struct scene_body *body, struct scene_vec p)
{
    const struct scene_look *look = body->look;
    struct scene_vec d = scene_scale(scene_sub(p, body->head), 1 / look->height_m);
    float left = scene_dot(d, body->left), front = scene_dot(d, body->head_forward), up = d.z;
    float side = left < 0 ? -left : left;
    struct scene_vec colour = look->skin;
    if (up > 0.022f - 0.25f * scene_max(0, 0.02f - front) || front < -0.004f)
        return look->hair == SCENE_HAIR_NONE ? colour : look->hair_colour;
    if (front < 0.012f)
        return colour;
    float eye = scene_bump((side - 0.0165f) / 0.009f) * scene_bump((up + 0.002f) / 0.006f);
    float brow = scene_bump((side - 0.017f) / 0.013f) * scene_bump((up - 0.008f) / 0.004f);
    float mouth = scene_bump(left / 0.016f) * scene_bump((up + 0.042f) / 0.005f);
    float nose = scene_bump(left / 0.008f) * scene_bump((up + 0.024f) / 0.006f);
    colour = scene_scale(colour, 1 - 0.75f * eye - 0.45f * scene_max(brow - eye, 0) - 0.3f * nose);
    colour = scene_mul(colour, scene_vec(1 - 0.2f * mouth, 1 - 0.55f * mouth, 1 - 0.5f * mouth));
    if (look->seed % 5 == 0 && look->hair != SCENE_HAIR_LONG && up < -0.03f)
        colour = scene_blend(colour, look->hair_colour, 0.6f * (1 - mouth)); /* beard */
    return colour;
}

/* Folds: noise drawn out along the limb, finer near the joints. */
static float folds_at(const struct scene_body *body, const struct scene_part *part,
                      const struct spot *s)
{
    uint32_t seed = body->look->seed + (uint32_t)part->kind * 31u + (s->left > 0 ? 7u : 0u);
    float across = s->left * 22 + s->forward * 22;
    if (part->kind == SCENE_PART_TRUNK || part->kind == SCENE_PART_SKIRT) {
        float slant = s->up * 9 + s->left * 7 * (s->left > 0 ? 1 : -1);
        return 1.1f * (scene_noise2(across * 0.6f, slant, seed) - 0.5f) +
               0.8f * (scene_noise2(across * 1.7f, slant * 1.8f + 3, seed + 1) - 0.5f);
    }
    float joint =
        1 + 1.2f * scene_bump((s->along - 1) / 0.4f) + 0.8f * scene_bump(s->along / 0.35f);
    return joint * (scene_noise2(across * 0.7f, s->up * 16, seed) - 0.5f);
}

/* Where the upper garment ends, metres above the floor. */
static float hem_of(const struct scene_look *look)
{
    static const float share[] = {[SCENE_TOP_TSHIRT] = 0.52f,
                                  [SCENE_TOP_SHIRT] = 0.545f,
                                  [SCENE_TOP_JACKET] = 0.485f,
                                  [SCENE_TOP_COAT] = 0.33f};
    return share[look->top] * look->height_m;
}

/* Knees and elbows end sleeves and trouser legs of summer clothes. */
static bool is_bare(const struct scene_look *look, enum scene_part_kind kind, const struct spot *s)
{
    float along = s->along;
    switch (kind) {
    case SCENE_PART_NECK:
    case SCENE_PART_HEAD:
    case SCENE_PART_HAND:
        return true;
    case SCENE_PART_UPPER_ARM:
        return look->top == SCENE_TOP_TSHIRT && along > 0.6f;
    case SCENE_PART_FOREARM:
        return look->top == SCENE_TOP_TSHIRT;
    case SCENE_PART_THIGH:
        return look->bottom == SCENE_BOTTOM_SHORTS && along > 0.88f;
    case SCENE_PART_SHANK:
        return look->bottom != SCENE_BOTTOM_TROUSERS && s->up < hem_of(look);
    default:
        return false;
    }
}

void scene_dress_at(const struct scene_body *body, int index, struct scene_vec p, float footprint,
                    struct scene_dress *out)
{
    const struct scene_look *look = body->look;
    const struct scene_part *part = &body->parts[index];
    struct spot s = locate(body, part, p);
    *out = (struct scene_dress){.albedo = look->skin, .folds = 0, .gloss = 0.12f};
    if (is_bare(look, part->kind, &s)) {
        if (part->kind == SCENE_PART_HEAD)
            out->albedo = face_colour(body, p);
        return;
    }
    out->gloss = 0.03f;
    out->folds = folds_at(body, part, &s);
    switch (part->kind) {
    case SCENE_PART_HAIR:
        out->albedo = look->hair_colour;
        out->folds =
            1.4f * (scene_noise2(s.left * 60 + s.forward * 60, s.up * 14, look->seed) - 0.5f);
        out->gloss = 0.15f;
        break;
    case SCENE_PART_FOOT:
        out->albedo = s.up < 0.014f ? scene_scale(look->shoes, 0.5f) : look->shoes;
        out->folds = 0;
        out->gloss = 0.2f;
        break;
    case SCENE_PART_BAG:
        out->albedo = look->bag_colour;
        break;
    case SCENE_PART_UPPER_ARM:
    case SCENE_PART_FOREARM:
        out->albedo = pattern(look, &s, footprint);
        break;
    default:
        out->albedo =
            s.up > hem_of(look) ? top_colour(look, &s, footprint) : trouser_colour(look, &s);
        break;
    }
    /* Weave */
    float fine = 1 - scene_step(0.002f, 0.012f, footprint);
    if (fine > 0)
        out->albedo = scene_scale(
            out->albedo,
            1 + fine * 0.2f *
                    (scene_noise2(s.left * 150 + s.forward * 130, s.up * 150, look->seed) - 0.5f));
}
