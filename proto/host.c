#include "proto/host.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { PATH_BYTES = 512, LINE_BYTES = 256 };

static FILE *file_open(const char *root, const char *path)
{
    char full[2 * PATH_BYTES];
    snprintf(full, sizeof full, "%s%s", root, path);
    return fopen(full, "r");
}

/* First line of a file, without what is blank or not printable at its ends; false when there is none. */
static bool line_read(const char *root, const char *path, char *out, size_t bytes)
{
    char line[LINE_BYTES];
    FILE *file = file_open(root, path);
    const bool got = file && fgets(line, sizeof line, file);
    if (file)
        fclose(file);
    if (!got)
        return false;
    size_t len = strlen(line);
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        len--;
    line[len] = '\0';
    snprintf(out, bytes, "%.*s", (int)(bytes - 1), line);
    return len > 0;
}

static double number_read(const char *root, const char *path, double unit)
{
    char line[LINE_BYTES], *end;
    if (!line_read(root, path, line, sizeof line))
        return NAN;
    const double value = strtod(line, &end);
    return end != line && value > 0 ? value * unit : NAN;
}

/* The value behind the first "KEY<blanks>:" of a file of such lines. */
static bool field_read(const char *root, const char *path, const char *key, char *out, size_t bytes)
{
    char line[LINE_BYTES];
    bool found = false;
    FILE *file = file_open(root, path);
    while (file && !found && fgets(line, sizeof line, file)) {
        const char *value = line + strlen(key);
        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        value += strspn(value, " \t");
        if (*value++ != ':')
            continue;
        value += strspn(value, " \t");
        snprintf(out, bytes, "%.*s", (int)strcspn(value, "\n"), value);
        found = true;
    }
    if (file)
        fclose(file);
    return found;
}

static double memory_read(const char *root)
{
    char text[64];
    if (!field_read(root, "/proc/meminfo", "MemTotal", text, sizeof text))
        return NAN;
    return strtod(text, NULL) * 1024; /* "kB" there are KiB */
}

/* nvpmodel keeps the mode's number in its status file; the name stands in its configuration:
 *   < POWER_MODEL ID=1 NAME=15W > */
static void power_mode_read(const char *root, char *out, size_t bytes)
{
    char line[LINE_BYTES];
    int id = -1, mode = -1;
    if (!line_read(root, "/var/lib/nvpmodel/status", line, sizeof line) ||
        sscanf(line, "pmode:%d", &mode) != 1)
        return;
    FILE *file = file_open(root, "/etc/nvpmodel.conf");
    while (file && fgets(line, sizeof line, file)) {
        const char *at = strstr(line, "POWER_MODEL");
        const char *name = strstr(line, "NAME=");
        if (line[0] != '<' || !at || !name || !strstr(at, "ID=") ||
            sscanf(strstr(at, "ID="), "ID=%d", &id) != 1 || id != mode)
            continue;
        name += strlen("NAME=");
        snprintf(out, bytes, "%.*s", (int)strcspn(name, " \t>\n"), name);
        break;
    }
    if (file)
        fclose(file);
}

/* Calls with each entry of a folder until one is taken. */
static bool each_entry(const char *root, const char *folder,
                       bool (*take)(const char *root, const char *entry, struct proto_host *host),
                       struct proto_host *host)
{
    char full[2 * PATH_BYTES];
    bool taken = false;
    snprintf(full, sizeof full, "%s%s", root, folder);
    DIR *dir = opendir(full);
    for (struct dirent *entry; dir && !taken && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < 128)
            taken = take(root, entry->d_name, host);
    if (dir)
        closedir(dir);
    return taken;
}

/* devfreq names the GPU after its address and kind: 57000000.gpu, 17000000.gv11b, 17000000.ga10b */
static bool gpu_take(const char *root, const char *entry, struct proto_host *host)
{
    static const char *const kinds[] = {"gpu", "gm20b", "gp10b", "gv11b", "ga10b"};
    char path[PATH_BYTES];
    const char *dot = strrchr(entry, '.');
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(dot ? dot + 1 : entry, kinds[i]) != 0)
            continue;
        snprintf(path, sizeof path, "/sys/class/devfreq/%s/cur_freq", entry);
        host->gpu_hz = number_read(root, path, 1);
        return true;
    }
    return false;
}

static bool link_take(const char *root, const char *entry, struct proto_host *host)
{
    char path[PATH_BYTES], state[16];
    snprintf(path, sizeof path, "/sys/class/net/%s/operstate", entry);
    if (strcmp(entry, "lo") == 0 || !line_read(root, path, state, sizeof state) ||
        strcmp(state, "up") != 0)
        return false;
    snprintf(path, sizeof path, "/sys/class/net/%s/speed", entry);
    const double bit_s = number_read(root, path, 1e6);
    if (isnan(bit_s) || bit_s <= host->link_bit_s)
        return false; /* interfaces without a speed say -1 or nothing */
    host->link_bit_s = bit_s;
    snprintf(host->link, sizeof host->link, "%.31s", entry);
    return false; /* the others, too */
}

void proto_host_read(const char *root, struct proto_host *host)
{
    struct utsname names;
    *host = (struct proto_host){.cores = (int32_t)sysconf(_SC_NPROCESSORS_ONLN), .gpu_hz = NAN};
    if (uname(&names) == 0) {
        snprintf(host->name, sizeof host->name, "%.63s", names.nodename);
        snprintf(host->system, sizeof host->system, "%.50s %.50s %.50s", names.sysname,
                 names.release, names.machine);
    }
    if (!line_read(root, "/proc/device-tree/model", host->board, sizeof host->board))
        host->board[0] = '\0';
    field_read(root, "/proc/cpuinfo", "model name", host->cpu, sizeof host->cpu);
    host->memory_bytes = memory_read(root);
    power_mode_read(root, host->power_mode, sizeof host->power_mode);
    host->cpu_hz = number_read(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", 1e3);
    host->cpu_max_hz =
        number_read(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", 1e3);
    each_entry(root, "/sys/class/devfreq", gpu_take, host);
    each_entry(root, "/sys/class/net", link_take, host);
    if (!host->link[0])
        host->link_bit_s = NAN;
}
