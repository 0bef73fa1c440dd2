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

// The Gaussians index[0 .. kLanes); returns which can be seen at all (bits) and fills `columns` with
// those members of their splats that are floats before rgb, z and those after.
enum Column { kX, kY, kA, kB, kC, kLog2Opacity, kZ, kHalfWidth, kHalfHeight, kWaist2, kLean, kColumns };

static unsigned project_some(const GaussianArrays& g, const View& view, const Lens& lens,
                             const int32_t* index, V columns[kColumns]) {
    Projected p;
    const Mask placed = place(g, view, lens, index, p);
    if (!any(placed)) return 0;
    V opacity;
    gather<1>(g.opacities, index, &opacity);
    if (g.raw) opacity = 1 / (1 + exp2_held(opacity * -kLog2e));
    const Mask shaped = image_covariance(g, view, lens, index, p);
    const Mask dense = opacity >= splat(kMinAlpha);
    const V log2_opacity = log2(opacity);
    const V x = view.fx * p.u + view.cx, y = view.fy * p.v + view.cy;
    // alpha >= kMinAlpha inside the ellipse d^T Sigma'^-1 d <= 2 ln(opacity / kMinAlpha)
    const V reach = max(2 / kLog2e * (log2_opacity - kLog2MinAlpha), V{});
    const V half_width = root(reach * p.xx), half_height = root(reach * p.yy);
    const Mask inside = (x + half_width >= V{}) & (x - half_width <= splat(view.width - 1.0f)) &
                        (y + half_height >= V{}) & (y - half_height <= splat(view.height - 1.0f));
    const V factor = -0.5f * kLog2e / p.det;
    columns[kX] = x;
    columns[kY] = y;
    columns[kA] = factor * p.yy;
    columns[kB] = -2 * factor * p.xy;
    columns[kC] = factor * p.xx;
    columns[kLog2Opacity] = log2_opacity;
    columns[kZ] = p.p[2];
    columns[kHalfWidth] = half_width;
    columns[kHalfHeight] = half_height;
    columns[kWaist2] = reach * p.det / p.yy;
    columns[kLean] = p.xy / root(p.xx * p.yy);
    return bits_of(placed & shaped & dense & inside);
}

int project(const GaussianArrays& g, const View& view, int begin, int end, Splat* out) {
    const Lens lens(view);
    int n = 0;
    for (int i = begin; i < end; i += kLanes) {
        int32_t index[kLanes];
        for (int k = 0; k < kLanes; ++k) index[k] = i + k < end ? i + k : end - 1;
        alignas(64) V columns[kColumns];
        unsigned seen = project_some(g, view, lens, index, columns);
        if (end - i < kLanes) seen &= (1u << (end - i)) - 1;
        const float(*values)[kLanes] = reinterpret_cast<const float(*)[kLanes]>(columns);
        for (; seen; seen &= seen - 1) {
            const int k = __builtin_ctz(seen);
            Splat& s = out[n++];
            s.x = values[kX][k];
            s.y = values[kY][k];
            s.a = values[kA][k];
            s.b = values[kB][k];
            s.c = values[kC][k];
            s.log2_opacity = values[kLog2Opacity][k];
            s.z = values[kZ][k];
            s.half_width = values[kHalfWidth][k];
            s.half_height = values[kHalfHeight][k];
            s.waist2 = values[kWaist2][k];
            s.lean = values[kLean][k];
            s.index = i + k;
            s.clamped_rgb = shade(g, view, i + k, s.rgb);
        }
    }
    return n;
}

// The same for one splat and for as many as a vector holds: F is float or V.
static inline float min(float a, float b) { return smaller(a, b); }
static inline float max(float a, float b) { return larger(a, b); }
static inline float root(float a) { return std::sqrt(a); }
G3D_INLINE int whole(float a) { return int(a); }
G3D_INLINE Mask whole(V a) { return __builtin_convertvector(a, Mask); }

template <typename F>
G3D_INLINE auto tile_at(F pixel, int size) {
    return whole(min(max(pixel, F{}), F{} + (size - 1.0f))) / kTile;
}

