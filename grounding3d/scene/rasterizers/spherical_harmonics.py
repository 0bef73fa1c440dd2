"""View-dependent colour in torch."""

from __future__ import annotations

import torch
from torch import Tensor

from grounding3d.scene.base import SH_C0

_C1 = 0.4886025119029199
_C2 = (1.0925484305920792, 0.31539156525252005, 0.5462742152960396)
_C3 = (
    0.5900435899266435,
    2.890611442640554,
    0.4570457994644658,
    0.3731763325901154,
    1.445305721320277,
)


def sh_basis(direction: Tensor, degree: int) -> Tensor:
    """Real spherical harmonics [N,(degree+1)^2] at unit directions [N,3], in 3DGS's order."""
    x, y, z = direction.unbind(-1)
    basis = [torch.full_like(x, SH_C0)]
    if degree >= 1:
        basis += [-_C1 * y, _C1 * z, -_C1 * x]
    xx, yy, zz = x * x, y * y, z * z
    if degree >= 2:
        a, b, c = _C2
        basis += [a * x * y, -a * y * z, b * (2 * zz - xx - yy), -a * x * z, c * (xx - yy)]
    if degree >= 3:
        a, b, c, d, e = _C3
        basis += [
            -a * y * (3 * xx - yy),
            b * x * y * z,
            -c * y * (4 * zz - xx - yy),
            d * z * (2 * zz - 3 * xx - 3 * yy),
            -c * x * (4 * zz - xx - yy),
            e * z * (xx - yy),
            -a * x * (xx - 3 * yy),
        ]
    return torch.stack(basis, -1)


def sh_colour(sh0: Tensor, shN: Tensor, direction: Tensor, degree: int) -> Tensor:
    """Colours [N,3], max(0, SH + 0.5), seen along directions [N,3] of any length."""
    coefficients = torch.cat([sh0[:, None], shN], 1)[:, : (degree + 1) ** 2]
    basis = sh_basis(torch.nn.functional.normalize(direction, dim=-1), degree)
    return ((basis[..., None] * coefficients).sum(1) + 0.5).clamp(min=0)
