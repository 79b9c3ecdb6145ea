/* sums = a * b' on tensor cores: a is rows x depth, b columns x depth, in the format KIND; sums rows x columns, single precision.
 *
 * In every format an mma takes 32 bytes of a row of a and of b, and a lane holds the same bytes of them; so this kernel counts
 * depth in bytes and knows no format. A block of eight warps makes 128 x WIDE sums, a warp 64 x (WIDE / 4). Slices of 64 bytes
 * wait in STAGES places of shared memory; within a row its four pieces of 16 bytes are exchanged so that the eight rows that
 * ldmatrix reads at once lie in different banks.
 */
#include "machine.cuh"

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800 && KIND != FP16
#error "Turing multiplies half precision alone"
#endif

#define TALL 128
#define SLICE 64 /* bytes */
#define EACH_WARP (WIDE / 4)
#define STAGE ((TALL + WIDE) * SLICE)

__device__ __forceinline__ u32 at(u32 row, u32 piece) { return row * SLICE + ((piece ^ (row >> 1 & 3)) << 4); }

__device__ __forceinline__ void add(float (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#if __CUDA_ARCH__ >= 800
    mma(sum, a, b0, b1);
#else
    shallow_mma(sum, a[0], a[1], b0);
    shallow_mma(sum, a[2], a[3], b1);
#endif
}

extern "C" __global__ void __launch_bounds__(256, 1)
multiply(float *sums, const char *a, const char *b, u32 columns, u32 depth) {
    SHARED char shared[];
    const u32 thread = threadIdx.x, lane = thread & 31, warp = thread >> 5;
    const u32 row = blockIdx.y * TALL, column = blockIdx.x * WIDE;
    const u32 warp_row = (warp & 1) * 64, warp_column = (warp >> 1) * EACH_WARP;
    const u32 slices = depth / SLICE;

    auto fetch = [&](u32 slice) {
        char *to = shared + slice % STAGES * STAGE;
        const u64 from = (u64)slice * SLICE;
#pragma unroll
        for (u32 i = thread; i < TALL * 4; i += 256)
            copy16(to + at(i >> 2, i & 3), a + (u64)(row + (i >> 2)) * depth + from + (i & 3) * 16);
#pragma unroll
        for (u32 i = thread; i < WIDE * 4; i += 256)
            copy16(to + TALL * SLICE + at(i >> 2, i & 3), b + (u64)(column + (i >> 2)) * depth + from + (i & 3) * 16);
    };

    float sum[4][EACH_WARP / 8][4] = {};
    for (u32 slice = 0; slice < STAGES - 1; slice++) {
        if (slice < slices) fetch(slice);
        commit();
    }
    for (u32 slice = 0; slice < slices; slice++) {
        await<STAGES - 2>();
        __syncthreads(); /* the slice has come, and nobody reads the one before it any more */
        if (slice + STAGES - 1 < slices) fetch(slice + STAGES - 1);
        commit();
        const char *as = shared + slice % STAGES * STAGE, *bs = as + TALL * SLICE;
#pragma unroll
        for (u32 step = 0; step < 2; step++) {
            u32 left[4][4], right[EACH_WARP / 16][4];
#pragma unroll
            for (u32 y = 0; y < 4; y++) ldmatrix(left[y], as + at(warp_row + y * 16 + (lane & 15), step * 2 + (lane >> 4)));
#pragma unroll
            for (u32 x = 0; x < EACH_WARP / 16; x++)
                ldmatrix(right[x], bs + at(warp_column + x * 16 + (lane & 7) + (lane >> 4) * 8, step * 2 + (lane >> 3 & 1)));
#pragma unroll
            for (u32 y = 0; y < 4; y++)
#pragma unroll
                for (u32 x = 0; x < EACH_WARP / 8; x++)
                    add(sum[y][x], left[y], right[x / 2][x % 2 * 2], right[x / 2][x % 2 * 2 + 1]);
        }
    }
#pragma unroll
    for (u32 y = 0; y < 4; y++)
#pragma unroll
        for (u32 x = 0; x < EACH_WARP / 8; x++) {
            float *to = sums + (u64)(row + warp_row + y * 16 + (lane >> 2)) * columns + column + warp_column + x * 8 + (lane & 3) * 2;
            *(float2 *)to = make_float2(sum[y][x][0], sum[y][x][1]);
            *(float2 *)(to + (u64)8 * columns) = make_float2(sum[y][x][2], sum[y][x][3]);
        }
}
