/* What machine this is, as its system tells: for profiles and reports. Linux.
 *
 * Text is "" and a number NAN where the system does not say; nothing is guessed.
 */
#ifndef PROTO_HOST_H
#define PROTO_HOST_H

#include <stdint.h>

struct proto_host {
    char name[64];    /* host name */
    char system[160]; /* "Linux 6.1.0 aarch64" */
    char board[128];  /* the device tree's model: "NVIDIA Jetson Orin Nano Developer Kit" */
    char cpu[128];    /* "AMD EPYC 9R14": where /proc/cpuinfo names it */
    int32_t cores;    /* online */
    double memory_bytes;
    char power_mode[64]; /* name of the nvpmodel mode in use (Jetson): "15W" */
    double cpu_hz;       /* of core 0, now */
    double cpu_max_hz;   /* that it may reach in this mode */
    double gpu_hz;       /* now */
    char link[32];       /* fastest interface that is up, loopback aside: "eth0" */
    double link_bit_s;
};

/* root: "" for this machine; a folder that holds a recorded /proc, /sys, /etc and /var for tests.
 * Name and system are this machine's in any case. */
void proto_host_read(const char *root, struct proto_host *host);

#endif
