"""Language painted in images arrives on the Gaussians of the thing it was painted on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grounding3d.errors import ArrayError, MissingDependencyError
from grounding3d.features.base import FeatureCells
from grounding3d.fusion.base import NO_CODE, GaussianFeatures
from grounding3d.fusion.code_sums import CodeSums, CoreLifter, RasterLifter
from grounding3d.fusion.field import LanguageField
from grounding3d.fusion.field_config import FieldConfig
from grounding3d.geometry.transforms import transform_points
from grounding3d.scene.base import Gaussians, Scene
from grounding3d.scene.rasterizers import make_rasterizer
from grounding3d.scene.rasterizers.core import load_core
from tests.factories import with_pixels
from tests.fusion.field_world import NAMES, VECTORS, frames, surfels, thing_at, true_cells


def field_of(config: FieldConfig | None = None, noise: float = 0.0) -> LanguageField:
    field = LanguageField(config)
    for keyframe, frame in enumerate(frames()):
        assert field.add(frame, keyframe, true_cells(frame, noise))
    return field


def named(features: GaussianFeatures) -> np.ndarray:
    """[N] index of the box whose vector each Gaussian's feature is most like, -1 = none."""
    book = np.vstack([features.codebook.astype(np.float32), np.zeros((1, len(VECTORS[0])))])
    rows = np.where(features.codes == NO_CODE, len(book) - 1, features.codes)
    own = (features.weights[..., None].astype(np.float32) * book[rows]).sum(axis=1)
    return np.where(own.any(axis=1), (own @ VECTORS.T).argmax(axis=1), -1)


def right_share(features: GaussianFeatures, scene: Scene, of: list[str]) -> float:
    """Share of the Gaussians well inside the named boxes' surfaces that carry their vector."""
    truth = thing_at(scene.gaussians.means)
    chosen = np.isin(truth, [NAMES.index(name) for name in of])
    assert chosen.sum() > 100
    return float((named(features) == truth)[chosen].mean())


def test_each_thing_gets_its_own_vector() -> None:
    features = field_of(noise=0.3).lift(surfels())
    assert right_share(features, surfels(), ["red", "green", "blue", "table"]) > 0.93
    assert right_share(features, surfels(), ["table", "wall", "floor"]) > 0.97
    assert features.codebook.dtype == features.confidence.dtype == np.float16
    used = np.unique(features.codes[features.codes != NO_CODE])
    np.testing.assert_array_equal(used, np.arange(len(features.codebook)))
    assert 0.2 < np.median(features.confidence.astype(float)) <= 1


def test_a_gaussian_keeps_the_thing_it_lies_on_in_its_feature() -> None:
    """Views that call everything red, and things that know better: both have their share."""
    scene = surfels()
    field = LanguageField()
    for keyframe, frame in enumerate(frames()):
        cells = true_cells(frame, 0.0)
        red = np.where(cells.index >= 0, 0, -1).astype(np.int32)
        field.add(frame, keyframe, replace(cells, index=red))
    truth = thing_at(scene.gaussians.means)
    known = truth == NAMES.index("blue")
    codes = np.where(known, 0, NO_CODE).astype(np.uint16)[:, None]
    things = GaussianFeatures(
        VECTORS[[NAMES.index("blue")]].astype(np.float16),
        codes,
        known[:, None].astype(np.float16),
        known.astype(np.float16),
    )
    lifted = field.lift(scene, things=things)
    book = np.vstack([lifted.codebook.astype(np.float32), np.zeros((1, len(VECTORS[0])))])
    own = book[np.where(lifted.codes[:, 0] == NO_CODE, -1, lifted.codes[:, 0].astype(int))]
    red, blue = own @ VECTORS[0], own @ VECTORS[NAMES.index("blue")]
    unseen = field.lift(scene).codes[:, 0] == NO_CODE
    np.testing.assert_allclose(red[known & ~unseen], blue[known & ~unseen], atol=0.02)
    np.testing.assert_allclose(blue[known & unseen], 1, atol=0.01)
    elsewhere = ~known & (lifted.codes[:, 0] != NO_CODE)
    np.testing.assert_allclose(red[elsewhere], 1, atol=0.01)
    assert (lifted.confidence[known] == 1).all()


