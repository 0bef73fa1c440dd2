// The Python module grounding3d._core. Arrays come in as contiguous float32; shapes are checked by
// the Python side, which owns the error texts.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <omp.h>

#include <algorithm>

#include <cmath>
#include <cstring>
#include <mutex>

#include "lifting.hpp"
#include "masks.hpp"
#include "trainer.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace g3d;

namespace {

template <typename T>
using Input = nb::ndarray<const T, nb::numpy, nb::c_contig, nb::device::cpu>;
template <typename T>
using InPlace = nb::ndarray<T, nb::numpy, nb::c_contig, nb::device::cpu>;
template <typename T>
using Output = nb::ndarray<T, nb::numpy>;

template <typename T>
Output<T> to_numpy(std::vector<T>&& values, std::vector<size_t> shape) {
    auto* owned = new std::vector<T>(std::move(values));
    nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
    return Output<T>(owned->data(), shape.size(), shape.data(), owner);
}

Output<float> unfilled(std::vector<size_t> shape) {
    size_t size = 1;
    for (const size_t n : shape) size *= n;
    auto* values = new float[size];
    nb::capsule owner(values, [](void* p) noexcept { delete[] static_cast<float*>(p); });
    return Output<float>(values, shape.size(), shape.data(), owner);
}

KernelTable const& kernels_named(const std::string& name) {
    if (name.empty()) return best_kernels();
    for (const KernelTable* table : usable_kernels())
        if (table->name == name) return *table;
    throw nb::value_error(("no such instruction set here: " + name).c_str());
}

// matrix: [4,4] world to camera; intrinsics: fx, fy, cx, cy.
View make_view(Input<double> T_cam_world, Input<double> intrinsics, int width, int height,
               Input<float> background, int sh_degree) {
    View view{};
    const double* T = T_cam_world.data();
    for (int r = 0; r < 3; ++r) {
        for (int c = 0; c < 3; ++c) view.rotation[3 * r + c] = float(T[4 * r + c]);
        view.translation[r] = float(T[4 * r + 3]);
        view.center[r] = float(-(T[r] * T[3] + T[4 + r] * T[7] + T[8 + r] * T[11]));
        view.background[r] = background.data()[r];
    }
    const double* k = intrinsics.data();
    view.fx = float(k[0]);
    view.fy = float(k[1]);
    view.cx = float(k[2]);
    view.cy = float(k[3]);
    view.width = width;
    view.height = height;
    view.sh_degree = sh_degree;
    return view;
}

GaussianArrays make_arrays(const std::vector<Input<float>>& a, bool raw) {
    return {a[0].data(), a[1].data(), a[2].data(), a[3].data(), a[4].data(), a[5].data(),
            int(a[0].shape(0)), int(a[5].shape(1)), raw};
}

// Padded planes to one interleaved [H,W,C] array.
std::vector<float> interleave(const float* const* planes, int count, const View& view) {
    std::vector<float> out(size_t(view.width) * view.height * count);
#pragma omp parallel for schedule(static)
    for (int y = 0; y < view.height; ++y)
        for (int c = 0; c < count; ++c) {
            const float* row = planes[c] + int64_t(y) * view.padded_width();
            float* to = out.data() + size_t(y) * view.width * count + c;
            for (int x = 0; x < view.width; ++x) to[size_t(x) * count] = row[x];
        }
    return out;
}

// One [H,W,C] array to padded planes, zero outside the image.
std::vector<float> pad(const float* image, int count, const View& view) {
    std::vector<float> out(view.plane() * count, 0.0f);
    for (int y = 0; y < view.height; ++y)
        for (int x = 0; x < view.width; ++x)
            for (int c = 0; c < count; ++c)
                out[c * view.plane() + int64_t(y) * view.padded_width() + x] =
                    image[(size_t(y) * view.width + x) * count + c];
    return out;
}

CodeSums code_sums(const InPlace<uint16_t>& codes, const InPlace<float>& weights,
                   const Input<uint8_t>& alike, float* seen) {
    return {codes.data(), weights.data(), seen, int(codes.shape(1)), alike.data(),
            int64_t(alike.shape(0))};
}

// [n] relevancy of codes [k,n] with weights [k,n]; see kernels.hpp.
Output<float> relevancy(const Input<uint16_t>& codes, const Input<float>& weights,
                        const Input<float>& cosines, const Input<float>& rival, float scale) {
    constexpr int64_t kPart = 1 << 15;
    const int k = int(codes.shape(0));
    const int64_t n = int64_t(codes.shape(1));
    auto* out = new float[n];
    nb::capsule owner(out, [](void* p) noexcept { delete[] static_cast<float*>(p); });
    {
        nb::gil_scoped_release release;
        const KernelTable& kernels = best_kernels();
#pragma omp parallel for schedule(static) if (n > 2 * kPart)
        for (int64_t part = 0; part < (n + kPart - 1) / kPart; ++part)
            kernels.relevancy(codes.data(), weights.data(), cosines.data(), rival.data(), scale, k,
                              n, part * kPart, std::min(n, (part + 1) * kPart), out);
    }
    const size_t shape[1] = {size_t(n)};
    return Output<float>(out, 1, shape, owner);
}

// values[codes], [n]. On one thread: waking others takes as long as a million look-ups.
Output<float> look_up(const Input<uint16_t>& codes, const Input<float>& values) {
    const int64_t n = int64_t(codes.shape(0));
    auto* out = new float[n];
    nb::capsule owner(out, [](void* p) noexcept { delete[] static_cast<float*>(p); });
    {
        nb::gil_scoped_release release;
        best_kernels().look_up(codes.data(), values.data(), 0, n, out);
    }
    const size_t shape[1] = {size_t(n)};
    return Output<float>(out, 1, shape, owner);
}

// See masks.hpp.
nb::tuple reduced(const Input<uint8_t>& rgb, const Input<float>& depth_m, int stride,
                  float max_depth_m) {
    const int height = int(depth_m.shape(0)), width = int(depth_m.shape(1));
    const size_t h = (height + stride - 1) / stride, w = (width + stride - 1) / stride;
    std::vector<float> depth(h * w), color(h * w * 3);
    {
        nb::gil_scoped_release release;
        reduce_frame(rgb.data(), depth_m.data(), height, width, stride, max_depth_m, int(h), int(w),
                     depth.data(), color.data());
    }
    return nb::make_tuple(to_numpy(std::move(depth), {h, w}), to_numpy(std::move(color), {h, w, 3}));
}

Output<float> normals(const Input<float>& depth, const Input<float>& rays, float fx, float fy) {
    const size_t h = depth.shape(0), w = depth.shape(1);
    std::vector<float> out(h * w * 3);
    {
        nb::gil_scoped_release release;
        normals_of(depth.data(), rays.data(), int(h), int(w), fx, fy, out.data());
    }
    return to_numpy(std::move(out), {h, w, 3});
}

nb::tuple connected(const Input<float>& points, const Input<uint8_t>& mask,
                    const Input<float>& reach, const Input<float>& pitch,
                    const std::vector<int>& steps) {
    const size_t h = mask.shape(0), w = mask.shape(1);
    std::vector<int32_t> pieces(h * w);
    int count;
    {
        nb::gil_scoped_release release;
        count = connect(points.data(), mask.data(), reach.data(), pitch.data(), int(h), int(w),
                        steps, pieces.data());
    }
    return nb::make_tuple(to_numpy(std::move(pieces), {h, w}), count);
}

Output<uint8_t> plane_band(const Input<float>& points, const Input<uint8_t>& valid,
                           const Input<float>& sigma, const Input<float>& area,
                           const std::vector<float>& plane, float slack, float least_m2) {
    const size_t h = valid.shape(0), w = valid.shape(1);
    std::vector<uint8_t> bits(h * w);
    {
        nb::gil_scoped_release release;
        band(points.data(), valid.data(), sigma.data(), area.data(), int(h), int(w), plane.data(),
             plane[3], slack, least_m2, bits.data());
    }
    return to_numpy(std::move(bits), {h, w});
}

void vote_twice(const InPlace<int32_t>& full, const InPlace<int32_t>& sure,
                const Input<uint8_t>& reach, const Input<uint8_t>& rgb,
                const Input<float>& depth_m, const std::vector<int>& steps, float per_color) {
    const int height = int(full.shape(0)), width = int(full.shape(1));
    nb::gil_scoped_release release;
    std::vector<int16_t> colors(size_t(height) * width * 3);
    sum_3x3(rgb.data(), height, width, colors.data());
    for (int pass = 0; pass < 2; ++pass)
        vote(full.data(), sure.data(), reach.data(), colors.data(), depth_m.data(), height, width,
             steps, per_color);
}

class PyRaster {
  public:
    explicit PyRaster(const std::string& isa) : raster_(kernels_named(isa)) {}

