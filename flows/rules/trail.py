"""What a rule may believe of a path: who is hidden, and where the tracker may have taken one vehicle for another."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from flows.cropping import showing, shown
from flows.domain.events import Event
from flows.domain.paths import Path, Waypoint
from flows.domain.tracks import Sighting, Track
from flows.rules.base import Moment

Array = NDArray[np.float64]
Xyxy = tuple[float, float, float, float]

OWN_VOTE = 2.0
"""Times as many sightings as those before a break, and the vote over the class is this vehicle's."""
PART: Final = 0.1
"""A box so far covered by a nearer one shows that one as well: its plate, which is read better, too."""
SAME: Final = 0.8
"""Boxes that have so much of each other in common are one vehicle's, tracked twice: it hides nothing of itself."""
KEPT: Final = timedelta(seconds=30.0)
"""No picture is cut from what is older: the evidence ring holds 20 s."""
SAMPLES: Final = (np.arange(40) + 0.5) / 40
"""Where along a lower edge it is asked whether a nearer box is before it."""


@dataclass(frozen=True, slots=True)
class TrailConfig:
    """Thresholds, each with its reason.

    Attributes:
        settle_s: A path's first velocities are guesses; nothing is believed before.
        steady_s: And their changes say nothing of who it is for a little longer.
        distrust_s: After a break the path swings to where the vehicle is now; nothing is believed meanwhile.
        gap_s: Not seen for longer while it moved: another vehicle may have come out from behind what hid it.
        gap_m: It moved if it is so far from where it was.
        jump_m: So much farther from where its velocity leads than noise explains: another vehicle. Lanes are
            3 to 3.75 m apart, and vehicles in one lane 6 m and more.
        jump_ahead_m: The same along its way, where a box's lower edge tells least: a wheel in place of a bumper.
        jump_sd: Noise explains so many standard errors.
        moves_mps: Slower, it goes nowhere in particular.
        grip_mps2: No tyre holds more: a larger change of velocity is another vehicle.
        kick_mps: Changes of velocity up to this are a body's that is not what it was taken for ...
        kick_sd: ... beside so many standard errors of the path's own.
        kick_s: Velocities are compared over so long.
        covered_share: A box so far covered by a nearer one may have shifted. More than 1 where only its foot matters.
        cut_share: Of whose lower edge so much may lie at or behind a nearer box's upper edge may be cut off there: a
            detector that tells only what is to be seen gives boxes that adjoin. More than 1 where that does not matter.
        cut_near: They adjoin if they are so near, in shares of its height: both edges are off by some pixels.
        guessed_share: One so far covered is a guess, its upper edge as well, and for as long after it.
        recover_s: The smoothed path shows a shift for so long after it.
    """

    settle_s: float = 0.5
    steady_s: float = 0.8
    distrust_s: float = 1.0
    gap_s: float = 1.0
    gap_m: float = 2.5
    jump_m: float = 1.5
    jump_ahead_m: float = 3.5
    jump_sd: float = 4.0
    moves_mps: float = 2.0
    grip_mps2: float = 9.0
    kick_mps: float = 1.5
    kick_sd: float = 2.0
    kick_s: float = 0.4
    covered_share: float = 0.1
    cut_share: float = 1.1
    cut_near: float = 0.15
    guessed_share: float = 0.5
    recover_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """One believable waypoint.

    Attributes:
        point: Where the vehicle was; its heading is known.
        cls: What it was taken for then.
        clear: No nearer vehicle hid part of it, or of its foot.
        broken: This may be another vehicle than in the look before: what was known is void.
        mixed: The track was broken before: another vehicle took a great part in the vote over its class.
        crown: Its box's upper edge is its own: no nearer box reaches over it, or covers half of its box.
    """

    point: Waypoint
    cls: str
    clear: bool
    broken: bool = False
    mixed: bool = False
    crown: bool = False


