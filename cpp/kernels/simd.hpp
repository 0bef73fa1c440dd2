// Sixteen floats at once: one pixel row of a tile. Built on the compilers' vector extension, so that
// the same source becomes SSE, AVX2, AVX-512 or NEON code, whatever the file is compiled for.
#pragma once
#include <cstdint>
#include <cstring>

namespace G3D_ISA {

#if defined(__AVX512F__)
constexpr int kNative = 16;
#elif defined(__AVX__)
constexpr int kNative = 8;
#else
constexpr int kNative = 4;
#endif
constexpr int kLanes = 16;
constexpr int kParts = kLanes / kNative;

typedef float NativeF __attribute__((vector_size(kNative * 4), may_alias));
typedef int32_t NativeI __attribute__((vector_size(kNative * 4), may_alias));
typedef float NativeUnalignedF __attribute__((vector_size(kNative * 4), aligned(4), may_alias));

#define G3D_INLINE static inline __attribute__((always_inline))

struct F16 {
    NativeF part[kParts];
};
struct I16 {  // also a mask: all bits set where true
    NativeI part[kParts];
};

#define G3D_EACH for (int k = 0; k < kParts; ++k)
#define G3D_BINARY(op)                                          \
    G3D_INLINE F16 operator op(const F16& a, const F16& b) {    \
        F16 r;                                                  \
        G3D_EACH r.part[k] = a.part[k] op b.part[k];            \
        return r;                                               \
    }
G3D_BINARY(+)
G3D_BINARY(-)
G3D_BINARY(*)
G3D_BINARY(/)
#undef G3D_BINARY
#define G3D_COMPARE(op)                                         \
    G3D_INLINE I16 operator op(const F16& a, const F16& b) {    \
        I16 r;                                                  \
        G3D_EACH r.part[k] = a.part[k] op b.part[k];            \
        return r;                                               \
    }
G3D_COMPARE(<)
G3D_COMPARE(>)
G3D_COMPARE(>=)
#undef G3D_COMPARE

G3D_INLINE I16 operator&(const I16& a, const I16& b) {
    I16 r;
    G3D_EACH r.part[k] = a.part[k] & b.part[k];
    return r;
}

G3D_INLINE F16 splat(float x) {
    F16 r;
    G3D_EACH r.part[k] = x - NativeF{};
    return r;
}
G3D_INLINE F16 zeros() {
    F16 r;
    G3D_EACH r.part[k] = NativeF{};
    return r;
}
// 0, 1, ... 15
G3D_INLINE F16 lane_numbers() {
    F16 r;
    G3D_EACH for (int i = 0; i < kNative; ++i) r.part[k][i] = float(k * kNative + i);
    return r;
}
G3D_INLINE F16 load(const float* p) {
    F16 r;
    G3D_EACH r.part[k] = *reinterpret_cast<const NativeUnalignedF*>(p + k * kNative);
    return r;
}
G3D_INLINE void store(float* p, const F16& a) {
    G3D_EACH *reinterpret_cast<NativeUnalignedF*>(p + k * kNative) = a.part[k];
}
G3D_INLINE F16 select(const I16& mask, const F16& a, const F16& b) {
    F16 r;
    G3D_EACH r.part[k] = mask.part[k] ? a.part[k] : b.part[k];
    return r;
}
G3D_INLINE F16 only(const I16& mask, const F16& a) {  // a where true, else 0
    F16 r;
    G3D_EACH r.part[k] = (NativeF)(mask.part[k] & (NativeI)a.part[k]);
    return r;
}
G3D_INLINE F16 min(const F16& a, const F16& b) {
    F16 r;
    G3D_EACH r.part[k] = a.part[k] < b.part[k] ? a.part[k] : b.part[k];
    return r;
}
G3D_INLINE F16 max(const F16& a, const F16& b) {
    F16 r;
    G3D_EACH r.part[k] = a.part[k] > b.part[k] ? a.part[k] : b.part[k];
    return r;
}
G3D_INLINE F16 abs(const F16& a) {
    F16 r;
    G3D_EACH r.part[k] = (NativeF)((NativeI)a.part[k] & 0x7fffffff);
    return r;
}
// magnitude of a with the sign of s
G3D_INLINE F16 copysign(const F16& a, const F16& s) {
    F16 r;
    G3D_EACH r.part[k] =
        (NativeF)(((NativeI)a.part[k] & 0x7fffffff) | ((NativeI)s.part[k] & (int32_t)0x80000000));
    return r;
}

// Sum of a native vector's lanes, in a fixed order.
G3D_INLINE float sum_native(const NativeF& a) {
    float lane[kNative];
    std::memcpy(lane, &a, sizeof a);
    for (int half = kNative / 2; half; half /= 2)
        for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
    return lane[0];
}
G3D_INLINE float sum(const F16& a) {
    NativeF total = a.part[0];
    for (int k = 1; k < kParts; ++k) total += a.part[k];
    return sum_native(total);
}
// Sums of lanes 0-7 and 8-15.
G3D_INLINE void sum_halves(const F16& a, float& low, float& high) {
    float lane[kLanes];
    store(lane, a);
    for (int half = 4; half; half /= 2)
        for (int i = 0; i < half; ++i) {
            lane[i] += lane[i + half];
            lane[8 + i] += lane[8 + i + half];
        }
    low = lane[0];
    high = lane[8];
}

// 2^x for -126 <= x <= 127; relative error below 3e-7. x = n + f with |f| <= 1/2: n goes into the
// exponent bits, 2^f is a polynomial (Chebyshev fit, degree 5).
G3D_INLINE F16 exp2(const F16& x) {
    F16 r;
    G3D_EACH {
        const NativeF shifted = x.part[k] + 12582912.0f;  // 1.5 * 2^23: rounds to the nearest n
        const NativeF f = x.part[k] - (shifted - 12582912.0f);
        NativeF p = f * 1.34004e-3f + 9.67604e-3f;
        p = p * f + 5.550327e-2f;
        p = p * f + 2.4022107e-1f;
        p = p * f + 6.9314721e-1f;
        p = p * f + 1.00000008f;
        r.part[k] = (NativeF)((NativeI)p + ((NativeI)shifted << 23));
    }
    return r;
}

}  // namespace G3D_ISA
