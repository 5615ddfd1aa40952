/* Numbers, and numbers with a unit, as people write them in config files: see config.h. */
#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/config.h"
#include "proto/status.h"

/* Units of one kind convert into each other. */
enum kind {
    TIME,
    POWER,
    ENERGY,
    RATE,
    BYTES,
    FREQUENCY,
    LENGTH,
    ANGLE,
    SHARE,
    PIXELS,
    PIXEL_RATE,
    MAC_RATE,
};

struct unit {
    const char *name;
    enum kind kind;
    double factor;
};

/* clang-format off */
static const struct unit units[] = {
    {"ns", TIME, 1e-9}, {"us", TIME, 1e-6}, {"ms", TIME, 1e-3}, {"s", TIME, 1}, {"min", TIME, 60},
    {"h", TIME, 3600},
    {"mW", POWER, 1e-3}, {"W", POWER, 1}, {"kW", POWER, 1e3},
    {"mJ", ENERGY, 1e-3}, {"J", ENERGY, 1}, {"kJ", ENERGY, 1e3},
    {"bit/s", RATE, 1}, {"kbit/s", RATE, 1e3}, {"Mbit/s", RATE, 1e6}, {"Gbit/s", RATE, 1e9},
    {"kB/s", RATE, 8e3}, {"MB/s", RATE, 8e6}, {"GB/s", RATE, 8e9},
    {"B", BYTES, 1}, {"kB", BYTES, 1e3}, {"MB", BYTES, 1e6}, {"GB", BYTES, 1e9},
    {"KiB", BYTES, 1024}, {"MiB", BYTES, 1048576}, {"GiB", BYTES, 1073741824},
    {"Hz", FREQUENCY, 1}, {"kHz", FREQUENCY, 1e3}, {"MHz", FREQUENCY, 1e6}, {"GHz", FREQUENCY, 1e9},
    {"mm", LENGTH, 1e-3}, {"cm", LENGTH, 1e-2}, {"m", LENGTH, 1},
    {"rad", ANGLE, 1}, {"deg", ANGLE, 3.14159265358979323846 / 180},
    {"%", SHARE, 1},
    {"px", PIXELS, 1},
    {"px/s", PIXEL_RATE, 1}, {"Mpx/s", PIXEL_RATE, 1e6}, {"Gpx/s", PIXEL_RATE, 1e9},
    {"MAC/s", MAC_RATE, 1}, {"MMAC/s", MAC_RATE, 1e6}, {"GMAC/s", MAC_RATE, 1e9}, {"TMAC/s", MAC_RATE, 1e12},
};
/* clang-format on */

static const struct unit *find_unit(const char *name)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    return NULL;
}

/* strtod with a decimal point in every locale, and without "inf", "nan" and hexadecimals. */
static bool read_number(const char *text, double *out, const char **rest)
{
    const char *at = text + (*text == '-' || *text == '+');
    if (!isdigit((unsigned char)*at) && !(*at == '.' && isdigit((unsigned char)at[1])))
        return false;
    if (*at == '0' && (at[1] == 'x' || at[1] == 'X'))
        return false;
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before = c_locale ? uselocale(c_locale) : (locale_t)0;
    char *end;
    *out = strtod(text, &end);
    *rest = end;
    if (c_locale) {
        uselocale(before);
        freelocale(c_locale);
    }
    return isfinite(*out);
}

int proto_config_number(const char *text, double *out)
{
    double value;
    const char *rest;
    if (!read_number(text, &value, &rest) || *rest)
        return PROTO_INVALID;
    *out = value;
    return PROTO_OK;
}

int proto_config_quantity(const char *text, const char *unit, double *out)
{
    double number;
    const char *rest;
    while (*text == ' ')
        text++;
    if (!read_number(text, &number, &rest))
        return PROTO_INVALID;
    while (*rest == ' ')
        rest++;
    const struct unit *from = find_unit(rest), *to = find_unit(unit);
    if (!from || !to || from->kind != to->kind)
        return PROTO_INVALID;
    /* Equal units change nothing, not even by rounding. */
    double value = from == to ? number : number * from->factor / to->factor;
    if (!isfinite(value))
        return PROTO_INVALID;
    *out = value;
    return PROTO_OK;
}
