"""Answers against ground truth: how often right, how far off, absent things refused or not.

`evaluate` asks one scene, `merge_reports` joins several, `run_suite` does both for a suite of
captures. An `EvalReport` gives its figures as JSON values, as text and as a picture.
"""

from grounding3d.query.evaluation.outcomes import Judge, Outcome, judge
from grounding3d.query.evaluation.report import EvalReport, evaluate, merge_reports
from grounding3d.query.evaluation.suite import Case, Suite, run_suite

__all__ = [
    "Case", "EvalReport", "Judge", "Outcome", "Suite",
    "evaluate", "judge", "merge_reports", "run_suite",
]  # fmt: skip
