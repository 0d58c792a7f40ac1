"""Tracks in the picture to paths on the ground: where the middle of each body is, how it moves, where it points.

A box shows where a body's nearest edge touches the road, as the camera sees it: a bumper that hangs above the
road, or a tyre. From there to the body's middle it is a known way once the heading is known: half a length for a
car that comes towards the camera, half a width for one that passes. A Kalman filter with constant velocity
(Bar-Shalom, Li, Kirubarajan 2001, 6.3) smooths what is left. Speeds for enforcement do not come from here, but
from :mod:`flows.road.speed`, which fits the body to all boxes of a track.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.paths import Path, Waypoint
from flows.domain.tracks import Sighting, Track
from flows.road import kinematics
from flows.road.ground import GroundPlane
from flows.road.motion import BODIES, UNKNOWN_BODY, BodyPrior

Array = NDArray[np.float64]
NOWHERE: Final = np.full(2, np.nan)


@dataclass(frozen=True, slots=True)
class PathConfig:
    """Thresholds, each with its reason.

    Attributes:
        edge_px: Standard error of a box's lower edge in a picture 1280 px wide: most of a detector's own pixel.
        edge_share: The same as a share of the box's height.
        jitter_m: What is left when a body is not the box it is taken for.
        accelerates_mps2: Standard deviation of a vehicle's acceleration from one sighting to the next.
        person_mps2: Of a person's.
        border_px: A box that ends so near the border of a picture 1280 px wide is cut off there, its foot unknown:
            twice a detector's own error ...
        border_share: ... and so does one so near in shares of its own size.
        turns_mps: A vehicle slower than this keeps its heading: its velocity is noise.
        person_turns_mps: A person likewise.
        turns_sigma: So is a velocity of fewer standard errors.
        radius_m: No vehicle's middle turns more sharply, whatever its boxes say.
        backs_mps: What moves against its heading more slowly than this backs; faster, the heading was wrong.
        moved_m: Way after which a first heading is believed ...
        moved_sigma: ... if it is so many standard errors long: a parked car is looked at a thousand times.
        gap_s: After a longer gap the filter starts anew.
        unseen_s: After as long without a foot ...
        jump_m: ... what is farther off than this (and than six standard errors) is another body.
        memory: Waypoints kept; older ones are thinned.
    """

    edge_px: float = 2.0
    edge_share: float = 0.012
    jitter_m: float = 0.15
    accelerates_mps2: float = 3.0
    person_mps2: float = 2.0
    border_px: float = 6.0
    border_share: float = 0.04
    turns_mps: float = 1.2
    person_turns_mps: float = 0.4
    turns_sigma: float = 2.5
    radius_m: float = 4.0
    backs_mps: float = 6.0
    moved_m: float = 1.5
    moved_sigma: float = 4.0
    gap_s: float = 3.0
    unseen_s: float = 0.3
    jump_m: float = 4.0
    memory: int = 1500


PERSON_M: Final = 0.4
"""Depth and width of somebody standing."""
SIDEWAYS: Final = 0.5
"""Cosine of 60 degrees."""
STILL_SHARE: Final = 0.45
"""Other edges of a body that moves shift at least so much as its foot does: a lower edge alone is one half hidden."""
SURELY_M: Final = 8.0
"""No half hidden car's foot is off by so much; a truck's upper edge hardly moves in a low camera's picture."""
HIDDEN_SHARE: Final = 0.5
"""Of a person's width: the feet are behind a vehicle's box if it covers so much of the place where they end."""
OBLIQUE_M: Final = 0.35
"""Error of the middle of a body seen from its side, along the line of sight; across it is half of that. Measured."""
ASKEW_M: Final = 0.3
"""A box's middle is so far from the body's, across the line of sight, when it is not known which way it points."""


