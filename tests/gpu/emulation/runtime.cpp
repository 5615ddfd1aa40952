/* Memory, streams, events and graphs; see emulation.h. */
#include "tests/gpu/emulation/runtime.h"

#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

struct cuda_emulation cuda_emulation = {};

namespace
{

enum where { ON_GPU, PINNED, MAPPED };

struct allocation {
    where is;
    char *map; /* whole pages; behind them one that nobody may touch */
    size_t map_bytes, bytes;
};

/* By first byte. */
std::map<const char *, allocation> allocations;
cudaError_t last_error;

struct node {
    emulated_kind kind;
    std::function<void()> work;
    std::vector<size_t> after;
};

struct capture_state {
    std::vector<node> nodes;
    std::vector<cudaStream_t> streams; /* the first began it */
    bool invalid = false;
};

std::unique_ptr<capture_state> capture;

struct initial {
    initial()
    {
        cuda_emulation.devices = 1;
        cuda_emulation.processors = 40;
        cuda_emulation.memory_bytes = (size_t)8 << 30;
        const char *words = std::getenv("CUDA_EMULATION");
        if (!words)
            return;
        cuda_emulation.integrated = std::strstr(words, "integrated") != nullptr;
        cuda_emulation.backwards = std::strstr(words, "backwards") != nullptr;
        cuda_emulation.no_half = std::strstr(words, "nohalf") != nullptr;
    }
} at_start;

} // namespace

struct emulated_stream {
    bool captured = false;
    std::vector<size_t> after; /* nodes that the next one waits for */
};

struct emulated_event {
    bool captured = false;
    std::vector<size_t> after;
};

struct emulated_graph {
    std::vector<node> nodes;
};

struct emulated_graph_exec {
    std::vector<node> nodes;
};

/* ---- errors ---- */

cudaError_t emulated_error(cudaError_t error)
{
    if (error != cudaSuccess)
        last_error = error;
    return error;
}

cudaError_t emulated_call()
{
    cuda_emulation.calls++;
    if (cuda_emulation.fail_in > 0 && --cuda_emulation.fail_in == 0)
        return emulated_error(cudaErrorLaunchFailure);
    return cudaSuccess;
}

/* A call that a capture does not allow. */
static cudaError_t call_outside_capture()
{
    const cudaError_t error = emulated_call();
    if (!error && capture) {
        capture->invalid = true;
        return emulated_error(cudaErrorStreamCaptureUnsupported);
    }
    return error;
}

extern "C" {

cudaError_t cudaGetLastError(void)
{
    const cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}

const char *cudaGetErrorName(cudaError_t error)
{
    switch (error) {
    case cudaSuccess:
        return "cudaSuccess";
    case cudaErrorMemoryAllocation:
        return "cudaErrorMemoryAllocation";
    case cudaErrorNoDevice:
        return "cudaErrorNoDevice";
    case cudaErrorLaunchFailure:
        return "cudaErrorLaunchFailure";
    case cudaErrorStreamCaptureUnsupported:
        return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureUnjoined:
        return "cudaErrorStreamCaptureUnjoined";
    default:
        return "an emulated error";
    }
}

const char *cudaGetErrorString(cudaError_t error)
{
    return error == cudaErrorMemoryAllocation ? "out of memory"
           : error == cudaErrorNoDevice       ? "no CUDA-capable device is detected"
                                              : cudaGetErrorName(error);
}

/* ---- the machine ---- */

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = cuda_emulation.devices;
    return emulated_error(cuda_emulation.devices ? cudaSuccess : cudaErrorNoDevice);
}

