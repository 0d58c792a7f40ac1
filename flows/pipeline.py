"""One camera's step: frames and detections in, events out.

Pure and synchronous. The live job, back-fill, tests, benches and notebooks all call this one object; what is
around it only schedules, waits and counts.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from flows.domain.belts import is_candidate, looks_of
from flows.domain.detections import Detections
from flows.domain.errors import CalibrationError
from flows.domain.events import Event
from flows.domain.fixes import Fixes
from flows.domain.frames import Frame, NoPixels
from flows.domain.inference import DetectorLike, DetectRequest, detect_at_full_size
from flows.domain.paths import Path
from flows.domain.ruleset import needs_pixels
from flows.domain.site import CameraConfig, TracksSource
from flows.domain.status import Outlines
from flows.domain.tracks import Track
from flows.jurisdiction import JurisdictionProfile
from flows.objects import ObjectBook
from flows.pictures.gating import Admission, Gate
from flows.pictures.landmarks import Landmarks
from flows.pictures.sampling import Sampler
from flows.pictures.steadiness import Steadiness
from flows.road.ground import GroundPlane
from flows.road.paths import FixBook, PathBook
from flows.rules import build_rules
from flows.rules.base import Moment, Rule
from flows.rules.hiding import Occlusion, Rests
from flows.rules.pins import PinBook
from flows.rules.platewatch import PlateWatch
from flows.rules.sought import never_fire
from flows.signals import SignalBook
from flows.site.fitness import measures, unfit
from flows.site.outlines import outlines
from flows.tracking import ReportedTracks, Tracker, TrackerConfig

log = logging.getLogger(__name__)

LAG_FRAMES: Final = 24
"""How far a lossless camera runs ahead of its tracker: 2 requests of 8 frames in flight and one being filled.

The gate may know of tracks only what was known so many frames ago; else its decisions, and with them the
events, would depend on how fast the detector happened to answer.
"""

PROBABLE: Final = 0.5
"""Share of the score at which a detector is believed at once from which rules are told of what it saw."""
LOOK_LATE: Final = 1.5
"""Intervals of ``sample_hz`` until a look that did not come was lost: one interval and a frame are as it should be."""
SAMPLED_OUT: Final = "sampled"
"""Reason of an admission refused by ``sample_hz``."""
REPORTED: Final = "reported"
"""Reason of an admission of a device's own tracks: there is nothing for a gate to look at."""


def without_pixels(frame: Frame) -> Frame:
    """The same frame, no longer holding on to the decoder's memory (3 MB each at 1080p)."""
    return replace(frame, picture=NoPixels(frame.picture.width_px, frame.picture.height_px))


class Follower(Protocol):
    """What is seen, moment by moment, to tracks: our tracker, or the tracks that a device has made by itself."""

    def step(self, found: Any, at: datetime, frame_index: int, /) -> list[Track]: ...
    def expire(self, at: datetime, still: bool, /) -> None: ...
    def ended(self) -> list[Track]: ...
    def close(self) -> None: ...
    def moving(self) -> bool: ...


class Paths(Protocol):
    """Puts tracks on the ground; see :mod:`flows.road.paths`."""

    def step(self, tracks: Sequence[Track], width_px: int, height_px: int) -> Mapping[int, Path]: ...
    def forget(self, track: Track) -> Path | None: ...


@dataclass(slots=True)
class Counts:
    """What one pipeline did so far.

    Attributes:
        read: Frames shown to :meth:`CameraPipeline.admit`.
        sampled_out: Left out by ``sample_hz``.
        gated: Held back by the gate.
        detected: Stepped with detections.
        detections: Boxes in them that the detector is sure of, or objects that a device named. It tells many more that
            it hardly believes in, for the tracker alone.
        reasons: Why frames passed or were held back, by the gate's words.
        events: Events by type.
        errors: Errors of rules, by kind of rule.
    """

    read: int = 0
    sampled_out: int = 0
    gated: int = 0
    detected: int = 0
    detections: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


