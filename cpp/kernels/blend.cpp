// Alpha blending of one tile, front to back, and its derivative in the same order.
//
// A row of 16 pixels is one vector. Only rows inside a splat's extent are visited, and rows whose
// pixels have all ended are dropped every few splats.
#include <cmath>

#include "simd.hpp"
#include "tables.hpp"

namespace G3D_ISA {

namespace {

constexpr float kLog2MinAlpha = -7.994353436858858f;  // log2(1 / 255)
constexpr int kCheckEvery = 8;                        // splats between looks for ended rows

struct Rows {
    int first, last;
};

// Rows of the tile (0 to 15) inside the splat's vertical extent.
G3D_INLINE Rows rows_of(const Splat& s, int y0) {
    const float top = s.y - s.half_height - y0, bottom = s.y + s.half_height - y0;
    return {top > 0 ? int(std::ceil(top)) : 0,
            bottom < kTile - 1 ? int(std::floor(bottom)) : kTile - 1};
}

// The part of log2(alpha) that does not depend on the row, and the slope by dy.
struct RowTerms {
    F16 dx, constant, slope;
};
G3D_INLINE RowTerms row_terms(const Splat& s, const F16& x) {
    RowTerms t;
    t.dx = x - splat(s.x);
    t.slope = splat(s.b) * t.dx;
    t.constant = splat(s.a) * t.dx * t.dx + splat(s.log2_opacity);
    return t;
}

// alpha of a row, 0 where it is below kMinAlpha.
G3D_INLINE F16 alpha_of(const Splat& s, const RowTerms& t, float dy) {
    const F16 power = t.constant + splat(dy) * (t.slope + splat(s.c * dy));
    const I16 seen = power >= splat(kLog2MinAlpha);
    return only(seen, min(exp2(power), splat(kMaxAlpha)));
}

struct Transmittance {
    alignas(64) float row[kTile][kLanes];

    // Pixels outside the image have ended from the start.
    void start(const View& view, int x0, int y0) {
        const int columns = view.width - x0 < kTile ? view.width - x0 : kTile;
        for (int r = 0; r < kTile; ++r)
            for (int c = 0; c < kLanes; ++c)
                row[r][c] = c < columns && y0 + r < view.height ? 1.0f : 0.0f;
    }