    nb::tuple render(const std::vector<Input<float>>& gaussians, const View& view,
                     const Input<float>& channels) {
        const int count = int(channels.shape(1));
        const size_t H = view.height, W = view.width;
        Output<float> rgb = unfilled({H, W, 3}), depth = unfilled({H, W}), alpha = unfilled({H, W});
        std::vector<float> blended, planes;
        {
            nb::gil_scoped_release release;
            const std::lock_guard<std::mutex> lock(mutex_);
            planes.resize(view.plane() * count);
            const Picture picture{rgb.data(), depth.data(), alpha.data()};
            raster_.forward(make_arrays(gaussians, false), view, &picture, channels.data(), count,
                            count ? planes.data() : nullptr);
            std::vector<const float*> rows;
            for (int c = 0; c < count; ++c) rows.push_back(planes.data() + c * view.plane());
            blended = interleave(rows.data(), count, view);
        }
        return nb::make_tuple(rgb, depth, alpha,
                              to_numpy(std::move(blended), {H, W, size_t(count)}));
    }

    nb::tuple contributions(const std::vector<Input<float>>& gaussians, const View& view,
                            int cell_px) {
        std::vector<int32_t> cell, gaussian;
        std::vector<float> weight;
        {
            nb::gil_scoped_release release;
            const std::lock_guard<std::mutex> lock(mutex_);
            raster_.prepare(make_arrays(gaussians, false), view);
            std::vector<float> weights;
            raster_.contributions(view, cell_px, weights);
            collect(view, cell_px, weights, cell, gaussian, weight);
        }
        const size_t n = cell.size();
        return nb::make_tuple(to_numpy(std::move(cell), {n}), to_numpy(std::move(gaussian), {n}),
                              to_numpy(std::move(weight), {n}));
    }

