/* worker/power: what is read on each board (trees of /sys in tests/data/power), what is not, and what the sums say. */
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

#include "proto/log.h"
#include "proto/status.h"
#include "worker/power.h"

#define TREES MUSTER_SOURCE "/tests/data/power/"

enum { PERIOD = 50000 };

static char last_line[1024], folder[] = "/tmp/muster-power-XXXXXX";
static int lines;

static void keep_line(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)arg, (void)area;
    if (level > PROTO_LOG_WARN)
        return;
    lines++;
    snprintf(last_line, sizeof last_line, "%s", text);
}

static int set_up(void **state)
{
    (void)state;
    lines = 0;
    last_line[0] = '\0';
    proto_log_set_sink(keep_line, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    proto_log_set_sink(NULL, NULL);
    return 0;
}

static struct worker_power *power_open(const char *spec, const char *root, const char *device)
{
    struct worker_power *power;
    struct worker_power_settings settings;
    worker_power_defaults(&settings);
    settings.spec = spec;
    settings.root = root;
    settings.device = device;
    settings.period_us = PERIOD;
    assert_int_equal(worker_power_open(&settings, &power), PROTO_OK);
    return power;
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-6 * fmax(1, fabs(b));
}

static void each_board_gives_its_whole_power_and_nothing_twice(void **state)
{
    (void)state;
    static const struct {
        const char *tree, *rail;
        double watts;
    } boards[] = {
        {"tx1", "ina3221 VDD_IN", 8.003},
        {"tx2", "ina3221 VDD_IN", 7.444},
        {"nano", "ina3221 POM_5V_IN", 4.492},
        {"xavier-nx", "ina3221 VDD_IN", 4.968 * 1.6},
        {"agx-xavier", "ina3221 GPU + CPU + SOC + CV + VDDRQ + SYS5V",
         1.894 + 1.136 + 1.704 + 0.189 + 0.757 + 1.515},
        {"orin-nano", "ina3221 VDD_IN", 4.992 * 1.1},
        /* VDDQ_VDD2_1V8AO is within VIN_SYS_5V0 */
        {"agx-orin", "ina3221 VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0",
         19.08 * 0.25 + 19.08 * 0.09 + 4.968 * 0.96},
    };
    for (size_t i = 0; i < sizeof boards / sizeof boards[0]; i++) {
        char root[512];
        snprintf(root, sizeof root, TREES "%s", boards[i].tree);
        struct worker_power *power = power_open("auto", root, "cuda:0");
        assert_non_null(worker_power_rail(power));
        assert_string_equal(worker_power_rail(power), boards[i].rail);
        assert_false(worker_power_own(power));
        for (int s = 0; s <= 20; s++)
            worker_power_sample(power, 1000000 + (uint64_t)s * PERIOD);
        const struct worker_power_sums sums = worker_power_sums(power);
        if (!near(sums.watts, boards[i].watts))
            fail_msg("%s: %g W instead of %g", boards[i].tree, sums.watts, boards[i].watts);
        assert_true(near(sums.joules, boards[i].watts)); /* one second */
        assert_int_equal(sums.covered_us, 1000000);
        assert_int_equal(sums.samples, 21);
        worker_power_close(power);
    }
    assert_int_equal(lines, 0);
}

static void a_tree_may_begin_at_sys_or_at_the_drivers(void **state)
{
    (void)state;
    static const char *const roots[] = {TREES "nano/sys", TREES "nano/sys/bus/i2c/drivers",
                                        TREES "nano/"};
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        struct worker_power *power = power_open("ina3221", roots[i], "cpu");
        assert_string_equal(worker_power_rail(power), "ina3221 POM_5V_IN");
        worker_power_close(power);
    }
}

static void rails_that_no_table_knows_are_not_added(void **state)
{
    (void)state;
    struct worker_power *power = power_open("ina3221", TREES "unknown", "cpu");
    assert_null(worker_power_rail(power));
    assert_int_equal(worker_power_period_us(power), 0);
    assert_non_null(strstr(last_line, "VDD_A, VDD_B"));
    assert_null(strstr(last_line, "NC"));
    worker_power_sample(power, 1);
    worker_power_sample(power, 100);
    assert_int_equal(worker_power_sums(power).covered_us, 0);
    worker_power_close(power);
}

