"""The audit log looked after: seals, verification, and the figures that the public is told."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from pydantic import ValidationError

from flows.domain.audit import GENESIS, AuditEntry, Seal, entry_hash, merkle_root, month_of
from flows.domain.errors import StoreError
from flows.ownfile import write_own

_log = logging.getLogger(__name__)

EVERY: Final = timedelta(hours=1)
"""What was cut off at the end is noticed from the next seal on; until then by the head that Redis keeps."""
Sealed = tuple[Seal, str]
"""A seal and the SHA-256 of its file."""
_FILE: Final = re.compile(r"seal-(\d{6,})\.json")


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it is stored.

    Attributes:
        place: Its place in the stream, ``SEQ-1``.
        fields: ``at`` (ms), ``body``, ``prev``, ``hash``.
    """

    place: str
    fields: dict[str, str]

    @property
    def seq(self) -> int:
        """Its number."""
        return int(self.place.partition("-")[0])


@dataclass(frozen=True, slots=True)
class Head:
    """Number and hash of the last entry, as kept beside the log."""

    seq: int
    hash: str


class Log(Protocol):
    """Where the log is (:class:`flows.store.audit.AuditStore`)."""

    def rows(self, since: int = 0) -> Iterator[Row]: ...
    def head(self) -> Head: ...
    def hash_of(self, seq: int) -> str: ...
    def end(self, since: int) -> tuple[list[Row], Head]: ...
    def sealed(self) -> Sealed | None: ...
    def note_sealed(self, sealed: Sealed) -> None: ...


# Seals


class LogCut(StoreError):
    """The log does not hold what was sealed: Redis came back older than its seals, or was changed."""


