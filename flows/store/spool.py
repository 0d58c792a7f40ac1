"""A bounded queue of events on disk, for when whoever takes them is away. Standard library only."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from itertools import islice
from pathlib import Path

from flows.domain.errors import StoreError
from flows.ownfile import sync_folder

log = logging.getLogger(__name__)

SEGMENT_BYTES = 4 << 20
"""A file is closed at this size, so that a drained part of a long backlog gives its space back."""

LOCK_WAIT_S = 5.0
"""A killed actor's process may still be ending when its successor starts."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of events handed to a spool.

    Attributes:
        kept: Events now safe on disk.
        lost: Events that could not be kept: the spool or the disk is full. Always the newest of the batch.
        why: The reason, where any were lost.
    """

    kept: int
    lost: int = 0
    why: str = ""


@dataclass(slots=True)
class _Segment:
    """One file of lines: ``count`` of them wait, the first at ``start`` bytes."""

    path: Path
    count: int
    start: int = 0


class Spool:
    """An append-only queue of lines of JSON below ``directory/name``.

    Survives the death of its process: a new instance goes on where the old one stopped. What was peeked but
    not acknowledged comes again, so takers must know events by their ids. A line torn by a crash or a power
    cut was never reported as kept; it is skipped and counted in ``torn``. One instance at a time: a lock sees
    to it.

    Args:
        directory: The directory of all spools.
        name: This producer's own name.
        max_events: Most events kept; more are refused, counted and reported.
        fsync: Whether ``append`` waits for the disk, so that events survive a power cut and not only a kill.

    Raises:
        StoreError: If the directory cannot be used, or another process holds this spool.
    """

    def __init__(self, directory: Path, name: str, max_events: int, *, fsync: bool = True) -> None:
        self.folder = directory / name
        self.max_events = max_events
        self.torn = 0
        self._fsync = fsync
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / "lock").open("ab")
        except OSError as error:
            raise StoreError(f"cannot use spool {self.folder}: {error}; set DOME_SPOOL elsewhere") from None
        self._take_lock()
        self._out: FileIO | None = None
        at, start = self._load_cursor()
        self._segments = deque(self._found(at, start))
        self._waiting = sum(segment.count for segment in self._segments)  # read by other threads too
        # Above the cursor, too: a killed process may have removed that file and not yet said so.
        self._next = 1 + max([int(s.path.stem) for s in self._segments], default=at)

    def __len__(self) -> int:
        """Events waiting."""
        return self._waiting

    def append(self, lines: Sequence[bytes]) -> Kept:
        """Adds events, each one line of JSON; returns when they are on disk.

        Called by the producer, from one thread at a time.
        """
        room = max(0, self.max_events - len(self))
        taken = lines[:room]
        over = len(lines) - len(taken)
        why = f"the spool {self.folder} holds its {self.max_events} events" if over else ""
        if taken:
            try:
                self._put(b"".join(line + b"\n" for line in taken), len(taken))
            except OSError as error:
                log.error("spool: %s", error)
                return Kept(0, len(lines), f"the spool {self.folder} cannot be written: {error}")
        return Kept(len(taken), over, why)

    def peek(self, count: int) -> list[bytes]:
        """The oldest events, at most ``count``, without removing them."""
        found: list[bytes] = []
        for segment in self._segments:
            room = min(segment.count, count - len(found))
            found += [line for line, _ in islice(_lines(segment), room)]
            if len(found) >= count:
                break
        return found

    def ack(self, count: int) -> None:
        """Removes the oldest ``count`` events: the taker has them.

        A disk that is full, or takes nothing, keeps nobody from that: some events may come again after a restart then.

        Raises:
            ValueError: If fewer are there.
        """
        if count > len(self):
            raise ValueError(f"ack: expected at most {len(self)} events, got {count}")
        while count and self._segments:
            count -= self._advance(self._segments[0], count)
            if self._segments[0].count == 0:
                self._drop_first()
        try:
            self._save_cursor()
        except OSError as error:
            log.error("spool: %s", error)

    def close(self) -> None:
        """Lets another instance use the spool; what waits stays on disk."""
        self._close_segment()
        self._lock.close()

    # Inside

    def _take_lock(self) -> None:
        deadline_s = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline_s:
                    self._lock.close()
                    raise StoreError(
                        f"the spool {self.folder} is in use by another process; end that, or set DOME_SPOOL"
                    ) from None
                time.sleep(0.05)

    def _found(self, at: int, start: int) -> Iterator[_Segment]:
        """What an earlier instance left, read once from the cursor on."""
        for path in sorted(self.folder.glob("*.jsonl")):
            number = int(path.stem)
            segment = _Segment(path, 0, start if number == at else 0)
            if number < at:
                path.unlink()  # drained, but the process ended before it could be removed
                continue
            segment.count = sum(1 for _ in _lines(segment))
            self.torn += _raw_count(segment) - segment.count
            if segment.count:
                yield segment
            else:
                path.unlink()

    def _put(self, data: bytes, count: int) -> None:
        if self._out is None:
            path = self.folder / f"{self._next:08d}.jsonl"
            self._out = path.open("ab", buffering=0)
            self._next += 1
            self._segments.append(_Segment(path, 0))
            if self._fsync:
                sync_folder(self.folder)
        before = os.fstat(self._out.fileno()).st_size
        try:
            _write_all(self._out, data)
            if self._fsync:
                os.fsync(self._out.fileno())
        except OSError:
            os.truncate(self._out.fileno(), before)
            raise
        self._segments[-1].count += count
        self._waiting += count
        if before + len(data) >= SEGMENT_BYTES:
            self._close_segment()

    def _close_segment(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None

    def _advance(self, segment: _Segment, count: int) -> int:
        """Moves a segment's start past up to ``count`` lines; returns how many."""
        passed = min(count, segment.count)
        for _, end in islice(_lines(segment), passed):
            segment.start = end
        segment.count -= passed
        self._waiting -= passed
        return passed

    def _drop_first(self) -> None:
        if len(self._segments) == 1:
            self._close_segment()
        self._segments.popleft().path.unlink()

    def _save_cursor(self) -> None:
        """Losing the newest cursor in a power cut only means that some events come again."""
        new = self.folder / "cursor.new"
        if self._segments:
            new.write_text(f"{self._segments[0].path.name} {self._segments[0].start}", encoding="ascii")
            new.replace(self.folder / "cursor")
        else:
            (self.folder / "cursor").unlink(missing_ok=True)

    def _load_cursor(self) -> tuple[int, int]:
        """Number of the file and offset from which on events wait."""
        try:
            name, start = (self.folder / "cursor").read_text(encoding="ascii").split()
            return int(name.removesuffix(".jsonl")), int(start)
        except (FileNotFoundError, ValueError):
            return 0, 0


def _lines(segment: _Segment) -> Iterator[tuple[bytes, int]]:
    """Each whole line from the segment's start on, with the offset of its end; torn ones are passed over."""
    with segment.path.open("rb") as file:
        file.seek(segment.start)
        end = segment.start
        for raw in file:
            end += len(raw)
            if raw.startswith(b"{") and raw.endswith(b"}\n") and b"\0" not in raw:
                yield raw[:-1], end


def _raw_count(segment: _Segment) -> int:
    with segment.path.open("rb") as file:
        file.seek(segment.start)
        return sum(1 for _ in file)


def _write_all(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or 0 :]