// What of a splat says where it can be seen.
enum Outline { kCenterX, kCenterY, kWidth, kHeight, kWaist, kTilt, kOutline };
constexpr float kSlack = 0.01f;  // pixels, for rounding

// The first (side -1) or last (side 1) column of pixels of a splat within the rows [low, low + 15],
// image coordinates.
template <typename F>
G3D_INLINE F edge(const F* s, F low, float side) {
    const F dy = min(max(side * s[kTilt] * s[kHeight], low), low + (kTile - 1.0f));
    const F part = dy / s[kHeight], square = s[kWaist] * (1 - part * part);
    return s[kCenterX] + s[kTilt] * s[kWidth] * part + side * (root(max(square, F{})) + kSlack);
}

// The tiles of splats [begin, end), one splat after the other, within a splat row by row. Exact for
// the ellipse where its box is wider and higher than a tile: its extent within the rows of pixels.
int tile_entries(const Splat* splats, const View& view, int begin, int end, int32_t* counts,
                 TileEntry* out) {
    constexpr int kRows = 2;  // at once for all; few splats have more
    const int tiles_x = view.tiles_x();
    int n = 0;
    for (int base = begin; base < end; base += kLanes) {
        alignas(64) float values[kOutline][kLanes];
        for (int j = 0; j < kLanes; ++j) {
            const Splat& s = splats[base + j < end ? base + j : end - 1];
            const float outline[] = {s.x, s.y, s.half_width, s.half_height, s.waist2, s.lean};
            for (int c = 0; c < kOutline; ++c) values[c][j] = outline[c];
        }
        V all[kOutline];
        for (int c = 0; c < kOutline; ++c) all[c] = load(values[c]);
        const V x = all[kCenterX], reach_x = all[kWidth] + kSlack;
        const V y = all[kCenterY], reach_y = all[kHeight] + kSlack;
        alignas(64) Mask top, bottom, left, right, first[kRows], across[kRows];
        top = tile_at(y - reach_y, view.height);
        bottom = tile_at(y + reach_y, view.height);
        left = tile_at(x - reach_x, view.width);
        right = tile_at(x + reach_x, view.width);
        const Mask box = (top == bottom) | (left == right);
        for (int r = 0; r < kRows; ++r) {
            const V low = __builtin_convertvector((top + r) * kTile, V) - y;
            const V from = edge(all, low, -1), to = edge(all, low, 1);
            const Mask none = ~box & ((to < V{}) | (from > splat(view.width - 1.0f)));
            const Mask start = box ? left : tile_at(from, view.width);
            first[r] = (top + r) * tiles_x + start;
            across[r] = ((box ? right : tile_at(to, view.width)) - start + 1) &
                        ~(none | (top + r > bottom));
        }
        for (int j = 0; j < kLanes && base + j < end; ++j) {
            const int k = base + j, before = n;
            const float z = splats[k].z;
            const auto put = [&](int tile, int count) {
                // two without a jump: most splats have no more, and how many is not to be guessed
                out[n] = {k, tile, z};
                out[n + 1] = {k, tile + 1, z};
                for (int x = 2; x < count; ++x) out[n + x] = {k, tile + x, z};
                n += count;
            };
            for (int r = 0; r < kRows; ++r) put(first[r][j], across[r][j]);
            for (int row = top[j] + kRows; row <= bottom[j]; ++row) {
                if (left[j] == right[j]) {
                    put(row * tiles_x + left[j], 1);
                    continue;
                }
                float one[kOutline];
                for (int c = 0; c < kOutline; ++c) one[c] = values[c][j];
                const float low = row * kTile - one[kCenterY];
                const float from = edge(one, low, -1), to = edge(one, low, 1);
                if (to < 0 || from > view.width - 1) continue;
                const int start = tile_at(from, view.width);
                put(row * tiles_x + start, tile_at(to, view.width) - start + 1);
            }
            counts[k - begin] = n - before;
        }
    }
    return n;
}

