"""Lists of exempt plates: emergency services, permits, taxis. Read whole or not at all, each with its own date.

YAML:

.. code-block:: yaml

    name: permits
    issued_at: 2026-09-01T06:00:00+05:00
    entries:
      - {plate: 123 ABC 02, valid_from: 2026-09-01, valid_until: 2026-12-31, reason: ambulance station 3}

CSV (comma or semicolon), its name and date in lines before the header::

    # name: permits
    # issued_at: 2026-09-01T06:00:00+05:00
    plate,valid_from,valid_until,reason
    123 ABC 02,2026-09-01,2026-12-31,ambulance station 3

Violations from before a list was issued are decided by it, too: it is put in force with what the list before it said
of that time (:func:`carrying`), so offices may leave out what has expired or was withdrawn.
A day is a whole day, in the zone that ``issued_at`` is given in; ``valid_until`` still counts. Without
``valid_from`` or ``valid_until`` there is no bound. A plate may come several times.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, NamedTuple, Protocol

from pydantic import AwareDatetime, BeforeValidator, ValidationError, model_validator

from flows.domain.config import Config, Name
from flows.domain.errors import FieldError
from flows.domain.platetext import folded_plate, normal_plate
from flows.jurisdiction import MOST_VIOLATION_DAYS

MAX_BYTES: Final = 64 * 2**20
"""A list of a million plates has about 60 MB; anything larger is a mistake."""
FUTURE: Final = timedelta(minutes=5)
"""A list from the future would count as fresh for too long; clocks of offices differ by this much."""
SHRINKS: Final = 0.5
"""A list without this share of the plates that still hold is rather a file that was cut off."""
LATELY: Final = timedelta(days=30)
"""Where all permits end on one day and none holds any more, those that held so shortly before are looked for."""
KEPT: Final = timedelta(days=MOST_VIOLATION_DAYS + 30)
"""What holds no more is kept for so long: as violations may be at most, and 30 days after the last decision on one."""
COLUMNS: Final = ("plate", "valid_from", "valid_until", "reason")
MOMENT_WORDS: Final = "a day such as 2026-09-01, or a time with its zone, such as 2026-09-01T08:30:00+05:00"


def _moment(value: object) -> object:
    """A day or an aware time; in pydantic's own words a union of both would be told twice."""
    if value is None or (isinstance(value, datetime) and value.tzinfo) or type(value) is date:
        return value
    try:
        text = str(value).strip()
        if len(text) == len("2026-09-01"):
            return date.fromisoformat(text)
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise ValueError(f"expected {MOMENT_WORDS}")
    return parsed


def _plate(value: object) -> object:
    if not isinstance(value, str) or not 3 <= len(normal_plate(value)) <= 12:
        raise ValueError("expected a plate of 3 to 12 letters and digits, as text")
    return value.strip()


Bound = Annotated[datetime | date | None, BeforeValidator(_moment)]


class Exemption(Config):
    """One vehicle that a rule does not hold for.

    Attributes:
        plate: As the office wrote it; compared by :func:`normal_plate`.
        valid_from: First day or moment.
        valid_until: Last day, or the moment at which it ends.
        reason: Why.
    """

    plate: Annotated[str, BeforeValidator(_plate)]
    valid_from: Bound = None
    valid_until: Bound = None
    reason: str = ""

    @model_validator(mode="after")
    def _in_order(self) -> Exemption:
        zone = timedelta()  # both in the same zone, whichever that is
        starts, ends = _start(self.valid_from, zone), _end(self.valid_until, zone)
        if starts is not None and ends is not None and ends <= starts:
            raise ValueError(
                f"valid_until: expected no earlier than {self.valid_from}, got {self.valid_until}"
            )
        return self


