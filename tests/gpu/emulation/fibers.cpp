/* A block's threads as fibers. ucontext makes them; _setjmp and _longjmp switch, which needs no system call.
 *
 * A fiber takes thread after thread as long as none of them waits; a thread that waits keeps its fiber. So a
 * kernel without barriers runs as a plain loop.
 */
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <ucontext.h>
#include <vector>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#include "tests/gpu/emulation/runtime.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace
{

enum { STACK_BYTES = 64 << 10, WARP = 32 };
enum class state { idle, runs, at_block_barrier, at_warp_barrier };

struct fiber {
    ucontext_t context;
    jmp_buf place;
    bool entered = false;
    std::unique_ptr<char[]> stack{new char[STACK_BYTES]};
    state is = state::idle;
    unsigned thread = 0;
    void *fake = nullptr; /* AddressSanitizer's, while the fiber does not run */
};

struct warp {
    uint64_t values[2][WARP]; /* of this exchange and the last */
    uint32_t words[2][WARP][6];
    unsigned arrived = 0, turn = 0;
};

std::vector<std::unique_ptr<fiber>> fibers;
std::vector<warp> warps;
std::vector<char> dynamic_shared;
const std::function<void()> *body;
jmp_buf scheduler;
fiber *running;
unsigned threads, started, finished;
const void *scheduler_stack; /* for AddressSanitizer */
size_t scheduler_bytes;
void *scheduler_fake;

/* AddressSanitizer has to be told when the stack is about to change, and when it has. */
void stack_leave(void **fake, const void *next, size_t bytes)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(fake, next, bytes);
#else
    (void)fake, (void)next, (void)bytes;
#endif
}

void stack_arrive(void *fake, const void **last, size_t *bytes)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake, last, bytes);
#else
    (void)fake, (void)last, (void)bytes;
#endif
}

[[noreturn]] void fault(const char *what)
{
    std::fprintf(stderr, "emulation: block (%u, %u, %u): %s\n", blockIdx.x, blockIdx.y, blockIdx.z,
                 what);
    std::abort();
}

void thread_set(unsigned thread)
{
    threadIdx.x = thread % blockDim.x;
    threadIdx.y = thread / blockDim.x % blockDim.y;
    threadIdx.z = thread / blockDim.x / blockDim.y;
}

void back_to_scheduler()
{
    if (_setjmp(running->place) == 0) {
        stack_leave(&running->fake, scheduler_stack, scheduler_bytes);
        _longjmp(scheduler, 1);
    }
    stack_arrive(running->fake, &scheduler_stack, &scheduler_bytes);
}

void fiber_main()
{
    stack_arrive(nullptr, &scheduler_stack, &scheduler_bytes);
    for (;;) {
        while (started < threads) {
            const unsigned number = started++;
            running->thread = cuda_emulation.backwards ? threads - 1 - number : number;
            running->is = state::runs;
            thread_set(running->thread);
            (*body)();
            finished++;
        }
        running->is = state::idle;
        back_to_scheduler();
    }
}

void resume(fiber *f)
{
    running = f;
    thread_set(f->thread);
    if (_setjmp(scheduler) != 0) {
        stack_arrive(scheduler_fake, nullptr, nullptr);
        return;
    }
    stack_leave(&scheduler_fake, f->stack.get(), STACK_BYTES);
    if (f->entered)
        _longjmp(f->place, 1);
    f->entered = true;
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack.get();
    f->context.uc_stack.ss_size = STACK_BYTES;
    f->context.uc_link = nullptr;
    makecontext(&f->context, fiber_main, 0);
    setcontext(&f->context);
}

fiber *idle_fiber()
{
    for (auto &f : fibers)
        if (f->is == state::idle)
            return f.get();
    fibers.emplace_back(new fiber);
    return fibers.back().get();
}

