/* See power.h. */
#include "coordinator/power.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct coordinator_power_point point_of(const struct proto_beat *beat)
{
    return (struct coordinator_power_point){
        .energy_uj = beat->energy_uj, .covered_us = beat->power_us, .samples = beat->power_samples};
}

static uint64_t mix(uint64_t a, uint64_t b, double part)
{
    return a + (uint64_t)((double)(b - a) * part);
}

/* The sums at begin_us, between `last` and the BEAT that came now. */
static struct coordinator_power_point at_begin(const struct coordinator_power_account *account,
                                               const struct coordinator_power_point *now,
                                               uint64_t now_us)
{
    const struct coordinator_power_point *last = &account->last;
    if (!account->rail[0] || now_us <= account->last_at_us)
        return *now;
    const double part =
        (double)(account->begin_us - account->last_at_us) / (double)(now_us - account->last_at_us);
    return (struct coordinator_power_point){
        .energy_uj = mix(last->energy_uj, now->energy_uj, part),
        .covered_us = mix(last->covered_us, now->covered_us, part),
        .samples = mix(last->samples, now->samples, part),
    };
}

void coordinator_power_beat(struct coordinator_power_account *account,
                            const struct proto_beat *beat, uint64_t now_us)
{
    const struct coordinator_power_point now = point_of(beat);
    if (!beat->power)
        return;
    /* BEATs come in order, so sums that fall were begun anew: what was before is known no more. */
    if (now.covered_us < account->last.covered_us || now.energy_uj < account->last.energy_uj)
        account->first = account->last = (struct coordinator_power_point){0};
    if (account->begin_us > 0)
        account->first = at_begin(account, &now, now_us);
    account->begin_us = 0;
    snprintf(account->rail, sizeof account->rail, "%s", beat->power);
    account->own = beat->power_own != 0;
    account->period_us = beat->power_period_us;
    account->last = now;
    account->last_at_us = now_us;
}

void coordinator_power_begin(struct coordinator_power_account *account, uint64_t now_us)
{
    account->first = account->last;
    account->begin_us = now_us;
}

static void worker_describe(const struct coordinator_power_account *account, double wall_ms,
                            struct coordinator_worker_power *out)
{
    const double covered_us = (double)(account->last.covered_us - account->first.covered_us);
    const double uj = (double)(account->last.energy_uj - account->first.energy_uj);
    *out = (struct coordinator_worker_power){.watts = NAN, .joules = NAN, .coverage = 0};
    if (!account->rail[0])
        return;
    out->rail = account->rail;
    out->own = account->own;
    out->modelled = strncmp(account->rail, "model ", 6) == 0;
    out->samples = account->last.samples - account->first.samples;
    out->rate_hz = account->period_us > 0 ? 1e6 / account->period_us : NAN;
    if (covered_us <= 0)
        return;
    out->watts = uj / covered_us;
    out->joules = out->watts * wall_ms / 1e3;
    out->coverage = wall_ms > 0 ? fmin(1, covered_us / 1e3 / wall_ms) : 0;
}

/* An earlier worker's rail is the same one. */
static bool counted_before(const struct coordinator_run_worker *workers, uint32_t w)
{
    const struct coordinator_worker_power *power = &workers[w].power;
    if (power->own)
        return false;
    for (uint32_t i = 0; i < w; i++) {
        const struct coordinator_worker_power *other = &workers[i].power;
        if (other->rail && !other->own && !isnan(other->watts) &&
            strcmp(other->rail, power->rail) == 0 && workers[i].host && workers[w].host &&
            strcmp(workers[i].host, workers[w].host) == 0)
            return true;
    }
    return false;
}

void coordinator_power_describe(const struct coordinator_power_account *accounts,
                                struct coordinator_run_worker *workers, uint32_t count,
                                double wall_ms, struct coordinator_run_power *out)
{
    *out = (struct coordinator_run_power){.coverage = 1};
    for (uint32_t w = 0; w < count; w++) {
        struct coordinator_worker_power *power = &workers[w].power;
        worker_describe(&accounts[w], wall_ms, power);
        if (!workers[w].host || !workers[w].host[0])
            continue; /* it never came: it is not part of the cluster */
        if (isnan(power->watts)) {
            out->without++;
            continue;
        }
        out->with++;
        if (power->modelled)
            out->modelled++;
        out->coverage = fmin(out->coverage, power->coverage);
        if (!counted_before(workers, w))
            out->watts += power->watts;
    }
    if (out->without > 0 || out->with == 0) {
        out->watts = NAN;
        out->coverage = out->with == 0 ? 0 : out->coverage;
    }
    out->joules = out->watts * wall_ms / 1e3;
}
