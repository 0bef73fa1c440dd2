"""Chooses the questions about one scene."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from grounding3d.capture.simulator.queries.attributes import attribute_queries, negation_queries
from grounding3d.capture.simulator.queries.base import Kind, Seen, Thing, TruthQuery
from grounding3d.capture.simulator.queries.names import (
    absent_queries,
    caption_query,
    plain_query,
    synonym_queries,
)
from grounding3d.capture.simulator.queries.order import ordinal_queries, plural_queries
from grounding3d.capture.simulator.queries.relations import relation_queries


def make_queries(
    rng: np.random.Generator,
    seen: list[Seen],
    present: list[str],
    categories: list[str],
    n_absent: int = 6,
) -> list[TruthQuery]:
    """Questions by name about one scene: plain, by caption, and in vain.

    Args:
        rng: Source of the choice.
        seen: Objects visible well enough to be asked for.
        present: Categories of everything in the scene, visible or not.
        categories: Nouns that may be asked in vain.
        n_absent: How many questions in vain.
    """
    queries = [q for s in seen if (q := plain_query(rng, s, seen))]
    queries = list({q.targets: q for q in queries}.values())
    queries += [q for s in seen if (q := caption_query(rng, s, seen))]
    return queries + absent_queries(rng, present, categories, n_absent)


def make_spatial_queries(
    seed: int,
    things: list[Thing],
    viewpoints: np.ndarray,
    kinds: Collection[Kind],
    most: int = 8,
) -> list[TruthQuery]:
    """Questions of the other kinds, each kind drawn apart from the others.

    Args:
        seed: Of the scene.
        things: Everything in the scene, well seen or not.
        viewpoints: [k, 3] where the scene is seen from at the end; answers hold from all of them.
        kinds: Which are asked.
        most: Of each kind, at most so many.
    """
    makers: dict[Kind, Callable[[np.random.Generator], list[TruthQuery]]] = {
        "synonym": lambda rng: synonym_queries(rng, things),
        "attribute": lambda rng: attribute_queries(rng, things),
        "relation": lambda rng: relation_queries(rng, things, viewpoints),
        "negation": lambda rng: negation_queries(rng, things),
        "plural": lambda rng: plural_queries(rng, things),
        "ordinal": lambda rng: ordinal_queries(rng, things, viewpoints),
    }
    queries = []
    for number, (kind, make) in enumerate(makers.items()):
        if kind in kinds:
            rng = np.random.default_rng([seed, 7, number])
            queries += _some(rng, make(rng), most)
    return queries


def _some(rng: np.random.Generator, queries: list[TruthQuery], most: int) -> list[TruthQuery]:
    """At most so many, without the same words twice."""
    distinct = list({q.text: q for q in queries}.values())
    chosen = sorted(rng.permutation(len(distinct))[:most])
    return [distinct[k] for k in chosen]
