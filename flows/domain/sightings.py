"""A sighting: one vehicle's plate was read at one camera. What travels and is kept is its keyed hash, and expires.

Only cameras that are asked to (``read_plates: true``) look at plates of vehicles that did nothing. The text of such
a plate is in no event, no log and no index; with the key, the hash of a plate that is known already can be
recognised, which is what a vehicle case does (:mod:`flows.store.sightings`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from flows.domain.cases import SearchCase
from flows.domain.events import Event, KeyMoment
from flows.domain.privacy import PLATE_SEEN as PLATE_SEEN
from flows.domain.status import CameraStatus


class _Seen(BaseModel):
    """What is known of a vehicle whether its plate has been read or not.

    Attributes:
        id: The event's.
        camera: The camera.
        district: Its district.
        at: Capture time of its largest view, aware UTC.
        cls: The vehicle's class.
        keep_days: How long the law of the place lets it be kept.
        latitude: Of the camera, where known.
        longitude: Likewise.
    """

    model_config = ConfigDict(frozen=True)

    id: str = ""
    camera: str = ""
    district: str = ""
    at: AwareDatetime
    cls: str
    keep_days: float = Field(gt=0, le=30)
    latitude: float | None = None
    longitude: float | None = None

    @classmethod
    def of(cls, event: Event) -> Self:
        """Reads a sighting's event."""
        named = {"id": event.id, "camera": event.camera_id, "district": event.subject, "at": event.time}
        return cls.model_validate(event.data | named)


class VehicleSeen(_Seen):
    """A vehicle whose plate is still to be read: it never leaves the camera like that.

    Attributes:
        moments: When it was seen best, with its box, in time order.
    """

    moments: tuple[KeyMoment, ...] = Field(min_length=1)

    def event(self) -> Event:
        """The event; its id follows from the footage: a track's number is another one when that is seen again, and
        its box in the largest view, to the pixel, tells it from others that were seen at that moment."""
        view = (moment for moment in self.moments if moment.at == self.at)
        return Event.of(
            PLATE_SEEN,
            camera_id=self.camera,
            district=self.district,
            at=self.at,
            data=self.model_dump(mode="json", exclude={"id", "camera", "district", "at"}),
            key=tuple(round(px) for moment in view for px in moment.xyxy or ()),
        )


class Sighting(_Seen):
    """The payload (``data``) of a ``dome.plate.seen.v1`` event, with what its envelope says of it.

    Attributes:
        plate: Keyed hash (:mod:`flows.domain.platehash`); never text.
    """

    plate: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,15}:[0-9a-f]{32}$")

    @property
    def place(self) -> tuple[float, float] | None:
        """Latitude and longitude, where known."""
        return None if self.latitude is None or self.longitude is None else (self.latitude, self.longitude)


def unseen(event: Event) -> bool:
    """Whether it is about a vehicle whose plate has not been read yet."""
    return event.type == PLATE_SEEN and not event.data.get("plate")


def seen(event: Event, plate: str) -> Event:
    """The sighting of such a vehicle, now that its plate's keyed hash is known; where it was in the picture is not
    told."""
    data = {name: value for name, value in event.data.items() if name != "moments"}
    return event.model_copy(update={"data": data | {"plate": plate}})


def geojson(sightings: Sequence[Sighting]) -> dict[str, object]:
    """A route as a GeoJSON ``FeatureCollection`` (RFC 7946): one point a sighting in time order, and the line.

    Sightings of cameras without a place have no geometry, and the line leaves them out.
    """
    ordered = sorted(sightings, key=lambda s: s.at)
    points: list[dict[str, object]] = [_point(s, n) for n, s in enumerate(ordered, 1)]
    way = [[s.longitude, s.latitude] for s in ordered if s.place is not None]
    if len(way) > 1:
        line = {"type": "LineString", "coordinates": way}
        points.append({"type": "Feature", "geometry": line, "properties": {"kind": "route"}})
    return {"type": "FeatureCollection", "features": points}


def blind_spots(case: SearchCase, cameras: Mapping[str, CameraStatus]) -> str:
    """Which of a vehicle case's cameras and districts can see nothing of it, and why; empty where all can.

    Args:
        case: The case.
        cameras: What each camera told last, by id.
    """
    said = []
    for name in case.cameras:
        camera = cameras.get(name)
        if camera is None:
            said.append(f"camera {name}: it has never reported")
        elif camera.read_plates is False:
            said.append(f"camera {name}: it reads no plates (read_plates in the site file)")
    for name in case.districts:
        if all(each.district != name or each.read_plates is False for each in cameras.values()):
            said.append(f"district {name}: no camera there reads plates (read_plates in the site file)")
    return "; ".join(said)


def _point(sighting: Sighting, number: int) -> dict[str, object]:
    place = sighting.place
    return {
        "type": "Feature",
        "geometry": None if place is None else {"type": "Point", "coordinates": [place[1], place[0]]},
        "properties": {
            "kind": "sighting",
            "number": number,
            "camera": sighting.camera,
            "district": sighting.district,
            "at": sighting.at.isoformat(timespec="milliseconds"),
            "class": sighting.cls,
        },
    }
