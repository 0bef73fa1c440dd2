"""The command line as a user meets it: exit codes, streams, JSON lines, interrupted builds."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from grounding3d.interfaces.cli import main
from grounding3d.interfaces.commands.demo import bundled_bag
from grounding3d.interfaces.commands.evaluate import TRUTH_NAME, read_truth

QUICK = ["--set", "scene.splat.iterations=60"]
BUILD = ["--set", "capture.max_frames=24", *QUICK]


def run(*arguments: str, **kwargs) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own, as a user starts it."""
    return subprocess.run(
        [sys.executable, "-m", "grounding3d", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        **kwargs,
    )


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled recording, built through the command line."""
    folder = tmp_path_factory.mktemp("cli") / "scene"
    result = run("build", str(bundled_bag()), "-o", str(folder), *QUICK)
    assert result.returncode == 0, result.stderr
    assert str(folder) in result.stdout
    return folder


@pytest.fixture(scope="module")
def truth() -> dict:
    return read_truth(bundled_bag() / TRUTH_NAME)


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class TestQuery:
    def test_an_answer_lies_in_the_true_box(self, scene, truth, capsys) -> None:
        objects = {item["id"]: item for item in truth["objects"]}
        plain = [item for item in truth["queries"] if item["kind"] == "plain"]
        hits = 0
        for query in plain:
            assert main(["query", str(scene), query["text"], "--json"]) == 0
            answer = json.loads(capsys.readouterr().out)
            assert answer["frame_id"] == truth["frame_id"]
            position = np.array(answer["candidates"][0]["position"])
            for target in query["targets"]:
                box = objects[target]["aabb"]
                inside = (position > np.array(box["min"]) - 0.02) & (
                    position < np.array(box["max"]) + 0.02
                )
                hits += bool(inside.all() and answer["status"] != "not_found")
        assert hits >= 0.75 * len(plain)

    def test_file_gives_one_json_line_a_line_and_never_stops(self, scene, tmp_path) -> None:
        lines = ["where is the table", "", "🤖🤖", "x" * 10_000, "ou est la tasse", "  mug\t"]
        queries = tmp_path / "queries.txt"
        queries.write_text("\n".join(lines) + "\n", encoding="utf-8")
        result = run("query", str(scene), "--file", str(queries), "--json")
        assert result.returncode == 0, result.stderr
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        assert [answer["query"] for answer in answers] == lines
        assert answers[1]["status"] == "invalid"
        assert answers[1]["reason_code"] == "empty_query"
        assert answers[3]["status"] == "invalid"

    def test_files_of_other_systems_and_of_any_bytes(self, scene, tmp_path, capsys) -> None:
        queries = tmp_path / "queries.txt"
        queries.write_bytes(
            b"\xef\xbb\xbfwhere is the table\r\n\r\n"
            b"mug \xff\xfe\na\xe2\x80\xa8b\xc2\x85c\x0bd\r\nlast"
        )
        assert main(["query", str(scene), "--file", str(queries), "--json"]) == 0
        answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [answer["query"] for answer in answers] == [
            "where is the table", "", "mug \ufffd\ufffd", "a\u2028b\x85c\x0bd", "last",
        ]  # fmt: skip
        assert answers[0]["status"] == "found"
        queries.write_bytes(b"")
        assert main(["query", str(scene), "--file", str(queries), "--json"]) == 0
        assert capsys.readouterr().out == ""

    def test_a_terminal_that_cannot_show_a_letter_gets_an_answer(self, scene) -> None:
        ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
        for option in ([], ["--json"]):
            result = run("query", str(scene), "茶杯", *option, env=ascii_only)
            assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["query"] == "茶杯"

    def test_closed_standard_input_is_bad_usage(self, scene) -> None:
        result = run("query", str(scene), "--file", "-", preexec_fn=lambda: os.close(0))
        assert result.returncode == 2
        assert "standard input" in result.stderr

    def test_people_read_metres_and_a_frame(self, scene, capsys) -> None:
        assert main(["query", str(scene), "where is the table"]) == 0
        out = capsys.readouterr().out
        assert "'map'" in out
        assert " m in " in out

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["query", "{scene}"], "either a question or --file"),
            (["query", "{scene}", "mug", "--frame", "nowhere"], "nowhere"),
            (["query", "{scene}", "mug", "--top-k", "0"], "--top-k"),
            (["query", "/nowhere/at/all", "mug"], "/nowhere/at/all"),
            (["query", "{scene}", "mug", "--encoder", "no-such"], "no-such"),
            (["query", "{scene}", "--file", "/nowhere.txt"], "/nowhere.txt"),
        ],
    )
    def test_bad_usage_exits_2_and_says_why(self, scene, capsys, arguments, says) -> None:
        assert main([a.replace("{scene}", str(scene)) for a in arguments]) == 2
        captured = capsys.readouterr()
        assert says in captured.err
        assert "Traceback" not in captured.err
        assert captured.out == ""


class TestInfoAndExport:
    def test_info_of_a_scene_and_of_a_capture(self, scene, capsys) -> None:
        assert main(["info", str(scene), "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["frame_id"] == "map"
        assert facts["objects"]
        assert main(["info", str(bundled_bag())]) == 0
        out = capsys.readouterr().out
        assert "ros2" in out
        assert "640" in out

    @pytest.mark.parametrize(
        ("name", "says"),
        [("", "a folder"), ("pipe/s.ply", "cannot write"), ("pipe", "ordinary")],
    )
    def test_export_replaces_nothing_but_files(self, scene, tmp_path, capsys, name, says) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert main(["export", str(scene), "-o", str(tmp_path / name)]) == 2
        assert says in capsys.readouterr().err
        assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
        assert (tmp_path / "pipe").is_fifo()

    def test_export_reads_back(self, scene, tmp_path, capsys) -> None:
        from grounding3d.objects.store import load_scene
        from grounding3d.scene.ply import read_ply

        loaded = load_scene(scene)
        new = str(tmp_path / "a" / "new" / "place" / "s.ply")
        assert main(["export", str(scene), "--format", "ply", "-o", new]) == 0
        assert main(["export", str(scene), "--format", "ply", "-o", str(tmp_path / "s.ply")]) == 0
        np.testing.assert_allclose(
            read_ply(tmp_path / "s.ply").means, loaded.scene.gaussians.means, atol=1e-6
        )
        assert main(["export", str(scene), "--format", "json", "-o", str(tmp_path / "o.json")]) == 0
        objects = json.loads((tmp_path / "o.json").read_text())["objects"]
        assert [item["id"] for item in objects] == [item.id for item in loaded.objects]


class TestNothingIsLost:
    def test_a_foreign_folder_is_refused(self, tmp_path, capsys) -> None:
        theirs = tmp_path / "thesis"
        theirs.mkdir()
        (theirs / "chapter1.tex").write_text("years of work")
        assert main(["build", str(bundled_bag()), "-o", str(theirs)]) == 2
        assert "thesis" in capsys.readouterr().err
        assert _tree(theirs) == {"chapter1.tex": b"years of work"}

    def test_a_missing_capture_leaves_the_scene(self, scene, capsys) -> None:
        before = _tree(scene)
        assert main(["build", "/nowhere.mcap", "-o", str(scene)]) == 2
        assert "/nowhere.mcap" in capsys.readouterr().err
        assert _tree(scene) == before

    @pytest.mark.slow
    @pytest.mark.parametrize("library", ["pydantic", "libtorch"])
    @pytest.mark.parametrize("later_s", [0.0, 0.3, 2.0])
    def test_ctrl_c_leaves_the_old_scene(self, scene, library, later_s) -> None:
        before = _tree(scene)
        process = subprocess.Popen(
            [sys.executable, "-m", "grounding3d", "build", str(bundled_bag()), "-o", str(scene)],
            stderr=subprocess.PIPE,
            text=True,
            # a suite started in the background hands an ignored SIGINT down
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        maps, until = Path(f"/proc/{process.pid}/maps"), time.monotonic() + 60
        while library not in maps.read_text() and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(later_s)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1, err
        assert "stopped" in err
        assert "Traceback" not in err
        assert _tree(scene) == before

    @pytest.mark.slow
    def test_a_full_disk_leaves_the_old_scene(self, scene) -> None:
        before = _tree(scene)

        def limit() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        result = run(
            "build", str(bundled_bag()), "-o", str(scene), *BUILD, preexec_fn=limit,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        assert result.returncode in (1, 2)
        assert "Traceback" not in result.stderr
        assert _tree(scene) == before
        assert run("query", str(scene), "where is the table").returncode == 0


class TestOutput:
    """The program in a pipe: buffered as usual, whatever the tests' own environment says."""

    ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}

    @pytest.mark.parametrize("command", [["info", "{scene}"], ["--help"]])
    def test_a_reader_that_has_gone_ends_it_in_silence(self, scene, command) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        program = [sys.executable, "-m", "grounding3d"]
        try:
            result = subprocess.run(
                [*program, *(word.format(scene=scene) for word in command)],
                stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120,
                env=self.ENVIRONMENT,
            )  # fmt: skip
        finally:
            os.close(writer)
        assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, "")

    def test_output_that_cannot_be_written_is_one_line(self, scene) -> None:
        with open("/dev/full", "w") as full:
            result = subprocess.run(
                [sys.executable, "-m", "grounding3d", "info", str(scene)],
                stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, env=self.ENVIRONMENT,
            )  # fmt: skip
        assert result.returncode == 1
        assert result.stderr == "grounding3d: No space left on device\n"

    def test_without_output_there_is_help(self) -> None:
        result = run("--help", preexec_fn=lambda: os.close(1))
        assert result.returncode == 0, result.stderr


def test_an_unknown_field_lists_the_known_ones(capsys, tmp_path) -> None:
    arguments = ["build", str(bundled_bag()), "-o", str(tmp_path / "s")]
    assert main([*arguments, "--set", "fusion.voxel=1"]) == 2
    assert "voxel_size_m" in capsys.readouterr().err


def test_usage_errors_exit_2() -> None:
    assert run("frobnicate").returncode == 2
    assert run("build").returncode == 2
    assert run("--help").returncode == 0
