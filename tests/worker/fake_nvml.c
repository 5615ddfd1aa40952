/* Stands in for NVIDIA's libnvidia-ml.so.1: two GPUs, the second without an energy counter. Every reading of the first one's
 * is 3 J more. */
int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device);
int nvmlDeviceGetPowerUsage(void *device, unsigned *mw);
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj);

static int gpus[2];
static unsigned long long energy_mj = 1000000;

int nvmlInit_v2(void)
{
    return 0;
}

int nvmlShutdown(void)
{
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    if (index > 1)
        return 2; /* NVML_ERROR_INVALID_ARGUMENT */
    *device = &gpus[index];
    return 0;
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *mw)
{
    *mw = device == &gpus[0] ? 60000 : 25500;
    return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj)
{
    if (device != &gpus[0])
        return 3; /* NVML_ERROR_NOT_SUPPORTED */
    *mj = energy_mj += 3000;
    return 0;
}
