"""Where a question is asked from: given, or the last camera."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.errors import QueryError
from grounding3d.query.viewpoints import viewpoint_of
from tests.query.word_encoder import scene_of, thing


def test_the_last_camera_is_the_default():
    scene = scene_of(thing(1, "mug", (0, 0, 0)), eye=(1, -2, 1.5)).scene
    found = viewpoint_of(scene, None)
    assert found is not None
    np.testing.assert_allclose(found.position, [1, -2, 1.5])
    assert found.heading is not None
    assert found.heading @ (-found.position) > 0  # it looks at the middle
    assert found.source == "the last camera"


def test_a_given_one_has_no_heading():
    found = viewpoint_of(scene_of(thing(1, "mug", (0, 0, 0))).scene, (1, 2, 3))
    assert found is not None
    assert found.heading is None
    np.testing.assert_allclose(found.position, [1, 2, 3])


@pytest.mark.parametrize("wrong", [(1, 2), (1, 2, float("nan")), "abc"])
def test_what_is_no_place_is_refused(wrong: object):
    with pytest.raises(QueryError, match="place"):
        viewpoint_of(scene_of(thing(1, "mug", (0, 0, 0))).scene, wrong)  # type: ignore[arg-type]
