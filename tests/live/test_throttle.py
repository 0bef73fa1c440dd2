"""Warnings of a running map: each kind at once, then seldom, and none unaccounted for."""

from __future__ import annotations

import logging

import pytest

from grounding3d.live.throttle import Throttle


class Log:
    """A logger behind a throttle, with a clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.said: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: self.said.append(record.getMessage())  # type: ignore[method-assign]
        handler.addFilter(Throttle(10.0, clock=lambda: self.now_s))
        self.logger = logging.Logger("map", logging.DEBUG)
        self.logger.addHandler(handler)


@pytest.fixture
def log() -> Log:
    return Log()


def test_what_every_frame_would_say_is_said_now_and_then(log: Log) -> None:
    for frame in range(95):
        log.now_s = 0.5 * frame
        log.logger.warning("frame %d has no depth", frame)
    assert log.said == [
        "frame 0 has no depth",
        *(
            f"frame {n} has no depth (19 more like it since it was last said)"
            for n in (20, 40, 60, 80)
        ),
    ]


def test_other_things_are_said_at_once(log: Log) -> None:
    log.logger.warning("no disk")
    log.logger.error("no depth on %s", "/left")
    log.logger.error("no depth on %s", "/right")
    log.logger.warning("no disk")
    assert log.said == ["no disk", "no depth on /left", "no depth on /right"]


def test_what_is_said_quietly_passes(log: Log) -> None:
    for _ in range(3):
        log.logger.info("used")
    assert log.said == ["used"] * 3


def test_texts_that_are_all_different_do_not_fill_the_memory(log: Log) -> None:
    (throttle,) = log.logger.handlers[0].filters
    for n in range(26**3):
        log.logger.warning("no %s", "".join(chr(97 + n // 26**k % 26) for k in range(3)))
    assert len(log.said) == 26**3
    assert len(throttle._kinds) <= 200
