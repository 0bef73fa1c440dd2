#include "loss.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

namespace g3d {

namespace {

constexpr int kWindow = 11;
constexpr int kMaxWidth = 16384;

int evaluated_rows(const View& view, const LossSettings& loss) {
    if (view.height < kWindow || view.width < kWindow) return 0;
    const int usable = view.height - (kWindow - 1) - loss.ssim_phase;
    return usable <= 0 ? 0 : (usable + loss.ssim_stride - 1) / loss.ssim_stride;
}

RowSums add(const std::vector<RowSums>& rows) {
    RowSums total{};
    for (const RowSums& row : rows) {
        total.l1 += row.l1;
        total.squared += row.squared;
        total.ssim += row.ssim;
        total.depth_error += row.depth_error;
        total.depth_loss += row.depth_loss;
        total.transparency += row.transparency;
        total.depth_pixels += row.depth_pixels;
        for (int c = 0; c < 3; ++c) {
            total.gain[c] += row.gain[c];
            total.offset[c] += row.offset[c];
        }
    }
    return total;
}

int64_t count_depth(const float* depth_m, const View& view) {
    int64_t count = 0;
    const int64_t pixels = int64_t(view.width) * view.height;
    if (depth_m)
        for (int64_t k = 0; k < pixels; ++k) count += depth_m[k] > 0;
    return count;
}

}  // namespace

void ImageLoss::allocate(const View& view, int ssim_rows) {
    if (view.padded_width() > kMaxWidth) throw std::length_error("images are at most 16384 wide");
    const int64_t plane = view.plane();
    if (int64_t(storage_.size()) != 11 * plane) storage_.assign(11 * plane, 0.0f);
    ssim_rows_.resize(int64_t(3) * ssim_rows * 3 * view.padded_width());
    float* p = storage_.data();
    images_.rendered_exposed = p;
    images_.target = p + 3 * plane;
    for (int c = 0; c < 3; ++c) images_.gradient_rgb[c] = p + (6 + c) * plane;
    images_.gradient_depth = p + 9 * plane;
    images_.gradient_alpha = p + 10 * plane;
    images_.ssim_rows = ssim_rows_.data();
}

PlaneGradients ImageLoss::gradients() const {
    return {{images_.gradient_rgb[0], images_.gradient_rgb[1], images_.gradient_rgb[2]},
            images_.gradient_depth,
            images_.gradient_alpha};
}

LossReport ImageLoss::operator()(const Planes& rendered, const View& view, LossSettings loss,
                                 const uint8_t* rgb, const float* depth_m, const float* exposure) {
    const int ssim_rows = loss.ssim > 0 ? evaluated_rows(view, loss) : 0;
    if (!ssim_rows) loss.ssim = 0;
    allocate(view, ssim_rows);
    images_.rendered = &rendered;
    images_.rgb = rgb;
    images_.depth_m = depth_m;
    images_.exposure = exposure;
    const int64_t depth_pixels = count_depth(depth_m, view);
    rows_.assign(view.height + 3 * ssim_rows, RowSums{});
#pragma omp parallel
    {
#pragma omp for schedule(static)
        for (int y = 0; y < view.height; ++y)
            kernels_.loss_pixels(images_, view, loss, y, depth_pixels, rows_[y]);
#pragma omp for schedule(static)
        for (int k = 0; k < 3 * ssim_rows; ++k)
            kernels_.loss_ssim_row(images_, view, loss, k / ssim_rows, k % ssim_rows,
                                   rows_[view.height + k]);
#pragma omp for schedule(static)
        for (int y = 0; y < view.height; ++y)
            kernels_.loss_gather(images_, view, loss, y, rows_[y]);
    }
    const RowSums sums = add(rows_);
    const double values = 3.0 * view.width * view.height;
    const double missing = std::numeric_limits<double>::quiet_NaN();
    LossReport report{};
    report.l1 = sums.l1 / values;
    report.mse = sums.squared / values;
    report.ssim = ssim_rows ? sums.ssim / (3.0 * ssim_rows * (view.width - kWindow + 1)) : missing;
    report.depth_m = sums.depth_pixels ? sums.depth_error / sums.depth_pixels : missing;
    report.total = loss.l1 * report.l1;
    if (ssim_rows) report.total += loss.ssim * (1 - report.ssim);
    if (sums.depth_pixels)
        report.total += (loss.depth * sums.depth_loss + loss.coverage * sums.transparency) /
                        sums.depth_pixels;
    for (int c = 0; c < 3; ++c) {
        report.exposure[c] = float(sums.gain[c]);
        report.exposure[3 + c] = float(sums.offset[c]);
    }
    return report;
}

}  // namespace g3d