static void rails_can_be_named(void **state)
{
    (void)state;
    struct worker_power *power = power_open("ina3221:VDD_IN+VDD_MUX", TREES "tx1", "cpu");
    assert_string_equal(worker_power_rail(power), "ina3221 VDD_IN + VDD_MUX");
    worker_power_sample(power, 1);
    worker_power_sample(power, PERIOD);
    assert_true(near(worker_power_sums(power).watts, 8.003 + 9.718));
    worker_power_close(power);
    power = power_open("ina3221:VDD_GPUS", TREES "tx1", "cpu");
    assert_null(worker_power_rail(power));
    assert_non_null(strstr(last_line, "VDD_GPUS"));
    assert_non_null(strstr(last_line, "VDD_IN, VDD_GPU, VDD_CPU"));
    worker_power_close(power);
}

/* ---- trees that change: copies ---- */

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void copy_tree(const char *tree)
{
    char command[512];
    snprintf(command, sizeof command, "rm -rf %s/* && cp -r " TREES "%s/* %s", folder, tree,
             folder);
    assert_int_equal(system(command), 0);
}

static void chips_without_their_drivers_folder_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *tree, *from, *to, *rail;
    } cases[] = {
        {"nano", "sys/bus/i2c/drivers/ina3221x", "sys/bus/i2c/devices", "ina3221 POM_5V_IN"},
        {"xavier-nx", "sys/bus/i2c/drivers/ina3221", "sys/bus/i2c/devices", "ina3221 VDD_IN"},
        {"orin-nano", "sys/bus/i2c/drivers/ina3221/1-0040/hwmon", "sys/class/hwmon",
         "ina3221 VDD_IN"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char command[512];
        copy_tree(cases[i].tree);
        snprintf(command, sizeof command, "cd %s && mkdir -p $(dirname %s) && mv %s %s", folder,
                 cases[i].to, cases[i].from, cases[i].to);
        assert_int_equal(system(command), 0);
        struct worker_power *power = power_open("ina3221", folder, "cpu");
        if (!worker_power_rail(power) || strcmp(worker_power_rail(power), cases[i].rail) != 0)
            fail_msg("%s in %s is not found: %s", cases[i].tree, cases[i].to, last_line);
        worker_power_close(power);
    }
}

static void another_number_of_hwmon_changes_nothing(void **state)
{
    (void)state;
    char command[512];
    copy_tree("orin-nano");
    snprintf(command, sizeof command,
             "cd %s/sys/bus/i2c/drivers/ina3221/1-0040/hwmon && mv hwmon1 hwmon12", folder);
    assert_int_equal(system(command), 0);
    struct worker_power *power = power_open("auto", folder, "cuda:0");
    assert_string_equal(worker_power_rail(power), "ina3221 VDD_IN");
    worker_power_close(power);
}

static void time_without_readings_is_not_filled_in(void **state)
{
    (void)state;
    static const char file[] = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input";
    copy_tree("nano");
    struct worker_power *power = power_open("ina3221", folder, "cpu");
    uint64_t now = 1;
    put(file, "4000\n");
    worker_power_sample(power, now);
    put(file, "6000\n");
    worker_power_sample(power, now += PERIOD); /* 5 W on average */
    put(file, "no number\n");
    worker_power_sample(power, now += PERIOD);
    put(file, "8000\n");
    worker_power_sample(power, now += PERIOD);
    worker_power_sample(power, now += PERIOD);       /* 8 W */
    worker_power_sample(power, now += 100 * PERIOD); /* the loop stood still */
    const struct worker_power_sums sums = worker_power_sums(power);
    assert_int_equal(sums.covered_us, 2 * PERIOD);
    assert_true(near(sums.joules, (5 + 8) * PERIOD / 1e6));
    assert_int_equal(sums.samples, 5);
    worker_power_close(power);
}