/* Let those go on that wait for nothing any more. Returns whether there were any. */
bool release()
{
    std::vector<fiber *> ready;
    unsigned waiting = 0, at_barrier = 0;
    for (auto &f : fibers) {
        waiting += f->is != state::idle;
        at_barrier += f->is == state::at_block_barrier;
        if (f->is == state::at_warp_barrier && warps[f->thread / WARP].arrived == WARP)
            ready.push_back(f.get());
    }
    for (fiber *f : ready)
        warps[f->thread / WARP].arrived = 0;
    if (ready.empty() && waiting > 0 && at_barrier == waiting) {
        if (finished > 0)
            fault("__syncthreads() that some threads never reach");
        for (auto &f : fibers)
            if (f->is != state::idle)
                ready.push_back(f.get());
    }
    if (ready.empty() && waiting > 0)
        fault("threads wait for lanes of their warp that never come");
    for (fiber *f : ready)
        f->is = state::runs;
    for (size_t i = 0; i < ready.size(); i++)
        resume(cuda_emulation.backwards ? ready[ready.size() - 1 - i] : ready[i]);
    return !ready.empty();
}

void block_run()
{
    started = finished = 0;
    warps.assign((threads + WARP - 1) / WARP, warp());
    std::fill(dynamic_shared.begin(), dynamic_shared.end(), (char)0xff);
    while (started < threads)
        resume(idle_fiber());
    while (release()) {
    }
    if (finished != threads)
        fault("threads are lost");
}

void wait_as(state which)
{
    running->is = which;
    fiber *self = running;
    back_to_scheduler();
    running = self;
    thread_set(self->thread);
}

} // namespace

void emulated_grid(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()> &thread)
{
    gridDim = grid;
    blockDim = block;
    threads = block.x * block.y * block.z;
    dynamic_shared.resize(shared_bytes);
    body = &thread;
    const size_t blocks = (size_t)grid.x * grid.y * grid.z;
    for (size_t i = 0; i < blocks; i++) {
        const size_t number = cuda_emulation.backwards ? blocks - 1 - i : i;
        blockIdx.x = (unsigned)(number % grid.x);
        blockIdx.y = (unsigned)(number / grid.x % grid.y);
        blockIdx.z = (unsigned)(number / grid.x / grid.y);
        block_run();
    }
}

void *emulated_dynamic_shared()
{
    return dynamic_shared.data();
}

unsigned emulated_lane()
{
    return running->thread % WARP;
}

void __syncthreads()
{
    wait_as(state::at_block_barrier);
}

uint64_t emulated_exchange(unsigned mask, uint64_t value, unsigned from)
{
    if (mask != 0xffffffffu || threads % WARP != 0)
        fault("a warp intrinsic of part of a warp, which is not emulated");
    const unsigned number = running->thread / WARP;
    const unsigned turn = warps[number].turn & 1;
    warps[number].values[turn][emulated_lane()] = value;
    if (++warps[number].arrived == WARP)
        warps[number].turn++;
    wait_as(state::at_warp_barrier);
    return warps[number].values[turn][from];
}

const uint32_t (*emulated_gather6(const uint32_t mine[6]))[6]
{
    const unsigned number = running->thread / WARP, turn = warps[number].turn & 1;
    for (unsigned i = 0; i < 6; i++)
        warps[number].words[turn][emulated_lane()][i] = mine[i];
    emulated_exchange(0xffffffffu, 0, 0);
    return warps[number].words[turn];
}

void __syncwarp(unsigned mask)
{
    emulated_exchange(mask, 0, 0);
}

unsigned __ballot_sync(unsigned mask, int predicate)
{
    unsigned votes = 0;
    const unsigned number = running->thread / WARP, turn = warps[number].turn & 1;
    emulated_exchange(mask, predicate != 0, 0);
    for (unsigned lane = 0; lane < WARP; lane++)
        votes |= (unsigned)warps[number].values[turn][lane] << lane;
    return votes;
}
