"""A hand-held camera that walks through the free space of a room and looks at its furniture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from grounding3d.capture.simulator.room.config import RoomConfig
from grounding3d.capture.simulator.trajectory import shaken
from grounding3d.geometry.transforms import look_at

_CELL_M = 0.08
_UP = np.array([0.0, 0.0, 1.0])
_STAY = 0.5  # share of the frames at the stops; the others walk on
_SMOOTH_FRAMES = 3.0
_MARGIN_M = 0.1  # beyond the clearance, for what smoothing and shaking cut off
_SHAKE = (0.006, 0.8)  # metres, degrees


@dataclass(frozen=True)
class Sight:
    """Something to look at.

    Attributes:
        centre: [3] what the camera aims at.
        sweep: [3] from the centre to one end of it; the gaze goes from end to end.
        front: [2] unit vector to the side it is looked at from, zeros for any.
        distance_m: How far away one stands.
    """

    centre: np.ndarray
    sweep: np.ndarray
    front: np.ndarray
    distance_m: float


def walk(
    rng: np.random.Generator,
    config: RoomConfig,
    size_m: tuple[float, float],
    obstacles: list[np.ndarray],
    sights: list[Sight],
) -> np.ndarray:
    """Camera poses [n, 4, 4] in the room frame.

    Args:
        size_m: The room's extents along x and y.
        obstacles: Outlines [n, 2] of what stands on the floor.
        sights: What to look at; the walk goes around the room from one to the next.
    """
    cells = _free_cells(config, size_m, obstacles)
    angle = [np.arctan2(s.centre[1], s.centre[0]) for s in sights]
    order = np.argsort(angle)[:: int(rng.choice([-1, 1]))]
    order = np.roll(order, int(rng.integers(len(order))))
    sights = [sights[k] for k in order]
    stops = [_stop(rng, cells, s) for s in sights]
    spots, gaze = _schedule(config.n_frames, cells, stops, sights, _graph(cells))
    height = _heights(rng, config)
    for smooth in (_SMOOTH_FRAMES, 2.0, 1.0, 0.0):
        flat = gaussian_filter1d(spots, smooth, axis=0, mode="nearest") if smooth else spots
        if clearance(flat, size_m, obstacles) >= config.clearance_m + _MARGIN_M / 4:
            break
    eyes = np.column_stack([flat, height])
    poses = np.stack([look_at(e, t, _UP) for e, t in zip(eyes, _aims(eyes, gaze), strict=True)])
    return shaken(rng, poses, *_SHAKE)


def clearance(spots: np.ndarray, size_m: tuple[float, float], obstacles: list[np.ndarray]) -> float:
    """Smallest distance of points [n, 2] to the walls and to outlines; 0 inside one."""
    wall = float((np.array(size_m) / 2 - np.abs(spots)).min())
    return min([wall, *(_distances(spots, o).min() for o in obstacles)])


def _distances(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Distance [n] of points to a convex outline, 0 inside."""
    edge = np.roll(outline, -1, axis=0) - outline
    to = points[:, None] - outline[None]
    along = np.clip((to * edge).sum(2) / np.maximum((edge**2).sum(1), 1e-18), 0, 1)
    distance = np.linalg.norm(to - along[..., None] * edge, axis=2).min(axis=1)
    inside = ((edge[:, 0] * to[..., 1] - edge[:, 1] * to[..., 0]) >= 0).all(axis=1)
    return np.where(inside, 0.0, distance)


def _free_cells(
    config: RoomConfig, size_m: tuple[float, float], obstacles: list[np.ndarray]
) -> np.ndarray:
    """[n, 2] points of a grid where one may walk, the largest connected part of them."""
    margin = config.clearance_m + _MARGIN_M
    half = np.array(size_m) / 2 - margin
    axes = [np.arange(-h, h, _CELL_M) for h in half]
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    for outline in obstacles:
        cells = cells[_distances(cells, outline) >= margin]
    _, part = connected_components(_graph(cells))
    return cells[part == np.bincount(part).argmax()]


def _graph(cells: np.ndarray) -> csr_matrix:
    """Steps between neighbouring cells, weighted by their length."""
    index = np.round((cells - cells.min(axis=0)) / _CELL_M).astype(int)
    where = {(int(i), int(j)): k for k, (i, j) in enumerate(index)}
    edges = []
    for (i, j), k in where.items():
        for step in ((1, 0), (0, 1), (1, 1), (1, -1)):
            other = where.get((i + step[0], j + step[1]))
            if other is not None:
                edges.append((k, other, _CELL_M * float(np.hypot(*step))))
    a, b, length = np.array(edges).reshape(-1, 3).T
    n = len(cells)
    return coo_matrix(
        (np.tile(length, 2), (np.r_[a, b].astype(int), np.r_[b, a].astype(int))), shape=(n, n)
    ).tocsr()