class Seals:
    """Seals in a folder, one file each, never written twice. Best on a disk that Redis's machine cannot write to.

    The newest one is noted beside the log as well: whoever removes files alone is found out by that, as whoever changes
    the log alone is by the files.

    Args:
        folder: Made when the first seal is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> tuple[list[Sealed], dict[int, str]]:
        """Seals in order, each with the SHA-256 of its file; and by their numbers, why others cannot be read.

        Raises:
            StoreError: If the folder cannot be read.
        """
        found, unreadable = [], {}
        for number in self._numbers():
            try:
                found.append(_read(number, self._path(number)))
            except StoreError as error:
                unreadable[number] = str(error)
        return found, unreadable

    def write(self, log: Log, now: datetime, *, anew: bool = False) -> Seal | None:
        """Seals what is new; None if nothing is.

        Where files are gone, or cannot be read, seals go on from the newest that was noted: what is missing stays
        missing.

        Args:
            log: The log.
            now: The present.
            anew: Seals the whole log, whatever was sealed before: where that is lost, and a person has said so.

        Raises:
            StoreError: If it cannot be written, the log cannot be read, or what would be sealed is not whole.
        """
        number, before = self._newest(log)
        last, digest = before or (None, "")
        since, prev = (last.last, last.hash) if last and not anew else (0, GENESIS)
        rows = list(log.rows(since))
        if not rows:
            return None
        broken = next(iter(chain_problems(rows, since, prev)), "")
        if broken:
            raise StoreError(
                f"the audit log is not sealed, because it is not whole: {broken}; see: dome audit verify"
            )
        seal = Seal(
            number=number + 1,
            sealed_at=now,
            first=since + 1,
            last=rows[-1].seq,
            root=merkle_root([row.fields["hash"] for row in rows]),
            hash=rows[-1].fields["hash"],
            before=digest,
            anew=anew,
        )
        log.note_sealed((seal, self._put(self._path(seal.number), seal)))
        return seal

    def write_if_due(self, log: Log, now: datetime) -> Seal | None:
        """The same, once an hour.

        Raises:
            LogCut: If the log does not hold what was sealed, at once.
        """
        before = self._held(log)
        return self.write(log, now) if before is None or _is_due(before[0], now) else None

    def lost(self, log: Log) -> str:
        """What was sealed and is not in the log; empty where it is."""
        return _lost(log, self._newest(log)[1])

    def write_beside(self, log: Log, now: datetime, *, first: bool) -> Seal | None:
        """The same, where no results actor may be running: commands and the API.

        Seals of a log lie in one folder, and this may be a machine that has another: what it sealed would be missing
        there for ever. So only where the newest one lies here.

        Args:
            log: The log.
            now: The present.
            first: Whether the very first may be written here: Redis is this machine's own.
        """
        noted = log.sealed()
        here = first if noted is None else self._path(noted[0].number).exists()
        return self.write_if_due(log, now) if here else None

    def check_beside(self, log: Log) -> None:
        """Says at once, and seals nothing, where the newest seal lies here and the log does not hold what was sealed.

        Raises:
            LogCut: If it does not.
            StoreError: If Redis is away.
        """
        noted = log.sealed()
        if noted is not None and self._path(noted[0].number).exists():
            self._held(log)

    def _held(self, log: Log) -> Sealed | None:
        """The newest seal, if the log holds what was sealed."""
        _, newest = self._newest(log)
        if lost := _lost(log, newest):
            raise LogCut(
                f"{lost}: Redis came back older than its seals, or was changed; look through the cases, of which some "
                "may have been ended since, then: dome audit begin --as NAME --why TEXT"
            )
        return newest

    def _newest(self, log: Log) -> tuple[int, Sealed | None]:
        """The highest number that a seal has, and the newest that can be read, whether its file is still there or not.

        Asked every half minute: of the files the newest alone is read.
        """
        noted, numbers = log.sealed(), self._numbers()
        last = noted[0].number if noted is not None else 0
        newest = max([last, *numbers[-1:]])
        for number in reversed(numbers):
            if number < last:
                break
            try:
                return newest, _read(number, self._path(number))
            except StoreError as error:
                _log.error("%s; see: dome audit verify", error)
        return newest, noted

    def _numbers(self) -> list[int]:
        """Of the seals whose files are there, in order."""
        try:
            names = [path.name for path in self.folder.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"seals in {self.folder}: they cannot be listed: {error}") from error
        return sorted(int(found[1]) for found in map(_FILE.fullmatch, names) if found)

    def _path(self, number: int) -> Path:
        return self.folder / f"seal-{number:06d}.json"

    def _put(self, path: Path, seal: Seal) -> str:
        """Writes it, whole or not at all; the SHA-256 of the file."""
        data = (seal.model_dump_json(indent=1) + "\n").encode()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_own(path, data, first=True)
            path.chmod(0o444)
            written = path.read_bytes()
        except OSError as error:
            raise StoreError(f"seal {path}: it cannot be written: {error}") from error
        if written != data:
            raise StoreError(f"seal {path}: it cannot be written: there is another of that number")
        return hashlib.sha256(data).hexdigest()


def _read(number: int, path: Path) -> Sealed:
    """A seal, and the SHA-256 of its file.

    Raises:
        StoreError: If it cannot be read, or is no seal of that number.
    """
    try:
        data = path.read_bytes()
        seal = Seal.model_validate_json(data)
    except (OSError, ValidationError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise StoreError(f"seal {number}: {path} cannot be read, or was changed: {why}") from error
    if seal.number != number:
        raise StoreError(f"seal {number}: {path} was changed: it says that it is seal {seal.number}")
    return seal, hashlib.sha256(data).hexdigest()


def _lost(log: Log, newest: Sealed | None) -> str:
    if newest is None or log.hash_of(newest[0].last) == newest[0].hash:
        return ""
    return f"the audit log does not hold entry {newest[0].last} as seal {newest[0].number} has it"


def _is_due(newest: Seal, now: datetime) -> bool:
    """Whether another seal is written; at once where the newest is dated ahead, for by then the clock was wrong."""
    if newest.sealed_at > now:
        _log.warning(
            "seal %d is dated %s, ahead of this clock, which says %s: the next one is written without waiting for that",
            newest.number, newest.sealed_at.isoformat(timespec="seconds"), now.isoformat(timespec="seconds"),
        )  # fmt: skip
        return True
    return now - newest.sealed_at >= EVERY


# Verification


def whole(log: Log) -> tuple[list[Row], Head]:
    """All entries, and the head that belongs to them, though others write to the log meanwhile."""
    held = list(log.rows())
    rest, head = log.end(held[-1].seq if held else 0)
    return [*held, *rest], head


def verify(
    rows: Iterable[Row],
    head: Head,
    seals: Sequence[Sealed],
    noted: Sealed | None = None,
    unreadable: Mapping[int, str] = MappingProxyType({}),
) -> list[str]:
    """Everything that is wrong with a log: nothing changed, missing, moved or cut off gives an empty list.

    What was not sealed yet can be cut off unseen by whoever sets the head too, and what was sealed by whoever changes
    Redis and the folder of seals alike: only what was noted elsewhere tells of that.

    Args:
        rows: All entries, in the order of the stream.
        head: As kept beside them.
        seals: In order, with the SHA-256 of their files.
        noted: The newest seal as noted beside the log, read before ``seals``; None if none was.
        unreadable: Why other seals cannot be read, by their numbers: each is one problem.
    """
    held = list(rows)
    problems = list(chain_problems(held, 0, GENESIS))
    last = Head(held[-1].seq, held[-1].fields.get("hash", "")) if held else Head(0, "")
    if last != head:
        problems.append(f"the end: expected entry {head.seq} to be the last, got {last.seq}")
    hashes = {row.seq: row.fields.get("hash", "") for row in held}
    problems += [*unreadable.values(), *_seal_problems(hashes, seals, unreadable)]
    return [*problems, *_noted_problems(seals, noted, unreadable)]


def chain_problems(rows: Iterable[Row], since: int, prev: str) -> Iterator[str]:
    """What is wrong with entries that follow the one with the number ``since`` and the hash ``prev``."""
    expected, at_ms, clock_set = since + 1, 0, False
    for row in rows:
        fields = row.fields
        if row.seq != expected:
            yield f"entry {expected}: missing (entry {row.seq} comes in its place)"
        elif fields.get("prev") != prev:
            yield f"entry {row.seq}: it does not follow the entry before: one of both was changed or moved"
        if not _hashed(row):
            yield f"entry {row.seq}: it was changed"
        elif int(fields["at"]) < at_ms and not clock_set:
            yield f"entry {row.seq}: it is earlier than the entry before"
        expected, prev = row.seq + 1, fields.get("hash", "")
        at_ms = int(fields["at"]) if fields.get("at", "").isdigit() else at_ms
        clock_set = '"clock.set"' in fields.get("body", "")


def _hashed(row: Row) -> bool:
    fields = row.fields
    if set(fields) != {"at", "body", "prev", "hash"} or not fields["at"].isdigit():
        return False
    return entry_hash(fields["prev"], row.seq, int(fields["at"]), fields["body"]) == fields["hash"]


def _seal_problems(hashes: dict[int, str], seals: Sequence[Sealed], unreadable: Collection[int]) -> list[str]:
    problems, expected, since, before = [], 1, 0, ""
    begun = max((seal.number for seal, _ in seals if seal.anew), default=0)
    for seal, digest in seals:
        name = f"seal {seal.number}"
        gap = range(expected, seal.number)
        if gap:
            problems += [f"seal {number}: missing" for number in gap if number not in unreadable][:1]
        elif seal.before != before or seal.first != (1 if seal.anew else since + 1):
            problems.append(f"{name}: it does not follow the seal before: one of both was changed")
        covered = [hashes.get(n, "") for n in range(seal.first, seal.last + 1)]
        gone = covered.count("")
        if seal.number < begun:
            pass  # what it covers was lost
        elif gone:
            problems.append(f"{name}: {gone} of the {len(covered)} entries that it covers are gone")
        elif merkle_root(covered) != seal.root or covered[-1] != seal.hash:
            problems.append(f"{name}: entries {seal.first} to {seal.last} are not those that were sealed")
        expected, since, before = seal.number + 1, seal.last, digest
    return problems


def _noted_problems(seals: Sequence[Sealed], noted: Sealed | None, unreadable: Collection[int]) -> list[str]:
    """A seal is noted after its file is written: files may be newer than what is noted, never older."""
    if noted is None or noted[0].number in unreadable:
        return []
    files = {seal.number: digest for seal, digest in seals}
    name = f"seal {noted[0].number}"
    if noted[0].number not in files:
        return [f"{name}: missing; it was the newest, over the entries up to {noted[0].last}"]
    return [] if files[noted[0].number] == noted[1] else [f"{name}: its file is not the one that was written"]


# Transparency


@dataclass(slots=True)
class Figures:
    """What a month's searches came to. Of a month alone: a lead may be answered in the next one.

    Attributes:
        month: ``YYYY-MM``, UTC.
        cases: Cases made, by purpose.
        urgent: Of those, urgent ones.
        ended: Cases that ended, by how: closed, expired, rejected.
        cameras: Cameras named in cases made; districts are counted apart.
        districts: Districts named likewise.
        leads: Leads made.
        leads_by_camera: Likewise, by camera.
        refused: Leads that came outside of their case and were not kept, each once however often it was brought.
        answers: Leads that people decided, each with the last word on it: ``confirmed``, or why it was rejected.
        dispatched: Leads for which somebody was sent.
        deletions: Leads, photos and routes deleted.
        views: Times that somebody looked at a lead or a photo.
        exports: Routes and packages of leads exported; those of violations belong to no search.
        stops: Times that all searching was stopped.
    """

    month: str
    cases: Counter[str] = field(default_factory=Counter)
    urgent: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    cameras: set[str] = field(default_factory=set)
    districts: set[str] = field(default_factory=set)
    leads: int = 0
    leads_by_camera: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    answers: dict[str, str] = field(default_factory=dict)
    dispatched: int = 0
    deletions: Counter[str] = field(default_factory=Counter)
    views: int = 0
    exports: int = 0
    stops: int = 0

    @property
    def confirmed(self) -> int:
        """Leads that two people confirmed, and nobody rejected afterwards."""
        return sum(answer == "confirmed" for answer in self.answers.values())

    @property
    def rejected(self) -> int:
        """Leads that somebody rejected, for whatever reason."""
        return len(self.answers) - self.confirmed

    @property
    def not_this_person(self) -> int:
        """Of those, leads that showed somebody else."""
        return sum(answer == "not_this_person" for answer in self.answers.values())

    @property
    def false_positive_rate(self) -> float | None:
        """Leads that showed somebody else, among them and those confirmed; None where there are neither.

        Each lead counts once, by the last word on it. Who was rejected for a bad picture, or for another reason, was
        not recognised either way: such leads say nothing of the machine's mistakes.
        """
        told = self.confirmed + self.not_this_person
        return self.not_this_person / told if told else None


def figures(entries: Iterable[AuditEntry], month: str) -> Figures:
    """The transparency figures of a month."""
    told = Figures(month)
    for entry in entries:
        if month_of(entry.at.astimezone(UTC)) == month:
            _count(told, entry)
    return told


def _count(told: Figures, entry: AuditEntry) -> None:
    details = entry.details
    match entry.action:
        case "case.created":
            told.cases[str(details.get("purpose", ""))] += 1
            told.urgent += bool(details.get("urgent"))
            told.cameras.update(_names(details.get("cameras")))
            told.districts.update(_names(details.get("districts")))
        case "case.closed" | "case.expired" | "case.rejected":
            told.ended[entry.action.removeprefix("case.")] += 1
        case "lead.made":
            told.leads += 1
            told.leads_by_camera[str(details.get("camera", ""))] += 1
        case "lead.refused":
            told.refused.add(entry.subject)
        case "lead.confirmed":
            if details.get("state") == "confirmed":
                told.answers[entry.subject] = "confirmed"
        case "lead.rejected":
            told.answers[entry.subject] = entry.why
        case "lead.dispatched":
            told.dispatched += 1
        case "lead.deleted" | "probe.deleted" | "route.deleted":
            told.deletions[entry.action.partition(".")[0]] += 1
        case "lead.viewed" | "probe.viewed":
            told.views += 1
        case "route.exported" | "evidence.exported":
            told.exports += bool(entry.case)
        case "searching.stopped":
            told.stops += 1
        case _:
            pass


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


def as_object(told: Figures) -> dict[str, object]:
    """The figures as JSON values."""
    rate = told.false_positive_rate
    plain = {
        "month": told.month,
        "cases": dict(told.cases),
        "urgent": told.urgent,
        "ended": dict(told.ended),
        "cameras": len(told.cameras),
        "districts": len(told.districts),
        "leads": told.leads,
        "leads_by_camera": dict(told.leads_by_camera),
        "leads_refused": len(told.refused),
        "confirmed": told.confirmed,
        "rejected": told.rejected,
        "not_this_person": told.not_this_person,
        "false_positive_rate": None if rate is None else round(rate, 4),
        "dispatched": told.dispatched,
        "deletions": dict(told.deletions),
        "views": told.views,
        "exports": told.exports,
        "stops": told.stops,
    }
    return json.loads(json.dumps(plain))  # type: ignore[no-any-return]
