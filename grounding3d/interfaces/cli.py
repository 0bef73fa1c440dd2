"""The command line: parse, run one command, turn errors into two lines and an exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import Annotated, TextIO

import tyro

from grounding3d.errors import Cancelled, GroundingError
from grounding3d.interfaces.commands.ask import Ask
from grounding3d.interfaces.commands.build import Build
from grounding3d.interfaces.commands.calibrate import Calibrate
from grounding3d.interfaces.commands.demo import Demo
from grounding3d.interfaces.commands.doctor import Doctor
from grounding3d.interfaces.commands.evaluate import Evaluate
from grounding3d.interfaces.commands.export import Export
from grounding3d.interfaces.commands.info import Info
from grounding3d.interfaces.commands.nerf_setup import NerfSetup
from grounding3d.interfaces.commands.query import Query
from grounding3d.interfaces.commands.render import Render
from grounding3d.interfaces.commands.replay import Replay
from grounding3d.interfaces.commands.report import Report
from grounding3d.interfaces.commands.ros import Ros
from grounding3d.interfaces.commands.simulate import Simulate
from grounding3d.interfaces.commands.view import View

_subcommand = tyro.conf.subcommand
Command = (
    Annotated[Demo, _subcommand("demo")]
    | Annotated[Build, _subcommand("build")]
    | Annotated[Query, _subcommand("query")]
    | Annotated[Info, _subcommand("info")]
    | Annotated[Doctor, _subcommand("doctor")]
    | Annotated[Export, _subcommand("export")]
    | Annotated[Render, _subcommand("render")]
    | Annotated[Report, _subcommand("report")]
    | Annotated[View, _subcommand("view")]
    | Annotated[Simulate, _subcommand("simulate")]
    | Annotated[Evaluate, _subcommand("eval")]
    | Annotated[Calibrate, _subcommand("calibrate")]
    | Annotated[Ros, _subcommand("ros")]
    | Annotated[Ask, _subcommand("ask")]
    | Annotated[Replay, _subcommand("replay")]
    | Annotated[NerfSetup, _subcommand("nerf-setup")]
)

EXIT_INTERRUPTED = 1
EXIT_NO_READER = 128 + 13  # as a shell reports a program that SIGPIPE ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0: the command did its work; 2: bad usage or bad input; 141: nobody reads the output any
        more, as behind `| head`; 1: anything else.
    """
    _prepare_streams()
    logging.basicConfig(
        level=os.environ.get("GROUNDING3D_LOG", "WARNING").upper(),
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()  # here, where its errors are told as any other
    except (KeyboardInterrupt, Cancelled):
        _tell("stopped; no file was left half-written")
        return EXIT_INTERRUPTED
    except GroundingError as error:
        _tell(str(error))
        return error.exit_code
    except BrokenPipeError:
        _drop_output(sys.stdout, sys.stderr)
        return EXIT_NO_READER
    except MemoryError:
        _tell("out of memory; try --set capture.stride=2")
        return 1
    except OSError as error:
        _drop_output(sys.stdout)
        where = f": {error.filename}" if error.filename else ""
        _tell(f"{error.strerror or error}{where}")
        return 1


def _run(arguments: Sequence[str] | None) -> int:
    """Parse and run; raises whatever the command does."""
    command = tyro.cli(
        Command,  # type: ignore[arg-type]
        prog="grounding3d",
        description="Ask an RGB-D recording where things are; answers are metres in its frame.",
        args=arguments,
        config=(tyro.conf.OmitSubcommandPrefixes,),
    )
    return command.run()


def _prepare_streams() -> None:
    """Streams that take any letter, and that are there where they were closed (`>&-`)."""
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that cannot show a letter is no error
            stream.reconfigure(errors="backslashreplace")


def _tell(text: str) -> None:
    try:
        print(f"grounding3d: {text}", file=sys.stderr)
    except OSError:  # nobody listens; the exit code tells
        _drop_output(sys.stderr)


def _drop_output(*streams: TextIO) -> None:
    """Let go of what a stream could not write, lest the interpreter tries again at its end."""
    for stream in streams:
        with suppress(OSError, ValueError):  # a stream without a file descriptor
            stream.flush()
            continue
        with suppress(OSError, ValueError), _nowhere() as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
