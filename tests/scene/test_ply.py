"""Splat files: written and read back, in foreign layouts, and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grounding3d.errors import SceneError
from grounding3d.scene.base import Gaussians
from grounding3d.scene.ply import read_ply, write_ply


def random_gaussians(n: int = 50, coefficients: int = 15, seed: int = 0) -> Gaussians:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    wxyz = normal(n, 4)
    wxyz /= np.linalg.norm(wxyz, axis=1, keepdims=True)
    return Gaussians(
        means=10 * normal(n, 3),
        wxyz=wxyz,
        scales=np.exp(normal(n, 3) - 4),
        opacities=rng.uniform(0.01, 0.99, n).astype(np.float32),
        sh0=normal(n, 3),
        shN=normal(n, coefficients, 3),
    )


def assert_equal(a: Gaussians, b: Gaussians) -> None:
    for name in ("means", "wxyz", "sh0", "shN"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    # stored as a float32 log and logit
    np.testing.assert_allclose(a.scales, b.scales, rtol=2e-6)
    np.testing.assert_allclose(a.opacities, b.opacities, rtol=2e-6)


@pytest.mark.parametrize("coefficients", [0, 3, 8, 15])
def test_round_trip(tmp_path: Path, coefficients: int) -> None:
    gaussians = random_gaussians(coefficients=coefficients)
    write_ply(tmp_path / "a.ply", gaussians)
    back = read_ply(tmp_path / "a.ply")
    assert_equal(gaussians, back)
    write_ply(tmp_path / "b.ply", back)
    assert (tmp_path / "a.ply").read_bytes() == (tmp_path / "b.ply").read_bytes()


def test_no_gaussians_and_extreme_values(tmp_path: Path) -> None:
    write_ply(tmp_path / "none.ply", random_gaussians(0))
    assert len(read_ply(tmp_path / "none.ply")) == 0
    g = random_gaussians(3, 0)
    g.opacities[:] = 0, 1, 0.5
    g.scales[0] = 0
    write_ply(tmp_path / "a.ply", g)
    back = read_ply(tmp_path / "a.ply")
    np.testing.assert_allclose(back.opacities, g.opacities, atol=2e-7)
    assert (back.scales > 0).all()


def test_layout_is_the_reference_one(tmp_path: Path) -> None:
    g = random_gaussians(2, 3)
    write_ply(tmp_path / "a.ply", g)
    head, _, body = (tmp_path / "a.ply").read_bytes().partition(b"end_header\n")
    lines = head.decode().splitlines()
    assert lines[:3] == ["ply", "format binary_little_endian 1.0", "element vertex 2"]
    names = [line.split()[-1] for line in lines[3:]]
    first = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    last = ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    assert names == [*first, *(f"f_rest_{i}" for i in range(9)), *last]
    rows = np.frombuffer(body, "<f4").reshape(2, -1)
    # all of red, then all of green, then all of blue
    np.testing.assert_array_equal(rows[0, 9:18], g.shN[0].T.ravel())
    np.testing.assert_allclose(rows[:, 19:22], np.log(g.scales), rtol=1e-6)
    np.testing.assert_allclose(rows[:, 18], np.log(g.opacities / (1 - g.opacities)), rtol=1e-4)
    np.testing.assert_array_equal(rows[:, 22:], g.wxyz)


def splat_text(order: str, names: list[str], kind: str = "float", count: int = 2) -> bytes:
    lines = ["ply", f"format {order} 1.0", "comment made elsewhere", f"element vertex {count}"]
    return "\n".join([*lines, *(f"property {kind} {n}" for n in names), "end_header\n"]).encode()


MINIMAL = [f"rot_{i}" for i in range(4)] + [f"scale_{i}" for i in range(3)]
MINIMAL += ["opacity", "f_dc_2", "f_dc_1", "f_dc_0", "z", "y", "x"]


def minimal_rows() -> np.ndarray:
    rows = np.arange(2 * len(MINIMAL), dtype=np.float64).reshape(2, -1) / 10
    rows[:, :4] = [[2, 0, 0, 0], [0, 0, 3, 0]]  # not normalised
    return rows


def check_minimal(g: Gaussians) -> None:
    rows = minimal_rows()
    np.testing.assert_allclose(g.means, rows[:, [13, 12, 11]], rtol=1e-6)
    np.testing.assert_allclose(g.sh0, rows[:, [10, 9, 8]], rtol=1e-6)
    np.testing.assert_allclose(g.scales, np.exp(rows[:, 4:7]), rtol=1e-6)
    np.testing.assert_allclose(g.wxyz, [[1, 0, 0, 0], [0, 0, 1, 0]])
    assert g.shN.shape == (2, 0, 3)


@pytest.mark.parametrize(
    ("order", "dtype", "kind"),
    [
        ("binary_little_endian", "<f4", "float"),
        ("binary_big_endian", ">f4", "float32"),
        ("binary_big_endian", ">f8", "double"),
    ],
)
def test_other_orders_types_and_no_normals(
    tmp_path: Path, order: str, dtype: str, kind: str
) -> None:
    path = tmp_path / "a.ply"
    path.write_bytes(splat_text(order, MINIMAL, kind) + minimal_rows().astype(dtype).tobytes())
    check_minimal(read_ply(path))


def test_ascii_with_extra_properties(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    rows = ["7 " + " ".join(map(repr, row)) for row in minimal_rows().tolist()]
    path.write_bytes(splat_text("ascii", ["label", *MINIMAL]) + "\n".join(rows).encode())
    check_minimal(read_ply(path))


def test_crlf_header_and_other_elements(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    head = splat_text("binary_little_endian", MINIMAL)
    head = head.replace(b"element vertex", b"element camera 1\nproperty uchar id\nelement vertex")
    head = head.replace(b"end_header", b"element face 0\nproperty list uchar int i\nend_header")
    body = b"\x05" + minimal_rows().astype("<f4").tobytes()
    path.write_bytes(head.replace(b"\n", b"\r\n") + body)
    check_minimal(read_ply(path))


def test_a_mesh_is_refused_by_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "mesh.ply"
    path.write_bytes(splat_text("binary_little_endian", ["x", "y", "z"]) + bytes(24))
    with pytest.raises(SceneError, match=r"not a Gaussian splat.*f_dc_0.*opacity.*rot_3"):
        read_ply(path)


@pytest.mark.parametrize("cut", [1, 100, 0.5])
def test_truncated_files_are_refused(tmp_path: Path, cut: float) -> None:
    path = tmp_path / "a.ply"
    write_ply(path, random_gaussians())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut) if cut < 1 else len(data) - int(cut)])
    with pytest.raises(SceneError, match="truncated"):
        read_ply(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a .ply"),
        (b"solid cube\n", "not a .ply"),
        (b"ply\nformat binary_little_endian 1.0\nelement vertex 5\n", "no end of the header"),
        (b"ply\nformat binary_middle_endian 1.0\nend_header\n", "damaged .ply header"),
        (b"ply\nelement vertex 0\nproperty float x\nend_header\n", "format line"),
        (b"ply\nformat ascii 1.0\nelement vertex -1\nend_header\n", "damaged"),
        (b"ply\nformat ascii 1.0\nelement face 2\nend_header\n", "no readable vertices"),
        (splat_text("ascii", MINIMAL), "truncated or damaged"),
        (splat_text("ascii", MINIMAL) + b"a b c\n", "no number"),
        (splat_text("binary_little_endian", MINIMAL, count=10**12), "truncated"),
        (splat_text("binary_little_endian", [*MINIMAL, "x"]) + bytes(200), "twice"),
        (splat_text("binary_little_endian", [*MINIMAL, "f_rest_0"]) + bytes(200), "harmonic"),
        (splat_text("binary_little_endian", MINIMAL) + bytes(200), "norm 0"),
        (splat_text("binary_little_endian", MINIMAL) + b"\xff" * 200, "NaN"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.ply"
    path.write_bytes(content)
    with pytest.raises(SceneError, match=words):
        read_ply(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="does not exist"):
        read_ply(tmp_path / "a.ply")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.ply"
    write_ply(path, random_gaussians(5))
    old = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_ply(path, random_gaussians(6))
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["a.ply"]
