"""The record: every event about a case in the order in which they were written, each line naming the one before.

One JSON object a line. ``previous`` is the SHA-256 of the line before (without its line break), so that nothing can be
taken out, put in or moved without changing every later line; the manifest names the last one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from flows.domain.events import Event
from flows.evidence.package import sha256

START: Final = "0" * 64
"""Before the first line there is none."""


def to_lines(events: Sequence[Event]) -> bytes:
    """A record of events; the same events give the same bytes."""
    lines, previous = [], START
    for number, event in enumerate(events, 1):
        entry = {"number": number, "previous": previous, "event": event.model_dump(mode="json")}
        line = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        lines.append(line)
        previous = sha256(line)
    return b"".join(line + b"\n" for line in lines)


def head(record: bytes) -> str:
    """SHA-256 of the last line.

    >>> head(b"") == START
    True
    """
    lines = record.splitlines()
    return sha256(lines[-1]) if lines else START


def from_lines(record: bytes) -> list[Event]:
    """Reads a record and follows its chain.

    Raises:
        ValueError: If a line is not what follows the one before.
    """
    events, previous = [], START
    for number, line in enumerate(record.splitlines(), 1):
        try:
            entry = json.loads(line)
            said = (entry["number"], entry["previous"])
            event = Event.model_validate(entry["event"])
        except (KeyError, TypeError, ValidationError, json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"line {number} cannot be read: {str(error)[:200]}") from None
        if said != (number, previous):
            raise ValueError(f"line {number} does not follow line {number - 1}")
        events.append(event)
        previous = sha256(line)
    return events
