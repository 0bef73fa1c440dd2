"""Positions through nerfstudio's world and back, by our parser and by nerfstudio's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.model_components.ray_generators import RayGenerator

from grounding3d.capture.folder_writer import write_folder
from grounding3d.capture.ros2_writer import write_ros2_bag
from grounding3d.capture.tum_writer import write_tum
from grounding3d.errors import CaptureError, TransformError
from grounding3d.geometry.transforms import transform_points
from grounding3d.nerf.datamanager import world_of_outputs
from grounding3d.nerf.dataparser import GroundingDataParserConfig
from grounding3d.nerf.dataset import RGBDDataset
from grounding3d.nerf.facts import FACTS
from tests.factories import ListCapture


def world_points(outputs: DataparserOutputs, number: int, width: int | None) -> np.ndarray:
    """Measured points [N,3] of one image, by nerfstudio's rays and our way back to metres."""
    dataset = RGBDDataset(outputs, width)
    depth = dataset.depth_m(number)
    assert depth is not None
    rows, columns = np.nonzero(depth)
    indices = torch.from_numpy(np.stack([np.full_like(rows, number), rows, columns], 1))
    rays: RayBundle = RayGenerator(dataset.cameras)(indices)
    world = world_of_outputs(outputs)
    distance = depth[rows, columns, None] * rays.metadata["directions_norm"].numpy() * world.scale
    return world.to_world((rays.origins + rays.directions * torch.from_numpy(distance)).numpy())


def true_points(capture: ListCapture, number: int) -> np.ndarray:
    frame = capture.frames[number]
    points = frame.camera.backproject(frame.depth_m)[frame.depth_m > 0]
    return transform_points(frame.T_world_cam, points.astype(np.float64))


@pytest.mark.parametrize("write", [write_folder, write_tum, write_ros2_bag])
def test_any_recording_comes_back_in_its_own_metres(
    write: object, capture: ListCapture, tmp_path: Path
) -> None:
    write(capture, tmp_path / "recording")  # type: ignore[operator]
    parser = GroundingDataParserConfig(data=tmp_path / "recording", held_out_every=0).setup()
    outputs = parser.get_dataparser_outputs("train")
    assert len(outputs.image_filenames) == len(capture.frames)
    found = world_points(outputs, 3, None)
    expected = true_points(capture, 3)
    assert np.abs(found - expected).max() < 0.003  # the formats keep millimetres


def test_nerfstudios_parser_recentres_and_rescales_and_that_is_undone(
    capture: ListCapture, frames_folder: Path
) -> None:
    parser = NerfstudioDataParserConfig(
        data=frames_folder, eval_mode="all", depth_unit_scale_factor=0.001
    ).setup()
    outputs = parser.get_dataparser_outputs("train")
    assert abs(outputs.dataparser_scale - 1) > 0.05
    found = world_points(outputs, 2, None)
    assert np.abs(found - true_points(capture, 2)).max() < 0.003


def test_reduced_rays_measure_the_same_surfaces(capture: ListCapture, frames_folder: Path) -> None:
    parser = GroundingDataParserConfig(data=frames_folder, is_written=True).setup()
    outputs = parser.get_dataparser_outputs("train")
    reduced = world_points(outputs, 0, 40)
    table = reduced[np.abs(reduced[:, 2] - (3.0 + 0.7)) < 0.02]
    assert len(table) > 50
    assert np.quantile(np.abs(table[:, 2] - 3.7), 0.9) < 0.001  # the rest: the edge of its side


def test_what_was_seen_fills_the_unit_cube(frames_folder: Path) -> None:
    parser = GroundingDataParserConfig(data=frames_folder, is_written=True).setup()
    outputs = parser.get_dataparser_outputs("train")
    box, facts = outputs.scene_box.aabb, outputs.metadata[FACTS]
    assert facts.is_bounded
    assert float(box.abs().max()) == pytest.approx(1.0, abs=1e-5)
    inside = ((facts.hit >= box[0]) & (facts.hit <= box[1])).all(dim=1)
    assert inside.float().mean() > 0.98


def test_frames_are_written_once(capture: ListCapture, tmp_path: Path) -> None:
    write_folder(capture, tmp_path / "recording")
    config = GroundingDataParserConfig(data=tmp_path / "recording")
    first = config.setup().get_dataparser_outputs("train").image_filenames
    stamp = first[0].stat().st_mtime_ns
    again = config.setup().get_dataparser_outputs("train").image_filenames
    assert again == first
    assert again[0].stat().st_mtime_ns == stamp
    assert not list(first[0].parents[2].glob(".*"))


def test_held_out_frames_are_in_one_split_only(frames_folder: Path) -> None:
    parser = GroundingDataParserConfig(data=frames_folder, is_written=True, held_out=(2, 5)).setup()
    train = parser.get_dataparser_outputs("train").image_filenames
    evaluated = parser.get_dataparser_outputs("val").image_filenames
    assert [f.name for f in evaluated] == ["frame_00002.png", "frame_00005.png"]
    assert len(train) == 6
    assert not set(train) & set(evaluated)


def test_bad_data_is_refused(frames_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="does not exist"):
        GroundingDataParserConfig(data=tmp_path / "nothing").setup().get_dataparser_outputs()
    everything = tuple(range(8))
    parser = GroundingDataParserConfig(data=frames_folder, is_written=True, held_out=everything)
    with pytest.raises(CaptureError, match="left to train"):
        parser.setup().get_dataparser_outputs("train")


def test_a_parser_that_squeezes_the_world_is_refused(frames_folder: Path) -> None:
    parser = GroundingDataParserConfig(data=frames_folder, is_written=True).setup()
    outputs = parser.get_dataparser_outputs("train")
    outputs.metadata = {}
    outputs.dataparser_transform = torch.diag(torch.tensor([1.0, 1, 0.5, 1]))[:3]
    with pytest.raises(TransformError, match="rigid"):
        world_of_outputs(outputs)
