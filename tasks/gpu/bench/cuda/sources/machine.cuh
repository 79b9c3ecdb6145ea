/* What only a GPU can do: each a thin skin over one PTX instruction. Tests compile the kernels for the host with another file of
 * this name, in which the instructions do what the tables of the PTX ISA say ("Matrix Fragments", "ldmatrix", "cp.async").
 */
#pragma once

typedef unsigned int u32;
typedef unsigned long long u64;

/* Kinds of numbers that tensor cores multiply; compiler.py gives one of them as KIND. */
#define FP16 1
#define BF16 2
#define TF32 3
#define FP8 4

__device__ __forceinline__ u32 place(const void *shared) { return (u32)__cvta_generic_to_shared(shared); }

/* Shared memory whose size the launch gives. */
#define SHARED extern __shared__ __align__(128)

/* Four 8x8 matrices of 16 bits; lane l gives the address of row l % 8 of matrix l / 8. */
__device__ __forceinline__ void ldmatrix(u32 (&to)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(place(row)));
}

#if __CUDA_ARCH__ >= 800
__device__ __forceinline__ void copy16(void *shared, const void *from) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(place(shared)), "l"(from) : "memory");
}
__device__ __forceinline__ void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int PENDING> __device__ __forceinline__ void await() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}
#else
__device__ __forceinline__ void copy16(void *shared, const void *from) { *(uint4 *)shared = *(const uint4 *)from; }
__device__ __forceinline__ void commit() {}
template <int PENDING> __device__ __forceinline__ void await() {}
#endif

#ifdef KIND
#if KIND == FP16
#define SHAPE "m16n8k16"
#define TYPES "f32.f16.f16.f32"
#elif KIND == BF16
#define SHAPE "m16n8k16"
#define TYPES "f32.bf16.bf16.f32"
#elif KIND == TF32
#define SHAPE "m16n8k8"
#define TYPES "f32.tf32.tf32.f32"
#elif KIND == FP8
#define SHAPE "m16n8k32"
#define TYPES "f32.e4m3.e4m3.f32"
#endif

/* sum += a * b for 16 rows of a, 8 columns of b and 32 bytes of each along what they share. */
__device__ __forceinline__ void mma(float (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    asm volatile("mma.sync.aligned." SHAPE ".row.col." TYPES " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* The same for 16 bytes of half precision: Turing's own shape. */
__device__ __forceinline__ void shallow_mma(float (&sum)[4], u32 a0, u32 a1, u32 b0) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(a0), "r"(a1), "r"(b0));
}
#endif
