"""What the store reads of an event, and what it refuses."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from flows.domain.errors import FieldError
from flows.domain.events import EVIDENCE_STORED, SPEEDING, Event
from flows.store.lines import Line, to_json

ASTANA = timezone(timedelta(hours=5))


def test_an_event_and_its_bytes_give_the_same_line() -> None:
    event = Event.of(
        SPEEDING, camera_id="c", district="esil", at=datetime(2026, 3, 1, tzinfo=ASTANA), data={}
    )
    line = Line.of(event)
    assert line == Line.of(to_json(event))
    assert (line.id, line.type, line.camera, line.district) == (event.id, SPEEDING, "c", "esil")
    assert Event.model_validate_json(line.json) == event


def test_the_day_is_the_utc_day_of_the_capture_time() -> None:
    event = Event.of(
        SPEEDING, camera_id="c", district="esil", at=datetime(2026, 3, 1, 2, tzinfo=ASTANA), data={}
    )
    assert Line.of(event).day == "2026-02-28"
    assert Line.of(event).time_ms == 1772312400000


def test_evidence_names_its_violation() -> None:
    event = Event.of(
        EVIDENCE_STORED,
        camera_id="c",
        district="esil",
        at=datetime(2026, 3, 1, tzinfo=ASTANA),
        data={"violation": "v-1", "files": [{"name": "clip.mp4"}]},
    )
    assert Line.of(event).violation == "v-1"


@pytest.mark.parametrize(
    ("said", "incomplete"), [(None, False), ({"missing": []}, False), ({"missing": ["clip"]}, True)]
)
def test_a_package_that_lacks_what_the_law_asks_is_known_by_its_line(said: object, incomplete: bool) -> None:
    event = Event.of(
        EVIDENCE_STORED,
        camera_id="c",
        district="esil",
        at=datetime(2026, 3, 1, tzinfo=ASTANA),
        data={"violation": "v-1", "completeness": said},
    )
    assert Line.of(event).incomplete is incomplete


def test_pretty_json_becomes_one_line() -> None:
    event = Event.of(
        SPEEDING,
        camera_id="c",
        district="d",
        at=datetime(2026, 3, 1, tzinfo=ASTANA),
        data={"note": "two\nlines"},
    )
    line = Line.of(event.model_dump_json(indent=1).encode())
    assert b"\n" not in line.json
    assert Event.model_validate_json(line.json) == event


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"id":"1","type":', "event"),
        (
            b'{"type":"dome.violation.speeding.v1","source":"/cameras/c","time":"2026-01-01T00:00:00Z"}',
            "event.id",
        ),
        (b'{"id":"1","type":"speeding","source":"/cameras/c","time":"2026-01-01T00:00:00Z"}', "event.type"),
        (
            b'{"id":"1","type":"dome.violation.speeding.v1","source":"/cameras/c","time":"2026-01-01T00:00:00"}',
            "event.time",
        ),
    ],
)
def test_what_is_no_event_is_refused_by_field(raw: bytes, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        Line.of(raw)
    assert caught.value.field == field
