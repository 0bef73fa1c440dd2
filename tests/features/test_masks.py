"""Every mask source keeps the contract; the geometric one finds boxes on a table."""

from __future__ import annotations

import numpy as np
import pytest
from box_images import render_boxes
from random_sam import RANDOM_WEIGHTS, random_source

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import ConfigError
from grounding3d.features.base import Mask, MaskSource
from grounding3d.features.geometric_masks import GeometricMasks
from grounding3d.features.grid_masks import GridMasks
from grounding3d.features.masks import MASKS, MaskConfig, make_mask_source
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at

UP = np.array([0.0, 0.0, 1.0])
BOXES = (  # centre x, y, size x, y, z in metres, colour; standing on z = 0
    (-0.25, 0.0, 0.10, 0.08, 0.15, (200, 40, 40)),
    (0.0, 0.1, 0.07, 0.07, 0.05, (40, 180, 60)),
    (0.22, -0.05, 0.20, 0.14, 0.02, (50, 60, 200)),
    (0.05, -0.15, 0.08, 0.15, 0.01, (20, 20, 20)),
)
SIZES = ((640, 480), (160, 120), (1280, 720), (321, 243))


def render_table(
    width: int = 640, height: int = 480, noise: bool = True, boxes: tuple = BOXES
) -> tuple[RGBDFrame, np.ndarray]:
    """A table 1.2 x 0.9 m with boxes over a floor 0.7 m below, and its labels.

    Labels: 1 table, 2 floor, 10 + i box i.
    """
    focal = 0.82 * width
    camera = Camera.from_focal(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
    pose = look_at(np.array([0.1, -0.9, 0.75]), np.array([0.0, 0.0, 0.03]), UP)
    solids = [((0, 0, -0.02), (1.2, 0.9, 0.04), (170, 150, 120), 1)]
    solids += [((0, 0, -0.72), (8, 8, 0.04), (90, 90, 95), 2)]
    solids += [((x, y, h / 2), (a, b, h), c, 10 + i) for i, (x, y, a, b, h, c) in enumerate(boxes)]
    return render_boxes(solids, camera, pose, noise)


def iou(mask: Mask, bits: np.ndarray) -> float:
    common = int((bits[mask.window] & mask.bits).sum())
    return common / (int(bits.sum()) + mask.area - common)


def source_named(name: str) -> MaskSource:
    return MASKS.load(name)(MaskConfig(source=name))


@pytest.fixture(scope="session", params=MASKS.names())
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MaskSource:
    """Every source of the table; the SAM family where its packages are, with random weights."""
    if request.param in RANDOM_WEIGHTS:
        return random_source(request.param, tmp_path_factory.mktemp(request.param))
    return source_named(request.param)


@pytest.mark.parametrize("up", [UP, None], ids=["up", "no_up"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_masks_are_inside_the_image_and_not_empty(source, size, up):
    frame, _ = render_table(*size)
    found = source.masks(frame, up)
    assert found
    for mask in found:
        height, width = mask.bits.shape
        assert mask.u0 >= 0
        assert mask.v0 >= 0
        assert mask.u0 + width <= size[0]
        assert mask.v0 + height <= size[1]
        assert mask.bits.dtype == bool
        assert mask.area >= 40
        assert mask.kind in ("object", "support")
        assert 0 <= mask.score <= 1


def test_masks_are_deterministic_and_leave_the_frame_alone(source):
    frame, _ = render_table(320, 240)
    rgb, depth = frame.rgb.copy(), frame.depth_m.copy()
    first, second = source.masks(frame, UP), source.masks(frame, UP)
    assert len(first) == len(second)
    for a, b in zip(first, second):
        assert (a.u0, a.v0, a.kind, a.score) == (b.u0, b.v0, b.kind, b.score)
        assert np.array_equal(a.bits, b.bits)
    assert np.array_equal(rgb, frame.rgb)
    assert np.array_equal(depth, frame.depth_m)


def test_a_frame_without_depth_has_at_most_what_its_colours_show(source):
    frame, _ = render_table(160, 120)
    blind = RGBDFrame(frame.rgb, np.zeros((120, 160), np.float32), frame.camera, np.eye(4), 0)
    for up in (UP, None):
        found = source.masks(blind, up)
        assert all(mask.kind == "object" for mask in found)
        if isinstance(source, (GeometricMasks, GridMasks)):
            assert found == []


@pytest.mark.parametrize("size", [(1, 1), (2, 90), (90, 2), (9, 9)])
def test_tiny_images_are_survived(source, size):
    camera = Camera.from_focal(100, 100, (size[0] - 1) / 2, (size[1] - 1) / 2, *size)
    rgb = np.full((size[1], size[0], 3), 90, np.uint8)
    depth = np.ones((size[1], size[0]), np.float32)
    for mask in source.masks(RGBDFrame(rgb, depth, camera, np.eye(4), 0), UP):
        assert 0 < mask.area <= size[0] * size[1]


@pytest.mark.parametrize("share", [0.002, 0.5])
def test_sparse_depth_is_survived(source, share):
    frame, _ = render_table(320, 240)
    kept = np.random.default_rng(1).random(frame.depth_m.shape) < share
    depth = (frame.depth_m * kept).astype(np.float32)
    source.masks(RGBDFrame(frame.rgb, depth, frame.camera, frame.T_world_cam, 0), UP)


@pytest.mark.parametrize("up", [UP, None], ids=["up", "no_up"])
def test_each_box_is_one_mask_and_the_table_one_support(up):
    frame, labels = render_table()
    found = source_named("geometric").masks(frame, up)
    objects = [mask for mask in found if mask.kind == "object"]
    supports = [mask for mask in found if mask.kind == "support"]
    for index, box in enumerate(BOXES):
        scores = [iou(mask, labels == 10 + index) for mask in objects]
        assert max(scores) > 0.8, f"box {box}"
        assert sum(score > 0.1 for score in scores) == 1
    assert sum(iou(mask, labels == 1) > 0.9 for mask in supports) == 1


def test_an_unknown_source_is_named():
    with pytest.raises(ConfigError, match="geometric"):
        make_mask_source(MaskConfig(source="nothing"))
