"""Whether a fixed camera still looks where it was surveyed: knocked, shaken, or as it was.

Every rule measures on the surveyed ground, so a camera that was knocked by a centimetre measures somewhere else and
does not know it. Landmarks of its picture (:mod:`flows.pictures.landmarks`) are looked for every two seconds, and in
every frame while something is wrong:

- *fit*: what has moved is less than the survey's own stated error leaves open anyway, at every surveyed place. A speed,
  which rests on all places together, is known better than any of them: how the picture lies widens its interval.
- *unsettled*: a look found it off by more; what it is shows within two seconds.
- *moved*: the looks agree on it. The camera is unfit until it is put back or surveyed anew.
- *shaking*: they do not, but swing to and fro: wind, or a lorry.
- *unknown*: too few landmarks are seen (night, fog, a lorry before the lens), which says nothing of the camera.

A stream that changes its size is looked at in the size it had. One that changes its aspect is another view: moved.

Frames are not corrected for shake. A correction would be as good as its looks, and these cost more than the gate; an
error that lasts for half a sway is no noise that averages out. What was seen while a camera shook is refused, as what
was seen while it was displaced; a vehicle that comes after it is judged again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import CalibrationError
from flows.domain.events import Event
from flows.domain.frames import Frame
from flows.domain.site import CameraConfig
from flows.domain.status import Fitness
from flows.pictures.landmarks import Landmarks, Learner, Luma, Shift, Sight, resized
from flows.road.geometry import hull
from flows.road.ground import GroundPlane

Array = NDArray[np.float64]

CAMERA_FITNESS: Final = "dome.camera.fitness.v1"
"""A camera was displaced, put back, began to shake or came to rest."""
MOVED: Final = "camera_moved"
SHAKES: Final = "camera_shakes"
"""Reasons of refusals."""


@dataclass(frozen=True, slots=True)
class SteadyConfig:
    """Thresholds, each with its reason.

    Attributes:
        learns: Looks from which the landmarks are chosen ...
        learns_s: ... so far apart: traffic must have moved on in between.
        look_s: Between looks while all is well; one costs half a millisecond.
        alert_s: Between looks while something is wrong: a pole sways two or three times a second, and looks that keep
            time with it see one side of it only.
        settle_s: So much of looks tells a knock from a sway: several periods of it.
        swings: It is a sway if the looks scatter by more than this share of their mean; those of a sine scatter by
            several times its mean over whole periods.
        calm_s: A camera that shook is trusted again after so long without.
        gone_s: Landmarks that are nowhere for so long, in plain view, are not hidden by something that passes.
        unknown_s: After so long without a look that says anything the status says so.
        within: Standard errors of the survey that leave a displacement open.
        back: A displaced camera is back when it is off by less than this share of that: no flapping.
        unsurveyed_px: What is left open where there is no survey, in a picture 1280 px wide.
    """

    learns: int = 8
    learns_s: float = 1.0
    look_s: float = 2.0
    alert_s: float = 0.07
    settle_s: float = 2.0
    swings: float = 0.7
    calm_s: float = 3.0
    gone_s: float = 20.0
    unknown_s: float = 60.0
    within: float = 2.0
    back: float = 0.7
    unsurveyed_px: float = 2.0


@dataclass(frozen=True, slots=True)
class Displacement:
    """How far off a camera is, at the surveyed place that suffers most.

    Attributes:
        excess: In units of what the survey leaves open: above 1 it measures wrongly.
        px: In the picture.
        m: On the ground; nan where there is no survey.
        turn_deg: Rotation in the picture's plane.
    """

    excess: float
    px: float
    m: float = math.nan
    turn_deg: float = 0.0


GONE: Final = Displacement(math.inf, math.nan)
"""The camera looks somewhere else."""


class Allowance:
    """What a displacement of the picture means on the ground, against the survey's stated errors.

    Args:
        ground: The surveyed plane for this picture; None where there is none.
        size_px: Width and height of the picture.
        config: Thresholds.
    """

    def __init__(self, ground: GroundPlane | None, size_px: tuple[int, int], config: SteadyConfig) -> None:
        self._ground = ground
        if ground is None:
            width, height = size_px
            self._px = np.array([(x, y) for x in (0, width) for y in (0, height)], np.float64)
            self._allowed_px = config.unsurveyed_px * width / 1280
            return
        scale = size_px[0] / ground.config.picture_px[0]
        self._px = np.array([p.px for p in ground.config.points], np.float64) * scale
        self._m = ground.to_ground(self._px)
        # What the survey states of a single point: an ellipse, long in the line of sight.
        slope = ground.jacobian(self._px) * ground.config.error_px * scale
        spread = slope @ slope.transpose(0, 2, 1) + ground.config.error_m**2 * np.eye(2)
        self._scale = np.linalg.inv(np.linalg.cholesky(spread)) / config.within

    def displacement(self, shift: Shift) -> Displacement:
        """How far off a camera is whose picture lies so."""
        return self.of(shift.at(self._px), shift.turn_deg)

    def of(self, moved_px: Array, turn_deg: float = 0.0) -> Displacement:
        """The same, of how far each surveyed place ``(N, 2)`` has moved in the picture."""
        px = np.hypot(*moved_px.T)
        if self._ground is None:
            return Displacement(float(px.max()) / self._allowed_px, float(px.max()), turn_deg=turn_deg)
        off = self._ground.to_ground(self._px + moved_px) - self._m
        excess = np.linalg.norm(np.einsum("nij,nj->ni", self._scale, off), axis=1)
        excess = np.where(np.isfinite(excess), excess, np.inf)  # over the horizon
        worst = int(excess.argmax())
        return Displacement(float(excess[worst]), float(px[worst]), float(np.hypot(*off[worst])), turn_deg)


@dataclass(frozen=True, slots=True)
class Look:
    """One look and what it said."""

    at: datetime
    shift: Shift | None
    off: Displacement | None

    @property
    def bad(self) -> bool:
        """It shows a displacement that matters."""
        return self.off is not None and self.off.excess > 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of the camera from one look until the next.

    Attributes:
        at: Capture time of the look.
        fitness: In a word.
        reason: Why nothing may be measured; empty if it may.
        off: How far off it is; None if that is not known.
        event: What is to be told of it.
        seen: The look said something.
        shift: How the picture lay at the last look that told; None before.
    """

    at: datetime
    fitness: Fitness
    reason: str = ""
    off: Displacement | None = None
    event: Event | None = None
    seen: bool = False
    shift: Shift | None = None