    // Adds a view's codes to the sums of the Gaussians it shows; see lifting.hpp.
    // depth: step and offset in pixels, unit and floor of sigma in metres, jump, unknown agreement.
    void lift(const std::vector<Input<float>>& gaussians, const View& view,
              const Input<uint16_t>& codes, const Input<float>& weight, int cell_px,
              const Input<uint16_t>& cell_depth, const Input<uint16_t>& depth, const std::vector<float>& how,
              const InPlace<uint16_t>& slot_codes, const InPlace<float>& slot_weights,
              const InPlace<float>& seen, const Input<uint8_t>& alike) {
        const CodeView from{codes.data(), weight.data(), int(codes.shape(0)), int(codes.shape(1)),
                            cell_px, cell_depth.data(), depth.data(), int(depth.shape(0)), int(depth.shape(1)),
                            how.at(0), how.at(1), how.at(2), how.at(3), how.at(4), how.at(5)};
        const CodeSums sums = code_sums(slot_codes, slot_weights, alike, seen.data());
        nb::gil_scoped_release release;
        const std::lock_guard<std::mutex> lock(mutex_);
        lift_view(raster_, make_arrays(gaussians, false), view, from, sums);
    }

    // Gradients of raw parameters, from those of rgb [H,W,3], expected depth [H,W] and alpha [H,W].
    nb::tuple gradients(const std::vector<Input<float>>& parameters, const View& view,
                        const Input<float>& g_rgb, const Input<float>& g_depth,
                        const Input<float>& g_alpha) {
        GradientRows rows;
        std::vector<float> full[7];
        const size_t n = parameters[0].shape(0), rest = parameters[5].shape(1);
        {
            nb::gil_scoped_release release;
            const std::lock_guard<std::mutex> lock(mutex_);
            const GaussianArrays arrays = make_arrays(parameters, true);
            raster_.forward(arrays, view);
            std::vector<float> rgb = pad(g_rgb.data(), 3, view), depth = pad(g_depth.data(), 1, view),
                               alpha = pad(g_alpha.data(), 1, view);
            fold(view, rgb, depth, alpha);
            const int64_t plane = view.plane();
            raster_.backward(arrays, view,
                             {{rgb.data(), rgb.data() + plane, rgb.data() + 2 * plane},
                              depth.data(), alpha.data()},
                             rows);
            scatter(rows, n, rest, full);
        }
        std::vector<double> pose(rows.pose, rows.pose + 6);
        return nb::make_tuple(
            to_numpy(std::move(full[0]), {n, 3}), to_numpy(std::move(full[1]), {n, 4}),
            to_numpy(std::move(full[2]), {n, 3}), to_numpy(std::move(full[3]), {n}),
            to_numpy(std::move(full[4]), {n, 3}), to_numpy(std::move(full[5]), {n, rest, 3}),
            to_numpy(std::move(pose), {6}), to_numpy(std::move(full[6]), {n, 2}));
    }

