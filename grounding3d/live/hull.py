"""Convex hulls with a bounded number of vertices that enclose all of their points."""

from __future__ import annotations

import numpy as np

_AXES = np.concatenate([np.eye(3), -np.eye(3)])


def convex_hull(
    points: np.ndarray, max_vertices: int, padding_m: float = 0.0
) -> tuple[np.ndarray, np.ndarray] | None:
    """A closed convex mesh around points [N,3].

    A hull with more vertices than the bound is replaced by the intersection of half-spaces that
    touch it in evenly spread directions, the coordinate axes among them (a discrete oriented
    polytope; Klosowski et al. 1998). It encloses the hull and stays within its axis-aligned box: a
    planner may think a thing a little larger than it is, never smaller.

    Args:
        points: metres.
        max_vertices: bound on the vertices, at least 8.
        padding_m: the hull is grown by this along each coordinate axis, metres.

    Returns:
        vertices [n,3] and triangles [m,3], counter-clockwise seen from outside; None where the
        points span no volume.
    """
    from scipy.spatial import ConvexHull, QhullError

    points = np.asarray(points, np.float64)
    try:
        corners = points[ConvexHull(points).vertices]
        if padding_m > 0:
            signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
            corners = (corners[:, None] + padding_m * signs).reshape(-1, 3)
        hull = ConvexHull(corners)
        if len(hull.vertices) > max_vertices:
            hull = ConvexHull(_polytope(hull.points[hull.vertices], max_vertices))
    except (QhullError, ValueError):  # fewer than four points, or all in one plane
        return None
    row = np.full(len(hull.points), -1)
    row[hull.vertices] = np.arange(len(hull.vertices))
    vertices = hull.points[hull.vertices]
    return vertices, _outward(row[hull.simplices], vertices, hull.equations[:, :3])


def _polytope(corners: np.ndarray, max_vertices: int) -> np.ndarray:
    """[n,3] vertices, n <= max_vertices, of a polytope around corners [N,3].

    A polytope of K faces has at most 2K - 4 vertices.
    """
    from scipy.spatial import HalfspaceIntersection

    spread = _spiral((max_vertices + 4) // 2 - len(_AXES))
    # directions are spread over the thing's own proportions, else a flat thing gets none sideways
    spread /= np.ptp(corners, axis=0)
    spread /= np.linalg.norm(spread, axis=1, keepdims=True)
    normals = np.concatenate([_AXES, spread])
    reach = (normals @ corners.T).max(axis=1)
    halfspaces = np.column_stack([normals, -reach])
    vertices = HalfspaceIntersection(halfspaces, corners.mean(axis=0)).intersections
    _, first = np.unique(np.round(vertices, 7), axis=0, return_index=True)
    return np.asarray(vertices[first])


def _spiral(count: int) -> np.ndarray:
    """[count,3] unit vectors spread evenly over the sphere (a Fibonacci spiral)."""
    i = np.arange(count) + 0.5
    z = 1 - 2 * i / max(count, 1)
    azimuth = np.pi * (1 + np.sqrt(5)) * i
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(azimuth), r * np.sin(azimuth), z], axis=1)


def _outward(triangles: np.ndarray, vertices: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """The triangles [m,3] turned so that they wind counter-clockwise about the normals [m,3]."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), normals) < 0
    turned = triangles.copy()
    turned[inward] = turned[inward][:, [0, 2, 1]]
    return turned
