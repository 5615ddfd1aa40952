/* Random cases, evaluated here and by reference.py, which has the published rules from scratch: all
 * figures must agree. Boxes lie on a coarse grid and scores on few steps, so that ties, doubles and
 * borderline overlaps are everywhere. */
#include "tests/eval/fixture.h"

#include <jansson.h>
#include <math.h>

#include "coordinator/eval/result.h"

enum { CASES = 150 };

struct sizes {
    int frames, truth, found; /* most of each; per frame */
    int score_steps;
    double region, hidden; /* chance that a truth box is an ignore region; partly hidden */
};

/* A box near one of a few places. Exactly equal overlaps with two persons are avoided by odd offsets, because which of
 * them is taken is not part of the rules; persons must not repeat either. */
static struct eval_box random_box(uint64_t *seed)
{
    double h = 40 + floor(fixture_random(seed) * 120) + fixture_random(seed) / 16;
    double w = h * (0.3 + 0.3 * fixture_random(seed));
    double x = 60 * floor(fixture_random(seed) * 3) + 20 * fixture_random(seed);
    double y = 50 * floor(fixture_random(seed) * 2) + 20 * fixture_random(seed);
    return (struct eval_box){x, y, w, h};
}

static void write_truth(const struct sizes *sizes, int frames, const char *path, uint64_t *seed)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "frame,x,y,w,h,label,ignore,visible\n");
    for (int f = 0; f < frames; f++) {
        int count = (int)(fixture_random(seed) * (sizes->truth + 1));
        for (int i = 0; i < count; i++) {
            struct eval_box box = random_box(seed);
            bool region = fixture_random(seed) < sizes->region;
            double visible = fixture_random(seed) < sizes->hidden
                                 ? floor(fixture_random(seed) * 20) / 20 + 0.05
                                 : 1;
            fprintf(file, "f%d.png,%.17g,%.17g,%.17g,%.17g,person,%d,%.17g\n", f, box.x, box.y,
                    box.w, box.h, region, fmin(visible, 1));
        }
    }
    assert_int_equal(fclose(file), 0);
}

static void write_found(const struct sizes *sizes, int frames, const char *path, uint64_t *seed)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int f = 0; f < frames; f++) {
        int count = (int)(fixture_random(seed) * (sizes->found + 1));
        fprintf(file, "{\"frame\":%d,\"source\":\"p/f%d.png\",\"detections\":[", f, f);
        for (int i = 0; i < count; i++) {
            struct eval_box box = random_box(seed);
            fprintf(file, "%s{\"box\":[%.17g,%.17g,%.17g,%.17g],\"score\":%g}", i ? "," : "", box.x,
                    box.y, box.w, box.h, floor(fixture_random(seed) * sizes->score_steps) / 8);
        }
        fprintf(file, "]}\n");
    }
    assert_int_equal(fclose(file), 0);
}

/* A truth that names no frame at all is fine; a truth frame is always among the detections. */
static void evaluate(const char *truth_path, const char *found_path,
                     const struct eval_settings *settings, struct eval_result **result)
{
    struct eval_truth *truth;
    assert_int_equal(eval_truth_open(truth_path, &truth), PROTO_OK);
    assert_int_equal(eval_result_open(truth, &found_path, 1, settings, result), PROTO_OK);
    eval_truth_close(truth);
}

static void same(int number, const char *what, double ours, const json_t *theirs)
{
    bool both_undefined = isnan(ours) && json_is_null(theirs);
    if (!both_undefined && !(fabs(ours - json_number_value(theirs)) < 1e-9))
        fail_msg("case %d, %s: %.12g against %.12g", number, what, ours, json_number_value(theirs));
}

static void compare(int number, const struct eval_result *result, const json_t *theirs)
{
    const struct eval_figures *ours = &result->figures;
    assert_int_equal(result->match->person_count,
                     json_integer_value(json_object_get(theirs, "persons")));
    for (size_t i = 0; i < EVAL_REFERENCES && result->match->person_count; i++)
        same(number, "miss", ours->miss[i], json_array_get(json_object_get(theirs, "miss"), i));
    same(number, "log average", ours->value[EVAL_LOG_AVERAGE],
         json_object_get(theirs, "log_average"));
    same(number, "precision", ours->value[EVAL_PRECISION], json_object_get(theirs, "precision"));
    same(number, "recall", ours->value[EVAL_RECALL], json_object_get(theirs, "recall"));
    same(number, "mean IoU", ours->value[EVAL_MEAN_IOU], json_object_get(theirs, "mean_iou"));
}

static void settings_of(int number, struct eval_settings *settings)
{
    static const char *const heights[] = {"50:", "75:110", "60:150"};
    eval_settings_defaults(settings);
    settings->bootstrap.rounds = 1;
    settings->threshold = number % 5;
    settings->rules.min_visible = number % 2 ? 0.65 : 0.2;
    assert_int_equal(eval_rules_height(&settings->rules, heights[number % 3]), PROTO_OK);
}

static void write_case(int number, uint64_t *seed, char truth[256], char found[256])
{
    static const struct sizes kinds[] = {
        {4, 3, 3, 1000, 0.2, 0.2}, /* little of everything */
        {8, 6, 12, 40, 0.3, 0.3},  /* crowded, many ties */
        {40, 2, 3, 100, 0, 0},     /* many frames, so that small FPPI exist */
    };
    const struct sizes *kind = &kinds[number % 3];
    int frames = 1 + (int)(fixture_random(seed) * kind->frames);
    char name[64];
    snprintf(name, sizeof name, "truth%d.csv", number);
    snprintf(truth, 256, "%s", fixture_path(name));
    snprintf(name, sizeof name, "found%d.jsonl", number);
    snprintf(found, 256, "%s", fixture_path(name));
    write_truth(kind, frames, truth, seed);
    write_found(kind, frames, found, seed);
}

static void figures_agree_with_the_rules_written_in_python(void **state)
{
    (void)state;
    const char *command = fixture_path("answers.jsonl");
    static char truth[CASES][256], found[CASES][256];
    char line[1024];
    uint64_t seed = 2026;
    if (!*EVAL_PYTHON || system(EVAL_PYTHON " -c 'import json' 2>/dev/null"))
        skip();
    snprintf(line, sizeof line, "%s %s --batch > %s", EVAL_PYTHON, EVAL_REFERENCE, command);
    FILE *python = popen(line, "w");
    assert_non_null(python);
    for (int i = 0; i < CASES; i++) {
        struct eval_settings settings;
        write_case(i, &seed, truth[i], found[i]);
        settings_of(i, &settings);
        fprintf(python, "%s %s %g %g %g %g\n", truth[i], found[i], settings.rules.min_height,
                settings.rules.max_height, settings.rules.min_visible, settings.threshold);
    }
    assert_int_equal(pclose(python), 0);
    FILE *answers = fopen(fixture_path("answers.jsonl"), "r");
    assert_non_null(answers);
    for (int i = 0; i < CASES; i++) {
        struct eval_settings settings;
        struct eval_result *result;
        settings_of(i, &settings);
        evaluate(truth[i], found[i], &settings, &result);
        assert_non_null(fgets(line, sizeof line, answers));
        json_t *theirs = json_loads(line, 0, NULL);
        assert_non_null(theirs);
        compare(i, result, theirs);
        json_decref(theirs);
        eval_result_close(result);
    }
    fclose(answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_agree_with_the_rules_written_in_python),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
