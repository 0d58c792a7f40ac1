"""When a lane is reserved: hours and days where it lies."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def reserved(
    at: datetime,
    zone: ZoneInfo,
    hours: Sequence[tuple[str, str]],
    days: Collection[int],
    free_on: Collection[date] = (),
) -> bool:
    """Whether a moment lies in the hours of one of the days.

    Hours over midnight belong to the day on which they begin; an end is the first moment that is free again.

    Args:
        at: Capture time, aware.
        zone: Time zone of the place.
        hours: Pairs of ``HH:MM``; the whole day, if empty.
        days: Days of the week, 1 Monday to 7 Sunday.
        free_on: Dates on which nothing is reserved.

    >>> almaty = ZoneInfo("Asia/Almaty")
    >>> friday_night = datetime(2026, 6, 5, 23, 30, tzinfo=almaty)
    >>> reserved(friday_night + timedelta(hours=2), almaty, [("22:00", "06:00")], [5])
    True
    """
    local = at.astimezone(zone)
    for start, end in hours or (("00:00", "24:00"),):
        opens, closes = _minutes(start), _minutes(end)
        for back in (0, 1) if closes <= opens else (0,):
            day = local.date() - timedelta(days=back)
            minute = (local.hour * 60 + local.minute) + back * 24 * 60
            lasts_until = closes + (24 * 60 if closes <= opens else 0)
            if opens <= minute < lasts_until and day.isoweekday() in days and day not in free_on:
                return True
    return False


def _minutes(clock: str) -> int:
    """Minutes since midnight; ``24:00`` is the day's end."""
    if clock == "24:00":
        return 24 * 60
    read = time.fromisoformat(clock)
    return read.hour * 60 + read.minute
