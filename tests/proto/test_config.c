#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/config.h"
#include "proto/status.h"
#include "tests/proto/support.h"

static char last_line[512];
static char path[] = "/tmp/muster-config-XXXXXX";

static FILE *file; /* kept open: opening to write would wait for the disk each time */

static int set_up(void **state)
{
    (void)state;
    proto_log_set_sink(keep_line, last_line);
    int fd = mkstemp(path);
    file = fd < 0 ? NULL : fdopen(fd, "wb");
    return file ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    proto_log_set_sink(NULL, NULL);
    return fclose(file) | unlink(path);
}

static void write_file(const char *text, size_t len)
{
    rewind(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fflush(file), 0);
    assert_int_equal(ftruncate(fileno(file), (off_t)len), 0);
    last_line[0] = '\0';
}

static int load_model(const char *text, struct proto_config_model **model)
{
    write_file(text, strlen(text));
    return proto_config_model_load(path, model);
}

/* Two nets, every kind of value; tests replace one line of it. */
static const char *const good_model[] = {
    "# a comment with threshold: in it\n",                       /* 1 */
    "name: tiny\n",                                              /* 2 */
    "levels: {first_person_px: 75, per_octave: 7, count: 26}\n", /* 3 */
    "pad_below: 1.0\n",                                          /* 4 */
    "aspect: 0.41\n",                                            /* 5 */
    "candidate_threshold: -1.5\n",                               /* 6 */
    "threshold: 0.25\n",                                         /* 7 */
    "overlap: 0.65\n",                                           /* 8 */
    "overlap_measure: min\n",                                    /* 9 */
    "operating_points:\n",                                       /* 10 */
    "  - {fppi: 0.1, threshold: 0.25}\n",                        /* 11 */
    "  - {fppi: 0.01, threshold: 1e1}\n",                        /* 12 */
    "nets:\n",                                                   /* 13 */
    "  - name: far\n",                                           /* 14 */
    "    file: far.onnx\n",                                      /* 15 */
    "    levels: [0, 6]\n",                                      /* 16 */
    "    window: [128, 48]\n",                                   /* 17 */
    "    person_px: 100\n",                                      /* 18 */
    "    border: [14, 6]\n",                                     /* 19 */
    "  - name: near\n",                                          /* 20 */
    "    file: sub/near.onnx\n",                                 /* 21 */
    "    levels: [7, 25]\n",                                     /* 22 */
    "    window: [128, 48]\n",                                   /* 23 */
    "    person_px: 100\n",                                      /* 24 */
    "    border: [14, 6]\n",                                     /* 25 */
    "    input: {scale: 0.0078125, offset: -1}\n",               /* 26 */
};
enum { MODEL_LINES = sizeof(good_model) / sizeof(good_model[0]), MODEL_TEXT_MAX = 2048 };

/* The good model with line `number` (from 1; 0: none) replaced. */
static void make_model(char text[MODEL_TEXT_MAX], int number, const char *line)
{
    size_t used = 0;
    for (int i = 0; i < MODEL_LINES; i++)
        used += (size_t)snprintf(text + used, MODEL_TEXT_MAX - used, "%s",
                                 i + 1 == number ? line : good_model[i]);
}

static void a_model_is_read_with_its_defaults(void **state)
{
    (void)state;
    char text[MODEL_TEXT_MAX];
    struct proto_config_model *model;
    make_model(text, 0, NULL);
    assert_int_equal(load_model(text, &model), PROTO_OK);
    assert_string_equal(model->name, "tiny");
    assert_true(model->first_person_px == 75 && model->per_octave == 7 && model->levels == 26);
    assert_true(model->pad_below == 1 && model->aspect == 0.41);
    assert_true(model->candidate_threshold == -1.5 && model->threshold == 0.25);
    assert_true(model->overlap == 0.65 && model->overlap_measure == PROTO_OVERLAP_MIN);
    assert_int_equal(model->operating_points_count, 2);
    assert_true(model->operating_points[1].fppi == 0.01);
    assert_true(model->operating_points[1].threshold == 10);
    assert_int_equal(model->nets_count, 2);
    const struct proto_config_net *far = &model->nets[0], *near = &model->nets[1];
    assert_string_equal(far->name, "far");
    assert_string_equal(near->file, "sub/near.onnx");
    assert_true(far->first_level == 0 && far->last_level == 6 && near->first_level == 7);
    assert_true(far->window_h == 128 && far->window_w == 48 && far->person_px == 100);
    assert_true(far->border_rows == 14 && far->border_cols == 6);
    assert_true(far->scale == 1.0 / 256 && far->offset == 0);
    assert_true(near->scale == 1.0 / 128 && near->offset == -1);
    proto_config_model_free(model);
    proto_config_model_free(NULL);
}

