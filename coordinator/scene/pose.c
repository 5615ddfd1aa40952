/* Where the joints are: a walking cycle by joint angles, and arms that swing, carry or hold.
 *
 * Angles follow the usual gait curves: the hip from 32 degrees forward to 12 back, the knee with a
 * small bend under load and a large one in swing. Lengths are shares of body height (Drillis and
 * Contini 1966).
 */
#include "coordinator/scene/body.h"

struct frame {
    struct scene_vec forward, left, up;
};

static struct scene_part *add(struct scene_body *body, enum scene_part_kind kind,
                              struct scene_vec a, struct scene_vec b, float ra, float rb,
                              float blend)
{
    struct scene_part *part = &body->parts[body->count++];
    *part = (struct scene_part){
        .a = a, .b = b, .ra = ra, .rb = rb, .blend = blend, .cut_z = -1e6f, .kind = kind};
    return part;
}

/* Point at (left, forward, up) from `from`. */
static struct scene_vec place(const struct frame *f, struct scene_vec from, float left,
                              float forward, float up)
{
    struct scene_vec p = scene_along(from, f->left, left);
    p = scene_along(p, f->forward, forward);
    return scene_along(p, f->up, up);
}

/* Direction of a limb that hangs down and is turned forward by an angle (turns). */
static struct scene_vec hang(const struct frame *f, float turn)
{
    return scene_along(scene_scale(f->up, -scene_cos(turn)), f->forward, scene_sin(turn));
}

/* Bump of a cyclic curve: 1 at `at`, 0 beyond `width`, all in turns of the cycle. */
static float cycle_bump(float phase, float at, float width)
{
    float d = phase - at;
    return scene_bump((d - scene_floor(d + 0.5f)) / width);
}

static void add_leg(struct scene_body *body, const struct frame *f, struct scene_vec hips,
                    float side, float phase)
{
    const struct scene_look *look = body->look;
    float h = look->height_m, g = look->girth * h, s = body->pose.swing * look->stride;
    phase -= scene_floor(phase);
    float hip = s * (0.028f + 0.062f * scene_cos(phase));
    float knee = 0.012f + s * (0.045f * cycle_bump(phase, 0.13f, 0.16f) +
                               0.165f * cycle_bump(phase, 0.73f, 0.27f));
    float toe =
        s * (0.05f * cycle_bump(phase, 0.0f, 0.12f) - 0.13f * cycle_bump(phase, 0.64f, 0.2f));
    struct scene_vec joint = place(f, hips, side * 0.052f * h, 0, 0);
    struct scene_vec bend = scene_along(joint, hang(f, hip), 0.245f * h);
    struct scene_vec down = hang(f, hip - knee);
    struct scene_vec ankle = scene_along(bend, down, 0.243f * h);
    /* The foot lies flat but for heel strike and push-off; toes point a little outwards. */
    struct scene_vec along =
        scene_along(scene_scale(f->forward, scene_cos(toe)), f->up, scene_sin(toe));
    along = scene_along(along, f->left, side * 0.15f);
    struct scene_vec drop =
        scene_along(scene_scale(f->up, -scene_cos(toe)), f->forward, scene_sin(toe));
    struct scene_vec heel = scene_along(scene_along(ankle, along, -0.022f * h), drop, 0.018f * h);
    struct scene_vec ball = scene_along(scene_along(ankle, along, 0.085f * h), drop, 0.024f * h);
    bool bare = look->bottom != SCENE_BOTTOM_TROUSERS;
    float knee_r = bare ? 0.034f * g : 0.041f * g, shank = bare ? 0.028f * g : 0.037f * g;
    add(body, SCENE_PART_THIGH, joint, bend, 0.053f * g, knee_r, 0.04f);
    add(body, SCENE_PART_SHANK, bend, ankle, shank, bare ? 0.02f * g : 0.032f * g, 0.025f);
    if (bare) { /* the calf */
        struct scene_vec calf =
            scene_along(scene_along(bend, down, 0.07f * h), f->forward, -0.01f * h);
        add(body, SCENE_PART_SHANK, calf, scene_along(calf, down, 0.05f * h), 0.028f * g,
            0.025f * g, 0.03f);
    }
    add(body, SCENE_PART_FOOT, heel, ball, 0.023f * h, 0.017f * h, 0.02f);
}