class ExemptionList(Config):
    """One list, as it was issued.

    Attributes:
        name: What rules and decisions call it.
        issued_at: When the office made it; its age counts from here, not from when it was loaded.
        entries: Its vehicles.
        removed: It was put out of force then: it still exempts from what was before, and nothing waits for it.
    """

    name: Name
    issued_at: AwareDatetime
    entries: tuple[Exemption, ...]
    removed: bool = False

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what it says; of one in force as it was before any could be removed."""
        said = self.model_dump_json(exclude=None if self.removed else {"removed"})
        return hashlib.sha256(said.encode()).hexdigest()

    def fresh_for(self, at: datetime, max_age_h: float | None) -> bool:
        """Whether it may decide on what was captured then: issued after it, or not much before."""
        return max_age_h is None or self.issued_at >= at - timedelta(hours=max_age_h)

    def exempting(self, plate: str, at: datetime) -> Exemption | None:
        """The entry by which a plate is exempt at a moment; None if it is not."""
        zone = self.issued_at.utcoffset() or timedelta()
        return next((e for e in self._by_plate.get(normal_plate(plate), ()) if _holds(e, at, zone)), None)

    def near(self, plate: str, at: datetime) -> Exemption | None:
        """An entry by which it would be exempt if letters and digits that look alike were misread."""
        zone = self.issued_at.utcoffset() or timedelta()
        return next((e for e in self._by_fold.get(folded_plate(plate), ()) if _holds(e, at, zone)), None)

    @cached_property
    def _by_plate(self) -> Mapping[str, Sequence[Exemption]]:
        return _grouped(self.entries, normal_plate)

    @cached_property
    def _by_fold(self) -> Mapping[str, Sequence[Exemption]]:
        return _grouped(self.entries, folded_plate)


def check_whole(fresh: ExemptionList, held: ExemptionList | None) -> None:
    """Whether a list may be whole, against the one in force: a file that was cut off is a list like any other, and one
    that names nobody accuses whoever should be on it.

    Plates are looked for, not counted: a list keeps what has expired, the oldest mostly first, so that its first half
    may have more entries than there are plates that still hold, and none of those.

    Args:
        fresh: The list that is to take its place.
        held: The list in force, if there is one; what has expired in it by then does not count, unless all has. What
            had ended when it was issued never does: it may be of other people, and carried (:func:`carrying`).

    Raises:
        FieldError: If it is empty, or most of the plates that would still be exempt are not there.
    """
    hint = "see whether the file is whole; --fewer loads it all the same"
    if not fresh.entries:
        raise FieldError("entries", "a plate or more", 0, hint)
    if held is None:
        return
    still, when = _exempt(held, fresh.issued_at), "now"
    if not still:
        still, when = _exempt(held, fresh.issued_at - LATELY), f"{LATELY.days} days before"
    left = len(still & {normal_plate(e.plate) for e in fresh.entries})
    if left < SHRINKS * len(still):
        expected = (
            f"{math.ceil(SHRINKS * len(still))} or more of the {len(still)} plates that are exempt {when}"
        )
        raise FieldError("entries", expected, left, hint)


def _exempt(held: ExemptionList, at: datetime) -> set[str]:
    """The plates exempt at a moment by what had not ended when the list was issued."""
    zone = held.issued_at.utcoffset() or timedelta()
    own = (e for e in held.entries if (end := _end(e.valid_until, zone)) is None or end > held.issued_at)
    return {normal_plate(e.plate) for e in own if _holds(e, at, zone)}


def carrying(fresh: ExemptionList, held: ExemptionList) -> ExemptionList:
    """A list with what the one before it says of the time until it was issued, and it does not: permits that have
    expired since, were withdrawn or renewed. Whoever had one then is not accused because a later list is silent.

    What ended more than :data:`KEPT` before is let go. The same two lists give the same one, and so does that one
    in place of ``held``.

    Args:
        fresh: The list that is to take its place.
        held: The list in force, with what it carries itself.
    """
    zone, fresh_zone = (each.issued_at.utcoffset() or timedelta() for each in (held, fresh))
    kept = []
    for entry in held.entries:
        starts, ends = _start(entry.valid_from, zone), _end(entry.valid_until, zone)
        ends = fresh.issued_at if ends is None else min(ends, fresh.issued_at)
        if ends <= fresh.issued_at - KEPT or (starts is not None and ends <= starts):
            continue
        there = fresh._by_plate.get(normal_plate(entry.plate), ())
        if not any(_spans(other, starts, ends, fresh_zone) for other in there):
            kept.append(entry.model_copy(update={"valid_from": starts, "valid_until": ends}))
    if not kept:
        return fresh
    entries = (*fresh.entries, *kept)
    return ExemptionList(name=fresh.name, issued_at=fresh.issued_at, entries=entries, removed=fresh.removed)


class ExemptionFileError(FieldError):
    """Everything that is wrong with a list; stands for its first problem."""

    def __init__(self, problems: Sequence[FieldError]) -> None:
        first = problems[0]
        super().__init__(first.field, first.expected, first.got, first.hint, first.line)
        self.problems = tuple(problems)
        self.args = ("\n".join(str(p) for p in problems),)


def read_exemptions(path: Path, now: datetime | None = None) -> ExemptionList:
    """Reads a list.

    Args:
        path: ``.yaml``, ``.yml`` or ``.csv``.
        now: The present, which no list is issued after.

    Raises:
        FieldError: If it cannot be read, or anything in it is wrong (:class:`ExemptionFileError` tells all, each with
            its line): then nothing of it is used, and the list before it goes on to hold.
    """
    source = _from_csv(path) if path.suffix.lower() == ".csv" else _from_yaml(path)
    found = _validated(source)
    if found.removed:
        such, how = "no such key: no office says so", "dome exemptions remove NAME --why TEXT"
        raise FieldError("removed", such, "true", how, source.line(("removed",)))
    latest = (now or datetime.now(UTC)) + FUTURE
    if found.issued_at > latest:
        raise FieldError(
            "issued_at",
            f"a time no later than now ({latest:%Y-%m-%dT%H:%M%z})",
            found.issued_at.isoformat(),
            "see whether its zone is right",
            source.line(("issued_at",)),
        )
    return found


class _Source(NamedTuple):
    """What a file says, and where."""

    data: Any
    line: Callable[[tuple[str | int, ...]], int | None]
    problems: list[FieldError]
    hints: Mapping[str, str] = MappingProxyType({})


def _validated(source: _Source) -> ExemptionList:
    from flows.site.validation import complaints  # results actors read no files
    from flows.site.yamlfile import dotted

    problems = list(source.problems)
    try:
        found = ExemptionList.model_validate(source.data)
    except ValidationError as error:
        problems += [
            FieldError(
                dotted(c.loc),
                c.expected.removeprefix("expected "),
                c.got,
                c.hint or (source.hints.get(dotted(c.loc), "") if c.got == "nothing" else ""),
                source.line(c.loc),
            )
            for c in complaints(error, ExemptionList, source.data)
        ]
    if problems:
        raise ExemptionFileError(sorted(problems, key=lambda p: p.line or 0))
    return found


def _from_yaml(path: Path) -> _Source:
    from flows.site.yamlfile import read_yaml

    if path.suffix.lower() not in (".yaml", ".yml"):
        raise FieldError(str(path), "a .yaml or .csv file", f"{path.suffix or 'no'} suffix")
    document = read_yaml(path)
    return _Source(document.data, document.line, [problem for _, problem in document.problems])


_ABOVE: Final = {
    key: f"write '# {key}: {such}' above the header"
    for key, such in (("name", "permits"), ("issued_at", "2026-09-01T06:00:00+05:00"))
}


def _from_csv(path: Path) -> _Source:
    lines = _text(path).splitlines()
    notes: dict[str, Any] = {}
    where: dict[tuple[str | int, ...], int] = {}
    start = 0
    while start < len(lines) and (lines[start].startswith("#") or not lines[start].strip()):
        key, colon, value = lines[start].lstrip("# ").partition(":")
        if colon:
            notes[key.strip()], where[(key.strip(),)] = value.strip(), start + 1
        start += 1
    if start == len(lines):
        raise FieldError(str(path), f"a header with {', '.join(COLUMNS)}", "nothing", line=start or None)
    rows, problems = _rows(lines, start, where)
    return _Source({**notes, "entries": rows}, lambda loc: _nearest(where, loc), problems, _ABOVE)


def _rows(
    lines: Sequence[str], start: int, where: dict[tuple[str | int, ...], int]
) -> tuple[list[dict[str, str]], list[FieldError]]:
    """The rows below the header; ``where`` learns their lines."""
    mark = ";" if ";" in lines[start] else ","
    reader = csv.reader(io.StringIO("\n".join(lines[start:])), delimiter=mark, strict=True)
    header = [name.strip().lower() for name in next(reader)]
    if sorted(set(header) - set(COLUMNS)) or "plate" not in header or len(set(header)) != len(header):
        raise FieldError(
            "header", f"columns out of {', '.join(COLUMNS)}, with plate", lines[start], line=start + 1
        )
    rows: list[dict[str, str]] = []
    problems: list[FieldError] = []
    try:
        for cells in reader:
            line = start + reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            where["entries", len(rows)] = line
            if len(cells) != len(header):
                field = f"entries.{len(rows)}"
                problems.append(FieldError(field, f"{len(header)} cells", f"{len(cells)}", line=line))
            cells = [*cells, *[""] * len(header)][: len(header)]
            rows.append(
                {k: c.strip() for k, c in zip(header, cells, strict=True) if c.strip() or k == "plate"}
            )
    except csv.Error as error:
        raise FieldError("entries", "rows of CSV", str(error), line=start + reader.line_num) from error
    return rows, problems


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FieldError(str(path), f"at most {MAX_BYTES} bytes", path.stat().st_size)
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"byte 0x{error.object[error.start]:02x} at {error.start}"
        raise FieldError(str(path), "text in UTF-8", got, "save it again as UTF-8") from error
    except FileNotFoundError as error:
        raise FieldError(str(path), "a file that exists", "nothing there") from error
    except OSError as error:
        raise FieldError(str(path), "a readable file", error.strerror or str(error)) from error


def _nearest(where: Mapping[tuple[str | int, ...], int], loc: tuple[str | int, ...]) -> int | None:
    while loc and loc not in where:
        loc = loc[:-1]
    return where.get(loc)


def _grouped(entries: Sequence[Exemption], key: Callable[[str], str]) -> dict[str, list[Exemption]]:
    groups: dict[str, list[Exemption]] = {}
    for entry in entries:
        groups.setdefault(key(entry.plate), []).append(entry)
    return groups


def _holds(entry: Exemption, at: datetime, zone: timedelta) -> bool:
    starts, ends = _start(entry.valid_from, zone), _end(entry.valid_until, zone)
    return (starts is None or starts <= at) and (ends is None or at < ends)


def _spans(entry: Exemption, starts: datetime | None, ends: datetime, zone: timedelta) -> bool:
    """Whether an entry holds for all that time."""
    own_start, own_end = _start(entry.valid_from, zone), _end(entry.valid_until, zone)
    begun = own_start is None or (starts is not None and own_start <= starts)
    return begun and (own_end is None or own_end >= ends)


def _start(bound: datetime | date | None, zone: timedelta) -> datetime | None:
    if bound is None or isinstance(bound, datetime):
        return bound
    return datetime.combine(bound, time(), UTC) - zone


def _end(bound: datetime | date | None, zone: timedelta) -> datetime | None:
    """The moment from which it no longer holds: a day counts to its end."""
    if bound is None or isinstance(bound, datetime):
        return bound
    return datetime.combine(bound, time(), UTC) - zone + timedelta(days=1)


class Lists(Protocol):
    """Where lists are (:class:`flows.store.exemptions.ExemptionsStore`)."""

    def lists(self) -> Mapping[str, ExemptionList]: ...
    def versions(self) -> dict[str, str]: ...
