"""`grounding3d view` as a user starts it."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("viser")

from grounding3d.interfaces.cli import main
from grounding3d.objects.store import save_scene


@pytest.mark.slow
def test_it_says_where_to_look_serves_the_page_and_stops_on_request(scene, tmp_path: Path) -> None:
    folder = save_scene(tmp_path / "scene", scene)
    command = [sys.executable, "-m", "grounding3d", "view", str(folder), "--port", "0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        # a suite started in the background hands an ignored SIGINT down
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as program:
        assert program.stdout is not None
        first = program.stdout.readline()
        assert first.startswith("Open http://localhost:")
        assert "ssh -L" in program.stdout.readline()
        with urllib.request.urlopen(first.split()[1], timeout=20) as answer:
            assert answer.status == 200
            assert b"<html" in answer.read()
        program.send_signal(signal.SIGINT)
        assert program.wait(20) == 0


def test_what_is_no_scene_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["view", str(tmp_path)]) == 2
    assert "grounding3d build" in capsys.readouterr().err


def test_a_port_that_is_none_is_bad_input(scene, tmp_path: Path, capsys) -> None:
    folder = save_scene(tmp_path / "scene", scene)
    assert main(["view", str(folder), "--port", "70000"]) == 2
    assert "--port" in capsys.readouterr().err
