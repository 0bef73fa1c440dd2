// Adam (Kingma and Ba 2015) on the rows that were drawn.
#include <cmath>

#include "tables.hpp"

namespace G3D_ISA {

void adam(float* value, float* first, float* second, const float* gradient, const int32_t* index,
          const float* corrections, int begin, int end, int width, int active, float rate) {
    constexpr float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-15f;
    for (int k = begin; k < end; ++k) {
        const int64_t row = int64_t(index[k]) * width;
        const float step = rate * corrections[2 * k];
        const float root = corrections[2 * k + 1];
        for (int j = 0; j < active; ++j) {
            const float g = gradient[int64_t(k) * width + j];
            const float m = beta1 * first[row + j] + (1 - beta1) * g;
            const float v = beta2 * second[row + j] + (1 - beta2) * g * g;
            first[row + j] = m;
            second[row + j] = v;
            value[row + j] -= step * m / (std::sqrt(v * root) + epsilon);
        }
    }
}

const KernelTable& table() {
    static const KernelTable kernels = {
        G3D_ISA_NAME,  project,       tile_entries,  blend,      contributions, blend_backward,
        project_backward, loss_pixels, loss_ssim_row, loss_gather, adam,
        relevancy,     look_up,
    };
    return kernels;
}

}  // namespace G3D_ISA

namespace g3d {
const KernelTable& G3D_ISA_TABLE() { return G3D_ISA::table(); }
}  // namespace g3d
