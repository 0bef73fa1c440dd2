"""Answers against ground truth: how often right, how far off, absent things refused or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from grounding3d.errors import ConfigError
from grounding3d.query.answer import Answer
from grounding3d.query.bounds import auroc, bootstrap, wilson
from grounding3d.query.truth import MARGIN_M, GroundTruth, TrueQuery

if TYPE_CHECKING:
    from grounding3d.query.engine import QueryEngine

RECALL_AT_M = (0.05, 0.1, 0.25, 0.5)


@dataclass(frozen=True)
class Outcome:
    """One query's result.

    Attributes:
        text, kind: the query.
        present: whether the scene holds what it asks for.
        held_out: whether every target is an instance that the encoder's training was kept from.
        status: of the answer.
        score: of the best candidate, 0 without one.
        success: present: an answer was given and its best candidate lies in a target's box;
            absent: no answer was given.
        distance_m: from the best candidate to the nearest target's centre; infinite without one,
            NaN for an absent thing.
        answered: found or ambiguous.
        total_ms: latency.
    """

    text: str
    kind: str
    present: bool
    held_out: bool
    status: str
    score: float
    success: bool
    distance_m: float
    answered: bool
    total_ms: float


@dataclass(frozen=True)
class EvalReport:
    """Outcomes of the queries to one or several scenes, and the figures made of them.

    Attributes:
        outcomes: every query's result.
        n_scenes: how many scenes were asked.
    """

    outcomes: tuple[Outcome, ...]
    n_scenes: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Figures by group of queries, JSON values."""
        groups = {name: figures(group) for name, group in self._groups() if group}
        scores = np.array([o.score for o in self.outcomes])
        area = auroc(scores, np.array([o.present for o in self.outcomes], bool))
        return {
            "schema": 1,
            "n_scenes": self.n_scenes,
            "n_queries": len(self.outcomes),
            "groups": groups,
            "auroc": area,
            "latency_ms_median": _quantile([o.total_ms for o in self.outcomes], 0.5),
        }

    def markdown(self) -> str:
        """A table for people."""
        content = self.as_dict()
        recalls = [f"within {100 * at:g} cm" for at in RECALL_AT_M]
        head = ["queries", "n", "answered", "right (95 % bounds)", "median m", "90 % m", *recalls]
        rows = [head, ["---"] * len(head)]
        for name, values in content["groups"].items():
            rows.append([name, str(values["n"]), *_row(values)])
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        area = content["auroc"]
        ranked = "-" if area is None else f"{area:.3f}"
        lines += [
            "",
            f"{self.n_scenes} scenes, {len(self.outcomes)} queries. An absent thing is right when "
            f"it was refused. AUROC of present against absent: {ranked}.",
        ]
        return "\n".join(lines)

    def _groups(self) -> Iterable[tuple[str, list[Outcome]]]:
        present = [o for o in self.outcomes if o.present]
        yield "present", present
        for kind in dict.fromkeys(o.kind for o in present):
            yield kind, [o for o in present if o.kind == kind]
        yield "held-out instances", [o for o in present if o.held_out]
        yield "other instances", [o for o in present if not o.held_out]
        yield "absent", [o for o in self.outcomes if not o.present]


def evaluate(source: QueryEngine | Sequence[Answer], ground_truth: Mapping[str, Any]) -> EvalReport:
    """Compare answers with the truth.

    Args:
        source: an engine to ask, or the answers to the truth's queries in their order.
        ground_truth: parsed ground_truth.json, schema 1.

    Raises:
        ConfigError: the truth cannot be read, answers and queries do not correspond, or the two
            speak of different frames.
    """
    truth = GroundTruth.from_json(ground_truth)
    texts = [query.text for query in truth.queries]
    answers = source.ask_all(texts) if hasattr(source, "ask_all") else list(source)
    if [answer.query for answer in answers] != texts:
        raise ConfigError("the answers are not those to the ground truth's queries, in order")
    for answer in answers:
        if answer.candidates and answer.frame_id != truth.frame_id:
            raise ConfigError(
                "answers and ground truth speak of different frames",
                expected=truth.frame_id,
                found=answer.frame_id,
            )
    return EvalReport(tuple(judge(a, q, truth) for a, q in zip(answers, truth.queries)))


def merge_reports(reports: Sequence[EvalReport]) -> EvalReport:
    """One report over several scenes' queries."""
    outcomes = tuple(o for report in reports for o in report.outcomes)
    return EvalReport(outcomes, sum(report.n_scenes for report in reports))


def judge(answer: Answer, query: TrueQuery, truth: GroundTruth) -> Outcome:
    """One answer's outcome; an ambiguous one is right only if its best candidate is."""
    targets = [truth.objects[t] for t in query.targets]
    answered = answer.status in ("found", "ambiguous")
    best = answer.candidates[0] if answer.candidates else None
    distance, inside = float("nan") if not targets else float("inf"), False
    if targets and answered and best is not None:
        position = best.box.center
        distance = min(float(np.linalg.norm(position - t.center)) for t in targets)
        inside = any(bool(t.contains(position, MARGIN_M)) for t in targets)
    return Outcome(
        text=query.text,
        kind=query.kind,
        present=bool(targets),
        held_out=bool(targets) and all(t.held_out for t in targets),
        status=answer.status,
        score=best.score if best is not None else 0.0,
        success=inside if targets else not answered,
        distance_m=distance,
        answered=answered,
        total_ms=float(answer.latency_ms.get("total", 0.0)),
    )


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Figures of one group of queries, each share with its 95 % bounds."""
    n = len(outcomes)
    right = sum(o.success for o in outcomes)
    low, high = wilson(right, n)
    content: dict[str, Any] = {
        "n": n,
        "answered": sum(o.answered for o in outcomes) / n,
        "success": right / n,
        "success_bounds": [low, high],
    }
    if not all(o.present for o in outcomes):
        return content
    distances = np.array([o.distance_m for o in outcomes])
    content["recall"] = {f"{at:g}": float((distances <= at).mean()) for at in RECALL_AT_M}
    hits = distances[np.isfinite(distances)]
    right_only = np.array([o.distance_m for o in outcomes if o.success])
    for name, values in (("distance_m", hits), ("distance_m_when_right", right_only)):
        content[name] = {
            "median": _quantile(values, 0.5),
            "median_bounds": bootstrap(values, np.median),
            "p90": _quantile(values, 0.9),
        }
    return content


def _row(values: Mapping[str, Any]) -> list[str]:
    low, high = values["success_bounds"]
    cells = [f"{values['answered']:.0%}", f"{values['success']:.1%} ({low:.0%} to {high:.0%})"]
    if "recall" not in values:
        return cells + ["-"] * (2 + len(RECALL_AT_M))
    distance = values["distance_m"]
    cells += ["-" if distance[k] is None else f"{distance[k]:.3f}" for k in ("median", "p90")]
    return cells + [f"{share:.0%}" for share in values["recall"].values()]


def _quantile(values: Any, q: float) -> float | None:
    return float(np.quantile(values, q)) if len(values) else None