/* Where an arm goes: angles of upper arm and elbow (turns), and how far the hand turns inwards. */
struct arm {
    float shoulder, elbow, spread, inwards;
};

static struct arm choose_arm(const struct scene_body *body, float side, float phase)
{
    const struct scene_look *look = body->look;
    float s = body->pose.swing * look->stride;
    float swing = -0.065f * scene_cos(phase) * s;
    struct arm arm = {swing - 0.01f, 0.035f + 0.03f * s + scene_max(swing, 0) * 0.6f, 0.035f, 0};
    if (look->arms == SCENE_ARMS_POCKETS)
        arm = (struct arm){-0.05f, 0.13f, 0.05f, 0.01f};
    else if (look->arms == SCENE_ARMS_FRONT)
        arm = (struct arm){0.03f, 0.21f, 0.03f, 0.09f};
    else if (look->arms == SCENE_ARMS_PHONE && side > 0)
        arm = (struct arm){0.07f, 0.38f, 0.06f, 0.02f};
    if (look->bag == SCENE_BAG_HAND && side < 0)
        arm = (struct arm){swing * 0.3f, 0.01f, 0.03f, 0};
    return arm;
}

static void add_arm(struct scene_body *body, const struct frame *f, struct scene_vec neck,
                    float side, float phase)
{
    const struct scene_look *look = body->look;
    float h = look->height_m, g = look->girth * h;
    bool thick = look->top == SCENE_TOP_JACKET || look->top == SCENE_TOP_COAT;
    float wide = thick ? 1.12f : look->top == SCENE_TOP_SHIRT ? 1.02f : 0.92f;
    struct arm arm = choose_arm(body, side, phase);
    struct scene_vec shoulder = place(f, neck, side * 0.096f * h * look->shoulders, 0, -0.053f * h);
    struct scene_vec upper =
        scene_unit(scene_along(hang(f, arm.shoulder), f->left, side * 6.28f * arm.spread));
    struct scene_vec elbow = scene_along(shoulder, upper, 0.175f * h);
    struct scene_vec fore = hang(f, arm.shoulder + arm.elbow);
    fore = scene_unit(scene_along(fore, f->left, -side * 6.28f * arm.inwards));
    struct scene_vec wrist = scene_along(elbow, fore, 0.14f * h);
    struct scene_vec fingers = scene_along(wrist, fore, 0.058f * h);
    bool bare = look->top == SCENE_TOP_TSHIRT;
    add(body, SCENE_PART_UPPER_ARM, shoulder, elbow, 0.031f * g * wide, 0.024f * g * wide, 0.035f);
    add(body, SCENE_PART_FOREARM, elbow, wrist, bare ? 0.022f * g : 0.024f * g * wide,
        bare ? 0.015f * g : 0.02f * g * wide, 0.015f);
    add(body, SCENE_PART_HAND, scene_along(wrist, fore, 0.012f * h), fingers, 0.017f * h,
        0.014f * h, 0.012f);
    if (look->bag == SCENE_BAG_HAND && side < 0) {
        struct scene_vec top = place(f, fingers, side * 0.02f, 0.06f, -0.08f * h);
        add(body, SCENE_PART_BAG, top, place(f, top, 0, -0.14f, 0), 0.07f, 0.07f, 0.004f);
        top = place(f, top, 0, 0.02f, -0.1f);
        add(body, SCENE_PART_BAG, top, place(f, top, 0, -0.18f, 0), 0.075f, 0.075f, 0.05f);
    }
}

