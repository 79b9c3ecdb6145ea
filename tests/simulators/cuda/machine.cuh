/* The GPU that the kernels' sources see when a host compiler reads them; see emulated.cpp for what the instructions do. */
#pragma once
#include <cmath>
#include <cstdint>

typedef unsigned int u32;
typedef unsigned long long u64;

#define FP16 1
#define BF16 2
#define TF32 3
#define FP8 4

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static
#define SHARED extern

struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct dim { u32 x, y, z; };
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline float4 __ldcs(const float4 *from) { return *from; }
inline void __stcs(float4 *to, float4 value) { *to = value; }
inline void atomicAdd(u64 *to, u64 value) { *to += value; }

extern dim threadIdx, blockIdx, blockDim, gridDim;
extern char shared[];

void __syncthreads();
void ldmatrix(u32 (&to)[4], const void *row);
void copy16(void *to, const void *from);
void commit();
void await_all_but(int pending);
template <int PENDING> void await() { await_all_but(PENDING); }
void warp_mma(int kind, float (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1);
void shallow_mma(float (&sum)[4], u32 a0, u32 a1, u32 b0);
#ifdef KIND
inline void mma(float (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) { warp_mma(KIND, sum, a, b0, b1); }
#endif
