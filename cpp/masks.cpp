#include "masks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace g3d {

void reduce_frame(const uint8_t* rgb, const float* depth_m, int height, int width, int stride,
                  float max_depth_m, int h, int w, float* depth, float* color) {
    const float each = 1.0f / float(stride * stride);
    for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x) {
            float near = std::numeric_limits<float>::infinity();
            int sum[3] = {0, 0, 0};
            for (int dv = 0; dv < stride; ++dv)
                for (int du = 0; du < stride; ++du) {
                    const int v = y * stride + dv, u = x * stride + du;
                    const uint8_t* pixel =
                        rgb + 3 * (int64_t(std::min(v, height - 1)) * width + std::min(u, width - 1));
                    for (int c = 0; c < 3; ++c) sum[c] += pixel[c];
                    if (v >= height || u >= width) continue;
                    const float d = depth_m[int64_t(v) * width + u];
                    if (d > 0 && d <= max_depth_m) near = std::min(near, d);
                }
            const int64_t at = int64_t(y) * w + x;
            for (int c = 0; c < 3; ++c) color[3 * at + c] = float(sum[c]) * each;
            const float reach = 0.015f + 1.02f * near;
            float total = 0, count = 0;
            for (int dv = 0; dv < stride && y * stride + dv < height; ++dv)
                for (int du = 0; du < stride && x * stride + du < width; ++du) {
                    const float d = depth_m[int64_t(y * stride + dv) * width + x * stride + du];
                    if (d > 0 && d <= max_depth_m && d < reach) total += d, ++count;
                }
            depth[at] = total / std::max(count, 1.0f);
        }
}

void normals_of(const float* depth, const float* rays, int h, int w, float fx, float fy,
                float* normals) {
    const int64_t n = int64_t(h) * w;
    std::vector<float> sum(n), count(n), low(n), high(n), smooth(n), nearest(n), farthest(n);
    constexpr float kFar = 1e9f;
    for (int y = 0; y < h; ++y)  // along rows
        for (int x = 0; x < w; ++x) {
            float s = 0, k = 0, a = kFar, b = 0;
            for (int u = std::max(0, x - 2); u <= std::min(w - 1, x + 2); ++u) {
                const float d = depth[int64_t(y) * w + u];
                if (d <= 0) continue;
                s += 1 / d;
                ++k;
                a = std::min(a, d);
                b = std::max(b, d);
            }
            const int64_t at = int64_t(y) * w + x;
            sum[at] = s, count[at] = k, low[at] = a, high[at] = b;
        }
    for (int y = 0; y < h; ++y) {  // along columns
        const int64_t row = int64_t(y) * w;
        for (int x = 0; x < w; ++x) nearest[row + x] = kFar;
        std::vector<float> s(w, 0.0f), k(w, 0.0f);
        for (int v = std::max(0, y - 2); v <= std::min(h - 1, y + 2); ++v)
            for (int x = 0; x < w; ++x) {
                const int64_t at = int64_t(v) * w + x;
                s[x] += sum[at];
                k[x] += count[at];
                nearest[row + x] = std::min(nearest[row + x], low[at]);
                farthest[row + x] = std::max(farthest[row + x], high[at]);
            }
        for (int x = 0; x < w; ++x) smooth[row + x] = k[x] > 0 ? s[x] / k[x] : 0;
    }
    for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x) {
            const int64_t at = int64_t(y) * w + x;
            float* out = normals + 3 * at;
            out[0] = out[1] = out[2] = 0;
            const float d = depth[at];
            if (d <= 0 || farthest[at] - nearest[at] >= 0.03f + 0.25f * d) continue;
            const bool u_inside = x >= 2 && x < w - 2, v_inside = y >= 2 && y < h - 2;
            const float gx = u_inside ? (smooth[at + 2] - smooth[at - 2]) / 4 * fx : 0;
            const float gy = v_inside ? (smooth[at + 2 * w] - smooth[at - 2 * w]) / 4 * fy : 0;
            // 1/z = -(n . ray)/offset on a plane, so its gradient gives n up to the sign
            const float gz = smooth[at] - rays[3 * at] * gx - rays[3 * at + 1] * gy;
            const float length = std::sqrt(gx * gx + gy * gy + gz * gz);
            if (length <= 0) continue;
            const float scale = -1 / std::max(length, 1e-9f);
            out[0] = gx * scale, out[1] = gy * scale, out[2] = gz * scale;
        }
}

