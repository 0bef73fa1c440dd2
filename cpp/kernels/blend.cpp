// Alpha blending of one tile, front to back, and its derivative in the same order.
//
// A tile is cut into blocks of 4 columns and as many rows as fill one vector. Which blocks a splat
// touches is a word of bits, from the ellipse where its alpha reaches kMinAlpha with its own opacity
// (as Feng et al. 2024, "FlashGS", and Hanson et al. 2025, "Speedy-Splat", cut their tile lists; here
// within a tile). The words of some splats are turned into a word of splats for each block, so that a
// block's sums stay in registers while its splats pass. The derivative does the same with the pixels'
// gradients, keeps (weight, gradient) of every pair, and then sums these up splat by splat.
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

G3D_INLINE int lowest(Bits bits) { return __builtin_ctzll(bits); }
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

// The blocks where a splat's alpha may reach kMinAlpha: in each band of rows, those between the
// leftmost and the rightmost point of the ellipse within the band.
G3D_INLINE Bits blocks_of(const Splat& s, const Corner& at) {
    constexpr float slack = 0.01f;  // pixels, for rounding
    const float inverse = 1 / (s.half_height + slack);
    const float slope = s.lean * s.half_width * inverse, rightmost = s.lean * s.half_height;
    const float reach = s.waist2 * 1.001f + slack * slack, curve = -reach * inverse * inverse;
    const V left = splat(at.x0 - s.x - slack), right = splat(at.x0 - s.x + slack);
    Bits bits = 0;
    for (int row = 0; row < kDown; row += kLanes) {
        const V low = (lane_numbers() + float(row)) * float(kHeight) + (at.y0 - s.y);
        const V high = low + (kHeight - 1.0f);
        const V dy0 = min(max(splat(-rightmost), low), high);
        const V dy1 = min(max(splat(rightmost), low), high);
        // not a number, hence never below or above anything, where the band misses the ellipse
        const V first = slope * dy0 - rough_root(reach + curve * dy0 * dy0);
        const V last = slope * dy1 + rough_root(reach + curve * dy1 * dy1);
        for (int c = 0; c < kAcross; ++c) {
            const Mask hit = (first <= right + float(c * kColumns + kColumns - 1)) &
                             (last >= left + float(c * kColumns));
            const unsigned rows = bits_of(hit) & (kDown < kLanes ? (1u << kDown) - 1 : ~0u);
            bits |= Bits(rows) << (c * kDown + row);
        }
    }
    return bits;
}

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

// What a splat takes of one block.
struct Share {
    V alpha, transparency;  // 1 in sum
    V weight;
};
// No test for "not touched at all": mispredicted branches cost more than the arithmetic.
G3D_INLINE Share share_of(const Splat& s, V dx, V dy, V& transmittance) {
    const V power = (s.a * dx + s.b * dy) * dx + (s.c * dy * dy + s.log2_opacity);
    Share share;
    share.alpha = only(power >= splat(kLog2MinAlpha), min(exp2(power), splat(kMaxAlpha)));
    const V taken = transmittance * share.alpha;
    share.transparency = 1 - share.alpha;
    const V after = transmittance * share.transparency;
    const Mask goes_on = after > splat(kMinTransmittance);
    transmittance = only(goes_on, after);
    share.weight = only(goes_on, taken);
    return share;
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
    Bits touched[kBatch < kBlocks ? kBlocks : kBatch];  // bit b: the splat touches block b
    Bits of_block[kBlocks];  // bit k: splat k touches the block
    int count;

    // Takes the splats of a list from `first` on; blocks that are not alive are left out.
    inline __attribute__((always_inline)) void take(const Splat* from, TileList list, int first,
                                                    const Corner& at, Bits alive) {
        typedef typename WordOf<kBlocks>::type Word;
        count = list.count - first < kBatch ? list.count - first : kBatch;
        for (Bits& bits : touched) bits = 0;
        for (int k = 0; k < count; ++k) {
            if (first + k + kAhead < list.count)
                __builtin_prefetch(&from[list.splats[first + k + kAhead]]);
            splats[k] = from[list.splats[first + k]];
            touched[k] = blocks_of(splats[k], at) & alive;
        }
        for (int b = 0; b < kBlocks; ++b) of_block[b] = 0;
        for (int part = 0; part < count; part += kBlocks) {
            Word rows[kBlocks];
            for (int k = 0; k < kBlocks; ++k) rows[k] = Word(touched[part + k]);
            transpose<Word, kBlocks>(rows);
            for (int b = 0; b < kBlocks; ++b) of_block[b] |= Bits(rows[b]) << part;
        }
    }
};

// The blocks with a pixel that has not ended.
G3D_INLINE Bits alive_in(const Tile& transmittance) {
    Bits alive = 0;
    for (int b = 0; b < kBlocks; ++b) alive |= Bits(any(transmittance.block[b] > V{})) << b;
    return alive;
}

