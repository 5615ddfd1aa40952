/* models/NAME: model.yaml and the nets it names, read, checked against each other and hashed. */
#include "partition/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/types.h>

#include <sha2.h>

#include "partition/onnx.h"
#include "proto/log.h"
#include "proto/status.h"

#define AREA "partition"

enum { PATH_BYTES = 4096 };

struct loader {
    struct partition_model *model;
    const struct proto_config_model *config;
    const char *dir;
    char yaml[PATH_BYTES]; /* path of model.yaml, for messages */
    SHA2_CTX sha;
};

/* Add a file's bytes to the hash: the same as sha256sum of the files one after the other. */
static int hash_file(void *arg, const char *path)
{
    struct loader *loader = arg;
    unsigned char block[1 << 14];
    size_t got;
    FILE *file = fopen(path, "rb");
    if (!file) {
        proto_log_error(AREA, "%s: %s", path, strerror(errno));
        return PROTO_IO;
    }
    while ((got = fread(block, 1, sizeof(block), file)) > 0)
        SHA256Update(&loader->sha, block, got);
    const int status = ferror(file) ? PROTO_IO : PROTO_OK;
    if (status != PROTO_OK)
        proto_log_error(AREA, "%s: %s", path, strerror(errno));
    fclose(file);
    return status;
}

/* The config's own checks keep its values in range. */
static int copy_settings(struct loader *loader)
{
    const struct proto_config_model *config = loader->config;
    struct partition_model *model = loader->model;
    const int points_max = sizeof(model->operating_points) / sizeof(model->operating_points[0]);
    if (config->operating_points_count > points_max) {
        proto_log_error(AREA, "%s: %d operating points; at most %d are supported", loader->yaml,
                        config->operating_points_count, points_max);
        return PROTO_INVALID;
    }
    snprintf(model->name, sizeof(model->name), "%s", config->name);
    model->first_person_px = config->first_person_px;
    model->per_octave = config->per_octave;
    model->levels = config->levels;
    model->pad_below = config->pad_below;
    model->aspect = config->aspect;
    model->candidate_threshold = (float)config->candidate_threshold;
    model->threshold = (float)config->threshold;
    model->overlap = (float)config->overlap;
    model->overlap_measure = config->overlap_measure;
    model->operating_point_count = config->operating_points_count;
    for (int i = 0; i < config->operating_points_count; i++) {
        model->operating_points[i].fppi = config->operating_points[i].fppi;
        model->operating_points[i].threshold = config->operating_points[i].threshold;
    }
    return PROTO_OK;
}

static int load_net(struct loader *loader, const struct proto_config_net *config,
                    struct partition_net *net)
{
    char path[PATH_BYTES];
    snprintf(net->name, sizeof(net->name), "%s", config->name);
    net->first_level = config->first_level;
    net->last_level = config->last_level;
    net->person_px = config->person_px;
    net->border_rows = config->border_rows;
    net->border_cols = config->border_cols;
    net->scale = (float)config->scale;
    net->offset = (float)config->offset;
    if ((size_t)snprintf(path, sizeof(path), "%s/%s", loader->dir, config->file) >= sizeof(path)) {
        proto_log_error(AREA, "%s: the path of net '%s' is too long", loader->yaml, config->name);
        return PROTO_INVALID;
    }
    const int status = partition_onnx_read_files(path, net, hash_file, loader);
    if (status != PROTO_OK)
        return status;
    if (net->window.h != config->window_h || net->window.w != config->window_w) {
        proto_log_error(AREA,
                        "%s: net '%s' has a window of %d x %d rows and columns, but %s of %d x %d",
                        loader->yaml, config->name, config->window_h, config->window_w,
                        config->file, net->window.h, net->window.w);
        return PROTO_INVALID;
    }
    return PROTO_OK;
}

static int load_nets(struct loader *loader)
{
    for (int i = 0; i < loader->config->nets_count; i++) {
        const int status = load_net(loader, &loader->config->nets[i], &loader->model->nets[i]);
        loader->model->net_count = i + 1; /* what partition_model_close frees */
        if (status != PROTO_OK)
            return status;
    }
    return PROTO_OK;
}

static void finish_hash(struct loader *loader)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256Final(digest, &loader->sha);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
        snprintf(loader->model->hash + 2 * i, 3, "%02x", digest[i]);
}

int partition_model_open(const char *dir, struct partition_model **out)
{
    struct proto_config_model *config = NULL;
    struct loader loader = {.dir = dir};
    *out = NULL;
    if ((size_t)snprintf(loader.yaml, sizeof(loader.yaml), "%s/model.yaml", dir) >=
        sizeof(loader.yaml)) {
        proto_log_error(AREA, "the path of the model folder is too long");
        return PROTO_INVALID;
    }
    int status = proto_config_model_load(loader.yaml, &config);
    if (status != PROTO_OK)
        return status;
    loader.config = config;
    loader.model = calloc(1, sizeof(*loader.model));
    status = loader.model ? PROTO_OK : PROTO_NO_MEMORY;
    SHA256Init(&loader.sha);
    if (status == PROTO_OK)
        status = copy_settings(&loader);
    if (status == PROTO_OK)
        status = hash_file(&loader, loader.yaml);
    if (status == PROTO_OK)
        status = load_nets(&loader);
    proto_config_model_free(config);
    if (status != PROTO_OK) {
        partition_model_close(loader.model);
        return status;
    }
    finish_hash(&loader);
    *out = loader.model;
    return PROTO_OK;
}

void partition_model_close(struct partition_model *model)
{
    if (!model)
        return;
    for (int i = 0; i < model->net_count; i++)
        free(model->nets[i].weights);
    free(model);
}
