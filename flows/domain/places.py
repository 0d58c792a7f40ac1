"""Where cameras and districts are, and how far from one another places lie."""

from __future__ import annotations

import math
from typing import Final, Self

from pydantic import BaseModel, ConfigDict

from flows.domain.config import Name
from flows.domain.site import District, SiteConfig

EARTH_M: Final = 6_371_000.0


class CameraPlace(BaseModel):
    """A camera that says where it is.

    Attributes:
        id: Its id.
        district: Its district.
        latitude: Degrees.
        longitude: Degrees.
    """

    model_config = ConfigDict(frozen=True)

    id: Name
    district: Name
    latitude: float
    longitude: float


class Places(BaseModel):
    """Cameras with a place, and districts, those with a border first."""

    model_config = ConfigDict(frozen=True)

    districts: tuple[District, ...] = ()
    cameras: tuple[CameraPlace, ...] = ()

    @classmethod
    def of(cls, site: SiteConfig) -> Self:
        """Of a site file."""
        cameras = [
            CameraPlace(id=c.id, district=c.district, latitude=c.latitude, longitude=c.longitude)
            for c in site.cameras
            if c.latitude is not None and c.longitude is not None
        ]
        return cls(districts=site.districts, cameras=tuple(cameras))


def distance_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance of two places (latitude, longitude), metres (haversine).

    >>> round(distance_m((43.25, 76.95), (43.25, 76.96)))
    810
    """
    lat_a, lon_a, lat_b, lon_b = (math.radians(v) for v in (*a, *b))
    h = math.sin((lat_b - lat_a) / 2) ** 2
    h += math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(h)))
