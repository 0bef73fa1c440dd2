// Geometry of one projected Gaussian, shared by the forward and the backward pass.
#pragma once
#include <cmath>

#include "../types.hpp"

namespace G3D_ISA {

using namespace g3d;

constexpr float kLog2e = 1.4426950408889634f;

static inline float smaller(float a, float b) { return a < b ? a : b; }
static inline float larger(float a, float b) { return a > b ? a : b; }
static inline float dot3(const float* a, const float* b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

// Rotation matrix (row-major) of a unit quaternion wxyz.
static inline void rotation_of(const float q[4], float R[9]) {
    const float w = q[0], x = q[1], y = q[2], z = q[3];
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

// Everything between a Gaussian's parameters and its image covariance (Zwicker et al. 2001,
// "EWA volume splatting"): Sigma' = T T^T + blur, T = J W R(q) diag(s).
struct Projected {
    float p[3];          // centre, camera frame
    float u, v;          // x / z, y / z
    float q[4], q_norm;  // unit quaternion
    float R[9];          // of the quaternion
    float s[3];          // standard deviations
    float tx, ty;        // clamped x, y
    bool inside_x, inside_y;  // not clamped
    float J00, J02, J11, J12;
    float T[6];
    float xx, xy, yy, det;  // blurred image covariance
};

static inline void to_camera(const View& view, const float* mean, float p[3]) {
    for (int r = 0; r < 3; ++r) p[r] = dot3(view.rotation + 3 * r, mean) + view.translation[r];
}

// The centre and the sizes; false where it is too near or certainly outside the image.
static inline bool place(const GaussianArrays& g, const View& view, const Lens& lens, int i,
                         Projected& p) {
    to_camera(view, g.means + 3 * int64_t(i), p.p);
    if (!(p.p[2] > kNearM)) return false;
    const float inverse = 1 / p.p[2];
    p.u = p.p[0] * inverse;
    p.v = p.p[1] * inverse;
    const float* s = g.scales + 3 * int64_t(i);
    for (int k = 0; k < 3; ++k) p.s[k] = g.raw ? std::exp(s[k]) : s[k];
    const float size = larger(larger(p.s[0], p.s[1]), p.s[2]) * inverse;
    const float x = view.fx * p.u + view.cx, y = view.fy * p.v + view.cy;
    const float reach_x = lens.reach_x * size + lens.reach_blur;
    const float reach_y = lens.reach_y * size + lens.reach_blur;
    return x + reach_x >= 0 && x - reach_x <= view.width - 1 && y + reach_y >= 0 &&
           y - reach_y <= view.height - 1;
}

// After `place`. False where the Gaussian has no shape (a zero or broken quaternion).
static inline bool image_covariance(const GaussianArrays& g, const View& view, const Lens& lens,
                                    int i, Projected& p) {
    const float* q = g.wxyz + 4 * int64_t(i);
    p.q_norm = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    if (!(p.q_norm > 1e-12f)) return false;
    for (int k = 0; k < 4; ++k) p.q[k] = q[k] / p.q_norm;
    rotation_of(p.q, p.R);
    const float z = p.p[2], inverse = 1 / z;
    p.inside_x = p.u >= lens.x.low && p.u <= lens.x.high;
    p.inside_y = p.v >= lens.y.low && p.v <= lens.y.high;
    p.tx = z * smaller(larger(p.u, lens.x.low), lens.x.high);
    p.ty = z * smaller(larger(p.v, lens.y.low), lens.y.high);
    p.J00 = view.fx * inverse;
    p.J02 = -view.fx * p.tx * inverse * inverse;
    p.J11 = view.fy * inverse;
    p.J12 = -view.fy * p.ty * inverse * inverse;
    const float* W = view.rotation;
    float JW[6];
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
    return p.det > 0 && std::isfinite(p.det);
}

// The Gaussian's axes times its deviations, camera frame: columns of A = W R diag(s).
static inline void camera_axes(const View& view, const Projected& p, float A[9]) {
    for (int r = 0; r < 3; ++r)
        for (int c = 0; c < 3; ++c)
            A[3 * r + c] = (view.rotation[3 * r] * p.R[c] + view.rotation[3 * r + 1] * p.R[3 + c] +
                            view.rotation[3 * r + 2] * p.R[6 + c]) * p.s[c];
}

}  // namespace G3D_ISA
