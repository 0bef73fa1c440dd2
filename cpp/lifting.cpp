#include "lifting.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>

namespace g3d {

namespace {

constexpr int kChunk = 1024;
constexpr float kLeastAgreement = 1e-3f;
constexpr float kHalfPixels = 4;  // a view near by has more pixels, but no more say
constexpr int kAhead = 12;  // Gaussians whose sums are fetched before use: they lie scattered

// Nguyen, Izadi and Lovell, 3DIMPVT 2012, eq. 4: axial noise of a Kinect.
float axial_sigma(float z) { return 0.0012f + 0.0019f * (z - 0.4f) * (z - 0.4f); }

void add_code(const CodeSums& sums, int64_t row, uint16_t code, float weight) {
    uint16_t* codes = sums.codes + row * sums.slots;
    float* weights = sums.weights + row * sums.slots;
    int j = 0;
    for (; j < sums.slots && codes[j] != kNoCode; ++j)
        if (codes[j] == code) {
            weights[j] += weight;
            return;
        }
    if (j < sums.slots) {
        codes[j] = code;
        weights[j] = weight;
        return;
    }
    const uint8_t* alike = sums.alike + code * sums.alike_count;
    int best = 0;
    for (j = 1; j < sums.slots; ++j)
        if (alike[codes[j]] > alike[codes[best]]) best = j;
    weights[best] += weight;
}

void fetch(const CodeSums& sums, int64_t row) {
    __builtin_prefetch(sums.codes + row * sums.slots, 1);
    __builtin_prefetch(sums.weights + row * sums.slots, 1);
    __builtin_prefetch(sums.seen + row, 1);
}

// exp(-(z - D)^2 / 2 sigma^2) with the middle depth D of a cell, sigma from half its width there: in
// a cell across an edge, the feature is of the side that fills it. 1 where D is unknown.
float cell_agreement(const CodeView& view, int64_t cell, float half_width, float z) {
    if (view.cell_depth[cell] == 0) return 1;
    const float gap = z - view.cell_depth[cell] * view.depth_unit_m;
    const float sigma = axial_sigma(z), width = half_width * z;
    return std::exp(-0.5f * gap * gap / (sigma * sigma + width * width));
}

}  // namespace

float depth_agreement(const CodeView& view, float u, float v, float z) {
    const float x = std::clamp((u - view.depth_offset_px) / view.depth_step_px, 0.0f,
                               float(view.depth_columns - 1));
    const float y = std::clamp((v - view.depth_offset_px) / view.depth_step_px, 0.0f,
                               float(view.depth_rows - 1));
    const int x0 = int(x), y0 = int(y);
    const int x1 = std::min(x0 + 1, view.depth_columns - 1);
    const int y1 = std::min(y0 + 1, view.depth_rows - 1);
    const uint16_t* d = view.depth;
    const int64_t w = view.depth_columns;
    const float unit = view.depth_unit_m;
    const float samples[4] = {d[y0 * w + x0] * unit, d[y0 * w + x1] * unit, d[y1 * w + x0] * unit,
                              d[y1 * w + x1] * unit};
    const float sigma = axial_sigma(z);
    const float scale = -0.5f / (sigma * sigma + view.sigma_floor_m * view.sigma_floor_m);
    float low = INFINITY, high = 0, least = INFINITY;
    for (const float sample : samples) {
        low = std::min(low, sample);
        high = std::max(high, sample);
        if (sample > 0) least = std::min(least, std::abs(z - sample));
    }
    if (high == 0) return view.unknown_agreement;
    if (low > 0 && high - low <= view.jump * low) {  // one surface: interpolate
        const float fx = x - x0, fy = y - y0;
        const float between = (samples[0] * (1 - fx) + samples[1] * fx) * (1 - fy) +
                              (samples[2] * (1 - fx) + samples[3] * fx) * fy;
        least = std::min(least, std::abs(z - between));
    }
    return std::exp(scale * least * least);
}

void lift_view(Raster& raster, const GaussianArrays& gaussians, const View& view,
               const CodeView& seen, const CodeSums& sums) {
    raster.prepare(gaussians, view);
    std::vector<float> weights;
    raster.contributions(view, kTile, weights);  // one sum for each pair of Gaussian and tile
    const std::vector<Splat>& splats = raster.splats();
    const int64_t n = int64_t(splats.size());
    const float half_width = 0.5f * seen.cell_px / view.fx;
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t chunk = 0; chunk < (n + kChunk - 1) / kChunk; ++chunk)
        for (int64_t k = chunk * kChunk; k < std::min(n, (chunk + 1) * kChunk); ++k) {
            if (k + kAhead < n) fetch(sums, splats[k + kAhead].index);
            const Splat& s = splats[k];
            const int u = int(std::floor(s.x + 0.5f)), v = int(std::floor(s.y + 0.5f));
            if (u < 0 || v < 0 || u >= view.width || v >= view.height) continue;
            const int64_t cell = int64_t(v / seen.cell_px) * seen.columns + u / seen.cell_px;
            const uint16_t code = seen.codes[cell];
            if (code == kNoCode || !(seen.weight[cell] > 0)) continue;
            float total = 0;
            for (int64_t e = raster.entry_begin()[k]; e < raster.entry_begin()[k + 1]; ++e)
                total += weights[e];
            if (!(total > 0)) continue;
            const float agreement =
                depth_agreement(seen, s.x, s.y, s.z) * cell_agreement(seen, cell, half_width, s.z);
            if (agreement < kLeastAgreement) continue;
            sums.seen[s.index] += agreement * seen.weight[cell];
            add_code(sums, s.index, code,
                     total / (total + kHalfPixels) * agreement * seen.weight[cell]);
        }
}

void favour_majority(const CodeSums& sums, int64_t count, int least, float factor, float* share) {
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < count; ++row) {
        const uint16_t* codes = sums.codes + row * sums.slots;
        float* weights = sums.weights + row * sums.slots;
        int used = 0;
        float total = 0;
        for (; used < sums.slots && codes[used] != kNoCode; ++used) total += weights[used];
        share[row] = 0;
        if (used == 0 || !(total > 0)) continue;
        int centre = 0;
        float most = -1;
        for (int j = 0; j < used; ++j) {
            const uint8_t* alike = sums.alike + codes[j] * sums.alike_count;
            float support = 0;
            for (int i = 0; i < used; ++i)
                if (alike[codes[i]] >= least) support += weights[i];
            if (support > most) {
                most = support;
                centre = j;
            }
        }
        share[row] = most / total;
        const uint8_t* alike = sums.alike + codes[centre] * sums.alike_count;
        for (int i = 0; i < used; ++i)
            if (alike[codes[i]] < least) weights[i] *= factor;
    }
}

}  // namespace g3d
