"""Seat belt: a vehicle that comes towards the camera is named, and the moments in which its windscreen is seen best.

Whether a belt is worn behind it is for a classifier to say, once the pictures of those moments are cut from the
recording (:mod:`flows.domain.belts`): what this rule states is a candidate, and leaves the camera only as a
violation. A person looks at each of them, unless the law lets a good evaluation of this very camera stand for that.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np

from flows.domain.belts import candidate_of
from flows.domain.events import Event, View
from flows.domain.paths import Waypoint
from flows.domain.ruleset import SeatBeltRule
from flows.domain.tracks import Track
from flows.jurisdiction import JurisdictionProfile
from flows.rules.base import Moment, Site
from flows.rules.certainty import seconds_between
from flows.rules.following import Finding, FollowingRule
from flows.rules.reporting import doubt, view_of
from flows.rules.trail import Look

VERSION: Final = "2"
"""Of the rule's definition; raise it whenever the same footage could be judged otherwise."""


@dataclass(frozen=True, slots=True)
class SeatBeltConfig:
    """Thresholds of the rule itself, each with its reason.

    Attributes:
        aside_deg: A vehicle that points farther past the camera shows its side, not who sits in front.
        border_px: A box that ends so near the border of a picture 1280 px wide is cut off there ...
        border_share: ... and so does one so near in shares of its own height, which is how far boxes are off.
        span_s: Looks of so long vote: reflections pass over the glass meanwhile, and all are decoded in one go.
        least_broken: So many looks, at least, at a vehicle whose track breaks: the tracker may lose it only now.
        patience_s: Who has been seen well for so long is looked at with what there is: the ring of packets is short.
    """

    aside_deg: float = 40.0
    border_px: float = 4.0
    border_share: float = 0.06
    span_s: float = 1.2
    least_broken: int = 3
    patience_s: float = 8.0


@dataclass(slots=True)
class _Approach:
    """One vehicle that may be coming.

    Attributes:
        good: Waypoints at which its windscreen could be looked into.
        views: Of the last ones, what they show.
        came: It was seen to come towards the camera.
        told: It has been looked at.
    """

    good: list[Waypoint] = field(default_factory=list)
    views: deque[View] = field(default_factory=deque)
    came: bool = False
    told: bool = False