    // (Gaussians in view, pairs of Gaussian and tile) of the last call.
    nb::tuple counts() const {
        return nb::make_tuple(raster_.splats().size(), raster_.tile_list().size());
    }

  private:
    // Row by row of cells: from tile-wise sums to lists by cell, front to back within a cell.
    void collect(const View& view, int cell_px, const std::vector<float>& weights,
                 std::vector<int32_t>& cell, std::vector<int32_t>& gaussian,
                 std::vector<float>& weight) const {
        const int side = kTile / cell_px, cells = side * side;
        const int columns = (view.width + cell_px - 1) / cell_px;
        const int rows = (view.height + cell_px - 1) / cell_px;
        const auto visit = [&](int index, auto&& take) {
            const int row = index / columns, column = index % columns;
            const int tile = row / side * view.tiles_x() + column / side;
            const int part = row % side * side + column % side;
            for (int64_t k = raster_.tile_begin()[tile]; k < raster_.tile_begin()[tile + 1]; ++k) {
                const float w = weights[int64_t(raster_.tile_entry()[k]) * cells + part];
                if (w > 0) take(k, w);
            }
        };
        std::vector<int64_t> begin(rows * columns + 1, 0);
#pragma omp parallel for schedule(dynamic, 64)
        for (int k = 0; k < rows * columns; ++k) visit(k, [&](int64_t, float) { ++begin[k + 1]; });
        for (int k = 0; k < rows * columns; ++k) begin[k + 1] += begin[k];
        cell.resize(begin.back());
        gaussian.resize(begin.back());
        weight.resize(begin.back());
#pragma omp parallel for schedule(dynamic, 64)
        for (int k = 0; k < rows * columns; ++k) {
            int64_t at = begin[k];
            visit(k, [&](int64_t position, float w) {
                cell[at] = k;
                gaussian[at] = raster_.splats()[raster_.tile_list()[position]].index;
                weight[at++] = w;
            });
        }
    }

    // Gradients by depth D / A and by rgb over the background become gradients by the planes.
    void fold(const View& view, const std::vector<float>& rgb, std::vector<float>& depth,
              std::vector<float>& alpha) const {
        const Planes& p = raster_.planes();
        const int64_t plane = view.plane();
        for (int64_t k = 0; k < plane; ++k) {
            const float A = p.alpha[k];
            if (A > 0) {
                depth[k] /= A;
                alpha[k] -= depth[k] * p.depth[k] / A;
            } else {
                depth[k] = 0;
            }
            for (int c = 0; c < 3; ++c) alpha[k] -= rgb[c * plane + k] * view.background[c];
        }
    }

    void scatter(const GradientRows& rows, size_t n, size_t rest, std::vector<float> out[7]) const {
        const std::vector<float>* from[7] = {&rows.means, &rows.wxyz, &rows.scales, &rows.logits,
                                             &rows.sh0,   &rows.shN,  &rows.means2d};
        const size_t widths[7] = {3, 4, 3, 1, 3, 3 * rest, 2};
        for (int kind = 0; kind < 7; ++kind) {
            out[kind].assign(n * widths[kind], 0.0f);
            for (size_t k = 0; k < raster_.splats().size(); ++k)
                std::copy_n(from[kind]->data() + k * widths[kind], widths[kind],
                            out[kind].data() + raster_.splats()[k].index * widths[kind]);
        }
    }

    Raster raster_;
    std::mutex mutex_;
};

class PyTrainer {
  public:
    explicit PyTrainer(const std::string& isa) : trainer_(kernels_named(isa)) {}

