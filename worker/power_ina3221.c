/* The INA3221 sensors of Jetson boards, through both of their drivers:
 *
 *   iio (L4T up to 32)  .../ina3221x/1-0040/iio:device0/  rail_name_0 .. 2, in_power0_input (mW)
 *   hwmon (L4T from 34) .../ina3221/1-0040/hwmon/hwmon3/  in1_label .. in3_label, in1_input (mV), curr1_input (mA)
 *
 * Chips, their addresses and the N of hwmonN differ between boards, and N even between two boots, so rails are
 * known by their labels. Which rails make up a board is a table: adding all there are would count much twice, for most
 * of them feed one another. Sources: NVIDIA's developer guides for the boards; for the AGX Orin also that
 * VIN_SYS_5V0 contains VDDQ_VDD2_1V8AO.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/status.h"
#include "worker/power_sampler.h"

enum { CHANNELS_MAX = 32, RAILS_MAX = 8, LABEL_MAX = 64, PATH_MAX_BYTES = 4096 };

/* Rails that together are all that the board's module draws; the first set that is there completely is taken. */
static const char *const sets[][RAILS_MAX] = {
    {"VDD_IN"},                                    /* TX1, TX2, Xavier NX, Orin Nano, Orin NX */
    {"POM_5V_IN"},                                 /* Nano */
    {"5V_IN"},                                     /* Xavier NX in some releases */
    {"GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"}, /* AGX Xavier */
    {"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"},  /* AGX Orin */
};

/* One channel of one chip. */
struct channel {
    char label[LABEL_MAX];
    char path[2][PATH_MAX_BYTES]; /* mW; or mV and mA */
};
struct channels {
    int count;
    struct channel *list;
};

struct rail {
    int fd[2]; /* -1: none */
};
struct ina3221 {
    struct worker_power_source base;
    int rail_count;
    struct rail rails[RAILS_MAX];
};

/* ---- what there is ---- */

static bool label_counts(const char *label)
{
    return strcmp(label, "NC") != 0 && strcmp(label, "sum of shunt voltages") != 0;
}

static struct channel *channel_add(struct channels *channels, const char *label)
{
    if (channels->count == CHANNELS_MAX || !label_counts(label))
        return NULL;
    for (int i = 0; i < channels->count; i++)
        if (strcmp(channels->list[i].label, label) == 0)
            return NULL; /* the same chip through both drivers, or a second one: once is enough */
    struct channel *channel = &channels->list[channels->count++];
    snprintf(channel->label, sizeof channel->label, "%s", label);
    return channel;
}

/* The file beside `path` whose name is made from a format and the channel's number. */
static void sibling(char out[PATH_MAX_BYTES], const char *path, const char *format, int number)
{
    char name[32];
    const int folder = (int)(strrchr(path, '/') - path);
    snprintf(name, sizeof name, format, number);
    snprintf(out, PATH_MAX_BYTES, "%.*s/%.31s", folder, path, name);
}

static void iio_found(void *arg, const char *path)
{
    char label[LABEL_MAX];
    const int number = atoi(strrchr(path, '_') + 1);
    struct channel *channel =
        worker_power_text(path, label, sizeof label) ? channel_add(arg, label) : NULL;
    if (channel)
        sibling(channel->path[0], path, "in_power%d_input", number);
}

static void hwmon_found(void *arg, const char *path)
{
    char label[LABEL_MAX], current[PATH_MAX_BYTES];
    const int number = atoi(strrchr(path, '/') + 3); /* in1_label */
    sibling(current, path, "curr%d_input", number);
    if (access(current, R_OK) != 0) /* a sum, or a shunt's own voltage: no power follows from it */
        return;
    struct channel *channel =
        worker_power_text(path, label, sizeof label) ? channel_add(arg, label) : NULL;
    if (!channel)
        return;
    sibling(channel->path[0], path, "in%d_input", number);
    memcpy(channel->path[1], current, sizeof current);
}

/* As hwmon_found, where other chips have their folders too. */
static void class_found(void *arg, const char *path)
{
    char name[PATH_MAX_BYTES], chip[LABEL_MAX];
    sibling(name, path, "name", 0);
    if (worker_power_text(name, chip, sizeof chip) && strncmp(chip, "ina3221", 7) == 0)
        hwmon_found(arg, path);
}

static void channels_find(const char *root, struct channels *channels)
{
    /* A recorded tree may begin anywhere above the drivers. */
    static const char *const above[] = {"/sys/bus/i2c/drivers", "/bus/i2c/drivers", ""};
    for (int i = 0; i < (*root ? 3 : 1) && channels->count == 0; i++) {
        char pattern[128];
        snprintf(pattern, sizeof pattern, "%s/ina3221*/*/iio:device*/rail_name_*", above[i]);
        worker_power_glob(root, pattern, iio_found, channels);
        snprintf(pattern, sizeof pattern, "%s/ina3221*/*/hwmon/hwmon*/in*_label", above[i]);
        worker_power_glob(root, pattern, hwmon_found, channels);
    }
    /* Trees that hold the chips but not their drivers. */
    if (channels->count == 0) {
        worker_power_glob(root, "/sys/bus/i2c/devices/*/iio:device*/rail_name_*", iio_found,
                          channels);
        worker_power_glob(root, "/sys/bus/i2c/devices/*/hwmon/hwmon*/in*_label", class_found,
                          channels);
    }
    if (channels->count == 0)
        worker_power_glob(root, "/sys/class/hwmon/hwmon*/in*_label", class_found, channels);
}

/* ---- what of it to read ---- */

