"""Colours say what they should."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.interfaces.viewer.paint import (
    QUERY_COLOURS,
    faded,
    light_up,
    ramp,
    surface_colours,
    thing_colours,
)


def distance(rgb: np.ndarray, colour: tuple[int, int, int]) -> float:
    return float(np.linalg.norm(rgb.astype(float) - colour, axis=-1).mean())


def test_only_what_is_relevant_changes() -> None:
    background = np.full((3, 3), 100, np.uint8)
    painted = light_up(background, [np.array([0.2, 0.5, 1.0]), None])
    assert (painted[:2] == 100).all()
    assert distance(painted[2:], QUERY_COLOURS[0]) < 60


def test_two_questions_keep_their_colours_apart_and_mix_where_both_fit() -> None:
    background = np.full((3, 3), 100, np.uint8)
    first, second = np.array([1.0, 0, 1.0]), np.array([0, 1.0, 1.0])
    painted = light_up(background, [first, second]).astype(float)
    assert distance(painted[:1], QUERY_COLOURS[0]) < distance(painted[:1], QUERY_COLOURS[1])
    assert distance(painted[1:2], QUERY_COLOURS[1]) < distance(painted[1:2], QUERY_COLOURS[0])
    assert painted[2] == pytest.approx((painted[0] + painted[1]) / 2, abs=1)


def test_stronger_is_closer_to_the_questions_colour() -> None:
    background = np.full((20, 3), 100, np.uint8)
    painted = light_up(background, [np.linspace(0.5, 1, 20)])
    away = np.linalg.norm(painted.astype(float) - QUERY_COLOURS[0], axis=1)
    assert (np.diff(away) <= 0.5).all()


def test_the_mug_glows_in_the_scene(model) -> None:
    rows = np.arange(len(model))
    painting = model.ask("where is the mug")
    painted = light_up(faded(model.rgb), [painting.relevancy()])
    mug = model.thing == 1
    assert distance(painted[mug[rows]], QUERY_COLOURS[0]) < 80
    assert distance(painted[model.thing == 3], QUERY_COLOURS[0]) > 120


def test_the_thing_that_is_asked_for_lights_up(model) -> None:
    painting = model.ask("where is the mug")
    mean = [painting.relevancy()[model.thing == code].mean() for code in range(4)]
    assert int(np.argmax(mean)) == 1
    assert mean[1] > 0.9


def test_depth_is_bright_near_and_dark_far(model) -> None:
    rows = np.arange(len(model))
    eye = np.array([-2.0, 0, 0.7])
    bright = surface_colours(model, rows, "depth", eye).astype(float).sum(axis=1)
    order = np.argsort(np.linalg.norm(model.means - eye, axis=1))
    assert bright[order[:200]].mean() > 1.5 * bright[order[-200:]].mean()
    assert (np.diff(ramp(np.linspace(0, 1, 50)).astype(float)[:, 1]) <= 0.5).all()


def test_normals_look_at_the_camera_and_are_its_colours(model) -> None:
    up = model.normals[:, 2] > 0.9
    assert surface_colours(model, np.flatnonzero(up), "normals", None)[:, 2].min() > 240
    eye = model.scene.scene.keyframes[0].T_world_cam[:3, 3]
    assert np.einsum("ni,ni->n", model.normals, model.means - eye).max() < 1e-4


def test_every_thing_has_a_colour_of_its_own() -> None:
    colours = thing_colours(np.arange(-1, 12))
    gaps = np.linalg.norm(colours[:, None].astype(float) - colours[None], axis=2)
    assert gaps[~np.eye(len(colours), dtype=bool)].min() > 25
