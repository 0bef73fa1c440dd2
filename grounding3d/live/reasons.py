"""Reasons that are counted."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\d+(\.\d+)?(e[-+]?\d+)?")


def general_reason(reason: str) -> str:
    """A reason with # for its numbers, so that equal ones are counted together."""
    return _NUMBER.sub("#", reason)
