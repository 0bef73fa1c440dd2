"""How well every object fits a description: "red mug", "biggest box", "thing"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from grounding3d.features.relevancy import sigmoid
from grounding3d.query.answer import ParsedQuery
from grounding3d.query.attributes import MATCH, is_colour
from grounding3d.query.calibration import Calibration
from grounding3d.query.decision import NullRule
from grounding3d.query.evidence import Evidence, EvidenceIndex
from grounding3d.query.noun_phrases import bare, colours_of, is_generic
from grounding3d.query.words import ATTRIBUTES

Rule = Calibration | NullRule


@dataclass(frozen=True, eq=False)
class Fit:
    """How well M objects fit a description.

    Attributes:
        text: the description.
        evidence: its statistics.
        score: [M] in [0, 1], as the rule and the observed colours have it.
        strength: [M] what to sort by, in logits.
        passes: [M] whether an object may be what is described.
    """

    text: str
    evidence: Evidence
    score: np.ndarray
    strength: np.ndarray
    passes: np.ndarray


class Describer:
    """Fits descriptions to a scene's objects.

    An asked colour is measured on the object besides being part of the text: the score is
    multiplied by its match, and an object that shows next to nothing of it does not pass. A table
    that was fitted with the colour evidence has that in its score already.

    Args:
        index: the scene's objects.
        rule: turns evidence into scores.
        is_thing: [M] whether an object is a thing rather than a support; those fit "object".
        logit_scale: of the encoder.
    """

    def __init__(
        self, index: EvidenceIndex, rule: Rule, is_thing: np.ndarray, logit_scale: float
    ) -> None:
        self._index, self._rule = index, rule
        self._is_thing = is_thing
        self._logit_scale = logit_scale
        self._knows_colour = "colour" in getattr(rule, "features", ())

    def fit(self, text: str, vectors: Mapping[str, np.ndarray]) -> Fit:
        """Fit a noun phrase.

        Args:
            text: without article.
            vectors: unit vectors of the texts that `texts_of` names.
        """
        noun, colours = bare(text), colours_of(text)
        evidence = self._index.evidence(
            vectors[text], None if noun == text else vectors[noun], colours
        )
        if is_generic(text):
            score = self._is_thing * self._all_of(colours)
            strength = np.log(np.maximum(score, 1e-6))
            return Fit(text, evidence, score, strength, score >= MATCH)
        score, strength = self._rule.score(evidence)
        passes = self._rule.passes(evidence, score)
        if colours and not self._knows_colour:
            passes = passes & self._index.colours.possible(colours)
            score = score * np.exp(evidence.colour)
            strength = strength + evidence.colour
        return Fit(text, evidence, score, strength, passes)

    def _all_of(self, colours: tuple[str, ...]) -> np.ndarray:
        matches = [self._index.colours.match(colour) for colour in colours]
        return np.min(matches, axis=0) if matches else np.ones(len(self._is_thing))

    def has(self, word: str, fit: Fit, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
        """[M] in [0, 1] whether objects have an attribute, or are the thing, of an exclusion.

        A colour is measured. Any other adjective is put to the encoder as a choice between the
        noun with it and the noun alone. A noun excludes what fits it better than the target.
        """
        if is_colour(word):
            return self._index.colours.match(word)
        if word in ATTRIBUTES:
            noun = bare(fit.text)
            embeddings = self._index.embeddings
            lead = embeddings @ vectors[f"{word} {noun}"] - embeddings @ vectors[noun]
            return sigmoid(self._logit_scale * lead)
        other = self.fit(word, vectors)
        return other.passes * sigmoid(other.strength - fit.strength)


def texts_of(parsed: ParsedQuery, anchors: Iterable[str] = ()) -> tuple[str, ...]:
    """Every text whose vector a question needs, each once."""
    noun = bare(parsed.target)
    texts = [parsed.target, noun]
    for word in parsed.excluded:
        adjective = word in ATTRIBUTES and not is_colour(word)
        texts += [f"{word} {noun}"] if adjective else [] if is_colour(word) else [word, bare(word)]
    for anchor in anchors:
        texts += [anchor, bare(anchor)]
    return tuple(dict.fromkeys(texts))
