/* Whole frames on the CUDA device, through worker/exec: the persons of the oracle (gpu/ref), and the same bits
 * whatever the order, the company and the way of running them. On a GPU, and on its emulation.
 *
 *   test_frames [DEVICE]      cuda:0
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/log.h"
#include "proto/status.h"
#include "tests/gpu/frames.h"

enum { SKIPPED = 77 };

static const char *device = "cuda:0";

/* The device with options behind it. */
static const char *with(const char *options)
{
    static char text[2][GPU_SPEC_MAX];
    static int turn;
    turn = !turn;
    snprintf(text[turn], sizeof text[turn], "%s%s", device, options);
    return text[turn];
}

/* ---- the same persons ---- */

/* In tiles of single cells, with no threshold, every score is an answer. */
static void assert_scores_near(const char *spec, const char *truth_spec, double tolerance)
{
    struct frames f;
    frames_open(&f, 1, 1, -INFINITY);
    struct frames_answer truth = frames_answer_on(truth_spec, &f), got = frames_answer_on(spec, &f);
    assert_int_equal(got.count, f.plan.tiles->count);
    assert_int_equal(got.count, truth.count);
    for (uint32_t i = 0; i < got.count; i++) {
        assert_int_equal(got.survivors[i].tile, truth.survivors[i].tile);
        if (!(fabsf(got.survivors[i].score - truth.survivors[i].score) <= tolerance))
            fail_msg("%s: tile %u: %g, not %g", spec, i, (double)got.survivors[i].score,
                     (double)truth.survivors[i].score);
    }
    free(truth.survivors);
    free(got.survivors);
    frames_close(&f);
}

static void every_cell_has_the_score_of_the_oracle(void **state)
{
    (void)state;
    assert_scores_near(with(",f32"), "ref", 1e-5); /* the order of fp32 sums */
    /* Biases are halves as well, and roundings flip: a few steps of a half near 1. */
    assert_scores_near(with(",f16"), "ref,f16", 5.0 / 2048);
}

/* Candidates come and go near the threshold, and peaks near ties: of those well above, all must be there. */
static void persons_are_those_of_the_oracle(void **state)
{
    (void)state;
    const double near = 0.02;
    struct frames f;
    frames_open(&f, 6, 0, -0.4f);
    struct frames_answer truth = frames_answer_on("ref,f16", &f),
                         got = frames_answer_on(with(",f16"), &f);
    uint32_t found = 0;
    for (uint32_t i = 0, j = 0; i < truth.count; i++) {
        const struct proto_survivor *want = &truth.survivors[i];
        for (j = 0; j < got.count; j++)
            if (got.survivors[j].tile == want->tile && got.survivors[j].row == want->row &&
                got.survivors[j].col == want->col)
                break;
        if (j == got.count)
            continue;
        found++;
        assert_true(fabs((double)got.survivors[j].score - (double)want->score) <= near);
    }
    assert_true(truth.count > 50);
    assert_true(found + truth.count / 50 >= truth.count);
    assert_true(got.count <= truth.count + truth.count / 50);
    free(truth.survivors);
    free(got.survivors);
    frames_close(&f);
}

