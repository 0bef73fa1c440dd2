#include "raster.hpp"

#include <omp.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace g3d {

namespace {

constexpr int kChunk = 2048;  // Gaussians a task; fixed, so that results do not depend on threads
constexpr int64_t kMaxEntries = int64_t(1) << 30;

template <typename Body>
void for_chunks(int64_t n, Body body) {
    const int64_t chunks = (n + kChunk - 1) / kChunk;
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t c = 0; c < chunks; ++c) body(c, c * kChunk, std::min(n, (c + 1) * kChunk));
}

// By two digits of the upper halves' range, least significant first, which leaves little to the
// insertion at the end; where many keys are as good as equal there, by comparisons.
void sort_keys(uint64_t* keys, size_t n, std::vector<uint64_t>& scratch) {
    constexpr int kBits = 8, kBuckets = 1 << kBits;
    if (n > 32) {
        uint64_t low = ~uint64_t(0), high = 0;
        for (size_t k = 0; k < n; ++k) {
            low = std::min(low, keys[k]);
            high = std::max(high, keys[k]);
        }
        const int bits = 64 - __builtin_clzll((high - low) | 1), shift = std::max(bits - 2 * kBits, 0);
        uint32_t next[2][kBuckets] = {};
        const auto digit = [&](uint64_t key, int d) {
            return (key - low) >> (shift + d * kBits) & (kBuckets - 1);
        };
        for (size_t k = 0; k < n; ++k)
            for (int d = 0; d < 2; ++d) ++next[d][digit(keys[k], d)];
        scratch.resize(std::max(scratch.size(), n));
        uint64_t *from = keys, *to = scratch.data();
        for (int d = 0; d < 2; ++d, std::swap(from, to)) {
            uint32_t total = 0;
            for (uint32_t& bucket : next[d]) total += std::exchange(bucket, total);
            for (size_t k = 0; k < n; ++k) to[next[d][digit(from[k], d)]++] = from[k];
        }
    }
    size_t moves = 0;
    for (size_t k = 1; k < n; ++k) {
        const uint64_t key = keys[k];
        size_t to = k;
        for (; to > 0 && keys[to - 1] > key; --to) keys[to] = keys[to - 1];
        keys[to] = key;
        if ((moves += k - to) > 8 * n + 1024) return std::sort(keys, keys + n);
    }
}

}  // namespace

std::vector<const KernelTable*> usable_kernels() {
    std::vector<const KernelTable*> usable = {&kernels_baseline()};
#if defined(G3D_X86)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        usable.push_back(&kernels_avx2());
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        usable.push_back(&kernels_avx512());
#endif
    return usable;
}

const KernelTable& best_kernels() {
    const std::vector<const KernelTable*> usable = usable_kernels();
    if (const char* wanted = std::getenv("GROUNDING3D_ISA"))
        for (const KernelTable* table : usable)
            if (std::string(table->name) == wanted) return *table;
    return *usable.back();
}

void GradientRows::resize(size_t n, int sh_rest) {
    means.resize(3 * n);
    wxyz.resize(4 * n);
    scales.resize(3 * n);
    logits.resize(n);
    sh0.resize(3 * n);
    shN.resize(3 * n * sh_rest);
    means2d.resize(2 * n);
}

GaussianGradients GradientRows::view() {
    return {means.data(), wxyz.data(), scales.data(), logits.data(),
            sh0.data(),   shN.data(),  means2d.data()};
}

void Raster::prepare(const GaussianArrays& gaussians, const View& view) {
    project(gaussians, view);
    list_tiles(view);
    sort_tiles(view);
}

void Raster::forward(const GaussianArrays& gaussians, const View& view, const Picture* picture,
                     const float* channels, int channel_count, float* channel_planes) {
    allocate(view);
    prepare(gaussians, view);
    if (channel_planes) std::fill_n(channel_planes, channel_count * view.plane(), 0.0f);
    const int tiles = view.tiles();
#pragma omp parallel for schedule(dynamic, 4)
    for (int t = 0; t < tiles; ++t)
        kernels_.blend(splats_.data(), list_of(t), view, t, planes_, picture, channels,
                       channel_planes ? channel_count : 0, channel_planes);
}

void Raster::allocate(const View& view) {
    constexpr size_t kLine = 64;  // bytes: a row of a tile is a line of the cache
    const int64_t plane = view.plane(), size = 5 * plane + int64_t(kLine / sizeof(float));
    if (int64_t(plane_storage_.size()) != size) plane_storage_.assign(size, 0.0f);
    void* aligned = plane_storage_.data();
    size_t room = size * sizeof(float);
    float* p = static_cast<float*>(std::align(kLine, 5 * plane * sizeof(float), aligned, room));
    planes_ = {{p, p + plane, p + 2 * plane}, p + 3 * plane, p + 4 * plane};
}

void Raster::project(const GaussianArrays& gaussians, const View& view) {
    const int n = gaussians.count;
    projected_.resize(n);
    std::vector<int64_t> found((n + kChunk - 1) / kChunk + 1, 0);
    for_chunks(n, [&](int64_t chunk, int64_t begin, int64_t end) {
        found[chunk + 1] =
            kernels_.project(gaussians, view, int(begin), int(end), projected_.data() + begin);
    });
    for (size_t c = 1; c < found.size(); ++c) found[c] += found[c - 1];
    splats_.resize(found.back());
    if (found.back() == n) {
        std::swap(splats_, projected_);
        return;
    }
    for_chunks(n, [&](int64_t chunk, int64_t begin, int64_t) {
        std::copy_n(projected_.begin() + begin, found[chunk + 1] - found[chunk],
                    splats_.begin() + found[chunk]);
    });
}