// Adds to the gradients by the centre and the axes those by the covariance (xx, xy, yy).
G3D_INLINE void covariance_backward(const View& view, const Projected& p, const V A[9],
                                    const V g_cov[3], V g_p[3], V g_A[9]) {
    // Sigma' = T T^T: dT = 2 G T with G symmetric
    V g_T[6];
    for (int c = 0; c < 3; ++c) {
        g_T[c] = 2 * (g_cov[0] * p.T[c] + g_cov[1] * p.T[3 + c]);
        g_T[3 + c] = 2 * (g_cov[1] * p.T[c] + g_cov[2] * p.T[3 + c]);
    }
    const V g00 = dot3(g_T, A), g02 = dot3(g_T, A + 6);
    const V g11 = dot3(g_T + 3, A + 3), g12 = dot3(g_T + 3, A + 6);
    for (int c = 0; c < 3; ++c) {
        g_A[c] = p.J00 * g_T[c];
        g_A[3 + c] = p.J11 * g_T[3 + c];
        g_A[6 + c] = p.J02 * g_T[c] + p.J12 * g_T[3 + c];
    }
    const V z = p.p[2], i1 = 1 / z, i2 = i1 * i1, i3 = i2 * i1;
    const V g_tx = -view.fx * i2 * g02, g_ty = -view.fy * i2 * g12;
    g_p[2] += -view.fx * i2 * g00 - view.fy * i2 * g11 + 2 * view.fx * p.tx * i3 * g02 +
              2 * view.fy * p.ty * i3 * g12;
    // a clamped coordinate is a constant times z
    g_p[0] += only(p.inside_x, g_tx);
    g_p[1] += only(p.inside_y, g_ty);
    g_p[2] += only(~p.inside_x, g_tx * p.tx * i1) + only(~p.inside_y, g_ty * p.ty * i1);
}

