/* The camera's file: see config.h. */
#include <math.h>

#include "proto/config.h"
#include "proto/status.h"
#include "proto/yaml.h"

enum { NUMBER_MAX_BYTES = 64 };

#define DEGREE (3.14159265358979323846 / 180)

/* Key, whether it must be there, range, and the default. All numbers are read as text, so that "5deg"
 * or "nan" is not taken for something else. The order is that of the checks. */
/* clang-format off */
#define KEYS(X)                                          \
    X(width,               true,  1, PROTO_FRAME_SIDE_MAX, 0) \
    X(height,              true,  1, PROTO_FRAME_SIDE_MAX, 0) \
    X(fx,                  false, 1, 1e6, 0)             \
    X(fy,                  false, 1, 1e6, 0)             \
    X(fov_deg,             false, 1, 170, 0)             \
    X(cx,                  false, 0, PROTO_FRAME_SIDE_MAX, 0) \
    X(cy,                  false, 0, PROTO_FRAME_SIDE_MAX, 0) \
    X(k1,                  false, -5, 5, 0)              \
    X(k2,                  false, -5, 5, 0)              \
    X(p1,                  false, -1, 1, 0)              \
    X(p2,                  false, -1, 1, 0)              \
    X(height_m,            true,  0.05, 100, 0)          \
    X(height_tolerance_m,  false, 0, 10, 0.02)           \
    X(pitch_deg,           true,  -60, 90, 0)            \
    X(pitch_tolerance_deg, false, 0, 30, 1)              \
    X(roll_deg,            false, -45, 45, 0)            \
    X(roll_tolerance_deg,  false, 0, 30, 1)              \
    X(body_min_m,          false, 0.2, 3, 1.2)           \
    X(body_max_m,          false, 0.2, 3, 2.05)          \
    X(distance_min_m,      false, 0.1, 1000, 1)          \
    X(distance_max_m,      false, 0.1, 1000, 20)         \
    X(cut_below,           false, 0, 4, 1)

enum key {
#define X(name, needed, low, high, value) KEY_##name,
    KEYS(X)
#undef X
    KEY_COUNT
};
struct raw_camera {
#define X(name, needed, low, high, value) char *name;
    KEYS(X)
#undef X
};
static const struct row {
    const char *name;
    double low, high, value;
} rows[KEY_COUNT] = {
#define X(name, needed, low, high, value) {#name, low, high, value},
    KEYS(X)
#undef X
};
static const cyaml_schema_field_t fields[] = {
#define X(name, needed, low, high, value)                                                    \
    CYAML_FIELD_STRING_PTR(#name, CYAML_FLAG_POINTER | ((needed) ? 0 : CYAML_FLAG_OPTIONAL), \
                           struct raw_camera, name, 1, NUMBER_MAX_BYTES),
    KEYS(X)
#undef X
    CYAML_FIELD_END
};
static const cyaml_schema_value_t schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_camera, fields)
};
/* clang-format on */

/* The file's numbers, or the defaults. given: which keys are there. */
static int read_numbers(const struct proto_yaml *yaml, const struct raw_camera *raw,
                        double v[KEY_COUNT], bool given[KEY_COUNT])
{
    const char *const texts[KEY_COUNT] = {
#define X(name, needed, low, high, value) raw->name,
        KEYS(X)
#undef X
    };
    for (int i = 0; i < KEY_COUNT; i++) {
        v[i] = rows[i].value;
        given[i] = texts[i] != NULL;
        if (!given[i])
            continue;
        if (proto_config_number(texts[i], &v[i]) != PROTO_OK)
            return proto_yaml_refuse(yaml, rows[i].name, "'%s' is not a number", texts[i]);
        if (!(v[i] >= rows[i].low && v[i] <= rows[i].high))
            return proto_yaml_refuse(yaml, rows[i].name, "must be %g to %g, is %g", rows[i].low,
                                     rows[i].high, v[i]);
        if (i <= KEY_height && v[i] != floor(v[i]))
            return proto_yaml_refuse(yaml, rows[i].name, "'%s' is not a whole number", texts[i]);
    }
    return PROTO_OK;
}

/* The focal length is given as such, or as the horizontal field of view. */
static int read_lens(const struct proto_yaml *yaml, double v[KEY_COUNT], bool given[KEY_COUNT])
{
    if (given[KEY_fov_deg] && (given[KEY_fx] || given[KEY_fy]))
        return proto_yaml_refuse(yaml, "fov_deg", "give either fov_deg or fx and fy");
    if (!given[KEY_fov_deg] && !given[KEY_fx])
        return proto_yaml_refuse(yaml, given[KEY_fy] ? "fy" : "",
                                 "fx is missing: give fx (and fy), or fov_deg");
    if (given[KEY_fov_deg])
        v[KEY_fx] = v[KEY_width] / 2 / tan(v[KEY_fov_deg] / 2 * DEGREE);
    if (!given[KEY_fy])
        v[KEY_fy] = v[KEY_fx];
    if (!given[KEY_cx])
        v[KEY_cx] = v[KEY_width] / 2;
    if (!given[KEY_cy])
        v[KEY_cy] = v[KEY_height] / 2;
    if (v[KEY_cx] > v[KEY_width])
        return proto_yaml_refuse(yaml, "cx", "must be 0 to %g, the width, is %g", v[KEY_width],
                                 v[KEY_cx]);
    if (v[KEY_cy] > v[KEY_height])
        return proto_yaml_refuse(yaml, "cy", "must be 0 to %g, the height, is %g", v[KEY_height],
                                 v[KEY_cy]);
    return PROTO_OK;
}

