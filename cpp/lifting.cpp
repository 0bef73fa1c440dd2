#include "lifting.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace g3d {

namespace {

constexpr int kChunk = 1024;
constexpr float kLeastAgreement = 1e-3f;

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

using Pairs = std::vector<std::pair<uint16_t, float>>;

void add_pairs(const CodeSums& sums, int64_t row, Pairs& pairs) {
    if (pairs.size() > 1)
        std::stable_sort(pairs.begin(), pairs.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
    for (size_t i = 0; i < pairs.size();) {
        const uint16_t code = pairs[i].first;
        float total = 0;
        for (; i < pairs.size() && pairs[i].first == code; ++i) total += pairs[i].second;
        add_code(sums, row, code, total);
    }
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
    raster.contributions(view, seen.cell_px, weights);
    const int side = kTile / seen.cell_px, cells = side * side, tiles_x = view.tiles_x();
    std::vector<int32_t> tile_of(raster.tile_list().size());
    for (int t = 0; t < view.tiles(); ++t)
        std::fill(tile_of.begin() + raster.tile_begin()[t],
                  tile_of.begin() + raster.tile_begin()[t + 1], t);
    const int64_t n = int64_t(raster.splats().size());
#pragma omp parallel
    {
        Pairs pairs;
#pragma omp for schedule(dynamic, 1)
        for (int64_t chunk = 0; chunk < (n + kChunk - 1) / kChunk; ++chunk)
            for (int64_t k = chunk * kChunk; k < std::min(n, (chunk + 1) * kChunk); ++k) {
                const Splat& s = raster.splats()[k];
                float agreement = -1, total = 0, agreed = 0;
                pairs.clear();
                for (int64_t e = raster.entry_begin()[k]; e < raster.entry_begin()[k + 1]; ++e) {
                    const int32_t slot = raster.entry_slot()[e];
                    const float* w = weights.data() + int64_t(slot) * cells;
                    const int top = tile_of[slot] / tiles_x * side;
                    const int left = tile_of[slot] % tiles_x * side;
                    for (int c = 0; c < cells; ++c) {
                        if (!(w[c] > 0)) continue;
                        if (agreement < 0) agreement = depth_agreement(seen, s.x, s.y, s.z);
                        total += w[c];
                        const int64_t cell =
                            int64_t(top + c / side) * seen.columns + left + c % side;
                        const float share = w[c] * seen.weight[cell] * agreement;
                        if (seen.codes[cell] == kNoCode || !(share > 0)) continue;
                        agreed += share;
                        pairs.emplace_back(seen.codes[cell], share);
                    }
                }
                if (pairs.empty() || agreement < kLeastAgreement) continue;
                sums.seen[s.index] += agreed / total;
                add_pairs(sums, s.index, pairs);
            }
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
