"""What was found in a photo or clip: kept beside it as boxes, so that a person may say which of it a report is about.

Boxes only, no picture of anybody: with them what others see can be made again without a detector. Nobody is shown
them but for those of vehicles and things, of which a report may be; people's serve to make them unrecognisable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import TypeAdapter, ValidationError

from flows.domain.reports import Thing
from flows.reports.show import at, shows
from flows.reports.watch import BoxPx, Seen, prominence
from flows.uploads.kinds import UploadRefused

MOST: Final = 20
"""Of one file, those that show most: a person chooses by a digit or from a short list."""
_SEEN: Final = TypeAdapter(Seen)


def to_json(seen: Seen) -> bytes:
    """As it is kept."""
    return _SEEN.dump_json(seen)


def from_json(text: bytes) -> Seen:
    """Likewise.

    Raises:
        UploadRefused: If it is none.
    """
    try:
        return _SEEN.validate_json(text)
    except ValidationError as error:
        raise UploadRefused(f"what was found in it cannot be read: {error.errors()[0]['msg']}") from None


def things(seen: Seen, stills: Sequence[tuple[float, str]]) -> tuple[Thing, ...]:
    """What a report may be about, those that show most first, whatever is shown; that is always among them.

    Args:
        seen: What there is in the file.
        stills: Moments of the pictures that are made of it, seconds, and their names.
    """
    kept = seen.subjects()
    ways = sorted(seen.vehicles, key=lambda n: -prominence(seen.vehicles[n].values(), seen.size_px))
    listed = [n for place, n in enumerate(ways) if place < MOST or n in kept]
    vehicles = [_vehicle(n, seen, stills, n in kept) for n in listed]
    return *(_left(n, seen, stills) for n in seen.left()), *vehicles


def _vehicle(n: int, seen: Seen, stills: Sequence[tuple[float, str]], kept: bool) -> Thing:
    way, cls = seen.vehicles[n], seen.classes.get(n, "")
    for after_s, picture in stills:
        if (box := at(way, after_s)) is not None:
            return Thing(id=n, cls=cls, xyxy=box, after_s=round(after_s, 2), picture=picture, kept=kept)
    best_s = max(way, key=lambda s: (shows(way[s], seen.size_px), -s))
    return Thing(id=n, cls=cls, xyxy=way[best_s], after_s=round(best_s, 2), kept=kept)


def _left(n: int, seen: Seen, stills: Sequence[tuple[float, str]]) -> Thing:
    left: BoxPx = (proposed := seen.left()[n]).xyxy
    picture = next((name for after_s, name in stills if after_s >= proposed.after_s), "")
    kept = seen.only is None or n in seen.only
    return Thing(id=n, xyxy=left, after_s=round(proposed.after_s, 2), picture=picture, kept=kept)
