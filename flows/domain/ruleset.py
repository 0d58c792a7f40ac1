"""The rules of the road as a site file states them: one model a rule, a tagged union of all.

What a rule means, how it is judged and what it refuses is in ``flows/rules/<kind>.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from flows.domain.beltreport import BeltReport
from flows.domain.config import Config, Name

ROAD_USERS = ("person", "bicycle", "car", "motorcycle", "bus", "truck")
"""Classes that rules of the road know, whatever a detector or a device names beside them."""
VEHICLES = ("car", "truck", "bus", "motorcycle")


def _road_user(cls: str) -> str:
    """A class that somebody on the road may have: a rule for any other would never fire, and say nothing of it."""
    if cls not in ROAD_USERS:
        raise ValueError(f"one of {', '.join(ROAD_USERS)}")
    return cls


Classes = Annotated[tuple[Annotated[str, AfterValidator(_road_user)], ...], Field(min_length=1)]
ZoneName = Annotated[Name, "zones"]
"""The name of one of the camera's zones; the second word is where it is looked up."""
LineName = Annotated[Name, "lines"]
SignalName = Annotated[Name, "signals"]
LocalTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]
"""``HH:MM`` in the time zone of the jurisdiction's profile."""


class SignalConfig(Config):
    """A traffic light that rules ask for, read in the picture or told by its controller.

    Attributes:
        name: What rules call it.
        region_px: Left, top, right, bottom of the head in the full-resolution picture; None with a feed.
        head: ``vertical`` (red above), ``horizontal`` (red left), ``arrow`` (one lamp region that shows a green
            arrow or nothing), ``countdown`` (a digit display in the colour of the phase).
        feed: File of the controller's phase changes (JSON lines: ``at``, ``phase``) instead of a region; of a live
            camera the phase must be repeated each second, and dated as the camera's clock says, within 10 s: nobody is
            held to what was not said again, or to what those seconds leave open (:mod:`flows.signals.feed`). Where
            prohibited stopping asks for it, it may be behind by 2 s at most: a green counts for 3 s from its date.
    """

    name: Name
    region_px: tuple[float, float, float, float] | None = None
    head: Literal["vertical", "horizontal", "arrow", "countdown"] = "vertical"
    feed: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> SignalConfig:
        if (self.region_px is None) == (self.feed is None):
            raise ValueError("expected either region_px or feed, got " + ("both" if self.feed else "neither"))
        x0, y0, x1, y1 = self.region_px or (0, 0, 4, 4)
        if x1 - x0 < 4 or y1 - y0 < 4:
            raise ValueError(
                f"region_px: expected left, top, right, bottom at least 4 px apart, got {self.region_px}"
            )
        return self


class RuleConfig(Config):
    """What all rules share.

    Attributes:
        classes: Vehicle classes that the rule holds for.
        exemptions: Lists of exempt plates that must be asked before a violation is final.
    """

    classes: Classes = VEHICLES
    exemptions: tuple[Name, ...] = ()


class SpeedingRule(RuleConfig):
    """A vehicle faster than the limit, by its interval's lower end.

    Attributes:
        limit_kmh: Limit for every class that has none of its own.
        class_limits_kmh: Other limits by class, for example ``{truck: 50}``.
        tolerance_kmh: Overrides the jurisdiction profile's tolerance.
        zone: Measure only inside this zone (a lane with a limit of its own); else in the whole picture.
    """

    kind: Literal["speeding"] = "speeding"
    limit_kmh: float = Field(gt=0, le=200)
    class_limits_kmh: dict[str, Annotated[float, Field(gt=0, le=200)]] = Field(default_factory=dict)
    tolerance_kmh: float | None = Field(default=None, ge=0)
    zone: ZoneName | None = None

    @model_validator(mode="after")
    def _limits_are_for_its_classes(self) -> SpeedingRule:
        unknown = sorted(set(self.class_limits_kmh) - set(self.classes))
        if unknown:
            raise ValueError(
                f"class_limits_kmh: expected classes of the rule {list(self.classes)}, got {unknown[0]!r}"
            )
        return self

    def limit_for(self, cls: str) -> float:
        """The limit for a vehicle of a class, km/h."""
        return self.class_limits_kmh.get(cls, self.limit_kmh)


