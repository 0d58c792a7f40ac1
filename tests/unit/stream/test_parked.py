"""A parked car is one event in however many recordings it stands."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from violations import package

from flows.casework.review import step
from flows.domain.events import Event
from flows.domain.people import Person
from flows.rules.prohibited_stopping import STANDING_ENDED
from flows.store.deleted import DeletedStore
from flows.store.results import ResultsStore
from flows.stream.backfill import Known
from flows.stream.parked import STOPPING, same_stand

AT = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
PART_S = 900.0
RUNS = threading.Event()
BOX = (700.0, 300.0, 800.0, 360.0)
BESIDE = (800.0, 300.0, 900.0, 360.0)


def stop(
    since_s: float, came: bool = False, box: Any = BOX, place_m: float = 20.0, camera: str = "a"
) -> Event:
    """Of a car that has stood since so many seconds after :data:`AT`, told a minute later."""
    since = AT + timedelta(seconds=since_s)
    data = {
        "rule": "prohibited_stopping", "state": "stands", "seen_to_stop": came, "stands_since": since.isoformat(),
        "moments": [{"xyxy": box and list(box)}] * 2, "position_m": [4.0, place_m], "evidence": f"{camera}/{since_s}",
    }  # fmt: skip
    at = since + timedelta(seconds=60)
    return Event.of(STOPPING, camera_id=camera, district="d", at=at, data=data, key=(box, place_m))


def left(who: Event, at_s: float) -> Event:
    """The end of its standing."""
    at = AT + timedelta(seconds=at_s)
    stood = {"value": 70.0, "low": 69.0, "high": 71.0, "unit": "s"}
    data = {"violation": who.id, "stood": stood}
    return Event.of(STANDING_ENDED, camera_id="a", district="d", at=at, data=data, key=(who.id,))


FIRST = stop(10.0, came=True)


@pytest.mark.parametrize(
    ("again", "around", "one"),
    [
        (stop(PART_S), [FIRST], True),
        (stop(PART_S + 1.5, came=True), [FIRST], True),  # its boxes were still settling
        (stop(PART_S + 20, came=True), [FIRST], False),  # another one came
        (stop(PART_S), [FIRST, left(FIRST, 200.0)], False),
        (stop(PART_S, box=BESIDE), [FIRST], False),
        (stop(PART_S, box=BESIDE), [stop(10.0, came=True, box=BESIDE), FIRST, left(FIRST, 200.0)], True),
        (stop(PART_S, box=None, place_m=21.0), [FIRST], True),
        (stop(PART_S, box=None, place_m=23.0), [FIRST], False),
        (stop(13 * 3600.0), [FIRST], False),
        (stop(PART_S), [stop(PART_S + 900)], False),
        (stop(PART_S), [], False),
    ],
)
def test_who_stands_where_somebody_stood_and_nobody_left_is_the_same(
    again: Event, around: list[Event], one: bool
) -> None:
    assert bool(same_stand(again, around, AT + timedelta(seconds=PART_S))) is one


def test_all_that_tell_of_a_stand_are_found_and_none_before_somebody_came() -> None:
    before, second, third = stop(0.0), stop(PART_S), stop(2 * PART_S)
    here = [before, stop(100.0, came=True), second]
    assert same_stand(third, here) == [second, here[1]]


class Archive:
    """Redis, and the recordings of one camera."""

    def __init__(self, url: str) -> None:
        redis.Redis.from_url(url).flushall()
        self.results, self.deleted = ResultsStore(url), DeletedStore(url)

    def recording(self, number: int) -> Known:
        from_at = AT + timedelta(seconds=number * PART_S)
        return Known(self.results, self.deleted, "a", from_at=from_at)

    def takes(self, known: Known, *events: Event) -> None:
        """What is news is written, and its package."""
        for each in [event for event in events if not known(event, RUNS)]:
            self.results.write([each, package(each)] if each.type == STOPPING else [each])

    def told(self) -> dict[str, str]:
        entries = self.results.captured("type", STOPPING, AT, AT + timedelta(days=3))
        return {entry.event.id: entry.case.state for entry in entries}

    def ends(self) -> list[Event]:
        entries = self.results.captured("type", STANDING_ENDED, AT, AT + timedelta(days=3))
        return [entry.event for entry in entries]


@pytest.fixture
def archive(redis_url: str) -> Archive:
    return Archive(redis_url)


def test_a_car_that_stands_through_several_recordings_is_told_once(archive: Archive) -> None:
    archive.takes(archive.recording(0), FIRST, stop(10.0, came=True, box=BESIDE))
    for number in (1, 2):
        known = archive.recording(number)
        archive.takes(known, stop(number * PART_S), stop(number * PART_S, box=BESIDE))
        known.replace()
        assert known.count == 2
    assert len(archive.told()) == 2


def test_another_camera_s_car_hides_nobody(archive: Archive) -> None:
    archive.results.write([stop(10.0, came=True, camera="b")])
    known = archive.recording(1)
    archive.takes(known, stop(PART_S))
    assert known.count == 0


def test_its_end_is_told_of_its_violation_and_the_next_car_there_is_another_one(archive: Archive) -> None:
    archive.takes(archive.recording(0), FIRST)
    again = stop(PART_S)
    known = archive.recording(1)
    archive.takes(known, again, left(again, PART_S + 70))
    known.replace()
    (ended,) = archive.ends()
    assert ended.data["violation"] == FIRST.id
    assert ended.data["stood"] == {"value": 960.0, "low": 959.0, "high": 961.0, "unit": "s"}
    archive.takes(archive.recording(2), stop(2 * PART_S))
    assert len(archive.told()) == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_recordings_that_are_played_at_once_tell_of_it_once_in_whatever_order_they_end(
    archive: Archive, order: tuple[int, ...]
) -> None:
    parts = [FIRST, stop(PART_S), stop(2 * PART_S)]
    known = [archive.recording(number) for number in range(3)]
    news = [not known[n](parts[n], RUNS) for n in order]  # nobody has written anything yet
    assert news == [True] * 3
    for number in order:
        archive.results.write([parts[number], package(parts[number])])
        known[number].replace()
    assert archive.told() == {
        FIRST.id: "stands", parts[1].id: "dismissed", parts[2].id: "dismissed"
    }  # fmt: skip


def test_of_a_stand_on_which_a_person_has_decided_nobody_is_told_anew(archive: Archive) -> None:
    """The live camera began when the car stood there; a recording tells of when it came."""
    live = stop(PART_S)
    archive.results.write([live, package(live)])
    entry = archive.results.event(live.id)
    assert entry is not None
    archive.results.write([step(entry.case, "claim", Person(sub="dana", roles=frozenset({"reviewer"})), AT)])
    known = archive.recording(0)
    archive.takes(known, FIRST)
    known.replace()
    assert archive.told() == {FIRST.id: "dismissed", live.id: "in_review"}
