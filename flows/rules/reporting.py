"""Violations as events: what all rules state alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from flows.domain.events import Event, KeyMoment, Measured, View, Violation
from flows.domain.frames import VOUCHED_CLOCKS, ClockState
from flows.domain.paths import Waypoint
from flows.domain.ruleset import RuleConfig, kind_of
from flows.domain.site import CameraConfig
from flows.jurisdiction import JurisdictionProfile
from flows.road.ground import GroundPlane
from flows.rules.hiding import Rests, inward
from flows.site.fitness import of_survey


@dataclass(frozen=True, slots=True)
class Reporter:
    """Writes the violations of one rule of one camera.

    Attributes:
        config: The rule in the site file.
        version: Of the rule's definition.
        camera: The camera.
        profile: The law of the place.
        ground: The surveyed plane, where there is one.
    """

    config: RuleConfig
    version: str
    camera: CameraConfig
    profile: JurisdictionProfile
    ground: GroundPlane | None

    @property
    def kind(self) -> str:
        """The rule's tag in the site file."""
        return kind_of(type(self.config))

    @property
    def parameters(self) -> dict[str, Any]:
        """What the site file states of the rule, as JSON values."""
        return self.config.model_dump(mode="json", exclude={"kind"})

    def unfit(self, at: datetime, clock: ClockState) -> str:
        """Why the camera cannot vouch for positions on that day, or for the day; empty if it can.

        An order names the moment; hours, permits and a survey's validity hang on it. The words are those that refusals
        are counted by: ``clock``, ``platform``, ``no_calibration``, ``survey_unchecked``, ``calibration_expired``.
        """
        if clock.source not in VOUCHED_CLOCKS:
            return "clock"
        objections = of_survey(self.camera, self.ground, self.profile.local_day(at))
        return objections[0].code if objections else ""

    def violation(
        self,
        *,
        track: int,
        cls: str,
        at: datetime,
        clock: ClockState,
        rests: Rests,
        article: str,
        measured: Mapping[str, Measured],
        threshold: Mapping[str, float],
        moments: Sequence[KeyMoment],
        position_m: tuple[float, float],
        trace: Sequence[tuple[float, float, float]] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> Event:
        """The event of a violation.

        Args:
            track: The track's number.
            cls: The vehicle's class.
            at: Capture time of the decisive moment.
            clock: State of the camera's clock.
            rests: What is to be seen of whom: crops show nothing of nearer vehicles.
            article: Of the jurisdiction's code.
            measured: Quantities with their intervals.
            threshold: Bounds they were held against.
            moments: What evidence must show.
            position_m: Where the vehicle was then; with the time and the type it names the event.
            trace: ``(seconds since the first, x_m, y_m)``.
            facts: What else this rule states.
        """
        x_m, y_m = (round(float(v), 3) for v in position_m)
        stated = dict(facts or {})
        standing = standing_of(self.config, self.profile)
        if "needs_review" in stated:
            standing = standing.reviewed(bool(stated["needs_review"]))
        payload = Violation(
            rule=self.kind,
            rule_version=self.version,
            parameters=self.parameters,
            article=article,
            track=track,
            cls=cls,
            measured=dict(measured),
            threshold=dict(threshold),
            moments=rests.alone(track, sorted(moments, key=lambda m: m.at)),
            position_m=(x_m, y_m),
            clock=clock_facts(clock),
            calibration=calibration_facts(self.ground) if self.ground is not None else {},
            trace=list(trace),
            **asdict(standing),
        )
        return Event.of(
            f"dome.violation.{self.kind}.v1",
            camera_id=self.camera.id,
            district=self.camera.district,
            at=at,
            data=payload.model_dump(mode="json") | stated,
            # Two vehicles may be at fault in the same frame; they are not in the same place.
            key=(round(x_m), round(y_m)),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """On what a violation of one rule of the site file depends before it stands.

    See :class:`flows.domain.events.Violation`.
    """

    exemptions: tuple[str, ...]
    exemptions_max_age_h: float | None
    needs_review: bool
    profile: str
    state: Literal["stands", "undecided", "needs_review"]

    def reviewed(self, needs_review: bool) -> Standing:
        """The same, for a violation that a person must look at, or need not."""
        return replace(self, needs_review=needs_review, state=_state(bool(self.exemptions), needs_review))


def standing_of(config: RuleConfig, profile: JurisdictionProfile) -> Standing:
    """What the site file and the law ask of a rule: the lists that it names, else those that the law does, else those
    that are loaded (``*``) where the law knows exemptions. No list is believed at any age: where the law states none
    for the rule, the profile's holds."""
    law = profile.law(kind_of(type(config)))
    every = ("*",) if law.exemptions_max_age_h is not None else ()
    lists = tuple(sorted(set(config.exemptions or law.exemption_lists))) or every
    age_h = (law.exemptions_max_age_h or profile.exemptions_max_age_h) if lists else None
    state = _state(bool(lists), law.needs_review)
    return Standing(lists, age_h, law.needs_review, profile.version, state)


def _state(depends: bool, needs_review: bool) -> Literal["stands", "undecided", "needs_review"]:
    if depends:
        return "undecided"
    return "needs_review" if needs_review else "stands"


def doubt(profile: JurisdictionProfile) -> str:
    """What every line that quotes the law adds until counsel has confirmed it."""
    return "" if profile.confirmed else " (to be confirmed by counsel)"


def moment_of(name: str, point: Waypoint) -> KeyMoment:
    """The moment of a waypoint as evidence shows it."""
    view = view_of(point)
    if view is None:
        return KeyMoment(name=name, at=point.at)
    shown = None if point.shown is None else inward(point.shown)
    return KeyMoment(name=name, at=point.at, xyxy=view[1], shown=shown, covered=point.covered)


def view_of(point: Waypoint) -> View | None:
    """The object at a waypoint in its frame, as evidence states it; None where there are no pictures."""
    if point.xyxy is None:
        return None
    x0, y0, x1, y1 = (round(float(v), 2) for v in point.xyxy)
    return point.at, (x0, y0, x1, y1)


def trace_of(points: Sequence[Waypoint]) -> list[tuple[float, float, float]]:
    """``(seconds since the first, x_m, y_m)`` of waypoints."""
    start = points[0].at if points else None
    return [
        (
            round((p.at - start).total_seconds(), 3),
            round(float(p.xy_m[0]), 3),
            round(float(p.xy_m[1]), 3),
        )
        for p in points
        if start is not None
    ]


def clock_facts(clock: ClockState) -> dict[str, Any]:
    """The camera clock's state as evidence states it."""
    return {
        "source": clock.source,
        "anchored_at": clock.anchored_at.isoformat(),
        "rate_hz": round(clock.rate_hz, 4),
        "jitter_s": round(clock.jitter_s, 6),
        "time_error_s": clock.time_error_s,
        "scale_error": clock.scale_error,
    }


def calibration_facts(ground: GroundPlane) -> dict[str, Any]:
    """The survey as evidence states it."""
    config, residual = ground.config, ground.residual
    return {
        "id": config.id,
        "surveyed_on": config.surveyed_on.isoformat(),
        "valid_until": config.valid_until.isoformat(),
        "points": len(config.points),
        "residual_px": round(residual.rms_px, 3),
        "residual_m": round(residual.rms_m, 4),
    }
