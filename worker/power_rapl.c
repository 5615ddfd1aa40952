/* RAPL: the energy counters of x86 processors, as the kernel's powercap shows them.
 *
 * A zone "psys" is the whole platform and contains the packages, so it is taken alone where there is one; else the
 * packages are added. Memory is in neither of a package's counter ("dram" is left out), nor are disks,
 * fans and the power supply. The counters wrap around at max_energy_range_uj. Since 2020 only root may read them.
 * Source: the kernel's Documentation/power/powercap/powercap.rst.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/status.h"
#include "worker/power_sampler.h"

enum { ZONES_MAX = 16 };

struct zone {
    int fd;
    double range_uj, last_uj;
    double sum_uj; /* since it was opened, over all wraps */
};
struct rapl {
    struct worker_power_source base;
    bool psys;
    int count;
    struct zone zones[ZONES_MAX];
    char refused[256]; /* a counter that is there and can't be read */
};

static void zone_open(struct rapl *rapl, const char *folder)
{
    char path[4096], text[32];
    struct zone *zone = &rapl->zones[rapl->count];
    snprintf(path, sizeof path, "%.4000s/max_energy_range_uj", folder);
    zone->range_uj = worker_power_text(path, text, sizeof text) ? strtod(text, NULL) : 0;
    snprintf(path, sizeof path, "%.4000s/energy_uj", folder);
    zone->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (zone->fd < 0 || !worker_power_number(zone->fd, &zone->last_uj)) {
        if (zone->fd >= 0)
            close(zone->fd);
        snprintf(rapl->refused, sizeof rapl->refused, "%.255s", path);
        return;
    }
    zone->sum_uj = 0;
    rapl->count++;
}

static void found(struct rapl *rapl, const char *folder, bool psys)
{
    char path[4096], name[32];
    /* intel-rapl:0 is a package, intel-rapl:0:1 a part of it. */
    const char *const base = strrchr(folder, '/') + 1;
    if (strchr(base, ':') != strrchr(base, ':'))
        return;
    snprintf(path, sizeof path, "%.4000s/name", folder);
    if (rapl->count == ZONES_MAX || !worker_power_text(path, name, sizeof name))
        return;
    if (psys ? strcmp(name, "psys") != 0 : strncmp(name, "package", 7) != 0)
        return;
    zone_open(rapl, folder);
}

static void psys_found(void *arg, const char *folder)
{
    found(arg, folder, true);
}

static void package_found(void *arg, const char *folder)
{
    found(arg, folder, false);
}

static void rapl_close(struct worker_power_source *source)
{
    struct rapl *rapl = (struct rapl *)source;
    for (int i = 0; i < rapl->count; i++)
        close(rapl->zones[i].fd);
    free(rapl);
}

static int rapl_open(const struct worker_power_settings *settings, const char *argument, char *why,
                     size_t why_bytes, struct worker_power_source **out)
{
    static const char pattern[] = "/sys/class/powercap/intel-rapl:*";
    struct rapl *rapl = calloc(1, sizeof *rapl);
    (void)argument;
    if (!rapl)
        return PROTO_NO_MEMORY;
    worker_power_glob(settings->root, pattern, psys_found, rapl);
    rapl->psys = rapl->count > 0;
    if (!rapl->psys)
        worker_power_glob(settings->root, pattern, package_found, rapl);
    if (rapl->count == 0 || rapl->refused[0]) { /* some packages of several are not the machine */
        const bool there = rapl->refused[0] != '\0';
        if (there)
            snprintf(why, why_bytes, "%.200s can't be read: often only root may", rapl->refused);
        else
            snprintf(why, why_bytes, "no counter like %.100s%s", settings->root, pattern);
        rapl_close(&rapl->base);
        return there ? PROTO_IO : PROTO_NOT_FOUND;
    }
    snprintf(rapl->base.rail, sizeof rapl->base.rail, "%s",
             rapl->psys ? "psys" : (rapl->count > 1 ? "packages" : "package"));
    rapl->base.counts_joules = true;
    *out = &rapl->base;
    return PROTO_OK;
}

static bool rapl_read(struct worker_power_source *source, uint64_t now_us, double *joules)
{
    struct rapl *rapl = (struct rapl *)source;
    double sum_uj = 0;
    (void)now_us;
    for (int i = 0; i < rapl->count; i++) {
        struct zone *zone = &rapl->zones[i];
        double uj;
        if (!worker_power_number(zone->fd, &uj))
            return false;
        zone->sum_uj += uj - zone->last_uj + (uj < zone->last_uj ? zone->range_uj : 0);
        zone->last_uj = uj;
        sum_uj += zone->sum_uj;
    }
    *joules = sum_uj / 1e6;
    return true;
}

const struct worker_power_sampler worker_power_rapl = {
    .name = "rapl",
    .what = "the energy counters of an x86 processor",
    .open = rapl_open,
    .close = rapl_close,
    .read = rapl_read,
};
