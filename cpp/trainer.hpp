// Gaussians under optimisation: parameters, Adam's state, and one training step.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "loss.hpp"
#include "raster.hpp"

namespace g3d {

// Arrays of [N, width] floats, one a kind of parameter: means, wxyz, log scales, logits, sh0, shN.
struct ParameterArrays {
    static constexpr int kKinds = 6;
    std::vector<float> values[kKinds];

    void assign(size_t n, const int widths[kKinds], float value);
};

struct StepReport {
    LossReport loss;
    int drawn;
    double pose[6];
    std::string failure;  // what was not finite; nothing was updated then
};

struct TrainImage {
    const uint8_t* rgb;     // [H,W,3]
    const float* depth_m;   // [H,W]
    const float* exposure;  // [2,3]
};

class Trainer {
  public:
    explicit Trainer(const KernelTable& kernels = best_kernels())
        : raster_(kernels), loss_(kernels) {}

    void load(int count, int sh_rest, const float* const values[ParameterArrays::kKinds],
              const float* const first[ParameterArrays::kKinds],
              const float* const second[ParameterArrays::kKinds], const int32_t* steps);
    StepReport step(const View&, const TrainImage&, const LossSettings&, const AdamRates&);
    void edit(const int64_t* keep, int64_t kept, int added,
              const float* const values[ParameterArrays::kKinds]);
    void set_logits(const float* logits);
    void perturb(float rate, uint64_t seed);
    void forget_statistics();

    int count() const { return count_; }
    int width(int kind) const { return widths_[kind]; }
    const ParameterArrays& values() const { return values_; }
    const ParameterArrays& first() const { return first_; }
    const ParameterArrays& second() const { return second_; }
    const std::vector<int32_t>& steps() const { return steps_; }
    const std::vector<float>& gradient_sum() const { return gradient_sum_; }
    const std::vector<int32_t>& drawn_count() const { return drawn_count_; }
    const std::vector<float>& radius() const { return radius_; }

  private:
    GaussianArrays arrays() const;
    double regularise(const LossSettings&);
    double regularise_one(const LossSettings&, float share, const Splat&, int64_t row);
    void update(const AdamRates&, int sh_degree);
    void note_statistics(const View&);

    Raster raster_;
    ImageLoss loss_;
    GradientRows rows_;
    ParameterArrays values_, first_, second_;
    int widths_[ParameterArrays::kKinds] = {3, 4, 3, 1, 3, 0};
    int count_ = 0;
    std::vector<int32_t> steps_, drawn_count_;
    std::vector<float> gradient_sum_, radius_;
};

}  // namespace g3d
