"""Rows of a tracks file: CSV or JSON lines, one sighting of one object a line.

Which column is what is said by ``source.columns`` (:class:`flows.domain.site.TrackColumns`); nothing is guessed.
A file begins with ``{`` or it is CSV, whose delimiter (comma, semicolon or tab) is the one its header has most of.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

from flows.domain.errors import FieldError, SourceError
from flows.domain.fixes import Fix
from flows.domain.site import TrackColumns, TracksSource
from flows.sources.clock import micros, plausible

UNIX_S: Final = 1e9
"""A number of seconds from here on (2001) counts from 1970, a smaller one from the file's time zero ..."""
MOST_S: Final = 1e11
"""... and from here on it is no number of seconds, but of something smaller."""
TIME_WORDS: Final = "seconds, Unix seconds, or a time with its zone such as 2026-09-01T08:30:00.120+05:00"
OPTIONAL: Final = ("speed_mps", "speed_kmh", "heading_deg", "heading_rad")


class Row(NamedTuple):
    """One sighting.

    Attributes:
        us: Microseconds since 1970, or since the file's time zero.
        absolute: Which of the two.
        fix: What was seen.
    """

    us: int
    absolute: bool
    fix: Fix


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that cannot be used, and why."""

    error: FieldError


def files_of(path: Path) -> list[Path]:
    """The files that a source names: one, or all that match a pattern, by name.

    Raises:
        SourceError: If there is none.
    """
    if path.is_file():
        return [path]
    if any(sign in path.name for sign in "*?["):
        found = sorted(p for p in path.parent.glob(path.name) if p.is_file())
        if found:
            return found
    raise SourceError(f"{path}: no such file")


def read_rows(path: Path, source: TracksSource, prefix: str = "") -> Iterator[Row | BadRow]:
    """The rows of one file in its order.

    Args:
        path: The file.
        source: What its columns and classes are called.
        prefix: Set before each object's name, where several files use the same names.

    Raises:
        FieldError: If a column is not there (``source.columns.NAME``).
        SourceError: If the file is empty or cannot be read.
    """
    parser = _Parser(path, source, prefix)
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            if not first.strip():
                raise SourceError(f"{path.name}: line 1: expected a header or a JSON object, got nothing")
            records = (
                _objects(stream) if first.lstrip().startswith("{") else _cells(stream, first, path, source)
            )
            for line, record in records:
                yield parser.row(line, record)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error


def _objects(stream: TextIO) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    for line, text in enumerate(stream, 1):
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except ValueError:
            record = text
        yield line, record if isinstance(record, dict) else text.strip()


def _cells(
    stream: TextIO, first: str, path: Path, source: TracksSource
) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    reader = csv.reader(stream, delimiter=max(",;\t", key=first.count), skipinitialspace=True)
    header = [name.strip() for name in next(reader)]
    check_columns(required(source.columns), header, path.name, source.columns)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, str(error)
            continue
        if len(cells) == len(header):
            yield reader.line_num, dict(zip(header, cells, strict=True))
        elif cells:
            yield reader.line_num, f"{len(cells)} of {len(header)} values"


def header_of(path: Path) -> list[str] | None:
    """Names of the columns of a CSV file; None of JSON lines, whose every line names its own."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        first = stream.readline()
    if first.lstrip().startswith("{"):
        return None
    cells = next(csv.reader([first], delimiter=max(",;\t", key=first.count), skipinitialspace=True), [])
    return [name.strip() for name in cells]


def check_columns(fields: Sequence[str], header: Sequence[str], where: str, columns: TrackColumns) -> None:
    """Whether these columns are there.

    Raises:
        FieldError: For the first that is not (``source.columns.NAME``).
    """
    for field in fields:
        name = getattr(columns, field)
        if name not in header:
            expected, hint = f"a column of {where} ({', '.join(header)})", f"say what {where} calls it"
            raise FieldError(f"source.columns.{field}", expected, repr(name), hint)


def required(columns: TrackColumns) -> list[str]:
    """Fields that every row must state."""
    return [field for field in _asked(columns) if field not in OPTIONAL]


def _asked(columns: TrackColumns) -> dict[str, str]:
    """Fields and the columns to look for them in; a count of frames stands for the time."""
    named = {field: name for field, name in columns.model_dump().items() if name is not None}
    named.pop("time" if columns.frame is not None else "frame", None)
    return named


