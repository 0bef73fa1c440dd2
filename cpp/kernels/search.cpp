// A query on codes: one look-up in a small table for each code, then LERF's sigmoid.
#include <cmath>

#include "simd.hpp"
#include "tables.hpp"

namespace G3D_ISA {

namespace {

constexpr float kLog2E = 1.44269504f;

// kLanes values of a table at 16-bit indices.
G3D_INLINE V gather(const float* table, const uint16_t* at) {
#if defined(__AVX512F__)
    const __m512i index = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)at));
    return (V)_mm512_i32gather_ps(index, table, 4);
#elif defined(__AVX2__)
    const __m256i index = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)at));
    return (V)_mm256_i32gather_ps(table, index, 4);
#else
    V r;
    for (int i = 0; i < kLanes; ++i) r[i] = table[at[i]];
    return r;
#endif
}

// The logistic function; 0 at minus infinity.
G3D_INLINE V sigmoid(V x) {
    const V bounded = max(min(x * -kLog2E, splat(126.0f)), splat(-126.0f));
    return only(x > splat(-1e30f), splat(1.0f) / (splat(1.0f) + exp2(bounded)));
}

}  // namespace

void relevancy(const uint16_t* codes, const float* weights, const float* cosines,
               const float* rival, float scale, int k, int64_t n, int64_t begin, int64_t end,
               float* out) {
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
        V cosine = load(rival + i) * -1.0f;
        for (int j = 0; j < k; ++j)
            cosine += load(weights + j * n + i) * gather(cosines, codes + j * n + i);
        store(out + i, sigmoid(cosine * scale));
    }
    for (; i < end; ++i) {
        float cosine = -rival[i];
        for (int j = 0; j < k; ++j) cosine += weights[j * n + i] * cosines[codes[j * n + i]];
        const float x = scale * cosine;
        out[i] = x > -1e30f ? 1 / (1 + std::exp(-std::fmax(x, -80.0f))) : 0.0f;
    }
}

void look_up(const uint16_t* codes, const float* values, int64_t begin, int64_t end, float* out) {
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) store(out + i, gather(values, codes + i));
    for (; i < end; ++i) out[i] = values[codes[i]];
}

}  // namespace G3D_ISA