@dataclass(slots=True)
class _Trail:
    """What is remembered of one track.

    Attributes:
        last: Its newest waypoint.
        started_at: When it began, or began anew.
        broke: Whether it did begin anew.
        others: Sightings before the newest break, and ...
        own: ... since.
        recent: Waypoints whose velocities are compared.
        covered_at: When a nearer vehicle hid it.
        topped_at: When one reached over its upper edge, or hid so much that this was a guess.
    """

    last: Waypoint | None = None
    started_at: datetime | None = None
    broke: bool = False
    others: int = 0
    own: int = 0
    recent: deque[Waypoint] = field(default_factory=deque)
    covered_at: deque[datetime] = field(default_factory=lambda: deque(maxlen=64))
    topped_at: deque[datetime] = field(default_factory=lambda: deque(maxlen=64))


class Trails:
    """The believable looks at each track, in time order.

    Args:
        config: Thresholds; the defaults if None.
    """

    def __init__(self, config: TrailConfig | None = None) -> None:
        self._config = config or TrailConfig()
        self._trails: dict[int, _Trail] = {}

    def take(self, tracks: Sequence[Track], moment: Moment) -> Iterator[tuple[Track, list[Look]]]:
        """The new looks of this frame; several at once when a vehicle's heading becomes known."""
        config = self._config
        hidden = covered(tracks, moment.at, config.covered_share)
        if config.cut_share <= 1.0:
            hidden |= cut_off(tracks, moment.at, config.cut_share, config.cut_near)
        topped = crowned_over(tracks, moment.at, config.guessed_share)
        for track in tracks:
            trail = self._trails.setdefault(track.id, _Trail())
            if track.id in hidden:
                trail.covered_at.append(moment.at)
            if track.id in topped:
                trail.topped_at.append(moment.at)
            path = moment.paths.get(track.id)
            if path is not None and path.points and path.now.heads:
                yield track, self._looks(trail, track, path)

    def forget(self, track: int) -> None:
        """The track has ended."""
        self._trails.pop(track, None)

    def _looks(self, trail: _Trail, track: Track, path: Path) -> list[Look]:
        fresh = _after(path.points, trail.last)
        looks = []
        for point in fresh:
            broken = self._breaks(trail, point)
            if broken:
                trail.broke, trail.others, trail.own = True, trail.others + trail.own, 0
            trail.own += 1
            mixed = trail.own < OWN_VOTE * trail.others
            if broken or trail.started_at is None:
                trail.started_at = point.at
                trail.recent.clear()
            trail.last = point
            trail.recent.append(point)
            settle_s = self._config.distrust_s if trail.broke else self._config.settle_s
            if _s(trail.started_at, point.at) >= settle_s:
                clear = not self._was_covered(trail, point.at)
                crown = not self._was(trail.topped_at, point.at)
                looks.append(Look(point, track.cls, clear, mixed=mixed, crown=crown))
            elif broken:
                looks.append(Look(point, track.cls, clear=False, broken=True, mixed=True))
        return looks

    def _breaks(self, trail: _Trail, point: Waypoint) -> bool:
        last = trail.last
        if last is None:
            return False
        gone_s = _s(last.at, point.at)
        moved = point.xy_m - last.xy_m
        if gone_s > self._config.gap_s and math.hypot(*moved) > self._config.gap_m:
            return True
        if trail.started_at is None:
            return False
        steady = _s(trail.started_at, last.at) >= self._config.steady_s
        jumps = (steady or trail.broke) and self._jumps(last, point)
        return jumps or (steady and self._kicks(trail, point))

    def _jumps(self, last: Waypoint, point: Waypoint) -> bool:
        if last.foot_m is None or last.foot_m2 is None or point.foot_m is None or point.foot_m2 is None:
            return False
        config, gone_s = self._config, _s(last.at, point.at)
        off = point.foot_m - last.foot_m - last.velocity_mps * gone_s
        length_m = math.hypot(*off)
        if length_m < config.jump_m:
            return False
        moves = last.speed_mps > config.moves_mps
        ahead = last.velocity_mps / last.speed_mps if moves else off / length_m
        aside = np.array([-ahead[1], ahead[0]])
        noise = last.foot_m2 + point.foot_m2
        slack_m = config.grip_mps2 * gone_s**2 / 2
        behind = moves and float(off @ ahead) < 0.0
        ahead_m = (
            min(slack_m, _stops_short_m(last.speed_mps, gone_s, config.grip_mps2)) if behind else slack_m
        )
        return any(
            abs(float(off @ towards))
            > jump_m + config.jump_sd * math.sqrt(towards @ noise @ towards) + most_m
            for towards, jump_m, most_m in (
                (ahead, config.jump_ahead_m, ahead_m),
                (aside, config.jump_m, slack_m),
            )
        )

    def _kicks(self, trail: _Trail, point: Waypoint) -> bool:
        config = self._config
        while len(trail.recent) > 1 and _s(trail.recent[0].at, point.at) > config.kick_s:
            trail.recent.popleft()
        steady_at = (trail.started_at or point.at) + timedelta(seconds=config.steady_s)
        old = next((p for p in trail.recent if p.at >= steady_at), point)
        gone_s = _s(old.at, point.at)
        change = point.velocity_mps - old.velocity_mps
        size = math.hypot(*change)
        noise = point.sd_m
        if old.own is not None and size > 0:
            noise = config.kick_sd * math.sqrt(float(change @ old.own[2:, 2:] @ change)) / size
        return size > config.kick_mps + noise + config.grip_mps2 * gone_s

    def _was_covered(self, trail: _Trail, at: datetime) -> bool:
        return self._was(trail.covered_at, at)

    def _was(self, times: Iterable[datetime], at: datetime) -> bool:
        """Now or a moment ago."""
        since = at - timedelta(seconds=self._config.recover_s)
        return any(since <= c <= at for c in times)