class _Parser:
    """Records of one file to rows."""

    def __init__(self, path: Path, source: TracksSource, prefix: str) -> None:
        self._path, self._classes, self._prefix = path, source.classes, prefix
        self._rate_hz = source.rate_hz
        self._zero_us = None if source.started_at is None else micros(source.started_at)
        self._column = _asked(source.columns)

    def row(self, line: int, record: Mapping[str, Any] | str) -> Row | BadRow:
        try:
            if isinstance(record, str):
                raise _Wrong("", "one row of values or one JSON object", record[:60])
            us, absolute = self._time(record)
            if not self._may_be(us, absolute):
                field = "frame" if "frame" in self._column else "time"
                raise _Wrong(field, "a time between the year 2000 and now", self._value(record, field))
            return Row(us, absolute, self._fix(record))
        except _Wrong as wrong:
            field = self._column.get(wrong.field, wrong.field)
            name = f"{self._path.name}: {field}" if field else self._path.name
            return BadRow(FieldError(name, wrong.expected, repr(wrong.got), line=line))

    def _fix(self, record: Mapping[str, Any]) -> Fix:
        name, cls = self._text(record, "id"), self._text(record, "cls")
        place = (self._number(record, "x_m"), self._number(record, "y_m"))
        return Fix(
            self._prefix + name,
            self._classes.get(cls, cls),
            place,
            self._speed(record),
            self._heading(record),
        )

    def _time(self, record: Mapping[str, Any]) -> tuple[int, bool]:
        if "frame" in self._column:
            assert self._rate_hz is not None  # the site file's model has seen to it
            return round(self._number(record, "frame") / self._rate_hz * 1e6), False
        value = self._value(record, "time")
        seconds = _as_number(value)
        if seconds is None:
            return micros(_as_time(value)), True
        if not abs(seconds) < MOST_S:
            raise _Wrong("time", TIME_WORDS, value)
        return round(seconds * 1e6), seconds >= UNIX_S

    def _may_be(self, us: int, absolute: bool) -> bool:
        """Whether something was seen then. Seconds since a moment that is unknown, or that the site file has put where
        no recorder's clock was (a simulation's), are fewer than :data:`UNIX_S`."""
        zero_us = 0 if absolute else self._zero_us
        if zero_us is not None and (absolute or plausible(zero_us)):
            return plausible(zero_us + us)
        return abs(us) < UNIX_S * 1e6

    def _speed(self, record: Mapping[str, Any]) -> float | None:
        kmh = self._optional(record, "speed_kmh")
        return kmh / 3.6 if kmh is not None else self._optional(record, "speed_mps")

    def _heading(self, record: Mapping[str, Any]) -> tuple[float, float] | None:
        turn = self._optional(record, "heading_rad")
        if turn is not None:
            return math.cos(turn), math.sin(turn)
        degrees = self._optional(record, "heading_deg")
        return None if degrees is None else (math.sin(math.radians(degrees)), math.cos(math.radians(degrees)))

    def _value(self, record: Mapping[str, Any], field: str) -> Any:
        value = record.get(self._column[field])
        if value is None or value == "":
            raise _Wrong(field, "a value", "nothing")
        return value

    def _text(self, record: Mapping[str, Any], field: str) -> str:
        value = self._value(record, field)
        if isinstance(value, dict | list | bool):
            raise _Wrong(field, "text or a number", value)
        return str(value).strip()

    def _number(self, record: Mapping[str, Any], field: str) -> float:
        value = self._value(record, field)
        number = _as_number(value)
        if number is None:
            raise _Wrong(field, "a finite number", value)
        return number

    def _optional(self, record: Mapping[str, Any], field: str) -> float | None:
        name = self._column.get(field)
        if name is None or record.get(name) in (None, ""):
            return None
        return self._number(record, field)


class _Wrong(Exception):
    """A value that cannot be used."""

    def __init__(self, field: str, expected: str, got: object) -> None:
        super().__init__(field)
        self.field, self.expected, self.got = field, expected, got


def _as_number(value: Any) -> float | None:
    """The finite number that a cell or a JSON value states, or None."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _as_time(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise _Wrong("time", TIME_WORDS, value) from None
    if at.tzinfo is None:
        raise _Wrong("time", TIME_WORDS, value)
    return at
