"""What the fuser makes of masks that are right, cut, merged, leaking, or in another order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from box_world import (
    FLOOR,
    TABLE,
    THREE_BOXES,
    UP,
    arc_poses,
    masks_of,
    noisy_frame,
    render,
    standing_box,
    unit,
)

from grounding3d.features.base import Mask
from grounding3d.fusion.association import SegmentFuser
from grounding3d.fusion.base import FusedSegment, Segment
from grounding3d.fusion.lifting import lift_masks
from grounding3d.fusion.tracks import PairVotes
from grounding3d.geometry.boxes import OBB, upright_box

THINGS = [*THREE_BOXES, TABLE, FLOOR]


class Views:
    """Frames of boxes with masks that a test may spoil."""

    def __init__(self, things: list[OBB], n: int, n_objects: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.frames, self.index = [], []
        for k, pose in enumerate(arc_poses(n)):
            depth, index = render(things, pose)
            self.frames.append(noisy_frame(depth, pose, k, rng))
            self.index.append(index)
        self.n_objects = n_objects

    def segments(self, k: int, groups: list[tuple[int, ...]] | None = None) -> list[Segment]:
        """Segments of frame k, one a group of things (default: one a thing)."""
        groups = groups if groups is not None else [(n,) for n in range(self.n_objects)]
        masks, vectors = [], []
        for group in groups:
            bits = np.isin(self.index[k], group)
            if bits.sum() >= 60:
                masks.append(Mask.from_image(bits))
                vectors.append(unit(min(group)))
        return lift_masks(self.frames[k], masks, vectors, k)

    def cut(self, k: int, n: int) -> list[Segment]:
        """Segments of frame k with thing n cut into a left and a right half."""
        bits = self.index[k] == n
        middle = int(np.median(np.flatnonzero(bits.any(axis=0))))
        columns = np.arange(bits.shape[1])
        halves = [
            Mask.from_image(bits & (columns < middle)),
            Mask.from_image(bits & (columns >= middle)),
        ]
        rest = [(m,) for m in range(self.n_objects) if m != n]
        return self.segments(k, rest) + lift_masks(self.frames[k], halves, [unit(n)] * 2, k)


@pytest.fixture(scope="module")
def three() -> Views:
    return Views(THINGS, 10, 3)


@pytest.fixture(scope="module")
def touching() -> Views:
    """Two boxes side by side, 4 mm apart, and one for itself."""
    pair = [
        standing_box(-0.052, 0.0, (0.10, 0.10, 0.12)),
        standing_box(0.052, 0.0, (0.10, 0.10, 0.12)),
        standing_box(0.35, 0.1, (0.08, 0.08, 0.08)),
    ]
    return Views([*pair, TABLE, FLOOR], 10, 3)


def fuse(views: Views, segments: dict[int, list[Segment]], order: list[int] | None = None) -> list:
    fuser = SegmentFuser()
    for k in order or range(len(views.frames)):
        fuser.add(segments[k], views.frames[k])
    return fuser.fused()


def clean(views: Views) -> dict[int, list[Segment]]:
    return {k: views.segments(k) for k in range(len(views.frames))}


def centers(fused: list[FusedSegment]) -> np.ndarray:
    return np.array([upright_box(s.points, UP).center for s in fused])


def assert_one_each(fused: list[FusedSegment], things: list[OBB], tolerance_m: float) -> None:
    assert len(fused) == len(things), centers(fused).round(3)
    for thing in things:
        gap = np.linalg.norm(centers(fused) - thing.center, axis=1)
        assert gap.min() < tolerance_m


def test_clean_masks_give_one_thing_each(three: Views) -> None:
    fused = fuse(three, clean(three))
    assert_one_each(fused, list(THREE_BOXES), 0.01)
    assert all(len(s.keyframes) == 10 for s in fused)


def test_embeddings_stay_with_their_thing(three: Views) -> None:
    for segment in fuse(three, clean(three)):
        n = int(np.argmin([np.linalg.norm(centers([segment])[0] - b.center) for b in THREE_BOXES]))
        assert (segment.embeddings @ unit(n) > 0.99).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_order_of_frames_does_not_matter(three: Views, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(10).tolist()
    segments = clean(three)
    segments[2], segments[5] = three.cut(2, 1), three.segments(5, [(0, 1), (2,)])
    one, two = fuse(three, segments), fuse(three, segments, order)
    assert_one_each(two, list(THREE_BOXES), 0.01)
    gaps = np.linalg.norm(centers(one)[:, None] - centers(two), axis=2).min(axis=1)
    assert (gaps < 0.004).all()


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_wrong_masks_give_the_same_things_in_any_order(touching: Views, seed: int) -> None:
    """A third of the frames have a mask cut in two, or one over two things."""
    rng = np.random.default_rng(seed)
    segments = clean(touching)
    for k in rng.choice(10, 3, replace=False).tolist():
        spoilt = [touching.cut(k, int(rng.integers(2))), touching.segments(k, [(0, 1), (2,)])]
        segments[k] = spoilt[int(rng.integers(2))]
    one = fuse(touching, segments)
    two = fuse(touching, segments, rng.permutation(10).tolist())
    assert len(one) == len(two) == 3
    pairs = np.linalg.norm(centers(one)[:, None] - centers(two), axis=2)
    assert sorted(pairs.argmin(axis=1).tolist()) == [0, 1, 2]
    assert pairs.min(axis=1).max() < 0.004
    for a, b in zip(one, [two[n] for n in pairs.argmin(axis=1)], strict=True):
        sizes = [upright_box(s.points, UP).size for s in (a, b)]
        assert np.abs(sizes[0] - sizes[1]).max() < 0.012
        assert a.keyframes.tolist() == b.keyframes.tolist()
        mean_a, mean_b = (s.view_quality @ s.embeddings for s in (a, b))
        assert mean_a @ mean_b > 0.98 * np.linalg.norm(mean_a) * np.linalg.norm(mean_b)


def test_groups_do_not_cost_the_square_of_the_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    """5,000 tracks in a row of votes: looks at votes must grow with the votes."""
    from grounding3d.fusion import tracks

    looks, consensus = 0, tracks._consensus

    def counted(row: np.ndarray) -> float:
        nonlocal looks
        looks += 1
        return consensus(row)

    monkeypatch.setattr(tracks, "_consensus", counted)
    votes, n = PairVotes(), 5000
    for a in range(1, n):
        votes.vote(a, a + 1, together=3 * (a % 2), apart=1)
    groups = votes.groups(range(1, n + 1))
    assert sorted(map(len, groups)) == [2] * (n // 2)
    assert looks <= 8 * n


def shelf_and_bowl() -> PairVotes:
    """Six early masks hold all ten pieces of a shelf and a bowl; later frames see but two pieces.

    Fifteen of those show the bowl by itself. Track 11 is the bowl.
    """
    votes = PairVotes()
    for a in range(1, 11):
        for b in range(a + 1, 11):
            votes.vote(a, b, together=20)
        votes.vote(a, 11, together=6, apart=15 if a <= 2 else 0)
    return votes


def test_a_frame_speaks_once_however_many_pieces_a_thing_is_in() -> None:
    assert shelf_and_bowl().groups(range(1, 12), 0.6) == [
        frozenset(range(1, 11)),
        frozenset([11]),
    ]


def test_a_frame_speaks_once_of_pieces_that_were_merged() -> None:
    votes = shelf_and_bowl()
    for piece in range(2, 11):
        votes.drop(piece, heir=1)
    assert votes.get(1, 11) == (6, 15)


@pytest.mark.parametrize("first", [True, False])
def test_over_segmented_views_are_outvoted(three: Views, first: bool) -> None:
    segments = clean(three)
    for k in (0, 1, 2) if first else (7, 8, 9):
        segments[k] = three.cut(k, 1)
    assert_one_each(fuse(three, segments), list(THREE_BOXES), 0.01)


@pytest.mark.parametrize("first", [True, False])
def test_under_segmented_views_are_outvoted(touching: Views, first: bool) -> None:
    segments = clean(touching)
    for k in (0, 1, 2) if first else (7, 8, 9):
        segments[k] = touching.segments(k, [(0, 1), (2,)])
    fused = fuse(touching, segments)
    assert len(fused) == 3
    middle = [c for c in centers(fused) if abs(c[0]) < 0.2]
    assert sorted(np.sign(c[0]) for c in middle) == [-1, 1]
    assert all(abs(abs(c[0]) - 0.052) < 0.012 for c in middle)


def test_one_mask_over_things_far_apart_is_outvoted(three: Views) -> None:
    """As when a shelf and all that stands in it are one mask."""
    segments = clean(three)
    near, middle, far = segments[9]
    points, rgb = (
        np.concatenate([getattr(s, name) for s in (near, middle, far)])
        for name in ("points", "rgb")
    )
    segments[9] = [replace(near, points=points, rgb=rgb), *segments[9][3:]]
    assert_one_each(fuse(three, segments), list(THREE_BOXES), 0.01)


def test_a_thing_swallowed_by_a_piece_of_a_shelf_gets_free() -> None:
    """At first it is seen as one with the shelf's left third; later masks cover all the shelf."""
    things = [
        standing_box(-0.42, 0.10, (0.08, 0.08, 0.14)),  # the thing, 1 cm in front of
        standing_box(-0.40, 0.20, (0.30, 0.10, 0.35)),
        standing_box(0.15, 0.20, (0.80, 0.10, 0.35)),
    ]
    views = Views([*things, TABLE, FLOOR], 12, 3)
    early, late = [(0, 1), (2,)], [(0,), (1, 2)]
    segments = {k: views.segments(k, early if k < 4 else late) for k in range(12)}
    fused = fuse(views, segments)
    assert len(fused) == 2
    shelf = OBB.from_aabb([-0.55, 0.15, 0.74], [0.55, 0.25, 1.09])
    assert_one_each(fused, [things[0], shelf], 0.03)


