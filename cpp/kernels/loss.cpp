// The training loss and its gradient by the rendered planes; see scene/splat/engine.py for the terms.
//
// SSIM (Wang et al. 2004) needs blurred X, Y, X^2 + Y^2 and X Y only, since the variances enter as
// their sum. Its gradient by X is blur(u) + 2 X blur(v) + Y blur(w) with u, v, w the derivatives by
// the blurred quantities, each blur being its own transpose. Blurs are separable: `loss_ssim_row`
// blurs down, then along one evaluated row, differentiates, and blurs along the row again;
// `loss_gather` blurs down the image, where a pixel hears of the rows that saw it.
#include "simd.hpp"
#include "tables.hpp"

namespace G3D_ISA {

namespace {

constexpr int kRadius = 5;
constexpr float kC1 = 0.01f * 0.01f, kC2 = 0.03f * 0.03f;
// exp(-k^2 / (2 1.5^2)), normalised over k = -5 .. 5
constexpr float kWindow[11] = {0.00102838f, 0.00759876f, 0.03600077f, 0.10936069f,
                               0.21300553f, 0.26601172f, 0.21300553f, 0.10936069f,
                               0.03600077f, 0.00759876f, 0.00102838f};

constexpr int kMaxWidth = 16384;  // checked by the caller
constexpr int kMargin = kTile;    // zeros before and after a row, so that windows may hang over

double add_up(const V& a) { return sum(a); }

// Lanes of a row's vector that lie left of `end`.
Mask lanes_before(int x, int end) { return lane_numbers() < splat(float(end - x)); }

}  // namespace

// rho(D - A Z) and 1 - A where depth was measured.
static void depth_row(const LossImages& im, const View& view, const LossSettings& loss, int y,
                      int64_t depth_pixels, RowSums& sums) {
    const int64_t offset = int64_t(y) * view.padded_width();
    const float* Z = im.depth_m + int64_t(y) * view.width;
    const float share = depth_pixels ? 1.0f / depth_pixels : 0;
    const V decay = splat(-1.4426950408889634f / loss.depth_cutoff_m);
    const V pull = splat(share * loss.depth), fill = splat(share * loss.coverage);
    V error = V{}, saturating = V{}, transparency = V{}, pixels = V{};
    for (int x = 0; x < view.padded_width(); x += kLanes) {
        alignas(64) float measured[kLanes] = {};
        for (int k = 0; k < kLanes && x + k < view.width; ++k) measured[k] = Z[x + k];
        const V z = load(measured);
        const Mask known = z > V{};
        const V A = load(im.rendered->alpha + offset + x);
        const V e = only(known, load(im.rendered->depth + offset + x) - A * z);
        const V kept = exp2(max(abs(e) * decay, splat(-126)));
        const V slope = only(abs(e) > V{}, copysign(pull * kept, e));
        store(im.gradient_depth + offset + x, slope);
        store(im.gradient_alpha + offset + x, only(known, splat(-1) * slope * z - fill));
        error = error + abs(e);
        saturating = saturating + only(known, splat(1) - kept);
        transparency = transparency + only(known, splat(1) - A);
        pixels = pixels + only(known, splat(1));
    }
    sums.depth_error += add_up(error);
    sums.depth_loss += loss.depth_cutoff_m * add_up(saturating);
    sums.transparency += add_up(transparency);
    sums.depth_pixels += int64_t(add_up(pixels));
}

// Exposure, target and the terms without SSIM, for one image row.
void loss_pixels(const LossImages& im, const View& view, const LossSettings& loss, int y,
                 int64_t depth_pixels, RowSums& sums) {
    const int64_t offset = int64_t(y) * view.padded_width();
    const float per_value = loss.l1 / (3.0f * view.width * view.height);
    const float* A = im.rendered->alpha + offset;
    for (int c = 0; c < 3; ++c) {
        float* X = im.rendered_exposed + c * view.plane() + offset;
        float* Y = im.target + c * view.plane() + offset;
        float* gradient = im.gradient_rgb[c] + offset;
        const float* C = im.rendered->rgb[c] + offset;
        for (int x = 0; x < view.width; ++x)
            Y[x] = im.rgb[(int64_t(y) * view.width + x) * 3 + c] * (1 / 255.0f);
        V l1 = V{}, squared = V{};
        for (int x = 0; x < view.padded_width(); x += kLanes) {
            const V drawn = load(C + x) + (splat(1) - load(A + x)) * splat(view.background[c]);
            const V value = splat(im.exposure[c]) * drawn + splat(im.exposure[3 + c]);
            const Mask valid = lanes_before(x, view.width);
            const V error = only(valid, value - load(Y + x));
            store(X + x, only(valid, value));
            l1 = l1 + abs(error);
            squared = squared + error * error;
            const Mask differs = abs(error) > V{};
            store(gradient + x, only(differs, copysign(splat(per_value), error)));
        }
        sums.l1 += add_up(l1);
        sums.squared += add_up(squared);
    }
    float* g_depth = im.gradient_depth + offset;
    float* g_alpha = im.gradient_alpha + offset;
    if (!im.depth_m) {
        for (int x = 0; x < view.padded_width(); ++x) g_depth[x] = g_alpha[x] = 0;
        return;
    }
    depth_row(im, view, loss, y, depth_pixels, sums);
}

void loss_ssim_row(const LossImages& im, const View& view, const LossSettings& loss, int channel,
                   int evaluated, RowSums& sums) {
    const int stride = view.padded_width();
    const int rows = (view.height - 2 * kRadius - loss.ssim_phase + loss.ssim_stride - 1) /
                     loss.ssim_stride;
    const int y = kRadius + loss.ssim_phase + evaluated * loss.ssim_stride;
    const float* X = im.rendered_exposed + channel * view.plane() + int64_t(y) * stride;
    const float* Y = im.target + channel * view.plane() + int64_t(y) * stride;
    // blurred down, with margins
    alignas(64) static thread_local float column[4][kMaxWidth + 2 * kMargin];
    alignas(64) static thread_local float slope[3][kMaxWidth + 2 * kMargin];
    for (int x = 0; x < stride; x += kLanes) {
        V mx = V{}, my = V{}, s = V{}, p = V{};
        for (int k = -kRadius; k <= kRadius; ++k) {
            const V w = splat(kWindow[k + kRadius]);
            const V a = load(X + int64_t(k) * stride + x), b = load(Y + int64_t(k) * stride + x);
            mx = mx + w * a;
            my = my + w * b;
            s = s + w * (a * a + b * b);
            p = p + w * (a * b);
        }
        store(column[0] + kMargin + x, mx);
        store(column[1] + kMargin + x, my);
        store(column[2] + kMargin + x, s);
        store(column[3] + kMargin + x, p);
    }
    const int width = view.width;
    const double count = 3.0 * rows * (width - 2 * kRadius);
    const float weight = float(-loss.ssim / count);
    V total = V{};
    for (int x = 0; x < stride; x += kLanes) {
        V blurred[4] = {V{}, V{}, V{}, V{}};
        for (int k = -kRadius; k <= kRadius; ++k)
            for (int j = 0; j < 4; ++j)
                blurred[j] = blurred[j] +
                             splat(kWindow[k + kRadius]) * load(column[j] + kMargin + x + k);
        const V mx = blurred[0], my = blurred[1], cross = mx * my, both = mx * mx + my * my;
        const V two = splat(2);
        const V a1 = two * cross + splat(kC1), a2 = two * (blurred[3] - cross) + splat(kC2);
        const V b1 = both + splat(kC1), b2 = blurred[2] - both + splat(kC2);
        const V inverse = splat(1) / (b1 * b2);
        const V ssim = a1 * a2 * inverse;
        const Mask valid = (lane_numbers() > splat(float(kRadius - x) - 0.5f)) &
                          lanes_before(x, width - kRadius);
        total = total + only(valid, ssim);
        // by the mean, by blur(X^2 + Y^2), by blur(X Y)
        const V g_mx = two * inverse * (my * (a2 - a1) + ssim * mx * (b1 - b2));
        const V g_s = splat(-1) * ssim * b1 * inverse;
        const V g_p = two * a1 * inverse;
        const V scale = splat(weight);
        store(slope[0] + kMargin + x, only(valid, scale * g_mx));
        store(slope[1] + kMargin + x, only(valid, scale * g_s));
        store(slope[2] + kMargin + x, only(valid, scale * g_p));
    }
    sums.ssim += add_up(total);
    for (int j = 0; j < 3; ++j) {
        for (int k = 0; k < kMargin; ++k) slope[j][kMargin + stride + k] = 0;
        float* out = im.ssim_rows + ((int64_t(channel) * rows + evaluated) * 3 + j) * stride;
        for (int x = 0; x < stride; x += kLanes) {
            V blurred = V{};
            for (int k = -kRadius; k <= kRadius; ++k)
                blurred = blurred +
                          splat(kWindow[k + kRadius]) * load(slope[j] + kMargin + x + k);
            store(out + x, blurred);
        }
    }
}

// Adds SSIM's gradient for one image row, then takes the exposure out of the gradient.
void loss_gather(const LossImages& im, const View& view, const LossSettings& loss, int y,
                 RowSums& sums) {
    const int stride = view.padded_width();
    const int64_t offset = int64_t(y) * stride;
    const int rows = (view.height - 2 * kRadius - loss.ssim_phase + loss.ssim_stride - 1) /
                     loss.ssim_stride;
    const int first = kRadius + loss.ssim_phase;  // the evaluated rows: first + n * ssim_stride
    int low = y - kRadius - first;
    low = low <= 0 ? 0 : (low + loss.ssim_stride - 1) / loss.ssim_stride;
    int high = y + kRadius - first;
    high = high < 0 ? -1 : high / loss.ssim_stride;
    if (high >= rows) high = rows - 1;
    for (int c = 0; c < 3; ++c) {
        const float* X = im.rendered_exposed + c * view.plane() + offset;
        const float* Y = im.target + c * view.plane() + offset;
        float* gradient = im.gradient_rgb[c] + offset;
        float* g_alpha = im.gradient_alpha + offset;
        const float* C = im.rendered->rgb[c] + offset;
        const float* A = im.rendered->alpha + offset;
        V gain = V{}, shift = V{};
        for (int x = 0; x < stride; x += kLanes) {
            V g = load(gradient + x);
            if (loss.ssim != 0 && low <= high) {
                V u = V{}, v = V{}, w = V{};
                for (int n = low; n <= high; ++n) {
                    const V k = splat(kWindow[first + n * loss.ssim_stride - y + kRadius]);
                    const float* row = im.ssim_rows + (int64_t(c) * rows + n) * 3 * stride + x;
                    u = u + k * load(row);
                    v = v + k * load(row + stride);
                    w = w + k * load(row + 2 * stride);
                }
                g = g + u + splat(2) * load(X + x) * v + load(Y + x) * w;
            }
            const V drawn = load(C + x) + (splat(1) - load(A + x)) * splat(view.background[c]);
            gain = gain + only(lanes_before(x, view.width), g * drawn);
            shift = shift + g;
            const V before = splat(im.exposure[c]) * g;
            store(gradient + x, before);
            // the background shows through: C + (1 - A) background
            store(g_alpha + x, load(g_alpha + x) - before * splat(view.background[c]));
        }
        sums.gain[c] += add_up(gain);
        sums.offset[c] += add_up(shift);
    }
}

}  // namespace G3D_ISA
