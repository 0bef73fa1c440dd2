"""`grounding3d calibrate`: fit when an encoder's answers are to be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

from grounding3d.errors import ConfigError
from grounding3d.interfaces.options import Output, Overrides, read_config

if TYPE_CHECKING:
    from grounding3d.query.calibration import Calibration


@dataclass
class Calibrate:
    """Fit a score table for an encoder from captures with ground truth.

    `query` and `eval` take it with --calibration; a table in the user's own folder
    ($XDG_CONFIG_HOME/grounding3d/calibrations) is found for its encoder by itself.
    """

    paths: Positional[tuple[Path, ...]]
    """Captures, scene folders, or folders of such, with a ground_truth.json in or beside each."""
    out: Output
    """Table to write, TABLE.json."""
    encoder: str | None = None
    """Encoder SPEC."""
    name: str | None = None
    """Id that answers will name; by default the file's name."""
    ground_truth: Path | None = None
    """Folder with NAME.json or NAME/ground_truth.json for each path."""
    cache: Path | None = None
    """Folder that keeps the scenes that were built: what is there is not built again."""
    config: Path | None = None
    """YAML preset, see configs/."""
    set: Overrides = ()
    """Override any configuration field; may be given several times."""

    def run(self) -> int:
        """Build what is not built, collect samples, fit, validate, write."""
        from grounding3d.features.identity import identify
        from grounding3d.interfaces.progress import show_progress
        from grounding3d.interfaces.suites import SceneSource, find_cases
        from grounding3d.query.fitting import (
            check_count,
            check_samples,
            fit_calibration,
            validation,
        )
        from grounding3d.query.samples import collect_samples

        _check_out(self.out)
        cases = find_cases(self.paths, self.ground_truth)
        check_count(len(cases))  # before hours of building
        config = read_config(self.config, self.set, {"encoder": self.encoder})
        samples, identities = [], []
        with show_progress() as progress:
            source = SceneSource(config, cache=self.cache, encoder=self.encoder, progress=progress)
            for done, case in enumerate(cases, 1):
                scene, encoder = source.scene(case)
                samples += collect_samples(scene, case.truth, encoder, name=case.name)
                identities.append(identify(encoder))
                progress(f"scenes {case.name}", done, len(cases))
        if len({identity.spec for identity in identities}) > 1:
            raise ConfigError(
                "the scenes were built with several encoders, a table is for one",
                found=", ".join(sorted({identity.spec for identity in identities})),
            )
        check_samples(samples)
        provenance = {
            "made_by": "grounding3d calibrate",
            "scenes": [case.name for case in cases],
            "n_queries": len(samples),
            "cross_validated": validation(samples, identities[0]),
        }
        table = fit_calibration(
            samples, identities[0], name=self.name or self.out.stem, provenance=provenance
        )
        self.out.parent.mkdir(parents=True, exist_ok=True)
        table.save(self.out)
        print(describe_table(table, self.out))
        return 0


def describe_table(table: Calibration, path: Path) -> str:
    """What was fitted, how well it does on scenes left out, and how to use it."""
    from grounding3d.query.calibration import user_folder

    figures: dict[str, Any] = table.provenance["cross_validated"]
    weights = sorted(zip(table.coefficients, table.features), reverse=True)
    lines = [
        f"{path}: {table.id} for {table.encoder}, {len(table.provenance['scenes'])} scenes, "
        f"{table.provenance['n_queries']} questions",
        "On scenes left out of the fit:",
        f"  {figures['n_present']} present: {figures['answered_right']:.1%} answered rightly, "
        f"best object right {figures['best_right']:.1%}",
        f"  {figures['n_absent']} absent: {figures['refused']:.1%} refused, AUROC "
        f"{figures['auroc']:.3f}",
        f"Answers from a score of {table.found:.2f}; what counts most: "
        + ", ".join(f"{name} {weight:.2f}" for weight, name in weights[:4]),
        f"Use it with --calibration {path}, or always: copy it to {user_folder()}",
    ]
    return "\n".join(lines)


def _check_out(path: Path) -> None:
    """Refuse to replace what is no table."""
    from grounding3d.query.calibration import load_calibration

    if path.is_dir():
        raise ConfigError(f"{path} is a folder", expected="a file to write, TABLE.json")
    if path.exists():
        load_calibration(path)