    void load(const std::vector<Input<float>>& values, const std::vector<Input<float>>& first,
              const std::vector<Input<float>>& second, const Input<int32_t>& steps) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const float *v[6], *m[6], *s[6];
        const bool resume = !first.empty();
        for (int k = 0; k < 6; ++k) {
            v[k] = values[k].data();
            m[k] = resume ? first[k].data() : nullptr;
            s[k] = resume ? second[k].data() : nullptr;
        }
        trainer_.load(int(values[0].shape(0)), int(values[5].shape(1)), v, m, s,
                      resume ? steps.data() : nullptr);
    }

    nb::tuple step(const View& view, const Input<uint8_t>& rgb, const Input<float>& depth_m,
                   const Input<float>& exposure, const LossSettings& loss, const AdamRates& rates) {
        StepReport report;
        {
            nb::gil_scoped_release release;
            const std::lock_guard<std::mutex> lock(mutex_);
            report = trainer_.step(view, {rgb.data(), depth_m.data(), exposure.data()}, loss, rates);
        }
        const LossReport& l = report.loss;
        return nb::make_tuple(
            l.total, l.l1, l.mse, l.ssim, l.depth_m, report.drawn,
            to_numpy(std::vector<double>(report.pose, report.pose + 6), {6}),
            to_numpy(std::vector<float>(l.exposure, l.exposure + 6), {2, 3}), report.failure);
    }

    // which: 0 values, 1 first, 2 second moments. Arrays [N,width] (shN: [N,3K]).
    nb::list arrays(int which) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const ParameterArrays& from =
            which == 0 ? trainer_.values() : which == 1 ? trainer_.first() : trainer_.second();
        nb::list out;
        for (int kind = 0; kind < 6; ++kind)
            out.append(to_numpy(std::vector<float>(from.values[kind]),
                                {size_t(trainer_.count()), size_t(trainer_.width(kind))}));
        return out;
    }

    Output<int32_t> steps() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return to_numpy(std::vector<int32_t>(trainer_.steps()), {size_t(trainer_.count())});
    }

    nb::tuple statistics() {
        const std::lock_guard<std::mutex> lock(mutex_);
        const size_t n = trainer_.count();
        return nb::make_tuple(to_numpy(std::vector<float>(trainer_.gradient_sum()), {n}),
                              to_numpy(std::vector<int32_t>(trainer_.drawn_count()), {n}),
                              to_numpy(std::vector<float>(trainer_.radius()), {n}));
    }

    void forget_statistics() {
        const std::lock_guard<std::mutex> lock(mutex_);
        trainer_.forget_statistics();
    }

    void edit(const Input<int64_t>& keep, const std::vector<Input<float>>& added) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const float* v[6];
        for (int k = 0; k < 6; ++k) v[k] = added[k].data();
        trainer_.edit(keep.data(), int64_t(keep.shape(0)), int(added[0].shape(0)), v);
    }

    void set_logits(const Input<float>& logits) {
        const std::lock_guard<std::mutex> lock(mutex_);
        trainer_.set_logits(logits.data());
    }

    void perturb(float rate, uint64_t seed) {
        nb::gil_scoped_release release;
        const std::lock_guard<std::mutex> lock(mutex_);
        trainer_.perturb(rate, seed);
    }

  private:
    Trainer trainer_;
    std::mutex mutex_;
};

}  // namespace

