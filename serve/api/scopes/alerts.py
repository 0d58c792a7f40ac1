"""The live stream as one person may see it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from serve.api.alerts import Filter, place_of
from serve.api.scope import Bounds
from serve.api.services import Services


class Alerts:
    """Follows events of the caller's districts."""

    def __init__(self, services: Services, bounds: Bounds) -> None:
        self._services, self._bounds = services, bounds

    async def follow(
        self, types: tuple[str, ...], districts: tuple[str, ...], since: str
    ) -> AsyncIterator[bytes]:
        """Events after a place, as server-sent events.

        Raises:
            Problem: 403 for a district that is not the caller's.
            ValueError: If the place is none.
            StoreError: If there are too many listeners, or Redis is away.
        """
        if districts:
            self._bounds.narrow(districts, list)
        if since:
            place_of(since)
        wanted = Filter(self._bounds.person, types, frozenset(districts))
        events = self._services.alerts.follow(wanted, since)
        first = await anext(events)  # what goes wrong at the beginning is an answer, not a broken stream

        async def all_of_them() -> AsyncIterator[bytes]:
            try:
                yield first
                async for event in events:  # a silent stream has its heartbeats
                    if self._services.now().timestamp() >= self._bounds.good_until_s:
                        return
                    yield event
            finally:
                await events.aclose()  # type: ignore[attr-defined]

        return all_of_them()
