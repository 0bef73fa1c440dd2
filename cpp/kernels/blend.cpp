// Alpha blending of one tile, front to back, and its derivative in the same order.
//
// A tile is cut into blocks of 4 columns and as many rows as fill one vector. Which blocks a splat
// touches follows from the ellipse where its alpha reaches kMinAlpha with its own opacity (as Feng
// et al. 2024, "FlashGS", and Hanson et al. 2025, "Speedy-Splat", cut their tile lists; here within
// a tile), found for as many splats at once as a vector holds. Each block has a word of bits, one
// for each splat of a batch, so that its sums stay in registers while its splats pass. The
// derivative does the same with the pixels' gradients, keeps (weight, gradient) of every pair, and
// then sums these up splat by splat.
#include <cmath>

#include "simd.hpp"
#include "tables.hpp"

namespace G3D_ISA {

namespace {

typedef uint64_t Bits;

constexpr int kColumns = 4;                 // of pixels in a block
constexpr int kHeight = kLanes / kColumns;  // rows of pixels in a block
constexpr int kAcross = kTile / kColumns;   // blocks beside each other in a tile
constexpr int kDown = kTile / kHeight;      // and below each other
constexpr int kBlocks = kAcross * kDown;    // bit of a block: column of blocks * kDown + row
constexpr int kAhead = 16;  // splats of a tile lie scattered in memory: fetched this much before use

G3D_INLINE size_t lowest(Bits bits) { return size_t(__builtin_ctzll(bits)); }
G3D_INLINE int count_of(Bits bits) { return __builtin_popcountll(bits); }

// Offsets of a vector's pixels from those of the block's first.
G3D_INLINE V lane_columns() {
    V r;
    for (int i = 0; i < kLanes; ++i) r[i] = float(i % kColumns);
    return r;
}
G3D_INLINE V lane_rows() {
    V r;
    for (int i = 0; i < kLanes; ++i) r[i] = float(i / kColumns);
    return r;
}
G3D_INLINE int column_of(int block) { return block / kDown * kColumns; }
G3D_INLINE int row_of(int block) { return block % kDown * kHeight; }
// Image coordinates of a block's pixels in a tile from (x0, y0).
G3D_INLINE V xs_of(int block, int x0) { return lane_columns() + float(x0 + column_of(block)); }
G3D_INLINE V ys_of(int block, int y0) { return lane_rows() + float(y0 + row_of(block)); }

// A block of a plane of floats.
G3D_INLINE V load_block(const float* plane, int64_t stride) {
    alignas(64) float lanes[kLanes];
    for (int r = 0; r < kHeight; ++r)
        std::memcpy(lanes + r * kColumns, plane + r * stride, kColumns * sizeof(float));
    return load(lanes);
}
G3D_INLINE void store_block(float* plane, int64_t stride, V value) {
    alignas(64) float lanes[kLanes];
    store(lanes, value);
    for (int r = 0; r < kHeight; ++r)
        std::memcpy(plane + r * stride, lanes + r * kColumns, kColumns * sizeof(float));
}

struct Corner {
    int x0, y0;
    int64_t offset;  // of the tile's first pixel in a plane
    int64_t stride;

