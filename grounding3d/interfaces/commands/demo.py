"""`grounding3d demo`: the whole pipeline on a bundled bag."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from grounding3d.errors import CaptureError
from grounding3d.interfaces.options import Output

BAG_NAME = "tabletop"
QUERIES = (
    "where is the mug",
    "find me the alarm clock",
    "a red notebook",
    "the computer mouse",
    "where is the table",
    "where is the umbrella",
)


@dataclass
class Demo:
    """Build the bundled recording of a table top and ask it a few things."""

    out: Output = Path("grounding3d-demo")
    """Scene folder to write."""

    def run(self) -> int:
        """Build, ask, print."""
        from grounding3d.interfaces.building import build_and_save, describe_build
        from grounding3d.interfaces.commands.query import format_answer, open_engine
        from grounding3d.interfaces.picture import draw_answers, save_picture
        from grounding3d.live.config import load_config

        bag = bundled_bag()
        print(f"Recording: {bag} (a ROS 2 bag of a simulated RGB-D camera)")
        started = time.perf_counter()
        scene = build_and_save(bag, self.out, load_config())
        print(describe_build(scene, self.out, time.perf_counter() - started) + "\n")
        engine = open_engine(self.out)
        answers = [engine.ask(query) for query in QUERIES]
        for answer in answers:
            print(format_answer(answer))
        picture = self.out.with_name(self.out.name + ".png")
        save_picture(draw_answers(scene.scene, answers), picture)
        print(f"\nPicture of the answers: {picture}")
        return 0


def bundled_bag() -> Path:
    """The recording that comes with the package or the source tree."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "scenes", package.parent / "scenes"):
        if (folder / BAG_NAME).is_dir():
            return folder / BAG_NAME
    raise CaptureError("the bundled recording is missing", hint="Reinstall grounding3d.")
