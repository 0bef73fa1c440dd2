"""Tables of plug-ins: a name, and where the thing lives, loaded on first use."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from grounding3d.errors import ConfigError

_log = logging.getLogger(__name__)


class Registry:
    """An explicit table of plug-ins, extended by an entry-point group.

    Args:
        kind: what the entries are, for messages ("capture format").
        table: name -> "module:attribute".
        group: entry-point group through which other packages add theirs.
    """

    def __init__(self, kind: str, table: Mapping[str, str], group: str) -> None:
        self.kind = kind
        self.group = group
        self._table = dict(table)

    def names(self) -> list[str]:
        """Names in the table's order, third parties' after ours."""
        theirs = [point.name for point in entry_points(group=self.group)]
        return [*self._table, *(name for name in theirs if name not in self._table)]

    def load(self, name: str) -> Any:
        """Import and return the entry called `name`."""
        if name in self._table:
            module, _, attribute = self._table[name].partition(":")
            return getattr(import_module(module), attribute)
        for point in entry_points(group=self.group):
            if point.name == name:
                return point.load()
        raise ConfigError(
            f"unknown {self.kind} {name!r}", expected="one of " + ", ".join(self.names())
        )

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield (name, loaded entry); a third party's entry that fails to import is skipped."""
        for name in self.names():
            try:
                yield name, self.load(name)
            except ImportError as error:
                if name in self._table:
                    raise
                _log.warning("%s %r does not import: %s", self.kind, name, error)
