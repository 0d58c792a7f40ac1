"""Stories on a road: vehicles that pass waypoints, told to a rule frame by frame as the pipeline would.

A story is a list of drives. :func:`tell` plays it to a rule, seen by a radar (places in metres with noise) or,
with ``eye``, by a camera (boxes with noise that hide one another). Real paths are made of what is seen::

    site = road(WrongWayRule(lane="west"), zones={"west": rect(-4, 0, 0, 60)}, headings={"west": 180})
    events = tell(WrongWay(config, site), [straight(1, x=-2, y=(0, 60), kmh=40)])
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, cached_property
from itertools import pairwise

import driving
import numpy as np
from numpy.typing import NDArray

from flows.domain.events import Event, Violation
from flows.domain.fixes import Fix
from flows.domain.frames import ClockSource, ClockState
from flows.domain.paths import Path
from flows.domain.ruleset import RuleConfig, SignalConfig
from flows.domain.signals import Phase, SignalState
from flows.domain.site import CameraConfig
from flows.domain.tracks import Sighting, Track
from flows.jurisdiction import JurisdictionProfile, load_profile
from flows.road.ground import GroundPlane
from flows.road.motion import BODIES
from flows.road.paths import FixBook, PathBook
from flows.road.roadway import Roadway
from flows.rules.base import Moment, Rule, Site
from flows.rules.hiding import Occlusion, Rests
from flows.scenes.camera import PinholeCamera

Array = NDArray[np.float64]
Point = tuple[float, float]
Spell = tuple[float, float]

START = driving.START
KMH = 3.6
HZ = 12.5
HEIGHTS_M = {"car": 1.45, "truck": 3.1, "bus": 3.0, "motorcycle": 1.5, "person": 1.75}
LOST_S = 2.0
"""A track that is unseen for longer ends, as in the tracker."""


@dataclass(frozen=True)
class Drive:
    """One vehicle (or person) and how it is seen.

    Attributes:
        id: The tracker's number for it.
        way: ``(second, x_m, y_m)`` of its middle; between them it goes smoothly, and stands between equal places.
        cls: What the detector calls it.
        size_m: Length and width of its body; the class's own if None.
        backwards: Seconds from which until which it drives in reverse.
        unseen: Seconds from which until which it is not detected.
        numbers: ``(second, id)``: from then on the tracker gives it another number.
        called: ``(second, cls)``: from then on the detector calls it something else.
        bias_m: The detector is always off by so much.
        shifts: ``(from_s, until_s, dx_m, dy_m)``: the detector is off for a while.
        score: How sure the detector is of it.
    """

    id: int
    way: tuple[tuple[float, float, float], ...]
    cls: str = "car"
    size_m: Point | None = None
    backwards: tuple[Spell, ...] = ()
    unseen: tuple[Spell, ...] = ()
    numbers: tuple[tuple[float, int], ...] = ()
    called: tuple[tuple[float, str], ...] = ()
    bias_m: Point = (0.0, 0.0)
    shifts: tuple[tuple[float, float, float, float], ...] = ()
    score: float = 0.9

    @property
    def from_s(self) -> float:
        return self.way[0][0]

    @property
    def until_s(self) -> float:
        return self.way[-1][0]

    def place(self, at_s: float) -> tuple[Array, Array]:
        """Middle ``(2,)`` m and direction ``(2,)`` of its body."""
        t, xy, slopes = self._curve
        middle, speed = _hermite(t, xy, slopes, at_s)
        if np.hypot(*speed) < 0.05:  # stands: it points as it came, or as it will go
            speed = self._way_before(at_s, t, xy)
        if any(a <= at_s < b for a, b in self.backwards):
            speed = -speed
        return middle, speed / max(float(np.hypot(*speed)), 1e-9)

    @cached_property
    def _curve(self) -> tuple[Array, Array, Array]:
        """Seconds ``(N,)``, places ``(N, 2)`` m and speeds there ``(N, 2)`` m/s."""
        t, xy = np.array([w[0] for w in self.way]), np.array([w[1:] for w in self.way])
        return t, xy, np.column_stack([_slopes(t, xy[:, 0]), _slopes(t, xy[:, 1])])

    def _way_before(self, at_s: float, t: Array, xy: Array) -> Array:
        steps = np.diff(xy, axis=0)
        moves = np.flatnonzero(np.hypot(steps[:, 0], steps[:, 1]) > 0.01)
        if not len(moves):
            return np.array([0.0, 1.0])
        before = moves[t[moves + 1] <= at_s + 1e-6]
        step = int(before[-1]) if len(before) else int(moves[0])
        # Who came there backwards still points the other way.
        back = any(a < (t[step] + t[step + 1]) / 2 < b for a, b in self.backwards)
        return np.asarray(-steps[step] if back else steps[step])

    def seen_at(self, at_s: float) -> bool:
        here = self.from_s <= at_s <= self.until_s
        return here and not any(a <= at_s < b for a, b in self.unseen)

    def number(self, at_s: float) -> int:
        return next((n for since, n in reversed(self.numbers) if at_s >= since), self.id)

    def name(self, at_s: float) -> str:
        return next((c for since, c in reversed(self.called) if at_s >= since), self.cls)

    def off_m(self, at_s: float) -> Array:
        off = np.array(self.bias_m)
        for since, until, dx, dy in self.shifts:
            if since <= at_s < until:
                off = off + np.array((dx, dy))
        return off

    def body_m(self) -> Point:
        """Length and width."""
        if self.size_m is not None:
            return self.size_m
        prior = BODIES.get(self.cls)
        return (prior.length[0], prior.width[0]) if prior else (0.4, 0.5)


def straight(id: int, *, x: float, y: Spell, kmh: float, start_s: float = 0.0, cls: str = "car") -> Drive:
    """Straight on along the road at a constant speed."""
    lasts = abs(y[1] - y[0]) / (kmh / KMH)
    return Drive(id, ((start_s, x, y[0]), (start_s + lasts, x, y[1])), cls)


def over(id: int, *points: Point, kmh: float, start_s: float = 0.0, cls: str = "car") -> Drive:
    """Through points ``(x_m, y_m)`` at a constant speed."""
    t, way = start_s, [(start_s, *points[0])]
    for a, b in pairwise(points):
        if np.allclose(a, b):
            continue
        t += float(np.hypot(b[0] - a[0], b[1] - a[1])) / (kmh / KMH)
        way.append((t, *b))
    return Drive(id, tuple(way), cls)


def arc(middle: Point, radius_m: float, from_deg: float, to_deg: float, steps: int = 8) -> tuple[Point, ...]:
    """Points on a circle, degrees counter-clockwise from +x; for turns."""
    turns = np.radians(np.linspace(from_deg, to_deg, steps))
    return tuple(
        (float(middle[0] + radius_m * np.cos(a)), float(middle[1] + radius_m * np.sin(a))) for a in turns
    )


def parked(id: int, *, x: float, y: float, s: Spell, cls: str = "car") -> Drive:
    """Stands there from one second to another."""
    return Drive(id, ((s[0], x, y), (s[1], x, y)), cls)


def swapped(a: Drive, b: Drive, at_s: float) -> tuple[Drive, Drive]:
    """The tracker takes one for the other from then on."""
    return replace(a, numbers=((at_s, b.id),)), replace(b, numbers=((at_s, a.id),))


def rect(x0: float, y0: float, x1: float, y1: float) -> tuple[Point, ...]:
    """Corners of a zone along the road."""
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def road(
    rule: RuleConfig,
    *,
    zones: Mapping[str, Sequence[Point]] | None = None,
    headings: Mapping[str, float] | None = None,
    lines: Mapping[str, Sequence[Point]] | None = None,
    signals: Sequence[str] = (),
    eye: PinholeCamera | None = None,
    profile: JurisdictionProfile | None = None,
    platform: str = "fixed",
    surveyed: bool = True,
) -> Site:
    """A site with one rule; ``eye`` looks at it, or else a radar does."""
    turns = headings or {}
    pictures = eye is not None or not surveyed
    camera = CameraConfig.model_validate(
        {
            "id": "road-1",
            "district": "alatau",
            "platform": platform,
            "source": {"kind": "scene", "scene": "road"}
            if pictures
            else {"kind": "tracks", "path": "radar.csv"},
            "zones": [
                {"name": n, "polygon_m": p, "heading_deg": turns.get(n)} for n, p in (zones or {}).items()
            ],
            "lines": [{"name": n, "m": p} for n, p in (lines or {}).items()],
            "signals": [SignalConfig(name=n, feed="phases.jsonl") for n in signals],
            "rules": [rule],
        }
    )
    ground = GroundPlane.fit(driving.survey(eye)) if eye is not None and surveyed else None
    return Site(camera, profile or load_profile("kz"), ground, Roadway.of(camera, ground))


Lights = Mapping[str, Sequence[tuple[float, Phase]]]
"""By name: ``(second, phase)``, each until the next."""


@dataclass
class Story:
    """What happens, and how it is seen.

    Attributes:
        drives: Who takes part.
        hz: Frames a second.
        noise_m: Standard error of a radar's places, stated and true.
        noise_px: Standard error of a box's edges, where a camera looks.
        miss: Share of the frames in which a vehicle in sight is not detected.
        lights: What the traffic lights show.
        eye: The camera; else a radar.
        ground: The camera's survey.
        seed: Of the noise.
        gate_s: While nobody moves, only one frame in so many seconds is looked at.
        until_s: The end; the last drive's by default.
        start: Capture time of second 0.
        clock: Who vouches for that.
    """

    drives: Sequence[Drive]
    hz: float = HZ
    noise_m: float = 0.2
    noise_px: float = 1.0
    miss: float = 0.0
    lights: Lights = field(default_factory=dict)
    eye: PinholeCamera | None = None
    ground: GroundPlane | None = None
    seed: int = 0
    gate_s: float | None = None
    until_s: float | None = None
    start: datetime = START
    clock: ClockSource = "scene"

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._noise: dict[int, Array] = {}
        self._tracks: dict[int, Track] = {}
        self._votes: dict[int, Counter[str]] = {}
        self._rests = Rests()
        self.book: FixBook | PathBook = FixBook(self.noise_m)
        if self.eye is not None:
            self.book = PathBook(self.ground or GroundPlane.fit(driving.survey(self.eye)))

    def tell(self, rule: Rule) -> list[Event]:
        """Plays it to a rule; everything that the rule says, to the end of every track."""
        events: list[Event] = []
        end_s = self.until_s if self.until_s is not None else max(d.until_s for d in self.drives)
        looked_s = -1e9
        for index in range(int(end_s * self.hz) + 1):
            at_s = index / self.hz
            if self.gate_s is not None and not self._moves(at_s) and at_s - looked_s < self.gate_s:
                events += self._end(rule, at_s, index, LOST_S)
                continue
            looked_s = at_s
            seen = self._look(at_s, index)
            paths = self.book.step(seen, driving.WIDTH_PX, driving.HEIGHT_PX)
            self._rests.see(seen, self.start + timedelta(seconds=at_s))
            moment = replace(self._moment(at_s, index, paths), occlusion=Occlusion(seen))
            events += rule.observe(seen, moment)
            events += self._end(rule, at_s, index, max(LOST_S, 1.5 * (self.gate_s or 0)))
        return events + self._end(rule, end_s, int(end_s * self.hz), -1.0)

    def _moves(self, at_s: float) -> bool:
        """As the gate has it: anything in the picture, seen or hidden, moved within the last second."""
        return any(
            d.from_s <= at_s <= d.until_s
            and float(np.abs(d.place(at_s)[0] - d.place(max(d.from_s, at_s - 1.0))[0]).max()) > 0.1
            for d in self.drives
        )

    def _look(self, at_s: float, index: int) -> list[Track]:
        at = self.start + timedelta(seconds=at_s)
        here = [d for d in self.drives if d.seen_at(at_s)]
        if self.miss:
            here = [d for d in here if self._rng.random() >= self.miss]
        sightings = self._boxes(here, at_s, at, index) if self.eye else self._fixes(here, at_s, at, index)
        seen = []
        for drive, sighting in sightings:
            number, name = drive.number(at_s), drive.name(at_s)
            votes = self._votes.setdefault(number, Counter())
            votes[name] += 1
            track = self._tracks.setdefault(number, Track(number, name))
            track.cls = votes.most_common(1)[0][0]
            track.sightings.append(sighting)
            track.confirmed = len(track.sightings) >= 3
            if track.confirmed:
                seen.append(track)
        return sorted(seen, key=lambda t: t.id)

    def _fixes(
        self, drives: Sequence[Drive], at_s: float, at: datetime, index: int
    ) -> list[tuple[Drive, Sighting]]:
        out = []
        for d in drives:
            xy = d.place(at_s)[0] + d.off_m(at_s) + self._wander(d, self.noise_m, 2)
            fix = Fix(str(d.number(at_s)), d.name(at_s), (float(xy[0]), float(xy[1])))
            out.append((d, Sighting(at, index, np.full(4, np.nan, np.float32), 1.0, fix)))
        return out

    def _boxes(
        self, drives: Sequence[Drive], at_s: float, at: datetime, index: int
    ) -> list[tuple[Drive, Sighting]]:
        whole = [(d, box) for d in drives if (box := self._box(d, at_s)) is not None]
        whole.sort(key=lambda pair: -pair[1][3])  # whoever stands lower in the picture is nearer
        out = []
        for k, (d, box) in enumerate(whole):
            shown = visible(box, [b for _, b in whole[:k]])
            if shown is None:
                continue
            height = shown[3] - shown[1]
            shown = shown + self._wander(d, max(self.noise_px, 0.006 * height), 4)
            size = [driving.WIDTH_PX, driving.HEIGHT_PX] * 2
            shown = np.clip(shown, 0, size)
            if (shown[2:] - shown[:2]).min() > 8:
                out.append((d, Sighting(at, index, shown.astype(np.float32), d.score)))
        return out

    def _box(self, drive: Drive, at_s: float) -> Array | None:
        assert self.eye is not None
        middle, ahead = drive.place(at_s)
        middle = middle + drive.off_m(at_s)
        left = np.array([-ahead[1], ahead[0]])
        rows = outline(drive.cls, *drive.body_m())
        plan = middle + rows[:, :1] * ahead + rows[:, 1:2] * left
        px = self.eye.project(np.column_stack([plan, rows[:, 2]]))
        if not np.isfinite(px).all():
            return None
        box = np.concatenate([px.min(0), px.max(0)])
        inside = np.clip(box, 0, [driving.WIDTH_PX, driving.HEIGHT_PX] * 2)
        return inside if (inside[2:] - inside[:2]).min() > 8 else None

    def _wander(self, drive: Drive, sd: float, size: int) -> Array:
        """Noise that is correlated from one frame to the next, as a detector's is."""
        keep = 0.5
        last = self._noise.get(id(drive))
        fresh = self._rng.normal(0, sd, size)
        now = fresh if last is None else keep * last + np.sqrt(1 - keep * keep) * fresh
        self._noise[id(drive)] = now
        return now

    def _moment(self, at_s: float, index: int, paths: Mapping[int, Path]) -> Moment:
        at = self.start + timedelta(seconds=at_s)
        clock = ClockState(self.clock, self.start, self.hz, 0.001, time_error_s=0.002, scale_error=1e-5)
        signals = {name: self._state(phases, at_s) for name, phases in self.lights.items()}
        size = driving.WIDTH_PX, driving.HEIGHT_PX
        return Moment(at, index, *size, clock, paths, signals, rests=self._rests)

    def _state(self, phases: Sequence[tuple[float, Phase]], at_s: float) -> SignalState:
        since, phase = max((p for p in phases if p[0] <= at_s), default=(0.0, "unknown"))
        return SignalState(phase, self.start + timedelta(seconds=since), self.start + timedelta(seconds=at_s))

    def _end(self, rule: Rule, at_s: float, index: int, after_s: float) -> list[Event]:
        events: list[Event] = []
        now = self.start + timedelta(seconds=at_s)
        for number, track in list(self._tracks.items()):
            if (now - track.last_at).total_seconds() <= after_s:
                continue
            del self._tracks[number]
            self._votes.pop(number)
            if track.confirmed:
                path = self.book.forget(track)
                moment = self._moment(at_s, index, {number: path} if path else {})
                events += rule.forget(track, moment)
                self._rests.forget(number)
        return events


