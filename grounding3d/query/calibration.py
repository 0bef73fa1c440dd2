"""Evidence into probabilities: a monotone logistic table, fitted for one encoder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from grounding3d.errors import ConfigError
from grounding3d.features.base import EncoderIdentity
from grounding3d.features.relevancy import sigmoid
from grounding3d.query.evidence import FEATURES, Evidence

if TYPE_CHECKING:
    from grounding3d.query.samples import Sample

SCHEMA = 1
FOLDER = Path(__file__).parent / "tables"
_SAME_GRAM = 0.02
_RIDGE = 0.01


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
        columns = [FEATURES.index(name) for name in self.features]
        x = (evidence.matrix[:, columns] - self.mean) / self.scale
        return np.asarray(x @ np.asarray(self.coefficients) + self.intercept)

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
        """Write as readable JSON."""
        content = {"schema": SCHEMA, **asdict(self)}
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def load_calibration(path: Path) -> Calibration:
    """Read what `Calibration.save` wrote.

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
        loaded = Calibration(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path} is no calibration of schema {SCHEMA}", found=str(error)
        ) from error
    unknown = set(loaded.features) - set(FEATURES)
    if unknown:
        raise ConfigError(f"calibration {loaded.id} uses unknown statistics {sorted(unknown)}")
    return loaded


def find_calibration(identity: EncoderIdentity, folder: Path = FOLDER) -> Calibration | None:
    """The packaged table fitted for this encoder, None if there is none."""
    for path in sorted(folder.glob("*.json"), reverse=True):
        table = load_calibration(path)
        if table.fits(identity):
            return table
    return None


def fit_calibration(
    samples: Sequence[Sample],
    identity: EncoderIdentity,
    *,
    name: str,
    features: Sequence[str] = FEATURES,
    provenance: Mapping[str, Any] | None = None,
) -> Calibration:
    """Fit probabilities, then the thresholds of decisions.

    Args:
        samples: one for each query to each scene.
        identity: of the encoder.
        name: id of the table.
        features: statistics to use.
        provenance: recorded as it comes.

    Raises:
        ConfigError: not both kinds of objects, wanted and unwanted, among the samples.
    """
    columns = [FEATURES.index(feature) for feature in features]
    x = np.concatenate([sample.evidence for sample in samples])[:, columns]
    y = np.concatenate([sample.wanted for sample in samples]).astype(float)
    if not 0 < y.sum() < len(y):
        raise ConfigError("a calibration needs wanted and unwanted objects among its samples")
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    coefficients, intercept = fit_logistic((x - mean) / scale, y)
    logits = [((s.evidence[:, columns] - mean) / scale) @ coefficients + intercept for s in samples]
    found = _found_threshold(samples, logits)
    gram = np.round(identity.probes @ identity.probes.T, 4)
    return Calibration(
        id=name,
        encoder=identity.spec,
        probe_gram=tuple(tuple(float(v) for v in row) for row in gram),
        features=tuple(features),
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        coefficients=tuple(coefficients.tolist()),
        intercept=float(intercept),
        found=float(sigmoid(np.array(found))),
        low=float(sigmoid(np.array(found))) / 2,
        tie=_tie(samples, logits, found),
        provenance=dict(provenance or {}),
    )


def fit_logistic(x: np.ndarray, y: np.ndarray, ridge: float = _RIDGE) -> tuple[np.ndarray, float]:
    """Logistic regression with coefficients that are not negative, by L-BFGS-B.

    Args:
        x: [n,F] standardised.
        y: [n] 0 or 1.
        ridge: of the coefficients, for each sample that the rarer class has.

    Returns:
        Coefficients [F] and intercept.
    """
    from scipy.optimize import minimize

    penalty = ridge * min(y.sum(), len(y) - y.sum())

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        logit = x @ theta[:-1] + theta[-1]
        value = np.logaddexp(0, logit).sum() - y @ logit + 0.5 * penalty * (theta[:-1] ** 2).sum()
        residual = sigmoid(logit) - y
        gradient = np.append(x.T @ residual + penalty * theta[:-1], residual.sum())
        return float(value), gradient

    start = np.zeros(x.shape[1] + 1)
    bounds = [(0.0, None)] * x.shape[1] + [(None, None)]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    return found.x[:-1], float(found.x[-1])


def _found_threshold(samples: Sequence[Sample], logits: Sequence[np.ndarray]) -> float:
    """Logit that is best for right answers and refusals alike: the worse of the two counts more."""
    best = np.array([logit.max() for logit in logits])
    right = np.array([bool(s.wanted[logit.argmax()]) for s, logit in zip(samples, logits)])
    present = np.array([bool(s.wanted.any()) for s in samples])
    if present.all() or not present.any():
        return 0.0
    steps = np.sort(best)
    middles = (steps[1:] + steps[:-1]) / 2
    answered = np.array([(right & present & (best >= t)).sum() for t in middles]) / present.sum()
    refused = np.array([(~present & (best < t)).sum() for t in middles]) / (~present).sum()
    quality = 0.5 * (answered + refused) + np.minimum(answered, refused)
    top = np.flatnonzero(quality >= quality.max() - 1e-9)
    return float(middles[top[len(top) // 2]]) if len(middles) else 0.0


def _tie(samples: Sequence[Sample], logits: Sequence[np.ndarray], found: float) -> float:
    """Lead in logits that 95 % of right answers to unique things have, within sane bounds."""
    leads = []
    for sample, logit in zip(samples, logits):
        if sample.wanted.sum() == 1 and len(logit) > 1 and sample.wanted[logit.argmax()]:
            second, first = np.sort(logit)[-2:]
            if second >= found:
                leads.append(first - second)
    return float(np.clip(np.quantile(leads, 0.05), 0.02, 0.5)) if leads else 0.2
