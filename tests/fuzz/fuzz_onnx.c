/* Any bytes as a net. */
#include <stdlib.h>

#include "partition/onnx.h"
#include "proto/status.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct partition_net net = {.name = "fuzz"};
    const int status = partition_onnx_read(fuzz_file(data, len), &net);
    fuzz_judge(status);
    if (status == PROTO_OK) {
        fuzz_need(net.layer_count > 0 && net.window.h > 0 && net.stride.w > 0 && net.outputs > 0,
                  "a model was accepted that is none");
        double sum = 0; /* touch every weight: the sanitizer sees a wrong length */
        for (uint64_t i = 0; i < net.weight_count; i++)
            sum += (double)net.weights[i];
        fuzz_need(sum == sum, "a weight is not a number");
        free(net.weights);
    } else {
        fuzz_need(net.weights == NULL && net.layer_count == 0,
                  "a refused model left something behind");
    }
    return 0;
}
