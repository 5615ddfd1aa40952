#include "tests/partition/onnx_cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

char onnx_folder[] = "/tmp/muster-onnx-XXXXXX";
char onnx_path[64];

int onnx_make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(onnx_folder))
        return -1;
    snprintf(onnx_path, sizeof(onnx_path), "%s/net.onnx", onnx_folder);
    return 0;
}

int onnx_remove_folder(void **state)
{
    static const char *const files[] = {"net.onnx", "data.bin", "sub/w.bin"};
    char name[128];
    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(name, sizeof(name), "%s/%s", onnx_folder, files[i]);
        unlink(name);
    }
    snprintf(name, sizeof(name), "%s/sub", onnx_folder);
    rmdir(name);
    return rmdir(onnx_folder);
}

/* 8x6 -> conv 3x3 -> relu -> pool 2 -> flatten (4 x 3 x 2) -> 5 -> relu -> 2 */
void onnx_small_net(struct onnx_writer *w)
{
    onnx_conv(w, "c1", 4, 3, 3, 3);
    onnx_node(w, "Relu", "r1");
    onnx_pool(w, "p1", 2);
    onnx_node(w, "Flatten", "flat");
    onnx_gemm(w, "g1", 5, 24);
    onnx_node(w, "Relu", "r2");
    onnx_gemm(w, "g2", 2, 5);
}

void onnx_open_small(struct onnx_writer *w, enum onnx_storage storage)
{
    onnx_open(w, 8, 6);
    w->folder = onnx_folder;
    w->storage = storage;
    onnx_small_net(w);
}

/* scale, shift, mean and variance of `count` channels; the variance is made positive. */
void onnx_add_normalization(struct onnx_writer *w, const char *name, int64_t count)
{
    static const char *const parts[] = {"s", "t", "m", "v"};
    Onnx__NodeProto *node = onnx_node(w, "BatchNormalization", name);
    onnx_real(w, node, "epsilon", 0.25f);
    for (int i = 0; i < 4; i++) {
        char tensor[32];
        w->storage = i == 3 ? ONNX_TYPED_FLOAT : ONNX_RAW_FLOAT;
        snprintf(tensor, sizeof(tensor), "%s.%s", name, parts[i]);
        Onnx__TensorProto *t = onnx_tensor(w, tensor, 1, &count);
        for (size_t k = 0; i == 3 && k < t->n_float_data; k++)
            t->float_data[k] += 1;
        onnx_take(w, node, tensor);
    }
    w->storage = ONNX_RAW_FLOAT;
}