class PathBook:
    """The paths of one camera's tracks.

    Args:
        ground: The surveyed plane.
        config: Thresholds; the defaults if None.
    """

    def __init__(self, ground: GroundPlane, config: PathConfig | None = None) -> None:
        self._ground, self._config = ground, config or PathConfig()
        self._views: dict[tuple[int, int], _View] = {}
        self._followers = _Followers(self._config, _Follower)

    def step(self, tracks: Sequence[Track], width_px: int, height_px: int) -> Mapping[int, Path]:
        """Takes the sightings of one frame.

        Args:
            tracks: Confirmed tracks seen in it.
            width_px: Width of the full-resolution picture.
            height_px: Its height.

        Returns:
            The path of each of these tracks that has one, by the track's number.

        Raises:
            CalibrationError: If the picture is not the one that was surveyed.
        """
        view = self._views.get((width_px, height_px))
        if view is None:
            ground = self._ground.for_picture(width_px, height_px)
            view = self._views[width_px, height_px] = _View(ground, *ground.camera_m)
        hidden = _hidden_feet(tracks)
        return self._followers.step(
            tracks,
            lambda sighting: None if id(sighting) in hidden else _Foot.of(sighting, view, self._config),
        )

    def forget(self, track: Track) -> Path | None:
        """The whole path of a track that has ended, which is let go."""
        return self._followers.forget(track)


class FixBook:
    """The paths of what a device reports in metres; takes the place of :class:`PathBook`.

    Args:
        error_m: Stated standard error of a reported place, each axis.
        config: Thresholds; the defaults if None.
    """

    def __init__(self, error_m: float, config: PathConfig | None = None) -> None:
        self._noise = np.eye(2) * error_m**2
        self._followers = _Followers(config or PathConfig(), _FixFollower)

    def step(self, tracks: Sequence[Track], width_px: int = 0, height_px: int = 0) -> Mapping[int, Path]:
        """See :meth:`PathBook.step`; there is no picture, so its size is of no interest."""
        return self._followers.step(tracks, self._place)

    def forget(self, track: Track) -> Path | None:
        """The whole path of a track that has ended, which is let go."""
        return self._followers.forget(track)

    def _place(self, sighting: Sighting) -> _Place | None:
        fix = sighting.fix
        if fix is None:
            return None
        heading = NOWHERE if fix.heading is None else np.array(fix.heading)
        return _Place(sighting.at, np.array(fix.xy_m), self._noise, np.zeros((2, 2)), None, heading)


class _Followers:
    """Tracks on their way, by number."""

    def __init__(self, config: PathConfig, make: type[_Follower]) -> None:
        self._config, self._make = config, make
        self._all: dict[int, _Follower] = {}

    def step(
        self, tracks: Sequence[Track], locate: Callable[[Sighting], _Place | None]
    ) -> Mapping[int, Path]:
        paths = {}
        for track in tracks:
            follower = self._all.get(track.id)
            if follower is None:
                follower = self._all[track.id] = self._make(track, self._config)
                fresh = track.sightings
            else:
                fresh = [s for s in track.sightings[-4:] if s.at > follower.seen_at]
            for sighting in fresh:
                follower.see(sighting.at, locate(sighting))
            if follower.path.points:
                follower.rename(track.cls)
                paths[track.id] = follower.path
        return paths

    def forget(self, track: Track) -> Path | None:
        follower = self._all.pop(track.id, None)
        return follower.path if follower and follower.path.points else None


@dataclass(frozen=True, slots=True)
class _View:
    """The plane for one size of picture, and where the camera stands."""

    ground: GroundPlane
    camera_m: Array
    height_m: float


