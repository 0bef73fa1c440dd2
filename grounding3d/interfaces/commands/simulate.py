"""`grounding3d simulate`: record a simulated RGB-D camera, with ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from grounding3d.errors import ConfigError
from grounding3d.interfaces.options import Output

_TWINS, _STACKED = 3, 0.3


@dataclass
class Simulate:
    """Record a simulated RGB-D camera over a table top or through a room.

    Writes ground_truth.json, with questions and their right answers, beside the frames.
    """

    out: Output
    """Capture to write."""
    seed: int = 0
    """Same seed, same recording."""
    scene: Literal["tabletop", "room"] = "tabletop"
    """A table with objects, or a furnished room that a hand-held camera walks through."""
    frames: int | None = None
    """Number of frames; default: 60 of a table top, 150 of a room."""
    objects: int | None = None
    """Objects, furniture not counted; default: 8 on a table, 16 in a room."""
    size: tuple[int, int] = (640, 480)
    """Image width and height, pixels."""
    meshes: Path | None = None
    """Mesh pack folder to draw objects from instead of the parametric ones."""
    all_kinds: bool = False
    """Several of a kind in different colours on the table, and questions of every kind (by
    attribute, relation, negation, order, ...); a room has them always."""
    format: str = "ros2"
    """Format to write."""

    def run(self) -> int:
        """Simulate, write, and say what was made."""
        from grounding3d.capture.simulator.record import record_room, record_tabletop
        from grounding3d.capture.simulator.room.config import RoomConfig
        from grounding3d.capture.simulator.tabletop import TabletopConfig
        from grounding3d.interfaces.progress import show_progress

        if self.seed < 0:
            raise ConfigError("--seed must not be negative", found=str(self.seed))
        config = _checked(RoomConfig if self.scene == "room" else TabletopConfig, self._fields())
        with show_progress() as progress:

            def tell(done: int, total: int) -> None:
                progress("frames", done, total)

            record: Any = record_room if self.scene == "room" else record_tabletop
            truth = record(self.out, self.seed, config, format=self.format, progress=tell)
        names = ", ".join(item["name"] for item in truth["objects"])
        print(f"{self.out}: {len(truth['queries'])} questions about {names}")
        return 0

    def _fields(self) -> dict[str, Any]:
        """What the options say of the scene's configuration."""
        from grounding3d.capture.simulator.queries.base import ALL_KINDS

        width, height = self.size
        fields: dict[str, Any] = {"pack": self.meshes, "width": width, "height": height}
        if self.frames is not None:
            fields["n_frames"] = self.frames
        if self.objects is not None:
            fields["n_objects"] = self.objects
        if self.all_kinds and self.scene == "tabletop":
            fields |= {"question_kinds": ALL_KINDS, "n_twins": _TWINS, "n_inside": 1}
            fields |= {"p_stacked": _STACKED}
        return fields


_OPTIONS = {"n_frames": "frames", "n_objects": "objects", "width": "size", "height": "size"}


def _checked(kind: type, fields: dict[str, Any]) -> Any:
    """A configuration of the simulator, or the option that has no valid value."""
    from pydantic import ValidationError

    try:
        return kind(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        raise ConfigError(
            f"--{_OPTIONS.get(name, name)}: {first['msg']}", found=str(first["input"])
        ) from error
