"""The board: outcomes of many queries, and every figure made of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from grounding3d.errors import ConfigError
from grounding3d.query.answer import Answer
from grounding3d.query.evaluation.figures import (
    coverage,
    figures,
    inventory_figures,
    latency,
    ranking,
)
from grounding3d.query.evaluation.inventory import Inventory, take_inventory
from grounding3d.query.evaluation.outcomes import Judge, Outcome, judge
from grounding3d.query.truth import KINDS, GroundTruth, TrueQuery

if TYPE_CHECKING:
    from grounding3d.query.engine import QueryEngine

SCHEMA = 1
NAMED = ("plain", "caption")
"""Kinds that name one thing; how well unseen instances do is told of these."""


@dataclass(frozen=True)
class EvalReport:
    """Outcomes of the queries to one or several scenes, and the figures made of them.

    Attributes:
        outcomes: every query's result.
        n_scenes: how many scenes were asked.
        inventories: each scene's objects against the real ones; none where only answers are known.
        rules: what decided, once each: {"encoder", "calibration" (id, null without a table),
            "found" (threshold), "provenance"}.
    """

    outcomes: tuple[Outcome, ...]
    n_scenes: int = 1
    inventories: tuple[Inventory, ...] = ()
    rules: tuple[dict[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Figures by group of queries, JSON values, schema 1; keys may be added."""
        present = [o for o in self.outcomes if o.present]
        absent = [o for o in self.outcomes if not o.present]
        area, bounds = ranking(present, absent)
        times = latency(self.outcomes)
        return {
            "schema": SCHEMA,
            "n_scenes": self.n_scenes,
            "n_queries": len(self.outcomes),
            "rules": list(self.rules),
            "groups": {name: figures(group, absent) for name, group in self.groups() if group},
            "auroc": area,
            "auroc_bounds": bounds,
            "ellipsoid": coverage(self.outcomes),
            "objects": inventory_figures(self.inventories) if self.inventories else None,
            "latency_ms_median": times["total"]["median"],
            "latency_ms": times,
        }

    def outcomes_dict(self) -> list[dict[str, Any]]:
        """Every outcome, JSON values; what has no finite value is null."""
        return [
            {name: _finite(value) for name, value in asdict(outcome).items()}
            for outcome in self.outcomes
        ]

    def markdown(self) -> str:
        """Tables for people."""
        from grounding3d.query.evaluation.text import board_text

        return board_text(self.as_dict())

    def svg(self) -> str:
        """Curves for people: recall over distance, ROC, reliability of the ellipsoids."""
        from grounding3d.query.evaluation.plot import board_svg

        return board_svg(self)

    def groups(self) -> Iterator[tuple[str, list[Outcome]]]:
        """Names of the groups and their outcomes, some of them empty."""
        present = [o for o in self.outcomes if o.present]
        named = [o for o in present if o.kind in NAMED]
        yield "present", present
        kinds = dict.fromkeys([k for k in KINDS if k != "absent"] + [o.kind for o in present])
        for kind in kinds:
            yield kind, [o for o in present if o.kind == kind]
        yield "held-out instances", [o for o in named if o.held_out]
        yield "other instances", [o for o in named if not o.held_out]
        yield "absent", [o for o in self.outcomes if not o.present]


def evaluate(
    source: QueryEngine | Sequence[Answer],
    ground_truth: Mapping[str, Any],
    *,
    scene: str = "",
    judge: Judge = judge,
) -> EvalReport:
    """Compare answers with the truth.

    Args:
        source: an engine to ask, or the answers to the truth's queries in their order.
        ground_truth: parsed ground_truth.json, schema 1.
        scene: its name; scenes of one board have names of their own.
        judge: decides what is right.

    Raises:
        ConfigError: the truth cannot be read, answers and queries do not correspond, or the two
            speak of different frames.
    """
    truth = GroundTruth.from_json(ground_truth)
    inventories: tuple[Inventory, ...] = ()
    rules: tuple[dict[str, Any], ...] = ()
    if isinstance(source, Sequence):
        answers = list(source)
    else:
        answers = [_ask(source, query) for query in truth.queries]
        _check_frame(source.scene.scene.world_frame, truth)
        inventories = (take_inventory(source.scene.objects, truth, scene),)
        rules = (_rule(source),)
    if [answer.query for answer in answers] != [query.text for query in truth.queries]:
        raise ConfigError("the answers are not those to the ground truth's queries, in order")
    for answer in answers:
        if answer.candidates:
            _check_frame(answer.frame_id, truth)
    judged = (judge(a, q, truth) for a, q in zip(answers, truth.queries))
    outcomes = tuple(replace(outcome, scene=scene) for outcome in judged)
    return EvalReport(outcomes, 1, inventories, rules)


def merge_reports(reports: Sequence[EvalReport]) -> EvalReport:
    """One report over several scenes' queries."""
    rules: list[dict[str, Any]] = []
    for rule in (rule for report in reports for rule in report.rules):
        if rule not in rules:
            rules.append(rule)
    return EvalReport(
        tuple(o for report in reports for o in report.outcomes),
        sum(report.n_scenes for report in reports),
        tuple(i for report in reports for i in report.inventories),
        tuple(rules),
    )


def _ask(engine: QueryEngine, query: TrueQuery) -> Answer:
    if query.viewpoint is None:
        return engine.ask(query.text)
    return engine.ask(query.text, viewpoint=query.viewpoint)  # type: ignore[call-arg]


def _rule(engine: QueryEngine) -> dict[str, Any]:
    table, spec = engine.calibration, engine.scene.encoder.spec
    if table is None:
        return {"encoder": spec, "calibration": None, "found": None, "provenance": {}}
    return {
        "encoder": spec,
        "calibration": table.id,
        "found": table.found,
        "provenance": dict(table.provenance),
    }


def _check_frame(frame_id: str, truth: GroundTruth) -> None:
    if frame_id != truth.frame_id:
        raise ConfigError(
            "answers and ground truth speak of different frames",
            expected=truth.frame_id,
            found=frame_id,
        )


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
