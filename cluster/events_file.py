"""The events of one run as a file: what its cameras sent, as Redis holds it, one CloudEvent a line."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self, TextIO

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

    Args:
        path: The file; an old one is replaced. None follows nothing.
        store: Redis.
        cameras: Ids of the run's cameras.
    """

    def __init__(self, path: Path | None, store: ResultsStore, cameras: Iterable[str]) -> None:
        self._path, self._store, self._cameras = path, store, frozenset(cameras)
        self._known: dict[str, None] = {}  # a set that knows which is the oldest
        self._asked: dict[str, None] = {}
        self._place = ""

    def __enter__(self) -> Self:
        if self._path is not None:
            self._place = self._store.newest()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text("", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is not None and self._known:
            self._sort(self._path)

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
            with self._path.open("a", encoding="utf-8") as file:
                self._follow(file)
        except StoreError as error:
            log.debug("events file: %s", error)

    def _follow(self, file: TextIO) -> None:
        while entries := self._store.events(self._place, count=ROUND_EVENTS):
            self._write(file, [e.event for e in entries if e.event.camera_id in self._cameras])
            self._place = entries[-1].place
        asked = list(islice(self._asked, ROUND_EVENTS))
        self._write(file, [e.event for e in self._store.entries(asked)])
        for event_id in asked:
            self._asked.pop(event_id, None)

    def _write(self, file: TextIO, events: Sequence[Event]) -> None:
        for event in events:
            self._asked.pop(event.id, None)
            if event.id not in self._known and event.type != PASSAGE:
                self._known[event.id] = None
                file.write(event.model_dump_json() + "\n")
        _keep_newest(self._known)

    def _sort(self, path: Path) -> None:
        """By capture time at the end, so that two runs of the same footage give the same file."""
        new = path.with_name(f".{path.name}.new")
        with path.open("rb") as old, new.open("wb") as file:
            for place in _in_order(old):
                old.seek(place)
                file.write(old.readline())
        new.replace(path)


def _in_order(file: BinaryIO) -> list[int]:
    """Where each event's line begins, each event once, by capture time; the lines themselves are not kept."""
    places: dict[str, tuple[str, str, int]] = {}
    place = 0
    for line in file:
        event = Event.model_validate_json(line)
        places.setdefault(event.id, (event.time.isoformat(), event.id, place))
        place += len(line)
    return [place for _, _, place in sorted(places.values())]


def _keep_newest(ids: dict[str, None]) -> None:
    for old in list(islice(ids, max(0, len(ids) - MOST_IDS))):
        del ids[old]
