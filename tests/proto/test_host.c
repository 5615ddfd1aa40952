/* proto/host.c: a recorded Jetson, a machine that says nothing, and this one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "proto/host.h"

static void a_jetson_tells_board_mode_clocks_and_link(void **state)
{
    struct proto_host host;
    (void)state;
    proto_host_read(MUSTER_SOURCE "/tests/data/host/orin-nano", &host);
    assert_string_equal(host.board, "NVIDIA Jetson Orin Nano Developer Kit");
    assert_string_equal(host.cpu, ""); /* these chips' cpuinfo has no name */
    assert_string_equal(host.power_mode, "7W");
    assert_true(host.memory_bytes == 7802376.0 * 1024);
    assert_true(host.cpu_hz == 729.6e6);
    assert_true(host.cpu_max_hz == 1510.4e6);
    assert_true(host.gpu_hz == 624.75e6);   /* not the video engine's clock */
    assert_string_equal(host.link, "eth0"); /* the faster one is down, the radio has no speed */
    assert_true(host.link_bit_s == 1e9);
}

static void what_is_not_told_is_not_guessed(void **state)
{
    struct proto_host host;
    (void)state;
    proto_host_read("/nonexistent", &host);
    assert_string_equal(host.board, "");
    assert_string_equal(host.power_mode, "");
    assert_string_equal(host.link, "");
    assert_true(isnan(host.memory_bytes) && isnan(host.cpu_hz) && isnan(host.cpu_max_hz));
    assert_true(isnan(host.gpu_hz) && isnan(host.link_bit_s));
}

static void this_machine_has_a_name_a_system_and_cores(void **state)
{
    struct proto_host host;
    (void)state;
    proto_host_read("", &host);
    assert_true(host.name[0] && host.system[0] && host.cores >= 1);
    assert_true(host.memory_bytes > 1e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_jetson_tells_board_mode_clocks_and_link),
        cmocka_unit_test(what_is_not_told_is_not_guessed),
        cmocka_unit_test(this_machine_has_a_name_a_system_and_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
