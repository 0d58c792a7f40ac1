"""Live progress: a row a camera where there is a terminal, a line every few seconds where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cluster.cli.shell import counted
from flows.domain.status import CameraStatus, ResultsStatus

LINE_EVERY_S: Final = 5.0
"""Without a terminal: often enough to see life, seldom enough for a log."""
RATE_SPAN_S: Final = 3.0
"""Rates are taken over this long: shorter ones flicker with every batch."""

STARTING: Final = "starting Ray, Redis, the detectors and the cameras ..."
"""Shown until the first counts come, about 20 seconds on a small machine."""

_RANK: Final = {
    "failed": 0, "restarting": 1, "reconnecting": 2, "starting": 3, "running": 4, "stopped": 5, "ended": 6,
}  # fmt: skip
_STYLE: Final = {
    "failed": "bold red",
    "restarting": "yellow",
    "reconnecting": "yellow",
    "starting": "dim",
    "running": "green",
    "stopped": "dim",
    "ended": "cyan",
}


def worst_first(statuses: Sequence[CameraStatus]) -> list[CameraStatus]:
    """Cameras in trouble first, then by lag and drops, then by id."""
    return sorted(statuses, key=lambda s: (_RANK[s.state], -round(s.lag_s), -s.dropped, s.camera_id))


@dataclass(frozen=True, slots=True)
class Rate:
    """What one camera does a second."""

    frames_hz: float = 0.0
    detections_hz: float = 0.0


class Rates:
    """Rates by camera, from counts that only grow."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._samples: list[tuple[float, dict[str, tuple[int, int]]]] = []

    def update(self, statuses: Sequence[CameraStatus]) -> dict[str, Rate]:
        """Rate of each camera over the last few seconds; 0 where nothing is known yet."""
        now = self._now()
        counts = {s.camera_id: (s.frames_read, s.detections) for s in statuses}
        self._samples.append((now, counts))
        while len(self._samples) > 2 and now - self._samples[1][0] >= RATE_SPAN_S:
            self._samples.pop(0)
        then, before = self._samples[0]
        if now <= then:
            return dict.fromkeys(counts, Rate())
        return {
            camera: Rate(
                *(max(0, n - m) / (now - then) for n, m in zip(new, before.get(camera, (0, 0)), strict=True))
            )
            for camera, new in counts.items()
        }


