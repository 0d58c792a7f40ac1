"""The events of one run as a file: what its cameras sent, as Redis holds it, one CloudEvent a line."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from os import SEEK_END
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from pydantic import ValidationError

from flows.domain.errors import StoreError
from flows.domain.events import PASSAGE, Event
from flows.store.results import ResultsStore

log = logging.getLogger(__name__)

ROUND_EVENTS: Final = 500
"""Events read at a time: a round must not hold up the progress display."""
MOST_IDS: Final = 100_000
"""Ids remembered (10 MB), the newest: a live job has no end. What a camera that starts again sends once more is not
as old; and no event is there twice at the end."""


class EventsFile:
    """Follows a run and writes each of its events once, when Redis has it.

    Passages are left out: hashes of plates expire in Redis, and a file forgets nothing.

    An event that was in Redis before (the same footage was run before) belongs to this run as well, so what cameras
    say they have sent is looked up, once: what Redis does not have then is seen when it is written.

    A disk that takes nothing ends no run: the file goes on where it was as soon as it can be written.

    Args:
        path: The file. None follows nothing.
        store: Redis.
        cameras: Ids of the run's cameras.
        goes_on: The file goes on where an earlier run left it; it is replaced otherwise.
    """

    def __init__(
        self, path: Path | None, store: ResultsStore, cameras: Iterable[str], *, goes_on: bool = False
    ) -> None:
        self._path, self._store, self._cameras = path, store, frozenset(cameras)
        self._goes_on, self._trouble = goes_on, ""
        self._known: dict[str, None] = {}  # a set that knows which is the oldest
        self._asked: dict[str, None] = {}
        self._place = ""

    def __enter__(self) -> Self:
        if self._path is not None:
            self._place = self._store.newest()
            if self._goes_on and self._path.exists():
                self._known = dict.fromkeys(_left(self._path))
                _keep_newest(self._known)
            else:
                self._path.write_text("", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._trouble:
            log.error("%s lacks events, which Redis holds: %s", self._path, self._trouble)
        if self._path is not None and self._known:
            try:
                _sort(self._path)
            except OSError as failed:
                log.warning("%s is not in the order of time: %s", self._path, failed)

    def watch(self, cameras: Iterable[str]) -> None:
        """Cameras that have come since."""
        self._cameras |= frozenset(cameras)

    def follow(self, sent: Iterable[str]) -> None:
        """Writes what is new.

        Args:
            sent: Ids that cameras say they have sent since the last call.
        """
        if self._path is None:
            return
        self._asked.update(dict.fromkeys(i for i in sent if i not in self._known))
        _keep_newest(self._asked)
        try:
            self._follow(self._path)
            self._trouble = ""
        except StoreError as error:
            log.debug("events file: %s", error)
        except OSError as error:
            if not self._trouble:  # once: it is tried twice a second
                log.warning("events wait in Redis until %s can be written: %s", self._path, error)
            self._trouble = str(error)

    def _follow(self, path: Path) -> None:
        while entries := self._store.events(self._place, count=ROUND_EVENTS):
            self._write(path, [e.event for e in entries if e.event.camera_id in self._cameras])
            self._place = entries[-1].place
        asked = list(islice(self._asked, ROUND_EVENTS))
        self._write(path, [e.event for e in self._store.entries(asked)])
        for event_id in asked:
            self._asked.pop(event_id, None)

    def _write(self, path: Path, events: Sequence[Event]) -> None:
        """What is written is known, and nothing else is."""
        new = {e.id: e for e in events if e.id not in self._known and e.type != PASSAGE}
        if new:
            _append(path, "".join(event.model_dump_json() + "\n" for event in new.values()).encode())
        self._known.update(dict.fromkeys(new))
        for event in events:
            self._asked.pop(event.id, None)
        _keep_newest(self._known)


def _append(path: Path, lines: bytes) -> None:
    """All of it or nothing: of what did not fit no half line stays."""
    with path.open("ab", buffering=0) as file:
        end = file.seek(0, SEEK_END)
        try:
            while lines:
                lines = lines[file.write(lines) :]
        except OSError:
            file.truncate(end)
            raise


def _left(path: Path) -> list[str]:
    """Ids of the events that an earlier run left; half a line, as a power cut leaves it, goes. Needs no room."""
    with path.open("r+b") as file:
        file.truncate(sum(len(line) for line in file if line.endswith(b"\n")))
        file.seek(0)
        return [event_id for _, event_id, _ in _in_order(file)]


def _sort(path: Path) -> None:
    """By capture time at the end, so that two runs of the same footage give the same file."""
    new = path.with_name(f".{path.name}.new")
    try:
        with path.open("rb") as old, new.open("wb") as file:
            for _, _, place in _in_order(old):
                old.seek(place)
                file.write(old.readline())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _in_order(file: BinaryIO) -> list[tuple[str, str, int]]:
    """Time, id and where the line begins of each event, each event once; the lines themselves are not kept.
    What is no event is passed over."""
    places: dict[str, tuple[str, str, int]] = {}
    place = 0
    for line in file:
        with suppress(ValidationError):
            event = Event.model_validate_json(line)
            places.setdefault(event.id, (event.time.isoformat(), event.id, place))
        place += len(line)
    return sorted(places.values())


def _keep_newest(ids: dict[str, None]) -> None:
    for old in list(islice(ids, max(0, len(ids) - MOST_IDS))):
        del ids[old]
