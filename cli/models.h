/* Where model folders are found, and thresholds from a model's operating points. */
#ifndef CLI_MODELS_H
#define CLI_MODELS_H

#include "partition/model.h"

enum { CLI_PATH_MAX = 4096 };

/* name: a folder with a model.yaml, or the name of one below $MUSTER_MODELS, the source tree's
 * models/ or the installed share/muster/models. False when there is none. */
bool cli_model_search(const char *name, char path[CLI_PATH_MAX]);
/* The same; PROTO_NOT_FOUND is logged with the folders tried. */
int cli_model_find(const char *name, char path[CLI_PATH_MAX]);

/* Score threshold for so many false positives per image: log-interpolated between the model's
 * operating points. Returns PROTO_OK, or PROTO_INVALID outside their range (logged with the
 * range). */
int cli_model_threshold_at(const struct partition_model *model, double fppi, float *threshold);

#endif