    Corner(const View& view, int tile)
        : x0(tile % view.tiles_x() * kTile),
          y0(tile / view.tiles_x() * kTile),
          offset(int64_t(y0) * view.padded_width() + x0),
          stride(view.padded_width()) {}
    int64_t pixel(int block) const { return offset + row_of(block) * stride + column_of(block); }
};

// A value for each pixel of a tile, block by block.
struct alignas(64) Tile {
    V block[kBlocks];
};

// Pixels outside the image have ended from the start.
G3D_INLINE void start(Tile& transmittance, const View& view, const Corner& at) {
    for (int b = 0; b < kBlocks; ++b) {
        const V x = xs_of(b, at.x0), y = ys_of(b, at.y0);
        transmittance.block[b] =
            only((x < splat(float(view.width))) & (y < splat(float(view.height))), splat(1));
    }
}

// log2 of a splat's alpha at pixels (x, y).
G3D_INLINE V power_at(const Splat& s, V x, V y) {
    const V dx = x - s.x, dy = y - s.y;
    return (s.a * dx + s.b * dy) * dx + (s.c * dy * dy + s.log2_opacity);
}

// A splat's alpha. No test for "not touched at all": mispredicted branches cost more than the
// arithmetic.
G3D_INLINE V alpha_of(V power) {
    return only(power >= splat(kLog2MinAlpha), min(exp2(power), splat(kMaxAlpha)));
}

// What a splat takes of the light that reaches it.
G3D_INLINE V weight_of(V alpha, V& transmittance) {
    const V taken = transmittance * alpha, after = transmittance - taken;
    const Mask goes_on = after > splat(kMinTransmittance);
    transmittance = only(goes_on, after);
    return only(goes_on, taken);
}

// rows[i] bit j becomes rows[j] bit i (Warren, Hacker's Delight, 7-3).
template <typename Word, int kSize>
G3D_INLINE void transpose(Word* rows) {
    Word low = Word(~Word(0)) >> (kSize / 2);
    for (int half = kSize / 2; half; half /= 2, low ^= Word(low << half))
        for (int base = 0; base < kSize; base += 2 * half)
            for (int i = base; i < base + half; ++i) {
                const Word swapped = Word((rows[i] >> half ^ rows[i + half]) & low);
                rows[i + half] ^= swapped;
                rows[i] ^= Word(swapped << half);
            }
}
template <int kSize> struct WordOf { typedef uint64_t type; };
template <> struct WordOf<32> { typedef uint32_t type; };
template <> struct WordOf<16> { typedef uint16_t type; };

// Splats that follow each other in a tile's list.
template <int kBatch>  // up to 64
struct Batch {
    Splat splats[kBatch];
    Bits of_block[kBlocks];  // bit k: splat k touches the block
    int count;

    // Takes the splats of a list from `first` on.
    inline __attribute__((always_inline)) void take(const Splat* from, TileList list, int first,
                                                    const Corner& at) {
        alignas(64) float columns[kColumnsOf][kBatch];
        count = list.count - first < kBatch ? list.count - first : kBatch;
        for (int k = 0; k < count; ++k) {
            if (first + k + kAhead < list.count)
                __builtin_prefetch(&from[list.splats[first + k + kAhead]]);
            const Splat& s = splats[k] = from[list.splats[first + k]];
            columns[kX][k] = s.x;
            columns[kY][k] = s.y;
            columns[kHalfWidth][k] = s.half_width;
            columns[kHalfHeight][k] = s.half_height;
            columns[kWaist2][k] = s.waist2;
            columns[kLean][k] = s.lean;
        }
        find_blocks(columns, at);
    }

    // Calls visit(k, alpha, weight) for the splats that touch a block, front to back. What the next
    // two need is computed beside: the operations of one follow from each other for longer than the
    // processor looks ahead.
    template <typename Visit>
    inline __attribute__((always_inline)) void walk(int block, const Corner& at, V& transmittance,
                                                    Visit visit) const {
        Bits left = of_block[block];
        if (!left) return;
        const V x = xs_of(block, at.x0), y = ys_of(block, at.y0);
        const Bits last = Bits(1) << (count - 1);  // stands for those behind the last
        const auto after = [](Bits bits) { return bits & (bits - 1); };
        size_t k = lowest(left), next = lowest(after(left) | last);
        V alpha = alpha_of(power_at(splats[k], x, y)), next_power = power_at(splats[next], x, y);
        V T = transmittance;
        while (true) {
            left = after(left);
            const size_t third = lowest(after(left) | last);
            const V third_power = power_at(splats[third], x, y), next_alpha = alpha_of(next_power);
            visit(k, alpha, weight_of(alpha, T));
            if (!left) break;
            k = next;
            alpha = next_alpha;
            next = third;
            next_power = third_power;
        }
        transmittance = T;
    }

    // Of each splat, the blocks that it touches and that are alive. `touched` has room for a multiple
    // of kBlocks.
    void by_splat(Bits alive, Bits* touched) const {
        typedef typename WordOf<kBlocks>::type Word;
        for (int part = 0; part < kBatch; part += kBlocks) {
            Word rows[kBlocks];
            for (int b = 0; b < kBlocks; ++b) rows[b] = Word(of_block[b] >> part);
            transpose<Word, kBlocks>(rows);
            for (int k = 0; k < kBlocks; ++k) touched[part + k] = rows[k] & alive;
        }
    }