class SectionSpeedRule(RuleConfig):
    """Average speed between two cameras of a surveyed section; stated at both.

    Attributes:
        section: Name of the section; its two cameras share it.
        role: Whether vehicles enter or leave the section here.
        gate: The line at which a passage is timed.
        length_m: Surveyed way between both lines.
        length_error_m: Its stated standard error.
        limit_kmh: Limit on the section.
        tolerance_kmh: Overrides the jurisdiction profile's tolerance.
        clock_within_s: The camera's clock is kept within so much of UTC (NTP on its network).
        heading_deg: Which way vehicles cross the gate, clockwise from +y on the ground; either way if None.
    """

    kind: Literal["section_speed"] = "section_speed"
    section: Name
    role: Literal["entry", "exit"]
    gate: LineName
    length_m: float = Field(gt=0)
    length_error_m: float = Field(default=0.5, ge=0)
    limit_kmh: float = Field(gt=0, le=200)
    tolerance_kmh: float | None = Field(default=None, ge=0)
    clock_within_s: float = Field(default=0.02, gt=0, le=1)
    heading_deg: float | None = Field(default=None, ge=-360, le=360)


class FailureToYieldRule(RuleConfig):
    """A vehicle enters the conflict box while a pedestrian has the way there.

    Attributes:
        crosswalk: Zone of the crosswalk's carriageway part.
        stop_line: Line before which drivers wait; shown in the evidence.
        medians: Zones inside the crosswalk on which a pedestrian has left the carriageway.
        half_lane_m: The box is wider than the pedestrian's path by so much on each side.
        signal: Light that gives vehicles the way while it is green.
    """

    kind: Literal["failure_to_yield"] = "failure_to_yield"
    crosswalk: ZoneName
    stop_line: LineName | None = None
    medians: tuple[ZoneName, ...] = ()
    half_lane_m: float = Field(default=1.75, gt=0, le=5)
    signal: SignalName | None = None


class StopLineRule(RuleConfig):
    """The front crosses the stop line while the light is red.

    Where the same camera has a ``red_light`` rule for the same light, this one is for those who do not go on into
    the junction under red: one offence has one event.

    Attributes:
        stop_line: The line.
        signal: The light that holds for it.
        grace_s: Red for longer than this when the line is crossed.
        junction: Zone behind the line, for a line that reaches over lanes of both ways: who comes from there is
            not stopped by it. That of a ``red_light`` rule for the same light by default.
    """

    kind: Literal["stop_line"] = "stop_line"
    stop_line: LineName
    signal: SignalName
    grace_s: float = Field(default=0.5, ge=0)
    junction: ZoneName | None = None


class RedLightRule(RuleConfig):
    """The front crosses the stop line under red, and the vehicle goes on into the junction under red.

    Attributes:
        stop_line: The line.
        junction: Zone behind it that the vehicle must enter.
        signal: The light that holds for it.
        grace_s: Red for longer than this when the line is crossed.
        arrow: Light with a green arrow for a turn ...
        arrow_exit: ... and the zone through which those who turn leave.
    """

    kind: Literal["red_light"] = "red_light"
    stop_line: LineName
    junction: ZoneName
    signal: SignalName
    grace_s: float = Field(default=0.5, ge=0)
    arrow: SignalName | None = None
    arrow_exit: ZoneName | None = None

    @model_validator(mode="after")
    def _an_arrow_points_somewhere(self) -> RedLightRule:
        """Without the zone everybody who rightly turns on the arrow would run the light."""
        if self.arrow and not self.arrow_exit:
            raise ValueError(
                f"arrow_exit: expected the zone through which those leave who turn on {self.arrow!r}, got nothing"
            )
        if self.arrow_exit and not self.arrow:
            raise ValueError("arrow: expected the light whose arrow allows to leave there, got nothing")
        return self


