"""Typed errors. Each says what was expected, what was found and what to do next."""

from __future__ import annotations


class GroundingError(Exception):
    """Base of every error this package raises on purpose.

    Args:
        summary: what went wrong, one clause.
        expected: what would have been right.
        found: what was there instead.
        hint: what the user can do next, ideally ready to paste.
    """

    exit_code = 1

    def __init__(
        self,
        summary: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.summary = summary
        self.expected = expected
        self.found = found
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        facts = [f"expected {self.expected}"] if self.expected else []
        facts += [f"found {self.found}"] if self.found else []
        text = self.summary + (": " + ", ".join(facts) if facts else "")
        return f"{text}. {self.hint}" if self.hint else text


class InputError(GroundingError):
    """The caller's input or usage is at fault; the command line exits with 2."""

    exit_code = 2


class ConfigError(InputError):
    """A configuration field or command-line option has no valid value."""


class ArrayError(InputError):
    """An array has the wrong shape, type or content."""


class CaptureError(InputError):
    """A recording cannot be read, or does not hold what is needed."""


class TransformError(CaptureError):
    """A transform between two frames is missing, late or not rigid."""


class SceneError(InputError):
    """A scene folder is missing, incomplete, damaged or of another version."""


class EncoderError(InputError):
    """An encoder cannot be loaded, or is not the one a scene was built with."""


class QueryError(InputError):
    """A query cannot be asked as it stands."""


class MissingDependencyError(InputError):
    """An optional package is not installed; the hint names the install line."""


class TrainingError(GroundingError):
    """Training cannot go on; names the step and the cause. The last checkpoint is kept."""


class Cancelled(GroundingError):
    """The user stopped a long task; nothing that was there before is lost."""

    exit_code = 1
