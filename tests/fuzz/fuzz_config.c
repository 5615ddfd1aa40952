/* Any bytes as model.yaml, as a camera, a board, a profile and as detect's options. */
#include "proto/config.h"
#include "proto/config_board.h"
#include "proto/config_profile.h"
#include "proto/status.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct proto_config_model *model;
    struct proto_config_detect detect = {0};
    struct proto_config_camera camera;
    struct proto_config_board *board;
    struct proto_config_profile *profile;
    const int status = proto_config_model_load(fuzz_file(data, len), &model);
    fuzz_judge(status);
    if (status == PROTO_OK)
        proto_config_model_free(model);
    fuzz_judge(proto_config_camera_load(fuzz_file(data, len), &camera));
    const int as_board = proto_config_board_load(fuzz_file(data, len), &board);
    fuzz_judge(as_board);
    if (as_board == PROTO_OK)
        proto_config_board_free(board);
    const int as_profile = proto_config_profile_load(fuzz_file(data, len), NULL, &profile);
    fuzz_judge(as_profile);
    if (as_profile == PROTO_OK)
        proto_config_profile_free(profile);
    fuzz_judge(proto_config_detect_load(fuzz_file(data, len), &detect));
    proto_config_detect_free(&detect);
    return 0;
}
