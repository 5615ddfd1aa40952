/* Any bytes as detections: JSON lines. */
#include "coordinator/eval/detections.h"
#include "proto/status.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct eval_detections detections = {0};
    const int status = eval_detections_read(&detections, fuzz_file(data, len));
    fuzz_judge(status);
    for (size_t i = 0; i < detections.frame_count; i++)
        for (size_t d = 0; d < detections.frames[i].count; d++)
            fuzz_need(detections.frames[i].list[d].score == detections.frames[i].list[d].score,
                      "a score that is not a number");
    eval_detections_close(&detections);
    return 0;
}