// Calls visit(splat, position in the list, block, dx, dy, share) for every splat of a tile, front to
// back, and every block that it touches, until all pixels have ended; leave(position) after each
// splat.
template <typename Visit, typename Leave>
G3D_INLINE void walk(const Splat* splats, TileList list, const View& view, const Corner& at,
                    Visit visit, Leave leave) {
    constexpr int kCheckEvery = 8;  // splats between looks for ended blocks
    Tile transmittance;
    start(transmittance, view, at);
    const V columns = xs_of(0, at.x0), rows = ys_of(0, at.y0);
    Bits alive = 0;
    for (int k = 0; k < list.count; ++k) {
        if (k % kCheckEvery == 0 && !(alive = alive_in(transmittance))) return;
        if (k + kAhead < list.count) __builtin_prefetch(&splats[list.splats[k + kAhead]]);
        const Splat& s = splats[list.splats[k]];
        const Bits touched = blocks_of(s, at) & alive;
        const V x = columns - s.x, y = rows - s.y;
        for (Bits left = touched; left; left &= left - 1) {
            const int b = lowest(left);
            const V dx = x + float(column_of(b)), dy = y + float(row_of(b));
            visit(s, k, b, dx, dy, share_of(s, dx, dy, transmittance.block[b]));
        }
        leave(k);
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
           const float* channels, int channel_count, float* channel_planes) {
    const Corner at(view, tile);
    Tile transmittance, sums[5] = {};
    start(transmittance, view, at);
    constexpr int kBatch = 64;
    Batch<kBatch> batch;
    for (int taken = 0; taken < list.count; taken += kBatch) {
        const Bits alive = alive_in(transmittance);
        if (!alive) break;
        batch.take(splats, list, taken, at, alive);
        for (int b = 0; b < kBlocks; ++b) {
            V T = transmittance.block[b];
            V red = sums[0].block[b], green = sums[1].block[b], blue = sums[2].block[b];
            V depth = sums[3].block[b], alpha = sums[4].block[b];
            V weights[kBatch];
            const V x = xs_of(b, at.x0), y = ys_of(b, at.y0);
            for (Bits left = batch.of_block[b]; left; left &= left - 1) {
                const Splat& s = batch.splats[lowest(left)];
                const V w = share_of(s, x - s.x, y - s.y, T).weight;
                red += w * s.rgb[0];
                green += w * s.rgb[1];
                blue += w * s.rgb[2];
                depth += w * s.z;
                alpha += w;
                if (channel_count) weights[lowest(left)] = w;
            }
            transmittance.block[b] = T;
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
    V sums[kBlocks] = {};  // of one splat, by cell if a block lies within one
    Bits used = 0;
    const bool whole = cell_px >= kColumns && cell_px >= kHeight;
    int of_block[kBlocks];
    for (int b = 0; b < kBlocks; ++b) of_block[b] = cell_of(b, 0);
    walk(
        splats, list, view, at,
        [&](const Splat&, int k, int block, V, V, const Share& share) {
            if (whole) {
                sums[of_block[block]] += share.weight;
                used |= Bits(1) << of_block[block];
            } else {
                for (int lane = 0; lane < kLanes; ++lane)
                    row(k)[cell_of(block, lane)] += share.weight[lane];
            }
        },
        [&](int k) {
            for (; used; used &= used - 1) {
                const int cell = lowest(used);
                row(k)[cell] = sum(sums[cell]);
                sums[cell] = V{};
            }
        });
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
        batch.take(splats, list, taken, at, alive);
        int next[kBatch + 1], first[kBatch + 1];
        first[0] = 0;
        for (int k = 0; k < batch.count; ++k) {
            first[k + 1] = first[k] + count_of(batch.touched[k]);
            __builtin_prefetch(&sums[list.entries[taken + k]].g, 1);
            __builtin_prefetch(&sums[list.entries[taken + k]].z, 1);
        }
        std::memcpy(next, first, sizeof next);
        for (int b = 0; b < kBlocks; ++b) {
            const V d0 = slope[0].block[b], d1 = slope[1].block[b], d2 = slope[2].block[b],
                    d3 = slope[3].block[b], d4 = slope[4].block[b];
            V T = transmittance.block[b], behind = remaining.block[b];
            const V x = xs_of(b, at.x0), y = ys_of(b, at.y0);
            for (Bits left = batch.of_block[b]; left; left &= left - 1) {
                const int k = lowest(left);
                const Splat& s = batch.splats[k];
                const Share share = share_of(s, x - s.x, y - s.y, T);
                const V w = share.weight;
                const V q = d0 * s.rgb[0] + d1 * s.rgb[1] + d2 * s.rgb[2] + d3 * s.z + d4;
                const V own = w * q;
                behind -= own;
                // dL/d(log alpha) = alpha (T q - behind / (1 - alpha)), 0 where alpha is at its cap
                const Mask free = (w > V{}) & (share.alpha < splat(kMaxAlpha));
                Pair& pair = pairs[next[k]++];
                pair.weight = w;
                pair.g = only(free, own - behind * (share.alpha / share.transparency));
            }
            transmittance.block[b] = T;
            remaining.block[b] = behind;
        }
        for (int k = 0; k < batch.count; ++k)
            sum_up(batch.splats[k], batch.touched[k], &pairs[first[k]].weight, at, slope,
                   sums[list.entries[taken + k]]);
    }
    for (; taken < list.count; ++taken) sums[list.entries[taken]] = SplatSums{};
}

}  // namespace G3D_ISA
