"""Random phrases with their targets, to teach the text tower."""

from __future__ import annotations

import json
import pydoc_data.topics
import re
from collections import Counter
from pathlib import Path
from string import ascii_lowercase

import numpy as np

from recipes.bundled import attributes
from recipes.bundled.space import GENERIC_AXIS, UNKNOWN_AXIS, Space, axis
from recipes.bundled.vocabulary import GENERIC

_WORDS = json.loads(Path(__file__).with_name("words.json").read_text())
TEMPLATES, TAILS = tuple(_WORDS["templates"]), tuple(_WORDS["tails"])
ODD = tuple(_WORDS["odd"])  # of fields that no picture here shows
COLOURS = tuple(attributes.COLOURS)
SAID = {a: attributes.words_of(a) for a in attributes.ATTRIBUTES}


def one(rng: np.random.Generator, among):
    """A random member; rng.choice would turn the list into an array each time."""
    return among[int(rng.integers(len(among)))]


class PhraseMaker:
    """Draws (phrase, target) pairs."""

    def __init__(self, space: Space, captions: list[tuple[str, str]]) -> None:
        """Args: captions are (caption, category) pairs of the objects that may be trained on."""
        self.space = space
        self.index = space.index()
        self.captions = self._caption_targets(captions)
        self.household = [i for i, c in enumerate(space.concepts) if c.household]
        self.known = self._known_words()
        text = " ".join(pydoc_data.topics.topics.values()).lower()
        found = Counter(w for w in re.findall(r"[a-z]+", text) if 4 <= len(w) <= 12)
        self.foreign = sorted(w for w in set(found) | set(ODD) if w not in self.known)
        self.next_letter = self._letters()
        self.letters_of = sorted(w for w in self.known if len(w) > 3)

    def _caption_targets(self, captions: list[tuple[str, str]]) -> list[tuple[str, np.ndarray]]:
        """Captions with targets; words of several categories ("a hand tool") mean all."""
        meant: dict[str, set[int]] = {}
        for caption, category in captions:
            if category in self.index:
                meant.setdefault(bare(caption), set()).add(self.index[category])
        targets = []
        for caption in sorted({c.lower() for c, k in captions if k in self.index}):
            shown = dict.fromkeys(attributes.in_phrase(caption), 1.0)
            whole = caption.removeprefix("an ").removeprefix("a ")
            own = self.index.get(whole, self.index.get(bare(caption)))
            nouns = sorted(meant[bare(caption)]) if own is None else [own]
            target = sum(self.space.phrase(i, shown) for i in nouns)
            targets.append((caption, target / np.linalg.norm(target)))
        return targets

    def _known_words(self) -> set[str]:
        texts = [p for c in self.space.concepts for p in c.phrases]
        texts += [c for c, _ in self.captions] + list(TEMPLATES) + list(TAILS) + list(GENERIC)
        texts += list(attributes.NEUTRAL_ADJECTIVES)
        texts += [w for a in attributes.ATTRIBUTES for w in attributes.words_of(a)]
        return {w for t in texts for w in re.findall(r"[a-z]+", t.lower())}

    def _letters(self) -> dict[str, str]:
        following: dict[str, list[str]] = {}
        for word in sorted(self.known):
            padded = f"  {word} "
            for k in range(2, len(padded)):
                following.setdefault(padded[k - 2 : k], []).append(padded[k])
        return {k: "".join(v) for k, v in following.items()}

    def word_counts(self) -> Counter[str]:
        """Words for the tokenizer, the common ones with more weight."""
        counts: Counter[str] = Counter()
        for concept in self.space.concepts:
            times = 40 if concept.household else 8
            for phrase in concept.phrases:
                for word in re.findall(r"[a-z]+", phrase):
                    counts[word] += times
                    counts[plural(word)] += times // 4
        for word in self.known:
            counts[word] += 20
        for word in self.foreign:
            counts[word] += 1
        return counts

    def nonsense(self, rng: np.random.Generator) -> str:
        """Words without a meaning here: of other fields, or made up letter by letter."""
        words = []
        for _ in range(one(rng, (1, 1, 1, 2, 3))):
            kind = rng.random()
            if kind < 0.55:
                words.append(one(rng, self.foreign if kind < 0.35 else ODD))
                continue
            if kind < 0.75:
                words.append(self.lookalike(rng))
                continue
            word = "  "
            while len(word) < 12 and (letter := one(rng, self.next_letter[word[-2:]])) != " ":
                word += letter
            if (made := word.strip()) and made not in self.known:
                words.append(made)
        if rng.random() < 0.2:
            words = ["".join(one(rng, ascii_lowercase) for _ in range(rng.integers(3, 9)))]
        return " ".join(words) or "qwx"

    def lookalike(self, rng: np.random.Generator) -> str:
        """Ends or begins like a known word, but is another: "xylophone" is no phone."""
        known = self.letters_of[int(rng.integers(len(self.letters_of)))]
        other = "".join(one(rng, ascii_lowercase) for _ in range(rng.integers(3, 6)))
        made = other + known[-5:] if rng.random() < 0.6 else known[:5] + other
        return made if made not in self.known else other

    def noun(self, rng: np.random.Generator) -> tuple[str, int]:
        """A random concept and one of its phrases, its first half the time."""
        among = rng.random() < 0.55
        i = one(rng, self.household) if among else int(rng.integers(len(self.space.concepts)))
        phrases = self.space.concepts[i].phrases
        phrase = phrases[0] if rng.random() < 0.3 else one(rng, phrases)
        return (plural(phrase) if rng.random() < 0.1 else phrase), i

    def draw(self, rng: np.random.Generator) -> tuple[str, np.ndarray]:
        """One phrase and its unit target [DIM]."""
        kind = rng.random()
        if kind < 0.42:
            words, i = self.noun(rng)
            if rng.random() < 0.2:
                words = f"{one(rng, attributes.NEUTRAL_ADJECTIVES)} {words}"
            if rng.random() < 0.04:
                words = f"{words} {one(rng, TAILS)}"
            target = self.space.phrase(i)
        elif kind < 0.72:
            words, i = self.noun(rng)
            words, target = self.with_attributes(words, i, rng)
        elif kind < 0.87 and self.captions:
            words, target = one(rng, self.captions)
            if rng.random() < 0.3:
                words = words.removeprefix("an ").removeprefix("a ")
            return finish(words, rng), target
        elif kind < 0.90:
            name = one(rng, attributes.ATTRIBUTES)
            word = one(rng, SAID[name])
            words = one(rng, ("{}", "{} thing", "something {}", "{} object")).format(word)
            target = self.space.phrase(None, {name: 1.0})
        elif kind < 0.97:
            words, target = self.nonsense(rng), axis(UNKNOWN_AXIS)
        else:
            words, target = one(rng, GENERIC), axis(GENERIC_AXIS)
        if rng.random() < 0.6:
            words = one(rng, TEMPLATES).format(words)
        return finish(words, rng), target

    def with_attributes(
        self, words: str, i: int, rng: np.random.Generator
    ) -> tuple[str, np.ndarray]:
        """A noun with one or two attributes before or after it."""
        names = [COLOURS[k] for k in rng.permutation(len(COLOURS))[:2]]
        if rng.random() < 0.75:
            names = names[:1]
        if rng.random() < 0.25:
            names[-1] = one(rng, (*attributes.PATTERNS, *attributes.MATERIALS))
        said = [
            one(rng, words[: 1 if rng.random() < 0.5 else 99]) for words in map(SAID.get, names)
        ]
        before = [s for s in said if not s.startswith("with ")]
        after = [s for s in said if s.startswith("with ")]
        joint = " and " if len(before) == 2 and rng.random() < 0.5 else " "
        extra = one(rng, attributes.NEUTRAL_ADJECTIVES) if rng.random() < 0.15 else ""
        phrase = " ".join(filter(None, [extra, joint.join(before), words, *after]))
        if rng.random() < 0.05 and not after:
            phrase = f"{words} that is {' and '.join(before)}"
        return phrase, self.space.phrase(i, dict.fromkeys(names, 1.0))


