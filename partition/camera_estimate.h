/* A camera's height, pitch and roll from persons seen through it: the farther away somebody stands, the
 * smaller the body and the closer the feet to the horizon. How fast one follows the other gives the
 * height (in body heights), where the feet end up gives the pitch, and its change across the
 * picture the roll. The lens must be known.
 *
 * Likelihood: the body that explains a sighting (its soles' row tells the distance, the distance and
 * the height in the picture the body) is body_m * exp(own + noise); `own` is the person's (a track's),
 * with the spread of a population, so that somebody who walks towards the camera counts for more than
 * several persons at one distance. Both have the heavy tails of Student's t, so that children, wrong
 * boxes and hidden feet cost little. (The other way round, the soles' row that explains a height, is
 * drawn to low cameras: heights in the picture vary by themselves, as bodies do.)
 * How sure it is: the larger of the likelihood's curvature and a bootstrap over the tracks.
 */
#ifndef PARTITION_CAMERA_ESTIMATE_H
#define PARTITION_CAMERA_ESTIMATE_H

#include "partition/camera.h"

/* One box around a whole standing person, frame pixels. */
struct partition_sighting {
    double x, top, bottom; /* x: of its middle */
    uint32_t track;        /* equal for the same person; counted from 0 */
};

struct partition_camera_estimate_settings {
    double height_m;    /* NAN: to be estimated; measured with a tape, it makes the rest surer */
    double roll_deg;    /* 0; NAN: to be estimated */
    double body_m;      /* 1.7: of the average person */
    double body_spread; /* 0.04: how far off that may be, as a share; it limits the height */
    int32_t bootstrap;  /* 60: resamples */
    uint64_t seed;      /* 1 */
};
void partition_camera_estimate_defaults(struct partition_camera_estimate_settings *settings);

struct partition_camera_estimate {
    double height_m, pitch_deg, roll_deg;
    /* One standard deviation; 0 for what was given. height_sd_m holds body_spread's part, too. */
    double height_sd_m, pitch_sd_deg, roll_sd_deg;
    double body_m; /* the average body as seen by this camera */
    double noise;  /* typical deviation of a sighting from its person, share of the body */
    double nearest_m, farthest_m; /* of nine tenths of the sightings */
    uint32_t sightings, tracks, outliers;
};

/* camera: size and lens (its height, pitch, roll are not used). At most PARTITION_SIGHTINGS_MAX.
 * Returns PROTO_OK; PROTO_INVALID when the sightings can't decide, or no camera fits them (logged with
 * what is missing; *out then holds what was found so far, sightings 0 if nothing);
 * PROTO_NO_MEMORY. */
enum { PARTITION_SIGHTINGS_MAX = 4096, PARTITION_SIGHTINGS_MIN = 8 };
int partition_camera_estimate(const struct partition_camera *camera,
                              const struct partition_sighting *sightings, uint32_t count,
                              const struct partition_camera_estimate_settings *settings,
                              struct partition_camera_estimate *out);

#endif
