// Vectors of the width that the file is compiled for, on the compilers' vector extension: the same
// source becomes SSE, AVX2, AVX-512 or NEON code. + - * / and comparisons are the language's own.
#pragma once
#include <cstdint>
#include <cstring>

namespace G3D_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float V __attribute__((vector_size(kLanes * 4), may_alias));
typedef int32_t Mask __attribute__((vector_size(kLanes * 4), may_alias));  // all bits set: true
typedef float Unaligned __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

#define G3D_INLINE static inline __attribute__((always_inline))

G3D_INLINE V splat(float x) { return x - V{}; }
G3D_INLINE V lane_numbers() {
    V r;
    for (int i = 0; i < kLanes; ++i) r[i] = float(i);
    return r;
}
G3D_INLINE V load(const float* p) { return *reinterpret_cast<const Unaligned*>(p); }
G3D_INLINE void store(float* p, V a) { *reinterpret_cast<Unaligned*>(p) = a; }
G3D_INLINE void add_to(float* p, V a) { store(p, load(p) + a); }

G3D_INLINE V only(Mask mask, V a) { return (V)(mask & (Mask)a); }  // a where true, else 0
G3D_INLINE V select(Mask mask, V a, V b) { return mask ? a : b; }
G3D_INLINE V min(V a, V b) {
#if defined(__AVX512F__)
    return a < b ? a : b;
#elif defined(__AVX__)
    return __builtin_ia32_minps256(a, b);
#elif defined(__SSE__)
    return __builtin_ia32_minps(a, b);
#else
    return a < b ? a : b;
#endif
}
G3D_INLINE V max(V a, V b) {
#if defined(__AVX512F__)
    return a > b ? a : b;
#elif defined(__AVX__)
    return __builtin_ia32_maxps256(a, b);
#elif defined(__SSE__)
    return __builtin_ia32_maxps(a, b);
#else
    return a > b ? a : b;
#endif
}
G3D_INLINE V abs(V a) { return (V)((Mask)a & 0x7fffffff); }
G3D_INLINE V copysign(V a, V s) {  // the magnitude of a with the sign of s
    return (V)(((Mask)a & 0x7fffffff) | ((Mask)s & (int32_t)0x80000000));
}

G3D_INLINE bool any(Mask mask) {
#if defined(__AVX512F__)
    int64_t word[8];
#elif defined(__AVX__)
    return __builtin_ia32_movmskps256((V)mask) != 0;
#elif defined(__SSE__)
    return __builtin_ia32_movmskps((V)mask) != 0;
#else
    int64_t word[2];
#endif
#if defined(__AVX512F__) || !defined(__SSE__)
    std::memcpy(word, &mask, sizeof word);
    int64_t all = 0;
    for (const int64_t w : word) all |= w;
    return all != 0;
#endif
}

// Sum of the lanes, in a fixed order.
G3D_INLINE float sum(V a) {
    float lane[kLanes];
    std::memcpy(lane, &a, sizeof a);
    for (int half = kLanes / 2; half; half /= 2)
        for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
    return lane[0];
}

// 2^x for -126 <= x <= 127; relative error below 3e-7. x = n + f with |f| <= 1/2: n goes into the
// exponent bits, 2^f is a polynomial (Chebyshev fit, degree 5).
G3D_INLINE V exp2(V x) {
    const V shifted = x + 12582912.0f;  // 1.5 * 2^23: rounds to the nearest n
    const V f = x - (shifted - 12582912.0f);
    V p = f * 1.34004e-3f + 9.67604e-3f;
    p = p * f + 5.550327e-2f;
    p = p * f + 2.4022107e-1f;
    p = p * f + 6.9314721e-1f;
    p = p * f + 1.00000008f;
    return (V)((Mask)p + ((Mask)shifted << 23));
}

}  // namespace G3D_ISA