def camera_table(
    statuses: Sequence[CameraStatus], rates: dict[str, Rate], results: ResultsStatus, rows: int
) -> Table:
    """The table of the ``rows`` worst cameras, with totals below."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    total = _totals(statuses, rates)
    shown = worst_first(statuses)[:rows]
    hidden = len(statuses) - len(shown)
    table.add_column("camera", counted(len(statuses), "camera") + (f" ({hidden} more)" if hidden else ""))
    table.add_column("state", _states(statuses))
    for name, footer in (
        ("frames", f"{total['read']:,}"),
        ("frames/s", f"{total['frames_hz']:.0f}"),
        ("gated", _share(total["gated"], total["read"])),
        ("detections/s", f"{total['detections_hz']:.1f}"),
        ("lag", f"{total['lag']:.1f} s"),
        ("drops", f"{total['dropped']:,}"),
        ("events", f"{total['events']:,}"),
    ):
        table.add_column(name, footer, justify="right")
    table.add_column("", results_note(results), overflow="ellipsis", no_wrap=True)
    for status in shown:
        table.add_row(*_row(status, rates.get(status.camera_id, Rate())))
    return table


def _row(status: CameraStatus, rate: Rate) -> tuple[str | Text, ...]:
    return (
        status.camera_id,
        Text(status.state, _STYLE[status.state]),
        f"{status.frames_read:,}",
        f"{rate.frames_hz:.0f}",
        _share(status.gated, status.frames_read),
        f"{rate.detections_hz:.1f}",
        f"{status.lag_s:.1f} s",
        f"{status.dropped:,}",
        f"{sum(status.events.values()):,}",
        Text(camera_note(status), "dim"),
    )


def camera_note(status: CameraStatus) -> str:
    """What there is to say of a camera besides its counts; empty if all is well."""
    parts = [status.message] if status.message else []
    parts += [unfit] if (unfit := unfitness(status)) else []
    parts += [f"{status.restarts} restarts"] if status.restarts else []
    parts += [f"{status.reconnects} reconnects"] if status.reconnects else []
    parts += [f"{n} {kind} errors" for kind, n in status.errors.items() if n]
    parts += [f"{status.spooled} spooled"] if status.spooled else []
    parts += [f"{status.lost} LOST"] if status.lost else []
    return ", ".join(parts)


def unfitness(status: CameraStatus) -> str:
    """Why a camera may not measure now; empty if it may."""
    if status.fitness == "moved":
        how_far = f" by {status.moved_px:g} px" if status.moved_px is not None else ""
        return f"UNFIT: the camera has moved{how_far}"
    return {"shaking": "unfit: shaking", "unsettled": "unfit: shaken or knocked"}.get(status.fitness, "")


def results_note(results: ResultsStatus) -> str:
    """How the results are doing."""
    parts = [f"Redis {results.redis}", f"{results.written:,} written"]
    away = f"Redis was away {counted(results.outages, 'time')}, {results.away_s:.0f} s in all"
    parts += [away] if results.outages else []
    parts += [f"{results.spooled:,} spooled"] if results.spooled else []
    parts += [f"{results.lost:,} LOST"] if results.lost else []
    return ", ".join(parts)


def _totals(statuses: Sequence[CameraStatus], rates: dict[str, Rate]) -> dict[str, float]:
    return {
        "read": sum(s.frames_read for s in statuses),
        "gated": sum(s.gated for s in statuses),
        "frames_hz": sum(r.frames_hz for r in rates.values()),
        "detections_hz": sum(r.detections_hz for r in rates.values()),
        "lag": max((s.lag_s for s in statuses), default=0.0),
        "dropped": sum(s.dropped for s in statuses),
        "events": sum(sum(s.events.values()) for s in statuses),
    }


def _states(statuses: Sequence[CameraStatus]) -> str:
    counts: dict[str, int] = {}
    for status in statuses:
        counts[status.state] = counts.get(status.state, 0) + 1
    return ", ".join(f"{n} {state}" for state, n in sorted(counts.items(), key=lambda c: _RANK[c[0]]))


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def progress_line(statuses: Sequence[CameraStatus], rates: dict[str, Rate], results: ResultsStatus) -> str:
    """Everything in one line, for logs; the worst camera is named."""
    total = _totals(statuses, rates)
    gated = _share(total["gated"], total["read"])
    line = (
        f"{_states(statuses)}: {total['read']:,} frames, {total['frames_hz']:.0f}/s, {gated} gated, "
        f"{total['detections_hz']:.1f} detections/s, lag {total['lag']:.1f} s, "
        f"{total['dropped']:,} dropped, {total['events']:,} events; {results_note(results)}"
    )
    for status in statuses:
        line += f"; {status.camera_id} {unfit}" if (unfit := unfitness(status)) else ""
    worst = worst_first(statuses)[0] if statuses else None
    if worst is not None and _RANK[worst.state] < _RANK["running"] and worst.message:
        line += f"; {worst.camera_id} {worst.state}: {worst.message}"
    return line


class LiveProgress:
    """What ``dome run`` shows while it runs; give ``update`` to the live job."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console, self._now = console, now
        self._rates = Rates(now)
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None
        self._printed_at = -LINE_EVERY_S

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
            self._live.update(Text(STARTING, "dim"))
        else:
            self._console.print(STARTING, style="dim")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, statuses: Sequence[CameraStatus], results: ResultsStatus) -> None:
        """Called by the live job about once a second."""
        rates = self._rates.update(statuses)
        if self._live is not None:
            rows = max(3, self._console.size.height - 4)
            self._live.update(camera_table(statuses, rates, results, rows))
        elif self._now() - self._printed_at >= LINE_EVERY_S:
            self._printed_at = self._now()
            self._console.print(progress_line(statuses, rates, results), soft_wrap=True)