static void add_head(struct scene_body *body, const struct frame *f, struct scene_vec neck)
{
    const struct scene_look *look = body->look;
    float h = look->height_m;
    bool hair = look->hair != SCENE_HAIR_NONE;
    struct scene_vec skull = place(f, neck, 0, 0.012f * h, 0.105f * h);
    struct scene_vec chin = place(f, neck, 0, 0.028f * h, 0.056f * h);
    struct scene_vec throat = place(f, neck, 0, 0.006f * h, 0.06f * h);
    body->head = skull;
    body->head_forward = f->forward;
    add(body, SCENE_PART_NECK, neck, throat, 0.033f * h, 0.03f * h, 0.04f);
    add(body, SCENE_PART_HEAD, skull, chin, hair ? 0.043f * h : 0.047f * h, 0.028f * h, 0.012f);
    if (!hair)
        return;
    struct scene_vec crown = place(f, skull, 0, -0.01f * h, 0.004f * h);
    struct scene_vec back = place(f, skull, 0, -0.017f * h, -0.018f * h);
    add(body, SCENE_PART_HAIR, crown, back, 0.045f * h, 0.041f * h, 0.006f);
    if (look->hair == SCENE_HAIR_LONG) {
        struct scene_vec low = place(f, skull, 0, -0.028f * h, -0.1f * h);
        add(body, SCENE_PART_HAIR, place(f, back, 0.018f * h, 0.008f * h, 0),
            place(f, low, 0.022f * h, 0, 0), 0.034f * h, 0.026f * h, 0.015f);
        add(body, SCENE_PART_HAIR, place(f, back, -0.018f * h, 0.008f * h, 0),
            place(f, low, -0.022f * h, 0, 0), 0.034f * h, 0.026f * h, 0.015f);
    } else if (look->hair == SCENE_HAIR_BUN) {
        add(body, SCENE_PART_HAIR, place(f, crown, 0, -0.045f * h, 0.01f * h),
            place(f, crown, 0, -0.05f * h, 0.005f * h), 0.02f * h, 0.02f * h, 0.012f);
    } else if (look->hair == SCENE_HAIR_CAP) {
        struct scene_vec brim = place(f, skull, 0, 0.03f * h, 0.017f * h);
        add(body, SCENE_PART_HAIR, brim, place(f, brim, 0, 0.036f * h, -0.006f * h), 0.022f * h,
            0.008f * h, 0.01f);
    }
}

static void add_trunk(struct scene_body *body, const struct frame *f, struct scene_vec hips,
                      struct scene_vec neck)
{
    const struct scene_look *look = body->look;
    float h = look->height_m, g = look->girth * h;
    bool thick = look->top == SCENE_TOP_JACKET || look->top == SCENE_TOP_COAT;
    float extra = thick ? 0.009f * h : 0.002f * h;
    for (float side = -1; side <= 1; side += 2) {
        struct scene_vec low = place(f, hips, side * 0.034f * g, 0.004f * h, 0.045f * h);
        struct scene_vec high =
            place(f, neck, side * 0.046f * h * look->shoulders, 0.004f * h, -0.095f * h);
        add(body, SCENE_PART_TRUNK, low, high, 0.048f * g + extra, 0.053f * g + extra, 0.07f);
        /* From neck to shoulder */
        struct scene_vec shoulder =
            place(f, neck, side * 0.088f * h * look->shoulders, 0, -0.056f * h);
        add(body, SCENE_PART_TRUNK, place(f, neck, side * 0.018f * h, 0, -0.022f * h), shoulder,
            0.03f * h + extra, 0.03f * g + extra, 0.05f);
        add(body, SCENE_PART_HIPS, place(f, hips, side * 0.036f * h, -0.012f * h, -0.012f * h), low,
            0.062f * g, 0.05f * g, 0.05f);
    }
}

/* Coats and skirts: two cones from the hips down, cut off at the hem. */
static void add_skirt(struct scene_body *body, const struct frame *f, struct scene_vec hips)
{
    const struct scene_look *look = body->look;
    float h = look->height_m, g = look->girth * h;
    bool coat = look->top == SCENE_TOP_COAT;
    if (!coat && look->bottom != SCENE_BOTTOM_SKIRT)
        return;
    float hem = (coat ? 0.33f : 0.3f) * h, flare = coat ? 0.068f : 0.075f;
    for (float side = -1; side <= 1; side += 2) {
        struct scene_vec top = place(f, hips, side * 0.036f * h, 0, 0.01f * h);
        struct scene_vec low = place(f, hips, side * 0.05f * h, 0, -0.23f * h);
        struct scene_part *part =
            add(body, SCENE_PART_SKIRT, top, low, 0.066f * g, flare * g, 0.06f);
        part->cut_z = hem;
    }
}

