"""What is found out about a report before a person sees it: whose it is, whether it is known, what contradicts it.

Pure: places are degrees, times aware UTC.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flows.domain.places import Places, distance_m
from flows.domain.reports import Report
from flows.uploads.inspected import Inspected

SAME_M: Final = 60.0
"""Two reports of one thing: phones place themselves within 5 to 50 m between houses, and people pick the corner."""
SAME: Final = timedelta(minutes=15)
"""And people give the time in quarters of an hour."""
FAR_M: Final = 300.0
"""A file taken so far from the claimed place was taken elsewhere."""
LATE: Final = timedelta(minutes=30)
"""A file taken so long before or after the claimed time is of another time."""
NEAREST_M: Final = 5_000.0
"""A camera farther away says nothing of a place's district."""


def same(report: Report, others: Iterable[Report]) -> Report | None:
    """The open report that tells of the same: same service, near in place and time; of several the oldest."""
    place = (report.latitude, report.longitude)
    known = [
        other
        for other in others
        if other.id != report.id
        and other.open
        and other.service == report.service
        and abs(other.happened_at - report.happened_at) <= SAME
        and distance_m(place, (other.latitude, other.longitude)) <= SAME_M
    ]
    return min(known, key=lambda other: (other.received_at, other.id), default=None)


def district_of(latitude: float, longitude: float, places: Places) -> str:
    """Whose a place is: the district around it, else that of the nearest camera within reach; empty if none is."""
    for district in places.districts:
        if district.polygon and inside(latitude, longitude, district.polygon):
            return district.id
    near = [
        (distance_m((latitude, longitude), (camera.latitude, camera.longitude)), camera.district)
        for camera in places.cameras
    ]
    found_m, district_id = min(near, default=(math.inf, ""))
    return district_id if found_m <= NEAREST_M else ""


def inside(latitude: float, longitude: float, polygon: Sequence[tuple[float, float]]) -> bool:
    """Whether a place lies in a polygon of ``(latitude, longitude)``; even-odd rule, right below 500 km.

    >>> square = [(43.0, 76.0), (43.0, 77.0), (44.0, 77.0), (44.0, 76.0)]
    >>> inside(43.5, 76.5, square), inside(44.5, 76.5, square)
    (True, False)
    """
    odd = False
    for (lat1, lon1), (lat2, lon2) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (lat1 > latitude) != (lat2 > latitude):
            crossing = lon1 + (latitude - lat1) / (lat2 - lat1) * (lon2 - lon1)
            odd ^= longitude < crossing
    return odd


def doubts(
    latitude: float,
    longitude: float,
    happened_at: datetime,
    received_at: datetime,
    file: Inspected,
    timezone: str,
) -> list[str]:
    """Where a file's own metadata contradict the claim; a file that says nothing of itself contradicts nothing.

    Args:
        latitude: Claimed, degrees.
        longitude: Likewise.
        happened_at: Claimed.
        received_at: By our clock.
        file: What the file says.
        timezone: IANA zone of the place, in which clocks without a zone are read.
    """
    found = []
    if file.latitude is not None and file.longitude is not None:
        away_m = distance_m((latitude, longitude), (file.latitude, file.longitude))
        if away_m > FAR_M:
            found.append(f"taken {away_m / 1000:.1f} km from the place reported")
    taken = taken_at(file, timezone)
    if taken is not None and abs(taken - happened_at) > LATE:
        apart = abs(taken - happened_at)
        side = "before" if taken < happened_at else "after"
        found.append(f"taken {_span(apart)} {side} the time reported")
    if taken is not None and taken > received_at + timedelta(minutes=5):
        found.append("taken in the future, by its own clock")
    return found


def taken_at(file: Inspected, timezone: str) -> datetime | None:
    """When a file was taken, by its own metadata; None if they do not say."""
    if file.taken_at is None and file.taken_local is not None:
        return file.taken_local.replace(tzinfo=ZoneInfo(timezone))
    return file.taken_at


def _span(length: timedelta) -> str:
    """
    >>> _span(timedelta(minutes=90)), _span(timedelta(days=3))
    ('1.5 h', '3 days')
    """
    hours = length.total_seconds() / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{round(hours / 24)} days"