class SeatBelt(FollowingRule[_Approach]):
    """The seat-belt rule of one camera.

    Args:
        config: The rule in the site file.
        site: Where it holds.
        thresholds: Thresholds of the rule; the defaults if None.
    """

    kind = "seat_belt"

    def __init__(self, config: SeatBeltRule, site: Site, thresholds: SeatBeltConfig | None = None) -> None:
        super().__init__(config, site, VERSION, _Approach)
        self._config, self._thresholds = config, thresholds or SeatBeltConfig()
        self._pins = site.pins.open()
        self._eye_m = site.ground.camera_m[0] if site.ground is not None else np.zeros(2)

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        """See :class:`flows.rules.base.Rule`; who comes, or may come, will be looked at in the next frames."""
        events = super().observe(tracks, moment)
        self._pins.expects = any(self._expects(track) for track in tracks)
        return events

    def forget(self, track: Track, moment: Moment) -> list[Event]:
        """See :class:`flows.rules.base.Rule`; what was seen of a vehicle goes with it, even if no frame follows."""
        events = super().forget(track, moment)
        self._view()
        return events

    def _expects(self, track: Track) -> bool:
        followed = self._followed.get(track.id)
        came = followed is None or (followed.state.came and not followed.state.told)
        return came and track.cls in self._classes

    def _now(self, moment: Moment) -> None:
        super()._now(moment)
        self._view()

    def _view(self) -> None:
        states = [f.state for f in self._followed.values() if not f.state.told]
        self._pins.view(view for state in states for view in state.views)

    def _see(self, state: _Approach, look: Look) -> Finding | str | None:
        if state.told:
            return None
        if self._comes(look.point):
            state.came = True
            if look.clear and self._whole(look.point):
                self._note(state, look.point)
        # Also of who has turned away and waits: what was seen of them is kept no longer.
        if state.good and seconds_between(state.good[0], look.point) >= self._thresholds.patience_s:
            return self._found(state)
        return None

    def _note(self, state: _Approach, point: Waypoint) -> None:
        state.good.append(point)
        view = view_of(point)
        assert view is not None, "_whole() has seen to it"
        while state.views and (point.at - state.views[0][0]).total_seconds() > self._thresholds.span_s:
            state.views.popleft()
        state.views.append(view)
        self._pins.views |= {view}

    def _leave(self, state: _Approach) -> Finding | str | None:
        if state.told or not state.came:
            return None
        return self._found(state)

    def _mix(self, state: _Approach) -> Finding | str | None:
        """What was seen before is of one vehicle still; a few looks of it are left to whoever goes on."""
        if state.told or len(state.good) < self._thresholds.least_broken:
            return None
        return self._found(state)

    def _found(self, state: _Approach) -> Finding | str:
        state.told = True
        looks = self._chosen(state.good)
        if len(looks) < 2:
            return "belt_too_small" if not state.good else "belt_few_looks"
        return Finding(
            at=looks[-1],
            measured={},
            threshold={},
            moments={f"look-{i + 1}": point for i, point in enumerate(looks)},
            way=looks,
            facts={},
        )

    def _chosen(self, good: list[Waypoint]) -> list[Waypoint]:
        """The last ones, when the vehicle is largest, spread evenly over a short time."""
        near = [p for p in good if seconds_between(p, good[-1]) <= self._thresholds.span_s]
        if len(near) <= self._config.looks:
            return near
        picked = np.linspace(0, len(near) - 1, self._config.looks).round().astype(int)
        return [near[i] for i in picked]

    def _comes(self, point: Waypoint) -> bool:
        """Whether it points at the camera."""
        towards = self._eye_m - point.xy_m
        away_m = math.hypot(*towards)
        if away_m < 1e-6:
            return False
        return float(point.heading @ towards) / away_m >= math.cos(math.radians(self._thresholds.aside_deg))

    def _whole(self, point: Waypoint) -> bool:
        """Whether its box is large enough, and all of it in the picture."""
        if point.xyxy is None:
            return False
        x0, y0, x1, y1 = point.xyxy
        width_px, height_px = self._moment.width_px, self._moment.height_px
        border = self._thresholds.border_px * width_px / 1280
        border = max(border, self._thresholds.border_share * (y1 - y0))
        inside = x0 > border and y0 > border and x1 < width_px - border and y1 < height_px - border
        return inside and x1 - x0 >= self._config.min_width_px

    def _event(self, track: Track, found: Finding, moment: Moment) -> Event:
        evaluated = self._evaluated(self._profile.local_day(found.at.at))
        review = {"needs_review": not evaluated}
        made = super()._event(track, Finding(**_fields(found) | {"facts": review}), moment)
        asked = {
            "seats": list(self._config.seats),
            "driver_on": self._config.driver_on,
            "evaluated": evaluated,
        }
        return candidate_of(made, asked)

    def _evaluated(self, day: date) -> dict[str, str]:
        """The networks whose verdicts need no review here on that day; empty where all do."""
        report = self._config.report
        if report is None or standing_doubt(self._config, self._profile, day):
            return {}
        return dict(report.models)


def _fields(found: Finding) -> dict[str, Any]:
    return {name: getattr(found, name) for name in Finding.__dataclass_fields__}


def standing_doubt(config: SeatBeltRule, profile: JurisdictionProfile, day: date | None = None) -> str:
    """Why a person must look at each violation; empty if none need to."""
    law = profile.law("seat_belt")
    if config.report is None:
        return "no evaluation report"
    if law.needs_review and not law.evaluated_may_stand:
        return f"the law of {profile.title} asks for it"
    return config.report.doubt(day or config.report.measured_on)


def describe(config: SeatBeltRule, profile: JurisdictionProfile) -> str:
    """One line on what the rule does there, for ``dome check`` and the documentation."""
    law = profile.law("seat_belt")
    why = standing_doubt(config, profile)
    review = f"every violation is for review ({why})"
    if not why and config.report is not None:
        report = config.report
        review = (
            f"violations stand without review until {report.valid_until} while the networks are those of the report "
            f"({report.right} of {report.accused} verdicts right)"
        )
    who, what = " or ".join(config.seats), ", ".join(config.classes)
    return (
        f"seat_belt v{VERSION}: {who} without a belt in {what} that come towards the camera and are at least "
        f"{config.min_width_px:g} px wide, driver on the {config.driver_on}, as up to "
        f"{config.looks} pictures agree; {review}; {law.article}{doubt(profile)}"
    )
