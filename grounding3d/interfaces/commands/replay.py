"""`grounding3d replay`: what the node would have said, from a recorded bag and without ROS."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from tyro.conf import Positional

from grounding3d.errors import QueryError
from grounding3d.interfaces.options import Output, Overrides, read_config

if TYPE_CHECKING:
    from grounding3d.capture.base import CaptureConfig
    from grounding3d.capture.ros2_storage import BagMessage
    from grounding3d.features.base import Encoder
    from grounding3d.live.answer_bag import AnswerBag
    from grounding3d.live.config import Config
    from grounding3d.live.messages.types import BagTypes
    from grounding3d.live.replay import Round

_log = logging.getLogger(__name__)

_NODE = "/grounding3d"


@dataclass
class Replay:
    """Run the node's message path over a bag; answers, markers and map go into another bag."""

    bag: Positional[Path]
    """ROS 2 bag: folder, .mcap or .db3."""
    out: Output
    """Bag to write: a file that ends in .mcap, or a folder."""
    query: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Question to ask; may be given several times."""
    every: float | None = None
    """Ask so often on the way too, seconds of the recording."""
    frame: str = ""
    """Give coordinates in this tf frame instead of the map's."""
    top_k: int = 3
    """How many candidates an answer lists at most."""
    config: Path | None = None
    """YAML preset, see configs/."""
    encoder: str | None = None
    """Encoder SPEC."""
    world_frame: str | None = None
    """Frame id of the map."""
    json: bool = False
    """Print each answer as one line of JSON."""
    set: Overrides = ()
    """Override any configuration field; may be given several times."""

    def run(self) -> int:
        """Replay, ask, write; prints the answers."""
        from grounding3d.features.encoders import load_encoder
        from grounding3d.live.answer_bag import AnswerBag
        from grounding3d.live.broadcast import TOPICS
        from grounding3d.live.messages.types import BagTypes

        if not self.query:
            raise QueryError("there is nothing to ask", hint='Give --query "where is the mug".')
        if self.every is not None and not self.every > 0:
            raise QueryError("--every must be positive", found=str(self.every))
        flags = {"encoder": self.encoder, "capture.world_frame": self.world_frame}
        config = read_config(self.config, self.set, flags)
        _tell_what_has_no_effect(config.capture)
        encoder = load_encoder(config.encoder, device=config.device)
        types = BagTypes()
        latched = {f"{_NODE}/{topic}" for topic, (_, is_latched) in TOPICS.items() if is_latched}
        with AnswerBag(self.out, types, frozenset(latched | {"/tf_static"})) as recording:
            self._replay(config, encoder, recording, types)
        total = sum(recording.counts.values())
        print(
            f"{self.out}: {total} messages on {', '.join(sorted(recording.counts))}",
            file=sys.stderr,
        )
        return 0

    def _replay(
        self, config: Config, encoder: Encoder, recording: AnswerBag, types: BagTypes
    ) -> None:
        from grounding3d.interfaces.map_relevancy import MapRelevancy
        from grounding3d.interfaces.progress import show_progress
        from grounding3d.live.broadcast import Broadcast
        from grounding3d.live.replay import TF_TYPE, Replayer
        from grounding3d.live.responder import Question

        now_ns = 0

        def send(topic: str, message: Any) -> None:
            recording.write(f"{_NODE}/{topic}", message, now_ns)

        def keep(message: BagMessage) -> None:
            recording.write_raw(message.topic, TF_TYPE, bytes(message.data), message.log_ns)

        questions = [Question(text, self.top_k, self.frame) for text in self.query]
        broadcast = Broadcast(types, send, MapRelevancy(encoder))
        with show_progress() as progress:
            replayer = Replayer(
                self.bag, config, encoder, questions,
                every_s=self.every, keep=keep, progress=progress,
            )  # fmt: skip
            for found in replayer.rounds():
                now_ns = found.log_ns
                for reply in found.replies:
                    broadcast.reply(reply)
                    broadcast.draw()
                if found.scene is not None:
                    broadcast.map(found.scene)
                self._print(found)

    def _print(self, found: Round) -> None:
        from grounding3d.interfaces.commands.query import format_answer

        if not self.json:
            print(f"at {found.log_ns * 1e-9:.3f} s")
        for reply in found.replies:
            print(reply.answer.to_json() if self.json else format_answer(reply.answer), flush=True)


def _tell_what_has_no_effect(capture: CaptureConfig) -> None:
    """Name settings that choose frames: a node sees every message."""
    usual = type(capture)()
    chosen = [
        n for n in ("start", "stride", "max_frames") if getattr(capture, n) != getattr(usual, n)
    ]
    if chosen:
        _log.warning(
            "%s: without effect, as the node sees every message; "
            "keyframes.min_translation_m makes fewer of them count",
            ", ".join(f"capture.{name}" for name in chosen),
        )