static void operating_points_and_input_may_be_absent(void **state)
{
    (void)state;
    struct proto_config_model *model;
    assert_int_equal(
        load_model("name: n\nlevels: {first_person_px: 75, per_octave: 7, count: 1}\n"
                   "pad_below: 0\naspect: 0.4\ncandidate_threshold: 0\nthreshold: 0\noverlap: 1\n"
                   "overlap_measure: iou\nnets:\n- {name: a, file: b, levels: [0, 0], "
                   "window: [8, 8], person_px: 8, border: [0, 0], input: {scale: 1}}\n",
                   &model),
        PROTO_OK);
    assert_int_equal(model->operating_points_count, 0);
    assert_null(model->operating_points);
    assert_true(model->nets[0].scale == 1 && model->nets[0].offset == 0);
    proto_config_model_free(model);
}

static void errors_name_file_line_and_key(void **state)
{
    (void)state;
    static const struct {
        int replaced;     /* line of the good model */
        const char *line; /* what stands there instead */
        int status, where;
        const char *word; /* the message contains it */
        const char *also;
    } cases[] = {
        {4, "pad_bellow: 1\n", PROTO_FORMAT, 4, "unknown key 'pad_bellow'", "pad_below"},
        {20, "  - colour: near\n", PROTO_FORMAT, 20, "nets[1]",
         "unknown key 'colour'; valid: name"},
        {3, "levels: {first_person_px: 75, per_octave: 7, n: 26}\n", PROTO_FORMAT, 3, "levels",
         "valid: first_person_px, per_octave, count"},
        {26, "    input: {scale: 1, bias: 2}\n", PROTO_FORMAT, 26, "nets[1].input", "'bias'"},
        {8, "", PROTO_FORMAT, 0, "key 'overlap' is missing", ""},
        {15, "", PROTO_FORMAT, 0, "nets[0]: key 'file' is missing", ""},
        {5, "aspect: wide\n", PROTO_INVALID, 5, "aspect", "'wide' is not a number"},
        {3, "levels: {first_person_px: 75, per_octave: 7, count: 2.5}\n", PROTO_INVALID, 3,
         "levels.count", "2.5"},
        {3, "levels: {first_person_px: 75, per_octave: 7, count: 9999999999}\n", PROTO_INVALID, 3,
         "levels.count", ""},
        {9, "overlap_measure: max\n", PROTO_FORMAT, 9, "overlap_measure", "valid: iou, min"},
        {7, "threshold: 0.25px\n", PROTO_INVALID, 7, "threshold", "0.25px"},
        {16, "    levels: [0]\n", PROTO_FORMAT, 16, "nets[0].levels", "entries"},
        {16, "    levels: [0, 6, 7]\n", PROTO_FORMAT, 16, "nets[0].levels", ""},
        {16, "    levels: [0, 6\n", PROTO_FORMAT, 0, "", ""},
        {2, "name: [a]\n", PROTO_FORMAT, 2, "name", ""},
        {2, "name: ''\n", PROTO_FORMAT, 2, "name", ""},
        {6, "name: again\n", PROTO_FORMAT, 0, "name", ""},
        {2, "name: \xff\xfe\n", PROTO_FORMAT, 0, "", ""},
        {4, "pad_below: -1\n", PROTO_INVALID, 4, "pad_below", "0 to 4"},
        {4, "pad_below: nan\n", PROTO_INVALID, 4, "pad_below", ""},
        {5, "aspect: inf\n", PROTO_INVALID, 5, "aspect", ""},
        {5, "aspect: 0\n", PROTO_INVALID, 5, "aspect", ""},
        {3, "levels: {first_person_px: 75, per_octave: 7, count: 65}\n", PROTO_INVALID, 3,
         "levels.count", "1 to 64"},
        {3, "levels: {first_person_px: 75, per_octave: 7, count: 0}\n", PROTO_INVALID, 3,
         "levels.count", ""},
        {3, "levels: {first_person_px: 0, per_octave: 7, count: 26}\n", PROTO_INVALID, 3,
         "levels.first_person_px", ""},
        {7, "threshold: -2\n", PROTO_INVALID, 7, "threshold", "-1.5"},
        {8, "overlap: 1.01\n", PROTO_INVALID, 8, "overlap", ""},
        {12, "  - {fppi: 0, threshold: 10}\n", PROTO_INVALID, 12, "operating_points[1].fppi", ""},
        {16, "    levels: [6, 0]\n", PROTO_INVALID, 16, "nets[0].levels", "after"},
        {22, "    levels: [7, 26]\n", PROTO_INVALID, 22, "nets[1].levels", "0 to 25"},
        {22, "    levels: [6, 25]\n", PROTO_INVALID, 22, "nets[1].levels",
         "level 6 is already served by net 'far'"},
        {22, "    levels: [8, 25]\n", PROTO_INVALID, 13, "nets", "no net serves level 7"},
        {23, "    window: [128, 0]\n", PROTO_INVALID, 23, "nets[1].window", ""},
        {24, "    person_px: 129\n", PROTO_INVALID, 24, "nets[1].person_px", "128"},
        {25, "    border: [-1, 6]\n", PROTO_INVALID, 25, "nets[1].border", ""},
        {26, "    input: {scale: 0}\n", PROTO_INVALID, 26, "nets[1].input.scale", ""},
        {26, "    input: {scale: 1, offset: nan}\n", PROTO_INVALID, 26, "nets[1].input.offset", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[MODEL_TEXT_MAX], where[64];
        struct proto_config_model *model;
        make_model(text, cases[i].replaced, cases[i].line);
        int status = load_model(text, &model);
        assert_null(model);
        snprintf(where, sizeof(where), "%s:%d: ", path, cases[i].where);
        bool good = status == cases[i].status && strstr(last_line, cases[i].word) &&
                    strstr(last_line, cases[i].also) &&
                    strstr(last_line, cases[i].where > 0 ? where : path);
        if (!good)
            fail_msg("case %zu (%s): %s: \"%s\"", i, cases[i].line, proto_status_name(status),
                     last_line);
    }
}

static void files_that_can_not_be_read_are_named(void **state)
{
    (void)state;
    struct proto_config_model *model;
    assert_int_equal(proto_config_model_load("/nowhere/model.yaml", &model), PROTO_IO);
    assert_non_null(strstr(last_line, "/nowhere/model.yaml"));
    assert_int_equal(proto_config_model_load("/tmp", &model), PROTO_IO);
    assert_int_equal(load_model("", &model), PROTO_INVALID);
    assert_non_null(strstr(last_line, "empty"));
    assert_int_equal(load_model("# only this\n", &model), PROTO_INVALID);
    assert_int_equal(load_model("[]\n", &model), PROTO_FORMAT);
    size_t len = (1 << 20) + 1;
    char *large = malloc(len);
    assert_non_null(large);
    memset(large, '#', len);
    write_file(large, len);
    assert_int_equal(proto_config_model_load(path, &model), PROTO_LIMIT);
    free(large);
}

static void a_file_cut_at_any_byte_is_an_error_or_whole(void **state)
{
    (void)state;
    char text[MODEL_TEXT_MAX];
    make_model(text, 0, NULL);
    for (size_t cut = 0; cut < strlen(text); cut++) {
        struct proto_config_model *model;
        write_file(text, cut);
        if (proto_config_model_load(path, &model) == PROTO_OK)
            proto_config_model_free(model);
        else
            assert_true(last_line[0] != '\0');
    }
}

static void arbitrary_changes_never_break_the_reader(void **state)
{
    (void)state;
    char text[MODEL_TEXT_MAX];
    uint64_t seed = 11;
    for (int i = 0; i < 1500; i++) {
        struct proto_config_model *model;
        make_model(text, 0, NULL);
        size_t len = strlen(text);
        for (uint32_t n = 1 + random_below(&seed, 6); n > 0; n--)
            text[random_below(&seed, (uint32_t)len)] = (char)random_next(&seed);
        write_file(text, len);
        if (proto_config_model_load(path, &model) == PROTO_OK)
            proto_config_model_free(model);
    }
}

/* ---- detect ---- */

static int load_detect(const char *text, struct proto_config_detect *config)
{
    write_file(text, strlen(text));
    return proto_config_detect_load(path, config);
}

static void absent_keys_leave_their_fields_alone(void **state)
{
    (void)state;
    struct proto_config_detect config = {.threads = 3, .depth = 4, .threshold = NAN, .beat_ms = 5};
    assert_int_equal(load_detect("# nothing\n", &config), PROTO_OK);
    assert_int_equal(load_detect("model: models/a\ndepth: 1\nbeat: 2s\n", &config), PROTO_OK);
    assert_string_equal(config.model, "models/a");
    assert_null(config.device);
    assert_true(config.threads == 3 && config.depth == 1 && config.beat_ms == 2000);
    assert_true(isnan(config.threshold));
    assert_int_equal(load_detect("model: models/b\ndevice: cpu,f32\nthreads: 0\ntile_rows: 30\n"
                                 "tile_cols: 20\nhalo_share: 0.1\ntile_share: 0.25\n"
                                 "max_workers: 16\nperiod_slack: 0.05\nthreshold: -0.5\n",
                                 &config),
                     PROTO_OK);
    assert_string_equal(config.model, "models/b");
    assert_string_equal(config.device, "cpu,f32");
    assert_true(config.threads == 0 && config.tile_rows == 30 && config.tile_cols == 20);
    assert_true(config.halo_share == 0.1 && config.tile_share == 0.25 && config.max_workers == 16);
    assert_true(config.period_slack == 0.05);
    assert_true(config.threshold == -0.5);
    proto_config_detect_free(&config);
}

static void a_refused_file_changes_nothing(void **state)
{
    (void)state;
    struct proto_config_detect config = {.depth = 4};
    assert_int_equal(load_detect("depth: 2\ntile_rows: -1\n", &config), PROTO_INVALID);
    assert_non_null(strstr(last_line, ":2: tile_rows"));
    assert_int_equal(load_detect("depth: 2\nmax_workers: 0\n", &config), PROTO_INVALID);
    assert_non_null(strstr(last_line, ":2: max_workers"));
    assert_int_equal(load_detect("halo_share: -0.1\n", &config), PROTO_INVALID);
    assert_non_null(strstr(last_line, ":1: halo_share"));
    assert_int_equal(load_detect("depth: 0\n", &config), PROTO_INVALID);
    assert_int_equal(load_detect("depth: two\n", &config), PROTO_INVALID);
    assert_int_equal(load_detect("depth: 1.5\n", &config), PROTO_INVALID);
    assert_int_equal(load_detect("model: a\nbeat: 100\n", &config), PROTO_INVALID);
    assert_non_null(strstr(last_line, ":2: beat: '100' is not a time"));
    assert_int_equal(load_detect("beat: 100W\n", &config), PROTO_INVALID);
    assert_int_equal(load_detect("beat: 0ms\n", &config), PROTO_INVALID);
    assert_int_equal(load_detect("threshold: nan\n", &config), PROTO_INVALID);
    assert_int_equal(load_detect("speed: 1\n", &config), PROTO_FORMAT);
    assert_non_null(strstr(last_line, "valid: model, device"));
    assert_int_equal(config.depth, 4);
    assert_null(config.model);
}

static void the_example_file_is_valid(void **state)
{
    (void)state;
    struct proto_config_detect config = {.threshold = NAN};
    assert_int_equal(proto_config_detect_load(MUSTER_SOURCE "/configs/detect.yaml", &config),
                     PROTO_OK);
    assert_string_equal(config.device, "cpu,f32");
    assert_int_equal(config.depth, 2);
    assert_true(config.beat_ms == 100);
    proto_config_detect_free(&config);
}

/* ---- quantities ---- */

static void quantities_convert_within_their_kind(void **state)
{
    (void)state;
    static const struct {
        const char *text, *unit;
        double value;
    } cases[] = {
        {"100ms", "ms", 100}, {"2s", "ms", 2000},     {"1.5 s", "ms", 1500},
        {"40W", "W", 40},     {"75%", "%", 75},       {"1Gbit/s", "Mbit/s", 1000},
        {"640px", "px", 640}, {"  -3deg", "deg", -3}, {"117.5MB/s", "Mbit/s", 940},
        {"2e3us", "ms", 2},   {"0.1ms", "ms", 0.1},   {"4GiB", "MiB", 4096},
        {".5m", "cm", 50},    {"1500mW", "W", 1.5},   {"921MHz", "GHz", 0.921},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double value = NAN;
        assert_int_equal(proto_config_quantity(cases[i].text, cases[i].unit, &value), PROTO_OK);
        assert_true(fabs(value - cases[i].value) <= 4 * DBL_EPSILON * fabs(cases[i].value));
    }
}

static void other_quantities_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"100",   "ms",    "",       "100 W",   "100msx", "100ms ms",
                                        "nanms", "infms", "0x10ms", "1e999ms", "--1ms",  "1,5ms",
                                        "1ms ",  "+",     ".ms",    "100Ms"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        double value = 7;
        assert_int_equal(proto_config_quantity(texts[i], "ms", &value), PROTO_INVALID);
        assert_true(value == 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_read_with_its_defaults),
        cmocka_unit_test(operating_points_and_input_may_be_absent),
        cmocka_unit_test(errors_name_file_line_and_key),
        cmocka_unit_test(files_that_can_not_be_read_are_named),
        cmocka_unit_test(a_file_cut_at_any_byte_is_an_error_or_whole),
        cmocka_unit_test(arbitrary_changes_never_break_the_reader),
        cmocka_unit_test(absent_keys_leave_their_fields_alone),
        cmocka_unit_test(a_refused_file_changes_nothing),
        cmocka_unit_test(the_example_file_is_valid),
        cmocka_unit_test(quantities_convert_within_their_kind),
        cmocka_unit_test(other_quantities_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
