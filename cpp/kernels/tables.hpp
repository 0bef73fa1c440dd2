// Declarations of one instruction set's kernels, for its table.
#pragma once
#include "kernels.hpp"

namespace G3D_ISA {

using namespace g3d;

int project(const GaussianArrays&, const View&, int, int, Splat*);
int tile_entries(const Splat*, const View&, int, int, int32_t*, TileEntry*);
void blend(const Splat*, TileList, const View&, int, const Planes&, const Picture*, const float*, int,
           float*);
void contributions(const Splat*, TileList, const View&, int, int, float*);
void blend_backward(const Splat*, TileList, const View&, int, const Planes&, const PlaneGradients&,
                    SplatSums*);
void project_backward(const GaussianArrays&, const View&, const Splat*, const SplatSums*, int, int,
                      const GaussianGradients&, double*);
void loss_pixels(const LossImages&, const View&, const LossSettings&, int, int64_t, RowSums&);
void loss_ssim_row(const LossImages&, const View&, const LossSettings&, int, int, RowSums&);
void loss_gather(const LossImages&, const View&, const LossSettings&, int, RowSums&);
void adam(float*, float*, float*, const float*, const int32_t*, const float*, int, int, int, int,
          float);
void relevancy(const uint16_t*, const float*, const float*, const float*, float, int, int64_t, int64_t,
               int64_t, float*);
void look_up(const uint16_t*, const float*, int64_t, int64_t, float*);

}  // namespace G3D_ISA