class CameraPipeline:
    """Gate, tracker and rules of one camera.

    :meth:`admit` is called for every frame in order; then, in the same order, exactly one of :meth:`step` and
    :meth:`skip`, at most ``lag_frames`` behind. ``admit`` may run in another thread than the others.

    Args:
        camera: The camera.
        gate: Decides which frames deserve a detector.
        tracker: Detections, or a device's fixes, to tracks.
        rules: What is looked for.
        lag_frames: How many frames late the gate learns of tracks; 0 means at once (live cameras, whose
            frames depend on the moment anyway).
        paths: Puts tracks on the ground; None where no rule asks for it or there is no survey.
        pins: What the rules want shown later; evidence looks at it after each step.
        watch: Whether the camera still looks where it was surveyed; None where nobody looks.
        sure_score: Score from which the detector is believed at once.
        ground: The survey, for whoever asks what is fit for evidence; None without one.
        local_day: The calendar day of a capture time, by which a survey is valid.
    """

    def __init__(
        self,
        camera: CameraConfig,
        gate: Gate,
        tracker: Follower,
        rules: Sequence[Rule],
        lag_frames: int,
        paths: Paths | None = None,
        pins: PinBook | None = None,
        watch: Steadiness | None = None,
        sure_score: float = 0.6,
        ground: GroundPlane | None = None,
        local_day: Callable[[datetime], date] = datetime.date,
    ) -> None:
        self.camera, self.lag_frames = camera, lag_frames
        self._ground, self._local_day = ground, local_day
        self._outlines: tuple[tuple[int, int], Outlines] | None = None
        self.pins, self.watch = pins or PinBook(), watch
        self.counts = Counts()
        self.tracks: Sequence[Track] = ()
        """The confirmed tracks of the last frame that was stepped with detections."""
        self._gate, self._tracker, self._rules = gate, tracker, list(rules)
        self._paths = paths
        self._rests = Rests()
        self._sampler = Sampler(camera.sample_hz)
        self._still: deque[datetime] = deque()  # frames that the gate held back, and nobody has skipped yet
        self._signals = SignalBook(camera)
        self._objects = ObjectBook(camera.sees and needs_pixels(camera.rules))
        self._sure, self._probable = sure_score, PROBABLE * sure_score
        self._moved = [False] * max(1, lag_frames)  # ring: after how many settled frames did something move
        self._settled = 0
        self._moment: Moment | None = None
        self._held = HeldEvents(self.pins)
        self._unsteady: Counter[str] = Counter()
        self._reason = ""
        self.problem = ""
        """What went wrong in a rule, the last time; empty if nothing has."""

    @classmethod
    def build(
        cls,
        camera: CameraConfig,
        profile: JurisdictionProfile,
        spec_names: Sequence[str] = (),
        sure_score: float = 0.6,
        landmarks: Landmarks | None = None,
        on_learned: Callable[[Landmarks], None] | None = None,
    ) -> CameraPipeline:
        """Wires the parts that the camera's configuration asks for.

        Args:
            camera: The camera; its calibration is fitted here.
            profile: The law of the place.
            spec_names: Class names of the detector: rules that can never fire are told of in the log; empty to trust.
            sure_score: Score from which its detections are believed at once.
            landmarks: Of its picture, learnt before; learnt from the first looks if None.
            on_learned: Told of landmarks that were learnt, to keep them.

        Raises:
            CalibrationError: If the survey does not determine the ground plane.
        """
        for why in never_fire(camera, spec_names):
            log.warning("camera %s: %s", camera.id, why)
        ground = GroundPlane.fit(camera.calibration) if camera.calibration else None
        pins = PinBook()
        rules = build_rules(camera, profile, ground, pins)
        if camera.read_plates:
            rules.append(PlateWatch(camera, profile))
        if isinstance(camera.source, TracksSource):
            paths: Paths = FixBook(camera.source.error_m)
            return cls(camera, Gate(camera.gate), ReportedTracks(), rules, LAG_FRAMES, paths, pins,
                       local_day=profile.local_day)  # fmt: skip
        on_ground = any(rule.kind != "speeding" for rule in camera.rules)
        book = PathBook(ground) if ground is not None and on_ground else None
        return cls(
            camera,
            Gate(camera.gate),
            Tracker(tracking_of(camera), sure_score),
            rules,
            0 if camera.live else LAG_FRAMES,
            book,
            pins,
            Steadiness(camera, ground, landmarks, on_learned) if watched(camera) else None,
            sure_score,
            ground,
            profile.local_day,
        )

    def admit(self, frame: Frame) -> Admission:
        """Whether a frame deserves the detector, and why. Needs its pixels."""
        counts = self.counts
        counts.read += 1
        moving = self._tracks_move()
        if self.watch is not None:
            self.watch.look(frame)
        self._signals.look(frame)  # lights change while nothing moves, and in frames that are left out
        self._objects.look(frame)  # what stands still does not move
        if not self._sampler.takes(frame.at):
            counts.sampled_out += 1
            return Admission(False, SAMPLED_OUT)
        if frame.fixes is not None:
            counts.reasons[REPORTED] += 1
            return Admission(True, REPORTED)
        admission = self._gate.decide(frame.picture.luma, frame.at, moving)
        if not admission.passes:
            counts.gated += 1
            self._still.append(frame.at)
        counts.reasons[admission.reason] += 1
        return admission

    def _tracks_move(self) -> bool:
        """Whether a track moved, as far as the gate may know for the frame being admitted."""
        if self.lag_frames == 0:
            return self._moved[0]
        known = self.counts.read - self.lag_frames
        if known > self._settled:
            raise RuntimeError(
                f"admitted {known - self._settled} frames too far ahead of lag_frames={self.lag_frames}"
            )
        return known > 0 and self._moved[known % self.lag_frames]

    def step(self, frame: Frame, found: Detections | Fixes) -> list[Event]:
        """Takes what the detector saw in a frame, or what a device reports. Pixels are not needed any more."""
        moment, changes = self._at(frame)
        self.counts.detected += 1
        self.counts.detections += (
            int(np.count_nonzero(found.score >= self._sure)) if isinstance(found, Detections) else len(found)
        )
        try:
            tracks = self._tracker.step(found, frame.at, frame.index)
            if self._reason:
                return self._counted(changes + self._refused(self._reason))
            confirmed = [t for t in tracks if t.confirmed]
            self.tracks = confirmed
            moment = self._on_ground(confirmed, self._with_pixels(moment, found))
            moment = replace(moment, occlusion=Occlusion(confirmed))
            self._rests.see(confirmed, frame.at)
            events = self._told(lambda rule: rule.observe(confirmed, moment))
            return self._counted(changes + self._vouched(events + self._forget(moment), frame.at))
        finally:
            self._settle()

    def skip(self, frame: Frame) -> list[Event]:
        """Lets time pass over a frame that nobody looked at: tracks may expire, none is missed for it.

        Nothing moved in one that the gate held back; of one that was left out or dropped nobody knows.
        """
        still = False
        while self._still and self._still[0] <= frame.at:
            still = self._still.popleft() == frame.at
        moment, changes = self._at(frame)
        try:
            self._tracker.expire(frame.at, still)
            if self._reason:
                return self._counted(changes + self._refused(self._reason))
            return self._counted(changes + self._vouched(self._forget(moment), frame.at))
        finally:
            self._settle()

    def close(self) -> list[Event]:
        """The end: all tracks end, and the rules speak of them for the last time."""
        self._tracker.close()
        if self._moment is None:
            return []
        if self._reason:
            return self._counted(self._refused(self._reason))
        return self._counted(self._held.release() + self._forget(self._moment))

    def vouch(self) -> None:
        """For whoever takes its events for all there are: not having found anything must not look like having failed.

        Raises:
            RuntimeError: If a rule has failed.
        """
        if self.counts.errors:
            raise RuntimeError(f"{self.counts.errors.total()} errors of rules, the last one {self.problem}")

    def refusals(self) -> dict[str, int]:
        """Verdicts refused, by reason, over all rules."""
        total = Counter(self._unsteady)
        for rule in self._rules:
            total.update(rule.refusals())
        return dict(total)

    def unfit(self) -> tuple[str, ...] | None:
        """Why what it measures cannot be evidence now, see :func:`flows.site.fitness.unfit`; None before the first
        frame, and where nothing measures."""
        moment = self._moment
        if moment is None or not measures(self.camera):
            return None
        size, day = (moment.width_px, moment.height_px), self._local_day(moment.at)
        return unfit(self.camera, moment.clock, self._ground, size, day, self._reason)

    def outlines(self) -> Outlines | None:
        """Zones, lines and lights in its picture, the same object until that changes; None before the first frame."""
        moment = self._moment
        if moment is None:
            return None
        size = moment.width_px, moment.height_px
        if self._outlines is None or self._outlines[0] != size:
            self._outlines = size, outlines(self.camera, self._ground, *size)
        return self._outlines[1]

    def _at(self, frame: Frame) -> tuple[Moment, list[Event]]:
        """The moment of a frame, and which lights have changed since the last one."""
        picture = frame.picture
        changes = self._signals.settle(frame.at)
        self._objects.settle(frame.at)
        watch, lights = self.watch, self._signals.states
        if watch is not None:
            changes += watch.settle(frame.at)
        self._moment = Moment(
            frame.at,
            frame.index,
            picture.width_px,
            picture.height_px,
            frame.clock,
            rests=self._rests,
            signals=lights,
            shift=None if watch is None else watch.shift(picture.width_px),
        )
        if watch is not None and watch.reason != self._reason:
            self._turn(watch.reason, self._moment)
        return self._moment, changes

    def _turn(self, reason: str, moment: Moment) -> None:
        """The camera has begun to look elsewhere, or come to rest.

        Whoever is in sight was or will be measured wrongly: all tracks end, and begin anew. What rules would say of
        them, and what they have said since the last look that vouched for it, is refused.
        """
        before, self._reason = self._reason, reason
        if before and reason:
            return  # it is known better what is wrong
        self._tracker.close()
        if before:
            self._refused(before)
            return
        ended = self._tracker.ended()
        # Who stays in sight is followed anew, and counted again when it leaves: rather twice than not at all.
        self._unsteady[reason] += len(self._held.drop()) + sum(track.confirmed for track in ended)
        self._bury(ended, moment)

    def _refused(self, reason: str) -> list[Event]:
        """Counts vehicles that were in sight while nothing may be measured; no rule hears of them."""
        self._unsteady[reason] += sum(track.confirmed for track in self._tracker.ended())
        return []

    def _vouched(self, events: list[Event], at: datetime) -> list[Event]:
        """Those of now and before that a look at the camera has vouched for since; others wait for the next look."""
        if self.watch is None or self.watch.vouches(at):
            return self._held.release() + events
        ready = self._held.release(self.watch.verdict.at)
        self._held.hold(events, at)
        if events and self.lag_frames == 0:  # where frames are not counted on to give the same events again
            self.watch.hurry()
        return ready

    def _with_pixels(self, moment: Moment, found: Detections | Fixes) -> Moment:
        """The moment with what the detector saw, and what the pixels say of what stands still."""
        if not isinstance(found, Detections):
            return moment
        probable = found[found.score >= self._probable]
        return replace(moment, found=probable, pixels=self._objects.taken(), sure_score=self._sure)

    def _on_ground(self, tracks: Sequence[Track], moment: Moment) -> Moment:
        """The moment with the paths of the tracks seen in it."""
        if self._paths is None:
            return moment
        try:
            paths = self._paths.step(tracks, moment.width_px, moment.height_px)
        except CalibrationError:  # not the picture that was surveyed: rules find no paths, and refuse
            return moment
        return replace(moment, paths=paths)

    def _forget(self, moment: Moment) -> list[Event]:
        return self._bury(self._tracker.ended(), moment)

    def _bury(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        return [e for track in tracks if track.confirmed for e in self._last_words(track, moment)]

    def _last_words(self, track: Track, moment: Moment) -> list[Event]:
        path = self._paths.forget(track) if self._paths else None
        its = replace(moment, paths={track.id: path} if path else {})
        events = self._told(lambda rule: rule.forget(track, its))
        self._rests.forget(track.id)
        return events

    def _told(self, ask: Callable[[Rule], list[Event]]) -> list[Event]:
        """What all rules say: one rule's error is counted, and takes no other's violation along."""
        events: list[Event] = []
        for rule in self._rules:
            try:
                events += ask(rule)
            except Exception as error:
                self.counts.errors[rule.kind] += 1
                self.problem = f"{rule.kind}: {type(error).__name__}: {error}"
                log.exception("camera %s: rule %s", self.camera.id, rule.kind)
        return events

    def _settle(self) -> None:
        """Notes for the gate whether anything moves; runs even if something failed, or the lag would drift."""
        self._settled += 1
        self._moved[self._settled % len(self._moved)] = self._tracker.moving()

    def _counted(self, events: list[Event]) -> list[Event]:
        self.counts.events.update(e.type for e in events if not is_candidate(e))
        return events


class HeldEvents:
    """What rules have said and no look at the camera has vouched for yet; seconds' worth.

    Args:
        pins: Keeps the pictures of those moments.
    """

    def __init__(self, pins: PinBook) -> None:
        self._pins = pins.open()
        self._held: list[tuple[datetime, Event]] = []

    def hold(self, events: Sequence[Event], at: datetime) -> None:
        """Keeps events that rules have made at a moment."""
        self._held += [(at, event) for event in events]
        self._pin()

    def release(self, until_at: datetime | None = None) -> list[Event]:
        """Gives those that were made until then; all, if None."""
        if not self._held:
            return []
        ready = [event for at, event in self._held if until_at is None or at <= until_at]
        self._held = [] if until_at is None else [pair for pair in self._held if pair[0] > until_at]
        self._pin()
        return ready

    def drop(self) -> list[Event]:
        """Lets go of all; they were made while the camera looked elsewhere."""
        return self.release()

    def _pin(self) -> None:
        self._pins.keep(at for _, event in self._held for at in moments_of(event))
        looks = (look for _, event in self._held if is_candidate(event) for look in looks_of(event))
        self._pins.view(look.view for look in looks if look.view is not None)


class FrameSource(Protocol):
    """What :func:`run` needs of a source."""

    def open(self) -> None: ...
    def frames(self) -> Iterator[Frame]: ...
    def close(self) -> None: ...


def run(
    source: FrameSource, pipeline: CameraPipeline, detector: DetectorLike | None = None
) -> Iterator[Event]:
    """Plays a whole source through a pipeline in this thread: the same events as the live job finds.

    Args:
        source: Opened and closed here.
        pipeline: Of the source's camera.
        detector: Any detector, in this process; None where a device reports its own tracks.

    Raises:
        RuntimeError: At the end, if a rule failed: there may be more to be found.
    """
    source.open()
    try:
        yield from run_frames(source.frames(), pipeline, detector)
    finally:
        source.close()


def run_frames(
    frames: Iterable[Frame], pipeline: CameraPipeline, detector: DetectorLike | None = None
) -> Iterator[Event]:
    """As :func:`run`, over frames from anywhere."""
    for frame in frames:
        if not pipeline.admit(frame).passes:
            yield from pipeline.skip(frame)
        elif frame.fixes is not None:
            yield from pipeline.step(frame, frame.fixes)
        else:
            assert detector is not None, "pictures need a detector"
            request = request_of([frame.picture.bgr(*detector_size(detector, frame))], frame)
            yield from pipeline.step(frame, detect_at_full_size(detector, [request])[0][0])
    yield from pipeline.close()
    pipeline.vouch()


def watched(camera: CameraConfig) -> bool:
    """Whether somebody must look if a camera stays as it is: rules measure in the picture of a fixed one."""
    return camera.sees and camera.platform == "fixed" and bool(camera.rules)


def tracking_of(camera: CameraConfig) -> TrackerConfig:
    """What the tracker of a camera believes: where it is asked to look seldom, it has not been silent in between."""
    config = TrackerConfig()
    if camera.sample_hz is None:
        return config
    longest_s = max(config.max_silence_s, LOOK_LATE / camera.sample_hz)
    return config.model_copy(update={"max_silence_s": longest_s})


def moments_of(event: Event) -> list[datetime]:
    """The capture times that an event's evidence shows."""
    moments = event.data.get("moments")
    named = [m for m in moments if isinstance(m, dict)] if isinstance(moments, list) else []
    return [datetime.fromisoformat(str(m["at"])) for m in named]


def detector_size(detector: DetectorLike, frame: Frame) -> tuple[int, int]:
    """Width and height at which a frame goes to a detector."""
    return detector.spec.fit(frame.picture.width_px, frame.picture.height_px)


def request_of(pictures: Sequence[NDArray[np.uint8]], frame: Frame) -> DetectRequest:
    """A request for pictures of the size of ``frame``'s, already shrunk."""
    return DetectRequest(np.stack(pictures), (frame.picture.width_px, frame.picture.height_px))
