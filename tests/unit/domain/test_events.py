from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from flows.domain.events import SPEEDING, Event, event_id

AT = datetime(2026, 6, 1, 6, 0, 0, 123456, tzinfo=UTC)


def make_event(at: datetime = AT, **changes: object) -> Event:
    wanted = {"camera_id": "road-1", "district": "medeu", "data": {"x": 1}, "key": (3, 7)} | changes
    return Event.of(SPEEDING, at=at, **wanted)  # type: ignore[arg-type]


def test_the_same_footage_gives_the_same_id() -> None:
    assert make_event().id == make_event(data={"x": 2}).id


@pytest.mark.parametrize(
    "changes",
    [{"camera_id": "road-2"}, {"key": (3, 8)}, {"at": AT + timedelta(milliseconds=40)}],
    ids=["camera", "place", "time"],
)
def test_another_camera_place_or_time_gives_another_id(changes: dict[str, object]) -> None:
    assert make_event(**changes).id != make_event().id  # type: ignore[arg-type]


def test_an_id_does_not_depend_on_the_time_zone() -> None:
    almaty = AT.astimezone(timezone(timedelta(hours=5)))
    assert make_event(at=almaty) == make_event()
    assert make_event(at=almaty).time.utcoffset() == timedelta(0)


def test_parts_of_an_id_are_not_run_together() -> None:
    assert event_id("a", "bc") != event_id("ab", "c")


def test_an_event_survives_the_wire() -> None:
    event = make_event()
    assert Event.model_validate_json(event.model_dump_json()) == event
    assert event.source == "/cameras/road-1"
    assert event.camera_id == "road-1"


@pytest.mark.parametrize(
    "bad", ["speeding", "dome.speeding", "dome.violation.speeding", "dome.Violation.x.v1"]
)
def test_a_type_has_the_houses_form(bad: str) -> None:
    with pytest.raises(ValidationError, match="type"):
        Event.of(bad, camera_id="c", district="d", at=AT, data={})


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Event(id="1", type=SPEEDING, source="/cameras/c", time=datetime(2026, 6, 1))  # noqa: DTZ001
