/* A block of GPU threads on the host. Each thread is a fibre; instructions of a whole warp, and barriers, are where they meet.
 *
 * A warp runs as far as it can before the next one does, and copies into shared memory come as late as they may, so that a barrier
 * or a wait that is missing shows as wrong sums. What mma and ldmatrix do is written from the tables of the PTX ISA, by element.
 */
#include "emulated.hpp"
#include <ucontext.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

dim threadIdx, blockIdx, blockDim, gridDim;
alignas(128) char shared[1 << 18];

namespace {

enum class At { READY, BARRIER, LDMATRIX, MMA, SHALLOW, DONE };
struct Copy { void *to; const void *from; };
struct Thread {
    ucontext_t context;
    std::vector<char> stack;
    At at;
    u32 *to;
    const void *row;
    int kind;
    float *sum;
    u32 a[4], b[2];
    std::deque<std::vector<Copy>> groups;
};
std::vector<Thread> threads;
ucontext_t scheduler;
u32 current;
std::function<void()> body;

[[noreturn]] void broken(const char *what) {
    fprintf(stderr, "emulated GPU: %s\n", what);
    abort();
}

void meet(At at) {
    threads[current].at = at;
    swapcontext(&threads[current].context, &scheduler);
}

void enter() {
    body();
    threads[current].at = At::DONE;
    swapcontext(&threads[current].context, &scheduler);
}

float read(int kind, const u32 *registers, int index) {
    u32 bits;
    float value;
    if (kind == TF32) {
        bits = registers[index] & 0xFFFFE000u; /* ten bits of the fraction count */
    } else if (kind == FP8) {
        u32 byte = registers[index / 4] >> index % 4 * 8 & 0xFF, exponent = byte >> 3 & 15, fraction = byte & 7;
        value = exponent ? std::ldexp(8.0f + fraction, (int)exponent - 10) : std::ldexp((float)fraction, -9);
        return byte & 0x80 ? -value : value;
    } else {
        u32 half = registers[index / 2] >> index % 2 * 16 & 0xFFFF;
        if (kind == FP16) {
            u32 exponent = half >> 10 & 31, fraction = half & 1023;
            value = exponent ? std::ldexp(1024.0f + fraction, (int)exponent - 25) : std::ldexp((float)fraction, -24);
            return half & 0x8000 ? -value : value;
        }
        bits = half << 16;
    }
    memcpy(&value, &bits, 4);
    return value;
}

/* Row and column of element i of a lane's part of a, and of b: PTX ISA, "Matrix Fragments for mma.m16n8k8, k16, k32". */
void place_a(int kind, bool shallow, int lane, int i, int &row, int &column) {
    int group = lane >> 2, within = lane & 3;
    if (kind == TF32) {
        row = i == 0 || i == 2 ? group : group + 8;
        column = i < 2 ? within : within + 4;
    } else if (kind == FP8) {
        row = i < 4 || (i >= 8 && i < 12) ? group : group + 8;
        column = within * 4 + (i & 3) + (i < 8 ? 0 : 16);
    } else if (shallow) {
        row = i < 2 ? group : group + 8;
        column = within * 2 + (i & 1);
    } else {
        row = i < 2 || (i >= 4 && i < 6) ? group : group + 8;
        column = within * 2 + (i & 1) + (i >= 4 ? 8 : 0);
    }
}

void place_b(int kind, bool shallow, int lane, int i, int &row, int &column) {
    int within = lane & 3;
    column = lane >> 2;
    if (kind == TF32) row = i == 0 ? within : within + 4;
    else if (kind == FP8) row = within * 4 + (i & 3) + (i >= 4 ? 16 : 0);
    else row = within * 2 + (i & 1) + (!shallow && i >= 2 ? 8 : 0);
}

void multiply_warp(Thread *warp, bool shallow) {
    float a[16][32], b[32][8];
    int kind = warp->kind, each = kind == TF32 ? 1 : kind == FP8 ? 4 : 2, row, column;
    int depth = (shallow ? 16 : 32) / (4 / each);
    for (int lane = 0; lane < 32; lane++) {
        for (int i = 0; i < each * (shallow ? 2 : 4); i++) {
            place_a(kind, shallow, lane, i, row, column);
            a[row][column] = read(kind, warp[lane].a, i);
        }
        for (int i = 0; i < each * (shallow ? 1 : 2); i++) {
            place_b(kind, shallow, lane, i, row, column);
            b[row][column] = read(kind, warp[lane].b, i);
        }
    }
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++) {
            row = i < 2 ? lane >> 2 : (lane >> 2) + 8;
            column = (lane & 3) * 2 + (i & 1);
            float sum = warp[lane].sum[i];
            for (int k = 0; k < depth; k++) sum += a[row][k] * b[k][column];
            warp[lane].sum[i] = sum;
        }
}