static void packages_are_added_across_a_wrap_and_their_parts_are_not(void **state)
{
    (void)state;
    copy_tree("x86");
    struct worker_power *power = power_open("auto", folder, "cpu");
    assert_string_equal(worker_power_rail(power), "rapl packages");
    worker_power_sample(power, 1);
    put("sys/class/powercap/intel-rapl:0/energy_uj", "671150\n"); /* 1 J on, by way of the end */
    put("sys/class/powercap/intel-rapl:1/energy_uj", "1500000\n");
    put("sys/class/powercap/intel-rapl:0:1/energy_uj", "9000000\n");
    worker_power_sample(power, 100001);
    const struct worker_power_sums sums = worker_power_sums(power);
    assert_true(near(sums.joules, 1.5));
    assert_true(near(sums.watts, 15));
    assert_int_equal(sums.covered_us, 100000);
    worker_power_close(power);
}

static void a_platform_zone_is_taken_alone(void **state)
{
    (void)state;
    struct worker_power *power = power_open("rapl", TREES "laptop", "cpu");
    assert_string_equal(worker_power_rail(power), "rapl psys");
    worker_power_close(power);
}

static void a_meters_file_counts_from_now_on_and_until_it_is_stale(void **state)
{
    (void)state;
    char spec[256], path[128];
    snprintf(path, sizeof path, "%s/meter.csv", folder);
    snprintf(spec, sizeof spec, "csv:%s", path);
    put("meter.csv", "time,mW,note\n1.0,9000,old\n");
    struct worker_power *power = power_open(spec, "", "cpu");
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    uint64_t now = 1;
    worker_power_sample(power, now);
    assert_int_equal(worker_power_sums(power).samples, 0); /* the old line does not count */
    fputs("2.0,5000,a\n2.1,60", file);                     /* the second is not complete */
    fflush(file);
    worker_power_sample(power, now += PERIOD);
    worker_power_sample(power, now += PERIOD);
    assert_true(near(worker_power_sums(power).watts, 5));
    fputs("00,b\nrubbish\n3,-1,c\n", file);
    fflush(file);
    worker_power_sample(power, now += PERIOD);
    assert_true(near(worker_power_sums(power).watts, 6));
    assert_true(near(worker_power_sums(power).joules, (5 + 5.5) * PERIOD / 1e6));
    worker_power_sample(power, now += 6000000);
    assert_int_equal(worker_power_sums(power).samples, 3);
    fclose(file);
    worker_power_close(power);
}

static void a_meters_file_without_a_head_has_watts_in_the_last_column(void **state)
{
    (void)state;
    char spec[256], path[128];
    snprintf(path, sizeof path, "%s/meter.csv", folder);
    snprintf(spec, sizeof spec, "csv:%s", path);
    put("meter.csv", "");
    struct worker_power *power = power_open(spec, "", "cpu");
    put("meter.csv", "17:00:01;230.1;7.5\r\n");
    worker_power_sample(power, 1);
    worker_power_sample(power, PERIOD);
    assert_true(near(worker_power_sums(power).watts, 7.5));
    worker_power_close(power);
}

static void a_model_charges_idle_and_busy_time_exactly(void **state)
{
    (void)state;
    struct worker_power *power = power_open("auto", "", "sim:tx1,empty");
    assert_string_equal(worker_power_rail(power), "model tx1 MAXN");
    assert_true(worker_power_own(power));
    worker_power_sample(power, 1000000);
    worker_power_busy(power, true, 1010000);
    worker_power_sample(power, 1050000);
    assert_true(near(worker_power_sums(power).watts, (3.3 * 10 + 10 * 40) / 50));
    worker_power_busy(power, false, 1120000);
    worker_power_sample(power, 2000000);
    const struct worker_power_sums sums = worker_power_sums(power);
    assert_true(near(sums.joules, 3.3 * 0.89 + 10 * 0.11));
    assert_int_equal(sums.covered_us, 1000000);
    worker_power_close(power);
    power = power_open("model:tx2,mode=MAXQ", "", "cpu");
    assert_string_equal(worker_power_rail(power), "model tx2 MAXQ");
    worker_power_close(power);
}