// Counting sort of (splat, tile) pairs by tile. Each thread counts its part of the splats; the parts
// follow each other in every tile's list.
void Raster::list_tiles(const View& view) {
    constexpr int kAtOnce = 16;
    const int64_t n = int64_t(splats_.size());
    const int tiles = view.tiles();
    const int team = omp_get_max_threads();
    parts_.resize(team);
    std::vector<int64_t> cursor(size_t(team) * tiles, 0), first_entry(team + 1, 0);
    entry_begin_.resize(n + 1);
#pragma omp parallel for schedule(static, 1)
    for (int t = 0; t < team; ++t) {
        int64_t* counts = cursor.data() + size_t(t) * tiles;
        std::vector<TileEntry>& mine = parts_[t];
        size_t used = 0;
        for (int64_t k = n * t / team; k < n * (t + 1) / team; k += kAtOnce) {
            const int64_t end = std::min(k + kAtOnce, n * (t + 1) / team);
            const size_t room = used + size_t(kAtOnce) * tiles + 2;
            if (mine.size() < room) mine.resize(2 * room);
            int32_t found[kAtOnce];
            const int all = kernels_.tile_entries(splats_.data(), view, int(k), int(end), found,
                                                  mine.data() + used);
            int64_t entry = int64_t(used);
            for (int64_t j = k; j < end; entry += found[j++ - k]) entry_begin_[j] = entry;
            for (int e = 0; e < all; ++e) ++counts[mine[used + e].tile];
            used += all;
        }
        first_entry[t + 1] = int64_t(used);
    }
    for (int t = 0; t < team; ++t) first_entry[t + 1] += first_entry[t];
    tile_begin_.resize(tiles + 1);
    int64_t total = 0;
    for (int tile = 0; tile < tiles; ++tile) {
        tile_begin_[tile] = total;
        for (int t = 0; t < team; ++t)
            total += std::exchange(cursor[size_t(t) * tiles + tile], total);
    }
    tile_begin_[tiles] = entry_begin_[n] = total;
    if (total > kMaxEntries)
        throw std::length_error("over 2^30 pairs of Gaussian and tile: the Gaussians are too large");
    keys_.resize(total);
    entry_splat_.resize(total);
#pragma omp parallel for schedule(static, 1)
    for (int t = 0; t < team; ++t) {
        int64_t* next = cursor.data() + size_t(t) * tiles;
        const int64_t before = first_entry[t], count = first_entry[t + 1] - before;
        for (int64_t k = n * t / team; k < n * (t + 1) / team; ++k) entry_begin_[k] += before;
        for (int64_t e = 0; e < count; ++e) {
            const TileEntry& entry = parts_[t][e];
            uint32_t depth;  // of positive floats, the bits are in the order of the numbers
            std::memcpy(&depth, &entry.z, sizeof depth);
            entry_splat_[before + e] = entry.splat;
            keys_[next[entry.tile]++] = uint64_t(depth) << 32 | uint32_t(before + e);
        }
    }
}

// Front to back in every tile; equal depths stay in the order of the Gaussians.
void Raster::sort_tiles(const View& view) {
    const int tiles = view.tiles();
    tile_list_.resize(keys_.size());
    tile_entry_.resize(keys_.size());
#pragma omp parallel
    {
        std::vector<uint64_t> scratch;
#pragma omp for schedule(dynamic, 16)
        for (int tile = 0; tile < tiles; ++tile) {
            const int64_t begin = tile_begin_[tile], end = tile_begin_[tile + 1];
            sort_keys(keys_.data() + begin, size_t(end - begin), scratch);
            for (int64_t k = begin; k < end; ++k) {
                tile_entry_[k] = int32_t(uint32_t(keys_[k]));
                tile_list_[k] = entry_splat_[tile_entry_[k]];
            }
        }
    }
}

void Raster::backward(const GaussianArrays& gaussians, const View& view,
                      const PlaneGradients& gradients, GradientRows& rows) {
    const int tiles = view.tiles();
    const int64_t n = int64_t(splats_.size());
    entry_sums_.resize(tile_list_.size());
#pragma omp parallel for schedule(dynamic, 4)
    for (int t = 0; t < tiles; ++t)
        kernels_.blend_backward(splats_.data(), list_of(t), view, t, planes_, gradients,
                                entry_sums_.data());
    splat_sums_.resize(n);
    rows.resize(n, gaussians.sh_rest);
    const GaussianGradients out = rows.view();
    std::vector<double> pose(6 * ((n + kChunk - 1) / kChunk), 0.0);
    for_chunks(n, [&](int64_t chunk, int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
            float total[kSums] = {};
            for (int64_t e = entry_begin_[k]; e < entry_begin_[k + 1]; ++e) {
                const float* sums = reinterpret_cast<const float*>(&entry_sums_[e]);
                for (int j = 0; j < kSums; ++j) total[j] += sums[j];
            }
            std::memcpy(&splat_sums_[k], total, sizeof total);
        }
        kernels_.project_backward(gaussians, view, splats_.data(), splat_sums_.data(), int(begin),
                                  int(end), out, pose.data() + 6 * chunk);
    });
    std::fill_n(rows.pose, 6, 0.0);
    for (size_t k = 0; k < pose.size(); ++k) rows.pose[k % 6] += pose[k];
}

void Raster::contributions(const View& view, int cell_px, std::vector<float>& weights) {
    const int tiles = view.tiles(), cells = (kTile / cell_px) * (kTile / cell_px);
    weights.resize(tile_list_.size() * cells);
#pragma omp parallel for schedule(dynamic, 4)
    for (int t = 0; t < tiles; ++t)
        kernels_.contributions(splats_.data(), list_of(t), view, t, cell_px, weights.data());
}

}  // namespace g3d
