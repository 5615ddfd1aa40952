/* Any bytes as model.yaml, as a camera and as detect's options. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/config.h"
#include "proto/log.h"
#include "proto/status.h"
#include "tests/fuzz/target.h"

static char path[] = "/tmp/muster-fuzz-XXXXXX";

static void silent(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg, (void)level, (void)area, (void)text;
}

static void remove_file(void)
{
    unlink(path);
}

static void write_input(const uint8_t *data, size_t len)
{
    static FILE *file;
    if (!file) {
        int fd = mkstemp(path);
        file = fd < 0 ? NULL : fdopen(fd, "wb");
        if (!file || atexit(remove_file) != 0)
            abort();
    }
    rewind(file);
    if (fwrite(data, 1, len, file) != len || fflush(file) != 0 ||
        ftruncate(fileno(file), (off_t)len) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct proto_config_model *model;
    struct proto_config_detect detect = {0};
    struct proto_config_camera camera;
    proto_log_set_sink(silent, NULL);
    write_input(data, len);
    if (proto_config_model_load(path, &model) == PROTO_OK)
        proto_config_model_free(model);
    (void)proto_config_camera_load(path, &camera);
    (void)proto_config_detect_load(path, &detect);
    proto_config_detect_free(&detect);
    return 0;
}