def tell(rule: Rule, drives: Sequence[Drive], **how: object) -> list[Event]:
    """Plays drives to a rule; ``how`` as in :class:`Story`."""
    return Story(drives, **how).tell(rule)  # type: ignore[arg-type]


def paths_of(drives: Sequence[Drive], **how: object) -> dict[int, Path]:
    """The whole path of every drive, by track number, for tests of what reads paths."""
    listener = _Listener()
    Story(drives, **how).tell(listener)  # type: ignore[arg-type]
    return listener.paths


class _Listener:
    kind = "listener"

    def __init__(self) -> None:
        self.paths: dict[int, Path] = {}

    def refusals(self) -> dict[str, int]:
        return {}

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        return []

    def forget(self, track: Track, moment: Moment) -> list[Event]:
        self.paths |= moment.paths
        return []


def violation(event: Event) -> Violation:
    """The payload of a violation."""
    return Violation.model_validate({k: v for k, v in event.data.items() if k in Violation.model_fields})


@cache
def outline(cls: str, length: float, width: float) -> Array:
    """``(N, 3)`` points of a body's surface, metres ahead, left and up of its middle on the road."""
    if cls == "car":
        return driving.car(length, width)
    top, low = HEIGHTS_M.get(cls, 1.5), {"truck": 0.45, "bus": 0.3}.get(cls, 0.0)
    half, side = length / 2, width / 2
    ends = [(e * half, s * side * 0.95, z) for e in (-1, 1) for s in (-1, 1) for z in (low, top)]
    wheels = [(e * half * 0.7, s * side, z) for e in (-1, 1) for s in (-1, 1) for z in (0.0, 0.8)]
    return np.array(ends + wheels)


