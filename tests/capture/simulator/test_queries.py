"""Questions about hand-made and random layouts have the answers that a camera would see."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.capture.simulator.queries import spatial
from grounding3d.capture.simulator.queries.attributes import (
    attribute_queries,
    is_coloured,
    negation_queries,
)
from grounding3d.capture.simulator.queries.base import ALL_KINDS, Thing, several
from grounding3d.capture.simulator.queries.make import make_spatial_queries
from grounding3d.capture.simulator.queries.names import synonym_queries
from grounding3d.capture.simulator.queries.order import ordinal_queries, plural_queries
from grounding3d.capture.simulator.queries.relations import relation_queries
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, look_at, transform_points

CAMERA = Camera.from_focal(500.0, 500.0, 319.5, 239.5, 640, 480)
TOP = 0.7
VIEW = np.array([[0.0, -1.5, 1.4]])


def thing(identifier, category, x, y, *, colour="blue", size=(0.1, 0.1, 0.1), **more):
    """A box on the table whose surface has one colour."""
    half = np.array(size[:2]) / 2
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half + [x, y]
    bottom = more.pop("bottom", TOP)
    fields = {"captions": (f"a {colour} {category}",), "shares": {colour: 1.0}, **more}
    return Thing(
        identifier,
        category,
        colour=colour,
        outline=corners,
        bottom_m=bottom,
        top_m=bottom + size[2],
        size_m=size,
        **fields,
    )


def table():
    return thing(
        0, "table", 0, 0, size=(1.6, 1.2, TOP), bottom=0.0, support="floor", colour="brown"
    )


def texts(queries):
    return {q.text: q.targets for q in queries}


def pixels(point, target, viewpoint):
    """Where a camera that looks at ``target`` sees a point: u, v and depth."""
    T = look_at(viewpoint, np.asarray(target, float), np.array([0.0, 0.0, 1.0]))
    uv, z = CAMERA.project(transform_points(invert_pose(T), np.asarray(point, float)[None]))
    return float(uv[0, 0]), float(uv[0, 1]), float(z[0])


@pytest.mark.parametrize(
    ("at", "side"),
    [((-0.3, 0), "left"), ((0.3, 0), "right"), ((0, -0.3), "front"), ((0, 0.3), "back")],
)
def test_sides_are_seen_from_the_viewpoint(at, side):
    opposite = {"left": "right", "right": "left", "front": "back", "back": "front"}
    cup, box = thing(1, "cup", *at), thing(2, "food box", 0, 0)
    assert spatial.beside(side, cup, box, VIEW) is True
    assert spatial.beside(opposite[side], cup, box, VIEW) is False
    behind = VIEW * [1, -1, 1]
    assert spatial.beside(opposite[side], cup, box, behind) is True
    assert spatial.beside(side, cup, box, np.vstack([VIEW, behind])) is None


def test_a_diagonal_place_is_arguable():
    cup, box = thing(1, "cup", 0.25, 0.25), thing(2, "food box", 0, 0)
    assert all(spatial.beside(side, cup, box, VIEW) is not True for side in ("right", "back"))


def test_next_to_needs_a_small_gap_with_nothing_in_it():
    box, near, far = thing(1, "food box", 0, 0), thing(2, "cup", 0.18, 0), thing(3, "cup", 0.7, 0)
    assert spatial.next_to(near, box, [box, near, far]) is True
    assert spatial.next_to(far, box, [box, near, far]) is False
    wall = thing(4, "book", 0.09, 0, size=(0.01, 0.3, 0.1))
    assert spatial.next_to(near, box, [box, near, wall]) is None


def test_on_in_and_under_follow_the_support():
    book = thing(1, "book", 0, 0, size=(0.2, 0.2, 0.03), support="table")
    cup = thing(2, "cup", 0, 0, bottom=TOP + 0.03, support=1)
    bowl = thing(3, "bowl", 0.4, 0, size=(0.2, 0.2, 0.08), support="table")
    ball = thing(4, "ball", 0.4, 0, size=(0.06, 0.06, 0.06), support=3, inside=3)
    things = [table(), book, cup, bowl, ball]
    assert spatial.rests_on(cup, book, things) is True
    assert spatial.rests_on(cup, things[0], things) is None
    assert spatial.rests_on(book, cup, things) is False
    assert spatial.is_under(book, cup) is True
    assert spatial.is_under(bowl, cup) is False
    assert spatial.lies_in(ball, bowl, things) is True
    assert spatial.rests_on(ball, bowl, things) is None
    found = texts(relation_queries(np.random.default_rng(0), things, VIEW))
    assert any(" in " in t or " inside " in t for t, ids in found.items() if ids == (4,))


def test_relations_tell_twins_apart():
    things = [
        table(),
        thing(1, "cup", -0.4, 0, colour="red"),
        thing(2, "cup", 0.5, 0, colour="green"),
        thing(3, "laptop", -0.2, 0, size=(0.15, 0.25, 0.2)),
    ]
    queries = relation_queries(np.random.default_rng(0), things, VIEW)
    beside = [q for q in queries if "cup" in q.text.split(" laptop")[0] and "laptop" in q.text]
    assert {q.targets for q in beside if "left" in q.text} == {(1,)}
    assert {q.targets for q in beside if "nearest" in q.text or "closest" in q.text} <= {(1,)}


def test_a_hidden_rival_forbids_the_question():
    cups = [thing(1, "cup", -0.3, 0, colour="red"), thing(2, "cup", 0.3, 0, colour="green")]
    assert "red cup" in " ".join(texts(attribute_queries(np.random.default_rng(0), cups)))
    hidden = thing(3, "cup", 0, 0.3, colour="red", well_seen=False)
    again = attribute_queries(np.random.default_rng(0), [*cups, hidden])
    assert not any("red" in q.text for q in again)


def test_colours_that_people_mix_up_are_arguable():
    beige = thing(1, "cup", 0, 0, colour="beige")
    striped = thing(2, "cup", 0, 0, colour="red", shares={"red": 0.6, "white": 0.4})
    assert is_coloured(beige, "white") is None
    assert is_coloured(beige, "red") is False
    assert is_coloured(striped, "red") is True
    assert is_coloured(striped, "white") is None


def test_what_is_negated_is_never_among_the_answers():
    colours = ("red", "green", "black")
    cups = [thing(k, "cup", 0.2 * k, 0, colour=c) for k, c in enumerate(colours, start=1)]
    found = negation_queries(np.random.default_rng(0), cups)
    assert len(found) == 3
    for query in found:
        asked = next(k for k, c in enumerate(colours, start=1) if c in query.text)
        assert query.targets == tuple(k for k in (1, 2, 3) if k != asked)


def test_superlatives_need_a_clear_winner():
    small, big = thing(1, "bowl", 0, 0), thing(2, "bowl", 0.3, 0, size=(0.15, 0.15, 0.12))
    found = texts(attribute_queries(np.random.default_rng(0), [small, big]))
    assert {t for q, t in found.items() if "biggest" in q or "largest" in q} == {(2,)}
    assert {t for q, t in found.items() if "smallest" in q} == {(1,)}
    alike = thing(3, "bowl", 0.3, 0, size=(0.105, 0.1, 0.1))
    found = texts(attribute_queries(np.random.default_rng(0), [small, alike]))
    assert not any("est bowl" in q for q in found)


def test_the_biggest_box_may_be_of_any_kind_of_box():
    gift, shoes = thing(1, "gift box", 0, 0), thing(2, "shoe box", 0.4, 0, size=(0.3, 0.2, 0.1))
    found = texts(attribute_queries(np.random.default_rng(0), [gift, shoes]))
    assert {t for q, t in found.items() if q.endswith(("biggest box", "largest box"))} == {(2,)}
    carton = thing(3, "carton", 0.8, 0, size=(0.3, 0.3, 0.3))
    found = texts(attribute_queries(np.random.default_rng(0), [gift, shoes, carton]))
    assert not any(q.endswith("est box") for q in found)


def test_plural_names_all_of_a_kind():
    things = [thing(k, "mug", 0.2 * k, 0, colour=c) for k, c in enumerate(("red", "red", "blue"))]
    found = texts(plural_queries(np.random.default_rng(0), things))
    assert {t for q, t in found.items() if "red" not in q} == {(0, 1, 2)}
    assert {t for q, t in found.items() if "red" in q} == {(0, 1)}


@pytest.mark.parametrize(
    ("noun", "plural"),
    [("mug", "mugs"), ("food box", "food boxes"), ("knife", "knives"), ("cherry", "cherries"),
     ("computer mouse", "computer mice"), ("can of soup", "cans of soup"), ("shelf", "shelves")],
)  # fmt: skip
def test_plurals(noun, plural):
    assert several(noun) == plural


def test_a_synonym_names_nothing_else():
    pan, pot = thing(1, "frying pan", 0, 0), thing(2, "saucepan", 0.4, 0)
    alone = texts(synonym_queries(np.random.default_rng(0), [pan]))
    assert alone
    assert all(t == (1,) for t in alone.values())
    assert not synonym_queries(np.random.default_rng(0), [pan, pot])
    assert all("frying pan" not in text for text in alone)


def scatter(seed, count=9):
    """Things at random places, three to a kind."""
    rng = np.random.default_rng(seed)
    kinds = ("cup", "food box", "book", "laptop", "ball")
    colours = ("red", "green", "blue", "yellow", "black")
    made = [table()]
    for k in range(1, count + 1):
        x, y = rng.uniform(-0.7, 0.7), rng.uniform(-0.5, 0.5)
        kind, colour = str(rng.choice(kinds)), str(rng.choice(colours))
        made.append(thing(k, kind, x, y, colour=colour, size=tuple(rng.uniform(0.07, 0.2, 3))))
    return made


def named_in(text, things):
    """Things that the words after the relation name: by colour and noun."""
    words = text.split()
    fits = [t for t in things if text.endswith(t.category)]
    colour = words[-1 - len(fits[0].category.split())]
    return [t for t in fits if t.colour == colour] if colour != "the" else fits


@pytest.mark.parametrize("seed", range(12))
def test_random_relations_look_as_they_are_told(seed):
    """An image from the viewpoint, aimed at the anchor, shows what the words say."""
    things = scatter(seed)
    by_id = {t.id: t for t in things}
    for query in relation_queries(np.random.default_rng(seed), things, VIEW):
        if " between " in query.text:
            continue
        (anchor,) = named_in(query.text, things)
        here = pixels(anchor.centre, anchor.centre, VIEW[0])
        gaps = {t.id: spatial.polygon_gap(t.outline, anchor.outline) for t in things}
        for target in query.targets:
            u, _, z = pixels(by_id[target].centre, anchor.centre, VIEW[0])
            same = [gaps[t.id] for t in things if t.category == by_id[target].category]
            for words, holds in (
                (" left of ", u < here[0] - 10),
                (" right of ", u > here[0] + 10),
                (" in front of ", z < here[2]),
                (" behind ", z > here[2]),
                (" next to ", gaps[target] < 0.4),
                (" nearest to ", gaps[target] == min(same)),
                (" farthest from ", gaps[target] == max(same)),
            ):
                assert words not in query.text or holds, (query, by_id[target])


@pytest.mark.parametrize("seed", range(12))
def test_random_rows_are_in_the_images_order(seed):
    things = scatter(seed)
    for query in ordinal_queries(np.random.default_rng(seed), things, VIEW):
        target = next(t for t in things if t.id == query.targets[0])
        group = [t for t in things if t.category == target.category]
        middle = np.mean([t.centre for t in group], axis=0)
        u = {t.id: pixels(t.centre, middle, VIEW[0])[0] for t in group}
        place = sorted(u, key=u.__getitem__).index(target.id)
        expected = {
            "leftmost": 0,
            "rightmost": len(group) - 1,
            "second": 1 if query.text.endswith("left") else len(group) - 2,
            "first": 0,
            "middle": 1,
        }
        for word, index in expected.items():
            assert word not in query.text or place == index, query


def test_kinds_are_drawn_apart():
    """Leaving kinds out changes nothing about the others."""
    things = scatter(3)
    everything = make_spatial_queries(5, things, VIEW, ALL_KINDS)
    some = make_spatial_queries(5, things, VIEW, ("relation", "plural"))
    assert some == [q for q in everything if q.kind in ("relation", "plural")]
    assert {q.kind for q in everything} > {"attribute", "relation", "plural"}
