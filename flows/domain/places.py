"""Where cameras and districts are: what a report from somewhere is routed by."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

from flows.domain.config import Name
from flows.domain.site import District, SiteConfig


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