def bare(caption: str) -> str:
    """A caption without article and attributes: "a red gift box" -> "gift box"."""
    words = f" {caption.lower()} "
    for article in (" a ", " an ", " the "):
        words = words.replace(article, " ")
    for said in sorted((w for ws in SAID.values() for w in ws), key=len, reverse=True):
        words = words.replace(f" {said} ", " ")
    return " ".join(words.split())


def plural(phrase: str) -> str:
    """English plural of the last word, roughly."""
    if phrase.endswith("s"):
        return phrase
    if phrase.endswith(("x", "ch", "sh")):
        return phrase + "es"
    if phrase.endswith("y") and phrase[-2:-1] not in "aeiou":
        return phrase[:-1] + "ies"
    return phrase + "s"


def finish(phrase: str, rng: np.random.Generator) -> str:
    """Now and then a slip of the finger, a mark at the end."""
    if rng.random() < 0.05 and len(phrase) > 4:
        k = int(rng.integers(1, len(phrase) - 1))
        kind = rng.random()
        if kind < 0.4:
            phrase = phrase[:k] + phrase[k + 1 :]
        elif kind < 0.7:
            phrase = phrase[:k] + phrase[k + 1] + phrase[k] + phrase[k + 2 :]
        else:
            phrase = phrase[:k] + phrase[k] + phrase[k:]
    if rng.random() < 0.06:
        phrase += one(rng, ("?", ".", "!", " please"))
    return phrase
