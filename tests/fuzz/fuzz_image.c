/* Any bytes as a picture. */
#include <string.h>

#include "coordinator/image.h"
#include "proto/status.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct coordinator_image none;
    struct coordinator_image image = none;
    char reason[256] = "";
    const int status = coordinator_image_read(fuzz_file(data, len), &image, reason);
    if (status == PROTO_OK) {
        fuzz_need(!fuzz_allocation_failed(), "a failed allocation went unnoticed");
        fuzz_need(image.size.w > 0 && image.size.h > 0, "a picture without pixels");
        const size_t bytes = (size_t)image.size.w * (size_t)image.size.h * 3;
        unsigned sum =
            0; /* touch the pixels; of a large picture enough to see that they are there */
        for (size_t i = 0; i < bytes; i += 1 + bytes / 4096)
            sum += image.data[i];
        fuzz_need(sum + image.data[bytes - 1] <= 255u * 4097u, "no sum");
    } else {
        fuzz_need(reason[0] && memchr(reason, '\0', sizeof reason), "refused without a word");
    }
    coordinator_image_free(&image);
    return 0;
}
