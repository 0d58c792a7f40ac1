"""Where private events (:mod:`flows.domain.privacy`) go when they come over the results path."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pydantic import ValidationError

from flows.domain.events import Event
from flows.domain.leads import LEAD
from flows.domain.sightings import Sighting
from flows.store.leads import LeadStore
from flows.store.ledger import Clock, utc_now
from flows.store.lines import Line
from flows.store.sightings import SightingStore

log = logging.getLogger(__name__)


class Intake:
    """Hands leads and sightings to their stores.

    Args:
        url: Of Redis.
        clock: The present; for tests.
    """

    def __init__(self, url: str, clock: Clock = utc_now) -> None:
        self._leads, self._sightings = LeadStore(url, clock=clock), SightingStore(url, clock=clock)

    def close(self) -> None:
        """Gives the connections back."""
        self._leads.close_connections()
        self._sightings.close_connections()

    def write(self, lines: Sequence[Line]) -> list[bool]:
        """Keeps private events; for each, whether it was new and may be kept.

        Raises:
            StoreError: If Redis is away: some may be kept all the same; bring all again.
        """
        fresh = [False] * len(lines)
        seen: list[tuple[int, Sighting]] = []
        for i, line in enumerate(lines):
            try:
                event = Event.model_validate_json(line.json)
                if line.type == LEAD:
                    fresh[i] = self._leads.take(event)
                else:
                    seen.append((i, Sighting.of(event)))
            except ValidationError as error:
                log.error(
                    "%s of %s is not kept: malformed %s", line.type, line.camera, error.errors()[0]["loc"]
                )
        for (i, _), new in zip(seen, self._sightings.put([s for _, s in seen]), strict=True):
            fresh[i] = new
        return fresh
