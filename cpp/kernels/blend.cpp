// Alpha blending of one tile, front to back, and its derivative in the same order.
//
// A row of 16 pixels is one vector, or a few where the processor's are shorter. Only the rows and
// vectors inside a splat's extent are visited, and rows whose pixels have all ended are dropped every
// few splats.
#include <cmath>

#include "simd.hpp"
#include "tables.hpp"

namespace G3D_ISA {

namespace {

constexpr int kCheckEvery = 8;  // splats between looks for ended rows

constexpr int kAhead = 8;  // splats of a tile lie scattered in memory: fetched this much before use

G3D_INLINE void fetch_ahead(const Splat* splats, const int32_t* list, int k, int count) {
    if (k + kAhead < count) __builtin_prefetch(&splats[list[k + kAhead]]);
}

constexpr int kParts = kTile / kLanes;  // vectors in a row

// Rows, and vectors of a row, that a splat's extent covers in a tile.
struct Extent {
    int first_row, last_row, first_part, last_part;
};
G3D_INLINE int clamped(float x) {
    return int(x < 0 ? 0.0f : x > kTile - 1 ? float(kTile - 1) : x);
}
G3D_INLINE Extent extent_of(const Splat& s, int x0, int y0) {
    const float x = s.x - x0, y = s.y - y0;
    return {clamped(y - s.half_height + 0.999f), clamped(y + s.half_height),
            clamped(x - s.half_width) / kLanes, clamped(x + s.half_width) / kLanes};
}

// log2(alpha) along a row: constant + dy (slope + c dy).
struct Terms {
    V dx[kParts], constant[kParts], slope[kParts];
};
G3D_INLINE Terms terms_of(const Splat& s, int x0) {
    Terms t;
    for (int p = 0; p < kParts; ++p) {
        t.dx[p] = lane_numbers() + (x0 + p * kLanes - s.x);
        t.slope[p] = t.dx[p] * s.b;
        t.constant[p] = t.dx[p] * t.dx[p] * s.a + s.log2_opacity;
    }
    return t;
}

struct alignas(64) Tile {
    float row[kTile][kTile];
};

// Pixels outside the image have ended from the start.
void start(Tile& transmittance, const View& view, int x0, int y0) {
    for (int r = 0; r < kTile; ++r)
        for (int c = 0; c < kTile; ++c)
            transmittance.row[r][c] = x0 + c < view.width && y0 + r < view.height ? 1.0f : 0.0f;
}

// Bit r is set where row r has a pixel that has not ended.
unsigned rows_alive(const Tile& transmittance) {
    unsigned bits = 0;
    for (int r = 0; r < kTile; ++r) {
        V most{};
        for (int c = 0; c < kTile; c += kLanes) most = max(most, load(transmittance.row[r] + c));
        if (any(most > V{})) bits |= 1u << r;
    }
    return bits;
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

// What a splat takes of one vector of pixels.
struct Share {
    V before;  // transmittance in front of the splat
    V after;   // and behind it, not yet cut at the end of a pixel
    V alpha, weight;
};
// No test for "not touched at all": mispredicted branches cost more than the arithmetic.
G3D_INLINE Share share_of(V power, float* transmittance) {
    Share share;
    share.before = load(transmittance);
    share.alpha = only(power >= splat(kLog2MinAlpha), min(exp2(power), splat(kMaxAlpha)));
    const V taken = share.before * share.alpha;
    share.after = share.before - taken;
    const Mask goes_on = share.after > splat(kMinTransmittance);
    store(transmittance, only(goes_on, share.after));
    share.weight = only(goes_on, taken);
    return share;
}

// Calls visit(splat, position in the list, terms, row, part, dy, share) for every splat of a tile,
// front to back, and every vector of pixels that it touches; leave(splat, position, terms) after
// each splat. Returns the number of splats it came to see before all pixels ended.
template <typename Visit, typename Leave>
G3D_INLINE int walk(const Splat* splats, const int32_t* list, int count, const View& view,
                    const Corner& at, Visit visit, Leave leave) {
    Tile transmittance;
    start(transmittance, view, at.x0, at.y0);
    unsigned alive = 0;
    for (int k = 0; k < count; ++k) {
        if (k % kCheckEvery == 0 && !(alive = rows_alive(transmittance))) return k;
        if (k + kAhead < count) __builtin_prefetch(&splats[list[k + kAhead]]);
        const Splat& s = splats[list[k]];
        const Extent extent = extent_of(s, at.x0, at.y0);
        const Terms terms = terms_of(s, at.x0);
        for (int r = extent.first_row; r <= extent.last_row; ++r) {
            if (!(alive >> r & 1)) continue;
            const float dy = at.y0 + r - s.y, constant = s.c * dy * dy;
            for (int p = extent.first_part; p <= extent.last_part; ++p) {
                const V power = terms.constant[p] + terms.slope[p] * dy + constant;
                visit(s, k, terms, r, p, dy, share_of(power, transmittance.row[r] + p * kLanes));
            }
        }
        leave(s, k, terms);
    }
    return count;
}

}  // namespace

void blend(const Splat* splats, const int32_t* list, int count, const View& view, int tile,
           const Planes& planes, const float* channels, int channel_count, float* channel_planes) {
    const Corner at = corner_of(view, tile);
    Tile sums[5] = {};
    walk(
        splats, list, count, view, at,
        [&](const Splat& s, int, const Terms&, int r, int p, float, const Share& share) {
            const int column = p * kLanes;
            for (int c = 0; c < 3; ++c) add_to(sums[c].row[r] + column, share.weight * s.rgb[c]);
            add_to(sums[3].row[r] + column, share.weight * s.z);
            add_to(sums[4].row[r] + column, share.weight);
            const int64_t pixel = at.offset + r * at.stride + column;
            for (int c = 0; c < channel_count; ++c)
                add_to(channel_planes + c * view.plane() + pixel,
                       share.weight * channels[int64_t(s.index) * channel_count + c]);
        },
        [](const Splat&, int, const Terms&) {});
    float* const targets[5] = {planes.rgb[0], planes.rgb[1], planes.rgb[2], planes.depth,
                               planes.alpha};
    for (int c = 0; c < 5; ++c)
        for (int r = 0; r < kTile; ++r)
            std::memcpy(targets[c] + at.offset + r * at.stride, sums[c].row[r], sizeof sums[c].row[r]);
}

void contributions(const Splat* splats, const int32_t* list, int count, const View& view, int tile,
                   int cell_px, float* weights) {
    const Corner at = corner_of(view, tile);
    const int side = kTile / cell_px, cells = side * side;
    std::memset(weights, 0, sizeof(float) * cells * count);
    Tile bands = {};  // of one splat: row b holds the column sums of the b-th row of cells
    walk(
        splats, list, count, view, at,
        [&](const Splat&, int, const Terms&, int r, int p, float, const Share& share) {
            add_to(bands.row[r / cell_px] + p * kLanes, share.weight);
        },
        [&](const Splat& s, int k, const Terms&) {
            const Extent extent = extent_of(s, at.x0, at.y0);
            float* out = weights + int64_t(k) * cells;
            for (int b = extent.first_row / cell_px; b <= extent.last_row / cell_px; ++b)
                for (int p = extent.first_part; p <= extent.last_part; ++p) {
                    float* lanes = bands.row[b] + p * kLanes;
                    const V columns = load(lanes);
                    store(lanes, V{});
                    if (cell_px >= kLanes)
                        out[b * side + p * kLanes / cell_px] += sum(columns);
                    else
                        for (int c = 0; c < kLanes; ++c)
                            out[b * side + (p * kLanes + c) / cell_px] += columns[c];
                }
        });
}

void blend_backward(const Splat* splats, const int32_t* list, int count, const View& view, int tile,
                    const Planes& planes, const PlaneGradients& gradients, SplatSums* out) {
    const Corner at = corner_of(view, tile);
    const float* const values[5] = {planes.rgb[0], planes.rgb[1], planes.rgb[2], planes.depth,
                                    planes.alpha};
    const float* const slopes[5] = {gradients.rgb[0], gradients.rgb[1], gradients.rgb[2],
                                    gradients.depth, gradients.alpha};
    Tile slope[5];
    // what the splats behind still add to the loss: sum over them of w (gradient . value)
    Tile remaining = {};
    for (int r = 0; r < kTile; ++r)
        for (int c = 0; c < 5; ++c) {
            const int64_t row = at.offset + r * at.stride;
            std::memcpy(slope[c].row[r], slopes[c] + row, sizeof slope[c].row[r]);
            for (int x = 0; x < kTile; x += kLanes)
                add_to(remaining.row[r] + x, load(values[c] + row + x) * load(slope[c].row[r] + x));
        }
    V g0[kParts] = {}, gy[kParts] = {}, gyy{}, red{}, green{}, blue{}, depth{};
    const int seen = walk(
        splats, list, count, view, at,
        [&](const Splat& s, int, const Terms&, int r, int p, float dy, const Share& share) {
            const int x = p * kLanes;
            const V d0 = load(slope[0].row[r] + x), d1 = load(slope[1].row[r] + x),
                    d2 = load(slope[2].row[r] + x), d3 = load(slope[3].row[r] + x);
            const V w = share.weight;
            const V q = d0 * s.rgb[0] + d1 * s.rgb[1] + d2 * s.rgb[2] + d3 * s.z +
                        load(slope[4].row[r] + x);
            const V behind = load(remaining.row[r] + x) - w * q;
            store(remaining.row[r] + x, behind);
            // dL/d(log alpha) = alpha (T q - behind / (1 - alpha)), 0 where alpha is held at its cap
            const Mask free = (w > V{}) & (share.alpha < splat(kMaxAlpha));
            const V g = only(free, w * (q - behind / share.after));
            const V g_dy = g * dy;
            g0[p] += g;
            gy[p] += g_dy;
            gyy += g_dy * dy;
            red += w * d0;
            green += w * d1;
            blue += w * d2;
            depth += w * d3;
        },
        [&](const Splat&, int k, const Terms& terms) {
            V rows[8] = {V{}, V{}, V{}, V{}, V{}, gyy, red, green};
            for (int p = 0; p < kParts; ++p) {
                const V g_dx = g0[p] * terms.dx[p];
                rows[0] += g0[p];
                rows[1] += g_dx;
                rows[2] += gy[p];
                rows[3] += g_dx * terms.dx[p];
                rows[4] += gy[p] * terms.dx[p];
                g0[p] = gy[p] = V{};
            }
            sum_each(rows, &out[k].g);  // up to green
            out[k].rgb[2] = sum(blue);
            out[k].z = sum(depth);
            gyy = red = green = blue = depth = V{};
        });
    for (int k = seen; k < count; ++k) out[k] = SplatSums{};
}

}  // namespace G3D_ISA