static const struct channel *channel_named(const struct channels *channels, const char *label)
{
    for (int i = 0; i < channels->count; i++)
        if (strcmp(channels->list[i].label, label) == 0)
            return &channels->list[i];
    return NULL;
}

static void labels_write(const struct channels *channels, char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < channels->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "",
                                 channels->list[i].label);
}

static bool rail_open(const struct channel *channel, struct rail *rail)
{
    double value;
    for (int i = 0; i < 2 && channel->path[i][0]; i++) {
        rail->fd[i] = open(channel->path[i], O_RDONLY | O_CLOEXEC);
        if (rail->fd[i] < 0 || !worker_power_number(rail->fd[i], &value))
            return false;
    }
    return true;
}

static int rails_add(struct ina3221 *ina, const struct channels *channels, const char *label,
                     char *why, size_t why_bytes)
{
    const struct channel *channel = channel_named(channels, label);
    if (!channel) {
        char labels[512] = "";
        labels_write(channels, labels, sizeof labels);
        snprintf(why, why_bytes, "there is no rail '%s'; there are: %.300s", label, labels);
        return PROTO_INVALID;
    }
    if (ina->rail_count == RAILS_MAX) {
        snprintf(why, why_bytes, "more than %d rails", RAILS_MAX);
        return PROTO_INVALID;
    }
    if (!rail_open(channel, &ina->rails[ina->rail_count++])) {
        snprintf(why, why_bytes, "%.300s can't be read", channel->path[0]);
        return PROTO_IO;
    }
    const size_t used = strlen(ina->base.rail);
    snprintf(ina->base.rail + used, sizeof ina->base.rail - used, "%s%s", used ? " + " : "", label);
    return PROTO_OK;
}

/* "VDD_IN+VDD_MUX": the user's own choice. */
static int rails_as_asked(struct ina3221 *ina, const struct channels *channels, const char *labels,
                          char *why, size_t why_bytes)
{
    int status = PROTO_OK;
    char label[LABEL_MAX];
    for (const char *at = labels; *at && status == PROTO_OK;) {
        const size_t len = strcspn(at, "+");
        snprintf(label, sizeof label, "%.*s", (int)len, at);
        status = rails_add(ina, channels, label, why, why_bytes);
        at += len + (at[len] == '+');
    }
    return status;
}

static int rails_by_table(struct ina3221 *ina, const struct channels *channels, char *why,
                          size_t why_bytes)
{
    for (size_t s = 0; s < sizeof sets / sizeof sets[0]; s++) {
        int count = 0;
        while (count < RAILS_MAX && sets[s][count] && channel_named(channels, sets[s][count]))
            count++;
        if (count < RAILS_MAX && sets[s][count])
            continue;
        int status = PROTO_OK;
        for (int i = 0; i < count && status == PROTO_OK; i++)
            status = rails_add(ina, channels, sets[s][i], why, why_bytes);
        return status;
    }
    char labels[512] = "";
    labels_write(channels, labels, sizeof labels);
    snprintf(
        why, why_bytes,
        "none of its rails is known to be the whole board (%.200s): name those to add, which must "
        "not feed one another, as in --power ina3221:A+B",
        labels);
    return PROTO_NOT_FOUND;
}

/* ---- the sampler ---- */

static void ina_close(struct worker_power_source *source)
{
    struct ina3221 *ina = (struct ina3221 *)source;
    for (int i = 0; i < RAILS_MAX; i++)
        for (int f = 0; f < 2; f++)
            if (ina->rails[i].fd[f] >= 0)
                close(ina->rails[i].fd[f]);
    free(ina);
}

static int ina_open(const struct worker_power_settings *settings, const char *argument, char *why,
                    size_t why_bytes, struct worker_power_source **out)
{
    struct channels channels = {.list = calloc(CHANNELS_MAX, sizeof *channels.list)};
    struct ina3221 *ina = calloc(1, sizeof *ina);
    int status = PROTO_NO_MEMORY;
    if (!channels.list || !ina) {
        free(channels.list);
        free(ina);
        return status;
    }
    for (int i = 0; i < RAILS_MAX; i++)
        ina->rails[i].fd[0] = ina->rails[i].fd[1] = -1;
    channels_find(settings->root, &channels);
    if (channels.count == 0) {
        status = PROTO_NOT_FOUND;
        snprintf(why, why_bytes, "no INA3221 below %.200s/sys/bus/i2c/drivers", settings->root);
    } else if (argument) {
        status = rails_as_asked(ina, &channels, argument, why, why_bytes);
    } else {
        status = rails_by_table(ina, &channels, why, why_bytes);
    }
    free(channels.list);
    if (status == PROTO_OK)
        *out = &ina->base;
    else
        ina_close(&ina->base);
    return status;
}

static bool ina_read(struct worker_power_source *source, uint64_t now_us, double *watts)
{
    const struct ina3221 *ina = (const struct ina3221 *)source;
    double sum_mw = 0;
    (void)now_us;
    for (int i = 0; i < ina->rail_count; i++) {
        const struct rail *rail = &ina->rails[i];
        double first, ma;
        if (!worker_power_number(rail->fd[0], &first))
            return false;
        if (rail->fd[1] >= 0 && !worker_power_number(rail->fd[1], &ma))
            return false;
        sum_mw += rail->fd[1] >= 0 ? first * ma / 1e3 : first;
    }
    *watts = sum_mw / 1e3;
    return true;
}

const struct worker_power_sampler worker_power_ina3221 = {
    .name = "ina3221",
    .argument = "RAIL+RAIL",
    .what = "the sensors of a Jetson: its total rail, the rails that make it up, or those named",
    .open = ina_open,
    .close = ina_close,
    .read = ina_read,
};
