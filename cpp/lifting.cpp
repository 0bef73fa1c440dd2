#include "lifting.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace g3d {

namespace {

constexpr int kChunk = 1024;
constexpr float kLeastAgreement = 1e-3f;
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

// One Gaussian's weights by code in one view, in ascending order of the codes once sorted.
class ViewCodes {
  public:
    void clear() { pairs_.clear(); }
    bool empty() const { return pairs_.empty(); }

    void add(uint16_t code, float weight) {
        if (pairs_.size() <= kFew)
            for (auto& pair : pairs_)
                if (pair.first == code) {
                    pair.second += weight;
                    return;
                }
        pairs_.emplace_back(code, weight);
    }

    void give_to(const CodeSums& sums, int64_t row) {
        const auto before = [](const auto& a, const auto& b) { return a.first < b.first; };
        if (pairs_.size() <= kFew)
            std::sort(pairs_.begin(), pairs_.end(), before);  // no two are equal
        else
            std::stable_sort(pairs_.begin(), pairs_.end(), before);
        for (size_t i = 0; i < pairs_.size();) {
            const uint16_t code = pairs_[i].first;
            float total = 0;
            for (; i < pairs_.size() && pairs_[i].first == code; ++i) total += pairs_[i].second;
            add_code(sums, row, code, total);
        }
    }

  private:
    static constexpr size_t kFew = 16;
    std::vector<std::pair<uint16_t, float>> pairs_;
};

// The first cell of the tile of each entry of the tile lists.
std::vector<int32_t> first_cells(const Raster& raster, const View& view, int side, int columns) {
    std::vector<int32_t> first(raster.tile_list().size());
#pragma omp parallel for schedule(static)
    for (int t = 0; t < view.tiles(); ++t)
        std::fill(first.begin() + raster.tile_begin()[t], first.begin() + raster.tile_begin()[t + 1],
                  t / view.tiles_x() * side * columns + t % view.tiles_x() * side);
    return first;
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
    const int side = kTile / seen.cell_px, cells = side * side;
    const std::vector<int32_t> first = first_cells(raster, view, side, seen.columns);
    const std::vector<Splat>& splats = raster.splats();
    const int64_t n = int64_t(splats.size());
#pragma omp parallel
    {
        ViewCodes found;
#pragma omp for schedule(dynamic, 1)
        for (int64_t chunk = 0; chunk < (n + kChunk - 1) / kChunk; ++chunk)
            for (int64_t k = chunk * kChunk; k < std::min(n, (chunk + 1) * kChunk); ++k) {
                if (k + kAhead < n) fetch(sums, splats[k + kAhead].index);
                const Splat& s = splats[k];
                float agreement = -1, total = 0, agreed = 0;
                found.clear();
                for (int64_t e = raster.entry_begin()[k]; e < raster.entry_begin()[k + 1]; ++e) {
                    const int32_t slot = raster.entry_slot()[e];
                    const float* w = weights.data() + int64_t(slot) * cells;
                    for (int r = 0; r < side; ++r)
                        for (int c = 0; c < side; ++c, ++w) {
                            if (!(*w > 0)) continue;
                            if (agreement < 0) agreement = depth_agreement(seen, s.x, s.y, s.z);
                            total += *w;
                            const int64_t cell = first[slot] + int64_t(r) * seen.columns + c;
                            const float share = *w * seen.weight[cell] * agreement;
                            if (seen.codes[cell] == kNoCode || !(share > 0)) continue;
                            agreed += share;
                            found.add(seen.codes[cell], share);
                        }
                }
                if (found.empty() || agreement < kLeastAgreement) continue;
                sums.seen[s.index] += agreed / total;
                found.give_to(sums, s.index);
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