def test_things_that_only_masks_of_a_shelf_join_stay_apart() -> None:
    """The camera sees the one or the other close by, and from afar all three as one."""
    things = [
        standing_box(-0.42, 0.0, (0.08, 0.08, 0.12)),
        standing_box(0.42, 0.0, (0.08, 0.08, 0.12)),
        standing_box(0.0, 0.0, (0.74, 0.06, 0.10)),
    ]
    views = Views([*things, TABLE, FLOOR], 12, 3)
    groups = [(0,), (2,)], [(1,), (2,)], [(0, 1, 2)]
    fused = fuse(views, {k: views.segments(k, groups[k // 4]) for k in range(12)})
    assert_one_each(fused, things, 0.03)


def test_parts_that_masks_show_together_are_one_across_a_gap() -> None:
    """A lamp's shade and foot, whose stem is too thin to be measured."""
    foot = standing_box(0.0, 0.0, (0.12, 0.12, 0.04))
    shade = OBB(foot.center + np.array([0, 0, 0.25]), foot.wxyz, np.array([0.12, 0.12, 0.10]))
    views = Views([foot, shade, TABLE, FLOOR], 10, 2)
    fuser = SegmentFuser()
    for k in range(10):
        halves = views.segments(k)
        if k > 1 and len(halves) == 2:  # seen as one, but for two frames that see half of it
            one, other = halves
            points, rgb = (
                np.concatenate([getattr(s, name) for s in halves]) for name in ("points", "rgb")
            )
            halves = [replace(one, points=points, rgb=rgb, n_pixels=one.n_pixels + other.n_pixels)]
        fuser.add(halves[k : k + 1] if k < 2 else halves, views.frames[k])
    assert len(fuser.fused()) == 1


def test_a_bare_majority_does_not_join(touching: Views) -> None:
    """Five masks saw two things as one, four kept them apart: they stay two."""
    segments = clean(touching)
    for k in (1, 3, 5, 7, 9):
        segments[k] = touching.segments(k, [(0, 1), (2,)])
    assert len(fuse(touching, segments)) == 3


def test_things_always_seen_as_one_are_one(touching: Views) -> None:
    segments = {k: touching.segments(k, [(0, 1), (2,)]) for k in range(10)}
    segments[4] = touching.segments(4)
    fused = fuse(touching, segments)
    assert len(fused) == 2


def test_a_leaking_mask_does_not_stretch_a_thing(three: Views) -> None:
    segments = clean(three)
    for k in (3, 6):
        # the mask of the tall box spills over the table in front of it
        bits = three.index[k] == 1
        rows, columns = np.flatnonzero(bits.any(axis=1)), np.flatnonzero(bits.any(axis=0))
        spill = bits.copy()
        spill[rows[-1] : rows[-1] + 25, columns[0] : columns[-1]] |= (
            three.index[k][rows[-1] : rows[-1] + 25, columns[0] : columns[-1]] == 3
        )
        masks = [Mask.from_image(spill), *masks_of(three.index[k], [0, 2])]
        segments[k] = lift_masks(three.frames[k], masks, None, k)
    assert_one_each(fuse(three, segments), list(THREE_BOXES), 0.01)


def test_a_thing_seen_once_of_many_is_dropped(three: Views) -> None:
    segments = clean(three)
    for k in range(1, 10):
        segments[k] = three.segments(k, [(0,), (2,)])
    fused = fuse(three, segments)
    assert_one_each(fused, [THREE_BOXES[0], THREE_BOXES[2]], 0.01)


def test_short_captures_keep_what_was_seen_twice(three: Views) -> None:
    fuser = SegmentFuser()
    for k in (4, 5):
        fuser.add(three.segments(k), three.frames[k])
    assert len(fuser.fused()) == 3


def board(size: tuple[float, float], height_m: float, keyframe: int, tilt: float = 0.0) -> Segment:
    """A level rectangle from the origin on as a mask shows it, or one tilted about its edge."""
    x, y = np.meshgrid(np.arange(0, size[0], 0.01), np.arange(0, size[1], 0.01))
    z = height_m + tilt * (x - size[0] / 2)
    points = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1).astype(np.float32)
    rgb = np.full((len(points), 3), 128, np.uint8)
    return Segment(points, rgb, None, keyframe, "support", len(points), False, 1.0)


def test_a_rim_whose_plane_was_measured_askew_is_no_second_support() -> None:
    fuser = SegmentFuser()
    for k in range(3):
        fuser.add([board((0.1, 0.3), 0.70, k, tilt=0.2)])
    for k in range(3, 6):
        fuser.add([board((1.2, 0.8), 0.70, k)])
    assert len(fuser.tracks) == 2  # by its plane it was another one
    (support,) = fuser.fused()
    assert support.keyframes.tolist() == list(range(6))


def test_a_board_on_a_table_stays_a_support_of_its_own() -> None:
    fuser = SegmentFuser()
    for k in range(4):
        fuser.add([board((1.2, 0.8), 0.70, k), board((0.4, 0.3), 0.73, k)])
    assert [len(s.points) for s in fuser.fused()] == [60 * 40, 20 * 15]


def test_supports_are_joined_by_their_plane(three: Views) -> None:
    fuser = SegmentFuser()
    for k, frame in enumerate(three.frames):
        bits = three.index[k] == 3
        columns = np.arange(bits.shape[1])
        parts = [bits & (columns < 150), bits & (columns >= 150)]  # cut in two, every frame
        masks = [Mask.from_image(p, "support") for p in parts if p.sum() > 60]
        masks += [Mask.from_image(three.index[k] == 4, "support")]
        fuser.add(lift_masks(frame, masks, None, k), frame)
    fused = fuser.fused()
    assert [s.kind for s in fused] == ["support", "support"]
    table = min(fused, key=lambda s: abs(np.median(s.points[:, 2]) - 0.74))
    assert upright_box(table.points, UP).size[:2] == pytest.approx([1.2, 0.8], abs=0.03)


def test_works_without_frames(three: Views) -> None:
    fuser = SegmentFuser()
    for k in range(10):
        fuser.add(three.segments(k))
    assert_one_each(fuser.fused(), list(THREE_BOXES), 0.01)


def test_state_goes_on_where_it_stopped(three: Views) -> None:
    whole, half = SegmentFuser(), SegmentFuser()
    for k in range(10):
        whole.add(three.segments(k), three.frames[k])
        if k < 5:
            half.add(three.segments(k), three.frames[k])
    rest = SegmentFuser()
    rest.restore(half.state())
    for k in range(5, 10):
        rest.add(three.segments(k), three.frames[k])
    for a, b in zip(whole.fused(), rest.fused(), strict=True):
        assert a.id == b.id
        np.testing.assert_array_equal(a.points, b.points)
        np.testing.assert_array_equal(a.embeddings, b.embeddings)


def test_an_empty_fuser_has_nothing(three: Views) -> None:
    fuser = SegmentFuser()
    fuser.add([], three.frames[0])
    assert fuser.fused() == []
    other = SegmentFuser()
    other.restore(fuser.state())
    assert other.fused() == []


def test_fragments_that_look_alike_are_joined(three: Views) -> None:
    """The mask of one thing is cut in most views, in comb-like strips, and whole in one."""
    segments = {}
    for k, frame in enumerate(three.frames):
        bits = three.index[k] == 1
        comb = np.broadcast_to((np.arange(bits.shape[1]) // 5) % 2 == 0, bits.shape)
        if k == 4:
            comb = np.ones_like(bits)
        strips = [Mask.from_image(b) for b in (bits & comb, bits & ~comb) if b.any()]
        segments[k] = three.segments(k, [(0,), (2,)])
        segments[k] += lift_masks(frame, strips, [unit(1)] * len(strips), k)
    assert_one_each(fuse(three, segments), list(THREE_BOXES), 0.01)


def test_many_segments_find_their_tracks_among_many() -> None:
    rng = np.random.default_rng(0)
    centers = np.array([[x, y, 0.0] for x in range(20) for y in range(10)]) * 0.25
    clouds = [c + rng.uniform(-0.06, 0.06, (500, 3)) for c in centers]

    def frame_of(rows: np.ndarray, k: int) -> list[Segment]:
        rgb = np.zeros((500, 3), np.uint8)
        return [
            Segment(clouds[n].astype(np.float32), rgb, unit(n), k, "object", 2000, False, 0.5)
            for n in rows
        ]

    fuser, depth = SegmentFuser(), np.zeros((240, 320), np.float32)
    for k in range(10):
        fuser.add(frame_of(np.arange(20 * k, 20 * k + 20), k))
    assert len(fuser.tracks) == 200
    view = noisy_frame(depth, arc_poses(1)[0], 0, rng)
    for k in range(10, 20):
        segments = frame_of(rng.choice(200, 20, replace=False), k)
        fuser.add(segments, view)
    assert len(fuser.tracks) == 200
