"""Several of a kind in different colours, so that questions have to tell them apart."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator.choice import fits, is_wanted, loaded, pack_records
from grounding3d.capture.simulator.config import SimulationConfig
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.objects import GENERATORS
from grounding3d.capture.simulator.queries.attributes import COLOURS
from grounding3d.capture.simulator.queries.base import Seen, said_colours
from grounding3d.capture.simulator.queries.names import close_colours

# Generators whose colour is plain to see.
_KINDS = (
    "mug",
    "cup",
    "bowl",
    "plate",
    "bottle",
    "vase",
    "book",
    "notebook",
    "gift box",
    "candle",
    "ball",
    "toy car",
    "hat",
    "shoe",
    "plant pot",
    "bucket",
    "teapot",
    "tissue box",
    "towel",
    "phone",
)
_P_THREE = 0.5
_DRAWS = 30


def with_twins(
    rng: np.random.Generator, config: SimulationConfig, models: list[ObjectModel]
) -> list[ObjectModel]:
    """The choice of a scene with ``config.n_twins`` groups of two or three of a kind in front.

    They take the place of others, so that there are as many objects as before, and nothing else of
    their kinds stays. Without twins the choice comes back as it was.
    """
    groups = _pack_groups(config) if config.pack else {}
    if not config.pack or config.p_generated > 0:
        kinds = [k for k in _KINDS if is_wanted(k, k, config)]
        groups |= {k: [] for k in kinds if k not in groups}
    if not config.n_twins or not groups:
        return models
    twins: list[ObjectModel] = []
    for kind in rng.permutation(sorted(groups)):
        size = 2 + int(rng.random() < _P_THREE)
        if len({t.category for t in twins}) == config.n_twins:
            break
        if len(twins) + size <= config.n_objects:
            group = _group(rng, config, str(kind), groups[str(kind)], size)
            twins += group if len(group) > 1 else []
    taken = {t.category for t in twins}
    rest = [m for m in models if m.category not in taken]
    spare = len(models) - config.n_objects
    return (twins + rest)[: config.n_objects + max(spare, 0)]


def plain_colour(name: str, category: str, captions: tuple[str, ...]) -> str | None:
    """The one colour that the captions name, if nobody argues about it."""
    said = said_colours(Seen(0, category, captions, None))
    return next(iter(said)) if len(said) == 1 and said <= set(COLOURS) else None


def _pack_groups(config: SimulationConfig) -> dict[str, list[str]]:
    """Categories of the pack that come in two colours at least: names of their instances."""
    colours: dict[str, dict[str, str]] = {}
    for r in pack_records(config):
        colour = plain_colour(r["name"], r["category"], tuple(r["captions"]))
        if colour is not None:
            colours.setdefault(r["category"], {})[r["name"]] = colour
    return {k: sorted(v) for k, v in colours.items() if len(set(v.values())) > 1}


def _group(
    rng: np.random.Generator, config: SimulationConfig, kind: str, names: list[str], size: int
) -> list[ObjectModel]:
    """Up to ``size`` of a kind, each of another colour."""
    if names:
        drawn = iter(loaded(config, [str(n) for n in rng.permutation(names)]))
    else:
        drawn = (GENERATORS[kind](rng) for _ in range(_DRAWS))
    group: dict[str, ObjectModel] = {}
    for model in drawn:
        colour = plain_colour(model.name, model.category, model.captions)
        if colour is None or any(close_colours(colour, other) for other in group):
            continue
        if model.category == kind and fits(model.size_m, config):
            group[colour] = model
        if len(group) == size:
            break
    return list(group.values())
