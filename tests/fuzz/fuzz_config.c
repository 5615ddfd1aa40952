/* Any bytes as model.yaml, as a camera and as detect's options. */
#include "proto/config.h"
#include "proto/status.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct proto_config_model *model;
    struct proto_config_detect detect = {0};
    struct proto_config_camera camera;
    const int status = proto_config_model_load(fuzz_file(data, len), &model);
    fuzz_judge(status);
    if (status == PROTO_OK)
        proto_config_model_free(model);
    fuzz_judge(proto_config_camera_load(fuzz_file(data, len), &camera));
    fuzz_judge(proto_config_detect_load(fuzz_file(data, len), &detect));
    proto_config_detect_free(&detect);
    return 0;
}
