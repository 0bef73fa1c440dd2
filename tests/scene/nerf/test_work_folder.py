"""The folder of a training: whose it is decides what may be gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from grounding3d.errors import SceneError
from grounding3d.scene.nerf.work import WorkFolder

SETTINGS = {"schema": 1, "views": [0, 2], "overrides": {"iterations": 5}}


def complete(work: WorkFolder) -> None:
    (work.path / "runs").mkdir()
    work.views.mkdir(parents=True)
    work.report.write_text("{}")


def test_the_same_frames_and_settings_go_on(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / "work")
    assert not work.prepare(SETTINGS, b"frames")
    complete(work)
    assert WorkFolder(work.path).prepare(dict(SETTINGS), b"frames")
    assert work.is_complete


@pytest.mark.parametrize(
    ("settings", "digest"), [({**SETTINGS, "views": [0]}, b"frames"), (SETTINGS, b"others")]
)
def test_others_start_over(tmp_path: Path, settings: dict, digest: bytes) -> None:
    work = WorkFolder(tmp_path / "work")
    work.prepare(SETTINGS, b"frames")
    complete(work)
    assert not work.prepare(settings, digest)
    assert not work.is_complete
    assert not (work.path / "runs").exists()


def test_somebody_elses_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(SceneError, match=r"thesis\.tex"):
        WorkFolder(tmp_path)
    with pytest.raises(SceneError, match="something else"):
        WorkFolder(tmp_path / "thesis.tex")
    assert (tmp_path / "thesis.tex").read_text() == "years"


def test_removal_takes_all_of_ours_and_nothing_else(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / "work")
    work.prepare(SETTINGS, b"frames")
    complete(work)
    (work.path / ".result.writing-7").mkdir()
    WorkFolder(work.path).remove()
    assert not work.path.exists()
    work.prepare(SETTINGS, b"frames")
    (work.path / "mine.txt").write_text("kept")
    work.remove()
    assert [p.name for p in work.path.iterdir()] == ["mine.txt"]
