from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from flows.domain.ruleset import BusLaneRule
from flows.rules.hours import reserved

ALMATY = ZoneInfo("Asia/Almaty")
WEEKDAYS = (1, 2, 3, 4, 5)
RUSH = (("07:00", "10:00"), ("17:00", "20:00"))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ALMATY).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "hours", "days", "expected"),
    [
        ("2026-06-01T07:00", RUSH, WEEKDAYS, True),  # a Monday; UTC has 02:00
        ("2026-06-01T06:59:59", RUSH, WEEKDAYS, False),
        ("2026-06-01T09:59:59.9", RUSH, WEEKDAYS, True),
        ("2026-06-01T10:00", RUSH, WEEKDAYS, False),
        ("2026-06-01T18:30", RUSH, WEEKDAYS, True),
        ("2026-06-06T08:00", RUSH, WEEKDAYS, False),  # a Saturday
        ("2026-06-01T02:00", RUSH, WEEKDAYS, False),  # still Sunday by UTC
        ("2026-06-01T00:00", (), WEEKDAYS, True),
        ("2026-05-31T23:59", (), WEEKDAYS, False),
        ("2026-06-05T23:00", (("22:00", "06:00"),), (5,), True),  # Friday night ...
        ("2026-06-06T05:59", (("22:00", "06:00"),), (5,), True),  # ... lasts into Saturday
        ("2026-06-06T06:00", (("22:00", "06:00"),), (5,), False),
        ("2026-06-05T05:00", (("22:00", "06:00"),), (5,), False),  # Thursday's night
        ("2026-06-05T23:59", (("20:00", "24:00"),), (5,), True),
        ("2026-06-06T00:00", (("20:00", "24:00"),), (5,), False),
    ],
)
def test_hours_and_days_are_those_of_the_place(
    at: str, hours: tuple[tuple[str, str], ...], days: tuple[int, ...], expected: bool
) -> None:
    assert reserved(local(at), ALMATY, hours, days) is expected


def test_holidays_are_free() -> None:
    assert not reserved(local("2026-06-01T08:00"), ALMATY, RUSH, WEEKDAYS, [date(2026, 6, 1)])


def test_a_summer_time_is_followed() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    winter, summer = datetime(2026, 1, 12, 6, 30, tzinfo=UTC), datetime(2026, 7, 13, 5, 30, tzinfo=UTC)
    assert reserved(winter, berlin, (("07:00", "09:00"),), WEEKDAYS)
    assert reserved(summer, berlin, (("07:00", "09:00"),), WEEKDAYS)
    assert not reserved(summer - timedelta(hours=1), berlin, (("07:00", "09:00"),), WEEKDAYS)


@pytest.mark.parametrize("hours", [[["7:00", "10:00"]], [["07:00", "25:00"]], [["07:00"]]])
def test_hours_are_checked_at_the_door(hours: object) -> None:
    with pytest.raises(ValidationError):
        BusLaneRule.model_validate({"lane": "bus", "hours": hours})