namespace {

int32_t root_of(std::vector<int32_t>& parent, int32_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

}  // namespace

int connect(const float* points, const uint8_t* mask, const float* reach, const float* pitch, int h,
            int w, const std::vector<int>& steps, int32_t* pieces) {
    const int64_t n = int64_t(h) * w;
    std::vector<int32_t> parent(n);
    for (int64_t i = 0; i < n; ++i) parent[i] = int32_t(i);
    for (size_t k = 0; k + 1 < steps.size(); k += 2) {
        const int dv = steps[k], du = steps[k + 1];
        const float length = std::sqrt(float(dv * dv + du * du));
        for (int y = 0; y + dv < h; ++y)
            for (int x = std::max(0, -du); x < w - std::max(0, du); ++x) {
                const int64_t a = int64_t(y) * w + x, b = a + int64_t(dv) * w + du;
                if (!mask[a] || !mask[b]) continue;
                const float* p = points + 3 * a;
                const float* q = points + 3 * b;
                const float gx = p[0] - q[0], gy = p[1] - q[1], gz = p[2] - q[2];
                const float limit = reach[a] + pitch[a] * length;
                if (gx * gx + gy * gy + gz * gz >= limit * limit) continue;
                const int32_t i = root_of(parent, int32_t(a)), j = root_of(parent, int32_t(b));
                parent[std::max(i, j)] = std::min(i, j);
            }
    }
    int count = 0;
    for (int64_t i = 0; i < n; ++i) {  // a root is the first pixel of its piece
        if (!mask[i]) pieces[i] = 0;
        else if (parent[i] == i) pieces[i] = ++count;
        else pieces[i] = pieces[root_of(parent, int32_t(i))];
    }
    return count;
}

namespace {

// Dilation by the eight neighbours, or erosion, where what is outside the image counts as set.
void spread(const std::vector<uint8_t>& from, int h, int w, bool erode, std::vector<uint8_t>& to) {
    std::vector<uint8_t> rows(from);
    for (int y = 0; y < h; ++y)
        for (int v : {y - 1, y + 1}) {
            if (v < 0 || v >= h) continue;
            const uint8_t* other = from.data() + int64_t(v) * w;
            uint8_t* out = rows.data() + int64_t(y) * w;
            for (int x = 0; x < w; ++x) out[x] = erode ? out[x] & other[x] : out[x] | other[x];
        }
    to = rows;
    for (int y = 0; y < h; ++y) {
        const uint8_t* row = rows.data() + int64_t(y) * w;
        uint8_t* out = to.data() + int64_t(y) * w;
        for (int x = 1; x < w; ++x) out[x] = erode ? out[x] & row[x - 1] : out[x] | row[x - 1];
        for (int x = 0; x + 1 < w; ++x) out[x] = erode ? out[x] & row[x + 1] : out[x] | row[x + 1];
    }
}

}  // namespace

void band(const float* points, const uint8_t* valid, const float* sigma, const float* area, int h,
          int w, const float normal[3], float offset, float slack, float least_m2, uint8_t* bits) {
    const int64_t n = int64_t(h) * w;
    std::vector<uint8_t> close(n), core, big(n, 0);
    for (int64_t i = 0; i < n; ++i) {
        const float* p = points + 3 * i;
        const float along = p[0] * normal[0] + p[1] * normal[1] + p[2] * normal[2];
        // noise along the ray, seen along the normal, is sigma |along| / z
        close[i] = valid[i] && (std::fabs(along + offset) - slack) * p[2] <
                                   3 * sigma[i] * std::fabs(along);
    }
    spread(close, h, w, true, core);
    std::vector<uint8_t> wide;
    spread(core, h, w, false, wide);
    std::vector<int64_t> stack, piece;
    for (int64_t start = 0; start < n; ++start) {
        if (wide[start] != 1) continue;
        double total = 0;
        piece.clear();
        stack.assign(1, start);
        wide[start] = 2;
        while (!stack.empty()) {
            const int64_t i = stack.back();
            stack.pop_back();
            piece.push_back(i);
            total += area[i];
            const int y = int(i / w), x = int(i % w);
            for (int v = std::max(0, y - 1); v <= std::min(h - 1, y + 1); ++v)
                for (int u = std::max(0, x - 1); u <= std::min(w - 1, x + 1); ++u) {
                    const int64_t j = int64_t(v) * w + u;
                    if (wide[j] != 1) continue;
                    wide[j] = 2;
                    stack.push_back(j);
                }
        }
        if (total > least_m2)
            for (const int64_t i : piece) big[i] = 1;
    }
    spread(big, h, w, false, core);
    spread(core, h, w, false, big);
    for (int64_t i = 0; i < n; ++i) bits[i] = close[i] & big[i];
}

void sum_3x3(const uint8_t* rgb, int height, int width, int16_t* sums) {
    std::vector<int16_t> rows(size_t(width) * 3);
    for (int y = 0; y < height; ++y) {
        const uint8_t* up = rgb + int64_t(std::max(y - 1, 0)) * width * 3;
        const uint8_t* mid = rgb + int64_t(y) * width * 3;
        const uint8_t* down = rgb + int64_t(std::min(y + 1, height - 1)) * width * 3;
        for (int i = 0; i < 3 * width; ++i) rows[i] = int16_t(up[i] + mid[i] + down[i]);
        int16_t* out = sums + int64_t(y) * width * 3;
        for (int i = 3; i < 3 * width - 3; ++i) out[i] = int16_t(rows[i - 3] + rows[i] + rows[i + 3]);
        for (int c = 0; c < 3; ++c) {
            const int last = 3 * (width - 1) + c;
            const int16_t right = rows[width > 1 ? 3 + c : c];
            const int16_t left = rows[width > 1 ? last - 3 : last];
            out[c] = int16_t(2 * rows[c] + right);
            out[last] = int16_t(left + 2 * rows[last]);
            if (width == 1) out[c] = int16_t(3 * rows[c]);
        }
    }
}

void vote(int32_t* full, int32_t* sure, const uint8_t* reach, const int16_t* colors,
          const float* depth_m, int height, int width, const std::vector<int>& steps,
          float per_color) {
    struct Choice {
        int64_t at;
        int32_t label;
    };
    std::vector<Choice> chosen;
    std::vector<float> far;
    for (size_t k = 0; k + 1 < steps.size(); k += 2)
        far.push_back(float(std::hypot(double(steps[k]), double(steps[k + 1])) / 10));
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const int64_t at = int64_t(y) * width + x;
            if (sure[at] != 0 || !reach[at]) continue;
            const int16_t* own = colors + 3 * at;
            const float own_depth = depth_m[at], scale = 1 / (0.01f + 0.01f * own_depth);
            float best = std::numeric_limits<float>::infinity();
            int32_t label = 0;
            for (size_t k = 0; k < far.size(); ++k) {
                const int v = std::clamp(y + steps[2 * k], 0, height - 1);
                const int u = std::clamp(x + steps[2 * k + 1], 0, width - 1);
                const int64_t there = int64_t(v) * width + u;
                if (sure[there] == 0) continue;
                const int16_t* other = colors + 3 * there;
                int difference = 0;
                for (int c = 0; c < 3; ++c) difference += std::abs(other[c] - own[c]);
                float step = 1;
                if (own_depth > 0 && depth_m[there] > 0)
                    step = std::min(std::fabs(depth_m[there] - own_depth) * scale, 6.0f);
                const float cost = float(difference) * per_color + step + far[k];
                if (cost < best) best = cost, label = sure[there];
            }
            if (label != 0) chosen.push_back({at, label});
        }
    for (const Choice& c : chosen) full[c.at] = sure[c.at] = c.label;
}

}  // namespace g3d