void load_warp(Thread *warp) {
    for (int lane = 0; lane < 32; lane++)
        for (int matrix = 0; matrix < 4; matrix++) {
            const char *row = (const char *)warp[matrix * 8 + lane / 4].row;
            if ((uintptr_t)row % 16) broken("ldmatrix of an address that is no multiple of 16");
            memcpy(&warp[lane].to[matrix], row + lane % 4 * 4, 4);
        }
}

/* Run a warp until it waits for the others of its block, or is done. */
void run_warp(u32 warp) {
    for (;;) {
        for (u32 lane = 0; lane < 32; lane++) {
            current = warp * 32 + lane;
            threadIdx = {current, 0, 0};
            threads[current].at = At::READY;
            swapcontext(&scheduler, &threads[current].context);
        }
        Thread *first = &threads[warp * 32];
        for (u32 lane = 1; lane < 32; lane++)
            if (first[lane].at != first->at) broken("the lanes of a warp parted");
        if (first->at == At::LDMATRIX) load_warp(first);
        else if (first->at == At::MMA || first->at == At::SHALLOW) multiply_warp(first, first->at == At::SHALLOW);
        else return;
    }
}

}  // namespace

void __syncthreads() { meet(At::BARRIER); }

void ldmatrix(u32 (&to)[4], const void *row) {
    threads[current].to = to;
    threads[current].row = row;
    meet(At::LDMATRIX);
}

void copy16(void *to, const void *from) {
    if ((uintptr_t)to % 16 || (uintptr_t)from % 16) broken("cp.async of an address that is no multiple of 16");
    threads[current].groups.back().push_back({to, from});
}

void commit() { threads[current].groups.emplace_back(); }

void await_all_but(int pending) {
    auto &groups = threads[current].groups;
    while ((int)groups.size() - 1 > pending) {
        for (auto &copy : groups.front()) memcpy(copy.to, copy.from, 16);
        groups.pop_front();
    }
}

void warp_mma(int kind, float (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    Thread &thread = threads[current];
    thread.kind = kind, thread.sum = sum, thread.b[0] = b0, thread.b[1] = b1;
    memcpy(thread.a, a, sizeof thread.a);
    meet(At::MMA);
}

void shallow_mma(float (&sum)[4], u32 a0, u32 a1, u32 b0) {
    Thread &thread = threads[current];
    thread.kind = FP16, thread.sum = sum, thread.a[0] = a0, thread.a[1] = a1, thread.b[0] = b0;
    meet(At::SHALLOW);
}

void run_grid(dim grid, dim block, bool meeting, const std::function<void()> &kernel) {
    gridDim = grid, blockDim = block;
    body = kernel;
    if (meeting && block.x % 32) broken("a block that is no whole number of warps");
    for (u32 y = 0; y < grid.y; y++)
        for (u32 x = 0; x < grid.x; x++) {
            blockIdx = {x, y, 0};
            if (!meeting) {
                for (threadIdx = {0, 0, 0}; threadIdx.x < block.x; threadIdx.x++) body();
                continue;
            }
            memset(shared, 0x7F, sizeof shared);
            threads.resize(block.x);
            for (Thread &thread : threads) {
                thread.stack.resize(64 * 1024);
                thread.groups.assign(1, {});
                getcontext(&thread.context);
                thread.context.uc_stack.ss_sp = thread.stack.data();
                thread.context.uc_stack.ss_size = thread.stack.size();
                makecontext(&thread.context, enter, 0);
            }
            for (bool done = false; !done;) {
                for (u32 warp = 0; warp < block.x / 32; warp++) run_warp((x + y) % 2 ? block.x / 32 - 1 - warp : warp);
                done = threads[0].at == At::DONE;
                for (Thread &thread : threads)
                    if ((thread.at == At::DONE) != done) broken("threads ended while others waited for them");
            }
        }
}