def _stop(rng: np.random.Generator, cells: np.ndarray, sight: Sight) -> int:
    """Index of the cell to look from: in front, at the right distance."""
    to = cells - sight.centre[:2]
    distance = np.linalg.norm(to, axis=1)
    facing = (to @ sight.front) / np.maximum(distance, 1e-6)
    cost = np.abs(distance - sight.distance_m) + 0.8 * (1 - facing) * bool(sight.front.any())
    return int((cost + rng.uniform(0, 0.25, len(cells))).argmin())


def _schedule(
    frames: int, cells: np.ndarray, stops: list[int], sights: list[Sight], graph: csr_matrix
) -> tuple[np.ndarray, np.ndarray]:
    """Where the camera is [n, 2] and what it looks at [n, 3], NaN while it walks on."""
    _, previous = dijkstra(graph, indices=stops, return_predecessors=True)
    spots, gaze = [], []
    for k, (stop, sight) in enumerate(zip(stops, sights, strict=True)):
        share = frames / len(stops)
        begin, end = round(k * share), round((k + 1) * share)
        last = k + 1 == len(stops)
        stay = end - begin if last else max(1, round(_STAY * (end - begin)))
        s = np.linspace(-1.0, 1.0, stay)[:, None]
        gaze.append(sight.centre + s * sight.sweep)
        spots.append(_sidle(cells, cells[stop], sight, s))
        if not last:
            steps = end - begin - stay
            route = _route(cells, previous[k], stop, stops[k + 1])
            spots.append(_spread(route, steps))
            gaze.append(np.full((steps, 3), np.nan))
    return np.concatenate(spots), np.concatenate(gaze)


def _sidle(cells: np.ndarray, at: np.ndarray, sight: Sight, s: np.ndarray) -> np.ndarray:
    """A sideways step around a stop, where there is room for it."""
    to = sight.centre[:2] - at
    side = np.array([-to[1], to[0]]) / max(float(np.linalg.norm(to)), 1e-6)
    for reach in (0.3, 0.2, 0.1, 0.0):
        path = at + reach * s * side
        near = np.linalg.norm(path[:, None] - cells[None], axis=2).min(axis=1)
        if (near <= _CELL_M).all():
            return path
    return np.repeat(at[None], len(s), axis=0)


def _route(cells: np.ndarray, previous: np.ndarray, start: int, goal: int) -> np.ndarray:
    route = [goal]
    while route[-1] != start:
        route.append(int(previous[route[-1]]))
    return cells[route[::-1]]


def _spread(route: np.ndarray, count: int) -> np.ndarray:
    """``count`` points along a polyline at even steps, its ends left out."""
    if len(route) < 2:
        return np.repeat(route[:1], count, axis=0)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(route, axis=0), axis=1))])
    at = np.linspace(0, length[-1], count + 2)[1:-1]
    return np.stack([np.interp(at, length, route[:, k]) for k in range(2)], axis=1)


def _aims(eyes: np.ndarray, gaze: np.ndarray) -> np.ndarray:
    """Points [n, 3] to look at; between stops the gaze turns the shorter way."""
    known = ~np.isnan(gaze[:, 0])
    to = gaze[known] - eyes[known]
    yaw = np.unwrap(np.arctan2(to[:, 1], to[:, 0]))
    pitch = np.arctan2(to[:, 2], np.linalg.norm(to[:, :2], axis=1))
    frame, at = np.arange(len(gaze)), np.nonzero(known)[0]
    turns = [np.interp(frame, at, angle) for angle in (yaw, pitch)]
    yaw, pitch = (gaussian_filter1d(a, _SMOOTH_FRAMES, mode="nearest") for a in turns)
    ahead = np.stack([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)], 1)
    return eyes + ahead


def _heights(rng: np.random.Generator, config: RoomConfig) -> np.ndarray:
    low, high = np.sort(rng.uniform(*config.eye_height_m, 2))
    s = np.linspace(0, 1, config.n_frames)
    wave = np.sin(2 * np.pi * rng.uniform(1, 2.5) * s + rng.uniform(0, 2 * np.pi))
    return (low + high) / 2 + (high - low) / 2 * wave
