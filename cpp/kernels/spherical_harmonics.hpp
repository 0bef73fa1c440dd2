// Real spherical harmonics up to degree 3, with the signs of Kerbl et al. 2023.
#pragma once

namespace G3D_ISA {

constexpr float kSh0 = 0.28209479177387814f;
constexpr int sh_rest(int degree) { return (degree + 1) * (degree + 1) - 1; }

// Y_1.. of a unit direction into basis[15]; and, where wanted, their derivatives by the direction
// (as if x, y, z were free).
static inline void sh_basis(int degree, const float d[3], float* basis) {
    const float x = d[0], y = d[1], z = d[2];
    if (degree < 1) return;
    basis[0] = -0.4886025119029199f * y;
    basis[1] = 0.4886025119029199f * z;
    basis[2] = -0.4886025119029199f * x;
    if (degree < 2) return;
    const float xx = x * x, yy = y * y, zz = z * z;
    basis[3] = 1.0925484305920792f * x * y;
    basis[4] = -1.0925484305920792f * y * z;
    basis[5] = 0.31539156525252005f * (2 * zz - xx - yy);
    basis[6] = -1.0925484305920792f * x * z;
    basis[7] = 0.5462742152960396f * (xx - yy);
    if (degree < 3) return;
    basis[8] = -0.5900435899266435f * y * (3 * xx - yy);
    basis[9] = 2.890611442640554f * x * y * z;
    basis[10] = -0.4570457994644658f * y * (4 * zz - xx - yy);
    basis[11] = 0.3731763325901154f * z * (2 * zz - 3 * xx - 3 * yy);
    basis[12] = -0.4570457994644658f * x * (4 * zz - xx - yy);
    basis[13] = 1.445305721320277f * z * (xx - yy);
    basis[14] = -0.5900435899266435f * x * (xx - 3 * yy);
}

static inline void sh_basis_gradient(int degree, const float d[3], float (*gradient)[3]) {
    const float x = d[0], y = d[1], z = d[2];
    const auto set = [&](int k, float gx, float gy, float gz) {
        gradient[k][0] = gx;
        gradient[k][1] = gy;
        gradient[k][2] = gz;
    };
    if (degree < 1) return;
    const float c1 = 0.4886025119029199f;
    set(0, 0, -c1, 0);
    set(1, 0, 0, c1);
    set(2, -c1, 0, 0);
    if (degree < 2) return;
    const float c2 = 1.0925484305920792f, c20 = 0.31539156525252005f, c22 = 0.5462742152960396f;
    set(3, c2 * y, c2 * x, 0);
    set(4, 0, -c2 * z, -c2 * y);
    set(5, -2 * c20 * x, -2 * c20 * y, 4 * c20 * z);
    set(6, -c2 * z, 0, -c2 * x);
    set(7, 2 * c22 * x, -2 * c22 * y, 0);
    if (degree < 3) return;
    const float xx = x * x, yy = y * y, zz = z * z;
    const float a = 0.5900435899266435f, b = 2.890611442640554f, c = 0.4570457994644658f;
    const float e = 0.3731763325901154f, f = 1.445305721320277f;
    set(8, -6 * a * x * y, -a * (3 * xx - 3 * yy), 0);
    set(9, b * y * z, b * x * z, b * x * y);
    set(10, 2 * c * x * y, -c * (4 * zz - xx - 3 * yy), -8 * c * y * z);
    set(11, -6 * e * x * z, -6 * e * y * z, e * (6 * zz - 3 * xx - 3 * yy));
    set(12, -c * (4 * zz - 3 * xx - yy), 2 * c * x * y, -8 * c * x * z);
    set(13, 2 * f * x * z, -2 * f * y * z, f * (xx - yy));
    set(14, -a * (3 * xx - 3 * yy), 6 * a * x * y, 0);
}

}  // namespace G3D_ISA
