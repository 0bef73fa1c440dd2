"""Progress of long tasks, on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from grounding3d.scene.base import Progress as ProgressCallback


@contextmanager
def show_progress() -> Iterator[ProgressCallback]:
    """Yield a callback (stage, done, total) that draws one bar a stage on stderr.

    The first word names the stage; what follows may change, such as how well training fits.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def update(stage: str, done: int, total: int | None) -> None:
            name = stage.partition(" ")[0]
            if name not in tasks:
                tasks[name] = bars.add_task(stage, total=total)
            bars.update(tasks[name], description=stage, completed=done, total=total)

        yield update
