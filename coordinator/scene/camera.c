#include "coordinator/scene/camera.h"

static const float near_m = 0.05f;

void scene_camera_init(struct scene_camera *camera, struct proto_size size, float fov_deg,
                       float height_m, float pitch_deg, float roll_deg)
{
    float half = fov_deg / 720, pitch = pitch_deg / 360, roll = roll_deg / 360;
    float focal = (float)size.w / 2 * scene_cos(half) / scene_sin(half);
    struct scene_vec right = scene_vec(1, 0, 0);
    struct scene_vec down = scene_vec(0, -scene_sin(pitch), -scene_cos(pitch));
    *camera = (struct scene_camera){
        .size = size,
        .fx = focal,
        .fy = focal,
        .cx = (float)size.w / 2,
        .cy = (float)size.h / 2,
        .height_m = height_m,
        .pitch_deg = pitch_deg,
        .roll_deg = roll_deg,
        .eye = scene_vec(0, 0, height_m),
        .right = scene_along(scene_scale(right, scene_cos(roll)), down, scene_sin(roll)),
        .down = scene_along(scene_scale(down, scene_cos(roll)), right, -scene_sin(roll)),
        .forward = scene_vec(0, scene_cos(pitch), -scene_sin(pitch)),
    };
}

struct scene_vec scene_camera_ray(const struct scene_camera *camera, float x, float y)
{
    struct scene_vec ray = camera->forward;
    ray = scene_along(ray, camera->right, (x - camera->cx) / camera->fx);
    ray = scene_along(ray, camera->down, (y - camera->cy) / camera->fy);
    return scene_unit(ray);
}

static struct scene_vec to_camera(const struct scene_camera *camera, struct scene_vec point)
{
    struct scene_vec d = scene_sub(point, camera->eye);
    return scene_vec(scene_dot(d, camera->right), scene_dot(d, camera->down),
                     scene_dot(d, camera->forward));
}

bool scene_camera_project(const struct scene_camera *camera, struct scene_vec point, float *x,
                          float *y)
{
    struct scene_vec p = to_camera(camera, point);
    if (p.z < near_m)
        return false;
    *x = camera->cx + camera->fx * p.x / p.z;
    *y = camera->cy + camera->fy * p.y / p.z;
    return true;
}

/* Slopes of the two tangents from the eye to the circle (along, depth, radius). */
static void tangents(float along, float depth, float radius, float *lo, float *hi)
{
    float scale = 1 / (depth * depth - radius * radius);
    float reach = radius * sqrtf(along * along + depth * depth - radius * radius);
    *lo = (along * depth - reach) * scale;
    *hi = (along * depth + reach) * scale;
}

bool scene_camera_sphere(const struct scene_camera *camera, struct scene_vec centre, float radius,
                         struct scene_box *box)
{
    struct scene_vec p = to_camera(camera, centre);
    if (p.z < radius + near_m)
        return false;
    float lo, hi;
    tangents(p.x, p.z, radius, &lo, &hi);
    box->x0 = camera->cx + camera->fx * lo;
    box->x1 = camera->cx + camera->fx * hi;
    tangents(p.y, p.z, radius, &lo, &hi);
    box->y0 = camera->cy + camera->fy * lo;
    box->y1 = camera->cy + camera->fy * hi;
    return true;
}
