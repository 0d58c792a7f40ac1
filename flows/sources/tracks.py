"""Tracks in metres from a smart camera, a radar or a drone, played from files: rules run on them as on pictures.

Rows may come in any order within a window of :data:`WINDOW_ROWS`, which covers every file smaller than that, and
more than once; lines that cannot be used are left out. Each is counted, and told with its line and field.
"""

from __future__ import annotations

import heapq
import math
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

from flows.domain.errors import FieldError, SourceError
from flows.domain.fixes import Fix
from flows.domain.frames import ClockSource, ClockState, Frame, NoPixels
from flows.domain.ruleset import ROAD_USERS
from flows.domain.site import TracksSource
from flows.sources.base import Probe, SourceStats
from flows.sources.clock import RateMeter, micros, moment
from flows.sources.ring import PacketRing
from flows.sources.trackrows import OPTIONAL, BadRow, Row, check_columns, files_of, header_of, read_rows

WINDOW_ROWS: Final = 60_000
"""Rows held to be put in order, of all files together: about 20 MB."""
PROBE_ROWS: Final = 200_000
"""Rows that a look takes in: some seconds."""
COUNTED_SCALE_ERROR: Final = 1e-3
"""Relative error of a stated rate, by which frames were turned into time: 23.98 for 23.976 is 2e-4, 30 for 29.97
is 1e-3."""
REPEATED: Final = "row_repeated"
UNORDERED: Final = "row_out_of_order"
LATE: Final = "row_too_late"
BAD: Final = "row"
"""What rows are counted by: a line that cannot be used, one that was there before, one out of order, and one that
came so late that its time was over."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What was reported for one time.

    Attributes:
        us: Microseconds since 1970, or since the file's time zero.
        absolute: Which of the two.
        fixes: The objects, each once.
    """

    us: int
    absolute: bool
    fixes: tuple[Fix, ...]