// Gradient by the raw quaternion from that by its rotation matrix.
G3D_INLINE void quaternion_backward(const Projected& p, const V G[9], V out[4]) {
    const V w = p.q[0], x = p.q[1], y = p.q[2], z = p.q[3];
    V g[4];
    g[0] = 2 * (x * (G[7] - G[5]) + y * (G[2] - G[6]) + z * (G[3] - G[1]));
    g[1] = 2 * (-2 * x * (G[4] + G[8]) + y * (G[1] + G[3]) + z * (G[2] + G[6]) + w * (G[7] - G[5]));
    g[2] = 2 * (x * (G[1] + G[3]) - 2 * y * (G[0] + G[8]) + z * (G[5] + G[7]) + w * (G[2] - G[6]));
    g[3] = 2 * (x * (G[2] + G[6]) + y * (G[5] + G[7]) - 2 * z * (G[0] + G[4]) + w * (G[3] - G[1]));
    const V along = g[0] * w + g[1] * x + g[2] * y + g[3] * z, inverse = 1 / p.q_norm;
    for (int k = 0; k < 4; ++k) out[k] = (g[k] - along * p.q[k]) * inverse;
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

// The first `count` lanes of columns into rows row, row + 1, ..
template <int width>
G3D_INLINE void scatter(const V* columns, int count, float* rows, int64_t row) {
    const float(*lanes)[kLanes] = reinterpret_cast<const float(*)[kLanes]>(columns);
    for (int k = 0; k < count; ++k)
        for (int c = 0; c < width; ++c) rows[width * (row + k) + c] = lanes[c][k];
}

// The drawn Gaussians [row, row + count), at most kLanes.
static void project_backward_some(const GaussianArrays& g, const View& view, const Lens& lens,
                                  const Splat* splats, const SplatSums* sums, int64_t row, int count,
                                  const GaussianGradients& out, V pose[6]) {
    int32_t index[kLanes], place_of[kLanes];
    alignas(64) float direction[3][kLanes];  // gradient by the mean through the seen direction
    for (int k = 0; k < kLanes; ++k) {
        place_of[k] = int(row) + (k < count ? k : count - 1);
        index[k] = splats[place_of[k]].index;
    }
    for (int k = 0; k < count; ++k) {
        float by_direction[3] = {0, 0, 0};
        shade_backward(g, view, splats[row + k], sums[row + k].rgb, out.sh0 + 3 * (row + k),
                       out.shN + 3 * (row + k) * g.sh_rest, by_direction);
        for (int a = 0; a < 3; ++a) direction[a][k] = by_direction[a];
    }
    for (int k = count; k < kLanes; ++k)
        for (int a = 0; a < 3; ++a) direction[a][k] = 0;
    V by[kSums];  // the sums' members
    gather<kSums>(&sums[0].g, place_of, by);
    const Mask used = lane_numbers() < splat(float(count));
    for (V& sum : by) sum = only(used, sum);
    const V s0 = by[0], sx = by[1], sy = by[2], sxx = by[3], sxy = by[4], syy = by[5], s_depth = by[9];

    Projected p;
    place(g, view, lens, index, p);
    image_covariance(g, view, lens, index, p);
    V axes[9];
    camera_axes(view, p, axes);
    // log alpha = log opacity - (A dx^2 + 2 B dx dy + C dy^2) / 2 with the conic (A, B, C)
    const V inverse = 1 / p.det, A = p.yy * inverse, B = -(p.xy * inverse), C = p.xx * inverse;
    const V g_u[2] = {A * sx + B * sy, B * sx + C * sy};
    // G_cov = -K G_K K with K the conic, G_K the gradient by it
    const V kA = -0.5f * sxx, kB = -0.5f * sxy, kC = -0.5f * syy;
    const V m00 = kA * A + kB * B, m01 = kA * B + kB * C;
    const V m10 = kB * A + kC * B, m11 = kB * B + kC * C;
    const V g_cov[3] = {-(A * m00 + B * m10), -(A * m01 + B * m11), -(B * m01 + C * m11)};

    const V i1 = 1 / p.p[2];
    V g_p[3] = {g_u[0] * view.fx * i1, g_u[1] * view.fy * i1, V{}};
    g_p[2] = s_depth - (g_p[0] * p.p[0] + g_p[1] * p.p[1]) * i1;
    V g_A[9];
    covariance_backward(view, p, axes, g_cov, g_p, g_A);

    V g_R[9], g_s[3] = {}, g_q[4];
    for (int r = 0; r < 3; ++r)
        for (int c = 0; c < 3; ++c) {
            const V g_M = view.rotation[r] * g_A[c] + view.rotation[3 + r] * g_A[3 + c] +
                          view.rotation[6 + r] * g_A[6 + c];
            g_s[c] += g_M * p.R[3 * r + c];
            g_R[3 * r + c] = g_M * p.s[c];
        }
    for (int c = 0; c < 3; ++c) g_s[c] *= p.s[c];
    quaternion_backward(p, g_R, g_q);
    alignas(64) float log2_opacity[kLanes];
    for (int k = 0; k < kLanes; ++k) log2_opacity[k] = splats[place_of[k]].log2_opacity;
    const V g_logit = s0 * (1 - exp2(load(log2_opacity)));

    V g_mean[3], g_direction[3];
    for (int a = 0; a < 3; ++a) g_direction[a] = load(direction[a]);
    for (int a = 0; a < 3; ++a)
        g_mean[a] = view.rotation[a] * g_p[0] + view.rotation[3 + a] * g_p[1] +
                    view.rotation[6 + a] * g_p[2] + g_direction[a];
    scatter<3>(g_mean, count, out.means, row);
    scatter<4>(g_q, count, out.wxyz, row);
    scatter<3>(g_s, count, out.scales, row);
    scatter<1>(&g_logit, count, out.logits, row);
    scatter<2>(g_u, count, out.means2d, row);

    // the camera moves by exp(v, omega) in its own axes: p -> p - v - omega x p, A -> A - omega x A
    for (int a = 0; a < 3; ++a) {
        const int b = (a + 1) % 3, c = (a + 2) % 3;
        V turn = p.p[b] * g_p[c] - p.p[c] * g_p[b];
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
    for (int k = begin; k < end; k += kLanes) {
        V part[6] = {};
        project_backward_some(g, view, lens, splats, sums, k, end - k < kLanes ? end - k : kLanes, out, part);
        for (int a = 0; a < 6; ++a) pose[a] += sum(part[a]);
    }
}

}  // namespace G3D_ISA
