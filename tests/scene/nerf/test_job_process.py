"""The job's protocol, with small programs that speak it: progress, results, errors, stops."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from grounding3d.errors import Cancelled, ConfigError, SceneError, TrainingError
from grounding3d.scene.nerf import process
from grounding3d.scene.nerf.process import run_job

SAY = "import json, os, signal, sys, time\ndef say(**k): print(json.dumps(k), flush=True)\n"


def run(folder: Path, program: str, **options):
    (folder / "speaker.py").write_text(SAY + program)
    return run_job(Path(sys.executable), ["WORK"], folder, module="speaker", **options)


def test_progress_arrives_in_order_and_the_result_is_returned(tmp_path: Path) -> None:
    told = []
    result = run(
        tmp_path,
        "print('not for you')\n"
        "say(stage='training', done=1, total=2, text='PSNR 20.1 dB')\n"
        "say(stage='views', done=2, total=None)\n"
        "say(result=sys.argv[1])\n",
        progress=lambda *report: told.append(report),
    )
    assert result == "WORK"
    assert told == [("training PSNR 20.1 dB", 1, 2), ("views", 2, None)]


def test_errors_come_back_typed_with_their_hint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^bad preset\. Use small\.$"):
        run(tmp_path, "say(error='bad preset', hint='Use small.', kind='ConfigError')\nsys.exit(2)")
    with pytest.raises(TrainingError, match="no memory"):
        run(tmp_path, "say(error='no memory', hint='', kind='RuntimeError')\nsys.exit(1)")
    with pytest.raises(TrainingError, match="odd"):  # a name of the module that is no error
        run(tmp_path, "say(error='odd', hint='', kind='annotations')\nsys.exit(1)")


def test_an_end_without_a_word_names_the_cause_and_the_log(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"exit code 1, ValueError: lens.*log\.txt"):
        run(tmp_path, "raise ValueError('lens')")
    with pytest.raises(TrainingError, match="signal 9, out of memory"):
        run(tmp_path, "os.kill(os.getpid(), 9)")
    assert "ValueError: lens" in (tmp_path / "log.txt").read_text()


def test_cancel_lets_the_job_save_and_end(tmp_path: Path) -> None:
    cancel = threading.Event()
    program = (
        "def stop(*_):\n"
        "    open('checkpoint', 'w').close(); say(error='stopped', kind='Cancelled'); sys.exit(1)\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "say(stage='training', done=1, total=9)\n"
        "time.sleep(60)\n"
    )
    started = time.monotonic()
    with pytest.raises(Cancelled):
        run(tmp_path, program, progress=lambda *_: cancel.set(), cancel=cancel)
    assert (tmp_path / "checkpoint").exists()
    assert time.monotonic() - started < 30


def test_ctrl_c_ends_the_job_too(tmp_path: Path) -> None:
    program = (
        "open('pid', 'w').write(str(os.getpid()))\n"
        "say(stage='training', done=1, total=9)\ntime.sleep(60)\n"
    )

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, program, progress=interrupt)
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


def test_a_job_that_does_not_stop_is_ended(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(process, "_STOP_S", 0.5)
    cancel = threading.Event()
    program = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "say(stage='training', done=1, total=9)\ntime.sleep(60)\n"
    )
    started = time.monotonic()
    with pytest.raises(Cancelled):
        run(tmp_path, program, progress=lambda *_: cancel.set(), cancel=cancel)
    assert time.monotonic() - started < 30


def test_two_jobs_do_not_share_a_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(process, "_LOCKED_S", 0.3)
    refused = []

    def second(*_: object) -> None:
        with pytest.raises(SceneError, match="another build"):
            run(tmp_path, "say(result='second')")
        refused.append(True)

    first = "say(stage='training', done=1, total=1)\nsay(result='first')"
    assert run(tmp_path, first, progress=second) == "first"
    assert refused
    assert run(tmp_path, "say(result='third')") == "third"
