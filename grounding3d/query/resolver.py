"""From an understood question to what answers it: objects first, then parts and places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from grounding3d.features.base import Encoder
from grounding3d.objects.base import LanguageScene, MapObject
from grounding3d.query.answer import ParsedQuery, ReasonCode, Status
from grounding3d.query.calibration import Calibration
from grounding3d.query.coverage import Coverage
from grounding3d.query.decision import Decision, NullRule
from grounding3d.query.descriptions import Describer, texts_of
from grounding3d.query.evidence import EvidenceIndex
from grounding3d.query.layout import Layout
from grounding3d.query.noun_phrases import bare
from grounding3d.query.parse import describe
from grounding3d.query.places import PlaceFinder
from grounding3d.query.relations import Viewpoint
from grounding3d.query.selection import Selector
from grounding3d.query.wording import described, object_name

_PART_MARGIN_M = 0.03


@dataclass(frozen=True, eq=False)
class Hit:
    """One candidate before it is written down."""

    item: MapObject
    selected: bool
    score: float
    similarity: float
    relevancy: float


@dataclass(frozen=True, eq=False)
class Resolution:
    """What a question came to.

    Attributes:
        status, reason_code, reason: as in the answer.
        hits: best first, as many as were asked for, and all that are selected.
    """

    status: Status
    reason_code: ReasonCode
    reason: str
    hits: tuple[Hit, ...]


class Resolver:
    """Resolves questions to one scene that holds at least one object.

    Args:
        scene: what is asked about.
        encoder: its text side.
        calibration: turns evidence into probabilities; None for the scene's null distribution.
    """

    def __init__(
        self, scene: LanguageScene, encoder: Encoder, calibration: Calibration | None
    ) -> None:
        self._scene, self._encoder, self._calibration = scene, encoder, calibration
        self._objects = scene.objects.objects
        up = scene.scene.up_world
        index = EvidenceIndex(scene.objects, encoder, up)
        self._colours = index.colours
        rule = calibration or NullRule(index.null_best())
        layout = Layout.of(self._objects, up)
        describer = Describer(index, rule, ~layout.is_support, float(encoder.logit_scale))
        labels = tuple(item.label for item in self._objects)
        self._selector = Selector(layout, describer, rule, labels)
        self._finder: PlaceFinder | None = None
        self._coverage: Coverage | None = None

    @property
    def coverage(self) -> Coverage:
        """How much of the place the recording saw; measured when first asked for."""
        if self._coverage is None:
            self._coverage = Coverage.of(self._scene)
        return self._coverage

    def prepare(self) -> None:
        """Measure coverage and colours, which else wait for the first question about them."""
        _ = self.coverage, self._colours.shares

    def encode(self, parsed: ParsedQuery) -> dict[str, np.ndarray]:
        """Vectors of every text that a question needs."""
        anchors = [r[key] for r in parsed.relations for key in ("anchor", "other") if key in r]
        names = [describe(name).target for name in anchors if name != "camera"]
        texts = [*texts_of(parsed, names)]
        if parsed.part_of:
            whole = describe(parsed.part_of).target
            texts += [whole, bare(whole), f"{bare(whole)} {bare(parsed.target)}"]
        texts = list(dict.fromkeys(texts))
        return dict(zip(texts, self._encoder.encode_text(texts)))

    def resolve(
        self,
        parsed: ParsedQuery,
        vectors: Mapping[str, np.ndarray],
        viewpoint: Viewpoint | None,
        n_listed: int,
    ) -> Resolution:
        """Find what was asked for.

        Args:
            parsed: the question.
            vectors: from `encode`.
            viewpoint: where left, right and near are seen from.
            n_listed: how many candidates to list at most; what is selected is listed all.
        """
        if parsed.part_of:
            return self._part(parsed, vectors, viewpoint, n_listed)
        decision = self._selector.select(parsed, vectors, viewpoint)
        if decision.status == "not_found" and _is_plain(parsed):
            found = self._place(parsed, vectors, decision, n_listed)
            if found is not None:
                return found
        return self._resolution(decision, n_listed)

    def _resolution(self, decision: Decision, n_listed: int) -> Resolution:
        """The decision about objects; what was not found is absent only where the recording
        covers the place."""
        code, reason = decision.reason_code, decision.reason
        if code == "absent" and self.coverage.shortcomings:
            why = "; ".join(self.coverage.shortcomings)
            code, reason = "unobserved", f"{reason}; it may be where nothing was seen: {why}"
        return Resolution(decision.status, code, reason, self._hits(decision, n_listed))

    def _hits(self, decision: Decision, n_listed: int) -> tuple[Hit, ...]:
        rows = decision.order[: max(n_listed, decision.n_selected)].tolist()
        return tuple(
            Hit(
                self._objects[row],
                place < decision.n_selected,
                float(decision.score[row]),
                float(decision.similarity[row]),
                float(decision.relevancy[row]),
            )
            for place, row in enumerate(rows)
        )

    def _places(self) -> PlaceFinder | None:
        if self._finder is None and PlaceFinder.usable(self._scene):
            self._finder = PlaceFinder(self._scene, self._encoder, self._calibration)
        return self._finder

    def _place(
        self,
        parsed: ParsedQuery,
        vectors: Mapping[str, np.ndarray],
        decision: Decision,
        n_listed: int,
    ) -> Resolution | None:
        finder = self._places()
        if finder is None:
            return None
        noun = bare(parsed.target)
        bare_query = None if noun == parsed.target else vectors[noun]
        place = finder.find(parsed.target, vectors[parsed.target], bare_query)
        if place is None:
            return None
        hit = Hit(place.item, True, place.score, place.similarity, place.relevancy)
        reason = f"{described(parsed)}: no object fits, but a place stands out; score "
        others = self._hits(decision, n_listed)[: n_listed - 1]
        return Resolution("found", "ok", f"{reason}{place.score:.2f}", (hit, *others))

    def _part(
        self,
        parsed: ParsedQuery,
        vectors: Mapping[str, np.ndarray],
        viewpoint: Viewpoint | None,
        n_listed: int,
    ) -> Resolution:
        """A part is only searched in its whole."""
        assert parsed.part_of is not None
        whole = describe(parsed.part_of)
        asked = replace(whole, relations=parsed.relations)
        decision = self._selector.select(asked, vectors, viewpoint)
        wholes = self._resolution(decision, n_listed)
        if wholes.status == "not_found":
            reason = f"{described(parsed)}: no {parsed.part_of} to look in: {wholes.reason}"
            return replace(wholes, reason=reason)
        owners = [hit for hit in wholes.hits if hit.selected]
        parts = [hit for owner in owners for hit in self._parts_of(parsed, vectors, owner)]
        names = ", ".join(object_name(o.item.label, o.item.id) for o in owners)
        rest = tuple(replace(hit, selected=False) for hit in wholes.hits)
        if not parts:
            reason = f"{described(parsed)}: {names} was found, but nothing in it stands out as that"
            return Resolution("not_found", "low_confidence", reason, rest)
        reason = f"{described(parsed)}: in {names}"
        if len(parts) == 1 or parsed.plural:
            return Resolution("found", "ok", reason, (*parts, *rest)[: max(n_listed, len(parts))])
        reason = f"{reason}; {len(parts)} places fit"
        return Resolution("ambiguous", "ok", reason, (*parts, *rest)[: max(n_listed, len(parts))])

    def _parts_of(
        self, parsed: ParsedQuery, vectors: Mapping[str, np.ndarray], owner: Hit
    ) -> list[Hit]:
        """Objects of the map that are the part, else a place among the whole's Gaussians."""
        alone = ParsedQuery(parsed.target, parsed.attributes)
        decision = self._selector.select(alone, vectors, None)
        for hit in self._hits(decision, 1):
            inside = bool(owner.item.box.contains(hit.item.position, _PART_MARGIN_M))
            if hit.selected and hit.item.id != owner.item.id and inside:
                return [hit]
        finder = self._places()
        if finder is None:
            return []
        whole = bare(describe(parsed.part_of or "").target)
        phrase = f"{whole} {bare(parsed.target)}"
        place = finder.find_part(phrase, vectors[phrase], owner.item, vectors[whole])
        if place is None:
            return []
        score = place.score * owner.score
        return [Hit(place.item, True, score, place.similarity, place.relevancy)]


def _is_plain(parsed: ParsedQuery) -> bool:
    """Whether a place may answer: no relation, order or exclusion speaks of objects."""
    return not (parsed.relations or parsed.order or parsed.excluded or parsed.plural)
