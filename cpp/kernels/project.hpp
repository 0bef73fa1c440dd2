// Geometry of one projected Gaussian, shared by the forward and the backward pass.
#pragma once
#include <cmath>

#include "../types.hpp"

namespace G3D_ISA {

using namespace g3d;

constexpr float kLog2e = 1.4426950408889634f;

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
    return {std::fmin(a, b) - margin, std::fmax(a, b) + margin};
}

// Everything between a Gaussian's parameters and its image covariance (Zwicker et al. 2001,
// "EWA volume splatting"): Sigma' = T T^T + blur, T = J A, A = W R(q) diag(s).
struct Projected {
    float p[3];          // centre, camera frame
    float q[4], q_norm;  // unit quaternion
    float R[9];          // of the quaternion
    float s[3];          // standard deviations
    float A[9];          // camera-frame axes times scales (columns)
    float tx, ty;        // clamped x, y
    bool inside_x, inside_y;  // not clamped
    float J00, J02, J11, J12;
    float T[6];
    float xx, xy, yy, det;  // blurred image covariance
};

static inline void to_camera(const View& view, const float* mean, float p[3]) {
    for (int r = 0; r < 3; ++r) p[r] = dot3(view.rotation + 3 * r, mean) + view.translation[r];
}

// `p.p` is set already. False where the Gaussian has no shape (a zero or broken quaternion).
static inline bool image_covariance(const GaussianArrays& g, const View& view, int i, Projected& p) {
    const float* q = g.wxyz + 4 * int64_t(i);
    p.q_norm = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    if (!(p.q_norm > 1e-12f)) return false;
    for (int k = 0; k < 4; ++k) p.q[k] = q[k] / p.q_norm;
    rotation_of(p.q, p.R);
    for (int k = 0; k < 3; ++k) {
        const float s = g.scales[3 * int64_t(i) + k];
        p.s[k] = g.raw ? std::exp(s) : s;
    }
    float M[9];
    for (int r = 0; r < 3; ++r)
        for (int c = 0; c < 3; ++c) M[3 * r + c] = p.R[3 * r + c] * p.s[c];
    for (int r = 0; r < 3; ++r)
        for (int c = 0; c < 3; ++c)
            p.A[3 * r + c] = view.rotation[3 * r] * M[c] + view.rotation[3 * r + 1] * M[3 + c] +
                             view.rotation[3 * r + 2] * M[6 + c];
    const float z = p.p[2], inverse = 1 / z;
    const Limits lx = tangent_limits(view.fx, view.cx, view.width);
    const Limits ly = tangent_limits(view.fy, view.cy, view.height);
    const float u = p.p[0] * inverse, v = p.p[1] * inverse;
    p.inside_x = u >= lx.low && u <= lx.high;
    p.inside_y = v >= ly.low && v <= ly.high;
    p.tx = z * std::fmin(std::fmax(u, lx.low), lx.high);
    p.ty = z * std::fmin(std::fmax(v, ly.low), ly.high);
    p.J00 = view.fx * inverse;
    p.J02 = -view.fx * p.tx * inverse * inverse;
    p.J11 = view.fy * inverse;
    p.J12 = -view.fy * p.ty * inverse * inverse;
    for (int c = 0; c < 3; ++c) {
        p.T[c] = p.J00 * p.A[c] + p.J02 * p.A[6 + c];
        p.T[3 + c] = p.J11 * p.A[3 + c] + p.J12 * p.A[6 + c];
    }
    p.xx = dot3(p.T, p.T) + kBlurPx2;
    p.xy = dot3(p.T, p.T + 3);
    p.yy = dot3(p.T + 3, p.T + 3) + kBlurPx2;
    p.det = p.xx * p.yy - p.xy * p.xy;
    return p.det > 0 && std::isfinite(p.det);
}

}  // namespace G3D_ISA
