"""The base of every configuration record; each stage defines its own section beside its code."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A stage's configuration: immutable, unknown names refused, the unit under each field."""

    model_config = ConfigDict(frozen=True, extra="forbid")
