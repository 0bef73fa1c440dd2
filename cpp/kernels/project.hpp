// Geometry of projected Gaussians, shared by the forward and the backward pass.
#pragma once
#include <cmath>

#include "../types.hpp"
#include "simd.hpp"

namespace G3D_ISA {

using namespace g3d;

constexpr float kLog2e = 1.4426950408889634f;

static inline float smaller(float a, float b) { return a < b ? a : b; }
static inline float larger(float a, float b) { return a > b ? a : b; }
template <typename A, typename B>
static inline __attribute__((always_inline)) auto dot3(const A* a, const B* b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

// x / z is held within the image plus 30 % of its half width to each side, as in gsplat: far outside
// the linearisation of the projection is worthless.
struct Limits {
    float low, high;
};
static inline Limits tangent_limits(float focal, float center, int size) {
    const float a = (-0.5f - center) / focal, b = (size - 0.5f - center) / focal;
    const float margin = 0.15f * size / std::fabs(focal);
    return {smaller(a, b) - margin, larger(a, b) + margin};
}

// What is the same for all Gaussians of a view.
struct Lens {
    Limits x, y;
    // A Gaussian of largest deviation s at depth z reaches at most reach_x s / z + reach_blur pixels
    // to the side before its alpha is below kMinAlpha.
    float reach_x, reach_y, reach_blur;

    explicit Lens(const View& view)
        : x(tangent_limits(view.fx, view.cx, view.width)),
          y(tangent_limits(view.fy, view.cy, view.height)) {
        const float deviations = std::sqrt(2 * std::log(1 / kMinAlpha));
        const auto slope = [](const Limits& l) {
            return std::sqrt(1 + larger(l.low * l.low, l.high * l.high));
        };
        reach_x = deviations * std::fabs(view.fx) * slope(x);
        reach_y = deviations * std::fabs(view.fy) * slope(y);
        reach_blur = deviations * std::sqrt(kBlurPx2) + 0.01f;
    }
};

// Everything between the parameters of as many Gaussians as a vector holds and their image
// covariances (Zwicker et al. 2001, "EWA volume splatting"): Sigma' = T T^T + blur, T = J W R(q)
// diag(s).
struct Projected {
    V p[3];                // centre, camera frame
    V u, v;                // x / z, y / z
    V q[4], q_norm;        // unit quaternion
    V R[9];                // of the quaternion
    V s[3];                // standard deviations
    V tx, ty;              // clamped x, y
    Mask inside_x, inside_y;  // not clamped
    V J00, J02, J11, J12;
    V T[6];
    V xx, xy, yy, det;     // blurred image covariance
};

// Rows index[0 .. kLanes) of an array of `width` floats each, one vector a column.
template <int width>
G3D_INLINE void gather(const float* rows, const int32_t* index, V* columns) {
    alignas(64) float lanes[width][kLanes];
    for (int k = 0; k < kLanes; ++k)
        for (int c = 0; c < width; ++c) lanes[c][k] = rows[width * int64_t(index[k]) + c];
    for (int c = 0; c < width; ++c) columns[c] = load(lanes[c]);
}

// The centres and the sizes; false where they are too near or certainly outside the image.
G3D_INLINE Mask place(const GaussianArrays& g, const View& view, const Lens& lens,
                      const int32_t* index, Projected& p) {
    V mean[3];
    gather<3>(g.means, index, mean);
    for (int r = 0; r < 3; ++r)
        p.p[r] = dot3(view.rotation + 3 * r, mean) + view.translation[r];
    const V inverse = 1 / p.p[2];
    p.u = p.p[0] * inverse;
    p.v = p.p[1] * inverse;
    gather<3>(g.scales, index, p.s);
    if (g.raw)
        for (V& s : p.s) s = exp2_held(s * kLog2e);
    const V size = max(max(p.s[0], p.s[1]), p.s[2]) * inverse;
    const V x = view.fx * p.u + view.cx, y = view.fy * p.v + view.cy;
    const V reach_x = lens.reach_x * size + lens.reach_blur;
    const V reach_y = lens.reach_y * size + lens.reach_blur;
    return (p.p[2] > splat(kNearM)) & (x + reach_x >= V{}) &
           (x - reach_x <= splat(view.width - 1.0f)) & (y + reach_y >= V{}) &
           (y - reach_y <= splat(view.height - 1.0f));
}

// Rotation matrix (row-major) of a unit quaternion wxyz.
G3D_INLINE void rotation_of(const V q[4], V R[9]) {
    const V w = q[0], x = q[1], y = q[2], z = q[3];
    R[0] = 1 - 2 * (y * y + z * z);
    R[1] = 2 * (x * y - w * z);
    R[2] = 2 * (x * z + w * y);
    R[3] = 2 * (x * y + w * z);
    R[4] = 1 - 2 * (x * x + z * z);
    R[5] = 2 * (y * z - w * x);
    R[6] = 2 * (x * z - w * y);
    R[7] = 2 * (y * z + w * x);
    R[8] = 1 - 2 * (x * x + y * y);
}

// After `place`. False where a Gaussian has no shape (a zero or broken quaternion).
G3D_INLINE Mask image_covariance(const GaussianArrays& g, const View& view, const Lens& lens,
                                 const int32_t* index, Projected& p) {
    V q[4];
    gather<4>(g.wxyz, index, q);
    p.q_norm = root(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    const V inverse_norm = 1 / p.q_norm;
    for (int k = 0; k < 4; ++k) p.q[k] = q[k] * inverse_norm;
    rotation_of(p.q, p.R);
    const V z = p.p[2], inverse = 1 / z;
    p.inside_x = (p.u >= splat(lens.x.low)) & (p.u <= splat(lens.x.high));
    p.inside_y = (p.v >= splat(lens.y.low)) & (p.v <= splat(lens.y.high));
    const V across = min(max(p.u, splat(lens.x.low)), splat(lens.x.high));
    const V down = min(max(p.v, splat(lens.y.low)), splat(lens.y.high));
    p.tx = z * across;
    p.ty = z * down;
    p.J00 = view.fx * inverse;
    p.J02 = -(p.J00 * across);
    p.J11 = view.fy * inverse;
    p.J12 = -(p.J11 * down);
    const float* W = view.rotation;
    V JW[6];
    for (int c = 0; c < 3; ++c) {
        JW[c] = p.J00 * W[c] + p.J02 * W[6 + c];
        JW[3 + c] = p.J11 * W[3 + c] + p.J12 * W[6 + c];
    }
    for (int r = 0; r < 2; ++r)
        for (int c = 0; c < 3; ++c)
            p.T[3 * r + c] = (JW[3 * r] * p.R[c] + JW[3 * r + 1] * p.R[3 + c] +
                              JW[3 * r + 2] * p.R[6 + c]) * p.s[c];
    p.xx = dot3(p.T, p.T) + kBlurPx2;
    p.xy = dot3(p.T, p.T + 3);
    p.yy = dot3(p.T + 3, p.T + 3) + kBlurPx2;
    p.det = p.xx * p.yy - p.xy * p.xy;
    return (p.q_norm > splat(1e-12f)) & (p.det > V{}) & (p.det <= splat(3.4028235e38f));
}

// The Gaussians' axes times their deviations, camera frame: columns of A = W R diag(s).
G3D_INLINE void camera_axes(const View& view, const Projected& p, V A[9]) {
    for (int r = 0; r < 3; ++r)
        for (int c = 0; c < 3; ++c)
            A[3 * r + c] = (view.rotation[3 * r] * p.R[c] + view.rotation[3 * r + 1] * p.R[3 + c] +
                            view.rotation[3 * r + 2] * p.R[6 + c]) * p.s[c];
}

}  // namespace G3D_ISA