class _Follower:
    """One track on its way."""

    def __init__(self, track: Track, config: PathConfig) -> None:
        self._config = config
        self.path = Path(track.id, "", 0.0, 0.0)
        self.rename(track.cls)
        self.seen_at = datetime.min.replace(tzinfo=track.first_at.tzinfo)
        self._filter: _Filter | None = None
        self._heading = NOWHERE
        self._unaligned: list[_Place] = []

    def rename(self, cls: str) -> None:
        """The vote over the class may change with every sighting, and the body with it."""
        if cls != self.path.cls:
            prior = BODIES.get(cls, UNKNOWN_BODY)
            person = cls == "person"
            self.path.cls = cls
            self.path.length_m = PERSON_M if person else prior.length[0]
            self.path.width_m = PERSON_M if person else prior.width[0]
            self._prior = prior

    def see(self, at: datetime, foot: _Place | None) -> None:
        self.seen_at = at
        if foot is None:
            return
        if not np.isfinite(self._heading[0]):
            self._unaligned.append(foot)
        self._take(foot)
        self._align()

    def _take(self, foot: _Place) -> None:
        middle, body = self._middle(foot)
        config = self._config
        accelerates = config.person_mps2 if self.path.cls == "person" else config.accelerates_mps2
        filter_ = self._filter
        if filter_ is not None and filter_.far_off(foot.at, middle, foot.noise, config):
            # The tracker took another vehicle for it, while the foot of neither was to be seen.
            self._heading, self._unaligned, filter_ = NOWHERE, [foot], None
        if filter_ is None or (foot.at - filter_.at).total_seconds() > config.gap_s:
            filter_ = self._filter = _Filter(foot.at, middle, foot.noise)
        else:
            filter_.update(foot.at, middle, foot.noise, accelerates)
        self._turn(filter_, foot)
        seen = filter_.p[:2, :2] + foot.common
        sd_m = float(np.sqrt(np.trace(seen) / 2 + np.linalg.norm(body, 2)))
        place, velocity = filter_.x[:2].copy(), filter_.x[2:].copy()
        own, heading = filter_.p.copy(), self._heading.copy()
        point = Waypoint(
            foot.at, place, sd_m, velocity, heading, foot.xyxy, seen + body, own, foot.xy, foot.noise
        )
        points = self.path.points
        points.append(point)
        if len(points) > config.memory:
            points[: config.memory // 2] = points[: config.memory // 2 : 2]

    def _middle(self, foot: _Place) -> tuple[Array, Array]:
        """Middle of the body whose nearest edge is at the foot, and the body's share of its covariance, m²."""
        assert isinstance(foot, _Foot)
        towards = foot.towards  # unit vector from the foot to the camera
        prior, heading = self._prior, self._heading
        if self.path.cls == "person":
            return foot.xy - towards * PERSON_M / 2, np.zeros((2, 2))
        if not np.isfinite(heading[0]):
            half = (self.path.length_m + self.path.width_m) / 4
            # It points along the line of sight, or across it, or in between; across it the box's middle is its own.
            body = np.outer(towards, towards) * ((self.path.length_m - self.path.width_m) / 4) ** 2
            return foot.xy - towards * half, body + np.eye(2) * ASKEW_M**2
        along = abs(float(heading @ towards))
        across = float(np.sqrt(max(0.0, 1 - along * along)))
        near_m = _reach(prior, float(heading @ towards) > 0, along, across, foot)
        # Which corner or tyre is the foot of an oblique body changes with every degree.
        sight_m = float(np.hypot(prior.length[1] / 2 * along, OBLIQUE_M * across))
        body = np.outer(towards, towards) * sight_m**2 + np.eye(2) * (OBLIQUE_M / 2 * across) ** 2
        return foot.xy - towards * near_m, body

    def _turn(self, filter_: _Filter, foot: _Place) -> None:
        """The heading follows the velocity while there is one to speak of."""
        if not np.isfinite(self._heading[0]):
            return
        config, person = self._config, self.path.cls == "person"
        velocity = filter_.x[2:]
        speed = float(np.hypot(velocity[0], velocity[1]))
        if speed < (config.person_turns_mps if person else config.turns_mps):
            return
        ahead = velocity / speed
        if person:
            self._heading = ahead
        elif speed > config.turns_sigma * float(np.sqrt(ahead @ filter_.p[2:, 2:] @ ahead)):
            self._heading = _steered(self._heading, ahead, speed, filter_.step_s, config)

    def _align(self) -> None:
        """Knows the heading for the first time: what was seen before is placed again with it."""
        if np.isfinite(self._heading[0]) or len(self._unaligned) < 3:
            return
        early, late = self._unaligned[0], self._unaligned[-1]
        way = late.xy - early.xy
        gone_m = float(np.hypot(way[0], way[1]))
        sigma = float(np.sqrt(way @ np.linalg.solve(early.noise + late.noise, way)))
        moved = gone_m >= self._config.moved_m and sigma >= self._config.moved_sigma
        if not moved or (gone_m < SURELY_M and _only_foot_moved(early, late, self._config)):
            if len(self._unaligned) > 50:  # stands: only where it set off from matters
                del self._unaligned[:25]
            return
        first_at = early.at
        self._heading = way / gone_m
        self.path.points = [p for p in self.path.points if p.at < first_at]
        again, self._unaligned, self._filter = self._unaligned, [], None
        for foot in again:
            self._take(foot)


class _FixFollower(_Follower):
    """One track whose device tells where its middle is, and perhaps where it points."""

    def _middle(self, foot: _Place) -> tuple[Array, Array]:
        return foot.xy, np.zeros((2, 2))

    def _turn(self, filter_: _Filter, foot: _Place) -> None:
        if np.isfinite(foot.heading[0]):
            self._heading = foot.heading
        else:
            super()._turn(filter_, foot)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something is on the ground.

    Attributes:
        at: Capture time.
        xy: ``(2,)`` m.
        noise: ``(2, 2)`` m², its own error.
        common: ``(2, 2)`` m², the survey's.
        xyxy: Its box in the picture; None where there is none.
        heading: ``(2,)`` unit vector the body points along, nan where nobody says.
    """

    at: datetime
    xy: Array
    noise: Array
    common: Array
    xyxy: tuple[float, float, float, float] | None
    heading: Array


@dataclass(frozen=True, slots=True)
class _Foot(_Place):
    """Where a box touches the ground, as the camera sees it.

    Attributes:
        towards: ``(2,)`` unit vector to the point below the camera.
        away_m: Distance to that point.
        height_m: Of the camera.
    """

    towards: Array
    away_m: float
    height_m: float

    @classmethod
    def of(cls, sighting: Sighting, view: _View, config: PathConfig) -> _Foot | None:
        """None where the box does not show it: cut off by the picture's border, or above the horizon."""
        x0, y0, x1, y1 = (float(v) for v in sighting.xyxy)
        width, height = view.ground.picture_px
        near = config.border_px * width / 1280
        beside, below = near + config.border_share * (x1 - x0), near + config.border_share * (y1 - y0)
        if y1 > height - below or x0 < beside or x1 > width - beside:
            return None
        sd = max(config.edge_px * width / 1280, config.edge_share * (y1 - y0))
        xy, spread = view.ground.box_to_ground(np.array([[x0, y0, x1, y1]]), sd)
        if not np.isfinite(xy).all():
            return None
        way = view.camera_m - xy[0]
        away_m = max(float(np.hypot(way[0], way[1])), 1e-6)
        noise = spread.independent[0] + np.eye(2) * config.jitter_m**2
        towards, box = way / away_m, (x0, y0, x1, y1)
        return cls(sighting.at, xy[0], noise, spread.common[0], box, NOWHERE, towards, away_m, view.height_m)


def _hidden_feet(tracks: Sequence[Track]) -> set[int]:
    """Sightings (by identity) of people before whose feet a vehicle stands: their boxes end where it begins."""
    newest = [(track.cls, track.sightings[-1]) for track in tracks]
    vehicles = np.array([s.xyxy for cls, s in newest if cls != "person"], np.float64).reshape(-1, 4)
    hidden = set()
    for cls, sighting in newest:
        if cls != "person":
            continue
        x0, _, x1, foot = (float(v) for v in sighting.xyxy)
        before = (vehicles[:, 1] < foot) & (foot < vehicles[:, 3])
        shared = np.minimum(vehicles[:, 2], x1) - np.maximum(vehicles[:, 0], x0)
        if (before & (shared > HIDDEN_SHARE * (x1 - x0))).any():
            hidden.add(id(sighting))
    return hidden


def _only_foot_moved(early: _Place, late: _Place, config: PathConfig) -> bool:
    """Whether something came before a body that stands: only the lower edge of its box is elsewhere."""
    if early.xyxy is None or late.xyxy is None:
        return False
    left, top, right, foot = (abs(a - b) for a, b in zip(early.xyxy, late.xyxy, strict=True))
    return max(left, top, right) < max(STILL_SHARE * foot, 1.5 * config.edge_px)


def _steered(heading: Array, ahead: Array, speed_mps: float, step_s: float, config: PathConfig) -> Array:
    """The heading of a vehicle that moves ``ahead``: no wheel turns it at once."""
    cosine = float(heading @ ahead)
    if abs(cosine) < SIDEWAYS:  # no wheel rolls sideways: the heading was wrong from the start
        return ahead
    if cosine < 0:  # it backs, or its heading was wrong from the start
        return ahead if speed_mps > config.backs_mps else heading
    sine = float(heading[0] * ahead[1] - heading[1] * ahead[0])
    most = speed_mps * step_s / config.radius_m
    turn = float(np.clip(np.arctan2(sine, cosine), -most, most))
    c, s = np.cos(turn), np.sin(turn)
    return np.array([c * heading[0] - s * heading[1], s * heading[0] + c * heading[1]])


def _reach(prior: BodyPrior, front: bool, along: float, across: float, foot: _Foot) -> float:
    """From a body's foot in the picture back to its middle, m: by the bumper or the tyre, whichever is lower.

    A bumper ``z`` above the road appears farther away than it is, by the camera's height over ``z``. The tyre is that
    of either end: what the tail hangs over beyond it lies within the length's spread.
    """
    half, side = prior.length[0] / 2, prior.width[0] / 2
    z = prior.front_m if front else prior.rear_m
    bumper = half * along + prior.taper * side * across - foot.away_m * z / max(foot.height_m, 2 * z)
    tyre = (half - prior.setback[0]) * along + prior.track * side * across
    return max(bumper, tyre)


class _Filter:
    """Position and velocity on the ground, one body."""

    def __init__(self, at: datetime, xy: Array, noise: Array) -> None:
        self.at, self.step_s = at, 0.0
        self.x = np.array([xy[0], xy[1], 0.0, 0.0])
        self.p = np.zeros((4, 4))
        self.p[:2, :2] = noise
        self.p[2, 2] = self.p[3, 3] = kinematics.NEWCOMER_MPS**2

    def far_off(self, at: datetime, xy: Array, noise: Array, config: PathConfig) -> bool:
        """Whether a place after some time without one cannot be this body's."""
        t = (at - self.at).total_seconds()
        if t < config.unseen_s:
            return False
        off = xy - self.x[:2] - t * self.x[2:]
        spread = self.p[:2, :2] + noise + np.eye(2) * (config.accelerates_mps2 * t**2 / 2) ** 2
        far = float(np.hypot(off[0], off[1])) > config.jump_m
        return far and float(off @ np.linalg.solve(spread, off)) > 36.0

    def update(self, at: datetime, xy: Array, noise: Array, accelerates: float) -> None:
        t = self.step_s = (at - self.at).total_seconds()
        move = kinematics.step(t)
        x = move @ self.x
        p = move @ self.p @ move.T + kinematics.disturbance(t, accelerates)
        gain = p[:, :2] @ np.linalg.inv(p[:2, :2] + noise)
        self.at, self.x = at, x + gain @ (xy - x[:2])
        keep = np.eye(4)
        keep[:, :2] -= gain
        self.p = keep @ p
