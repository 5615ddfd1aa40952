/* Any bytes as a truth file: CSV, or Caltech text. */
#include "coordinator/eval/truth.h"
#include "proto/status.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct eval_truth *truth = NULL;
    const int status = eval_truth_open(fuzz_file(data, len), &truth);
    fuzz_judge(status);
    if (status != PROTO_OK)
        return 0;
    for (size_t i = 0; i < truth->frame_count; i++)
        for (size_t b = 0; b < truth->frames[i].box_count; b++)
            fuzz_need(truth->frames[i].boxes[b].box.w > 0 && truth->frames[i].boxes[b].box.h > 0,
                      "a box without a size");
    fuzz_need(eval_truth_find(truth, "no such frame", -1) == NULL, "a frame that is not there");
    eval_truth_close(truth);
    return 0;
}