static void add_bag(struct scene_body *body, const struct frame *f, struct scene_vec hips,
                    struct scene_vec neck)
{
    float h = body->look->height_m;
    if (body->look->bag == SCENE_BAG_BACKPACK) {
        struct scene_vec top = place(f, neck, 0, -0.09f * h, -0.08f * h);
        for (float side = -1; side <= 1; side += 2)
            add(body, SCENE_PART_BAG, place(f, top, side * 0.035f * h, 0, 0),
                place(f, top, side * 0.035f * h, -0.01f * h, -0.14f * h), 0.045f * h, 0.05f * h,
                0.03f);
    } else if (body->look->bag == SCENE_BAG_SHOULDER) {
        struct scene_vec at = place(f, hips, -0.115f * h, -0.01f * h, 0.03f * h);
        add(body, SCENE_PART_BAG, place(f, at, 0, 0.055f * h, 0), place(f, at, 0, -0.055f * h, 0),
            0.035f * h, 0.035f * h, 0.004f);
        at = place(f, at, 0, 0, -0.045f * h);
        add(body, SCENE_PART_BAG, place(f, at, 0, 0.06f * h, 0), place(f, at, 0, -0.06f * h, 0),
            0.037f * h, 0.037f * h, 0.03f);
    }
}

/* Let the lowest sole touch the floor, then work out what is derived. */
static void settle(struct scene_body *body)
{
    float lowest = 1e6f;
    for (int i = 0; i < body->count; i++)
        if (body->parts[i].kind == SCENE_PART_FOOT)
            lowest = scene_min(lowest, scene_min(body->parts[i].a.z - body->parts[i].ra,
                                                 body->parts[i].b.z - body->parts[i].rb));
    body->head.z -= lowest;
    body->chest.z -= lowest;
    for (int i = 0; i < body->count; i++) {
        struct scene_part *part = &body->parts[i];
        part->a.z -= lowest;
        part->b.z -= lowest;
        part->ab = scene_sub(part->b, part->a);
        float squared = scene_dot(part->ab, part->ab);
        part->inverse = squared > 0 ? 1 / squared : 0;
        part->middle = scene_along(part->a, part->ab, 0.5f);
        part->bound = 0.5f * sqrtf(squared) + scene_max(part->ra, part->rb);
    }
    body->centre = scene_along(body->pose.at, scene_vec(0, 0, 1), 0.5f * body->look->height_m);
    body->radius = 0.5f * body->look->height_m + 0.25f;
}

void scene_body_init(struct scene_body *body, const struct scene_look *look,
                     const struct scene_pose *pose)
{
    float sine = scene_sin(pose->heading), cosine = scene_cos(pose->heading);
    struct frame upright = {.forward = scene_vec(-sine, cosine, 0),
                            .left = scene_vec(-cosine, -sine, 0),
                            .up = scene_vec(0, 0, 1)};
    *body = (struct scene_body){
        .look = look, .pose = *pose, .forward = upright.forward, .left = upright.left};
    float h = look->height_m, s = pose->swing;
    /* The trunk leans a little forward and turns against the legs. */
    float turn = 0.018f * s * scene_cos(pose->phase);
    struct frame trunk = upright;
    trunk.forward = scene_unit(scene_along(upright.forward, upright.left, 6.28f * turn));
    trunk.left = scene_unit(scene_along(upright.left, upright.forward, -6.28f * turn));
    struct scene_vec hips = scene_along(pose->at, upright.up, 0.53f * h);
    struct scene_vec neck = place(&upright, hips, 0, (0.008f + 0.012f * s) * h, 0.315f * h);
    body->chest = neck;
    add_trunk(body, &trunk, hips, neck);
    add_leg(body, &upright, hips, 1, pose->phase);
    add_leg(body, &upright, hips, -1, pose->phase + 0.5f);
    add_skirt(body, &upright, hips);
    add_head(body, &upright, neck);
    add_arm(body, &trunk, neck, 1, pose->phase);
    add_arm(body, &trunk, neck, -1, pose->phase + 0.5f);
    add_bag(body, &trunk, hips, neck);
    settle(body);
}
