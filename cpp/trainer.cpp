#include "trainer.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace g3d {

namespace {

constexpr int kChunk = 2048;
constexpr double kBeta1 = 0.9, kBeta2 = 0.999;

// 1 / (1 - beta^t) for both betas.
struct Corrections {
    static constexpr int kKnown = 16384;  // from there on they are 1 to a float's precision
    float first[kKnown], second[kKnown];

    Corrections() {
        for (int t = 0; t < kKnown; ++t) {
            first[t] = float(1 / (1 - std::pow(kBeta1, std::max(t, 1))));
            second[t] = float(1 / (1 - std::pow(kBeta2, std::max(t, 1))));
        }
    }
};

// A counter-based generator (SplitMix64, Steele et al. 2014): the i-th number needs no others, so
// that threads do not matter.
uint64_t random_bits(uint64_t seed, uint64_t i) {
    uint64_t x = seed + (i + 1) * 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

// Two normal numbers from two uniform ones (Box and Muller 1958).
void normal_pair(uint64_t bits, float& a, float& b) {
    const float u = (uint32_t(bits >> 32) + 1.0f) * 2.3283064e-10f;  // (0, 1]
    const float angle = 6.2831853f * uint32_t(bits) * 2.3283064e-10f;
    const float r = std::sqrt(-2 * std::log(std::min(u, 1.0f)));
    a = r * std::cos(angle);
    b = r * std::sin(angle);
}

bool finite(const std::vector<float>& v) {
    // the sum of v - v is 0 unless something is infinite or NaN; it vectorises
    float total = 0;
#pragma omp parallel for simd reduction(+ : total) schedule(static)
    for (size_t k = 0; k < v.size(); ++k) total += v[k] - v[k];
    return total == 0;
}

}  // namespace

void ParameterArrays::assign(size_t n, const int widths[kKinds], float value) {
    for (int k = 0; k < kKinds; ++k) values[k].assign(n * widths[k], value);
}

void Trainer::load(int count, int sh_rest, const float* const values[], const float* const first[],
                   const float* const second[], const int32_t* steps) {
    count_ = count;
    widths_[5] = 3 * sh_rest;
    for (int k = 0; k < ParameterArrays::kKinds; ++k) {
        const size_t size = size_t(count) * widths_[k];
        values_.values[k].assign(values[k], values[k] + size);
        if (steps) {
            first_.values[k].assign(first[k], first[k] + size);
            second_.values[k].assign(second[k], second[k] + size);
        } else {
            first_.values[k].assign(size, 0.0f);
            second_.values[k].assign(size, 0.0f);
        }
    }
    if (steps) steps_.assign(steps, steps + count);
    else steps_.assign(count, 0);
    forget_statistics();
}

void Trainer::forget_statistics() {
    gradient_sum_.assign(count_, 0.0f);
    drawn_count_.assign(count_, 0);
    radius_.assign(count_, 0.0f);
}

GaussianArrays Trainer::arrays() const {
    const auto& v = values_.values;
    return {v[0].data(), v[1].data(), v[2].data(), v[3].data(), v[4].data(),
            v[5].data(), count_,      widths_[5] / 3, true};
}

StepReport Trainer::step(const View& view, const TrainImage& image, const LossSettings& settings,
                         const AdamRates& rates) {
    StepReport report{};
    raster_.forward(arrays(), view);
    report.loss = loss_(raster_.planes(), view, settings, image.rgb, image.depth_m, image.exposure);
    report.drawn = int(raster_.splats().size());
    if (std::isfinite(report.loss.total)) {
        raster_.backward(arrays(), view, loss_.gradients(), rows_);
        report.loss.total += regularise(settings);
        std::copy_n(rows_.pose, 6, report.pose);
    }
    if (!std::isfinite(report.loss.total)) report.failure = "the loss";
    const std::pair<const char*, const std::vector<float>*> gradients[] = {
        {"means", &rows_.means}, {"wxyz", &rows_.wxyz}, {"log_scales", &rows_.scales},
        {"logits", &rows_.logits}, {"sh0", &rows_.sh0}, {"shN", &rows_.shN}};
    for (const auto& [name, gradient] : gradients)
        if (report.failure.empty() && !finite(*gradient))
            report.failure = std::string("the gradient of ") + name;
    if (!report.failure.empty()) return report;
    update(rates, view.sh_degree);
    note_statistics(view);
    return report;
}

// Terms of the loss that look at the drawn Gaussians alone; adds their gradients.
double Trainer::regularise(const LossSettings& s) {
    const std::vector<Splat>& splats = raster_.splats();
    if (splats.empty() || (s.needle == 0 && s.opacity == 0 && s.scale == 0)) return 0;
    const float share = 1.0f / splats.size();
    const int64_t n = int64_t(splats.size()), chunks = (n + kChunk - 1) / kChunk;
    std::vector<double> totals(chunks, 0.0);
#pragma omp parallel for schedule(static)
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
        for (int64_t k = chunk * kChunk; k < std::min(n, (chunk + 1) * kChunk); ++k)
            totals[chunk] += regularise_one(s, share, splats[k], k);
    double total = 0;
    for (const double part : totals) total += part;
    return share * total;
}

double Trainer::regularise_one(const LossSettings& s, float share, const Splat& splat, int64_t row) {
    const float* log_scale = values_.values[2].data() + 3 * size_t(splat.index);
    const int longest = int(std::max_element(log_scale, log_scale + 3) - log_scale);
    const int others[2] = {(longest + 1) % 3, (longest + 2) % 3};
    const int second = log_scale[others[0]] >= log_scale[others[1]] ? others[0] : others[1];
    const float excess = log_scale[longest] - log_scale[second] - s.log_max_ratio;
    double total = 0;
    if (excess > 0) {
        total += s.needle * excess;
        rows_.scales[3 * row + longest] += s.needle * share;
        rows_.scales[3 * row + second] -= s.needle * share;
    }
    const float p = std::exp2(splat.log2_opacity);
    total += s.opacity * p;
    rows_.logits[row] += s.opacity * share * p * (1 - p);
    for (int a = 0; s.scale != 0 && a < 3; ++a) {
        const float size = std::exp(log_scale[a]);
        total += s.scale * size;
        rows_.scales[3 * row + a] += s.scale * share * size;
    }
    return total;
}

void Trainer::update(const AdamRates& rates, int sh_degree) {
    const std::vector<Splat>& splats = raster_.splats();
    const int n = int(splats.size());
    static const Corrections known;
    const float rate[] = {rates.means, rates.wxyz, rates.scales, rates.logits, rates.sh0, rates.shN};
    int active[ParameterArrays::kKinds];
    std::copy_n(widths_, ParameterArrays::kKinds, active);
    active[5] = 3 * ((sh_degree + 1) * (sh_degree + 1) - 1);  // harmonics not in use stay as they are
    const float* gradients[] = {rows_.means.data(),  rows_.wxyz.data(), rows_.scales.data(),
                                rows_.logits.data(), rows_.sh0.data(),  rows_.shN.data()};
#pragma omp parallel for schedule(dynamic, 1)
    for (int begin = 0; begin < n; begin += kChunk) {
        const int end = std::min(n, begin + kChunk);
        int32_t index[kChunk];
        float corrections[2 * kChunk];
        for (int k = begin; k < end; ++k) {
            index[k - begin] = splats[k].index;
            const int t = std::min(++steps_[splats[k].index], Corrections::kKnown - 1);
            corrections[2 * (k - begin)] = known.first[t];
            corrections[2 * (k - begin) + 1] = known.second[t];
        }
        for (int kind = 0; kind < ParameterArrays::kKinds; ++kind)
            if (active[kind] && rate[kind] != 0)
                raster_.kernels().adam(values_.values[kind].data(), first_.values[kind].data(),
                                       second_.values[kind].data(),
                                       gradients[kind] + int64_t(begin) * widths_[kind], index,
                                       corrections, 0, end - begin, widths_[kind], active[kind],
                                       rate[kind]);
    }
}

void Trainer::note_statistics(const View& view) {
    const std::vector<Splat>& splats = raster_.splats();
    const float longer = float(std::max(view.width, view.height));
#pragma omp parallel for schedule(static)
    for (size_t k = 0; k < splats.size(); ++k) {
        const Splat& s = splats[k];
        const float gx = rows_.means2d[2 * k] * view.width / 2;
        const float gy = rows_.means2d[2 * k + 1] * view.height / 2;
        gradient_sum_[s.index] += std::sqrt(gx * gx + gy * gy);
        ++drawn_count_[s.index];
        const float size = std::max(s.half_width, s.half_height) / longer;
        radius_[s.index] = std::max(radius_[s.index], size);
    }
}

void Trainer::edit(const int64_t* keep, int64_t kept, int added, const float* const values[]) {
    const auto rebuild = [&](std::vector<float>& array, int width, const float* appended) {
        std::vector<float> edited(size_t(kept + added) * width, 0.0f);
        for (int64_t k = 0; k < kept; ++k)
            std::copy_n(array.data() + keep[k] * width, width, edited.data() + k * width);
        if (appended) std::copy_n(appended, size_t(added) * width, edited.data() + kept * width);
        array.swap(edited);
    };
    for (int kind = 0; kind < ParameterArrays::kKinds; ++kind) {
        rebuild(values_.values[kind], widths_[kind], values[kind]);
        rebuild(first_.values[kind], widths_[kind], nullptr);
        rebuild(second_.values[kind], widths_[kind], nullptr);
    }
    std::vector<int32_t> steps(kept + added, 0);
    for (int64_t k = 0; k < kept; ++k) steps[k] = steps_[keep[k]];
    steps_.swap(steps);
    count_ = int(kept + added);
    forget_statistics();
}

void Trainer::set_logits(const float* logits) {
    values_.values[3].assign(logits, logits + count_);
    std::fill(first_.values[3].begin(), first_.values[3].end(), 0.0f);
    std::fill(second_.values[3].begin(), second_.values[3].end(), 0.0f);
}

// mean += rate sigmoid(-100 (opacity - 0.005)) Sigma eta; Kheradmand et al. 2024, eq. 9.
void Trainer::perturb(float rate, uint64_t seed) {
#pragma omp parallel for schedule(static)
    for (int i = 0; i < count_; ++i) {
        const float opacity = 1 / (1 + std::exp(-values_.values[3][i]));
        const float share = rate / (1 + std::exp(100 * (opacity - 0.005f)));
        const float* q = values_.values[1].data() + 4 * size_t(i);
        const float* log_scale = values_.values[2].data() + 3 * size_t(i);
        const float n2 = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3];
        const float w = q[0], x = q[1], y = q[2], z = q[3], two = 2 / n2;
        const float R[9] = {1 - two * (y * y + z * z), two * (x * y - w * z), two * (x * z + w * y),
                            two * (x * y + w * z), 1 - two * (x * x + z * z), two * (y * z - w * x),
                            two * (x * z - w * y), two * (y * z + w * x), 1 - two * (x * x + y * y)};
        float eta[4], local[3];
        normal_pair(random_bits(seed, 2 * uint64_t(i)), eta[0], eta[1]);
        normal_pair(random_bits(seed, 2 * uint64_t(i) + 1), eta[2], eta[3]);
        for (int c = 0; c < 3; ++c)
            local[c] = std::exp(2 * log_scale[c]) *
                       (R[c] * eta[0] + R[3 + c] * eta[1] + R[6 + c] * eta[2]);
        for (int r = 0; r < 3; ++r)
            values_.values[0][3 * size_t(i) + r] +=
                share * (R[3 * r] * local[0] + R[3 * r + 1] * local[1] + R[3 * r + 2] * local[2]);
    }
}

}  // namespace g3d
