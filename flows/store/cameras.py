"""Cameras in Redis: how they are doing, told every few seconds; what changes only with the site is kept apart."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter

from flows.domain.masking import masked
from flows.domain.status import OVER, CameraStatus, Outlines
from flows.store import keys
from flows.store.connection import client, told

STATUS_S: Final = 15.0
"""A camera reports every few seconds; after several missed reports it has fallen silent."""
OVER_S: Final = timedelta(days=1).total_seconds()
"""A camera that is over reports no more and is not missed for so long: a recording that was played is no outage."""
_OUTLINES: Final = TypeAdapter(Outlines)


class CameraStore:
    """How the cameras are doing, and where their zones, lines and lights lie.

    Args:
        url: Of Redis.
        status_s: How long a status holds.
    """

    def __init__(self, url: str, status_s: float = STATUS_S) -> None:
        self._address, self._client = masked(url), client(url, 3.0)
        self._status_ms = int(status_s * 1000)

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()

    def put(self, statuses: Sequence[CameraStatus], outlines: Mapping[str, Outlines] | None = None) -> None:
        """Keeps each camera's status until it reports again or falls silent, and what it told last for good.

        Args:
            statuses: Of all that run.
            outlines: By camera, those that are new; the others' stay.

        Raises:
            StoreError: If Redis is away.
        """
        now_s = time.time()
        with told("write camera statuses", self._address):
            pipe = self._client.pipeline(transaction=False)
            for status in statuses:
                text = status.model_dump_json()
                held_ms = int(OVER_S * 1000) if status.state in OVER else self._status_ms
                pipe.set(keys.status(status.camera_id), text, px=held_ms)
                pipe.hset(keys.CAMERA_LAST, status.camera_id, text)
                pipe.zadd(keys.CAMERAS, {status.camera_id: now_s})
                pipe.hset(keys.CAMERA_DISTRICTS, status.camera_id, status.district)
            for camera_id, shapes in (outlines or {}).items():
                pipe.hset(keys.CAMERA_OUTLINES, camera_id, _OUTLINES.dump_json(shapes).decode())
            pipe.zremrangebyscore(keys.CAMERAS, 0, now_s - timedelta(days=1).total_seconds())
            pipe.execute()

    def statuses(self) -> list[CameraStatus]:
        """Cameras that reported lately, by id.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read camera statuses", self._address):
            cameras: Any = self._client.zrange(keys.CAMERAS, 0, -1)
            names = sorted(c.decode() for c in cameras)
            found: Any = self._client.mget([keys.status(n) for n in names]) if names else []
        return [CameraStatus.model_validate_json(text) for text in found if text is not None]

    def last(self) -> dict[str, CameraStatus]:
        """What each camera told last, however long ago: its name, its place, and how far it had come.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read camera statuses", self._address):
            found: Any = self._client.hgetall(keys.CAMERA_LAST)
        return {
            camera.decode(): CameraStatus.model_validate_json(text) for camera, text in sorted(found.items())
        }

    def last_of(self, camera_id: str) -> CameraStatus | None:
        """The same of one camera; None if it never reported.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read a camera's status", self._address):
            text: Any = self._client.hget(keys.CAMERA_LAST, camera_id)
        return None if text is None else CameraStatus.model_validate_json(text)

    def status(self, camera_id: str) -> tuple[CameraStatus | None, datetime | None]:
        """How a camera is doing, None where it fell silent; and when it reported last, None if not within a day.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read a camera's status", self._address):
            pipe = self._client.pipeline(transaction=False)
            pipe.get(keys.status(camera_id))
            pipe.zscore(keys.CAMERAS, camera_id)
            text, at_s = pipe.execute()
        return (
            None if text is None else CameraStatus.model_validate_json(text),
            None if at_s is None else datetime.fromtimestamp(float(at_s), UTC),
        )

    def outlines(self, camera_id: str) -> Outlines:
        """Where its zones, lines and lights lie in its picture; none until it has seen a frame.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read a camera's outlines", self._address):
            text: Any = self._client.hget(keys.CAMERA_OUTLINES, camera_id)
        return () if text is None else _OUTLINES.validate_json(text)

    def districts(self) -> dict[str, str]:
        """The district of every camera that ever reported.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read cameras", self._address):
            found: Any = self._client.hgetall(keys.CAMERA_DISTRICTS)
        return {camera.decode(): district.decode() for camera, district in found.items()}

    def last_reports(self) -> dict[str, datetime]:
        """When each camera of the last day reported last: those missing from :meth:`statuses` fell silent.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read camera statuses", self._address):
            rows: Any = self._client.zrange(keys.CAMERAS, 0, -1, withscores=True)
        return {name.decode(): datetime.fromtimestamp(float(at_s), UTC) for name, at_s in rows}