class ScanReader:
    """Scans of the files of one source, in order of time.

    Args:
        source: Path, columns and classes.
    """

    def __init__(self, source: TracksSource) -> None:
        self._source = source
        self.paths: list[Path] = []
        self.counts: Counter[str] = Counter()
        self.rows = 0
        self.first_error: FieldError | None = None

    def open(self) -> None:
        """Finds the files and looks at their first row.

        Raises:
            SourceError: If there is no file, or nothing of use in one.
            FieldError: If a column is not there.
        """
        self.paths = files_of(self._source.path)
        self._check_optional()
        for path in self.paths:
            bad = None
            for row in read_rows(path, self._source):
                if isinstance(row, Row):
                    break
                bad = bad or row
            else:
                why = f": {bad.error}" if bad else ""
                raise SourceError(f"{path}: expected rows of tracks, got none that can be used{why}")

    def _check_optional(self) -> None:
        """Optional columns that the site file names must be in one of the files."""
        headers = [header_of(path) for path in self.paths]
        columns = self._source.columns
        if all(header is not None for header in headers):
            known = sorted({name for header in headers for name in header or ()})
            stated = [field for field in OPTIONAL if field in columns.model_fields_set]
            check_columns(stated, known, self._source.path.name, columns)

    def scans(self) -> Iterator[Scan]:
        """Scans with strictly increasing times."""
        share = max(1, WINDOW_ROWS // len(self.paths))
        several = len(self.paths) > 1
        streams = [
            self._in_order(read_rows(path, self._source, f"{number}:" if several else ""), share)
            for number, path in enumerate(self.paths)
        ]
        rows = self._of_one_clock(heapq.merge(*streams, key=lambda row: row.us))
        last_us: int | None = None
        for us, group in groupby(rows, key=lambda row: row.us):
            together = list(group)
            if last_us is not None and us <= last_us:
                self.counts[LATE] += len(together)
                continue
            last_us = us
            yield Scan(us, together[0].absolute, self._each_once(together))

    def _in_order(self, rows: Iterator[Row | BadRow], window: int) -> Iterator[Row]:
        held: list[tuple[int, int, Row]] = []
        newest_us: int | None = None
        for number, row in enumerate(rows):
            self.rows += 1
            if isinstance(row, BadRow):
                self._spoiled(row.error)
                continue
            if newest_us is not None and row.us < newest_us:
                self.counts[UNORDERED] += 1
            newest_us = row.us if newest_us is None else max(newest_us, row.us)
            heapq.heappush(held, (row.us, number, row))
            if len(held) > window:
                yield heapq.heappop(held)[2]
        while held:
            yield heapq.heappop(held)[2]

    def _of_one_clock(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Without those whose time is stated another way than the first row's."""
        absolute: bool | None = None
        for row in rows:
            absolute = row.absolute if absolute is None else absolute
            if row.absolute == absolute:
                yield row
            else:
                ways = "times of day", "seconds"
                expected, got = ways if absolute else reversed(ways)
                self._spoiled(FieldError("time", f"{expected} as in the first row", got))

    def _each_once(self, rows: list[Row]) -> tuple[Fix, ...]:
        fixes: dict[str, Fix] = {}
        for row in rows:
            fixes.setdefault(row.fix.name, row.fix)
        self.counts[REPEATED] += len(rows) - len(fixes)
        return tuple(fixes.values())

    def _spoiled(self, error: FieldError) -> None:
        self.counts[BAD] += 1
        self.first_error = self.first_error or error


class TrackFiles:
    """The source of a camera that sends tracks; see :class:`flows.sources.base.Source`.

    Args:
        camera_id: The camera in the site file.
        source: The files.
        stop: Set to end it.
    """

    def __init__(self, camera_id: str, source: TracksSource, *, stop: threading.Event | None = None) -> None:
        self._camera_id, self._source = camera_id, source
        self._stop = stop or threading.Event()
        self._reader = ScanReader(source)
        self._ring = PacketRing()
        self._clock: ClockState | None = None
        self._frames = 0

    @property
    def ring(self) -> PacketRing:
        """Always empty: there are no pictures."""
        return self._ring

    @property
    def stats(self) -> SourceStats:
        """A snapshot of the counts."""
        reader = self._reader
        return SourceStats(
            packets=reader.rows,
            frames=self._frames,
            clock=self._clock,
            message=str(reader.first_error or ""),
            oddities={reason: n for reason, n in reader.counts.items() if n},
        )

    def open(self) -> None:
        """Looks whether the files can be used.

        Raises:
            SourceError: If there is no file, or nothing of use in one.
            FieldError: If a column is not there.
        """
        self._reader.open()

    def close(self) -> None:
        """Ends :meth:`frames` soon."""
        self._stop.set()

    def frames(self) -> Iterator[Frame]:
        """A frame without pixels for each time that the files speak of."""
        clock = None
        try:
            for scan in self._reader.scans():
                clock = clock or ScanClock(self._source, self._reader.paths[0], scan)
                at, self._clock = clock.stamp(scan)
                index, self._frames = self._frames, self._frames + 1
                picture = NoPixels(0, 0)
                yield Frame(self._camera_id, index, at, picture, self._clock, fixes=scan.fixes)
                if self._stop.is_set():
                    return
        finally:
            self._ring.end()


class ScanClock:
    """Capture times of scans.

    Args:
        source: Where its time zero and its rate are stated.
        path: File whose own time stands in where no time zero is stated.
        first: The first scan.
    """

    def __init__(self, source: TracksSource, path: Path, first: Scan) -> None:
        self._zero_us, anchor = _zero(source, path, first)
        self._meter = RateMeter()
        self._last_us: int | None = None
        anchored_us = first.us if first.absolute else self._zero_us
        scale_error = COUNTED_SCALE_ERROR if source.columns.frame is not None else 1e-4
        self._state = ClockState(anchor, moment(anchored_us), scale_error=scale_error)

    def stamp(self, scan: Scan) -> tuple[datetime, ClockState]:
        """A scan's capture time, and the clock's state."""
        meter = self._meter
        if self._last_us is not None and meter.add(scan.us - self._last_us):
            self._state = replace(self._state, rate_hz=meter.rate_hz, jitter_s=meter.jitter_s)
        self._last_us = scan.us
        return moment(self._zero_us + scan.us), self._state


def _zero(source: TracksSource, path: Path, first: Scan) -> tuple[int, ClockSource]:
    """Time zero of the scans, microseconds since 1970, and who says so."""
    if first.absolute:
        return 0, "device"
    if source.started_at is not None:
        return micros(source.started_at), "site"
    return micros(datetime.fromtimestamp(path.stat().st_mtime, UTC)), "file-time"


def probe_tracks(source: TracksSource) -> Probe:
    """A look at the files, for ``dome check``.

    Raises:
        SourceError: If there is no file, or nothing of use in one.
        FieldError: If a column is not there.
    """
    reader = ScanReader(source)
    reader.open()
    look = _Look()
    clock = None
    for scan in reader.scans():
        clock = clock or ScanClock(source, reader.paths[0], scan)
        look.take(scan, *clock.stamp(scan))
        if reader.rows >= PROBE_ROWS:
            look.whole = False
            break
    if look.first_at is None or look.last_at is None or look.state is None:
        raise SourceError(f"{source.path}: expected rows of tracks, got none that can be used")
    return Probe(
        codec=f"{len(look.names)} tracks",
        width_px=0,
        height_px=0,
        measured_hz=look.state.rate_hz,
        declared_hz=source.rate_hz,
        jitter_s=look.state.jitter_s,
        clock_source=look.state.source,
        anchored_at=look.first_at,
        duration_s=(look.last_at - look.first_at).total_seconds() if look.whole else None,
        b_frames=False,
        key_interval_s=math.nan,
        problems=tuple(_problems(source, reader, look)),
    )


@dataclass(slots=True)
class _Look:
    """What a look has shown so far."""

    names: dict[str, str] = field(default_factory=dict)
    first_at: datetime | None = None
    last_at: datetime | None = None
    state: ClockState | None = None
    whole: bool = True

    def take(self, scan: Scan, at: datetime, state: ClockState) -> None:
        self.names.update((fix.name, fix.cls) for fix in scan.fixes)
        self.first_at, self.last_at, self.state = self.first_at or at, at, state


def _problems(source: TracksSource, reader: ScanReader, look: _Look) -> Iterator[str]:
    counts = reader.counts
    if counts[BAD]:
        yield f"{counts[BAD]} of {reader.rows} rows cannot be used, the first: {reader.first_error}"
    if counts[REPEATED]:
        yield f"{counts[REPEATED]} rows name an object again at the same time: the first counts"
    if counts[UNORDERED]:
        yield f"{counts[UNORDERED]} rows are out of order: put in order"
    if counts[LATE]:
        yield f"{counts[LATE]} rows come more than {WINDOW_ROWS} rows too late: left out"
    strange = sorted(set(look.names.values()) - set(ROAD_USERS))
    if strange:
        yield f"no rule knows the classes {', '.join(strange)}: say what they are under source.classes"
    if source.columns.frame is not None:
        yield f"it counts frames: speeds stand or fall with the stated {source.rate_hz:g} Hz"
    elif look.state is not None and look.state.source == "file-time":
        yield "its times are seconds since an unknown moment: set source.started_at"
