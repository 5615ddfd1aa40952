/* What is known of workers from files: profiles first, then boards. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "coordinator/knowledge.h"
#include "proto/config_profile.h"
#include "proto/log.h"
#include "proto/status.h"
#include "tests/coordinator/sim.h"

static struct partition_model model;
static const char *const paths[] = {"known-a.yaml", "known-b.yaml"};

static void quiet(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg, (void)level, (void)area, (void)text;
}

static void write_profile(const char *path, const char *host, double us)
{
    struct proto_profile_shape shape = {.net = "far", .w = 40, .h = 30, .us = us, .runs = 9};
    const struct proto_config_profile profile = {
        .model = "sim",
        .model_hash = model.hash,
        .device = "cpu,f32",
        .frame = {120, 90},
        .date = "2026-11-21",
        .host = (char *)host,
        .cpu_hz = NAN,
        .gpu_hz = NAN,
        .frame_us = 50,
        .frame_spread_us = 1,
        .bases_us = NAN,
        .shape_count = 1,
        .shapes = &shape,
    };
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    proto_config_profile_print(file, &profile);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    (void)state;
    proto_log_set_sink(quiet, NULL);
    sim_model(&model);
    memset(model.hash, 'a', 64);
    model.hash[64] = '\0';
    write_profile(paths[0], "alpha", 1000);
    write_profile(paths[1], "beta", 3000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(paths[0]) | unlink(paths[1]);
}

static void the_profile_of_the_host_wins_over_another_host_s(void **state)
{
    struct coordinator_knowledge *knowledge;
    struct partition_speed speed;
    struct coordinator_watts watts;
    struct proto_hello hello = {.host = "beta", .device = "cpu,f32"};
    (void)state;
    assert_int_equal(coordinator_knowledge_open("known-a.yaml,known-b.yaml", &model, &knowledge),
                     PROTO_OK);
    assert_true(coordinator_knowledge_find(knowledge, &hello, &speed, &watts));
    assert_true(speed.shape_count == 1 && speed.shapes[0].us == 3000);
    hello.host = "gamma"; /* the first of its device */
    assert_true(coordinator_knowledge_find(knowledge, &hello, &speed, &watts));
    assert_true(speed.shapes[0].us == 1000 && isnan(watts.busy_w));
    hello.device = "cpu,bf16";
    assert_false(coordinator_knowledge_find(knowledge, &hello, &speed, &watts));
    coordinator_knowledge_close(knowledge);
}

static void a_board_is_known_by_its_file(void **state)
{
    struct coordinator_knowledge *knowledge;
    struct partition_speed speed;
    struct coordinator_watts watts;
    struct proto_hello hello = {.host = "x", .device = "sim:tx1,f16,empty"};
    (void)state;
    assert_int_equal(coordinator_knowledge_open(NULL, &model, &knowledge), PROTO_OK);
    assert_true(coordinator_knowledge_find(knowledge, &hello, &speed, &watts));
    assert_true(speed.macs_per_us > 1 && watts.busy_w > watts.idle_w && watts.idle_w > 0);
    hello.device = "sim:abacus,f16";
    assert_false(coordinator_knowledge_find(knowledge, &hello, &speed, &watts));
    coordinator_knowledge_close(knowledge);
}

static void a_profile_that_is_not_there_or_of_another_model_is_refused(void **state)
{
    struct coordinator_knowledge *knowledge = NULL;
    struct partition_model other = model;
    (void)state;
    assert_int_equal(coordinator_knowledge_open("none.yaml", &model, &knowledge), PROTO_NOT_FOUND);
    memset(other.hash, 'b', 64);
    assert_int_equal(coordinator_knowledge_open(paths[0], &other, &knowledge), PROTO_MISMATCH);
    assert_null(knowledge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_profile_of_the_host_wins_over_another_host_s),
        cmocka_unit_test(a_board_is_known_by_its_file),
        cmocka_unit_test(a_profile_that_is_not_there_or_of_another_model_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
