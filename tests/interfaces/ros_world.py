"""A node in a process of its own, and scenes for it to serve."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from grounding3d.features.base import Encoder
from grounding3d.features.identity import identify
from grounding3d.fusion.gaussian_features import gaussian_features
from grounding3d.objects.base import LanguageScene, ObjectMap
from tests.objects.object_factories import make_scene as make_geometry
from tests.query.conftest import make_object

PROGRAM = "import sys; from grounding3d.interfaces.cli import main; sys.exit(main())"


@contextmanager
def running(environment: dict[str, str], *arguments: str, log: Path) -> Iterator[Any]:
    """`grounding3d ...` while the block runs; then it is told to stop."""
    with log.open("a") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            env=environment,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def named_scene(encoder: Encoder, nouns: list[str], uuid: str = "0f0f") -> LanguageScene:
    """Object i of the list is at x = 0.3 i, y = 0.1, z = 0.05 metres, a 10 cm cube."""
    rng = np.random.default_rng(0)
    items = [make_object(i, noun, encoder, 0.05, rng) for i, noun in enumerate(nouns, 1)]
    geometry = make_geometry(np.concatenate([item.points for item in items]))
    objects = ObjectMap(tuple(replace(item, stamp_s=100.0) for item in items))
    T_base_map = np.eye(4)
    T_base_map[:3, 3] = (1, 2, 3)
    return LanguageScene(
        uuid=uuid,
        scene=geometry,
        features=gaussian_features(geometry, objects),
        objects=objects,
        encoder=identify(encoder),
        static_transforms={"base": T_base_map},
    )
