"""The events of one run as a file: what its cameras sent, as Redis holds it, one CloudEvent a line."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from flows.domain.errors import StoreError
from flows.domain.events import PASSAGE
from flows.store.results import ResultsStore

log = logging.getLogger(__name__)

ROUND_EVENTS = 500
"""Events read at a time: a round must not hold up the progress display."""


class EventsFile:
    """Follows a run and writes each of its events once, when Redis has it.

    Passages are left out: hashes of plates expire in Redis, and a file forgets nothing.

    An event that was in Redis before (the same footage was run before) belongs to this run as well; one that
    Redis does not have yet is asked for again later.

    Args:
        path: The file; an old one is replaced. None follows nothing.
        store: Redis.
        cameras: Ids of the run's cameras.
    """

    def __init__(self, path: Path | None, store: ResultsStore, cameras: Iterable[str]) -> None:
        self._path, self._store, self._cameras = path, store, frozenset(cameras)
        self._lines: dict[str, tuple[str, str]] = {}
        self._missing: dict[str, None] = {}
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
        if self._path is not None and self._lines:
            self._sort(self._path)

    def follow(self, sent: Iterable[str]) -> int:
        """Writes what is new.

        Args:
            sent: Ids that cameras say they have sent since the last call.

        Returns:
            How many events were sent but are not in Redis yet.
        """
        if self._path is None:
            return 0
        self._missing.update(dict.fromkeys(i for i in sent if i not in self._lines))
        try:
            self._follow(self._path)
        except StoreError as error:
            log.debug("events file: %s", error)
        return len(self._missing)

    def _follow(self, path: Path) -> None:
        found = {}
        while entries := self._store.events(self._place, count=ROUND_EVENTS):
            found.update({e.event.id: e.event for e in entries if e.event.camera_id in self._cameras})
            self._place = entries[-1].place
        for event_id in [i for i in self._missing if i not in found][:ROUND_EVENTS]:
            entry = self._store.event(event_id)
            if entry is not None:
                found[event_id] = entry.event
        with path.open("a", encoding="utf-8") as file:
            for event in found.values():
                self._missing.pop(event.id, None)
                if event.id not in self._lines and event.type != PASSAGE:
                    self._lines[event.id] = (event.time.isoformat(), event.model_dump_json())
                    file.write(self._lines[event.id][1] + "\n")

    def _sort(self, path: Path) -> None:
        """By capture time at the end, so that two runs of the same footage give the same file."""
        ordered = sorted((at, event_id, line) for event_id, (at, line) in self._lines.items())
        new = path.with_name(f".{path.name}.new")
        new.write_text("".join(line + "\n" for _, _, line in ordered), encoding="utf-8")
        new.replace(path)
