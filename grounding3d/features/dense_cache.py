"""Dense features kept on disk, by encoder, configuration and frame."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import PROBE_PHRASES, Encoder, FeatureCells, Mask
from grounding3d.features.dense_sources import DenseConfig, DenseSource

_log = logging.getLogger(__name__)

_NOT_OF_THE_KEY = {"cache", "cache_folder", "cache_limit_mb"}


class CachedCells:
    """A dense source whose results are remembered in files of half precision.

    A file is written aside and renamed, so several programs may share a folder. What cannot be
    read is worked out again; a full disk is no reason to fail.

    Args:
        source: does the work.
        config: of that source, with the cache's folder and size.
    """

    def __init__(self, source: DenseSource, config: DenseConfig) -> None:
        self._source = source
        self._config = config
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.folder = config.cache_folder or root / "grounding3d" / "dense"
        self._encoder_key: tuple[Encoder, str] | None = None

    def cells(
        self,
        encoder: Encoder,
        frame: RGBDFrame,
        masks: Sequence[Mask],
        mask_vectors: np.ndarray,
    ) -> FeatureCells:
        """As the source's, to half precision."""
        path = self.folder / f"cells-{self._key(encoder, frame, masks, mask_vectors)}.npz"
        found = _read(path, encoder.dim)
        if found is None:
            found = self._source.cells(encoder, frame, masks, mask_vectors)
            if _write(path, found):
                drop_oldest(self.folder, self._config.cache_limit_mb * 1e6, keep=path)
        return found

    def _key(
        self,
        encoder: Encoder,
        frame: RGBDFrame,
        masks: Sequence[Mask],
        mask_vectors: np.ndarray,
    ) -> str:
        digest = sha256(self._identity(encoder).encode())
        digest.update(self._config.model_dump_json(exclude=_NOT_OF_THE_KEY).encode())
        for array in (frame.rgb, frame.depth_m, frame.camera.K):
            digest.update(str((array.shape, array.dtype)).encode())
            digest.update(array.tobytes())
        if self._config.source not in ("crops", "patches"):  # these look at no masks
            for mask in masks:
                digest.update(f"{mask.u0} {mask.v0} {mask.bits.shape}".encode())
                digest.update(np.packbits(mask.bits).tobytes())
            digest.update(mask_vectors.tobytes())
        return digest.hexdigest()[:32]

    def _identity(self, encoder: Encoder) -> str:
        """What tells encoders apart; hashing a weights' file takes seconds, so it is done once."""
        if self._encoder_key is None or self._encoder_key[0] is not encoder:
            parts = [encoder.spec, getattr(encoder, "preprocess", ""), encoder.dim]
            weights = getattr(encoder, "weights_sha256", None)
            if weights is None:
                weights = encoder.encode_text(PROBE_PHRASES).tobytes().hex()
            centre = None if encoder.centre is None else encoder.centre.tobytes().hex()
            self._encoder_key = encoder, repr((*parts, weights, centre))
        return self._encoder_key[1]


def drop_oldest(folder: Path, limit_bytes: float, keep: Path) -> None:
    """Delete the files used longest ago until the rest fit, but never `keep`."""
    files = []
    for path in folder.glob("cells-*.npz"):
        try:
            status = path.stat()
        except OSError:  # another program was quicker
            continue
        files.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= limit_bytes:
            return
        if path != keep:
            path.unlink(missing_ok=True)
            total -= size


def _read(path: Path, dim: int) -> FeatureCells | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            vectors = stored["vectors"].astype(np.float32)
            index, weight = stored["index"], stored["weight"].astype(np.float32)
            cell_px = int(stored["cell_px"])
        os.utime(path)  # the oldest by use are dropped first
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # zipfile, zlib and numpy each raise their own on a damaged file
        _log.warning("%s cannot be read (%s) and is worked out again", path, error)
        return None
    is_whole = vectors.ndim == 2 and vectors.shape[1] == dim and np.isfinite(vectors).all()
    if not is_whole or index.max(initial=-1) >= len(vectors):
        return None
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return FeatureCells(vectors / np.maximum(length, 1e-12), index, weight, cell_px)


def _write(path: Path, cells: FeatureCells) -> bool:
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as out:
            np.savez(
                out,
                vectors=cells.vectors.astype(np.float16),
                index=cells.index,
                weight=cells.weight.astype(np.float16),
                cell_px=np.int64(cells.cell_px),
            )
        part.replace(path)
    except OSError as error:
        _log.warning("features cannot be kept in %s: %s", path.parent, error)
        with suppress(OSError):
            part.unlink(missing_ok=True)
        return False
    return True
