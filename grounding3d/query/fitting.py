"""Fitting a calibration table: probabilities, then the thresholds of decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grounding3d.errors import ConfigError
from grounding3d.features.base import EncoderIdentity
from grounding3d.features.relevancy import sigmoid
from grounding3d.query.bounds import auroc
from grounding3d.query.calibration import Calibration
from grounding3d.query.quality import Quality, quality
from grounding3d.query.samples import Sample, common_features

FOLDS = 5
LEAST_SCENES = 3
REFUSED = 0.95
"""Share of absent things to refuse on scenes that were not fitted on."""
_RIDGE = 0.01


def fit_calibration(
    samples: Sequence[Sample],
    identity: EncoderIdentity,
    *,
    name: str,
    features: Sequence[str] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Calibration:
    """Fit probabilities to all samples, and thresholds to cross-validated ones.

    A logistic in each object's statistics, with coefficients that are not negative. Interactions,
    clipped terms, the lead over the other objects, and a loss over whole queries (softmax with
    "none of these") were tried on cross-validated scenes: the differences were within noise.

    Args:
        samples: one for each query to each scene; where they name three scenes or more, thresholds
            are chosen on scenes left out of the fit, else on the fitted ones.
        identity: of the encoder.
        name: id of the table.
        features: statistics to use; None: all that the samples have in common.
        provenance: recorded as it comes.

    Raises:
        ConfigError: not both kinds of objects, wanted and unwanted, among the samples.
    """
    features = tuple(features) if features is not None else common_features(samples)
    mean, scale, coefficients, intercept = _fit(samples, features)
    logits, judged = _left_out_logits(samples, features)
    found = found_threshold(judged, logits)
    gram = np.round(identity.probes @ identity.probes.T, 4)
    return Calibration(
        id=name,
        encoder=identity.spec,
        probe_gram=tuple(tuple(float(v) for v in row) for row in gram),
        features=features,
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        coefficients=tuple(coefficients.tolist()),
        intercept=float(intercept),
        found=float(sigmoid(np.array(found))),
        low=float(sigmoid(np.array(found))) / 2,
        tie=_tie(judged, logits, found),
        provenance=dict(provenance or {}),
    )


def cross_validated(samples: Sequence[Sample], identity: EncoderIdentity) -> Quality:
    """Decisions on scenes that neither the table nor its thresholds were fitted on.

    Raises:
        ConfigError: fewer than two scenes, or one kind of samples only.
    """
    decided = [
        quality(fit_calibration(kept, identity, name="fold"), left) for kept, left in folds(samples)
    ]
    if not decided:
        raise ConfigError("cross-validation needs at least two scenes")
    return sum(decided[1:], decided[0])


def validation(samples: Sequence[Sample], identity: EncoderIdentity) -> dict[str, float]:
    """Figures of scenes left out of the fit: those of `Quality`, and the AUROC of best scores."""
    logits, judged = _left_out_logits(samples, common_features(samples))
    area = auroc(
        np.array([logit.max() for logit in logits]),
        np.array([s.wanted.any() for s in judged], bool),
    )
    return cross_validated(samples, identity).as_dict() | {"auroc": round(area or 0.0, 4)}


def check_count(n_scenes: int) -> None:
    """Refuse fewer scenes than thresholds can be chosen on.

    Raises:
        ConfigError: says how many are needed.
    """
    if n_scenes < LEAST_SCENES:
        raise ConfigError(
            "too few scenes to fit a calibration",
            expected=f"{LEAST_SCENES} or more with questions that can be used",
            found=str(n_scenes),
            hint="Thresholds are chosen on scenes that were left out of the fit.",
        )


def check_samples(samples: Sequence[Sample]) -> None:
    """Refuse what no trustworthy table can be fitted to.

    Raises:
        ConfigError: too few scenes, or no question about something present, or absent.
    """
    check_count(len({sample.scene for sample in samples}))
    present = sum(bool(sample.wanted.any()) for sample in samples)
    for count, what in ((present, "present"), (len(samples) - present, "absent")):
        if not count:
            raise ConfigError(
                "a calibration needs questions for things that are there and for things that are "
                f"not, but none asks for something {what}",
                found=f"{len(samples)} usable questions",
                hint='A query with "targets": [] in ground_truth.json asks for something absent.',
            )


def folds(samples: Sequence[Sample], count: int = FOLDS) -> list[tuple[list[Sample], list[Sample]]]:
    """(kept, left out) samples, scenes kept whole; none of one scene."""
    names = sorted({sample.scene for sample in samples})
    count = min(count, len(names)) if len(names) > 1 else 0
    place = {name: i for i, name in enumerate(names)}
    return [
        (
            [s for s in samples if place[s.scene] % count != fold],
            [s for s in samples if place[s.scene] % count == fold],
        )
        for fold in range(count)
    ]


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


def found_threshold(
    samples: Sequence[Sample], logits: Sequence[np.ndarray], refused: float = REFUSED
) -> float:
    """Logit with the most right answers among those that refuse enough absent things.

    Args:
        samples: present and absent queries; 0 is returned without both.
        logits: of each sample's objects.
        refused: share of absent queries that nothing may pass.
    """
    best = np.array([logit.max() for logit in logits])
    right = np.array([bool(s.wanted[logit.argmax()]) for s, logit in zip(samples, logits)])
    present = np.array([bool(s.wanted.any()) for s in samples])
    if present.all() or not present.any():
        return 0.0
    steps = np.unique(best)
    middles = np.concatenate([(steps[1:] + steps[:-1]) / 2, [steps[-1] + 1e-3]])
    answered = np.array([(right & present & (best >= t)).sum() for t in middles])
    share = np.array([(best[~present] < t).mean() for t in middles])
    allowed = share >= refused
    top = np.flatnonzero(allowed & (answered == answered[allowed].max()))
    return float(middles[top[len(top) // 2]])


def _fit(
    samples: Sequence[Sample], features: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Mean, scale, coefficients [F] each, and intercept."""
    x = np.concatenate([sample.columns(features) for sample in samples])
    y = np.concatenate([sample.wanted for sample in samples]).astype(float)
    if not 0 < y.sum() < len(y):
        raise ConfigError("a calibration needs wanted and unwanted objects among its samples")
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    return mean, scale, *fit_logistic((x - mean) / scale, y)


def _left_out_logits(
    samples: Sequence[Sample], features: Sequence[str]
) -> tuple[list[np.ndarray], list[Sample]]:
    """Logits by tables that were fitted without the sample's scene, and the samples they are of."""
    parts = folds(samples)
    if len(parts) < LEAST_SCENES:
        parts = [(list(samples), list(samples))]
    logits, judged = [], []
    for kept, left in parts:
        mean, scale, coefficients, intercept = _fit(kept, features)
        logits += [((s.columns(features) - mean) / scale) @ coefficients + intercept for s in left]
        judged += left
    return logits, judged


def _tie(samples: Sequence[Sample], logits: Sequence[np.ndarray], found: float) -> float:
    """Lead in logits that 95 % of right answers to unique things have, within sane bounds."""
    leads = []
    for sample, logit in zip(samples, logits):
        if sample.wanted.sum() == 1 and len(logit) > 1 and sample.wanted[logit.argmax()]:
            second, first = np.sort(logit)[-2:]
            if second >= found:
                leads.append(first - second)
    return float(np.clip(np.quantile(leads, 0.05), 0.02, 0.5)) if leads else 0.2
