/* Filling, copying, comparing: what moves bytes, and the canary. */
#include "machine.cuh"

/* A number that follows from index and seed alone, so that NumPy makes the same (numbers.py). */
__device__ __forceinline__ u32 drawn(u64 index, u32 seed) {
    u32 x = (u32)index * 0x9E3779B1u + seed;
    x ^= x >> 16;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    x ^= x >> 16;
    return x;
}

__device__ __forceinline__ void put(void *to, u64 index, u32 width, u32 bits) {
    if (width == 4) ((u32 *)to)[index] = bits;
    else if (width == 2) ((unsigned short *)to)[index] = (unsigned short)bits;
    else ((unsigned char *)to)[index] = (unsigned char)bits;
}

#define EACH(index, count) \
    for (u64 index = (u64)blockIdx.x * blockDim.x + threadIdx.x; index < (count); index += (u64)gridDim.x * blockDim.x)

/* Numbers of width bytes between half and one, of either sign: half with random bits where mask has ones. */
extern "C" __global__ void spread(void *to, u64 count, u32 seed, u32 width, u32 half, u32 mask) {
    EACH(index, count) {
        u32 x = drawn(index, seed);
        put(to, index, width, half | (x & mask) | (x >> 31) << (8 * width - 1));
    }
}

/* Whole numbers from -2 to 2; one and two are how the format writes them. */
extern "C" __global__ void whole(void *to, u64 count, u32 seed, u32 width, u32 one, u32 two) {
    EACH(index, count) {
        u32 which = drawn(index, seed) % 5;
        u32 bits = which == 2 ? 0 : which == 1 || which == 3 ? one : two;
        put(to, index, width, bits | (which < 2 ? 1u << (8 * width - 1) : 0));
    }
}

#define DEEP 4 /* loads in flight for each thread */

extern "C" __global__ void __launch_bounds__(512) copy(float4 *to, const float4 *from, u64 count) {
    u64 first = (u64)blockIdx.x * (DEEP * blockDim.x) + threadIdx.x;
    if (first + (DEEP - 1) * blockDim.x < count) {
        float4 held[DEEP];
#pragma unroll
        for (int i = 0; i < DEEP; i++) held[i] = __ldcs(from + first + i * blockDim.x);
#pragma unroll
        for (int i = 0; i < DEEP; i++) __stcs(to + first + i * blockDim.x, held[i]);
    } else {
        for (u64 i = first; i < count; i += blockDim.x) to[i] = from[i];
    }
}

__device__ __forceinline__ float4 scaled(float4 one, float4 other, float factor) {
    return make_float4(fmaf(factor, other.x, one.x), fmaf(factor, other.y, one.y), fmaf(factor, other.z, one.z),
                       fmaf(factor, other.w, one.w));
}

/* to = one + factor * other */
extern "C" __global__ void __launch_bounds__(512)
triad(float4 *to, const float4 *one, const float4 *other, u64 count, float factor) {
    u64 first = (u64)blockIdx.x * (DEEP * blockDim.x) + threadIdx.x;
    if (first + (DEEP - 1) * blockDim.x < count) {
        float4 left[DEEP], right[DEEP];
#pragma unroll
        for (int i = 0; i < DEEP; i++) {
            left[i] = __ldcs(one + first + i * blockDim.x);
            right[i] = __ldcs(other + first + i * blockDim.x);
        }
#pragma unroll
        for (int i = 0; i < DEEP; i++) __stcs(to + first + i * blockDim.x, scaled(left[i], right[i], factor));
    } else {
        for (u64 i = first; i < count; i += blockDim.x) to[i] = scaled(one[i], other[i], factor);
    }
}

/* Adds to differ in how many words one and other differ. */
extern "C" __global__ void compare(u64 *differ, const u32 *one, const u32 *other, u64 count) {
    u64 found = 0;
    EACH(index, count) found += one[index] != other[index];
    if (found) atomicAdd(differ, found);
}

/* The canary: arithmetic in which every step waits for the one before. Never change it: its time is compared across releases.
 * Without the shift the compiler makes one step of sixteen. */
extern "C" __global__ void canary(u32 *to, u32 steps) {
    u32 index = blockIdx.x * blockDim.x + threadIdx.x, x = index;
#pragma unroll 16
    for (u32 step = 0; step < steps; step++) x = (x ^ x >> 15) * 1664525u + 1013904223u;
    to[index] = x;
}
