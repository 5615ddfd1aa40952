#include <string.h>

#include "coordinator/scene/random.h"
#include "coordinator/scene/render.h"

static void swap(struct scene_render *render)
{
    struct scene_vec *done = render->spare;
    render->spare = render->light;
    render->light = done;
}

static int inside(int v, int size)
{
    return v < 0 ? 0 : v >= size ? size - 1 : v;
}

/* Pixels of a person become the mean along the way that the person moves while the shutter is open.
 */
static void blur_motion(struct scene_render *render, float shutter_s, const float (*speeds)[2])
{
    int w = render->size.w, h = render->size.h;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            int at = y * w + x, person = render->objects[at] - SCENE_PERSON;
            render->spare[at] = render->light[at];
            if (person < 0)
                continue;
            float dx = speeds[person][0] * shutter_s, dy = speeds[person][1] * shutter_s;
            if (dx * dx + dy * dy < 0.25f)
                continue;
            struct scene_vec sum = {0};
            for (int i = -2; i <= 2; i++) {
                int sx = inside((int)scene_floor((float)x + 0.5f + dx * (float)i / 4), w);
                int sy = inside((int)scene_floor((float)y + 0.5f + dy * (float)i / 4), h);
                sum = scene_along(sum, render->light[sy * w + sx], 0.2f);
            }
            render->spare[at] = sum;
        }
    swap(render);
}

/* The lens: a 3 x 3 binomial-like kernel with `blur` on each side tap. */
static void blur_lens(struct scene_render *render, float blur)
{
    int w = render->size.w, h = render->size.h;
    for (int pass = 0; pass < 2; pass++) {
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                int before = pass ? inside(y - 1, h) * w + x : y * w + inside(x - 1, w);
                int after = pass ? inside(y + 1, h) * w + x : y * w + inside(x + 1, w);
                struct scene_vec sides = scene_add(render->light[before], render->light[after]);
                render->spare[y * w + x] =
                    scene_along(scene_scale(render->light[y * w + x], 1 - 2 * blur), sides, blur);
            }
        swap(render);
    }
}

/* About normal, mean 0, deviation 1: four uniform bytes of a hash. */
static float grain(uint32_t hash)
{
    float sum = (float)(hash & 255) + (float)(hash >> 8 & 255) + (float)(hash >> 16 & 255) +
                (float)(hash >> 24);
    return (sum - 510) * (1 / 147.8f);
}

static uint8_t quantise(float light, float noise)
{
    /* Bright light is compressed softly, then the square-root transfer curve. */
    float v = light < 0.7f ? light : 0.7f + (light - 0.7f) / (1 + 1.1f * (light - 0.7f));
    v = scene_clamp(sqrtf(scene_max(v, 0)), 0, 1);
    v = scene_mix(v, v * v * (3 - 2 * v), 0.4f); /* cameras steepen the middle */
    return (uint8_t)scene_clamp(v * 255 + noise + 0.5f, 0, 255);
}

void scene_render_develop(struct scene_render *render, const struct scene_film *film,
                          const float (*speeds)[2], struct coordinator_image *image)
{
    int w = render->size.w, h = render->size.h;
    if (speeds)
        blur_motion(render, film->shutter_s, speeds);
    blur_lens(render, film->blur);
    float corner = 4.0f / ((float)w * (float)w + (float)h * (float)h);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            float dx = (float)x + 0.5f - (float)w / 2, dy = (float)y + 0.5f - (float)h / 2;
            float gain = film->exposure * (1 - film->vignette * (dx * dx + dy * dy) * corner);
            struct scene_vec c = scene_scale(render->light[y * w + x], gain);
            uint8_t *pixel = image->data + (size_t)(y * w + x) * 3;
            float common = grain(scene_hash(x, y, film->seed)) * film->noise;
            float colour = 0.5f * film->noise;
            pixel[0] = quantise(c.x, common + colour * grain(scene_hash(x, y, film->seed + 1)));
            pixel[1] = quantise(c.y, common);
            pixel[2] = quantise(c.z, common + colour * grain(scene_hash(x, y, film->seed + 2)));
        }
}
