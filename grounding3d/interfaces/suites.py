"""Suites of captures and scenes on disk: their ground truth, and their scenes, built once."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import grounding3d
from grounding3d.capture import open_capture
from grounding3d.capture.simulator.record import TRUTH_NAME
from grounding3d.errors import ConfigError
from grounding3d.features.base import Encoder
from grounding3d.features.encoders import load_encoder
from grounding3d.features.identity import check_same_encoder, identify
from grounding3d.interfaces.building import build_and_save
from grounding3d.live.config import Config
from grounding3d.live.mapping import build_scene
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.folder import read_manifest
from grounding3d.objects.store import is_scene_folder, load_scene
from grounding3d.query.calibration import given_calibration
from grounding3d.query.engine import QueryEngine
from grounding3d.query.evaluation import Case
from grounding3d.query.truth import read_truth
from grounding3d.scene.base import Progress


def find_cases(paths: Sequence[Path], ground_truth: Path | None = None) -> tuple[Case, ...]:
    """Captures and scenes with their ground truth.

    Args:
        paths: captures, scene folders, or folders of such.
        ground_truth: file of the only one's truth, or a folder with NAME/ground_truth.json or
            NAME.json for each; None: looked for in it, beside it, and in the capture that a scene
            was built from.

    Raises:
        ConfigError: nothing there, or one of them has no truth.
    """
    found = list(dict.fromkeys(part.absolute() for path in paths for part in _parts(path)))
    if not found:
        raise ConfigError("give at least one capture or scene")
    if ground_truth is not None and ground_truth.is_file() and len(found) > 1:
        raise ConfigError(
            "one ground truth cannot be that of several scenes",
            found=f"{len(found)} scenes",
            hint="Give a folder with NAME.json or NAME/ground_truth.json for each.",
        )
    names = _names(found)
    return tuple(
        Case(name, path, read_truth(_truth_path(path, ground_truth)))
        for name, path in zip(names, found)
    )


class SceneSource:
    """Loads the scenes of cases, and builds those that are captures.

    Args:
        config: for what is built, and its encoder.
        cache: folder that keeps what was built, for the next time; None: nothing is kept.
        encoder: SPEC that scene folders must have been built with too; None: each its own.
        calibration: table to decide by; None: the one found for the encoder.
        rebuild: build captures again even where the cache has them.
        progress: is told how far a build is.

    Attributes:
        build_s: how long each scene took that was built.
    """

    def __init__(
        self,
        config: Config,
        *,
        cache: Path | None = None,
        encoder: str | None = None,
        calibration: Path | None = None,
        rebuild: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self._config, self._cache, self._encoder = config, cache, encoder
        self._calibration, self._rebuild = calibration, rebuild
        self._progress = progress or (lambda stage, done, total: None)
        self._encoders: dict[str, Encoder] = {}
        self.build_s: list[float] = []

    def scene(self, case: Case) -> tuple[LanguageScene, Encoder]:
        """A case's scene, and the encoder to ask it with."""
        if is_scene_folder(case.path):
            scene = load_scene(case.path)
            encoder = self._load(self._encoder or scene.encoder.spec)
            check_same_encoder(scene.encoder, encoder)
            return scene, encoder
        encoder = self._load(self._config.encoder)
        return self._built(case, encoder), encoder

    def engine(self, case: Case) -> QueryEngine:
        """Something to ask a case's questions."""
        scene, encoder = self.scene(case)
        if self._calibration is None:
            return QueryEngine(scene, encoder)
        return QueryEngine(scene, encoder, given_calibration(self._calibration, scene.encoder))

    def _built(self, case: Case, encoder: Encoder) -> LanguageScene:
        folder = self._folder(case, encoder)
        if folder is not None and is_scene_folder(folder) and not self._rebuild:
            return load_scene(folder)
        started = time.perf_counter()
        config, progress = self._config, self._progress
        if folder is None:
            capture = open_capture(case.path, config.capture)
            scene = build_scene(capture, config, encoder, progress=progress)
        else:
            scene = build_and_save(case.path, folder, config, progress=progress, encoder=encoder)
        self.build_s.append(time.perf_counter() - started)
        return scene

    def _folder(self, case: Case, encoder: Encoder) -> Path | None:
        if self._cache is None:
            return None
        key = build_key(case.path, self._config, encoder)
        return self._cache / f"{case.name.replace('/', '-')}-{key}"

    def _load(self, spec: str) -> Encoder:
        if spec not in self._encoders:
            self._encoders[spec] = load_encoder(spec, device=self._config.device)
        return self._encoders[spec]


def build_key(capture: Path, config: Config, encoder: Encoder) -> str:
    """Changes with the recording's files, the configuration, the weights and our version."""
    files = [capture] if capture.is_file() else sorted(p for p in capture.rglob("*") if p.is_file())
    listing = [
        [str(p.relative_to(capture.parent)), p.stat().st_size, p.stat().st_mtime_ns]
        for p in files
        if p.name != TRUTH_NAME
    ]
    settings = config.model_dump(mode="json", exclude={"live"})
    probes = (identify(encoder).probes.round(2) + 0.0).tolist()  # + 0.0: no minus zero
    text = json.dumps([listing, settings, probes, grounding3d.__version__], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:12]


def _parts(path: Path) -> list[Path]:
    """The captures and scenes in a folder; a path that is no folder of such stands for itself."""
    if not path.exists():
        raise ConfigError(f"{path} does not exist", hint="Give a capture or a scene folder.")
    if not path.is_dir() or _is_case(path):
        return [path]
    return [inner for inner in sorted(path.iterdir()) if _is_case(inner)] or [path]


def _is_case(path: Path) -> bool:
    return is_scene_folder(path) or (path / TRUTH_NAME).is_file()


def _truth_path(path: Path, given: Path | None) -> Path:
    """Where the ground truth of a capture or scene lies."""
    if given is not None:
        places = [given / path.name / TRUTH_NAME, given / f"{path.name}.json"]
        return given if not given.is_dir() else _first(places, path)
    places = [path / TRUTH_NAME, path.with_name(f"{path.name}.{TRUTH_NAME}")]
    if path.is_file():
        places.append(path.with_name(TRUTH_NAME))
    if is_scene_folder(path):
        source = (read_manifest(path).get("capture") or {}).get("source")
        places += [Path(source) / TRUTH_NAME, Path(source).with_name(TRUTH_NAME)] if source else []
    return _first(places, path)


def _first(places: Sequence[Path], path: Path) -> Path:
    for place in places:
        if place.is_file():
            return place
    raise ConfigError(
        f"{path} has no ground truth",
        expected=" or ".join(map(str, places)),
        hint="Give it with --ground-truth; `grounding3d simulate` writes captures that have one.",
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """Names that tell the paths apart: as few of their last parts as will do."""
    most = max(len(path.parts) for path in paths)
    for n_parts in range(1, most + 1):
        names = ["/".join(path.parts[-n_parts:]) for path in paths]
        if len(set(names)) == len(names):
            break
    return names
