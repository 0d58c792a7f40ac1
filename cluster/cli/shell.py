"""What all commands share: where output goes, how errors look, and which exit status they give."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from flows.domain.errors import DomeError, FieldError
from flows.domain.masking import masked

FAILED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130

MAX_SHOWN: Final = 20
"""Problems shown whole; more than a screenful hides the first one."""
PIPE_COLUMNS: Final = 140
"""Width of tables where there is no terminal to ask: CI logs and files scroll sideways."""


def stdout() -> Console:
    """Results go here, and nothing else."""
    return _console(stderr=False)


def stderr() -> Console:
    """Progress, logs and errors go here."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PIPE_COLUMNS, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on stdout; JSON has no word for a number that there is none of (a share of nothing): null."""
    typer.echo(json.dumps(_sayable(value), indent=2, ensure_ascii=False, allow_nan=False))


def _sayable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sayable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_sayable(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def counted(count: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "camera"), counted(3, "camera")
    ('1 camera', '3 cameras')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def known_detector(option: str, name: str | None) -> None:
    """Refuses a detector that there is none of at once, and not when Ray has been started for it.

    Raises:
        FieldError: If cameras could not name it.
    """
    from flows.site.validation import did_you_mean
    from models.catalog import DETECTORS

    if name is not None and name not in DETECTORS:
        known = list(DETECTORS)
        raise FieldError(option, f"one of {', '.join(known)}", repr(name), did_you_mean(name, known))


class DomeGroup(TyperGroup):
    """Turns our errors into one clear message and an exit status; ``--debug`` anywhere lets them through."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ends = args.index("--") if "--" in args else len(args)
        ctx.meta["dome.debug"] = "--debug" in args[:ends]
        kept = [a for i, a in enumerate(args) if a != "--debug" or i >= ends]
        return super().parse_args(ctx, kept)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            stderr().print("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except DomeError as error:
            if ctx.meta["dome.debug"]:
                raise
            show_error(error)
            raise typer.Exit(BAD_INPUT if isinstance(error, FieldError) else FAILED) from None


def show_error(error: DomeError) -> None:
    """One error as ``error: ...``; the cause follows where it says more."""
    console = stderr()
    line = Text.assemble(("error", "bold red"), (": ", "bold"), masked(str(error)))
    console.print(line, soft_wrap=True)
    cause = None if isinstance(error, FieldError) else error.__cause__
    if cause is not None and str(cause) and str(cause) not in str(error):
        console.print(Text.assemble(("  caused by: ", "dim"), masked(str(cause))), soft_wrap=True)


def show_problems(problems: Sequence[FieldError], path: Path, level: str = "error") -> None:
    """Problems of a file as a compiler shows them: place, the line itself, what was expected, what to do."""
    console = stderr()
    lines = _lines(path)
    style = "bold red" if level == "error" else "bold yellow"
    for problem in problems[:MAX_SHOWN]:
        console.print(_problem_text(problem, path, lines, level, style), soft_wrap=True)
    if len(problems) > MAX_SHOWN:
        console.print(f"... and {len(problems) - MAX_SHOWN} more\n", style="dim")


def _problem_text(problem: FieldError, path: Path, lines: list[str], level: str, style: str) -> Text:
    number = "" if problem.line is None else str(problem.line)
    margin = " " * len(number)
    text = Text.assemble((level, style), (": ", "bold"), (problem.field, "bold"), "\n")
    text.append(f"{margin}--> ", "blue").append(f"{path}{':' + number if number else ''}\n")
    if problem.line is not None and problem.line <= len(lines):
        text.append(f"{margin} |\n{number} | ", "blue").append(f"{masked(lines[problem.line - 1])}\n")
    text.append(f"{margin} |", "blue").append(f" expected {problem.expected}\n")
    text.append(f"{margin} |", "blue").append(" got ").append(masked(str(problem.got)), style).append("\n")
    if problem.hint:
        text.append(f"{margin} = ", "blue").append("help: ", "bold").append(f"{problem.hint}\n")
    return text


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def problems_of(error: FieldError) -> Sequence[FieldError]:
    """All problems that an error of a file carries."""
    return getattr(error, "problems", (error,))
