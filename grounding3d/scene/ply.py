"""Gaussian splats as .ply files, in the layout that splat viewers read.

The layout is that of the reference implementation of "3D Gaussian Splatting for Real-Time Radiance
Field Rendering" (Kerbl et al. 2023): one `vertex` element with float properties x y z, nx ny nz,
f_dc_0..2, f_rest_* (all coefficients of red, then of green, then of blue), opacity (logit),
scale_0..2 (log), rot_0..3 (wxyz). Written little endian; read in any byte order, in ascii, with
properties in any order and with extra ones.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from grounding3d.errors import SceneError
from grounding3d.scene.base import Gaussians

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
_FORMATS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
_HEADER_LIMIT = 1 << 16
_NEEDED = [
    *("x", "y", "z"),
    *(f"f_dc_{i}" for i in range(3)),
    "opacity",
    *(f"scale_{i}" for i in range(3)),
    *(f"rot_{i}" for i in range(4)),
]


def write_ply(path: str | Path, gaussians: Gaussians) -> None:
    """Write Gaussians, atomically: the file is there completely or as it was before.

    Opacities of exactly 0 or 1 and scales of 0 are moved to the nearest value whose logit or log
    is finite.
    """
    path = Path(path)
    table = _table(gaussians)
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    header += [f"property float {name}" for name in table.dtype.names or ()]
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write("\n".join([*header, "end_header\n"]).encode())
            file.write(table.tobytes())
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o666 & ~_umask())
        os.replace(aside, path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def read_ply(path: str | Path) -> Gaussians:
    """Read Gaussians.

    Raises:
        SceneError: no such file, not a .ply, damaged, or not a splat; says what is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise SceneError(f"{path} does not exist")
    with path.open("rb") as file:
        header = _read_header(file, path)
        table = _read_table(file, header, path)
    return _gaussians(table, path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _table(g: Gaussians) -> np.ndarray:
    """Structured array [N] with one little-endian float field a property."""
    n, rest = len(g), 3 * g.shN.shape[1]
    names = ["x", "y", "z", "nx", "ny", "nz", *(f"f_dc_{i}" for i in range(3))]
    names += [f"f_rest_{i}" for i in range(rest)]
    names += ["opacity", *(f"scale_{i}" for i in range(3)), *(f"rot_{i}" for i in range(4))]
    # float64 here, so that reading undoes the logit and the log to float32's last bit
    p = np.clip(g.opacities.astype(np.float64), 1e-7, 1 - 1e-7)
    columns = np.concatenate(
        [
            g.means,
            g.normals,
            g.sh0,
            g.shN.transpose(0, 2, 1).reshape(n, rest),
            np.log(p / (1 - p))[:, None],
            np.log(np.maximum(g.scales.astype(np.float64), 1e-12)),
            g.wxyz,
        ],
        axis=1,
        dtype=np.float32,
    )
    return columns.astype("<f4").view([(name, "<f4") for name in names]).reshape(n)


@dataclass(frozen=True)
class _Header:
    order: str
    count: int
    dtype: np.dtype
    skip: list[tuple[int, np.dtype]]  # elements before the vertices


def _read_header(file: BinaryIO, path: Path) -> _Header:
    lines = _header_lines(file, path)
    order: str | None = None
    elements: list[tuple[str, int, list[tuple[str, str]]]] = []
    for line in lines[1:]:
        word, *rest = line.split() or [""]
        if word == "format" and rest and rest[0] in _FORMATS:
            order = rest[0]
        elif word == "element" and len(rest) == 2 and rest[1].isdigit():
            elements.append((rest[0], int(rest[1]), []))
        elif word == "property" and elements and len(rest) == 2 and rest[0] in _TYPES:
            elements[-1][2].append((rest[1], _TYPES[rest[0]]))
        elif word == "property" and elements and rest[:1] == ["list"]:
            elements[-1][2].append((rest[-1], "list"))
        elif word not in ("comment", "obj_info", ""):
            raise SceneError(f"{path} has a damaged .ply header", found=repr(line[:80]))
    if order is None:
        raise SceneError(f"{path} has no known .ply format line", expected=" or ".join(_FORMATS))
    return _vertex_header(order, elements, path)


def _header_lines(file: BinaryIO, path: Path) -> list[str]:
    first = file.readline(16)
    if first.strip() != b"ply":
        raise SceneError(f"{path} is not a .ply file", expected="'ply' first", found=repr(first))
    lines = ["ply"]
    while file.tell() < _HEADER_LIMIT:
        raw = file.readline(_HEADER_LIMIT)
        line = raw.decode("latin-1").strip()
        if line == "end_header":
            return lines
        if not raw:
            break
        lines.append(line)
    raise SceneError(f"{path} is truncated or no .ply file", found="no end of the header")


def _vertex_header(
    order: str, elements: list[tuple[str, int, list[tuple[str, str]]]], path: Path
) -> _Header:
    skip: list[tuple[int, np.dtype]] = []
    for name, count, properties in elements:
        if any(kind == "list" for _, kind in properties):
            if name == "vertex" or count:
                break  # its length is unknown, so nothing after it can be found
            continue
        duplicates = len({p for p, _ in properties}) < len(properties)
        if duplicates:
            raise SceneError(f"{path} names a property twice", found=f"in element {name}")
        dtype = np.dtype([(p, _FORMATS[order] + kind) for p, kind in properties])
        if name == "vertex":
            return _Header(order, count, dtype, skip)
        skip.append((count, dtype))
    raise SceneError(
        f"{path} holds no readable vertices",
        expected="an element 'vertex' with plain properties",
        found="elements " + (", ".join(name for name, *_ in elements) or "none"),
    )


def _read_table(file: BinaryIO, header: _Header, path: Path) -> np.ndarray:
    if header.order == "ascii":
        return _read_ascii(file, header, path)
    for count, dtype in header.skip:
        file.seek(count * dtype.itemsize, os.SEEK_CUR)
    size = header.count * header.dtype.itemsize
    left = max(0, path.stat().st_size - file.tell())
    if left < size:  # checked before reading: a damaged count must not take all memory
        raise SceneError(
            f"{path} is truncated",
            expected=f"{size} bytes for {header.count} Gaussians",
            found=f"{left} bytes",
            hint="Copy or build it again.",
        )
    return np.frombuffer(file.read(size), header.dtype)


def _read_ascii(file: BinaryIO, header: _Header, path: Path) -> np.ndarray:
    for count, _ in header.skip:
        for _ in range(count):
            file.readline()
    names = header.dtype.names or ()
    lines = [file.readline() for _ in range(header.count)]
    try:
        rows = [[float(word) for word in line.split()] for line in lines]
    except ValueError as error:
        raise SceneError(f"{path} holds a vertex that is no number", found=str(error)) from error
    short = next((i for i, row in enumerate(rows) if len(row) != len(names)), None)
    if short is not None:
        raise SceneError(
            f"{path} is truncated or damaged",
            expected=f"{header.count} vertices of {len(names)} numbers",
            found=f"{len(rows[short])} numbers in vertex {short}",
        )
    table = np.zeros(header.count, header.dtype)
    for name, column in zip(names, np.array(rows, np.float64).reshape(-1, len(names)).T):
        table[name] = column
    return table


def _gaussians(table: np.ndarray, path: Path) -> Gaussians:
    names = set(table.dtype.names or ())
    missing = [name for name in _NEEDED if name not in names]
    rest = sum(name.startswith("f_rest_") for name in names)
    if missing:
        raise SceneError(
            f"{path} is a .ply but not a Gaussian splat",
            expected="the properties " + " ".join(_NEEDED),
            found="none called " + ", ".join(missing),
        )
    if rest not in (0, 9, 24, 45) or any(f"f_rest_{i}" not in names for i in range(rest)):
        raise SceneError(
            f"{path} has an unknown spherical-harmonic layout",
            expected="f_rest_0 to f_rest_8, _23 or _44, or none",
            found=f"{rest} properties f_rest_*",
        )

    def columns(*wanted: str) -> np.ndarray:
        stacked = np.empty((len(table), len(wanted)))
        for i, name in enumerate(wanted):
            stacked[:, i] = table[name]
        return stacked

    logit, log_scales = columns("opacity")[:, 0], columns("scale_0", "scale_1", "scale_2")
    wxyz = columns(*(f"rot_{i}" for i in range(4)))
    means, sh0 = columns("x", "y", "z"), columns("f_dc_0", "f_dc_1", "f_dc_2")
    shN = columns(*(f"f_rest_{i}" for i in range(rest))).reshape(len(table), 3, rest // 3)
    _check_values(path, means=means, wxyz=wxyz, opacity=logit, scale=log_scales, f_dc=sh0)
    norm = np.linalg.norm(wxyz, axis=1, keepdims=True)
    if (norm < 1e-9).any():
        raise SceneError(f"{path} holds a rotation of norm 0", found=f"{(norm < 1e-9).sum()} such")
    # files of other programs hold unnormalised rotations; ours come back bit by bit
    wxyz = np.where(np.abs(norm - 1) > 1e-6, wxyz / norm, wxyz)
    return Gaussians(
        means=means.astype(np.float32),
        wxyz=wxyz.astype(np.float32),
        scales=np.exp(log_scales).astype(np.float32),
        opacities=(1 / (1 + np.exp(-logit))).astype(np.float32),
        sh0=sh0.astype(np.float32),
        shN=np.ascontiguousarray(shN.transpose(0, 2, 1), dtype=np.float32),
    )


def _check_values(path: Path, **arrays: np.ndarray) -> None:
    for name, array in arrays.items():
        bad = int((~np.isfinite(array)).any(axis=-1).sum() if array.ndim > 1 else 0)
        if bad:
            raise SceneError(f"{path} holds NaN or infinite values", found=f"{bad} in {name}")