def covered(tracks: Sequence[Track], at: datetime, share: float) -> set[int]:
    """Numbers of the tracks whose box in this frame is covered by a nearer one to at least this share."""
    seen, box = _boxes(tracks, at)
    hides = _nearer(box) & (_common(box) >= share)
    return _hidden(seen, hides)


def cut_off(tracks: Sequence[Track], at: datetime, share: float, near: float) -> set[int]:
    """Numbers of the tracks whose box may end below where nearer ones begin.

    Args:
        tracks: Those seen at a moment, and others.
        at: The moment.
        share: Of a lower edge's width that nearer boxes have to be before, all together.
        near: Boxes adjoin that are so near, in shares of the farther one's height.
    """
    seen, box = _boxes(tracks, at)
    size = box[:, 2:] - box[:, :2]
    x = box[:, :1] + size[:, :1] * SAMPLES  # along each lower edge
    before = (x[:, None] >= box[None, :, :1]) & (x[:, None] <= box[None, :, 2:3])
    ends = box[None, :, 1] <= box[:, None, 3] + near * size[:, None, 1]
    hidden = (before & (_nearer(box) & ends)[..., None]).any(axis=1).mean(axis=1)
    return {t.id for t, hid in zip(seen, hidden, strict=True) if hid >= share}


def crowned_over(tracks: Sequence[Track], at: datetime, share: float) -> set[int]:
    """Numbers of the tracks whose box's upper edge may be hidden by a nearer one, or guessed.

    A nearer box reaches over the edge, or nearer ones together cover the box to at least this share.
    """
    seen, box = _boxes(tracks, at)
    nearer = _nearer(box)
    common = np.where(nearer, _common(box), 0.0)
    over = _hidden(seen, (common > 0.0) & (box[None, :, 1] < box[:, None, 1]))
    doubtful = np.flatnonzero(common.sum(axis=1) >= share)
    return over | {seen[i].id for i in doubtful if _share_hidden(box[i], box[common[i] > 0.0]) >= share}


def _share_hidden(box: Array, nearer: Array) -> float:
    """Which share of a box others cover all together."""
    if len(nearer) == 1:
        return float(_common(np.vstack([box, nearer]))[0, 1])
    x, y = (box[i] + (box[i + 2] - box[i]) * SAMPLES for i in (0, 1))
    across = (x >= nearer[:, :1]) & (x <= nearer[:, 2:3])
    along = (y >= nearer[:, 1:2]) & (y <= nearer[:, 3:])
    return float((across[:, None, :] & along[:, :, None]).any(axis=0).mean())


def rests_of(tracks: Sequence[Track], at: datetime) -> dict[int, Xyxy]:
    """What nearer boxes leave of boxes of which they cover a part: an upper edge is never moved."""
    seen, box = _boxes(tracks, at)
    common = np.where(_nearer(box), _common(box), 0.0)
    return {
        seen[i].id: _rest(box[i], box[common[i] > 0.0]) for i in np.flatnonzero((common >= PART).any(axis=1))
    }


