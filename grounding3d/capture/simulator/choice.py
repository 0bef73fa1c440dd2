"""Chooses which objects stand in a simulated scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from grounding3d.capture.simulator.config import SimulationConfig
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.objects import FURNITURE, GENERATORS
from grounding3d.capture.simulator.packs import is_own_work, load_pack, read_manifest
from grounding3d.errors import ConfigError

_SPARE = 4  # extra objects, for those that find no room


def choose_models(rng: np.random.Generator, config: SimulationConfig) -> list[ObjectModel]:
    """Distinct objects, all of different categories but for the odd same-category pair.

    Raises:
        ConfigError: If the configuration leaves nothing to choose from.
    """
    records = pack_records(config)
    kinds = [k for k in GENERATORS if k not in FURNITURE and is_wanted(k, k, config)]
    if not records and not kinds and config.n_objects > 0:
        raise ConfigError(
            "no simulated object fits the choice",
            found=f"only={config.only}, exclude={config.exclude}",
            hint="Name categories or objects that exist.",
        )
    chosen: list[ObjectModel | str] = []  # a model, or the name of one in the pack
    used: set[str] = set()
    bulky = 0
    for _ in range(400):
        if len(chosen) >= config.n_objects + _SPARE:
            break
        candidate: ObjectModel | str
        if records and not (kinds and rng.random() < config.p_generated):
            record = records[rng.integers(len(records))]
            candidate, category, size_m = record["name"], record["category"], record["size_m"]
        elif kinds and not (records and config.p_generated == 0):
            model = GENERATORS[kinds[rng.integers(len(kinds))]](rng)
            candidate, category, size_m = model, model.category, model.size_m
        else:
            break
        is_bulky = float(np.prod(size_m)) > config.bulky_volume_m3
        again = category in used and rng.random() >= config.p_same_category
        if again or candidate in chosen or not fits(size_m, config):
            continue
        if is_bulky and bulky >= config.max_bulky:
            continue
        bulky += is_bulky
        chosen.append(candidate)
        used.add(category)
    return loaded(config, chosen)


def loaded(config: SimulationConfig, chosen: list[ObjectModel | str]) -> list[ObjectModel]:
    """The choice with names replaced by the pack's models."""
    names = [m for m in chosen if isinstance(m, str)]
    models = {m.name: m for m in load_pack(config.pack, names)} if config.pack and names else {}
    return [models[m] if isinstance(m, str) else m for m in chosen]


def pack_records(config: SimulationConfig) -> list[dict[str, Any]]:
    """The manifest's records of the objects that the configuration allows."""
    if config.pack is None:
        return []
    return [
        r
        for r in read_manifest(config.pack)
        if r["category"] not in FURNITURE
        and (is_own_work(r) or not config.own_work_only)
        and fits(r["size_m"], config)
        and is_wanted(r["name"], r["category"], config)
    ]


def is_wanted(name: str, category: str, config: SimulationConfig) -> bool:
    """Whether the configuration allows an object by its name and category."""
    if config.only is not None and not {name, category} & set(config.only):
        return False
    return not {name, category} & set(config.exclude)


def fits(size_m: Sequence[float], config: SimulationConfig) -> bool:
    """Whether an object's size is allowed."""
    if max(size_m) > config.largest_extent_m or size_m[2] < config.smallest_height_m:
        return False
    return sorted(size_m)[1] >= config.smallest_side_m
