"""Which moments show the plates of passing vehicles: for cameras with ``read_plates: true``, once a vehicle.

A vehicle is spoken of when it has begun to look smaller again, or is gone: then the largest views of it are known,
and the ring still holds their pictures. What is told waits for the plate's hash and never leaves the camera without
(:mod:`flows.domain.sightings`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from flows.domain.events import Event, KeyMoment
from flows.domain.sightings import VehicleSeen
from flows.domain.site import CameraConfig
from flows.domain.tracks import Track
from flows.jurisdiction import JurisdictionProfile
from flows.rules.base import Moment
from flows.rules.hiding import Rests

PLATED: Final = frozenset({"car", "truck", "bus", "motorcycle"})


@dataclass(frozen=True, slots=True)
class PlateWatchConfig:
    """Thresholds, each with its reason.

    Attributes:
        views: Pictures that are read of one vehicle: three outvote a misread sign.
        apart_s: Between two of them: the same frame twice tells nothing.
        passed_s: No larger view for so long: it will not come nearer.
        reach_s: Views older than this may soon leave the ring, which holds 20 s.
        legible_px: Width from which a car's plate has some 20 px, the least that is read.
        larger: So much more area is a larger view and not a trembling box.
        edge_px: A box that reaches so near to the picture's border may be cut off by it, and with it the plate.
    """

    views: int = 3
    apart_s: float = 0.15
    passed_s: float = 1.5
    reach_s: float = 10.0
    legible_px: float = 80.0
    larger: float = 1.05
    edge_px: float = 2.0


@dataclass(frozen=True, slots=True)
class _View:
    at: datetime
    xyxy: tuple[float, float, float, float]

    @property
    def area(self) -> float:
        left, top, right, bottom = self.xyxy
        return (right - left) * (bottom - top)


@dataclass(slots=True)
class _Vehicle:
    views: list[_View] = field(default_factory=list)
    largest: _View | None = None
    told: bool = False


class PlateWatch:
    """Follows vehicles as a rule does (:class:`flows.rules.base.Rule`), and judges nothing.

    Args:
        camera: The camera.
        profile: Says how long a hash may be kept.
        thresholds: The defaults if None.
    """

    kind = "read_plates"

    def __init__(
        self, camera: CameraConfig, profile: JurisdictionProfile, thresholds: PlateWatchConfig | None = None
    ) -> None:
        self._camera, self._keep_days = camera, float(profile.retention.plate_hash_days)
        self._limits = thresholds or PlateWatchConfig()
        self._vehicles: dict[int, _Vehicle] = {}
        self._refusals: Counter[str] = Counter()

    def refusals(self) -> dict[str, int]:
        """Vehicles of which no view was large and whole enough, or none that nobody covered."""
        return dict(self._refusals)

    def observe(self, tracks: Sequence[Track], moment: Moment) -> list[Event]:
        """Notes the largest views; speaks of who has passed."""
        events: list[Event] = []
        for track in tracks:
            vehicle = self._vehicles.setdefault(track.id, _Vehicle())
            if vehicle.told or track.cls not in PLATED or track.last_at != moment.at:
                continue
            self._look(vehicle, track, moment)
            best = vehicle.largest
            if best is not None and moment.at - best.at >= timedelta(seconds=self._limits.passed_s):
                events += self._tell(vehicle, track, moment.rests)
        return events

    def forget(self, track: Track, moment: Moment) -> list[Event]:
        """Speaks of who is gone before it had passed."""
        vehicle = self._vehicles.pop(track.id, None)
        events: list[Event] = []
        if vehicle is None or vehicle.told or track.cls not in PLATED:
            pass
        elif vehicle.largest is None:
            self._refusals["read_plates.too_small"] += 1
        else:
            events = self._tell(vehicle, track, moment.rests)
        return events

    def _look(self, vehicle: _Vehicle, track: Track, moment: Moment) -> None:
        left, top, right, bottom = (float(v) for v in track.sightings[-1].xyxy)
        edge = self._limits.edge_px
        whole = (
            left >= edge
            and top >= edge
            and right <= moment.width_px - edge
            and bottom <= moment.height_px - edge
        )
        if not whole or right - left < self._limits.legible_px:
            return
        shown = moment.rests.of(track.id, moment.at, (left, top, right, bottom))
        if shown is None or shown[2] - shown[0] < self._limits.legible_px:
            return
        view = _View(moment.at, shown)
        if vehicle.largest is None or view.area > vehicle.largest.area * self._limits.larger:
            vehicle.largest = view
        self._keep(vehicle, view)

    def _keep(self, vehicle: _Vehicle, view: _View) -> None:
        """The largest few, apart from one another, none too old for the ring."""
        first_at = view.at - timedelta(seconds=self._limits.reach_s)
        apart = timedelta(seconds=self._limits.apart_s)
        ordered = sorted([*vehicle.views, view], key=lambda v: -v.area)
        kept: list[_View] = []
        for each in ordered:
            near = any(abs(each.at - other.at) < apart for other in kept)
            if each.at >= first_at and not near and len(kept) < self._limits.views:
                kept.append(each)
        vehicle.views = kept

    def _tell(self, vehicle: _Vehicle, track: Track, rests: Rests) -> list[Event]:
        vehicle.told = True
        # Who covered it may have been known a moment later only.
        shown = [(v.at, rests.of(track.id, v.at, v.xyxy)) for v in vehicle.views]
        views = sorted((_View(at, xyxy) for at, xyxy in shown if xyxy is not None), key=lambda v: v.at)
        vehicle.views = []
        if not views:
            self._refusals["read_plates.covered"] += 1
            return []
        best = max(views, key=lambda v: v.area)
        seen = VehicleSeen(
            camera=self._camera.id,
            district=self._camera.district,
            at=best.at,
            cls=track.cls,
            keep_days=self._keep_days,
            latitude=self._camera.latitude,
            longitude=self._camera.longitude,
            moments=tuple(KeyMoment(name=f"view-{n}", at=v.at, xyxy=v.xyxy) for n, v in enumerate(views, 1)),
        )
        return [seen.event()]