class WrongWayRule(RuleConfig):
    """Sustained motion against a lane's direction.

    Attributes:
        lane: Zone with ``heading_deg``.
        min_s: Against the direction for at least so long ...
        min_m: ... and so far ...
        min_kmh: ... and on average so fast: slower is a manoeuvre, for example backing to a parking place.
        angle_deg: Directions that differ by more are against.
        overtaking: Whoever overtakes may come into the lane: only who drives on there for longer than that takes is
            reported. ``false`` where nobody may: a one-way road, beside a solid line or a divide.
    """

    kind: Literal["wrong_way"] = "wrong_way"
    lane: ZoneName
    min_s: float = Field(default=1.5, gt=0)
    min_m: float = Field(default=8.0, gt=0)
    min_kmh: float = Field(default=10.0, ge=0)
    angle_deg: float = Field(default=135.0, gt=90, le=180)
    overtaking: bool = True


class SolidLineRule(RuleConfig):
    """A vehicle crosses a marked line.

    Attributes:
        line: The marking.
        past_m: Its middle must come so far beyond: a wheel on the line is no crossing.
        allowed_from: Side, looking along the line's points, from which it may be crossed: where a broken line
            runs beside the solid one.
    """

    kind: Literal["solid_line"] = "solid_line"
    line: LineName
    past_m: float = Field(default=0.4, ge=0)
    allowed_from: Literal["left", "right"] | None = None


class ProhibitedTurnRule(RuleConfig):
    """A vehicle comes from one zone and leaves through another that is forbidden from there.

    Attributes:
        enters: Zone it comes from; where it states a heading, only those who go that way come from it.
        leaves: Zone it goes to; likewise.
        within: Zone that it does not leave on its way from one to the other.
        max_s: Longest time between leaving the one and being in the other: who stood in between went there anew.
    """

    kind: Literal["prohibited_turn"] = "prohibited_turn"
    enters: ZoneName
    leaves: ZoneName
    within: ZoneName | None = None
    max_s: float = Field(default=90.0, gt=0)


class BusLaneRule(RuleConfig):
    """A vehicle that may not drives in the bus lane for a set way during its hours.

    Attributes:
        lane: Zone of the lane.
        hours: Pairs of local times ``HH:MM`` in which the lane is reserved, over midnight too; always, if empty.
        days: Days of the week on which it is, 1 Monday to 7 Sunday; hours over midnight belong to the day before.
        free_on: Dates on which it is not: public holidays.
        min_m: Way inside the lane: crossing it to turn is allowed.
    """

    kind: Literal["bus_lane"] = "bus_lane"
    classes: Classes = ("car", "truck", "motorcycle")
    lane: ZoneName
    hours: tuple[tuple[LocalTime, LocalTime], ...] = ()
    days: tuple[Annotated[int, Field(ge=1, le=7)], ...] = (1, 2, 3, 4, 5, 6, 7)
    free_on: tuple[date, ...] = ()
    min_m: float = Field(default=20.0, gt=0)


class ProhibitedStoppingRule(RuleConfig):
    """A vehicle stands in a zone for longer than is allowed.

    Attributes:
        zone: Where nobody may stand.
        max_s: Longest allowed standing.
        lost_s: Out of sight for so long and back at the same place is the same vehicle, which stood meanwhile.
        signal: Light at which traffic queues there: time counts only while it is green; unknown, none does.
        queue_s: Time that a queue needs to set off after the light has turned green; it does not count either.
    """

    kind: Literal["prohibited_stopping"] = "prohibited_stopping"
    zone: ZoneName
    max_s: float = Field(default=60.0, gt=0)
    lost_s: float = Field(default=30.0, gt=0)
    signal: SignalName | None = None
    queue_s: float = Field(default=15.0, ge=0)