cudaError_t cudaSetDevice(int device)
{
    return emulated_error(device < cuda_emulation.devices ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device)
{
    (void)device;
    *value = attribute == cudaDevAttrMultiProcessorCount ? cuda_emulation.processors
             : attribute == cudaDevAttrIntegrated        ? cuda_emulation.integrated
             : attribute == cudaDevAttrCanMapHostMemory  ? 1
                                                         : 0;
    return emulated_call();
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int device)
{
    (void)device;
    std::strcpy(prop->name, "Emulated GPU");
    return emulated_call();
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes)
{
    *total_bytes = cuda_emulation.memory_bytes;
    *free_bytes = cuda_emulation.memory_bytes - cuda_emulation.in_use_bytes;
    return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize(void)
{
    return call_outside_capture();
}

} // extern "C"

/* ---- memory ---- */

/* What may be touched now. Changing it costs system calls, so it is left as it is where that will do. */
static bool gpu_open = false, pinned_open = true;

static void protect(const allocation &a, bool may)
{
    mprotect(a.map, a.map_bytes, may ? PROT_READ | PROT_WRITE : PROT_NONE);
}

static void open_memory(bool gpu, bool pinned)
{
    for (auto &each : allocations) {
        if (each.second.is == ON_GPU && gpu != gpu_open)
            protect(each.second, gpu);
        if (each.second.is == PINNED && pinned != pinned_open)
            protect(each.second, pinned);
    }
    gpu_open = gpu;
    pinned_open = pinned;
}

/* The end of the allocation lies at the end of a page, but for at most 15 bytes. */
static void *allocate(size_t bytes, where is)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), rounded = (bytes + 15) / 16 * 16;
    const size_t map_bytes = (rounded + page - 1) / page * page;
    void *map =
        mmap(nullptr, map_bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return nullptr;
    mprotect((char *)map + map_bytes, page, PROT_NONE);
    char *memory = (char *)map + (map_bytes - rounded);
    std::memset(map, 0xff, map_bytes);
    allocations[memory] = {is, (char *)map, map_bytes, bytes};
    if (is == ON_GPU)
        mprotect(map, map_bytes, PROT_NONE);
    return memory;
}

static cudaError_t release(void *memory, bool on_gpu)
{
    auto found = allocations.find((const char *)memory);
    if (found == allocations.end() || (found->second.is == ON_GPU) != on_gpu)
        return emulated_error(cudaErrorInvalidValue);
    if (on_gpu)
        cuda_emulation.in_use_bytes -= found->second.bytes;
    munmap(found->second.map, found->second.map_bytes + (size_t)sysconf(_SC_PAGESIZE));
    allocations.erase(found);
    return cudaSuccess;
}

static bool lies_in(const void *memory, size_t bytes, bool gpu)
{
    auto next = allocations.upper_bound((const char *)memory);
    if (next == allocations.begin())
        return false;
    const auto &found = *--next;
    return (found.second.is == PINNED) != gpu &&
           (const char *)memory + bytes <= found.first + found.second.bytes;
}

bool emulated_is_gpu(const void *memory, size_t bytes)
{
    return lies_in(memory, bytes, true);
}

static bool overlaps_gpu(const void *memory)
{
    auto next = allocations.upper_bound((const char *)memory);
    return next != allocations.begin() && (--next)->second.is == ON_GPU &&
           (const char *)memory < next->first + next->second.bytes;
}

static bool copy_is_right(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    if (kind == cudaMemcpyHostToDevice)
        return emulated_is_gpu(to, bytes) && !overlaps_gpu(from);
    return kind == cudaMemcpyDeviceToHost && emulated_is_gpu(from, bytes) && !overlaps_gpu(to);
}

extern "C" {

cudaError_t cudaMalloc(void **memory, size_t bytes)
{
    const cudaError_t error = call_outside_capture();
    if (error)
        return error;
    if (bytes > cuda_emulation.memory_bytes - cuda_emulation.in_use_bytes)
        return emulated_error(cudaErrorMemoryAllocation);
    *memory = allocate(bytes, ON_GPU);
    cuda_emulation.in_use_bytes += bytes;
    return cudaSuccess;
}

cudaError_t cudaFree(void *memory)
{
    return release(memory, true);
}

cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned flags)
{
    const cudaError_t error = call_outside_capture();
    if (error)
        return error;
    *memory = allocate(bytes, flags & cudaHostAllocMapped ? MAPPED : PINNED);
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void *memory)
{
    return release(memory, false);
}

cudaError_t cudaHostGetDevicePointer(void **gpu, void *memory, unsigned flags)
{
    (void)flags;
    *gpu = memory;
    return emulated_is_gpu(memory, 1) ? emulated_call() : emulated_error(cudaErrorInvalidValue);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    const cudaError_t error = emulated_call();
    if (error)
        return error;
    if (!copy_is_right(to, from, bytes, kind))
        return emulated_error(cudaErrorInvalidValue);
    return emulated_submit(stream, EMULATED_COPY, [=] {
        (kind == cudaMemcpyHostToDevice ? cuda_emulation.copies_in : cuda_emulation.copies_out)++;
        std::memcpy(to, from, bytes);
    });
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    const cudaError_t error = call_outside_capture();
    return error ? error : cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}

} // extern "C"

/* ---- streams and events ---- */

static void do_on_gpu(const node &work)
{
    open_memory(true, work.kind == EMULATED_COPY);
    work.work();
}

static void back_to_host()
{
    open_memory(false, true);
}

