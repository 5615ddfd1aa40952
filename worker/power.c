/* The table of samplers, which one is taken, and the sums: see power.h. */
#include "worker/power.h"

#include <stdlib.h>
#include <string.h>

#include "proto/log.h"
#include "proto/status.h"
#include "worker/power_sampler.h"

enum {
    PERIOD_US = 50000,
    /* Two readings farther apart than so many periods have no data between them, where watts are read: nobody
     * knows what they were. A loop may be held up for some periods. */
    GAP_PERIODS = 10,
    WHY_MAX = 512,
};

static const struct worker_power_sampler *const samplers[] = {
    &worker_power_ina3221, &worker_power_nvml,  &worker_power_rapl,
    &worker_power_csv,     &worker_power_model,
};
enum { SAMPLERS = sizeof samplers / sizeof samplers[0] };

struct worker_power {
    const struct worker_power_sampler *sampler; /* NULL: no power data */
    struct worker_power_source *source;
    char rail[WORKER_POWER_RAIL_MAX + 16];
    uint64_t period_us;
    struct worker_power_sums sums;
    bool has_last;
    uint64_t last_us;
    double last; /* watts or joules */
};

void worker_power_defaults(struct worker_power_settings *settings)
{
    *settings = (struct worker_power_settings){
        .spec = "auto", .root = "", .device = "", .period_us = PERIOD_US};
}

/* "csv:FILE" -> the sampler and the text behind the colon, or NULL. */
static const struct worker_power_sampler *sampler_named(const char *spec, const char **argument)
{
    const size_t len = strcspn(spec, ":");
    *argument = spec[len] ? spec + len + 1 : NULL;
    for (int i = 0; i < SAMPLERS; i++)
        if (strlen(samplers[i]->name) == len && strncmp(samplers[i]->name, spec, len) == 0)
            return samplers[i];
    return NULL;
}

int worker_power_check(const char *spec)
{
    const char *argument;
    if (strcmp(spec, "auto") == 0 || strcmp(spec, "none") == 0)
        return PROTO_OK;
    const struct worker_power_sampler *sampler = sampler_named(spec, &argument);
    if (!sampler) {
        proto_log_error("worker",
                        "no way '%s' to learn the power; there are: auto, none, ina3221, "
                        "nvml, rapl, csv:FILE, model:BOARD",
                        spec);
        return PROTO_INVALID;
    }
    if (argument && (!sampler->argument || !*argument)) {
        proto_log_error("worker", "power '%s': %s", spec,
                        sampler->argument ? "nothing stands behind the colon"
                                          : "it takes no argument");
        return PROTO_INVALID;
    }
    if (!argument && (sampler == &worker_power_csv || sampler == &worker_power_model)) {
        proto_log_error("worker", "power '%s' needs more: %s:%s", spec, sampler->name,
                        sampler->argument);
        return PROTO_INVALID;
    }
    return PROTO_OK;
}

void worker_power_list(FILE *out)
{
    fprintf(
        out, "  %-24s %s\n", "auto",
        "the profile of a sim device; else what this machine has of ina3221, nvml (for cuda) and "
        "rapl");
    fprintf(out, "  %-24s %s\n", "none", "no power data");
    for (int i = 0; i < SAMPLERS; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s%s", samplers[i]->name, samplers[i]->argument ? ":" : "",
                 samplers[i]->argument ? samplers[i]->argument : "");
        fprintf(out, "  %-24s %s\n", name, samplers[i]->what);
    }
}

static int sampler_try(struct worker_power *power, const struct worker_power_sampler *sampler,
                       const struct worker_power_settings *settings, const char *argument,
                       char *why)
{
    const int status = sampler->open(settings, argument, why, WHY_MAX, &power->source);
    if (status != PROTO_OK)
        return status;
    power->sampler = sampler;
    snprintf(power->rail, sizeof power->rail, "%s %s", sampler->name, power->source->rail);
    return PROTO_OK;
}

/* A discrete GPU's own sensor, or the processor's: never both, they measure different things. */
static void sampler_guess(struct worker_power *power, const struct worker_power_settings *settings)
{
    const struct worker_power_sampler *const order[] = {
        &worker_power_ina3221,
        strncmp(settings->device, "cuda", 4) == 0 ? &worker_power_nvml : &worker_power_rapl,
    };
    char why[WHY_MAX] = "";
    if (strncmp(settings->device, "sim:", 4) == 0) {
        sampler_try(power, &worker_power_model, settings, settings->device + 4, why);
        return;
    }
    for (size_t i = 0; i < sizeof order / sizeof order[0] && !power->sampler; i++)
        if (sampler_try(power, order[i], settings, NULL, why) != PROTO_OK)
            proto_log_info("worker", "no power data from %s: %s", order[i]->name, why);
}

int worker_power_open(const struct worker_power_settings *settings, struct worker_power **out)
{
    const char *argument;
    char why[WHY_MAX] = "";
    *out = NULL;
    if (worker_power_check(settings->spec) != PROTO_OK)
        return PROTO_INVALID;
    struct worker_power *power = calloc(1, sizeof *power);
    if (!power)
        return PROTO_NO_MEMORY;
    power->period_us = settings->period_us;
    if (strcmp(settings->spec, "auto") == 0) {
        sampler_guess(power, settings);
    } else if (strcmp(settings->spec, "none") != 0) {
        const struct worker_power_sampler *sampler = sampler_named(settings->spec, &argument);
        if (sampler_try(power, sampler, settings, argument, why) != PROTO_OK)
            proto_log_warn("worker", "no power data: %s: %s", settings->spec, why);
    }
    *out = power;
    return PROTO_OK;
}

void worker_power_close(struct worker_power *power)
{
    if (power && power->sampler)
        power->sampler->close(power->source);
    free(power);
}

const char *worker_power_rail(const struct worker_power *power)
{
    return power->sampler ? power->rail : NULL;
}

bool worker_power_own(const struct worker_power *power)
{
    return power->sampler && power->source->own;
}

uint64_t worker_power_period_us(const struct worker_power *power)
{
    return power->sampler ? power->period_us : 0;
}

/* Energy between two readings; false: not known. */
static bool between(const struct worker_power *power, double value, uint64_t us, double *joules)
{
    if (power->source->counts_joules) {
        *joules = value - power->last;
        return *joules >= 0; /* a counter that was reset */
    }
    *joules = (power->last + value) / 2 * (double)us / 1e6;
    return us <= GAP_PERIODS * power->period_us;
}

void worker_power_sample(struct worker_power *power, uint64_t now_us)
{
    double value, joules;
    if (!power->sampler || (power->has_last && now_us < power->last_us + power->period_us / 2))
        return;
    if (!power->sampler->read(power->source, now_us, &value)) {
        power->has_last = false;
        return;
    }
    const uint64_t us = now_us - power->last_us;
    if (power->has_last && between(power, value, us, &joules)) {
        power->sums.joules += joules;
        power->sums.covered_us += us;
        power->sums.watts = power->source->counts_joules ? joules * 1e6 / (double)us : value;
    }
    power->sums.samples++;
    power->has_last = true;
    power->last_us = now_us;
    power->last = value;
}

void worker_power_busy(struct worker_power *power, bool busy, uint64_t now_us)
{
    if (power->sampler && power->sampler->busy)
        power->sampler->busy(power->source, busy, now_us);
}

struct worker_power_sums worker_power_sums(const struct worker_power *power)
{
    return power->sums;
}
