"""Events about people who did nothing: they travel like all events, and are kept apart from them.

They are in no stream, no index and no file of events, because those forget nothing: leads are kept with their case
(:mod:`flows.store.leads`), sightings of plates as hashes that expire (:mod:`flows.store.sightings`).
"""

from __future__ import annotations

from typing import Final

LEAD: Final = "dome.search.lead.v1"
PLATE_SEEN: Final = "dome.plate.seen.v1"
PRIVATE: Final = frozenset({LEAD, PLATE_SEEN})
