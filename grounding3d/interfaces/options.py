"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from grounding3d.live.config import Config

Output = Annotated[Path, tyro.conf.arg(aliases=("-o",))]
Overrides = Annotated[
    tuple[str, ...],
    tyro.conf.UseAppendAction,
    tyro.conf.arg(name="set", metavar="SECTION.FIELD=VALUE"),
]


def read_config(
    path: Path | None, overrides: tuple[str, ...], flags: dict[str, str | None]
) -> Config:
    """Configuration from a YAML file, then `--set`, then the command's own flags."""
    from grounding3d.live.config import load_config

    given = [f"{name}={value}" for name, value in flags.items() if value is not None]
    return load_config(path, [*overrides, *given])