static void default_tile_set_gives_the_answers_of_the_oracle(void **state)
{
    (void)state;
    struct exec_model model;
    struct exec_picture picture;
    struct exec_plan plan;
    struct exec_frame frame;
    exec_model_default_small(&model);
    exec_picture_open(&picture, &model.model, (struct proto_size){.w = 640, .h = 480}, 5);
    exec_plan_open(&plan, &picture, &model.model, 74, 0, -INFINITY);
    exec_frame_open(&frame, &picture, &plan, plan.ids, plan.tiles->count);
    plan.plan.frame_bytes_max = frame.frame.pixel_bytes;
    const char *const devices[] = {"ref", with(",f32")};
    struct frames_answer answers[2];
    for (int i = 0; i < 2; i++) {
        struct worker_exec *exec;
        const struct gpu_settings settings = {.threads = 1};
        assert_int_equal(worker_exec_open(devices[i], &settings, &model.model, &exec), PROTO_OK);
        assert_int_equal(worker_exec_plan(exec, &plan.plan), PROTO_OK);
        answers[i] = frames_answer(exec, &frame);
        worker_exec_close(exec);
    }
    assert_true(answers[0].count > 500);
    /* Peaks among nearly equal scores may fall to a neighbour. */
    assert_true(abs((int)answers[0].count - (int)answers[1].count) <= (int)answers[0].count / 100);
    uint32_t same = 0;
    for (uint32_t i = 0, j = 0; i < answers[0].count && j < answers[1].count;) {
        const struct proto_survivor *a = &answers[0].survivors[i], *b = &answers[1].survivors[j];
        const int64_t at_a = ((int64_t)a->tile << 32) + ((int64_t)a->row << 16) + a->col;
        const int64_t at_b = ((int64_t)b->tile << 32) + ((int64_t)b->row << 16) + b->col;
        if (at_a == at_b) {
            assert_true(fabsf(a->score - b->score) <= 1e-4f);
            same++;
        }
        i += at_a <= at_b;
        j += at_b <= at_a;
    }
    assert_true(same + answers[0].count / 100 >= answers[0].count);
    free(answers[0].survivors);
    free(answers[1].survivors);
    exec_frame_close(&frame);
    exec_plan_close(&plan);
    exec_picture_close(&picture);
    exec_model_close(&model);
}

/* ---- law 1 ---- */

static void options_change_no_bit(void **state)
{
    (void)state;
    const char *const options[] = {",nograph", ",serial",    ",copy",          ",timed",
                                   ",dynamic", ",roundtrip", ",nograph,serial"};
    struct frames f;
    frames_open(&f, 9, 0, -1.0f);
    struct frames_answer truth = frames_answer_on(device, &f);
    assert_true(truth.count > 100);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        frames_assert_equal(frames_answer_on(with(options[i]), &f), &truth);
    free(truth.survivors);
    frames_close(&f);
}

static void order_of_tiles_and_company_change_no_bit(void **state)
{
    (void)state;
    struct frames f;
    frames_open(&f, 6, 5, -1.0f);
    struct worker_exec *exec = frames_exec_planned(device, &f);
    struct frames_answer truth = frames_answer(exec, &f.frame);
    const uint32_t count = f.plan.tiles->count;
    struct test_random random = {3};
    for (uint32_t each = 1; each < count; each += 1 + each / 2) {
        uint32_t *order = malloc(count * sizeof *order), got = 0;
        assert_non_null(order);
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t j = (uint32_t)test_random_int(&random, 0, (int32_t)i);
            order[i] = order[j];
            order[j] = i;
        }
        for (uint32_t at = 0; at < count; at += each) {
            struct exec_frame part;
            exec_frame_open(&part, &f.picture, &f.plan, order + at,
                            count - at < each ? count - at : each);
            struct frames_answer answer = frames_answer(exec, &part);
            for (uint32_t i = 0, j = 0; i < answer.count; i++, got++) {
                while (j < truth.count &&
                       memcmp(&answer.survivors[i], &truth.survivors[j], sizeof truth.survivors[j]))
                    j++;
                assert_true(j < truth.count);
            }
            free(answer.survivors);
            exec_frame_close(&part);
        }
        assert_int_equal(got, truth.count);
        free(order);
    }
    worker_exec_close(exec);
    free(truth.survivors);
    frames_close(&f);
}

