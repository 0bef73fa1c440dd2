// Orchestration of the kernels over threads: projection, depth order, tile lists, blending, and back.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernels.hpp"
#include "types.hpp"

namespace g3d {

// The kernels for this processor; GROUNDING3D_ISA=baseline|avx2|avx512 chooses lower ones.
const KernelTable& best_kernels();
std::vector<const KernelTable*> usable_kernels();

// Owned gradient rows of the drawn Gaussians.
struct GradientRows {
    std::vector<float> means, wxyz, scales, logits, sh0, shN, means2d;
    double pose[6];

    void resize(std::size_t n, int sh_rest);
    GaussianGradients view();
};

// The buffers of one camera's view, kept between calls. Not thread-safe; uses OpenMP inside.
class Raster {
  public:
    explicit Raster(const KernelTable& kernels = best_kernels()) : kernels_(kernels) {}

    // Project the Gaussians, sort them by depth and list those of each tile.
    void prepare(const GaussianArrays&, const View&);

    // `prepare`, then blend. `channel_planes` [C] padded planes are zeroed and filled if given.
    void forward(const GaussianArrays&, const View&, const float* channels = nullptr,
                 int channel_count = 0, float* channel_planes = nullptr);

    // Gradients of the Gaussians drawn by the last `forward`, given those of its planes.
    void backward(const GaussianArrays&, const View&, const PlaneGradients&, GradientRows&);

    // Sums of weights by cell for the last `prepare`: [entries][(16 / cell_px)^2].
    void contributions(const View&, int cell_px, std::vector<float>& weights);

    const Planes& planes() const { return planes_; }
    const std::vector<Splat>& splats() const { return splats_; }  // front to back
    const std::vector<int64_t>& tile_begin() const { return tile_begin_; }  // [tiles + 1]
    const std::vector<int32_t>& tile_list() const { return tile_list_; }
    const std::vector<int64_t>& entry_begin() const { return entry_begin_; }  // [splats + 1]
    const std::vector<int32_t>& entry_slot() const { return entry_slot_; }    // into tile_list
    const KernelTable& kernels() const { return kernels_; }

  private:
    void project(const GaussianArrays&, const View&);
    void sort_by_depth();
    void list_tiles(const View&);
    void allocate(const View&);

    const KernelTable& kernels_;
    std::vector<Splat> unsorted_, splats_;
    std::vector<uint64_t> keys_, sorted_keys_;  // depth bits << 32 | row
    std::vector<std::vector<TileSpan>> spans_;  // of each thread's part
    std::vector<int64_t> tile_begin_;
    std::vector<int32_t> tile_list_;
    std::vector<int64_t> entry_begin_;  // [splats + 1] into entry_slot_
    std::vector<int32_t> entry_slot_;   // where in tile_list_ a splat's entries are
    std::vector<SplatSums> entry_sums_, splat_sums_;
    std::vector<float> plane_storage_;
    Planes planes_{};
};

}  // namespace g3d
