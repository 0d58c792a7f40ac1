"""Cameras' newest pictures: small, made only while somebody looks, and gone after some seconds.

Whoever looks leaves a mark; cameras that are marked send a picture with their next report. At
:data:`WIDTH_PX` no passer-by can be told from another and no plate can be read; nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import redis

from flows.domain.masking import masked
from flows.store import keys
from flows.store.connection import client, told

WIDTH_PX: Final = 320
WANTED_S: Final = 15
"""A page that shows a picture asks again sooner."""
KEPT_S: Final = 20
MOST_BYTES: Final = 64 * 1024


class PictureStore:
    """Pictures on their way from a camera to somebody who looks.

    Args:
        url: Of Redis.
    """

    def __init__(self, url: str) -> None:
        self._address = masked(url)
        self._client: redis.Redis = client(url, 3.0)

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()

    def want(self, camera_id: str, by: str) -> None:
        """Somebody looks, or goes on looking.

        Raises:
            StoreError: If Redis is away.
        """
        with told("ask for a picture", self._address):
            pipe = self._client.pipeline(transaction=False)
            for key in (keys.picture_wanted(camera_id), keys.picture_wanted(camera_id, by)):
                pipe.set(key, "1", ex=WANTED_S)
            pipe.execute()

    def looks(self, camera_id: str, by: str) -> bool:
        """Whether they have looked at it a moment ago.

        Raises:
            StoreError: If Redis is away.
        """
        with told("ask who looks", self._address):
            return bool(self._client.exists(keys.picture_wanted(camera_id, by)))

    def wanted(self, camera_ids: Sequence[str]) -> list[str]:
        """Those cameras that somebody looks at.

        Raises:
            StoreError: If Redis is away.
        """
        if not camera_ids:
            return []
        with told("ask for pictures", self._address):
            found: Any = self._client.mget([keys.picture_wanted(name) for name in camera_ids])
        return [name for name, mark in zip(camera_ids, found, strict=True) if mark is not None]

    def put(self, pictures: Mapping[str, tuple[datetime, bytes]]) -> None:
        """Keeps pictures (capture time and JPEG) for some seconds; one that is too large is none of ours.

        Raises:
            StoreError: If Redis is away.
        """
        with told("keep pictures", self._address):
            pipe = self._client.pipeline(transaction=False)
            for camera_id, (at, jpeg) in pictures.items():
                if len(jpeg) <= MOST_BYTES:
                    ms = round(at.timestamp() * 1000)
                    pipe.set(keys.picture(camera_id), f"{ms}|".encode() + jpeg, ex=KEPT_S)
            pipe.execute()

    def get(self, camera_id: str) -> tuple[datetime, bytes] | None:
        """The newest picture with its capture time; None while there is none.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read a picture", self._address):
            found: Any = self._client.get(keys.picture(camera_id))
        if found is None:
            return None
        ms, _, jpeg = found.partition(b"|")
        return datetime.fromtimestamp(int(ms) / 1000, UTC), jpeg
