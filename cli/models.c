/* Finding a model folder; operating points. */
#include "cli/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/version.h"
#include "proto/log.h"
#include "proto/status.h"

static bool has_model(const char *dir)
{
    char file[CLI_PATH_MAX + 16];
    snprintf(file, sizeof file, "%s/model.yaml", dir);
    return access(file, R_OK) == 0;
}

/* NULL where the environment says nothing. */
static void folders_fill(const char *folders[3])
{
    folders[0] = getenv("MUSTER_MODELS");
    folders[1] = CLI_MODELS_SOURCE;
    folders[2] = CLI_MODELS_INSTALLED;
}

bool cli_model_search(const char *name, char path[CLI_PATH_MAX])
{
    const char *folders[3];
    if (strlen(name) >= CLI_PATH_MAX)
        return false;
    strcpy(path, name);
    if (has_model(path))
        return true;
    folders_fill(folders);
    for (int i = 0; i < 3 && !strchr(name, '/'); i++) {
        if (!folders[i])
            continue;
        const int length = snprintf(path, CLI_PATH_MAX, "%s/%s", folders[i], name);
        if (length > 0 && length < CLI_PATH_MAX && has_model(path))
            return true;
    }
    return false;
}

int cli_model_find(const char *name, char path[CLI_PATH_MAX])
{
    const char *folders[3];
    if (cli_model_search(name, path))
        return PROTO_OK;
    folders_fill(folders);
    proto_log_error(
        "cli", "no model '%s': it has no model.yaml, nor has a folder of that name in %s%s%s or %s",
        name, folders[0] ? folders[0] : "", folders[0] ? ", " : "", folders[1], folders[2]);
    return PROTO_NOT_FOUND;
}

static int by_fppi(const void *a, const void *b)
{
    const struct partition_operating_point *p = a, *q = b;
    return (p->fppi > q->fppi) - (p->fppi < q->fppi);
}

int cli_model_threshold_at(const struct partition_model *model, double fppi, float *threshold)
{
    struct partition_operating_point
        points[sizeof model->operating_points / sizeof *model->operating_points];
    const int count = model->operating_point_count;

    memcpy(points, model->operating_points, sizeof points);
    qsort(points, (size_t)count, sizeof *points, by_fppi);
    for (int i = 0; i + 1 < count; i++) {
        const struct partition_operating_point *p = &points[i], *q = p + 1;
        if (fppi < p->fppi || fppi > q->fppi)
            continue;
        const double part = q->fppi > p->fppi ? log(fppi / p->fppi) / log(q->fppi / p->fppi) : 0.0;
        *threshold = (float)(p->threshold + part * (q->threshold - p->threshold));
        return PROTO_OK;
    }
    if (count == 1 && fppi == points[0].fppi) {
        *threshold = (float)points[0].threshold;
        return PROTO_OK;
    }
    if (count == 0)
        proto_log_error("cli", "model %s lists no operating points: use --threshold", model->name);
    else
        proto_log_error(
            "cli", "model %s has operating points from %g to %g false positives per image, not %g",
            model->name, points[0].fppi, points[count - 1].fppi, fppi);
    return PROTO_INVALID;
}
