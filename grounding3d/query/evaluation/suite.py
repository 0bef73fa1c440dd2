"""Suites: what a board is made of.

A board of a data set is a `Suite`: cases (a capture or a built scene, with what is truly in it), a
judge, and a note on where the data comes from. A reader for another data set makes one of its files
and hands it to `run_suite`; nothing else has to be known about it:

    Suite("my rooms", tuple(Case(f.name, f, read_truth(f / "truth.json")) for f in folders))

Ground truth is the schema of `GroundTruth`: boxes in the capture's world frame, and questions.
A data set that says otherwise what is right (masks, say, or a point and a radius) brings a judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grounding3d.errors import ConfigError
from grounding3d.query.evaluation.outcomes import Judge, judge
from grounding3d.query.evaluation.report import EvalReport, evaluate, merge_reports

if TYPE_CHECKING:
    from grounding3d.query.engine import QueryEngine


@dataclass(frozen=True)
class Case:
    """One scene of a suite.

    Attributes:
        name: its own among the suite's.
        path: capture or scene folder.
        truth: what is there and what to ask, schema of ground_truth.json.
    """

    name: str
    path: Path
    truth: Mapping[str, Any]


@dataclass(frozen=True)
class Suite:
    """Scenes that are asked together.

    Attributes:
        name: for the board's title.
        cases: at least one.
        judge: decides what is right.
        note: where the data comes from and under which licence, for the board.
    """

    name: str
    cases: tuple[Case, ...]
    judge: Judge = judge
    note: str = ""

    def __post_init__(self) -> None:
        names = [case.name for case in self.cases]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"the suite {self.name} names scenes twice", found=", ".join(twice))


def run_suite(
    suite: Suite,
    open_engine: Callable[[Case], QueryEngine],
    watch: Callable[[Case, EvalReport, int], None] | None = None,
) -> EvalReport:
    """Ask every case's questions.

    Args:
        suite: what to ask.
        open_engine: loads a case's scene, or builds it.
        watch: is told each case's report and how many cases are done.
    """
    reports = []
    for done, case in enumerate(suite.cases, 1):
        reports.append(evaluate(open_engine(case), case.truth, scene=case.name, judge=suite.judge))
        if watch is not None:
            watch(case, reports[-1], done)
    return merge_reports(reports)