def visible(box: Array, nearer: Sequence[Array], cells: int = 24) -> Array | None:
    """What is left of a box behind nearer ones; None where that is too little to be found."""
    x = box[0] + (np.arange(cells) + 0.5) / cells * (box[2] - box[0])
    y = box[1] + (np.arange(cells) + 0.5) / cells * (box[3] - box[1])
    shown = np.ones((cells, cells), bool)
    for b in nearer:
        shown &= ~(((y > b[1]) & (y < b[3]))[:, None] & ((x > b[0]) & (x < b[2]))[None])
    if shown.all():
        return box.copy()
    if shown.mean() < 0.25:
        return None
    columns, rows = np.flatnonzero(shown.mean(0) > 0.15), np.flatnonzero(shown.mean(1) > 0.15)
    if not len(columns) or not len(rows):
        return None
    step_x, step_y = (box[2] - box[0]) / cells, (box[3] - box[1]) / cells
    left, right = box[0] + columns[0] * step_x, box[0] + (columns[-1] + 1) * step_x
    return np.array([left, box[1] + rows[0] * step_y, right, box[1] + (rows[-1] + 1) * step_y])


def _slopes(t: Array, v: Array) -> Array:
    """Slopes of a smooth curve through points that never overshoots (Fritsch & Carlson 1980)."""
    if len(t) == 2:
        return np.full(2, (v[1] - v[0]) / (t[1] - t[0]))
    step = np.diff(t)
    rise = np.diff(v) / step
    out = np.empty(len(t))
    out[0], out[-1] = rise[0], rise[-1]
    for i in range(1, len(t) - 1):
        a, b = rise[i - 1], rise[i]
        if a * b <= 0:
            out[i] = 0.0
        else:
            w, u = 2 * step[i] + step[i - 1], step[i] + 2 * step[i - 1]
            out[i] = (w + u) / (w / a + u / b)
    return out


def _hermite(t: Array, v: Array, slopes: Array, at: float) -> tuple[Array, Array]:
    """Value and slope of the curve."""
    i = min(max(int(np.searchsorted(t, at, side="right")) - 1, 0), len(t) - 2)
    h = float(t[i + 1] - t[i])
    u = min(max((at - float(t[i])) / h, 0.0), 1.0)
    a, b, c, d = v[i], v[i + 1], h * slopes[i], h * slopes[i + 1]
    value = (2 * u**3 - 3 * u**2 + 1) * a + (u**3 - 2 * u**2 + u) * c
    value = value + (-2 * u**3 + 3 * u**2) * b + (u**3 - u**2) * d
    slope = ((6 * u**2 - 6 * u) * (a - b) + (3 * u**2 - 4 * u + 1) * c + (3 * u**2 - 2 * u) * d) / h
    return value, slope
