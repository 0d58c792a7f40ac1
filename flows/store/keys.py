"""Every Redis key of the project, in one place.

All carry the hash tag ``{dome}``: in a Redis cluster they live in one slot, so that one script may touch
them.

| key | type | holds |
|---|---|---|
| ``{dome}:events`` | stream | one entry an event, in the order of writing: ``id type camera district`` |
| ``{dome}:events:type:T`` | stream | the same entries, of one type |
| ``{dome}:events:camera:C`` | stream | the same entries, of one camera |
| ``{dome}:event:ID`` | hash | ``json``: the CloudEvent, ``place``: its stream id, ``evidence``: its package |
| | | of a violation also ``plate``: what was read, ``decision``: the one that holds |
| | | and its ``number``, ``state``: what it is now |
| ``{dome}:decisions:ID`` | list | ids of all decisions on a violation, oldest first |
| ``{dome}:state:S`` | sorted set | violations in the state, by capture time, ms since 1970 |
| ``{dome}:exemptions`` | hash | name to the list of exempt plates that holds, as JSON |
| ``{dome}:exemptions:versions`` | hash | name to ``issued ms|sha256`` of that list |
| ``{dome}:times:type:T`` | sorted set | event ids by capture time, ms since 1970 |
| ``{dome}:times:camera:C`` | sorted set | likewise, of one camera |
| ``{dome}:times:district:D`` | sorted set | likewise, of one district |
| ``{dome}:counts:DAY`` | hash | ``district|type`` to the number of events captured on that UTC day |
| ``{dome}:days`` | set | the days that have counters |
| ``{dome}:status:C`` | string | a camera's ``CameraStatus`` as JSON, expires |
| ``{dome}:cameras`` | sorted set | cameras by the time of their last report, s since 1970, for a day |

The scripts beside this file (``write.lua``, ``prune.lua``, ``exempt.lua``) build the same names from :data:`PREFIX`.
"""

from __future__ import annotations

PREFIX = "{dome}:"
EVENTS = f"{PREFIX}events"
DAYS = f"{PREFIX}days"
CAMERAS = f"{PREFIX}cameras"
EXEMPTIONS = f"{PREFIX}exemptions"
EXEMPTION_VERSIONS = f"{PREFIX}exemptions:versions"


def event(event_id: str) -> str:
    """One event's record."""
    return f"{PREFIX}event:{event_id}"


def decisions(violation_id: str) -> str:
    """All decisions on a violation."""
    return f"{PREFIX}decisions:{violation_id}"


def state(name: str) -> str:
    """Violations that are in a state."""
    return f"{PREFIX}state:{name}"


def stream(*, type: str | None = None, camera: str | None = None) -> str:
    """The narrowest stream that holds everything asked for: a camera's, a type's, or all events."""
    if camera:
        return f"{EVENTS}:camera:{camera}"
    return f"{EVENTS}:type:{type}" if type else EVENTS


def times(kind: str, name: str) -> str:
    """Event ids by capture time; ``kind`` is ``type``, ``camera`` or ``district``."""
    return f"{PREFIX}times:{kind}:{name}"


def counts(day: str) -> str:
    """A day's counters; ``day`` is ``YYYY-MM-DD`` in UTC."""
    return f"{PREFIX}counts:{day}"


def status(camera_id: str) -> str:
    """How a camera is doing."""
    return f"{PREFIX}status:{camera_id}"