class Steadiness:
    """Watches one fixed camera.

    :meth:`look` is called for every frame in order, with its pixels; :meth:`settle` for the same frames in the same
    order, later and maybe in another thread.

    Args:
        camera: The camera.
        ground: Its survey; None where there is none.
        landmarks: Those that were learnt before; learnt from the first looks if None.
        on_learned: Told of landmarks that were learnt, to keep them.
        config: Thresholds; the defaults if None.
    """

    def __init__(
        self,
        camera: CameraConfig,
        ground: GroundPlane | None,
        landmarks: Landmarks | None = None,
        on_learned: Callable[[Landmarks], None] | None = None,
        config: SteadyConfig | None = None,
    ) -> None:
        self._camera, self._ground = camera, ground
        self._config, self._on_learned = config or SteadyConfig(), on_learned
        self._landmarks = landmarks
        self._learner = self._fresh_learner()
        self._allowance: Allowance | None = None
        self._shift = Shift.none()
        self._judge = _Judge(camera, self._config)
        self._due: datetime | None = None
        self._turn = 0
        self._verdicts: deque[Verdict] = deque()
        self.verdict = Verdict(
            datetime.min.replace(tzinfo=UTC), "learning" if landmarks is None else "unknown"
        )

    @property
    def reason(self) -> str:
        """Why nothing may be measured, as of the last :meth:`settle`; empty if it may."""
        return self.verdict.reason

    def shift(self, width_px: int) -> Shift | None:
        """How a picture so wide lies against the one that was learnt, as of :meth:`settle`; None if nobody knows."""
        shift, landmarks = self.verdict.shift, self._landmarks
        return (
            None if shift is None or landmarks is None else shift.scaled(width_px / landmarks.picture_px[0])
        )

    def vouches(self, at: datetime) -> bool:
        """Whether a look at that time or later has been settled, or none is to come; as of :meth:`settle`."""
        return self.verdict.fitness == "learning" or self.verdict.at >= at

    def hurry(self) -> None:
        """Looks at the next frame, because somebody waits for it. Called at any time, from any thread."""
        if self._landmarks is not None:
            self._due = None

    def look(self, frame: Frame) -> None:
        """Looks for the landmarks in a frame, if it is time to."""
        if self._due is not None and frame.at < self._due:
            return
        luma = frame.picture.luma()
        if self._landmarks is None:
            self._learn(luma, frame.at)
            return
        self._due = frame.at + timedelta(seconds=self._config.look_s)
        sight = self._see(self._landmarks, luma)
        off = None
        if sight.shift is not None and self._allowance is not None:
            self._shift = sight.shift
            off = self._allowance.displacement(sight.shift)
        elif sight.gone:
            off = GONE
        verdict = self._judge.take(Look(frame.at, sight.shift, off))
        if verdict.fitness in ("shaking", "unsettled"):
            self._due = frame.at + timedelta(seconds=self._config.alert_s)
        self._verdicts.append(verdict)

    def settle(self, at: datetime) -> list[Event]:
        """Takes what was seen up to a frame; what is to be told of it."""
        events = []
        while self._verdicts and self._verdicts[0].at <= at:
            self.verdict = self._verdicts.popleft()
            if self.verdict.event is not None:
                events.append(self.verdict.event)
        return events

    def _fresh_learner(self) -> Learner:
        survey = self._camera.calibration
        drawn_in = survey.picture_px if survey is not None else None
        return Learner(_roads(self._camera, self._ground), drawn_in=drawn_in)

    def _learn(self, luma: Luma, at: datetime) -> None:
        self._due = at + timedelta(seconds=self._config.learns_s)
        self._learner.look(luma)
        if self._learner.looks < self._config.learns:
            return
        self._landmarks = self._learner.landmarks()
        if self._landmarks is None:  # at night, say: perhaps there is more to be seen later
            self._learner = self._fresh_learner()
            self._due = at + timedelta(seconds=self._config.unknown_s)
            self._verdicts.append(Verdict(at, "learning"))
            return
        self._verdicts.append(Verdict(at, "fit"))
        if self._on_learned is not None:
            self._on_learned(self._landmarks)

    def _see(self, landmarks: Landmarks, luma: Luma) -> Sight:
        size = landmarks.picture_px
        sized = resized(luma, size)
        if sized is None:
            return Sight(None, gone=True)
        luma = sized
        if self._allowance is None:
            try:
                ground = self._ground.for_picture(*size) if self._ground else None
            except CalibrationError:  # rules refuse by themselves
                ground = None
            self._allowance = Allowance(ground, size, self._config)
            self._judge.measure = self._allowance.displacement
        self._turn += 1
        if self._judge.calm:
            sight = landmarks.look(luma, self._shift, self._turn)
            if sight.shift is not None and self._allowance.displacement(sight.shift).excess <= 1.0:
                return sight
        return landmarks.look(luma, self._shift)  # all of them, before anything is said