    // Bit r is set where row r has a pixel that has not ended.
    unsigned alive() const {
        unsigned bits = 0;
        for (int r = 0; r < kTile; ++r)
            if (sum(load(row[r])) > 0) bits |= 1u << r;
        return bits;
    }
};

// What a splat adds to a row: its weights, after which the row's transmittance is updated.
G3D_INLINE F16 weights_of(const F16& alpha, float* transmittance) {
    const F16 T = load(transmittance);
    const F16 next = T - T * alpha;
    const I16 goes_on = next > splat(kMinTransmittance);
    store(transmittance, only(goes_on, next));
    return only(goes_on, T * alpha);
}

struct Corner {
    int x0, y0;
    int64_t offset;  // of the tile's first pixel in a plane
    int64_t stride;
};
Corner corner_of(const View& view, int tile) {
    const int x0 = tile % view.tiles_x() * kTile, y0 = tile / view.tiles_x() * kTile;
    const int64_t stride = view.padded_width();
    return {x0, y0, y0 * stride + x0, stride};
}

}  // namespace

void blend(const Splat* splats, const int32_t* list, int count, const View& view, int tile,
           const Planes& planes, const float* channels, int channel_count, float* channel_planes) {
    const Corner at = corner_of(view, tile);
    Transmittance transmittance;
    transmittance.start(view, at.x0, at.y0);
    alignas(64) float sums[5][kTile][kLanes] = {};
    const F16 x = lane_numbers() + splat(float(at.x0));
    unsigned alive = transmittance.alive();
    for (int k = 0; k < count; ++k) {
        if (k % kCheckEvery == 0 && !(alive = transmittance.alive())) break;
        const Splat& s = splats[list[k]];
        const Rows rows = rows_of(s, at.y0);
        const RowTerms terms = row_terms(s, x);
        for (int r = rows.first; r <= rows.last; ++r) {
            if (!(alive >> r & 1)) continue;
            const F16 w = weights_of(alpha_of(s, terms, at.y0 + r - s.y), transmittance.row[r]);
            for (int c = 0; c < 3; ++c)
                store(sums[c][r], load(sums[c][r]) + w * splat(s.rgb[c]));
            store(sums[3][r], load(sums[3][r]) + w * splat(s.z));
            store(sums[4][r], load(sums[4][r]) + w);
            for (int c = 0; c < channel_count; ++c) {
                float* out = channel_planes + c * view.plane() + at.offset + r * at.stride;
                store(out, load(out) + w * splat(channels[int64_t(s.index) * channel_count + c]));
            }
        }
    }
    float* const targets[5] = {planes.rgb[0], planes.rgb[1], planes.rgb[2], planes.depth,
                               planes.alpha};
    for (int c = 0; c < 5; ++c)
        for (int r = 0; r < kTile; ++r)
            store(targets[c] + at.offset + r * at.stride, load(sums[c][r]));
}

void contributions(const Splat* splats, const int32_t* list, int count, const View& view, int tile,
                   int cell_px, float* weights) {
    const Corner at = corner_of(view, tile);
    const int cells = kTile / cell_px;
    Transmittance transmittance;
    transmittance.start(view, at.x0, at.y0);
    const F16 x = lane_numbers() + splat(float(at.x0));
    unsigned alive = transmittance.alive();
    for (int k = 0; k < count * cells * cells; ++k) weights[k] = 0;
    for (int k = 0; k < count; ++k) {
        if (k % kCheckEvery == 0 && !(alive = transmittance.alive())) return;
        const Splat& s = splats[list[k]];
        const Rows rows = rows_of(s, at.y0);
        const RowTerms terms = row_terms(s, x);
        float* out = weights + int64_t(k) * cells * cells;
        for (int band = rows.first / cell_px; band <= rows.last / cell_px; ++band) {
            F16 total = zeros();
            const int end = (band + 1) * cell_px <= rows.last ? (band + 1) * cell_px : rows.last + 1;
            for (int r = band * cell_px > rows.first ? band * cell_px : rows.first; r < end; ++r)
                if (alive >> r & 1)
                    total = total +
                            weights_of(alpha_of(s, terms, at.y0 + r - s.y), transmittance.row[r]);
            if (cell_px == 8) {
                sum_halves(total, out[2 * band], out[2 * band + 1]);
                continue;
            }
            alignas(64) float lane[kLanes];
            store(lane, total);
            for (int c = 0; c < kLanes; ++c) out[band * cells + c / cell_px] += lane[c];
        }
    }
}

void blend_backward(const Splat* splats, const int32_t* list, int count, const View& view, int tile,
                    const Planes& planes, const PlaneGradients& gradients, SplatSums* out) {
    const Corner at = corner_of(view, tile);
    Transmittance transmittance;
    transmittance.start(view, at.x0, at.y0);
    // what the splats behind still add to the loss: sum over them of w (gradient . value)
    alignas(64) float remaining[kTile][kLanes];
    const float* const values[5] = {planes.rgb[0], planes.rgb[1], planes.rgb[2], planes.depth,
                                    planes.alpha};
    const float* slopes[5] = {gradients.rgb[0], gradients.rgb[1], gradients.rgb[2], gradients.depth,
                              gradients.alpha};
    for (float const*& plane : slopes) plane += at.offset;
    for (int r = 0; r < kTile; ++r) {
        F16 total = zeros();
        for (int c = 0; c < 5; ++c)
            total = total + load(values[c] + at.offset + r * at.stride) *
                                load(slopes[c] + r * at.stride);
        store(remaining[r], total);
    }
    const F16 x = lane_numbers() + splat(float(at.x0));
    unsigned alive = transmittance.alive();
    int k = 0;
    for (; k < count; ++k) {
        if (k % kCheckEvery == 0 && !(alive = transmittance.alive())) break;
        const Splat& s = splats[list[k]];
        const Rows rows = rows_of(s, at.y0);
        const RowTerms terms = row_terms(s, x);
        F16 g0 = zeros(), gy = zeros(), gyy = zeros(), red = zeros(), green = zeros(),
            blue = zeros(), depth = zeros();
        for (int r = rows.first; r <= rows.last; ++r) {
            if (!(alive >> r & 1)) continue;
            const float dy = at.y0 + r - s.y;
            const int64_t row = r * at.stride;
            const F16 T = load(transmittance.row[r]);
            const F16 alpha = alpha_of(s, terms, dy);
            const F16 w = weights_of(alpha, transmittance.row[r]);
            const F16 d0 = load(slopes[0] + row), d1 = load(slopes[1] + row),
                      d2 = load(slopes[2] + row), d3 = load(slopes[3] + row);
            const F16 q = d0 * splat(s.rgb[0]) + d1 * splat(s.rgb[1]) + d2 * splat(s.rgb[2]) +
                          d3 * splat(s.z) + load(slopes[4] + row);
            const F16 behind = load(remaining[r]) - w * q;
            store(remaining[r], behind);
            // dL/d(log alpha) = alpha (T q - behind / (1 - alpha)) = w (q - behind / (T (1 - alpha)))
            const I16 free = (w > zeros()) & (alpha < splat(kMaxAlpha));
            const F16 g = only(free, w * (q - behind / (T - T * alpha)));
            g0 = g0 + g;
            gy = gy + splat(dy) * g;
            gyy = gyy + splat(dy * dy) * g;
            red = red + w * d0;
            green = green + w * d1;
            blue = blue + w * d2;
            depth = depth + w * d3;
        }
        SplatSums& sums = out[k];
        sums.g = sum(g0);
        sums.gx = sum(g0 * terms.dx);
        sums.gy = sum(gy);
        sums.gxx = sum(g0 * terms.dx * terms.dx);
        sums.gxy = sum(gy * terms.dx);
        sums.gyy = sum(gyy);
        sums.rgb[0] = sum(red);
        sums.rgb[1] = sum(green);
        sums.rgb[2] = sum(blue);
        sums.z = sum(depth);
    }
    for (; k < count; ++k) out[k] = SplatSums{};
}

}  // namespace G3D_ISA
