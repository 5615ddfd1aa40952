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
    if (account->last_at_us == 0 || now_us <= account->last_at_us)
        return *now;
    const double part =
        (double)(account->begin_us - account->last_at_us) / (double)(now_us - account->last_at_us);
    return (struct coordinator_power_point){
        .energy_uj = mix(last->energy_uj, now->energy_uj, part),
        .covered_us = mix(last->covered_us, now->covered_us, part),
        .samples = mix(last->samples, now->samples, part),
    };
}

void coordinator_power_joined(struct coordinator_power_account *account, const char *host)
{
    snprintf(account->host, sizeof account->host, "%s", host);
    account->rail[0] = '\0'; /* it may be another process; its BEATs will tell */
}

static bool same_rail(const struct coordinator_power_account *a,
                      const struct coordinator_power_account *b)
{
    return a->rail[0] && !a->own && !b->own && strcmp(a->rail, b->rail) == 0 &&
           strcmp(a->host, b->host) == 0;
}

/* Only when a rail is new. */
static void rails_compare(struct coordinator_power_account *accounts, uint32_t count)
{
    for (uint32_t w = 0; w < count; w++) {
        accounts[w].again = false;
        for (uint32_t i = 0; i < w && !accounts[w].again; i++)
            accounts[w].again = same_rail(&accounts[i], &accounts[w]);
    }
}

void coordinator_power_beat(struct coordinator_power_account *accounts, uint32_t count, uint32_t w,
                            const struct proto_beat *beat, uint64_t now_us)
{
    struct coordinator_power_account *account = &accounts[w];
    const struct coordinator_power_point now = point_of(beat);
    if (!beat->power)
        return;
    /* BEATs come in order, so sums that fall were begun anew: what was before is known no more. */
    if (now.covered_us < account->last.covered_us || now.energy_uj < account->last.energy_uj)
        account->first = account->last = (struct coordinator_power_point){0};
    if (account->begin_us > 0)
        account->first = at_begin(account, &now, now_us);
    account->begin_us = 0;
    account->period_us = beat->power_period_us;
    account->watts = beat->power_mw / 1e3;
    account->last = now;
    account->last_at_us = now_us;
    if (strncmp(account->rail, beat->power, sizeof account->rail - 1) == 0)
        return;
    snprintf(account->rail, sizeof account->rail, "%s", beat->power);
    account->own = beat->power_own != 0;
    rails_compare(accounts, count);
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

static bool has_data(const struct coordinator_power_account *account)
{
    return account->rail[0] && account->last.covered_us > account->first.covered_us;
}

double coordinator_power_now(const struct coordinator_power_account *accounts, uint32_t count)
{
    double watts = 0;
    bool any = false;
    for (uint32_t w = 0; w < count; w++) {
        if (!accounts[w].host[0])
            continue;
        if (!accounts[w].rail[0] || accounts[w].last.covered_us == 0)
            return NAN;
        any = true;
        watts += accounts[w].again ? 0 : accounts[w].watts;
    }
    return any ? watts : NAN;
}

void coordinator_power_describe(const struct coordinator_power_account *accounts,
                                struct coordinator_run_worker *workers, uint32_t count,
                                double wall_ms, struct coordinator_run_power *out)
{
    *out = (struct coordinator_run_power){.coverage = 1};
    for (uint32_t w = 0; w < count; w++) {
        struct coordinator_worker_power *power = &workers[w].power;
        worker_describe(&accounts[w], wall_ms, power);
        if (!accounts[w].host[0])
            continue;
        if (!has_data(&accounts[w])) {
            out->without++;
            continue;
        }
        out->with++;
        out->modelled += power->modelled;
        out->coverage = fmin(out->coverage, power->coverage);
        out->watts += accounts[w].again ? 0 : power->watts;
    }
    if (out->without > 0 || out->with == 0)
        out->watts = NAN;
    if (out->with == 0)
        out->coverage = 0;
    out->joules = out->watts * wall_ms / 1e3;
}
