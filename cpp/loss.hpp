// The training loss over an image; see scene/splat/engine.py for its terms.
#pragma once
#include <vector>

#include "raster.hpp"

namespace g3d {

struct LossReport {
    double total, l1, mse, ssim, depth_m;  // ssim, depth_m: NaN where not computed
    float exposure[6];                     // gradient by gain[3], offset[3]
};

class ImageLoss {
  public:
    explicit ImageLoss(const KernelTable& kernels = best_kernels()) : kernels_(kernels) {}

    // Compares rendered planes with a recorded image; the gradient planes stay valid until the next
    // call. `depth_m` may be null; `exposure` is [2,3].
    LossReport operator()(const Planes& rendered, const View&, LossSettings, const uint8_t* rgb,
                          const float* depth_m, const float* exposure);

    PlaneGradients gradients() const;

  private:
    void allocate(const View&, int ssim_rows);

    const KernelTable& kernels_;
    std::vector<float> storage_, ssim_rows_;
    std::vector<RowSums> rows_;
    LossImages images_{};
};

}  // namespace g3d