NB_MODULE(_core, m) {
    nb::set_leak_warnings(false);  // objects alive at the interpreter's end are no mistake
    m.doc() = "Compiled Gaussian splatting: rasteriser, its gradients, training step; language on it.";
    m.def("instruction_sets", [] {
        std::vector<std::string> names;
        for (const KernelTable* table : usable_kernels()) names.push_back(table->name);
        return names;
    }, "Those this processor runs, slowest first.");
    m.def("set_threads", [](int n) { omp_set_num_threads(n); }, "n"_a,
          "Threads of all later calls from this thread.");
    m.def("threads", [] { return omp_get_max_threads(); });

    m.def("relevancy", &relevancy, "codes"_a, "weights"_a, "cosines"_a, "rival"_a, "scale"_a);
    m.def("look_up", &look_up, "codes"_a, "values"_a);
    m.def("favour_majority",
          [](const InPlace<uint16_t>& codes, const InPlace<float>& weights,
             const Input<uint8_t>& alike, int least, float factor) {
              const size_t n = codes.shape(0);
              std::vector<float> share(n);
              const CodeSums sums = code_sums(codes, weights, alike, nullptr);
              {
                  nb::gil_scoped_release release;
                  favour_majority(sums, int64_t(n), least, factor, share.data());
              }
              return to_numpy(std::move(share), {n});
          },
          "codes"_a, "weights"_a, "alike"_a, "least"_a, "factor"_a,
          "Weakens in place what disagrees with the majority; its share of each row's weight.");

    m.def("reduce_frame", &reduced, "rgb"_a, "depth_m"_a, "stride"_a, "max_depth_m"_a);
    m.def("normals", &normals, "depth"_a, "rays"_a, "fx"_a, "fy"_a);
    m.def("connect", &connected, "points"_a, "mask"_a, "reach"_a, "pitch"_a, "steps"_a);
    m.def("band", &plane_band, "points"_a, "valid"_a, "sigma"_a, "area"_a, "plane"_a, "slack"_a,
          "least_m2"_a);
    m.def("vote_twice", &vote_twice, "full"_a, "sure"_a, "reach"_a, "rgb"_a, "depth_m"_a, "steps"_a,
          "per_color"_a);
    nb::class_<View>(m, "View").def(nb::new_(&make_view), "T_cam_world"_a, "intrinsics"_a, "width"_a,
                                    "height"_a, "background"_a, "sh_degree"_a);
    nb::class_<LossSettings>(m, "LossSettings")
        .def("__init__",
             [](LossSettings* self, float ssim, int ssim_stride, int ssim_phase, float depth,
                float depth_cutoff_m, float coverage, float needle, float max_ratio, float opacity,
                float scale) {
                 new (self) LossSettings{1 - ssim,       ssim,     ssim_stride, ssim_phase,
                                         depth,          depth_cutoff_m, coverage, needle,
                                         std::log(max_ratio), opacity, scale};
             },
             "ssim"_a, "ssim_stride"_a, "ssim_phase"_a, "depth"_a, "depth_cutoff_m"_a, "coverage"_a,
             "needle"_a, "max_ratio"_a, "opacity"_a, "scale"_a);
    nb::class_<AdamRates>(m, "AdamRates")
        .def("__init__",
             [](AdamRates* self, float means, float wxyz, float log_scales, float logits, float sh0,
                float shN) { new (self) AdamRates{means, wxyz, log_scales, logits, sh0, shN}; },
             "means"_a, "wxyz"_a, "log_scales"_a, "logits"_a, "sh0"_a, "shN"_a);
    nb::class_<PyRaster>(m, "Raster")
        .def(nb::init<const std::string&>(), "instruction_set"_a = "")
        .def("render", &PyRaster::render, "gaussians"_a, "view"_a, "channels"_a)
        .def("contributions", &PyRaster::contributions, "gaussians"_a, "view"_a, "cell_px"_a)
        .def("lift", &PyRaster::lift, "gaussians"_a, "view"_a, "codes"_a, "weight"_a, "cell_px"_a,
             "cell_depth"_a, "depth"_a, "how"_a, "slot_codes"_a, "slot_weights"_a, "seen"_a, "alike"_a)
        .def("gradients", &PyRaster::gradients, "parameters"_a, "view"_a, "rgb"_a, "depth_m"_a,
             "alpha"_a)
        .def("counts", &PyRaster::counts);
    nb::class_<PyTrainer>(m, "Trainer")
        .def(nb::init<const std::string&>(), "instruction_set"_a = "")
        .def("load", &PyTrainer::load, "values"_a, "first"_a, "second"_a, "steps"_a)
        .def("step", &PyTrainer::step, "view"_a, "rgb"_a, "depth_m"_a, "exposure"_a, "loss"_a,
             "rates"_a)
        .def("arrays", &PyTrainer::arrays, "which"_a)
        .def("steps", &PyTrainer::steps)
        .def("statistics", &PyTrainer::statistics)
        .def("forget_statistics", &PyTrainer::forget_statistics)
        .def("edit", &PyTrainer::edit, "keep"_a, "added"_a)
        .def("set_logits", &PyTrainer::set_logits, "logits"_a)
        .def("perturb", &PyTrainer::perturb, "rate"_a, "seed"_a);
}
