#include "coordinator/scene/scene.h"

#include <stdlib.h>

#include "coordinator/scene/render.h"
#include "coordinator/scene/walk.h"
#include "proto/status.h"

struct person {
    struct scene_look look;
    struct scene_walk walk;
};

struct scene {
    struct scene_settings settings;
    struct scene_camera camera;
    struct scene_film film;
    struct scene_place place;
    struct scene_render render;
    int count; /* of persons */
    struct person persons[SCENE_PERSONS_MAX];
    struct scene_body bodies[SCENE_PERSONS_MAX];
};

static const char *const place_names[] = {
    [SCENE_PLACE_CORRIDOR] = "corridor",
    [SCENE_PLACE_HALL] = "hall",
    [SCENE_PLACE_STREET] = "street",
};
_Static_assert(sizeof(place_names) / sizeof(place_names[0]) == SCENE_PLACE_KINDS,
               "a name for each kind");

const char *scene_place_name(int kind)
{
    return kind >= 0 && kind < SCENE_PLACE_KINDS ? place_names[kind] : NULL;
}

void scene_settings_defaults(struct scene_settings *settings)
{
    *settings = (struct scene_settings){
        .size = {640, 480},
        .frames = 40,
        .persons = 5,
        .fps = 10,
        .seed = 1,
        .place = SCENE_PLACE_KINDS,
        .camera_height_m = 1.2,
        .pitch_deg = 5,
        .roll_deg = 0,
        .fov_deg = 60,
        .min_distance_m = 2,
        .max_distance_m = 13,
    };
}

static void choose_film(struct scene *scene, struct scene_random *r)
{
    struct scene_film *film = &scene->film;
    film->exposure = scene_random_range(r, 0.8f, 1.15f);
    film->vignette = scene_random_range(r, 0.05f, 0.3f);
    film->blur = scene_random_range(r, 0.08f, 0.2f);
    film->noise = scene_random_range(r, 1.0f, 3.5f);
    film->shutter_s = scene_random_range(r, 0.004f, 0.02f);
}

static void choose_persons(struct scene *scene)
{
    const struct scene_settings *s = &scene->settings;
    struct scene_walk_limits limits = {
        .camera = &scene->camera,
        .place = &scene->place,
        .min_m = (float)s->min_distance_m,
        .max_m = (float)s->max_distance_m,
        .duration_s = (float)(s->frames / s->fps),
    };
    struct scene_walk walks[SCENE_PERSONS_MAX];
    for (int i = 0; i < s->persons; i++) {
        struct scene_random random; /* one stream a person: adding one does not change the others */
        scene_random_init(&random, s->seed, 100 + (uint64_t)i);
        struct person *person = &scene->persons[scene->count];
        scene_look_choose(&random, &person->look);
        scene_walk_choose(&random, &limits, person->look.height_m, walks, scene->count,
                          &person->walk);
        if (person->walk.count > 0)
            walks[scene->count++] = person->walk;
    }
}

int scene_open(const struct scene_settings *settings, struct scene **out)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    if (!scene)
        return PROTO_NO_MEMORY;
    int status = scene_render_open(&scene->render, settings->size);
    if (status) {
        scene_close(scene);
        return status;
    }
    scene->settings = *settings;
    scene_camera_init(&scene->camera, settings->size, (float)settings->fov_deg,
                      (float)settings->camera_height_m, (float)settings->pitch_deg,
                      (float)settings->roll_deg);
    scene_place_build(&scene->place, settings->place, settings->seed,
                      (float)settings->max_distance_m);
    struct scene_random random;
    scene_random_init(&random, settings->seed, 2);
    choose_film(scene, &random);
    choose_persons(scene);
    *out = scene;
    return PROTO_OK;
}

void scene_close(struct scene *scene)
{
    if (!scene)
        return;
    scene_render_close(&scene->render);
    free(scene);
}

const struct scene_camera *scene_camera_of(const struct scene *scene)
{
    return &scene->camera;
}

const char *scene_place_of(const struct scene *scene)
{
    return place_names[scene->place.kind];
}

/* Velocity of a person across the picture, pixels a second. */
static void picture_speed(const struct scene *scene, const struct scene_walk *walk, float t,
                          float speed[2])
{
    static const float dt = 0.1f;
    struct scene_pose from, to;
    scene_walk_pose(walk, t - dt / 2, &from);
    scene_walk_pose(walk, t + dt / 2, &to);
    from.at.z = to.at.z = 0.9f;
    float x0, y0, x1, y1;
    speed[0] = speed[1] = 0;
    if (!scene_camera_project(&scene->camera, from.at, &x0, &y0) ||
        !scene_camera_project(&scene->camera, to.at, &x1, &y1))
        return;
    speed[0] = (x1 - x0) / dt;
    speed[1] = (y1 - y0) / dt;
}

void scene_draw(struct scene *scene, int n, struct coordinator_image *image,
                struct scene_truth *truths, int *count)
{
    float t = (float)(n / scene->settings.fps);
    float speeds[SCENE_PERSONS_MAX][2];
    struct scene_world world = {&scene->camera, &scene->place, scene->bodies, scene->count};
    for (int i = 0; i < scene->count; i++) {
        struct scene_pose pose;
        scene_walk_pose(&scene->persons[i].walk, t, &pose);
        scene_body_init(&scene->bodies[i], &scene->persons[i].look, &pose);
        picture_speed(scene, &scene->persons[i].walk, t, speeds[i]);
    }
    scene_render_draw(&scene->render, &world);
    scene->film.seed = scene_hash(n, (int32_t)scene->settings.seed, 9);
    scene_render_develop(&scene->render, &scene->film, (const float(*)[2])speeds, image);
    *count = 0;
    for (int i = 0; i < scene->count; i++)
        if (scene_truth_of(&world, i, &truths[*count]))
            ++*count;
}
