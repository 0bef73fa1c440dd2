// Projection of Gaussians into an image, its derivative, and which tiles a splat touches.
#include "project.hpp"

#include "spherical_harmonics.hpp"
#include "tables.hpp"

namespace G3D_ISA {

// Colour seen from the camera: max(0, SH + 1/2). Bit c of the result is set where channel c was cut.
static int shade(const GaussianArrays& g, const View& view, int i, float rgb[3]) {
    const float* sh0 = g.sh0 + 3 * int64_t(i);
    for (int c = 0; c < 3; ++c) rgb[c] = 0.5f + kSh0 * sh0[c];
    if (view.sh_degree > 0) {
        float d[3], basis[15];
        for (int k = 0; k < 3; ++k) d[k] = g.means[3 * int64_t(i) + k] - view.center[k];
        const float norm = std::sqrt(dot3(d, d));
        for (float& x : d) x /= norm;
        sh_basis(view.sh_degree, d, basis);
        const float* sh = g.shN + 3 * int64_t(i) * g.sh_rest;
        for (int k = 0; k < sh_rest(view.sh_degree); ++k)
            for (int c = 0; c < 3; ++c) rgb[c] += basis[k] * sh[3 * k + c];
    }
    int cut = 0;
    for (int c = 0; c < 3; ++c)
        if (!(rgb[c] > 0)) {
            cut |= 1 << c;
            rgb[c] = 0;
        }
    return cut;
}

// One Gaussian; false where nothing of it can be seen.
static bool project_one(const GaussianArrays& g, const View& view, const Lens& lens, int i,
                        Splat& out) {
    Projected p{};
    if (!place(g, view, lens, i, p)) return false;
    const float opacity = g.raw ? 1 / (1 + std::exp(-g.opacities[i])) : g.opacities[i];
    if (!(opacity >= kMinAlpha)) return false;
    if (!image_covariance(g, view, lens, i, p)) return false;
    out.log2_opacity = std::log2(opacity);
    out.x = view.fx * p.u + view.cx;
    out.y = view.fy * p.v + view.cy;
    // alpha >= kMinAlpha inside the ellipse d^T Sigma'^-1 d <= 2 ln(opacity / kMinAlpha)
    const float reach = 2 / kLog2e * (out.log2_opacity - kLog2MinAlpha);
    out.half_width = std::sqrt(reach * p.xx);
    out.half_height = std::sqrt(reach * p.yy);
    out.waist2 = reach * p.det / p.yy;
    out.lean = p.xy / std::sqrt(p.xx * p.yy);
    if (!(out.x + out.half_width >= 0 && out.x - out.half_width <= view.width - 1 &&
          out.y + out.half_height >= 0 && out.y - out.half_height <= view.height - 1))
        return false;
    const float factor = -0.5f * kLog2e / p.det;
    out.a = factor * p.yy;
    out.b = -2 * factor * p.xy;
    out.c = factor * p.xx;
    out.z = p.p[2];
    out.index = i;
    out.clamped_rgb = shade(g, view, i, out.rgb);
    return true;
}

int project(const GaussianArrays& g, const View& view, int begin, int end, Splat* out) {
    const Lens lens(view);
    int n = 0;
    for (int i = begin; i < end; ++i)
        if (project_one(g, view, lens, i, out[n])) ++n;
    return n;
}

static int tile_at(float pixel, int size) {
    return int(smaller(larger(pixel, 0.0f), size - 1.0f)) / kTile;
}

// Exact for the ellipse where its box is wider than a tile: its extent within the rows of pixels.
int tile_spans(const Splat& s, const View& view, int splat, TileSpan* out) {
    constexpr float slack = 0.01f;  // pixels, for rounding
    const int top = tile_at(s.y - s.half_height - slack, view.height);
    const int bottom = tile_at(s.y + s.half_height + slack, view.height);
    const int left = tile_at(s.x - s.half_width - slack, view.width);
    const int right = tile_at(s.x + s.half_width + slack, view.width);
    const auto span = [&](int row, int first, int last) {
        return TileSpan{splat, s.z, int16_t(row), int16_t(first), int16_t(last)};
    };
    int n = 0;
    if (top == bottom || left == right) {
        for (int row = top; row <= bottom; ++row) out[n++] = span(row, left, right);
        return n;
    }
    const float reach = s.log2_opacity - kLog2MinAlpha;  // -(a dx^2 + b dx dy + c dy^2)
    const float curve = (s.a * s.c - 0.25f * s.b * s.b) / s.a;
    const float slope = -0.5f * s.b / s.a;  // at height dy: dx = slope dy +- sqrt(...)
    const float rightmost = -0.5f * s.b / s.c * s.half_width;  // dy of the rightmost point
    for (int row = top; row <= bottom; ++row) {
        const float low = row * kTile - s.y, high = low + (kTile - 1);
        const auto edge = [&](float dy, float side) {
            dy = smaller(larger(dy, low), high);
            const float square = (-reach - curve * dy * dy) / s.a;
            return s.x + slope * dy + side * (std::sqrt(larger(square, 0.0f)) + slack);
        };
        const float first = edge(-rightmost, -1), last = edge(rightmost, 1);
        if (last < 0 || first > view.width - 1) continue;
        out[n++] = span(row, tile_at(first, view.width), tile_at(last, view.width));
    }
    return n;
}

static void covariance_backward(const View& view, const Projected& p, const float A[9],
                                const float g_cov[3], float g_p[3], float g_A[9]) {
    // Sigma' = T T^T: dT = 2 G T with G symmetric
    float g_T[6];
    for (int c = 0; c < 3; ++c) {
        g_T[c] = 2 * (g_cov[0] * p.T[c] + g_cov[1] * p.T[3 + c]);
        g_T[3 + c] = 2 * (g_cov[1] * p.T[c] + g_cov[2] * p.T[3 + c]);
    }
    const float g00 = dot3(g_T, A), g02 = dot3(g_T, A + 6);
    const float g11 = dot3(g_T + 3, A + 3), g12 = dot3(g_T + 3, A + 6);
    for (int c = 0; c < 3; ++c) {
        g_A[c] = p.J00 * g_T[c];
        g_A[3 + c] = p.J11 * g_T[3 + c];
        g_A[6 + c] = p.J02 * g_T[c] + p.J12 * g_T[3 + c];
    }
    const float z = p.p[2], i1 = 1 / z, i2 = i1 * i1, i3 = i2 * i1;
    const float g_tx = -view.fx * i2 * g02, g_ty = -view.fy * i2 * g12;
    g_p[2] += -view.fx * i2 * g00 - view.fy * i2 * g11 + 2 * view.fx * p.tx * i3 * g02 +
              2 * view.fy * p.ty * i3 * g12;
    // a clamped coordinate is a constant times z
    if (p.inside_x) g_p[0] += g_tx; else g_p[2] += g_tx * p.tx * i1;
    if (p.inside_y) g_p[1] += g_ty; else g_p[2] += g_ty * p.ty * i1;
}

// Gradient by the raw quaternion from that by its rotation matrix.
static void quaternion_backward(const Projected& p, const float G[9], float* out) {
    const float w = p.q[0], x = p.q[1], y = p.q[2], z = p.q[3];
    float g[4];
    g[0] = 2 * (x * (G[7] - G[5]) + y * (G[2] - G[6]) + z * (G[3] - G[1]));
    g[1] = 2 * (-2 * x * (G[4] + G[8]) + y * (G[1] + G[3]) + z * (G[2] + G[6]) + w * (G[7] - G[5]));
    g[2] = 2 * (x * (G[1] + G[3]) - 2 * y * (G[0] + G[8]) + z * (G[5] + G[7]) + w * (G[2] - G[6]));
    g[3] = 2 * (x * (G[2] + G[6]) + y * (G[5] + G[7]) - 2 * z * (G[0] + G[4]) + w * (G[3] - G[1]));
    const float along = g[0] * w + g[1] * x + g[2] * y + g[3] * z;
    for (int k = 0; k < 4; ++k) out[k] = (g[k] - along * p.q[k]) / p.q_norm;
}

// Gradient by the SH coefficients; that by the mean (through the direction) is added to g_mean.
static void shade_backward(const GaussianArrays& g, const View& view, const Splat& s,
                           const float g_rgb[3], float* g_sh0, float* g_shN, float g_mean[3]) {
    float g_colour[3];
    for (int c = 0; c < 3; ++c) {
        g_colour[c] = s.clamped_rgb >> c & 1 ? 0 : g_rgb[c];
        g_sh0[c] = kSh0 * g_colour[c];
    }
    for (int k = 0; k < 3 * g.sh_rest; ++k) g_shN[k] = 0;
    if (view.sh_degree == 0) return;
    const float* mean = g.means + 3 * int64_t(s.index);
    float d[3], basis[15], slope[15][3], g_d[3] = {0, 0, 0};
    for (int k = 0; k < 3; ++k) d[k] = mean[k] - view.center[k];
    const float norm = std::sqrt(dot3(d, d));
    for (float& x : d) x /= norm;
    sh_basis(view.sh_degree, d, basis);
    sh_basis_gradient(view.sh_degree, d, slope);
    const float* sh = g.shN + 3 * int64_t(s.index) * g.sh_rest;
    for (int k = 0; k < sh_rest(view.sh_degree); ++k) {
        for (int c = 0; c < 3; ++c) g_shN[3 * k + c] = basis[k] * g_colour[c];
        const float along = dot3(sh + 3 * k, g_colour);
        for (int a = 0; a < 3; ++a) g_d[a] += slope[k][a] * along;
    }
    const float radial = dot3(g_d, d);
    for (int a = 0; a < 3; ++a) g_mean[a] += (g_d[a] - radial * d[a]) / norm;
}

static void project_backward_one(const GaussianArrays& g, const View& view, const Lens& lens,
                                 const Splat& s, const SplatSums& sums, int row,
                                 const GaussianGradients& out, double* pose) {
    Projected p{};
    place(g, view, lens, s.index, p);
    image_covariance(g, view, lens, s.index, p);
    float axes[9];
    camera_axes(view, p, axes);
    // log alpha = log opacity - (A dx^2 + 2 B dx dy + C dy^2) / 2 with the conic (A, B, C)
    const float A = p.yy / p.det, B = -p.xy / p.det, C = p.xx / p.det;
    const float g_u = A * sums.gx + B * sums.gy, g_v = B * sums.gx + C * sums.gy;
    // G_cov = -K G_K K with K the conic, G_K the gradient by it
    const float kA = -0.5f * sums.gxx, kB = -0.5f * sums.gxy, kC = -0.5f * sums.gyy;
    const float m00 = kA * A + kB * B, m01 = kA * B + kB * C;
    const float m10 = kB * A + kC * B, m11 = kB * B + kC * C;
    const float g_cov[3] = {-(A * m00 + B * m10), -(A * m01 + B * m11), -(B * m01 + C * m11)};

    const float z = p.p[2], i1 = 1 / z;
    float g_p[3] = {g_u * view.fx * i1, g_v * view.fy * i1, 0};
    g_p[2] = sums.z - (g_u * view.fx * p.p[0] + g_v * view.fy * p.p[1]) * i1 * i1;
    float g_A[9];
    covariance_backward(view, p, axes, g_cov, g_p, g_A);

    float g_R[9], g_s[3] = {0, 0, 0};
    for (int r = 0; r < 3; ++r)
        for (int c = 0; c < 3; ++c) {
            const float g_M = view.rotation[r] * g_A[c] + view.rotation[3 + r] * g_A[3 + c] +
                              view.rotation[6 + r] * g_A[6 + c];
            g_s[c] += g_M * p.R[3 * r + c];
            g_R[3 * r + c] = g_M * p.s[c];
        }
    for (int c = 0; c < 3; ++c) out.scales[3 * int64_t(row) + c] = g_s[c] * p.s[c];
    quaternion_backward(p, g_R, out.wxyz + 4 * int64_t(row));
    const float opacity = std::exp2(s.log2_opacity);
    out.logits[row] = sums.g * (1 - opacity);
    out.means2d[2 * int64_t(row)] = g_u;
    out.means2d[2 * int64_t(row) + 1] = g_v;

    float g_direction[3] = {0, 0, 0};
    shade_backward(g, view, s, sums.rgb, out.sh0 + 3 * int64_t(row),
                   out.shN + 3 * int64_t(row) * g.sh_rest, g_direction);
    float* g_mean = out.means + 3 * int64_t(row);
    for (int a = 0; a < 3; ++a)
        g_mean[a] = view.rotation[a] * g_p[0] + view.rotation[3 + a] * g_p[1] +
                    view.rotation[6 + a] * g_p[2] + g_direction[a];

    // the camera moves by exp(v, omega) in its own axes: p -> p - v - omega x p, A -> A - omega x A
    for (int a = 0; a < 3; ++a) {
        const int b = (a + 1) % 3, c = (a + 2) % 3;
        float turn = p.p[b] * g_p[c] - p.p[c] * g_p[b];
        for (int k = 0; k < 3; ++k)
            turn += axes[3 * b + k] * g_A[3 * c + k] - axes[3 * c + k] * g_A[3 * b + k];
        pose[3 + a] -= turn;
        pose[a] -= g_p[a] + dot3(view.rotation + 3 * a, g_direction);
    }
}

void project_backward(const GaussianArrays& g, const View& view, const Splat* splats,
                      const SplatSums* sums, int begin, int end, const GaussianGradients& out,
                      double* pose) {
    const Lens lens(view);
    for (int k = begin; k < end; ++k)
        project_backward_one(g, view, lens, splats[k], sums[k], k, out, pose);
}

}  // namespace G3D_ISA