/* Other pixels, in other bands: the graph stays, what it works on does not. */
static void a_graph_works_on_the_pixels_of_its_frame(void **state)
{
    (void)state;
    struct frames f;
    frames_open(&f, 6, 0, 0.1f);
    struct worker_exec *exec = frames_exec_planned(device, &f),
                       *other = frames_exec_planned(with(",nograph"), &f);
    for (uint64_t seed = 2; seed < 6; seed++) {
        struct exec_picture picture;
        struct exec_frame frame;
        exec_picture_open(&picture, &f.model.model, f.picture.pyramid.frame, seed);
        exec_frame_open(&frame, &picture, &f.plan, f.plan.ids, f.plan.tiles->count);
        struct frames_answer truth = frames_answer(other, &frame);
        frames_assert_equal(frames_answer(exec, &frame), &truth);
        free(truth.survivors);

        /* The same rows, lying 11 bytes further back. */
        struct proto_band bands[PROTO_BASES_MAX + 1] = {{.base = 0, .y0 = 0, .y1 = 0}};
        struct exec_frame moved = frame;
        const size_t bytes = (size_t)frame.frame.pixel_bytes;
        const size_t row = (size_t)picture.pyramid.bases[0].w * PROTO_CHANNELS;
        bands[0].y1 = 1;
        memcpy(bands + 1, frame.bands, frame.frame.band_count * sizeof *bands);
        moved.frame.bands = bands;
        moved.frame.band_count++;
        moved.frame.pixel_bytes += row;
        moved.pixels = calloc(bytes + row, 1);
        assert_non_null(moved.pixels);
        memcpy(moved.pixels + row, frame.pixels, bytes);
        /* The band in front holds row 0 only, so a tile that needs more takes the next. */
        struct frames_answer answer = frames_answer(exec, &moved);
        struct frames_answer again = frames_answer(other, &moved);
        frames_assert_equal(answer, &again);
        free(again.survivors);
        free(moved.pixels);
        exec_frame_close(&frame);
        exec_picture_close(&picture);
    }
    worker_exec_close(exec);
    worker_exec_close(other);
    frames_close(&f);
}

static void more_survivors_than_one_copy_holds_come_all_the_same(void **state)
{
    (void)state;
    struct frames f;
    frames_open(&f, 1, 1, -INFINITY);
    struct worker_exec *exec = frames_exec_planned(with(",f32"), &f);
    struct frames_answer single = frames_answer(exec, &f.frame);
    assert_true(single.count == f.plan.tiles->count && single.count > 2048);
    for (uint32_t i = 0; i < single.count; i++)
        assert_int_equal(single.survivors[i].tile, i);
    free(single.survivors);
    worker_exec_close(exec);
    frames_close(&f);
}

static void plans_come_and_go(void **state)
{
    (void)state;
    struct frames f[3];
    const int32_t rows[3] = {0, 5, 9};
    struct frames_answer truth[3];
    for (int i = 0; i < 3; i++) {
        frames_open(&f[i], rows[i], i == 1 ? 12 : 0, 0.1f);
        truth[i] = frames_answer_on(with(",nograph"), &f[i]);
    }
    struct worker_exec *exec = frames_exec(device, &f[0]);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++) {
            assert_int_equal(worker_exec_plan(exec, &f[i].plan.plan), PROTO_OK);
            frames_assert_equal(frames_answer(exec, &f[i].frame), &truth[i]);
        }
    }
    worker_exec_close(exec);
    for (int i = 0; i < 3; i++) {
        free(truth[i].survivors);
        frames_close(&f[i]);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_has_the_score_of_the_oracle),
        cmocka_unit_test(persons_are_those_of_the_oracle),
        cmocka_unit_test(default_tile_set_gives_the_answers_of_the_oracle),
        cmocka_unit_test(options_change_no_bit),
        cmocka_unit_test(order_of_tiles_and_company_change_no_bit),
        cmocka_unit_test(a_graph_works_on_the_pixels_of_its_frame),
        cmocka_unit_test(more_survivors_than_one_copy_holds_come_all_the_same),
        cmocka_unit_test(plans_come_and_go),
    };
    struct gpu_device *opened;
    device = argc > 1 ? argv[1] : device;
    const int status = gpu_device_open(device, NULL, &opened);
    if (status == PROTO_NOT_FOUND)
        printf("no GPU: %zu tests not run\n", sizeof tests / sizeof tests[0]);
    if (status != PROTO_OK)
        return status == PROTO_NOT_FOUND ? SKIPPED : 1;
    gpu_device_close(opened);
    return cmocka_run_group_tests_name(device, tests, NULL, NULL);
}
