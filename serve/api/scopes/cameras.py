"""Cameras in the caller's districts: how they are doing, and what they see now."""

from __future__ import annotations

from datetime import UTC, datetime

from flows.domain.site import District
from flows.domain.status import CameraStatus, Outlines
from flows.store.ledger import entry, noted
from serve.api.problems import Problem
from serve.api.schemas import Answer
from serve.api.scope import Bounds
from serve.api.services import Services


class CameraRow(Answer):
    """A camera and how it is doing; of a silent one, what it told last."""

    id: str
    district: str
    silent: bool
    last_report_at: datetime | None = None
    status: CameraStatus | None = None
    outlines: Outlines = ()


class Cameras:
    """Reads cameras."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    def all(self) -> list[CameraRow]:
        """All cameras of the caller's districts that ever reported, by id; silent ones say since when.

        Without their outlines: consoles ask every few seconds, and those change only with the site.
        """
        statuses = {status.camera_id: status for status in self._services.cameras.statuses()}
        last = self._services.cameras.last()
        reports = self._services.cameras.last_reports()
        return [
            CameraRow(
                id=camera,
                district=district,
                silent=camera not in statuses,
                last_report_at=reports.get(camera),
                status=statuses.get(camera) or last.get(camera),
            )
            for camera, district in sorted(self._services.cameras.districts().items())
            if self._bounds.person.covers(district)
        ]

    def districts(self) -> list[District]:
        """The caller's districts that the site describes, by id."""
        found = self._services.reports.places().districts
        return sorted((d for d in found if self._bounds.person.covers(d.id)), key=lambda d: d.id)

    def one(self, camera_id: str) -> CameraRow:
        """A camera, with its outlines.

        Raises:
            Problem: 404 if there is none in the caller's districts.
        """
        district = self._services.cameras.districts().get(camera_id)
        self._bounds.require(district)
        status, reported_at = self._services.cameras.status(camera_id)
        return CameraRow(
            id=camera_id,
            district=district or "",
            silent=status is None,
            last_report_at=reported_at,
            status=status or self._services.cameras.last_of(camera_id),
            outlines=self._services.cameras.outlines(camera_id),
        )

    def picture(self, camera_id: str) -> tuple[datetime, bytes]:
        """The newest picture; that the caller began to look is written down.

        Raises:
            Problem: 404 for a camera of others, 503 until the camera has sent one.
        """
        self.one(camera_id)
        pictures, by = self._services.pictures, self._bounds.person.sub
        if not pictures.looks(camera_id, by):
            self._note(camera_id)
        pictures.want(camera_id, by)
        found = pictures.get(camera_id)
        if found is None:
            raise Problem(503, "the camera was asked for a picture; it comes with its next report",
                          headers={"Retry-After": "2"})  # fmt: skip
        return found

    def _note(self, camera_id: str) -> None:
        said = entry(self._bounds.person.sub, "camera.viewed", subject=camera_id,
                     district=self._services.cameras.districts().get(camera_id, ""))  # fmt: skip
        noted(self._services.config.redis_url, said, "view a camera")


def http_date(at: datetime) -> str:
    """As headers write it."""
    return at.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
