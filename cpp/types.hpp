// Records shared by the orchestration (compiled once) and the kernels (compiled per instruction set).
// Plain data only: no templates of the standard library cross into the kernels, so that the linker
// cannot pick an AVX-512 body for a machine without it.
#pragma once
#include <cstdint>

namespace g3d {

constexpr int kTile = 16;
constexpr float kNearM = 0.01f;
constexpr float kBlurPx2 = 0.3f;
constexpr float kMaxAlpha = 0.999f;
constexpr float kMinAlpha = 1.0f / 255.0f;
constexpr float kLog2MinAlpha = -7.994353436858858f;
constexpr float kMinTransmittance = 1e-4f;

// A camera: world to camera rotation (row-major) and translation, pinhole intrinsics with integer
// pixel centres, and what the spherical harmonics are evaluated to.
struct View {
    float rotation[9];
    float translation[3];
    float center[3];  // of the camera, world frame
    float fx, fy, cx, cy;
    int width, height;
    float background[3];
    int sh_degree;

    int padded_width() const { return (width + kTile - 1) / kTile * kTile; }
    int padded_height() const { return (height + kTile - 1) / kTile * kTile; }
    int tiles_x() const { return padded_width() / kTile; }
    int tiles() const { return tiles_x() * (padded_height() / kTile); }
    // Elements of one padded image plane.
    int64_t plane() const { return int64_t(padded_width()) * padded_height(); }
};

// N Gaussians by reference. `raw`: scales are logarithms and opacities logits.
struct GaussianArrays {
    const float* means;      // [N,3]
    const float* wxyz;       // [N,4]
    const float* scales;     // [N,3]
    const float* opacities;  // [N]
    const float* sh0;        // [N,3]
    const float* shN;        // [N,K,3]
    int count;
    int sh_rest;  // K
    bool raw;
};

// One projected Gaussian. log2 of its alpha at offset (dx, dy) from the centre is
// a dx^2 + b dx dy + c dy^2 + log2_opacity.
struct alignas(64) Splat {
    float x, y;    // centre, pixels
    float a, b, c;
    float log2_opacity;
    float rgb[3];
    float z;       // depth of the centre, metres
    float half_width, half_height;  // of the region where alpha >= kMinAlpha, pixels
    float waist2;  // square of half that region's width at the height of the centre
    float lean;    // correlation of x and y: its rightmost point is lean half_height below the centre
    int32_t index;  // of the Gaussian
    int32_t clamped_rgb;  // bit c set: colour channel c was cut at 0
};

// Sums over pixels for one Gaussian in one tile, enough for every gradient of the projection.
// g = dL/d(log alpha).
struct SplatSums {
    float g, gx, gy, gxx, gxy, gyy;  // g times 1, dx, dy, dx^2, dx dy, dy^2
    float rgb[3];
    float z;
};
constexpr int kSums = 10;

// Planes of padded_width x padded_height floats.
struct Planes {
    float* rgb[3];  // premultiplied, without the background
    float* depth;   // sum of w z
    float* alpha;   // sum of w
};

// An image as it is handed out.
struct Picture {
    float* rgb;    // [H,W,3] over the background
    float* depth;  // [H,W] expected depth, 0 where there is none
    float* alpha;  // [H,W]
};

// Gradients of the loss by those planes (rgb over the background already folded into alpha's).
struct PlaneGradients {
    const float* rgb[3];
    const float* depth;
    const float* alpha;
};

// Where the gradients of the drawn Gaussians go, one row each, in the order of `Splat`s.
struct GaussianGradients {
    float* means;    // [n,3]
    float* wxyz;     // [n,4]
    float* scales;   // [n,3] by the logarithms
    float* logits;   // [n]
    float* sh0;      // [n,3]
    float* shN;      // [n,K,3]
    float* means2d;  // [n,2] pixels
};

struct AdamRates {
    float means, wxyz, scales, logits, sh0, shN;
};

struct LossSettings {
    float l1, ssim;         // weights of mean |.| and of 1 - SSIM
    int ssim_stride, ssim_phase;
    float depth, depth_cutoff_m, coverage;
    float needle, log_max_ratio, opacity, scale;
};

}  // namespace g3d
