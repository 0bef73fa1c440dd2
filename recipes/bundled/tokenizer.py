"""Byte-pair merges learnt on the recipe's own words, in open_clip's SimpleTokenizer format."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

HEADER = "#version: bundled"


def learn_merges(words: Counter[str], count: int) -> list[tuple[str, str]]:
    """The ``count`` most frequent merges (Sennrich et al. 2016, algorithm 1), ties by alphabet."""
    to_symbol = byte_symbols()
    pieces, weight = [], []
    for word, times in sorted(words.items()):
        symbols = [to_symbol[b] for b in word.encode()]
        symbols[-1] += "</w>"
        pieces.append(symbols)
        weight.append(times)
    pairs: Counter[tuple[str, str]] = Counter()
    where: dict[tuple[str, str], set[int]] = defaultdict(set)
    for i, symbols in enumerate(pieces):
        for pair in pairwise(symbols):
            pairs[pair] += weight[i]
            where[pair].add(i)
    merges = []
    while len(merges) < count and pairs:
        best = max(pairs, key=lambda p: (pairs[p], p))
        if pairs[best] < 2:
            break
        merges.append(best)
        for i in sorted(where[best]):
            for pair in pairwise(pieces[i]):
                pairs[pair] -= weight[i]
                if pairs[pair] <= 0:
                    del pairs[pair]
            pieces[i] = merge_pair(pieces[i], best)
            for pair in pairwise(pieces[i]):
                pairs[pair] += weight[i]
                where[pair].add(i)
    return merges


def byte_symbols() -> dict[int, str]:
    """A visible character for each byte: printable Latin-1 as it is, the others from 256 up."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in shown]
    return {b: chr(b) for b in shown} | {b: chr(256 + k) for k, b in enumerate(hidden)}


def merge_pair(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    """The symbols with every occurrence of the pair joined."""
    merged, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == pair:
            merged.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            merged.append(symbols[i])
            i += 1
    return merged


def write_merges(path: Path, merges: list[tuple[str, str]]) -> None:
    """Gzip without a time stamp, so that the same merges give the same file."""
    text = "\n".join([HEADER, *(" ".join(pair) for pair in merges)])
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as out:
        out.write(text.encode())