class _Judge:
    """Tells a knock from a sway, look by look."""

    def __init__(self, camera: CameraConfig, config: SteadyConfig) -> None:
        self._camera, self._config = camera, config
        self.measure: Callable[[Shift], Displacement] = lambda _: GONE
        self._fitness: Fitness = "fit"
        self._recent: deque[Look] = deque(maxlen=256)
        self._since: datetime | None = None
        self._fit_at: datetime | None = None
        self._known_at: datetime | None = None
        self._off: Displacement | None = None
        self._shift: Shift | None = None

    @property
    def calm(self) -> bool:
        """Nothing is wrong: a few landmarks will do."""
        return self._fitness in ("fit", "unknown")

    def take(self, look: Look) -> Verdict:
        """What follows from a look."""
        calm_s = (look.at - self._known_at).total_seconds() if self._known_at else math.inf
        if look.shift is None and self.calm and calm_s > 3 * self._config.look_s:
            look = Look(
                look.at, None, None
            )  # what faded away little by little is night, not a camera that turned
        self._known_at = look.at if look.shift is not None or self._known_at is None else self._known_at
        self._shift = look.shift or self._shift
        if look.off is not None:
            self._recent.append(look)
        if self._fitness == "moved":
            return self._moved(look)
        if self._fitness in ("shaking", "unsettled"):
            return self._unsettled(look)
        if look.bad:
            self._recent = deque([look], maxlen=256)
            self._since = look.at
            return self._say(look, "unsettled", MOVED)
        if look.off is not None:
            self._fit_at, self._off = look.at, look.off
        unseen_s = (look.at - self._known_at).total_seconds()
        self._fitness = "unknown" if unseen_s >= self._config.unknown_s else "fit"
        return self._say(look, self._fitness)

    def _unsettled(self, look: Look) -> Verdict:
        """Something is wrong; what it is shows in a while."""
        assert self._since is not None
        config, shaking = self._config, self._fitness == "shaking"
        reason = SHAKES if shaking else MOVED
        span_s = config.calm_s if shaking else config.settle_s
        window = [w for w in self._recent if (look.at - w.at).total_seconds() <= span_s]
        known = [w for w in window if w.shift is not None]
        waited_s = (look.at - self._since).total_seconds()
        if waited_s < span_s:
            return self._say(look, self._fitness, reason)
        if len(known) >= 3:
            shifts = [w.shift for w in known if w.shift is not None]
            middle = self.measure(_mean(shifts))
            if middle.excess > 1.0 and _scatter_px(shifts) <= config.swings * middle.px:
                self._off = middle
                return self._become(look, "moved", "displaced")
            self._off = max((w.off for w in known if w.off is not None), key=lambda off: off.excess)
            calm_s = span_s if shaking else span_s / 2
            if not any(w.bad for w in known if (look.at - w.at).total_seconds() <= calm_s):
                return self._become(look, "fit", "steady" if shaking else "")
            return self._say(look, "shaking", SHAKES) if shaking else self._become(look, "shaking", "shaking")
        if waited_s >= config.gone_s and any(w.bad for w in self._recent):
            self._off = self._recent[-1].off
            return self._become(look, "moved", "displaced")
        return self._say(look, self._fitness, reason)

    def _moved(self, look: Look) -> Verdict:
        newest = list(self._recent)[-3:]
        if look.off is not None:
            self._off = look.off
        if len(newest) == 3 and all(w.off is not None and w.off.excess < self._config.back for w in newest):
            return self._become(look, "fit", "restored")
        return self._say(look, "moved", MOVED)

    def _become(self, look: Look, fitness: Fitness, told: str) -> Verdict:
        since = self._since
        event = self._event(look, told, since) if told else None
        if fitness == "fit":
            self._recent.clear()
            self._since, self._fit_at, self._off = None, look.at, look.off
        elif fitness == "shaking":
            self._since = look.at
        return self._say(look, fitness, {"moved": MOVED, "shaking": SHAKES}.get(fitness, ""), event)

    def _say(self, look: Look, fitness: Fitness, reason: str = "", event: Event | None = None) -> Verdict:
        self._fitness = fitness
        return Verdict(look.at, fitness, reason, self._off, event, look.off is not None, self._shift)

    def _event(self, look: Look, told: str, since: datetime | None) -> Event:
        off, shift = self._off or GONE, look.shift
        data: dict[str, Any] = {
            "fitness": told,
            "px": _rounded(off.px, 2),
            "m": _rounded(off.m, 3),
            "turn_deg": _rounded(off.turn_deg, 3) if math.isfinite(off.px) else None,
            "landmarks": shift.found if shift else 0,
            "looked": shift.looked if shift else 0,
            "since": since.isoformat() if since else None,
            "last_fit_at": self._fit_at.isoformat() if self._fit_at else None,
            "calibration": self._camera.calibration.id if self._camera.calibration else "",
        }
        return Event.of(
            CAMERA_FITNESS,
            camera_id=self._camera.id,
            district=self._camera.district,
            at=look.at,
            data=data,
            key=(told,),
        )


def _mean(shifts: Sequence[Shift]) -> Shift:
    """Of several looks, part by part."""
    turn = np.mean([shift.turn for shift in shifts], axis=0)
    move = np.mean([shift.move for shift in shifts], axis=0)
    return Shift(np.asarray(turn), np.asarray(move))


def _scatter_px(shifts: Sequence[Shift]) -> float:
    """Standard deviation of where the picture's middle lies."""
    middle = np.array([shift.apply(shifts[0].middle_px[None])[0] for shift in shifts])
    return float(np.sqrt(middle.var(axis=0).sum()))


def _rounded(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def _roads(camera: CameraConfig, ground: GroundPlane | None) -> list[Array]:
    """Where vehicles drive and park, in the picture: the surveyed road, and every zone."""
    areas = [np.array(zone.polygon_px, np.float64) for zone in camera.zones if zone.polygon_px]
    if ground is not None:
        areas += [ground.to_px(np.array(zone.polygon_m)) for zone in camera.zones if zone.polygon_m]
        areas.append(hull(np.array([p.px for p in ground.config.points], np.float64)))
    return [area for area in areas if np.isfinite(area).all()]
