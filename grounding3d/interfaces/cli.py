"""The command line: parse, run one command, turn errors into two lines and an exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0: the command did its work; 2: bad usage or bad input; 1: anything else.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that cannot show a letter is no error
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(
        level=os.environ.get("GROUNDING3D_LOG", "WARNING").upper(),
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        command = tyro.cli(
            Command,  # type: ignore[arg-type]
            prog="grounding3d",
            description="Ask an RGB-D recording where things are; answers are metres in its frame.",
            args=arguments,
            config=(tyro.conf.OmitSubcommandPrefixes,),
        )
        return command.run()
    except (KeyboardInterrupt, Cancelled):
        print("grounding3d: stopped; no file was left half-written", file=sys.stderr)
        return EXIT_INTERRUPTED
    except GroundingError as error:
        print(f"grounding3d: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output has gone, as in `| head`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        return 1
    except MemoryError:
        print("grounding3d: out of memory; try --set capture.stride=2", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"grounding3d: {error.strerror or error}: {error.filename or ''}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