def test_views_are_averaged() -> None:
    features = field_of(noise=0.5).lift(surfels())
    truth = thing_at(surfels().gaussians.means)
    table = (truth == NAMES.index("table")) & (features.codes[:, 0] != NO_CODE)
    own = features.codebook[features.codes[table, 0]].astype(np.float32)
    single = true_cells(frames()[0], 0.5).vectors[NAMES.index("table")]
    right = VECTORS[NAMES.index("table")]
    assert np.median(own @ right) > single @ right + 0.03


@pytest.mark.parametrize("name", ["cpu", pytest.param("reference", marks=pytest.mark.slow)])
def test_the_core_and_numpy_agree(name: str) -> None:
    scene = surfels()
    try:
        rasterizer, core = make_rasterizer(name), CoreLifter(FieldConfig())
    except MissingDependencyError:
        pytest.skip("the compiled core is not installed")
    field = field_of(FieldConfig(codebook={"new_cosine": 0.999}), noise=0.6)
    views, vectors = field._compacted(field._views[: 1 if name == "reference" else 6])
    fast, slow = (CodeSums(len(scene.gaussians), vectors, 4) for _ in range(2))
    for view in views:
        keyframe = scene.keyframes[view.keyframe]
        core.add(fast, scene.gaussians, keyframe, view)
        RasterLifter(FieldConfig(), rasterizer).add(slow, scene.gaussians, keyframe, view)
    assert slow.weights.sum() > 300
    same = (fast.codes == slow.codes).all(axis=1)
    assert same.mean() > 0.999
    np.testing.assert_allclose(fast.weights[same], slow.weights[same], rtol=2e-2, atol=2e-2)
    np.testing.assert_allclose(fast.seen, slow.seen, atol=2e-2)
    share, plain = fast.favour_majority(0.5, 0.1), slow._favour_majority(192, 0.1)
    np.testing.assert_allclose(share[same], plain[same], atol=2e-2)
    np.testing.assert_allclose(fast.weights[same], slow.weights[same], rtol=2e-2, atol=2e-2)


def test_the_number_of_threads_changes_nothing() -> None:
    try:
        core = load_core()
    except MissingDependencyError:
        pytest.skip("the compiled core is not installed")
    field, before = field_of(noise=0.4), core.threads()
    try:
        found = []
        for threads in (1, 3):
            core.set_threads(threads)
            found.append(field.lift(surfels()))
    finally:
        core.set_threads(before)
    for name in ("codebook", "codes", "weights", "confidence"):
        np.testing.assert_array_equal(getattr(found[0], name), getattr(found[1], name))


def test_a_wrong_mask_in_some_views_does_no_harm() -> None:
    robust = LanguageField(FieldConfig(cell_px=2))
    plain = LanguageField(FieldConfig(cell_px=2, minority_weight=1))
    red, green = NAMES.index("red"), NAMES.index("green")
    for keyframe, frame in enumerate(frames()):
        cells = true_cells(frame, 0.3, px=2)
        if keyframe in (1, 4):  # the box is taken for something else, twice alike
            cells = replace(cells, index=np.where(cells.index == red, green, cells.index))
        for field in (robust, plain):
            field.add(frame, keyframe, cells)
    on_red = thing_at(surfels().gaussians.means) == red
    taken_in = []
    for field in (robust, plain):
        features = field.lift(surfels())
        own = features.codebook[features.codes[on_red, 0]].astype(np.float32)
        taken_in.append(np.median(own @ VECTORS[green]))
    assert taken_in[1] > 0.3  # a third of the weight said so
    assert taken_in[0] < 0.15
    # the sides that only a few cameras see have no majority to tell; the top has
    top = on_red & (surfels().gaussians.normals[:, 2] > 0.9)
    assert (named(robust.lift(surfels()))[top] == red).mean() > 0.95