cudaError_t emulated_submit(cudaStream_t stream, emulated_kind kind, std::function<void()> work)
{
    if (!stream || !stream->captured) {
        do_on_gpu({kind, std::move(work), {}});
        back_to_host();
        return cudaSuccess;
    }
    capture->nodes.push_back({kind, std::move(work), stream->after});
    stream->after = {capture->nodes.size() - 1};
    return cudaSuccess;
}

cudaError_t emulated_launch(dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
                            std::function<void()> thread)
{
    const cudaError_t error = emulated_call();
    const size_t threads = (size_t)block.x * block.y * block.z;
    if (error)
        return error;
    if (threads < 1 || threads > 1024 || grid.x < 1 || grid.y < 1 || grid.z < 1 || grid.y > 65535 ||
        grid.z > 65535)
        return emulated_error(cudaErrorInvalidValue);
    return emulated_submit(stream, EMULATED_KERNEL, [=] {
        cuda_emulation.kernels++;
        emulated_grid(grid, block, shared_bytes, thread);
    });
}

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
    (void)flags;
    *stream = new emulated_stream;
    return emulated_call();
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    if (stream->captured)
        return call_outside_capture();
    return emulated_call();
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
    (void)flags;
    *event = new emulated_event;
    return emulated_call();
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    event->captured = stream->captured;
    event->after = stream->after;
    return emulated_call();
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    (void)flags;
    if (event->captured && capture) {
        if (!stream->captured) {
            stream->captured = true;
            stream->after.clear();
            capture->streams.push_back(stream);
        }
        stream->after.insert(stream->after.end(), event->after.begin(), event->after.end());
    }
    return emulated_call();
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    (void)event;
    return emulated_call();
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
    (void)from;
    (void)to;
    *ms = 0.0f;
    return emulated_call();
}

/* ---- graphs ---- */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
    (void)mode;
    const cudaError_t error = call_outside_capture();
    if (error)
        return error;
    if (cuda_emulation.no_capture)
        return emulated_error(cudaErrorStreamCaptureUnsupported);
    capture.reset(new capture_state);
    capture->streams.push_back(stream);
    stream->captured = true;
    stream->after.clear();
    return cudaSuccess;
}

static void mark_before(const std::vector<node> &nodes, const std::vector<size_t> &after,
                        std::vector<bool> &marked)
{
    for (size_t i : after)
        if (!marked[i]) {
            marked[i] = true;
            mark_before(nodes, nodes[i].after, marked);
        }
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    std::unique_ptr<capture_state> done = std::move(capture);
    if (!done || done->streams[0] != stream)
        return emulated_error(cudaErrorInvalidValue);
    std::vector<bool> marked(done->nodes.size());
    mark_before(done->nodes, stream->after, marked);
    cudaError_t error = done->invalid ? cudaErrorStreamCaptureInvalidated : cudaSuccess;
    for (bool joined : marked)
        if (!joined && !error)
            error = cudaErrorStreamCaptureUnjoined;
    for (cudaStream_t each : done->streams) {
        each->captured = false;
        each->after.clear();
    }
    *graph = nullptr;
    if (error)
        return emulated_error(error);
    *graph = new emulated_graph{std::move(done->nodes)};
    return emulated_call();
}

#if CUDART_VERSION >= 12000
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
    (void)flags;
#else
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, cudaGraphNode_t *node,
                                 char *log, size_t log_bytes)
{
    (void)node;
    (void)log;
    (void)log_bytes;
#endif
    const cudaError_t error = call_outside_capture();
    *exec = error ? nullptr : new emulated_graph_exec{graph->nodes};
    return error;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    delete exec;
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    (void)stream;
    const cudaError_t error = call_outside_capture();
    if (error)
        return error;
    cuda_emulation.graph_launches++;
    const size_t count = exec->nodes.size();
    std::mt19937_64 random(cuda_emulation.seed++);
    std::vector<size_t> waits(count), ready;
    std::vector<std::vector<size_t>> followers(count);
    for (size_t i = 0; i < count; i++) {
        waits[i] = exec->nodes[i].after.size();
        for (size_t before : exec->nodes[i].after)
            followers[before].push_back(i);
        if (waits[i] == 0)
            ready.push_back(i);
    }
    while (!ready.empty()) {
        std::swap(ready[random() % ready.size()], ready.back());
        const size_t chosen = ready.back();
        ready.pop_back();
        do_on_gpu(exec->nodes[chosen]);
        for (size_t next : followers[chosen])
            if (--waits[next] == 0)
                ready.push_back(next);
    }
    back_to_host();
    return cudaSuccess;
}

} // extern "C"
