"""Folders and files of pictures appear whole, or what was there stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from grounding3d.errors import SceneError
from grounding3d.interfaces.renders.files import (
    output_file,
    picture_folder,
    save_png,
    written_aside,
)


def _write(folder: Path, name: str) -> None:
    with picture_folder(folder, {"kind": "test"}) as aside:
        save_png(aside / name, np.zeros((2, 3), np.uint8))


def test_a_folder_behind_a_link_is_filled_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "disk")
    for name in ("a.png", "b.png"):  # the second replaces the first
        _write(link, name)
        assert link.is_symlink()
        assert sorted(os.listdir(tmp_path / "disk")) == [name, "renders.json"]
    assert sorted(os.listdir(tmp_path)) == ["disk", "link"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_pictures_of_before_survive_a_failure_of_the_swap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: type[BaseException]
) -> None:
    folder = tmp_path / "views"
    _write(folder, "old.png")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise failure
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(failure):
        _write(folder, "new.png")
    assert sorted(os.listdir(folder)) == ["old.png", "renders.json"]
    assert os.listdir(tmp_path) == ["views"]


def test_names_may_be_as_long_as_the_disk_takes(tmp_path: Path) -> None:
    name = "n" * 251
    save_png(tmp_path / f"{name}.png", np.zeros((2, 3), np.uint8))
    _write(tmp_path / f"{name}", "a.png")
    assert sorted(os.listdir(tmp_path)) == sorted([name, f"{name}.png"])


def test_a_place_where_nothing_can_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SceneError, match="cannot write"):
        _write(tmp_path / "file" / "views", "a.png")
    with (
        pytest.raises(SceneError, match="cannot write"),
        written_aside(tmp_path / "file" / "a.png"),
    ):
        pass


def test_a_file_behind_a_link_is_written_and_the_link_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "disk" / "a.png", tmp_path / "a.png"
    target.parent.mkdir()
    link.symlink_to(target)
    save_png(link, np.zeros((2, 3), np.uint8))
    assert link.is_symlink()
    assert target.stat().st_size > 0


def test_the_programs_own_output_is_never_replaced(tmp_path: Path) -> None:
    """`-o /dev/stdout > log` names the log; a rename onto it would replace the device itself."""
    stream, log = tmp_path / "stdout", tmp_path / "log"
    stream.symlink_to("/dev/stdout")
    code = (
        "from pathlib import Path; from grounding3d.interfaces.renders.files import output_file\n"
        f"for name in ({str(stream)!r}, {str(log)!r}, '/dev/null'):\n"
        "    try: output_file(Path(name))\n"
        "    except Exception as error: print(error)"
    )
    with log.open("w") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert log.read_text().count("no ordinary file") == 3
    assert output_file(log) == log
