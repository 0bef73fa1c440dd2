"""Evidence into probabilities: a monotone logistic table, fitted for one encoder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from grounding3d.errors import ConfigError
from grounding3d.features.base import EncoderIdentity
from grounding3d.features.relevancy import sigmoid
from grounding3d.query.evidence import FEATURES, Evidence

SCHEMA = 1
FOLDER = Path(__file__).parent / "tables"
"""Tables that come with the package."""
_SAME_GRAM = 0.02


@dataclass(frozen=True)
class Calibration:
    """A fitted table.

    Attributes:
        id: its name; never reused for other numbers.
        encoder: spec of the encoder it was fitted for.
        probe_gram: [8][8] cosines among that encoder's probe phrases.
        features: names of the statistics used.
        mean, scale: [F] their standardisation.
        coefficients: [F], none negative.
        intercept: logit at the mean.
        found: probability from which an object is an answer.
        low: probability from which a refusal is called low confidence instead of absent.
        tie: difference of logits up to which two objects are equally good.
        provenance: what it was fitted on, for people.
    """

    id: str
    encoder: str
    probe_gram: tuple[tuple[float, ...], ...]
    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    found: float = 0.5
    low: float = 0.25
    tie: float = 0.3
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """What an answer's reason adds."""
        return ""

    def logit(self, evidence: Evidence) -> np.ndarray:
        """[M] log-odds that an object is what was asked for."""
        columns, weights, offset = self._linear
        return np.asarray(evidence.matrix[:, columns] @ weights + offset)

    @cached_property
    def _linear(self) -> tuple[list[int], np.ndarray, float]:
        """Columns of the evidence, their weights without standardisation, and the offset."""
        columns = [FEATURES.index(name) for name in self.features]
        weights = np.asarray(self.coefficients) / np.asarray(self.scale)
        return columns, weights, self.intercept - float(weights @ np.asarray(self.mean))

    def score(self, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
        """[M] probabilities, and [M] log-odds to sort by."""
        logit = self.logit(evidence)
        return sigmoid(logit), logit

    def passes(self, evidence: Evidence, score: np.ndarray) -> np.ndarray:
        """[M] whether an object may be an answer."""
        return score >= self.found

    def fits(self, identity: EncoderIdentity) -> bool:
        """Whether it was fitted for this encoder."""
        if identity.spec != self.encoder:
            return False
        gram = identity.probes @ identity.probes.T
        return bool(np.abs(gram - np.asarray(self.probe_gram)).max() < _SAME_GRAM)

    def save(self, path: Path) -> None:
        """Write as readable JSON, beside the file and renamed."""
        text = json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, allow_nan=False) + "\n"
        aside = path.with_name(f".writing-{path.name}")
        try:
            aside.write_text(text, encoding="utf-8")
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)


def load_calibration(path: Path) -> Calibration:
    """Read what `Calibration.save` wrote; keys of a newer version are passed over.

    Raises:
        ConfigError: not such a file, or of another schema.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("schema") != SCHEMA:
            raise ValueError("another schema")
        for name in ("features", "mean", "scale", "coefficients"):
            content[name] = tuple(content[name])
        content["probe_gram"] = tuple(tuple(row) for row in content["probe_gram"])
        known = {item.name for item in fields(Calibration)}
        loaded = Calibration(**{name: value for name, value in content.items() if name in known})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path} is no calibration of schema {SCHEMA}",
            found=f"{type(error).__name__}: {error}",
            hint="`grounding3d calibrate` makes one.",
        ) from error
    unknown = set(loaded.features) - set(FEATURES)
    if unknown:
        raise ConfigError(f"calibration {loaded.id} uses unknown statistics {sorted(unknown)}")
    return loaded


def given_calibration(path: Path, identity: EncoderIdentity) -> Calibration:
    """The table in a file, which has to be one for this encoder.

    Raises:
        ConfigError: it cannot be read, or is another encoder's.
    """
    table = load_calibration(path)
    if not table.fits(identity):
        raise ConfigError(
            f"the calibration {path} is another encoder's",
            expected=identity.spec,
            found=table.encoder + (" of other weights" if table.encoder == identity.spec else ""),
            hint="`grounding3d calibrate --encoder SPEC` fits one.",
        )
    return table


def user_folder() -> Path:
    """Where a user's own tables lie: $XDG_CONFIG_HOME/grounding3d/calibrations."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "grounding3d" / "calibrations"


def find_calibration(identity: EncoderIdentity, folder: Path | None = None) -> Calibration | None:
    """The table fitted for this encoder, None if there is none.

    The user's own tables come before the packaged ones: whoever has fitted one has done so for
    scenes like theirs. Of several in a folder the last by name is taken, numbers in order.

    Args:
        identity: of the encoder.
        folder: the only one to look in.

    Raises:
        ConfigError: a table cannot be read.
    """
    for place in (user_folder(), FOLDER) if folder is None else (folder,):
        for path in sorted(place.glob("*.json"), key=_natural, reverse=True):
            table = load_calibration(path)
            if table.fits(identity):
                return table
    return None


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorts "t-10" behind "t-9"."""
    parts = re.split(r"(\d+)", path.stem)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