def test_what_floats_before_a_surface_takes_nothing_from_it() -> None:
    scene, frame = surfels(), frames()[2]
    eye = frame.T_world_cam[:3, 3]
    near = scene.gaussians.select(thing_at(scene.gaussians.means) == NAMES.index("red"))
    floating = replace(
        near,
        means=(eye + 0.8 * (near.means - eye)).astype(np.float32),
        opacities=np.full(len(near), 0.05, np.float32),
    )
    both = Gaussians(**{
        name: np.concatenate([getattr(scene.gaussians, name), getattr(floating, name)])
        for name in Gaussians.__dataclass_fields__
    })  # fmt: skip
    features = field_of().lift(replace(scene, gaussians=both))
    assert (features.codes[len(scene.gaussians) :] == NO_CODE).mean() > 0.95
    blind = field_of(FieldConfig(unknown_depth_agreement=1))
    blind._views = [replace(v, depth=np.zeros_like(v.depth)) for v in blind._views]
    loose = blind.lift(replace(scene, gaussians=both))
    assert (loose.codes[len(scene.gaussians) :] != NO_CODE).all()


def test_a_corrected_pose_moves_the_language() -> None:
    scene, field = surfels(), field_of(noise=0.3)
    T = np.eye(4)
    T[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    T[:3, 3] = [1, 2, 0.5]
    half = np.sqrt(0.5)
    w, x, y, z = scene.gaussians.wxyz.T
    turned = half * np.stack([w - z, x - y, y + x, z + w], axis=1)  # (half, 0, 0, half) * wxyz
    moved = replace(
        scene,
        gaussians=replace(
            scene.gaussians,
            means=transform_points(T, scene.gaussians.means).astype(np.float32),
            wxyz=turned.astype(np.float32),
        ),
        keyframes=tuple(replace(k, T_world_cam=T @ k.T_world_cam) for k in scene.keyframes),
    )
    assert (named(field.lift(moved)) == named(field.lift(scene))).mean() > 0.995


def test_it_goes_on_after_a_restart_as_if_nothing_had_happened() -> None:
    whole, early, late = field_of(noise=0.3), LanguageField(), LanguageField()
    for keyframe, frame in enumerate(frames()[:3]):
        early.add(frame, keyframe, true_cells(frame, 0.3))
    late.restore(early.state())
    for keyframe, frame in enumerate(frames()[3:], 3):
        late.add(frame, keyframe, true_cells(frame, 0.3))
    a, b = whole.lift(surfels()), late.lift(surfels())
    np.testing.assert_array_equal(a.codes, b.codes)
    np.testing.assert_array_equal(a.codebook, b.codebook)


@pytest.mark.parametrize("name", ["codebook.rows", "views.codes", "views.grid", "cell_px"])
def test_a_damaged_state_is_refused(name: str) -> None:
    state = field_of().state()
    with pytest.raises(ArrayError):
        LanguageField().restore({k: v for k, v in state.items() if k != name})
    with pytest.raises(ArrayError):
        LanguageField().restore({**state, name: state[name] + 999})


def test_views_are_bounded_and_spread() -> None:
    field = LanguageField(FieldConfig(max_views=3))
    for keyframe in (0, 1, 1, 1, 3, 5):
        frame = frames()[keyframe]
        field.add(frame, keyframe, true_cells(frame))
    assert len(field) == 3
    kept = {view.keyframe for view in field._views}
    assert {0, 5} <= kept
    h, w = 120, 160
    assert field.n_bytes == 3 * (3 * (h // 8) * (w // 8) + 2 * (h // 4) * (w // 4))
    some = field_of(noise=0.3).lift(surfels(), max_views=2)
    assert 0 < some.confidence.max() < field_of(noise=0.3).lift(surfels()).confidence.max()


def test_cells_of_any_size_are_taken() -> None:
    field = LanguageField()
    for keyframe, frame in enumerate(frames()):
        field.add(frame, keyframe, true_cells(frame, px=5))
    assert right_share(field.lift(surfels()), surfels(), ["table", "wall", "floor"]) > 0.95
    frame, cells = frames()[0], true_cells(frames()[0])
    with pytest.raises(ArrayError, match="rows"):
        field.add(frame, 0, replace(cells, cell_px=4))


def test_several_codes_come_nearer_to_the_mean_than_one() -> None:
    coarse = {"new_cosine": 0.8}
    truth = field_of(FieldConfig(result={"new_cosine": 0.9999}), 0.6).lift(surfels())
    gaps = []
    for count in (1, 3):
        config = FieldConfig(codes=count, result=coarse)
        gaps.append(_gap(field_of(config, 0.6).lift(surfels()), truth))
    assert gaps[1] < gaps[0]


def _gap(a: GaussianFeatures, b: GaussianFeatures) -> float:
    """Mean 1 - cosine of two scenes' features."""
    own = []
    for f in (a, b):
        book = np.vstack([f.codebook.astype(np.float32), np.zeros((1, f.codebook.shape[1]))])
        rows = np.where(f.codes == NO_CODE, len(book) - 1, f.codes)
        mean = (f.weights[..., None].astype(np.float32) * book[rows]).sum(axis=1)
        own.append(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9))
    return float(1 - (own[0] * own[1]).sum(axis=1).mean())


def test_masks_over_everything_or_nothing() -> None:
    frame = frames()[0]
    cells = true_cells(frame)
    field = LanguageField()
    nothing = replace(cells, index=np.full_like(cells.index, -1))
    assert not field.add(frame, 0, nothing)
    empty = FeatureCells(
        np.zeros((0, 32), np.float32), nothing.index, np.zeros_like(cells.weight), 8
    )
    assert not field.add(frame, 0, empty)
    unencoded = replace(cells, vectors=np.zeros_like(cells.vectors))
    assert not field.add(frame, 0, unencoded)
    for keyframe, frame in enumerate(frames()):
        everything = np.zeros_like(cells.index)
        assert field.add(
            frame, keyframe, replace(cells, index=everything, weight=np.ones_like(cells.weight))
        )
    features = field.lift(surfels())
    assert (named(features) == 0).mean() > 0.99
    assert len(features.codebook) == 1


def test_a_frame_without_depth_and_a_camera_that_sees_nothing() -> None:
    frame, cells = frames()[0], true_cells(frames()[0])
    field = LanguageField()
    assert not field.add(with_pixels(frame, depth_m=np.zeros_like(frame.depth_m)), 0, cells)
    assert field.add(frame, 0, cells)
    scene = surfels()
    away = frame.T_world_cam.copy()
    away[:3, 3] += [0, -100, 0]
    away[:3, :3] = away[:3, :3] @ np.diag([-1.0, 1, -1])
    keyframes = (replace(scene.keyframes[0], T_world_cam=away), *scene.keyframes[1:])
    features = field.lift(replace(scene, keyframes=keyframes))
    assert (features.codes == NO_CODE).all()
    assert not features.confidence.any()


def test_nothing_to_lift_or_to_lift_on() -> None:
    scene = surfels()
    features = LanguageField().lift(scene)
    assert features.codes.shape == (len(scene.gaussians), 1)
    assert (features.codes == NO_CODE).all()
    none = replace(scene, gaussians=scene.gaussians.select(np.zeros(0, int)))
    assert field_of().lift(none).codes.shape == (0, 1)
    later = LanguageField()
    later.add(frames()[0], 77, true_cells(frames()[0]))  # a keyframe the scene does not have yet
    assert (later.lift(scene).codes == NO_CODE).all()


def test_vectors_that_are_not_finite_or_not_there_are_refused() -> None:
    frame, cells = frames()[0], true_cells(frames()[0])
    bad = cells.vectors.copy()
    bad[2] = np.nan
    with pytest.raises(ArrayError, match="finite"):
        LanguageField().add(frame, 0, replace(cells, vectors=bad))
    with pytest.raises(ArrayError, match="not there"):
        LanguageField().add(frame, 0, replace(cells, index=cells.index + 9))