/* Against tests/worker/fake_nvml.c; the real library needs a GPU. */
static void a_gpu_is_read_by_its_energy_counter_or_else_its_power(void **state)
{
    (void)state;
    struct worker_power *power = power_open("auto", "/nowhere", "cuda:0,f16");
    assert_non_null(worker_power_rail(power));
    assert_string_equal(worker_power_rail(power), "nvml GPU 0");
    worker_power_sample(power, 1);
    worker_power_sample(power, 1 + PERIOD);
    assert_true(near(worker_power_sums(power).joules, 3));
    assert_true(near(worker_power_sums(power).watts, 60));
    worker_power_close(power);
    setenv("CUDA_VISIBLE_DEVICES", "1", 1); /* cuda:0 is then GPU 1 */
    power = power_open("auto", "/nowhere", "cuda:0,f16");
    unsetenv("CUDA_VISIBLE_DEVICES");
    assert_string_equal(worker_power_rail(power), "nvml GPU 1");
    worker_power_sample(power, 1);
    worker_power_sample(power, 1 + PERIOD);
    assert_true(near(worker_power_sums(power).watts, 25.5));
    worker_power_close(power);
    power = power_open("nvml:7", "", "cpu");
    assert_null(worker_power_rail(power));
    assert_non_null(strstr(last_line, "GPU 7"));
    worker_power_close(power);
    power = power_open("nvml:first", "", "cpu");
    assert_null(worker_power_rail(power));
    assert_non_null(strstr(last_line, "'first'"));
    worker_power_close(power);
}

static void none_and_nothing_found_are_the_same_state(void **state)
{
    (void)state;
    static const char *const specs[] = {"none", "auto"};
    for (int i = 0; i < 2; i++) {
        struct worker_power *power = power_open(specs[i], "/nowhere", "cpu");
        assert_null(worker_power_rail(power));
        assert_int_equal(worker_power_sums(power).covered_us, 0);
        worker_power_close(power);
    }
    assert_int_equal(lines, 0);
    struct worker_power *power = power_open("rapl", "/nowhere", "cpu"); /* asked for: said */
    assert_int_equal(lines, 1);
    assert_non_null(strstr(last_line, "/nowhere/sys/class/powercap"));
    worker_power_close(power);
}

static void what_can_not_be_meant_is_refused(void **state)
{
    (void)state;
    static const char *const specs[] = {"watts", "csv", "csv:", "rapl:1", "model", "none:1", ""};
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        last_line[0] = '\0';
        if (worker_power_check(specs[i]) != PROTO_INVALID || !last_line[0])
            fail_msg("'%s' was not refused", specs[i]);
    }
    static const char *const fine[] = {"auto", "none", "ina3221", "ina3221:A+B", "nvml:1", "csv:x"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        assert_int_equal(worker_power_check(fine[i]), PROTO_OK);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(each_board_gives_its_whole_power_and_nothing_twice),
        CASE(a_tree_may_begin_at_sys_or_at_the_drivers),
        CASE(rails_that_no_table_knows_are_not_added),
        CASE(rails_can_be_named),
        CASE(chips_without_their_drivers_folder_are_found),
        CASE(another_number_of_hwmon_changes_nothing),
        CASE(time_without_readings_is_not_filled_in),
        CASE(packages_are_added_across_a_wrap_and_their_parts_are_not),
        CASE(a_platform_zone_is_taken_alone),
        CASE(a_meters_file_counts_from_now_on_and_until_it_is_stale),
        CASE(a_meters_file_without_a_head_has_watts_in_the_last_column),
        CASE(a_model_charges_idle_and_busy_time_exactly),
        CASE(a_gpu_is_read_by_its_energy_counter_or_else_its_power),
        CASE(none_and_nothing_found_are_the_same_state),
        CASE(what_can_not_be_meant_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