class AbandonedObjectRule(RuleConfig):
    """A thing that somebody has put down and left

    Attributes:
        zone: Only what stands in this zone; else in the whole picture.
        except_zones: Zones in which things may stand: bays for vehicles, screens, doors that stay open.
        distance_m: An owner farther away than this does not watch it any more.
        distance_widths: The same in widths of a person where there is no calibration; 0.5 m each.
        away_s: It is abandoned when its owner was so far off for so long, and still in sight.
        gone_s: The same when the owner is not to be seen any more.
        escalate_s: It is reported again, more urgently, when it is still there so long after that.
        least_m: Smaller things (in their larger extent) are not looked for.
        most_m: Larger ones neither: no bag is, but a door, a vehicle or a kiosk.
    """

    kind: Literal["abandoned_object"] = "abandoned_object"
    classes: tuple[str, ...] = ("suitcase", "backpack", "handbag")
    """As a detector calls such things: only its confidence is raised by them."""
    zone: ZoneName | None = None
    except_zones: tuple[ZoneName, ...] = ()
    distance_m: float = Field(default=3.0, gt=0, le=50)
    distance_widths: float = Field(default=6.0, gt=0, le=100)
    away_s: float = Field(default=30.0, gt=0)
    gone_s: float = Field(default=5.0, gt=0)
    escalate_s: float = Field(default=60.0, gt=0)
    least_m: float = Field(default=0.2, gt=0)
    most_m: float = Field(default=1.3, gt=0)


class SeatBeltRule(RuleConfig):
    """Somebody in front without a belt, as several pictures of the windscreen agree; for review.

    Attributes:
        seats: Whose belts are looked at.
        driver_on: Side of the car on which the driver sits, as the driver sees it.
        looks: Pictures of a vehicle that vote.
        min_width_px: Narrower vehicles in the picture are too small to look into.
        report: File of an evaluation of this camera, which may spare its violations a review.
    """

    kind: Literal["seat_belt"] = "seat_belt"
    classes: Classes = ("car",)
    seats: tuple[Literal["driver", "passenger"], ...] = ("driver", "passenger")
    driver_on: Literal["left", "right"] = "left"
    looks: int = Field(default=5, ge=2, le=8)
    min_width_px: float = Field(default=150.0, ge=60)
    report: BeltReport | None = None


Rule = Annotated[
    SpeedingRule
    | SectionSpeedRule
    | FailureToYieldRule
    | StopLineRule
    | RedLightRule
    | WrongWayRule
    | SolidLineRule
    | ProhibitedTurnRule
    | BusLaneRule
    | ProhibitedStoppingRule
    | AbandonedObjectRule
    | SeatBeltRule,
    Field(discriminator="kind"),
]

RULES: Final[tuple[type[RuleConfig], ...]] = get_args(get_args(Rule)[0])
"""Every rule's model."""


def kind_of(model: type[RuleConfig]) -> str:
    """A rule's tag in the site file.

    >>> kind_of(SolidLineRule)
    'solid_line'
    """
    return str(model.model_fields["kind"].default)


RULE_KINDS: Final = tuple(kind_of(model) for model in RULES)
"""The tags of all rules."""


def needs_pixels(rules: Sequence[RuleConfig]) -> bool:
    """Whether any of a camera's rules looks at what newly stands still."""
    return any(isinstance(rule, AbandonedObjectRule) for rule in rules)


def references(rule: RuleConfig) -> Iterator[tuple[str, str, str]]:
    """What a rule names of its camera: field, ``zones``, ``lines`` or ``signals``, and the name.

    >>> list(references(WrongWayRule(lane="west")))
    [('lane', 'zones', 'west')]
    """
    for field, kind in places(type(rule)).items():
        value = getattr(rule, field)
        if value:
            for name in value if isinstance(value, tuple) else (value,):
                yield field, kind, name


def places(model: type[RuleConfig]) -> dict[str, str]:
    """The fields of a rule that name something of its camera, and where that is looked up.

    >>> places(SolidLineRule)
    {'line': 'lines'}
    """
    found = {
        field: _looked_up(info.annotation) or next((m for m in info.metadata if m in _PLACES), None)
        for field, info in model.model_fields.items()
    }
    return {field: kind for field, kind in found.items() if kind}


_PLACES = ("zones", "lines", "signals")


def _looked_up(annotation: Any) -> str | None:
    """Where names of this type are looked up, however deep they lie in it (``X | None``, ``tuple[X, ...]``)."""
    own = [m for m in getattr(annotation, "__metadata__", ()) if m in _PLACES]
    if own:
        return str(own[0])
    parts = getattr(annotation, "__args__", ())
    return next((kind for part in parts if (kind := _looked_up(part))), None)
