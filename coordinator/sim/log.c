/* The event log, and the first broken rule. */
#include <stdarg.h>

#include "coordinator/sim/state.h"
#include "proto/log.h"

static void line(struct sim *sim, const char *format, va_list args)
{
    FILE *out = sim->settings.log;
    fprintf(out, "%12.6f  ", (double)(sim->now_us - sim->start_us) / 1e6);
    vfprintf(out, format, args);
    fputc('\n', out);
}

void sim_log(struct sim *sim, const char *format, ...)
{
    va_list args;
    if (!sim->settings.log)
        return;
    va_start(args, format);
    line(sim, format, args);
    va_end(args);
}

static void on_core_log(void *arg, enum proto_log_level level, const char *area, const char *text)
{
    (void)level;
    sim_log(arg, "  %s: %s", area, text);
}

void sim_log_core(struct sim *sim)
{
    proto_log_set_sink(on_core_log, sim);
}

void sim_log_end(void)
{
    proto_log_set_sink(NULL, NULL);
}

void sim_break(struct sim *sim, const char *format, ...)
{
    va_list args;
    if (sim->outcome->broken[0])
        return;
    va_start(args, format);
    int used = snprintf(sim->outcome->broken, sizeof sim->outcome->broken,
                        "at %.6f s: ", (double)(sim->now_us - sim->start_us) / 1e6);
    vsnprintf(sim->outcome->broken + used, sizeof sim->outcome->broken - (size_t)used, format,
              args);
    va_end(args);
    sim_log(sim, "BROKEN %s", sim->outcome->broken);
}

void sim_note(struct sim *sim, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    uint64_t hash = sim->outcome->hash;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u;
    sim->outcome->hash = hash;
}
