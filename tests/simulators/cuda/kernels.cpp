/* The kernels by the names that a module gives them. */
#include "kernels.hpp"
#include <tuple>
#include <type_traits>

extern "C" {
void spread(void *, u64, u32, u32, u32, u32);
void whole(void *, u64, u32, u32, u32, u32);
void copy(float4 *, const float4 *, u64);
void triad(float4 *, const float4 *, const float4 *, u64, float);
void compare(u64 *, const u32 *, const u32 *, u64);
void canary(u32 *, u32);
void multiply_fp32(float *, const float *, const float *, u32, u32);
#define TENSOR(name) void name(float *, const char *, const char *, u32, u32);
TENSOR(multiply_fp16) TENSOR(multiply_bf16) TENSOR(multiply_tf32) TENSOR(multiply_fp8) TENSOR(multiply_fp16_turing)
}

template <auto F, class... A, size_t... I>
static void call(void (*)(A...), void **given, std::index_sequence<I...>) {
    F(*(A *)given[I]...);
}
template <auto F, class... A> static constexpr size_t count(void (*)(A...)) { return sizeof...(A); }
template <auto F> static void run(void **given) { call<F>(F, given, std::make_index_sequence<count<F>(F)>()); }

static const Kernel KERNELS[] = {
    {"spread", false, run<spread>}, {"whole", false, run<whole>}, {"copy", false, run<copy>},
    {"triad", false, run<triad>}, {"compare", false, run<compare>}, {"canary", false, run<canary>},
    {"multiply_fp32", true, run<multiply_fp32>}, {"multiply_fp16", true, run<multiply_fp16>},
    {"multiply_bf16", true, run<multiply_bf16>}, {"multiply_tf32", true, run<multiply_tf32>},
    {"multiply_fp8", true, run<multiply_fp8>}, {"multiply_fp16_turing", true, run<multiply_fp16_turing>},
};

const Kernel *kernel_named(const std::string &name) {
    for (const Kernel &kernel : KERNELS)
        if (name == kernel.name) return &kernel;
    return nullptr;
}
