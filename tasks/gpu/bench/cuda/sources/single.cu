/* sums = a * b' in single precision without tensor cores: a is rows x depth, b columns x depth, sums rows x columns, all by rows.
 * A block makes TILE x TILE sums, a thread 8 x 8 of them; slices of depth go through shared memory, the next one while one is used.
 */
#include "machine.cuh"

#define TILE 128
#define SLICE 8
#define SPARE 4 /* keeps the lanes that write one slice apart in the banks of shared memory */

extern "C" __global__ void __launch_bounds__(256, 2)
multiply(float *sums, const float *a, const float *b, u32 columns, u32 depth) {
    __shared__ float as[2][SLICE][TILE + SPARE];
    __shared__ float bs[2][SLICE][TILE + SPARE];
    const u32 thread = threadIdx.x, row = blockIdx.y * TILE, column = blockIdx.x * TILE;
    const u32 across = thread % 16, down = thread / 16; /* whose sums: four and four, TILE / 2 apart */
    const u32 of = thread / 2, at = thread % 2 * 4;     /* what this thread fetches: half of a row's slice */
    const float *own_a = a + (u64)(row + of) * depth + at, *own_b = b + (u64)(column + of) * depth + at;
    float4 next_a, next_b;
    float sum[8][8] = {};

    auto fetch = [&](u32 k) {
        next_a = *(const float4 *)(own_a + k);
        next_b = *(const float4 *)(own_b + k);
    };
    auto keep = [&](u32 stage) {
        as[stage][at][of] = next_a.x, as[stage][at + 1][of] = next_a.y;
        as[stage][at + 2][of] = next_a.z, as[stage][at + 3][of] = next_a.w;
        bs[stage][at][of] = next_b.x, bs[stage][at + 1][of] = next_b.y;
        bs[stage][at + 2][of] = next_b.z, bs[stage][at + 3][of] = next_b.w;
    };

    fetch(0);
    keep(0);
    __syncthreads();
    for (u32 k = 0, stage = 0; k < depth; k += SLICE, stage ^= 1) {
        if (k + SLICE < depth) fetch(k + SLICE);
#pragma unroll
        for (int i = 0; i < SLICE; i++) {
            const float4 a0 = *(const float4 *)&as[stage][i][down * 4], a1 = *(const float4 *)&as[stage][i][TILE / 2 + down * 4];
            const float4 b0 = *(const float4 *)&bs[stage][i][across * 4], b1 = *(const float4 *)&bs[stage][i][TILE / 2 + across * 4];
            const float left[8] = {a0.x, a0.y, a0.z, a0.w, a1.x, a1.y, a1.z, a1.w};
            const float right[8] = {b0.x, b0.y, b0.z, b0.w, b1.x, b1.y, b1.z, b1.w};
#pragma unroll
            for (int y = 0; y < 8; y++)
#pragma unroll
                for (int x = 0; x < 8; x++) sum[y][x] = fmaf(left[y], right[x], sum[y][x]);
        }
        if (k + SLICE < depth) keep(stage ^ 1);
        __syncthreads();
    }
#pragma unroll
    for (int y = 0; y < 8; y++) {
        float *to = sums + (u64)(row + (y < 4 ? down * 4 + y : TILE / 2 + down * 4 + y - 4)) * columns + column + across * 4;
        *(float4 *)to = make_float4(sum[y][0], sum[y][1], sum[y][2], sum[y][3]);
        *(float4 *)(to + TILE / 2) = make_float4(sum[y][4], sum[y][5], sum[y][6], sum[y][7]);
    }
}
