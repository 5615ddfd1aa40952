/* partition/model.c: a model folder read as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/types.h>
#include <unistd.h>

#include <sha2.h>

#include "tests/partition/onnx_writer.h"
#include "partition/model.h"
#include "proto/status.h"
#include "tests/partition/support.h"

static char folder[] = "/tmp/muster-model-XXXXXX";

static const char *in_folder(const char *file)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    return path;
}

static void write_net(const char *file, uint32_t seed, int64_t window_h)
{
    struct onnx_writer w;
    onnx_open(&w, window_h, 4);
    w.seed = seed;
    w.folder = folder;
    w.storage = seed ? ONNX_EXTERNAL_FLOAT : ONNX_RAW_FLOAT;
    onnx_conv(&w, "c", 4, 3, window_h - 2, 4);
    onnx_conv(&w, "d", 1, 4, 3, 1);
    onnx_write(&w, in_folder(file));
    onnx_close(&w);
}

/* near: the text of its "levels" and its "window". */
static void write_yaml(const char *levels, const char *window)
{
    FILE *file = fopen(in_folder("model.yaml"), "wb");
    assert_non_null(file);
    fprintf(file,
            "name: tiny\n"
            "levels: {first_person_px: 10, per_octave: 2, count: 6}\n"
            "pad_below: 0.5\n"
            "aspect: 0.41\n"
            "candidate_threshold: -1\n"
            "threshold: 0.5\n"
            "overlap: 0.4\n"
            "overlap_measure: min\n"
            "operating_points:\n"
            "  - {fppi: 0.1, threshold: 2.5}\n"
            "nets:\n"
            "  - {name: far, file: far.onnx, levels: [0, 2], window: [8, 4], person_px: 6,\n"
            "     border: [2, 1], input: {scale: 0.5, offset: -3}}\n"
            "  - {name: near, file: near.onnx, levels: %s, window: %s, person_px: 8,\n"
            "     border: [0, 0], input: {scale: 0.25}}\n",
            levels, window);
    assert_int_equal(fclose(file), 0);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    write_net("far.onnx", 0, 8);
    write_net("near.onnx", 7, 10);
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const files[] = {"model.yaml", "far.onnx", "near.onnx", "data.bin"};
    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(in_folder(files[i]));
    return rmdir(folder);
}

static void a_folder_gives_its_nets_and_settings(void **state)
{
    struct partition_model *model;
    (void)state;
    write_yaml("[3, 5]", "[10, 4]");
    assert_int_equal(partition_model_open(folder, &model), PROTO_OK);
    assert_string_equal(model->name, "tiny");
    assert_int_equal(model->levels, 6);
    assert_true(model->first_person_px == 10 && model->per_octave == 2);
    assert_true(model->pad_below == 0.5 && model->aspect == 0.41);
    assert_true(model->candidate_threshold == -1 && model->threshold == 0.5f);
    assert_true(model->overlap == 0.4f && model->overlap_measure == PROTO_OVERLAP_MIN);
    assert_int_equal(model->operating_point_count, 1);
    assert_true(model->operating_points[0].threshold == 2.5);
    assert_int_equal(model->net_count, 2);
    const struct partition_net *far = partition_model_net(model, 2);
    const struct partition_net *near = partition_model_net(model, 3);
    assert_ptr_equal(far, &model->nets[0]);
    assert_ptr_equal(near, &model->nets[1]);
    assert_null(partition_model_net(model, 6));
    assert_string_equal(far->name, "far");
    assert_int_equal(far->border_rows, 2);
    assert_int_equal(far->border_cols, 1);
    assert_true(far->scale == 0.5f && far->offset == -3 && near->scale == 0.25f);
    assert_int_equal(near->window.h, 10);
    assert_int_equal(near->window.w, 4);
    assert_int_equal(near->outputs, 1);
    partition_model_close(model);
}

static void the_hash_is_that_of_the_files_one_after_the_other(void **state)
{
    static const char *const files[] = {"model.yaml", "far.onnx", "near.onnx", "data.bin"};
    struct partition_model *model;
    SHA2_CTX sha;
    char expected[SHA256_DIGEST_STRING_LENGTH], first[65];
    (void)state;
    write_yaml("[3, 5]", "[10, 4]");
    SHA256Init(&sha);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        FILE *file = fopen(in_folder(files[i]), "rb");
        int byte;
        assert_non_null(file);
        while ((byte = fgetc(file)) != EOF)
            SHA256Update(&sha, (const uint8_t[]){(uint8_t)byte}, 1);
        fclose(file);
    }
    SHA256End(&sha, expected);
    assert_int_equal(partition_model_open(folder, &model), PROTO_OK);
    assert_string_equal(model->hash, expected);
    strcpy(first, model->hash);
    partition_model_close(model);
    write_net("near.onnx", 8, 10); /* other weights, only in data.bin */
    assert_int_equal(partition_model_open(folder, &model), PROTO_OK);
    assert_string_not_equal(model->hash, first);
    partition_model_close(model);
}

static void refused(int status, const char *a, const char *b)
{
    struct partition_model *model;
    log_capture();
    assert_int_equal(partition_model_open(folder, &model), status);
    log_release();
    assert_null(model);
    assert_non_null(strstr(log_captured(), a));
    assert_non_null(strstr(log_captured(), b));
}

static void folders_that_contradict_themselves_are_refused(void **state)
{
    (void)state;
    write_yaml("[3, 4]", "[10, 4]");
    refused(PROTO_INVALID, "model.yaml", "level 5");
    write_yaml("[2, 5]", "[10, 4]");
    refused(PROTO_INVALID, "model.yaml", "level 2");
    write_yaml("[3, 5]", "[11, 4]");
    refused(PROTO_INVALID, "net 'near' has a window of 11 x 4", "near.onnx of 10 x 4");
    write_yaml("[3, 5]", "[10, 4]");
    unlink(in_folder("near.onnx"));
    refused(PROTO_IO, "near.onnx", "No such file");
    FILE *file = fopen(in_folder("near.onnx"), "wb");
    fputs("text", file);
    fclose(file);
    refused(PROTO_FORMAT, "near.onnx", "not an ONNX model");
    unlink(in_folder("model.yaml"));
    refused(PROTO_IO, "model.yaml", "No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_gives_its_nets_and_settings),
        cmocka_unit_test(the_hash_is_that_of_the_files_one_after_the_other),
        cmocka_unit_test(folders_that_contradict_themselves_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
