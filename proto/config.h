/* Configuration files (YAML, libcyaml): schemas, defaults and checks.
 *
 * Unknown keys, wrong types and wrong units are refused; the log line names the file, the line
 * and the key, and says what would be valid. Loaded structs are freed with their own function.
 */
#ifndef PROTO_CONFIG_H
#define PROTO_CONFIG_H

#include "proto/types.h"

enum proto_overlap_measure { PROTO_OVERLAP_IOU, PROTO_OVERLAP_MIN };

/* models/NAME/model.yaml; see models/README.md for each key. */
struct proto_config_net {
    char *name;
    char *file; /* relative to model.yaml */
    int32_t first_level, last_level;
    int32_t window_h, window_w; /* level pixels; checked against the ONNX file */
    double person_px;           /* height of the person in the window */
    int32_t border_rows, border_cols;
    double scale, offset; /* net input = pixel * scale + offset */
};

struct proto_config_operating_point {
    double fppi, threshold;
};

struct proto_config_model {
    char *name;
    double first_person_px, per_octave;
    int32_t levels;
    double pad_below;
    double aspect;
    double candidate_threshold, threshold;
    double overlap;
    enum proto_overlap_measure overlap_measure;
    int32_t operating_points_count;
    struct proto_config_operating_point *operating_points;
    int32_t nets_count;
    struct proto_config_net *nets;
};

/* path: the YAML file. Every level is served by exactly one net, and all values are in range.
 * Returns PROTO_OK, PROTO_IO, PROTO_LIMIT (over 1 MiB), PROTO_FORMAT (not YAML, unknown or missing key,
 * wrong type), PROTO_INVALID (a value out of range) or PROTO_NO_MEMORY; *out is NULL then. */
int proto_config_model_load(const char *path, struct proto_config_model **out);
void proto_config_model_free(struct proto_config_model *model);

/* detect's --config FILE: the options of `muster detect` as a file (configs/detect.yaml shows all).
 * A key that is absent leaves the field as it was. The strings are NULL or from malloc: loading frees
 * the one it replaces. */
struct proto_config_detect {
    char *model;     /* model folder */
    char *device;    /* "cpu,f32" */
    int32_t threads; /* 0: one under mpirun, otherwise one per core */
    int32_t depth;   /* frames in flight */
    /* The tile set; negative: not said. */
    int32_t tile_rows, tile_cols;  /* largest tile, cells; 0: no limit */
    double halo_share, tile_share; /* as in struct partition_tile_settings */
    int32_t max_workers;
    double period_slack; /* the frame period may be this share longer for a shorter latency */
    double threshold;    /* NAN: the model's */
    double beat_ms;      /* "100ms" */
    char *camera;        /* path; in the file relative to that. NULL: none */
    char *ground_plane;  /* "on", "off", "measure"; NULL: not said */
};
/* Returns as proto_config_model_load; the config is untouched unless PROTO_OK. */
int proto_config_detect_load(const char *path, struct proto_config_detect *config);
void proto_config_detect_free(struct proto_config_detect *config);

/* --camera FILE: lens, pose and who may stand before it; configs/cameras/scene.yaml has a drawing.
 * The picture's pixels are counted from its top-left corner, a pixel's centre is at .5. */
struct proto_config_camera {
    int32_t width, height;                 /* of the pictures it was calibrated with, pixels */
    double fx, fy, cx, cy;                 /* pixels; cx, cy: the middle */
    double k1, k2, p1, p2;                 /* radial and tangential distortion (OpenCV); 0 */
    double height_m, height_tolerance_m;   /* of the lens above the floor; 0.02 */
    double pitch_deg, pitch_tolerance_deg; /* down is positive; 1 */
    double roll_deg, roll_tolerance_deg;   /* clockwise seen from behind is positive; 0 and 1 */
    double body_min_m, body_max_m;         /* 1.2, 2.05: soles to top of head */
    double distance_min_m, distance_max_m; /* 1, 20: along the floor */
    double cut_below; /* 1: how far below the picture feet may be, in heights of the picture */
};
/* Refused, with the line: what contradicts itself, and a camera that can see no such person.
 * Returns as proto_config_model_load; the config is untouched unless PROTO_OK. */
int proto_config_camera_load(const char *path, struct proto_config_camera *config);

/* "0.25", "-1e3": the whole text is one decimal number, with a point in every locale.
 * Returns PROTO_OK or PROTO_INVALID; does not log. */
int proto_config_number(const char *text, double *out);

/* "100ms", "2s", "40W", "75%", "1Gbit/s", "640px" -> number in the unit named by `unit`
 * ("ms", "W", "%", "Mbit/s", "px", ...; quantity.c lists all). Returns PROTO_OK, or PROTO_INVALID if
 * the unit is missing or of another kind; does not log, since only the caller knows the key. */
int proto_config_quantity(const char *text, const char *unit, double *out);

#endif
