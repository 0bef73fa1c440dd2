// Vectors of the width that the file is compiled for, on the compilers' vector extension: the same
// source becomes SSE, AVX2, AVX-512 or NEON code. + - * / and comparisons are the language's own.
#pragma once
#include <cstdint>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

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
    return (V)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
    return (V)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return a < b ? a : b;
#endif
}
G3D_INLINE V max(V a, V b) {
#if defined(__AVX512F__)
    return (V)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
    return (V)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return a > b ? a : b;
#endif
}
G3D_INLINE V abs(V a) { return (V)((Mask)a & 0x7fffffff); }
G3D_INLINE V copysign(V a, V s) {  // the magnitude of a with the sign of s
    return (V)(((Mask)a & 0x7fffffff) | ((Mask)s & (int32_t)0x80000000));
}

G3D_INLINE V root(V a) {
#if defined(__AVX512F__)
    return (V)_mm512_sqrt_ps((__m512)a);
#elif defined(__AVX__)
    return (V)_mm256_sqrt_ps((__m256)a);
#else
    for (int i = 0; i < kLanes; ++i) a[i] = __builtin_sqrtf(a[i]);
    return a;
#endif
}

// root(a) with a relative error below 4e-4; not a number where a is negative, and it may be at 0.
G3D_INLINE V rough_root(V a) {
#if defined(__AVX512F__)
    return a * (V)_mm512_rsqrt14_ps((__m512)a);
#elif defined(__AVX__)
    return a * (V)_mm256_rsqrt_ps((__m256)a);
#else
    return root(a);
#endif
}

// Bit i is set where lane i is true.
G3D_INLINE unsigned bits_of(Mask mask) {
#if defined(__AVX512F__)
    return unsigned(_mm512_movepi32_mask((__m512i)mask));
#elif defined(__AVX__)
    return unsigned(_mm256_movemask_ps((__m256)mask));
#else
    unsigned bits = 0;
    for (int i = 0; i < kLanes; ++i) bits |= unsigned(mask[i] & 1) << i;
    return bits;
#endif
}

G3D_INLINE bool any(Mask mask) {
#if defined(__AVX__) && !defined(__AVX512F__)
    return _mm256_movemask_ps((__m256)mask) != 0;
#else
    int64_t words[kLanes / 2], all = 0;
    std::memcpy(words, &mask, sizeof words);
    for (const int64_t word : words) all |= word;
    return all != 0;
#endif
}

// Sum of the lanes, in a fixed order.
G3D_INLINE float sum(V a) {
#if defined(__AVX__)
#if defined(__AVX512F__)
    const __m256 eight = _mm256_add_ps((__m256)_mm512_castpd512_pd256((__m512d)a),
                                       (__m256)_mm512_extractf64x4_pd((__m512d)a, 1));
#else
    const __m256 eight = (__m256)a;
#endif
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
#else
    float lane[kLanes];
    std::memcpy(lane, &a, sizeof a);
    for (int half = kLanes / 2; half; half /= 2)
        for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
    return lane[0];
#endif
}

// out[j] = the sum of rows[j]'s lanes, in a fixed order, for 8 vectors at once.
G3D_INLINE void sum_each(const V rows[8], float* out) {
#if defined(__AVX__)
    __m256 r[8];
    for (int j = 0; j < 8; ++j) {
#if defined(__AVX512F__)
        const __m512d whole = (__m512d)rows[j];
        r[j] = _mm256_add_ps((__m256)_mm512_castpd512_pd256(whole),
                             (__m256)_mm512_extractf64x4_pd(whole, 1));
#else
        r[j] = (__m256)rows[j];
#endif
    }
    const __m256 a = _mm256_hadd_ps(_mm256_hadd_ps(r[0], r[1]), _mm256_hadd_ps(r[2], r[3]));
    const __m256 b = _mm256_hadd_ps(_mm256_hadd_ps(r[4], r[5]), _mm256_hadd_ps(r[6], r[7]));
    _mm256_storeu_ps(out, _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20),
                                        _mm256_permute2f128_ps(a, b, 0x31)));
#else
    for (int j = 0; j < 8; ++j) out[j] = sum(rows[j]);
#endif
}

// 2^x for -126 <= x <= 127; relative error below 3e-6. x = n + f with |f| <= 1/2: n goes into the
// exponent bits, 2^f is a polynomial (of degree 4, fitted for the least largest relative error).
G3D_INLINE V exp2(V x) {
    const V shifted = x + 12582912.0f;  // 1.5 * 2^23: rounds to the nearest n
    const V f = x - (shifted - 12582912.0f);
    V p = f * 9.5701e-3f + 5.591786e-2f;
    p = p * f + 2.4024745e-1f;
    p = p * f + 6.9312181e-1f;
    p = p * f + 0.99999926f;
    return (V)((Mask)p + ((Mask)shifted << 23));
}

// 2^x, held within the normal numbers; what is not a number counts as too large.
G3D_INLINE V exp2_held(V x) { return exp2(max(min(x, splat(127)), splat(-126))); }

// log2 of a positive normal number; relative error below 3e-7. x = 2^n m with m around 1, and
// log m = 2 artanh((m - 1) / (m + 1)).
G3D_INLINE V log2(V x) {
    const Mask n = ((Mask)x - 0x3f3504f3) >> 23;
    const V m = (V)((Mask)x - (n << 23)), s = (m - 1) / (m + 1), z = s * s;
    V p = z * 0.32059889f + 0.41219859f;
    p = p * z + 0.57707802f;
    p = p * z + 0.96179669f;
    p = p * z + 2.88539008f;
    return p * s + __builtin_convertvector(n, V);
}

}  // namespace G3D_ISA
