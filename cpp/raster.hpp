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

    // Project the Gaussians and list those of each tile by depth.
    void prepare(const GaussianArrays&, const View&);

    // `prepare`, then blend into the planes or, if given, the picture. `channel_planes` [C] padded
    // planes are zeroed and filled if given.
    void forward(const GaussianArrays&, const View&, const Picture* picture = nullptr,
                 const float* channels = nullptr, int channel_count = 0,
                 float* channel_planes = nullptr);

    // Gradients of the Gaussians drawn by the last `forward`, given those of its planes.
    void backward(const GaussianArrays&, const View&, const PlaneGradients&, GradientRows&);

    // Sums of weights by cell for the last `prepare`: [entries][(16 / cell_px)^2]. An entry is a pair
    // of splat and tile; a splat's entries follow each other.
    void contributions(const View&, int cell_px, std::vector<float>& weights);

    const Planes& planes() const { return planes_; }  // of the last `forward` without a picture
    const std::vector<Splat>& splats() const { return splats_; }  // in the order of the Gaussians
    const std::vector<int64_t>& entry_begin() const { return entry_begin_; }  // [splats + 1]
    const std::vector<int64_t>& tile_begin() const { return tile_begin_; }    // [tiles + 1]
    // Splats and entries of the tiles, front to back in each.
    const std::vector<int32_t>& tile_list() const { return tile_list_; }
    const std::vector<int32_t>& tile_entry() const { return tile_entry_; }
    const KernelTable& kernels() const { return kernels_; }

  private:
    void project(const GaussianArrays&, const View&);
    void list_tiles(const View&);
    void sort_tiles(const View&);
    void allocate(const View&);
    TileList list_of(int tile) const {
        return {tile_list_.data() + tile_begin_[tile], tile_entry_.data() + tile_begin_[tile],
                int(tile_begin_[tile + 1] - tile_begin_[tile])};
    }

    const KernelTable& kernels_;
    std::vector<Splat> projected_, splats_;      // the first with gaps between chunks
    std::vector<std::vector<TileEntry>> parts_;  // of each thread's splats
    std::vector<int64_t> entry_begin_;           // [splats + 1]
    std::vector<int32_t> entry_splat_;
    std::vector<int64_t> tile_begin_;
    std::vector<uint64_t> keys_;  // depth bits << 32 | entry, tile by tile
    std::vector<int32_t> tile_list_, tile_entry_;
    std::vector<SplatSums> entry_sums_, splat_sums_;
    std::vector<float> plane_storage_;
    Planes planes_{};
};

}  // namespace g3d
