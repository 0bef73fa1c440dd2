// The functions that are compiled once per instruction set, as a table chosen at run time.
#pragma once
#include "../types.hpp"

namespace g3d {

// Images of the loss: everything in padded planes but the recorded image.
struct LossImages {
    const Planes* rendered;
    const uint8_t* rgb;     // [H,W,3]
    const float* depth_m;   // [H,W] or null
    const float* exposure;  // [2,3] gain, offset
    float* gradient_rgb[3];
    float* gradient_depth;
    float* gradient_alpha;
    float* rendered_exposed;  // [3] planes: g C + b over the background
    float* target;            // [3] planes
    float* ssim_rows;         // [3 channels][evaluated rows][3][padded width]
};

// A pair of splat and tile, with the splat's depth.
struct TileEntry {
    int32_t splat, tile;
    float z;
};

// What one tile shows, front to back: splats, and the number of each pair of splat and tile.
struct TileList {
    const int32_t* splats;
    const int32_t* entries;
    int count;
};

// Sums of one image row.
struct RowSums {
    double l1, squared, ssim, depth_error, depth_loss, transparency;
    double gain[3], offset[3];
    int64_t depth_pixels;
};

struct KernelTable {
    const char* name;

    // Project Gaussians [begin, end); those in view are appended to `out` in order. Returns how many.
    int (*project)(const GaussianArrays&, const View&, int begin, int end, Splat* out);

    // The tiles that splats [begin, end) touch, how many each; `out` has room for all tiles of an
    // image a splat, and two more. Returns how many in all.
    int (*tile_entries)(const Splat*, const View&, int begin, int end, int32_t* counts,
                        TileEntry* out);

    // Blend a tile front to back, into the planes or, if given, the picture. `channels` [N,C] may be
    // null; then `channel_planes` is unused.
    void (*blend)(const Splat*, TileList, const View&, int tile, const Planes&, const Picture*,
                  const float* channels, int channel_count, float* channel_planes);

    // Sums of w over the cells of a tile: [entries][(16/cell)^2], overwritten for those of the tile.
    void (*contributions)(const Splat*, TileList, const View&, int tile, int cell_px,
                          float* weights);

    // Differentiate a tile front to back; `sums` [entries] is overwritten for those of the tile.
    void (*blend_backward)(const Splat*, TileList, const View&, int tile, const Planes&,
                           const PlaneGradients&, SplatSums* sums);

    // From the sums of the drawn Gaussians [begin, end) to the gradients of their parameters and of
    // the pose (added to pose[6]: v, omega).
    void (*project_backward)(const GaussianArrays&, const View&, const Splat*, const SplatSums*,
                             int begin, int end, const GaussianGradients&, double* pose);

    // Loss of image rows, step by step; see loss.cpp.
    void (*loss_pixels)(const LossImages&, const View&, const LossSettings&, int row,
                        int64_t depth_pixels, RowSums&);
    void (*loss_ssim_row)(const LossImages&, const View&, const LossSettings&, int channel,
                          int evaluated, RowSums&);
    void (*loss_gather)(const LossImages&, const View&, const LossSettings&, int row, RowSums&);

    // One Adam step on the first `active` columns of rows index[k] of the [N,width] arrays, k in
    // [begin, end). `gradient` has one
    // row for each k; corrections[2 k] are 1 / (1 - beta^t) for both betas.
    void (*adam)(float* value, float* first, float* second, const float* gradient,
                 const int32_t* index, const float* corrections, int begin, int end, int width,
                 int active, float rate);

    // out[i] = sigmoid(scale (sum_j weights[j,i] cosines[codes[j,i]] - rival[i])) for i in [begin,
    // end), 0 where rival[i] is infinite. Arrays [k][n]; every code is a row of `cosines`.
    void (*relevancy)(const uint16_t* codes, const float* weights, const float* cosines,
                      const float* rival, float scale, int k, int64_t n, int64_t begin, int64_t end,
                      float* out);

    // out[i] = values[codes[i]].
    void (*look_up)(const uint16_t* codes, const float* values, int64_t begin, int64_t end,
                    float* out);
};

const KernelTable& kernels_baseline();
#if defined(G3D_X86)
const KernelTable& kernels_avx2();
const KernelTable& kernels_avx512();
#endif

}  // namespace g3d