class Rests:
    """What there is to be seen of each vehicle in each of the last frames, and of nobody else: for plates.

    A plate is read wherever it is in a crop, so whatever a nearer box covers is left out, however little, also of what
    a crop shows round the box: beside a long bus that was half of a car.
    """

    def __init__(self) -> None:
        self._rests: dict[int, dict[datetime, Xyxy | None]] = {}
        self._known: set[int] = set()

    def see(self, tracks: Sequence[Track], at: datetime) -> None:
        """Notes who covers whom now, and who did before the tracker was sure of somebody.

        Args:
            tracks: Those seen in this frame.
            at: Its time.
        """
        fresh = [t for t in tracks if t.id not in self._known]
        self._known.update(t.id for t in fresh)
        since = at - KEPT
        for then in {at} | {s.at for t in fresh for s in t.sightings if s.at > since}:
            self._note(tracks, then)
        for rests in self._rests.values():
            while rests and (oldest := next(iter(rests))) <= since:
                del rests[oldest]

    def of(self, track: int, at: datetime, xyxy: Xyxy) -> Xyxy | None:
        """The box whose picture shows what is to be seen of one; None where a nearer one is all over that."""
        return self._rests.get(track, {}).get(at, xyxy)

    def alone(self, event: Event) -> Event:
        """A violation whose crops show nothing of nearer vehicles, however little these cover of it.

        Its moments keep their boxes and say what is ``shown``; where a nearer one is all over it they are ``covered``.
        Of a moment that is older than what is remembered, or was of another number, nothing is said: rules that tell
        of such cut the box itself.
        """
        moments = cast("list[dict[str, Any]]", event.data.get("moments") or [])
        rests = self._rests.get(cast("int", event.data.get("track", 0)), {})
        if not moments or not rests:
            return event
        cut = [_shown_alone(moment, rests) for moment in moments]
        return event.model_copy(update={"data": event.data | {"moments": cut}})

    def forget(self, track: int) -> None:
        """The track has ended."""
        self._rests.pop(track, None)
        self._known.discard(track)

    def _note(self, tracks: Sequence[Track], at: datetime) -> None:
        # Who walks before a vehicle, or rides it, bears no plate.
        sightings = [(t.id, _sighting(t, at)) for t in tracks if t.cls != "person"]
        found = [(i, s.xyxy) for i, s in sightings if s is not None and np.isfinite(s.xyxy).all()]
        box = np.array([xyxy for _, xyxy in found], np.float64).reshape(-1, 4)
        common, crop = _common(box), shown(box)
        twice = np.minimum(common, common.T) >= SAME
        covers = _nearer(box) & _meet(crop, box) & ~twice
        for row in np.flatnonzero(covers.any(axis=1)):
            rests, nearer = self._rests.setdefault(found[row][0], {}), box[covers[row]]
            before = rests.get(at, found[row][1])  # whoever covered it then may be out of sight by now
            if before is not None:
                rests[at] = _bare(np.array(before), nearer)


def _shown_alone(moment: dict[str, Any], rests: Mapping[datetime, Xyxy | None]) -> dict[str, Any]:
    """A moment as JSON, with what is to be seen of its vehicle."""
    at = datetime.fromisoformat(moment["at"])
    if at not in rests or moment.get("xyxy") is None:
        return moment
    rest = rests[at]
    if rest is None:
        return moment | {"covered": True}
    low, high = (math.ceil(100 * v) / 100 for v in rest[:2]), (math.floor(100 * v) / 100 for v in rest[2:])
    return moment | {"shown": [*low, *high]}


def _bare(box: Array, nearer: Array) -> Xyxy | None:
    """The part of a box of which a picture shows nothing of nearer ones; None with one that is all over it."""
    rest = np.array([_rest(box, nearer)])
    if _meet(rest, nearer).any():
        return None
    seen = np.array([_rest(shown(rest)[0], nearer)])
    x0, y0, x1, y1 = (float(v) for v in showing(seen)[0])
    return None if _meet(seen, nearer).any() else (x0, y0, x1, y1)