  private:
    enum { kX, kY, kHalfWidth, kHalfHeight, kWaist2, kLean, kColumnsOf };

    // The blocks where a splat's alpha may reach kMinAlpha: in each band of rows, those between the
    // leftmost and the rightmost point of the ellipse within the band.
    inline __attribute__((always_inline)) void find_blocks(const float (&columns)[kColumnsOf][kBatch],
                                                           const Corner& at) {
        constexpr float slack = 0.01f;  // pixels, for rounding
        for (Bits& bits : of_block) bits = 0;
        for (int k = 0; k < count; k += kLanes) {
            const V half_height = load(columns[kHalfHeight] + k), lean = load(columns[kLean] + k);
            const V inverse = 1 / (half_height + slack);
            const V slope = lean * load(columns[kHalfWidth] + k) * inverse;
            const V rightmost = lean * half_height;
            const V reach = load(columns[kWaist2] + k) * 1.001f + slack * slack;
            const V curve = -reach * inverse * inverse;
            const V x = load(columns[kX] + k) - float(at.x0);
            const V y = float(at.y0) - load(columns[kY] + k);
            const Bits here = count - k < kLanes ? (Bits(1) << (count - k)) - 1 : ~Bits(0);
            for (int row = 0; row < kDown; ++row) {
                const V low = y + float(row * kHeight), high = low + (kHeight - 1.0f);
                const V dy0 = min(max(-rightmost, low), high), dy1 = min(max(rightmost, low), high);
                // not a number, hence never below or above anything, where it misses the ellipse
                const V first = x + (slope * dy0 - rough_root(reach + curve * dy0 * dy0));
                const V last = x + (slope * dy1 + rough_root(reach + curve * dy1 * dy1));
                for (int c = 0; c < kAcross; ++c) {
                    const Mask hit = (first <= splat(c * kColumns + kColumns - 1 + slack)) &
                                     (last >= splat(c * kColumns - slack));
                    of_block[c * kDown + row] |= (bits_of(hit) & here) << k;
                }
            }
        }
    }
};

// The blocks with a pixel that has not ended.
G3D_INLINE Bits alive_in(const Tile& transmittance) {
    Bits alive = 0;
    for (int b = 0; b < kBlocks; ++b) alive |= Bits(any(transmittance.block[b] > V{})) << b;
    return alive;
}

// Hands out a tile's sums (rgb, depth, alpha).
G3D_INLINE void finish(const Tile sums[5], const View& view, const Corner& at,
                       const Picture& picture) {
    for (int b = 0; b < kBlocks; ++b) {
        const V alpha = sums[4].block[b];
        alignas(64) float rgb[3][kLanes], depth[kLanes], alphas[kLanes];
        for (int c = 0; c < 3; ++c)
            store(rgb[c], sums[c].block[b] + (1 - alpha) * view.background[c]);
        store(depth, only(alpha > V{}, sums[3].block[b] / alpha));
        store(alphas, alpha);
        for (int i = 0; i < kLanes; ++i) {
            const int x = at.x0 + column_of(b) + i % kColumns, y = at.y0 + row_of(b) + i / kColumns;
            if (x >= view.width || y >= view.height) continue;
            const int64_t to = int64_t(y) * view.width + x;
            for (int c = 0; c < 3; ++c) picture.rgb[3 * to + c] = rgb[c][i];
            picture.depth[to] = depth[i];
            picture.alpha[to] = alphas[i];
        }
    }
}

// The sums of one splat from (weight, g) of the blocks that it touches.
G3D_INLINE void sum_up(const Splat& s, Bits touched, const V* pairs, const Corner& at,
                       const Tile slope[4], SplatSums& out) {
    V g0{}, gx{}, gy{}, gxx{}, gxy{}, gyy{}, red{}, green{}, blue{}, depth{};
    const V x = xs_of(0, at.x0) - s.x, y = ys_of(0, at.y0) - s.y;
    for (Bits left = touched; left; left &= left - 1, pairs += 2) {
        const int b = lowest(left);
        const V dx = x + float(column_of(b)), dy = y + float(row_of(b));
        const V w = pairs[0], g = pairs[1], g_dx = g * dx, g_dy = g * dy;
        g0 += g;
        gx += g_dx;
        gy += g_dy;
        gxx += g_dx * dx;
        gxy += g_dx * dy;
        gyy += g_dy * dy;
        red += w * slope[0].block[b];
        green += w * slope[1].block[b];
        blue += w * slope[2].block[b];
        depth += w * slope[3].block[b];
    }
    const V rows[8] = {g0, gx, gy, gxx, gxy, gyy, red, green};
    sum_each(rows, &out.g);  // up to green
    out.rgb[2] = sum(blue);
    out.z = sum(depth);
}

}  // namespace

void blend(const Splat* splats, TileList list, const View& view, int tile, const Planes& planes,
           const Picture* picture, const float* channels, int channel_count,
           float* channel_planes) {
    const Corner at(view, tile);
    Tile transmittance, sums[5] = {};
    start(transmittance, view, at);
    constexpr int kBatch = 64;
    Batch<kBatch> batch;
    for (int taken = 0; taken < list.count; taken += kBatch) {
        const Bits alive = alive_in(transmittance);
        if (!alive) break;
        batch.take(splats, list, taken, at);
        for (Bits blocks = alive; blocks; blocks &= blocks - 1) {
            const int b = lowest(blocks);
            V red = sums[0].block[b], green = sums[1].block[b], blue = sums[2].block[b];
            V depth = sums[3].block[b], alpha = sums[4].block[b];
            V weights[kBatch];
            batch.walk(b, at, transmittance.block[b], [&](size_t k, V, V w) {
                const Splat& s = batch.splats[k];
                red += w * s.rgb[0];
                green += w * s.rgb[1];
                blue += w * s.rgb[2];
                depth += w * s.z;
                alpha += w;
                if (channel_count) weights[k] = w;
            });
            sums[0].block[b] = red;
            sums[1].block[b] = green;
            sums[2].block[b] = blue;
            sums[3].block[b] = depth;
            sums[4].block[b] = alpha;
            for (int c = 0; c < channel_count; ++c) {
                float* plane = channel_planes + c * view.plane() + at.pixel(b);
                V sum = load_block(plane, at.stride);
                for (Bits left = batch.of_block[b]; left; left &= left - 1) {
                    const int k = lowest(left);
                    sum += weights[k] * channels[int64_t(batch.splats[k].index) * channel_count + c];
                }
                store_block(plane, at.stride, sum);
            }
        }
    }
    if (picture) return finish(sums, view, at, *picture);
    float* const targets[5] = {planes.rgb[0], planes.rgb[1], planes.rgb[2], planes.depth,
                               planes.alpha};
    for (int c = 0; c < 5; ++c)
        for (int b = 0; b < kBlocks; ++b)
            store_block(targets[c] + at.pixel(b), at.stride, sums[c].block[b]);
}

void contributions(const Splat* splats, TileList list, const View& view, int tile, int cell_px,
                   float* weights) {
    const Corner at(view, tile);
    const int side = kTile / cell_px, cells = side * side;
    const auto row = [&](int k) { return weights + int64_t(list.entries[k]) * cells; };
    for (int k = 0; k < list.count; ++k) std::memset(row(k), 0, sizeof(float) * cells);
    const auto cell_of = [&](int block, int lane) {
        return (row_of(block) + lane / kColumns) / cell_px * side +
               (column_of(block) + lane % kColumns) / cell_px;
    };
    const bool whole = cell_px >= kColumns && cell_px >= kHeight;  // a block lies within a cell
    Tile transmittance;
    start(transmittance, view, at);
    constexpr int kBatch = 32;
    Batch<kBatch> batch;
    V sums[kBatch][kBlocks];  // of each splat, by cell
    for (int taken = 0; taken < list.count; taken += kBatch) {
        const Bits alive = alive_in(transmittance);
        if (!alive) break;
        batch.take(splats, list, taken, at);
        if (whole)
            for (int k = 0; k < batch.count; ++k)
                for (int c = 0; c < cells; ++c) sums[k][c] = V{};
        for (Bits blocks = alive; blocks; blocks &= blocks - 1) {
            const int b = lowest(blocks), cell = cell_of(b, 0);
            batch.walk(b, at, transmittance.block[b], [&](size_t k, V, V weight) {
                if (whole) {
                    sums[k][cell] += weight;
                } else {
                    for (int lane = 0; lane < kLanes; ++lane)
                        row(taken + k)[cell_of(b, lane)] += weight[lane];
                }
            });
        }
        if (whole)
            for (int k = 0; k < batch.count; ++k)
                for (int c = 0; c < cells; ++c) row(taken + k)[c] = sum(sums[k][c]);
    }
}

void blend_backward(const Splat* splats, TileList list, const View& view, int tile,
                    const Planes& planes, const PlaneGradients& gradients, SplatSums* sums) {
    const Corner at(view, tile);
    const float* const values[5] = {planes.rgb[0], planes.rgb[1], planes.rgb[2], planes.depth,
                                    planes.alpha};
    const float* const slopes[5] = {gradients.rgb[0], gradients.rgb[1], gradients.rgb[2],
                                    gradients.depth, gradients.alpha};
    Tile slope[5];
    // what the splats behind still add to the loss: sum over them of w (gradient . value)
    Tile remaining = {};
    for (int b = 0; b < kBlocks; ++b)
        for (int c = 0; c < 5; ++c) {
            slope[c].block[b] = load_block(slopes[c] + at.pixel(b), at.stride);
            remaining.block[b] +=
                load_block(values[c] + at.pixel(b), at.stride) * slope[c].block[b];
        }
    Tile transmittance;
    start(transmittance, view, at);
    constexpr int kBatch = 32;  // more would not fit the first cache
    Batch<kBatch> batch;
    struct Pair {
        V weight, g;
    };
    Pair pairs[kBatch * kBlocks];  // splat by splat
    int taken = 0;
    for (; taken < list.count; taken += kBatch) {
        const Bits alive = alive_in(transmittance);
        if (!alive) break;
        batch.take(splats, list, taken, at);
        Bits touched[kBatch < kBlocks ? kBlocks : kBatch];
        batch.by_splat(alive, touched);
        int next[kBatch + 1], first[kBatch + 1];
        first[0] = 0;
        for (int k = 0; k < kBatch; ++k) first[k + 1] = first[k] + count_of(touched[k]);
        for (int k = 0; k < batch.count; ++k) {
            __builtin_prefetch(&sums[list.entries[taken + k]].g, 1);
            __builtin_prefetch(&sums[list.entries[taken + k]].z, 1);
        }
        std::memcpy(next, first, sizeof next);
        for (Bits blocks = alive; blocks; blocks &= blocks - 1) {
            const int b = lowest(blocks);
            const V d0 = slope[0].block[b], d1 = slope[1].block[b], d2 = slope[2].block[b],
                    d3 = slope[3].block[b], d4 = slope[4].block[b];
            V behind = remaining.block[b];
            batch.walk(b, at, transmittance.block[b], [&](size_t k, V alpha, V w) {
                const Splat& s = batch.splats[k];
                const V q = d0 * s.rgb[0] + d1 * s.rgb[1] + d2 * s.rgb[2] + d3 * s.z + d4;
                const V own = w * q;
                behind -= own;
                // dL/d(log alpha) = alpha (T q - behind / (1 - alpha)), 0 where alpha is at its cap
                const Mask free = (w > V{}) & (alpha < splat(kMaxAlpha));
                Pair& pair = pairs[next[k]++];
                pair.weight = w;
                pair.g = only(free, own - behind * (alpha / (1 - alpha)));
            });
            remaining.block[b] = behind;
        }
        for (int k = 0; k < batch.count; ++k)
            sum_up(batch.splats[k], touched[k], &pairs[first[k]].weight, at, slope,
                   sums[list.entries[taken + k]]);
    }
    for (; taken < list.count; ++taken) sums[list.entries[taken]] = SplatSums{};
}

}  // namespace G3D_ISA
