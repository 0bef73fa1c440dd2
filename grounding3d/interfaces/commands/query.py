"""`grounding3d query`: questions to a scene, answers in metres."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tyro.conf import Positional

from grounding3d.errors import QueryError
from grounding3d.interfaces.answer_text import format_record

if TYPE_CHECKING:
    from grounding3d.query.answer import Answer
    from grounding3d.query.engine import QueryEngine


@dataclass
class Query:
    """Ask a scene where something is.

    Exit code 0 for every answer, "not found" and "invalid" too, which its status tells; 2 where the
    scene, the encoder or an option is of no use.
    """

    scene: Positional[Path]
    """Scene folder made by `build`."""
    text: Positional[str | None] = None
    """The question: "where is the mug", "a red gift box"."""
    file: Path | None = None
    """Ask every line of this file; - reads standard input."""
    json: bool = False
    """One line of JSON an answer."""
    top_k: int = 3
    """How many candidates an answer lists at most."""
    frame: str | None = None
    """Give coordinates in this frame instead of the scene's."""
    viewpoint: tuple[float, float, float] | None = None
    """X Y Z in the scene's frame, metres: where left, right, in front of and nearest are seen
    from; by default the recording's last camera."""
    encoder: str | None = None
    """Encoder SPEC; by default the one the scene was built with."""
    calibration: Path | None = None
    """Table made by `calibrate`; by default the user's own or the packaged one of the encoder."""

    def run(self) -> int:
        """Answer; exit 0 also when nothing was found."""
        if (self.text is None) == (self.file is None):
            raise QueryError("give either a question or --file", hint="grounding3d query --help")
        if self.top_k < 1:
            raise QueryError("--top-k must be at least 1", found=str(self.top_k))
        engine = open_engine(self.scene, self.encoder, self.calibration)
        if self.json and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # as JSON is, whatever the terminal's
        for line in _lines(self.file) if self.text is None else [_typed(self.text)]:
            answer = engine.ask(
                line, top_k=self.top_k, frame_id=self.frame, viewpoint=self.viewpoint
            )
            print(answer.to_json() if self.json else format_answer(answer), flush=True)
        return 0


def open_engine(
    scene: Path, encoder: str | None = None, calibration: Path | None = None
) -> QueryEngine:
    """Load a scene folder, the text side of its encoder, and a calibration if one is given."""
    from grounding3d.features.encoders import load_encoder
    from grounding3d.objects.store import load_scene
    from grounding3d.query.calibration import given_calibration
    from grounding3d.query.engine import QueryEngine

    loaded = load_scene(scene)
    text_side = load_encoder(encoder or loaded.encoder.spec)
    if calibration is None:
        return QueryEngine(loaded, text_side)
    return QueryEngine(loaded, text_side, given_calibration(calibration, loaded.encoder))


def _typed(text: str) -> str:
    """A text of the command line; undecodable bytes become replacement characters."""
    return text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")


def _lines(path: Path | None) -> Iterable[str]:
    """Lines without their ends, of Windows' too, and without the mark that its editors begin with.

    Undecodable bytes become replacement characters.
    """
    if str(path) == "-":
        if sys.stdin is None:
            raise QueryError("cannot read standard input", found="it is closed")
        return _decoded(sys.stdin.buffer)
    assert path is not None
    try:
        return _decoded(io.BytesIO(path.read_bytes()))
    except OSError as error:
        raise QueryError(f"cannot read {path}", found=error.strerror) from error


def _decoded(stream: IO[bytes]) -> Iterable[str]:
    for number, line in enumerate(stream):
        raw = line.removeprefix(codecs.BOM_UTF8) if number == 0 else line
        text = raw.decode("utf-8", errors="replace")
        yield text.removesuffix("\n").removesuffix("\r")


def format_answer(answer: Answer) -> str:
    """An answer for people: the decision, then one line a candidate."""
    return format_record(answer.as_dict())
