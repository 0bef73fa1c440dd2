"""Bags that cannot be used: each ends in one clear error."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ros2_bags import (
    COLOR,
    DEPTH,
    FRAME,
    HEIGHT,
    T0,
    WIDTH,
    BagBuilder,
    K,
    send_camera,
    send_static,
    simple_bag,
    translation,
)

from grounding3d.capture.base import Capture, CaptureConfig
from grounding3d.capture.compression import zstd
from grounding3d.capture.formats import open_capture
from grounding3d.capture.mcap_mending import MendedMcap
from grounding3d.capture.ros2_bag import Ros2BagFormat
from grounding3d.capture.summary import summarise
from grounding3d.errors import CaptureError, TransformError

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def frames_of(path: Path, **config: object) -> list:
    return list(Ros2BagFormat.open(path, CaptureConfig(**config)))


def storage_file(path: Path) -> Path:
    (file,) = (entry for entry in path.iterdir() if entry.suffix in (".mcap", ".db3"))
    return file


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="does not exist"):
        frames_of(tmp_path / "missing")
    with pytest.raises(CaptureError, match="is no bag"):
        frames_of(tmp_path)
    assert not Ros2BagFormat.recognises(tmp_path)


@pytest.mark.parametrize("suffix", [".mcap", ".db3"])
def test_files_that_are_empty_or_something_else(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"bag{suffix}"
    file.touch()
    with pytest.raises(CaptureError, match="is empty"):
        open_capture(file)
    file.write_bytes(b"<html>not found</html>" * 9)
    with pytest.raises(CaptureError, match="is not an"):
        open_capture(file)


def chunked_bag(path: Path, count: int = 10, mode: str | None = None) -> Path:
    """Every frame in a chunk of its own."""
    with BagBuilder(path, mode=mode) as bag:
        send_static(bag)
        for i in range(count):
            bag.tf("map", "base_link", translation(0.1 * i, 0, 0), T0 + 0.1 * i)
            send_camera(bag, T0 + 0.1 * i)
            bag.writer.storage.close_chunk()
    return path


@pytest.mark.parametrize("mode", [None, "storage"])
@pytest.mark.parametrize("part", [0.2, 0.4, 0.6])
def test_a_truncated_mcap_is_read_as_far_as_it_goes(
    tmp_path: Path, part: float, mode: str | None
) -> None:
    path = chunked_bag(tmp_path / "bag", mode=mode)
    file = storage_file(path)
    data = file.read_bytes()
    file.write_bytes(data[: int(part * MendedMcap.of(file).size)])  # of what comes before the end
    for source in (path, file):
        capture = open_capture(source)
        assert f"{file.name} is truncated" in _told(capture)
        frames = list(capture)
        assert 0 < len(frames) < 10
        assert len(frames) == capture.length
        xs = [frame.T_world_cam[0, 3] for frame in frames]
        assert xs == pytest.approx([0.1 + 0.1 * i for i in range(len(frames))])
        assert np.array_equal(capture[len(frames) - 1].rgb, frames[-1].rgb)


@pytest.mark.parametrize("lost", [1, 30, 300])
def test_only_the_end_of_an_mcap_is_missing(tmp_path: Path, lost: int) -> None:
    path = chunked_bag(tmp_path / "bag")
    (path / "metadata.yaml").unlink()  # which is written last
    file = storage_file(path)
    file.write_bytes(file.read_bytes()[:-lost])
    capture = open_capture(path)
    assert len(list(capture)) == 10
    assert "truncated" in _told(capture)
    assert "no metadata.yaml" in _told(capture)


def test_an_mcap_that_ends_before_its_first_message(tmp_path: Path) -> None:
    file = storage_file(simple_bag(tmp_path / "bag"))
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(CaptureError, match=r"no messages.*is truncated"):
        open_capture(file)


@pytest.mark.parametrize("lost", ["renamed", "deleted", "empty", "cut"])
def test_one_of_several_files_is_lost(tmp_path: Path, lost: str) -> None:
    path = chunked_bag(tmp_path / "bag")
    second = storage_file(chunked_bag(tmp_path / "second", count=20))
    shutil.copy(second, path / "bag_1.mcap")
    metadata = (path / "metadata.yaml").read_text()
    assert "bag.mcap" in metadata
    (path / "metadata.yaml").write_text(
        metadata.replace("- bag.mcap", "- bag.mcap\n  - bag_1.mcap")
    )
    if lost == "renamed":
        (path / "bag_1.mcap").rename(path / "other.mcap")
    elif lost == "deleted":
        (path / "bag_1.mcap").unlink()
    elif lost == "empty":
        (path / "bag_1.mcap").write_bytes(b"")
    else:
        (path / "bag_1.mcap").write_bytes(second.read_bytes()[:-100])
    capture = open_capture(path)
    assert len(list(capture)) >= 10
    assert "bag_1.mcap" in _told(capture)


def _noisy_bag(path: Path, storage: str, mode: str | None = None, count: int = 40) -> Path:
    """Frames of their own colours, in chunks of their own."""
    rng = np.random.default_rng(1)
    with BagBuilder(path, storage, mode) as bag:
        send_static(bag)
        for i in range(count):
            bag.tf("map", "base_link", translation(0.1 * i, 0, 0), T0 + 0.1 * i)
            send_camera(bag, T0 + 0.1 * i, color=None)
            rgb = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            bag.image(COLOR, rgb, "rgb8", T0 + 0.1 * i)
            bag.info("/camera/color/camera_info", T0 + 0.1 * i)
            if storage == "mcap":
                bag.writer.storage.close_chunk()
    return path


def _same_but_fewer(whole: list, left: list) -> bool:
    """Whether some frames were lost, and the others are as they were."""
    by_stamp = {frame.stamp_s: frame for frame in whole}
    return len(left) < len(whole) and all(
        np.array_equal(frame.rgb, by_stamp[frame.stamp_s].rgb)
        and np.allclose(frame.T_world_cam, by_stamp[frame.stamp_s].T_world_cam, atol=1e-9)
        for frame in left
    )


@pytest.mark.parametrize(
    ("storage", "mode"), [("mcap", None), ("mcap", "storage"), ("sqlite3", None)]
)
@pytest.mark.parametrize("where", [0.3, 0.6])
def test_damage_in_the_middle_costs_what_is_damaged(
    tmp_path: Path, storage: str, mode: str | None, where: float
) -> None:
    path = _noisy_bag(tmp_path / "bag", storage, mode)
    whole = list(open_capture(path))
    file = storage_file(path)
    data = bytearray(file.read_bytes())
    start = int(where * len(data))
    data[start : start + 4000] = b"\xff" * 4000
    file.write_bytes(data)
    for source in (path, file):
        capture = open_capture(source)
        assert "damaged" in _told(capture)
        frames = list(capture)
        assert len(frames) == capture.length > 20
        assert _same_but_fewer(whole, frames)
        middle = len(frames) // 2
        assert np.array_equal(capture[middle].rgb, frames[middle].rgb)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_any_damage_is_one_error_at_most(tmp_path: Path, storage: str) -> None:
    file = storage_file(_noisy_bag(tmp_path / "bag", storage))
    data = bytearray(file.read_bytes())
    rng = np.random.default_rng(0)
    for where in np.linspace(0.0, 0.98, 12):
        damaged = data.copy()
        start = 100 + int(where * len(data))
        damaged[start : start + 3000] = rng.bytes(min(3000, len(data) - start))
        file.write_bytes(damaged)
        with suppress(CaptureError):  # what is not noticed is harmless; nothing else may escape
            frames_of(tmp_path / "bag")


@pytest.mark.parametrize("part", [0.3, 0.5, 0.9])
def test_a_truncated_sqlite_file_is_read_as_far_as_it_goes(tmp_path: Path, part: float) -> None:
    path = _noisy_bag(tmp_path / "bag", "sqlite3")
    whole = list(open_capture(path))
    file = storage_file(path)
    data = file.read_bytes()
    file.write_bytes(data[: int(part * len(data))])
    capture = open_capture(path)
    assert "cut off" in _told(capture)
    frames = list(capture)
    assert frames
    assert _same_but_fewer(whole, frames)


def test_a_sqlite_file_that_holds_nothing_any_more(tmp_path: Path) -> None:
    path = _noisy_bag(tmp_path / "bag", "sqlite3")
    file = storage_file(path)
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(CaptureError, match=r"does not read as a ROS 2 bag.*\.recover"):
        frames_of(path)


def test_an_unfinished_sqlite_recording_is_read_with_its_log(tmp_path: Path) -> None:
    path = _noisy_bag(tmp_path / "bag", "sqlite3", count=5)
    (tmp_path / "killed").mkdir()
    recorder = sqlite3.connect(storage_file(path))
    recorder.execute("PRAGMA journal_mode = WAL")
    rows = recorder.execute("SELECT topic_id, timestamp, data FROM messages ORDER BY id").fetchall()
    recorder.execute("DELETE FROM messages")
    recorder.commit()
    recorder.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    recorder.executemany("INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)", rows)
    recorder.commit()
    for name in (storage_file(path).name, storage_file(path).name + "-wal"):
        shutil.copy(path / name, tmp_path / "killed")
    recorder.close()
    before = {file.name: file.read_bytes() for file in (tmp_path / "killed").iterdir()}
    assert len(list(open_capture(tmp_path / "killed"))) == 5
    assert (
        before.items()
        <= {file.name: file.read_bytes() for file in (tmp_path / "killed").iterdir()}.items()
    )


def test_a_compressed_file_that_was_cut_off(tmp_path: Path) -> None:
    path = _noisy_bag(tmp_path / "bag", "mcap", "file")
    whole = 40
    (file,) = path.glob("*.zstd")
    plain = zstd().decompress(file.read_bytes())
    blocks = (zstd().compress(plain[i : i + 4096]) for i in range(0, len(plain), 4096))
    packed = b"".join(blocks)  # larger recordings have many blocks anyway
    file.write_bytes(packed[: len(packed) // 2])
    capture = open_capture(path)
    assert file.name in _told(capture)
    assert 0 < len(list(capture)) < whole


def test_broken_metadata(tmp_path: Path) -> None:
    path = simple_bag(tmp_path / "bag")
    for text in ("", "{", "a: b", "rosbag2_bagfile_information: {version: 99}"):
        (path / "metadata.yaml").write_text(text)
        capture = open_capture(path)
        assert len(list(capture)) == 4
        assert "read one by one" in _told(capture)


def test_no_messages(tmp_path: Path) -> None:
    with BagBuilder(tmp_path / "bag"):
        pass
    with pytest.raises(CaptureError, match="no messages"):
        open_capture(tmp_path / "bag")


@pytest.mark.parametrize("is_lone", [True, False])
def test_another_serialization(tmp_path: Path, is_lone: bool) -> None:
    path = tmp_path / "bag"
    with BagBuilder(path) as bag:
        bag.serialization = "json"
        send_camera(bag, T0)
    with pytest.raises(CaptureError, match=r"another serialization: expected cdr, found.*json"):
        open_capture(storage_file(path) if is_lone else path)


def test_without_one_of_the_images(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=rf"no depth images.*{COLOR}"):
        open_capture(simple_bag(tmp_path / "a", depth=None))
    with pytest.raises(CaptureError, match=rf"no colour images.*{DEPTH}"):
        open_capture(simple_bag(tmp_path / "b", color=None))
    path = simple_bag(tmp_path / "c")
    with pytest.raises(CaptureError, match=rf"no images on /x.*{COLOR}"):
        frames_of(path, color_topic="/x")
    with pytest.raises(CaptureError, match=r"no depth images.*rgb8"):
        frames_of(path, depth_topic=COLOR)
    with pytest.raises(CaptureError, match=r"on /y.*--set capture\.color_info_topic="):
        frames_of(path, color_info_topic="/y")


def test_without_camera_info(tmp_path: Path) -> None:
    expected = r"no camera_info for .*found no camera_info at all.*--set capture\.color_intrinsics="
    with pytest.raises(CaptureError, match=expected):
        open_capture(simple_bag(tmp_path / "bag", infos=False))


def bag_with(path: Path, *, tf: bool = True, static: bool = True, **info: object) -> Path:
    with BagBuilder(path) as bag:
        if static:
            send_static(bag)
        for i in range(2):
            if tf:
                bag.tf("map", "base_link", translation(i, 0, 0), T0 + i)
            send_camera(bag, T0 + i, infos=False)
            for topic in (COLOR, DEPTH):
                bag.info(topic.rsplit("/", 1)[0] + "/camera_info", T0 + i, **info)
    return path


def test_without_transforms(tmp_path: Path) -> None:
    with pytest.raises(TransformError, match="no transforms"):
        open_capture(bag_with(tmp_path / "a", tf=False, static=False))
    with pytest.raises(TransformError, match=f"'{FRAME}'.*base_link, map.*/tf_static"):
        open_capture(bag_with(tmp_path / "b", static=False))
    with pytest.raises(TransformError, match=r"no moving transform.*'base_link'"):
        open_capture(bag_with(tmp_path / "c", tf=False))


def test_transforms_of_another_time(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(3):
            bag.tf("map", "base_link", translation(i, 0, 0), T0 + i)
            send_camera(bag, T0 + 60 + i)
    with pytest.raises(TransformError, match=r"no image has a pose.*1700000060\.000 to .*062\.000"):
        open_capture(path)


def test_useless_intrinsics(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="NaN"):
        open_capture(bag_with(tmp_path / "a", K=np.full((3, 3), np.nan)))
    with pytest.raises(CaptureError, match="not calibrated"):
        open_capture(bag_with(tmp_path / "b", K=np.zeros((3, 3))))
    with pytest.raises(CaptureError, match=f"expected 99x88, found {WIDTH}x{HEIGHT}"):
        frames_of(bag_with(tmp_path / "c", size=(99, 88)))
    path = tmp_path / "d"
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(2):
            bag.tf("map", "base_link", translation(i, 0, 0), T0 + i)
            send_camera(bag, T0 + i, infos=False)
            for topic in (COLOR, DEPTH):
                name = topic.rsplit("/", 1)[0] + "/camera_info"
                bag.info(name, T0 + i, K=K + np.diag([i, 0, 0]))
    with pytest.raises(CaptureError, match=r"change during the recording.*fx 20\.000.*fx 21\.000"):
        open_capture(path)


def test_intrinsics_computed_anew_for_each_message_do_not_change(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(2):
            bag.tf("map", "base_link", translation(i, 0, 0), T0 + i)
            send_camera(bag, T0 + i, infos=False)
            for topic in (COLOR, DEPTH):
                bag.info(topic.rsplit("/", 1)[0] + "/camera_info", T0 + i, K=K * (1 + 1e-12 * i))
    # the last number of a pinhole matrix is 1 but for rounding, too
    assert open_capture(path).length == 2


def test_encodings_that_are_not_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    with BagBuilder(path) as bag:
        send_static(bag)
        bag.tf("map", "base_link", translation(0, 0, 0), T0)
        send_camera(bag, T0, color=None)
        bag.image(COLOR, np.zeros((HEIGHT, WIDTH), np.uint8), "8SC1", T0)
    with pytest.raises(CaptureError, match=rf"no colour images.*{COLOR} as '8SC1'"):
        open_capture(path)


def test_images_of_the_wrong_size_name_topic_and_stamp(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(3):
            bag.tf("map", "base_link", translation(i, 0, 0), T0 + i)
            send_camera(bag, T0 + i, color=None)
            bag.info("/camera/color/camera_info", T0 + i)
            rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
            bag.image(COLOR, rgb, "rgb8", T0 + i, step=7 if i == 1 else 3 * WIDTH)
    capture = open_capture(path)
    with pytest.raises(CaptureError, match=rf"{COLOR} at 1700000001\.0+ s has the wrong size"):
        capture[1]
    assert [frame.frame_index for frame in capture] == [0, 2]
    assert re.search(rf"1 of 3 frames .*{COLOR} at # s has the wrong size", _told(capture))


def test_camera_info_of_another_size_can_be_put_right(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(2):
            bag.tf("map", "base_link", translation(i, 0, 0), T0 + i)
            send_camera(bag, T0 + i, infos=False)
            for name in ("color", "aligned_depth_to_color"):
                bag.info(f"/camera/{name}/camera_info", T0 + i, size=(2 * WIDTH, 2 * HEIGHT))
    with pytest.raises(CaptureError, match=r"32x24, found 16x12.*capture\.color_intrinsics"):
        list(open_capture(path))
    given = tuple(float(K[i]) for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
    config = CaptureConfig(color_intrinsics=given, depth_intrinsics=given)
    frame = open_capture(path, config)[0]
    assert (frame.camera.width, frame.camera.height) == (WIDTH, HEIGHT)
    assert frame.depth_m == pytest.approx(1.5)


def _told(capture: Capture) -> str:
    return "; ".join(capture.describe().warnings)


def damaged_bag(path: Path, bad: dict[str, int], payload: bytes) -> Path:
    """A bag of 6 frames; of each topic in `bad`, the n-th message is replaced."""
    seen: Counter[str] = Counter()
    with BagBuilder(path) as bag:
        write = bag.writer.write

        def spoiling(connection: Any, log_ns: int, data: bytes) -> None:
            spoilt = bad.get(connection.topic) == seen[connection.topic]
            seen[connection.topic] += 1
            write(connection, log_ns, payload if spoilt else data)

        bag.writer.write = spoiling  # type: ignore[method-assign]
        send_static(bag)
        for i in range(6):
            bag.tf("map", "base_link", translation(0.1 * i, 0, 0), T0 + 0.1 * i)
            send_camera(bag, T0 + 0.1 * i)
    return path


@pytest.mark.parametrize("payload", [b"", b"\0\1\0\0", b"\0\1\0\0" + bytes(100)])
@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize("topic", [COLOR, DEPTH])
def test_a_damaged_image_costs_one_frame(
    tmp_path: Path, topic: str, place: int, payload: bytes
) -> None:
    path = damaged_bag(tmp_path / "bag", {topic: place}, payload)
    capture = open_capture(path)
    frames = list(capture)
    assert len(frames) == 5
    xs = [frame.T_world_cam[0, 3] for frame in frames]
    assert xs == pytest.approx([0.1 + 0.1 * i for i in range(6) if i != place])
    assert re.search(r"\b1 .*left out|1 of 6", _told(capture))
    assert summarise(capture).frames >= 5


@pytest.mark.parametrize("topic", ["/tf", "/camera/color/camera_info"])
def test_damaged_messages_beside_the_images_are_left_out(tmp_path: Path, topic: str) -> None:
    path = damaged_bag(tmp_path / "bag", {topic: 2}, b"\0\1\0\0" + bytes(20) + b"\xff" * 7)
    capture = open_capture(path)
    assert len(list(capture)) == 6
    assert f"1 messages on {topic} do not decode" in _told(capture)


def test_a_recording_whose_images_are_all_damaged(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(200):
            bag.tf("map", "base_link", translation(0.01 * i, 0, 0), T0 + 0.1 * i)
            send_camera(bag, T0 + 0.1 * i, color=None)
            bag.info("/camera/color/camera_info", T0)
            size = 3 * WIDTH if i == 150 else 7
            bag.image(
                COLOR, np.zeros((HEIGHT, WIDTH, 3), np.uint8), "rgb8", T0 + 0.1 * i, step=size
            )
    with pytest.raises(CaptureError, match=r"no frame of .* can be read.*has the wrong size"):
        frames_of(path)
    with pytest.raises(CaptureError, match=r"only 1 frames of .* can be read"):
        frames_of(path, start=140)


def test_nothing_pairs(tmp_path: Path) -> None:
    path = simple_bag(tmp_path / "bag", depth_offset_s=0.045)
    with pytest.raises(
        CaptureError,
        match=r"at most 0\.02 s apart.*0\.045 s.*--set capture\.sync_tolerance_s=0\.05",
    ):
        open_capture(path)
    assert len(frames_of(path, sync_tolerance_s=0.05)) == 3


def test_depth_that_is_unknown_everywhere(tmp_path: Path) -> None:
    capture = open_capture(simple_bag(tmp_path / "bag", depth_m=0.0))
    assert not capture[0].depth_m.any()
    with pytest.raises(CaptureError, match=r"no frame of .* holds valid depth"):
        list(capture)


def real_bags() -> list[Path]:
    folder = SHARED / "bags_ros2"
    if not folder.is_dir():
        return []
    folders = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in (".mcap", ".db3")]
    return folders + files


@pytest.mark.skipif(not real_bags(), reason="the real bags are not here")
def test_real_bags_without_images(tmp_path: Path) -> None:
    for path in real_bags():
        with pytest.raises(CaptureError) as caught:
            open_capture(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
        assert any(
            reason in str(caught.value)
            for reason in ("no colour images", "no messages", "another serialization")
        ), caught.value


@pytest.mark.skipif(not real_bags(), reason="the real bags are not here")
def test_real_bags_cut_short(tmp_path: Path) -> None:
    file = next(path for path in real_bags() if path.suffix == ".mcap")
    cut = shutil.copy(file, tmp_path / "cut.mcap")
    Path(cut).chmod(0o644)
    Path(cut).write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CaptureError, match="no colour images"):
        open_capture(cut)