static int check_order(const struct proto_yaml *yaml, const double v[KEY_COUNT])
{
    if (v[KEY_body_min_m] > v[KEY_body_max_m])
        return proto_yaml_refuse(yaml, "body_min_m", "%g is more than body_max_m, %g",
                                 v[KEY_body_min_m], v[KEY_body_max_m]);
    if (v[KEY_distance_min_m] >= v[KEY_distance_max_m])
        return proto_yaml_refuse(yaml, "distance_min_m", "must be less than distance_max_m, %g",
                                 v[KEY_distance_max_m]);
    if (v[KEY_height_tolerance_m] >= v[KEY_height_m])
        return proto_yaml_refuse(yaml, "height_tolerance_m", "must be less than height_m, %g",
                                 v[KEY_height_m]);
    return PROTO_OK;
}

/* Slopes, below the view's axis and upright, of the highest and lowest corner of what is searched. */
static void view_slopes(const struct proto_config_camera *c, double *highest, double *lowest)
{
    const double x[2] = {-c->cx / c->fx, (c->width - c->cx) / c->fx};
    const double y[2] = {-c->cy / c->fy, (c->height * (1 + c->cut_below) - c->cy) / c->fy};
    *highest = INFINITY;
    *lowest = -INFINITY;
    for (int i = 0; i < 12; i++) {
        const double roll = (c->roll_deg + (i / 4 - 1) * c->roll_tolerance_deg) * DEGREE;
        const double slope = sin(roll) * x[i % 2] + cos(roll) * y[i / 2 % 2];
        *highest = fmin(*highest, slope);
        *lowest = fmax(*lowest, slope);
    }
}

/* Feet on the floor between the two distances must be in view, at least for some pose within the
 * tolerances. Distortion is left out: it bends the view by less than what is refused here. */
static int check_view(const struct proto_yaml *yaml, const struct proto_config_camera *c)
{
    double highest, lowest;
    view_slopes(c, &highest, &lowest);
    const double far_deg = atan((c->height_m - c->height_tolerance_m) / c->distance_max_m) / DEGREE;
    const double near_deg =
        atan((c->height_m + c->height_tolerance_m) / c->distance_min_m) / DEGREE;
    const double down_deg = c->pitch_deg + c->pitch_tolerance_deg + atan(lowest) / DEGREE;
    const double up_deg = c->pitch_deg - c->pitch_tolerance_deg + atan(highest) / DEGREE;
    if (down_deg < far_deg)
        return proto_yaml_refuse(yaml, "pitch_deg",
                                 "the camera looks at the sky: it sees no floor up to "
                                 "distance_max_m, %g; must be at least %.1f",
                                 c->distance_max_m, c->pitch_deg + far_deg - down_deg);
    if (up_deg > near_deg)
        return proto_yaml_refuse(
            yaml, "distance_min_m",
            "no person can be seen: the view ends before that; must be at most %.2f",
            (c->height_m + c->height_tolerance_m) / tan(fmin(up_deg, 89.9) * DEGREE));
    return PROTO_OK;
}

static int make_camera(const struct proto_yaml *yaml, const struct raw_camera *raw,
                       struct proto_config_camera *out)
{
    double v[KEY_COUNT];
    bool given[KEY_COUNT];
    int status = read_numbers(yaml, raw, v, given);
    if (status == PROTO_OK)
        status = read_lens(yaml, v, given);
    if (status == PROTO_OK)
        status = check_order(yaml, v);
    if (status != PROTO_OK)
        return status;
    const struct proto_config_camera camera = {
        .width = (int32_t)v[KEY_width],
        .height = (int32_t)v[KEY_height],
        .fx = v[KEY_fx],
        .fy = v[KEY_fy],
        .cx = v[KEY_cx],
        .cy = v[KEY_cy],
        .k1 = v[KEY_k1],
        .k2 = v[KEY_k2],
        .p1 = v[KEY_p1],
        .p2 = v[KEY_p2],
        .height_m = v[KEY_height_m],
        .height_tolerance_m = v[KEY_height_tolerance_m],
        .pitch_deg = v[KEY_pitch_deg],
        .pitch_tolerance_deg = v[KEY_pitch_tolerance_deg],
        .roll_deg = v[KEY_roll_deg],
        .roll_tolerance_deg = v[KEY_roll_tolerance_deg],
        .body_min_m = v[KEY_body_min_m],
        .body_max_m = v[KEY_body_max_m],
        .distance_min_m = v[KEY_distance_min_m],
        .distance_max_m = v[KEY_distance_max_m],
        .cut_below = v[KEY_cut_below],
    };
    status = check_view(yaml, &camera);
    if (status == PROTO_OK)
        *out = camera;
    return status;
}

int proto_config_camera_load(const char *path, struct proto_config_camera *config)
{
    struct proto_yaml yaml;
    void *raw = NULL;
    int status = proto_yaml_open(&yaml, path);
    if (status != PROTO_OK)
        return status;
    status = proto_yaml_load(&yaml, &schema, &raw);
    if (status == PROTO_OK && !raw)
        status = proto_yaml_refuse(&yaml, "", "the file is empty");
    if (status == PROTO_OK)
        status = make_camera(&yaml, raw, config);
    proto_yaml_free(&schema, raw);
    proto_yaml_close(&yaml);
    return status;
}
