"""What is known of a file once a child has decoded it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NaiveDatetime

from flows.uploads.kinds import PREVIEW_PX, MediaKind

_ISO6709: Final = re.compile(r"([+-]\d{1,3}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)")
Degrees = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


Side = Annotated[int, Field(ge=0, le=PREVIEW_PX)]


class Inspected(BaseModel):
    """What a file says and is.

    Attributes:
        kind: By content.
        width_px: Of the picture as stored, before its orientation is applied.
        height_px: Likewise.
        seconds: Length of a clip; 0 for photos.
        frames: Frames that were decoded to see that it is one.
        taken_at: When it was taken, by its own metadata, aware UTC; None if they do not say, or not where.
        taken_local: The same by a clock whose zone is not told; None where ``taken_at`` is known.
        latitude: Where, by its own metadata.
        longitude: Likewise.
        device: Maker and model of the camera, as written there.
        pixels_px: Width and height of its (first) picture as bare pixels, which need no decoder any more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: MediaKind
    width_px: int = Field(ge=1, le=100_000)
    height_px: int = Field(ge=1, le=100_000)
    seconds: float = Field(default=0.0, ge=0, le=1e6, allow_inf_nan=False)
    frames: int = Field(default=1, ge=1)
    taken_at: AwareDatetime | None = None
    taken_local: NaiveDatetime | None = None
    latitude: Degrees | None = None
    longitude: Degrees | None = None
    device: str = Field(default="", max_length=100)
    pixels_px: tuple[Side, Side] = (0, 0)


def exif_time(text: str, zone: str = "") -> tuple[datetime | None, datetime | None]:
    """``(aware UTC, local of unknown zone)`` of EXIF's own writing; one of them is None, both if it is none.

    >>> exif_time("2026:05:04 13:00:02", "+05:00")
    (datetime.datetime(2026, 5, 4, 8, 0, 2, tzinfo=datetime.timezone.utc), None)
    >>> exif_time("2026:05:04 13:00:02")
    (None, datetime.datetime(2026, 5, 4, 13, 0, 2))
    """
    try:
        local = datetime.strptime(text.strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - its zone is told apart
        offset = datetime.strptime(zone.strip("\0 "), "%z").tzinfo if zone.strip("\0 ") else None
    except (ValueError, OverflowError):
        return None, None
    if offset is None:
        return None, local
    try:
        return local.replace(tzinfo=offset).astimezone(UTC), None
    except OverflowError:
        return None, None


def exif_degrees(parts: object, side: object) -> float | None:
    """Degrees of ``(degrees, minutes, seconds)`` and ``N``, ``S``, ``E`` or ``W``; None if that is none.

    >>> exif_degrees((43, 14, 24.0), "N"), exif_degrees((76, 54, 36.0), "W"), exif_degrees("x", "N")
    (43.24, -76.91, None)
    """
    try:
        degrees, minutes, seconds = (float(p) for p in parts)  # type: ignore[attr-defined]
        value = degrees + minutes / 60 + seconds / 3600
        sign = -1 if str(side).strip("\0 ").upper() in ("S", "W") else 1
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return round(sign * value, 7) if 0 <= value <= 180 else None


def iso6709(text: str) -> tuple[float, float] | None:
    """Latitude and longitude as phones write them into clips (ISO 6709, degrees).

    >>> iso6709("+43.2400+076.9100+800.0/")
    (43.24, 76.91)
    """
    match = _ISO6709.match(text)
    if match is None:
        return None
    latitude, longitude = float(match[1]), float(match[2])
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None