def _meet(box: Array, others: Array) -> NDArray[np.bool_]:
    """``(N, M)`` whether boxes ``(N, 4)`` and others ``(M, 4)`` have anything in common."""
    low = np.maximum(box[:, None, :2], others[None, :, :2])
    high = np.minimum(box[:, None, 2:], others[None, :, 2:])
    return np.asarray((high - low > 1e-6).all(axis=2))


def _sighting(track: Track, at: datetime) -> Sighting | None:
    """The track's sighting at a moment; a late one is asked for most."""
    return next((s for s in takewhile(lambda s: s.at >= at, reversed(track.sightings)) if s.at == at), None)


def _rest(box: Array, nearer: Array) -> Xyxy:
    """The largest part of a box above or beside each nearer one; with one that is all over it, as it is."""
    x0, y0, x1, y1 = (float(v) for v in box)
    for left, top, right, _ in nearer:
        parts = [
            part
            for part in (
                (x0, y0, x1, min(y1, top)),
                (x0, y0, min(x1, left), y1),
                (max(x0, right), y0, x1, y1),
            )
            if part[2] > part[0] and part[3] > part[1]
        ]
        if parts:
            x0, y0, x1, y1 = max(parts, key=lambda p: (p[2] - p[0]) * (p[3] - p[1]))
    return float(x0), float(y0), float(x1), float(y1)


def _hidden(seen: Sequence[Track], hides: NDArray[np.bool_]) -> set[int]:
    """Numbers of those whom anybody hides; ``(N, N)`` whether the second hides the first."""
    return {seen[int(row)].id for row in np.unique(np.nonzero(hides)[0])}


def _boxes(tracks: Sequence[Track], at: datetime) -> tuple[list[Track], Array]:
    """Those seen in this frame and their boxes ``(N, 4)`` px."""
    seen = [t for t in tracks if t.last_at == at and np.isfinite(t.sightings[-1].xyxy).all()]
    return seen, np.array([t.sightings[-1].xyxy for t in seen], np.float64).reshape(-1, 4)


def _common(box: Array) -> Array:
    """``(N, N)`` share of the first box that the second covers."""
    low = np.maximum(box[:, None, :2], box[None, :, :2])
    high = np.minimum(box[:, None, 2:], box[None, :, 2:])
    area = np.maximum(np.prod(box[:, 2:] - box[:, :2], axis=1), 1e-9)
    return np.asarray(np.prod(np.clip(high - low, 0.0, None), axis=2) / area[:, None])


def _nearer(box: Array) -> NDArray[np.bool_]:
    """``(N, N)`` whether the second is nearer than the first: whoever stands lower in the picture is."""
    return np.asarray(box[None, :, 3] > box[:, None, 3])


def leapt(points: Sequence[Waypoint], config: TrailConfig | None = None) -> bool:
    """Whether time leapt while a vehicle drove: it seems to have gone less far than it needs to stop."""
    config = config or TrailConfig()
    for last, point in pairwise(points):
        gone_s = _s(last.at, point.at)
        short_m = last.speed_mps * gone_s - float((point.xy_m - last.xy_m) @ last.heading)
        most_m = config.jump_ahead_m + _stops_short_m(last.speed_mps, gone_s, config.grip_mps2)
        if gone_s > config.gap_s and last.speed_mps > config.moves_mps and short_m > most_m:
            return True
    return False


def _stops_short_m(speed_mps: float, gone_s: float, grip_mps2: float) -> float:
    """How far behind where it would be a vehicle is at most: it stands as soon as it can, and nobody backs at once.

    >>> _stops_short_m(18.0, 1.0, 9.0), _stops_short_m(18.0, 10.0, 9.0)
    (4.5, 162.0)
    """
    brakes_s = min(gone_s, speed_mps / grip_mps2)
    return speed_mps * gone_s - (speed_mps * brakes_s - grip_mps2 * brakes_s**2 / 2)


def _after(points: Sequence[Waypoint], last: Waypoint | None) -> Sequence[Waypoint]:
    """Waypoints after the last one taken."""
    first = len(points)
    while first > 0 and points[first - 1].heads and (last is None or points[first - 1].at > last.at):
        first -= 1
    return points[first:]


def _s(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
