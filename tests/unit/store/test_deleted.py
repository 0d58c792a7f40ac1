"""What was deleted does not come back when an archive is played again, and what is kept to know it names nobody."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from retained import DAYS, FOLDER, House
from violations import package, plate, violation

from flows.domain.events import Event
from flows.store import keys
from flows.store.deleted import DeletedStore
from flows.store.delivery import Ack, Results
from flows.store.results import ResultsStore, Retention
from flows.store.spool import Spool


def gone(house: House, days: float = 31) -> Event:
    """A violation that nobody confirmed in time, deleted when so many days were over."""
    made = house.writes(ago=timedelta(minutes=days))
    assert house.after(days) == 1
    return made


def test_a_violation_that_was_deleted_is_not_written_again(house: House, tmp_path: Path) -> None:
    made = gone(house)
    results = Results(ResultsStore(house.url), Spool(tmp_path, "results", 100))
    assert results.submit([made, plate(made), package(made)]) == Ack(gone=3)
    assert results.status().gone == 3
    results.close()
    assert house.results.event(made.id) is None
    assert house.results.events() == []
    assert house.results.in_state("stands") == []
    assert not house.redis.exists(keys.event(made.id)), "nor half of it"


def test_a_rejected_one_is_not_for_review_again_and_nobody_decides_on_it(house: House) -> None:
    made = house.writes()
    house.decides(made, "rejected")
    assert house.after(31) == 1
    house.results.write([made])
    assert not house.decides(made, "in_review", 2)
    assert not house.redis.exists(keys.review_queue("alatau"))


def test_what_went_by_its_age_or_because_there_was_too_much_stays_away(house: House) -> None:
    made = house.writes()
    house.results.prune((house.now + 400 * DAYS).timestamp())
    assert house.results.write([made]).gone == {0}


def test_a_package_that_is_made_of_it_again_goes(house: House) -> None:
    """A section's violation is stated here, of packages that its cameras have stored."""
    made = gone(house)
    for folder in (FOLDER, "a/entry"):
        house.evidence.write(folder, {"first.jpg": b"picture"}, b"{}")
        house.evidence.keep(folder, made.id)
    stored = package(made)
    stored.data.update(folder=FOLDER, entry_folder="a/entry")
    house.results.write([made, stored])
    house.removals.sweep()
    assert not house.has_package
    assert not (house.folder / "a/entry").exists()


def test_a_recording_that_gives_it_another_id_is_known_by_time_camera_and_kind(house: House) -> None:
    made, deleted = gone(house), DeletedStore(house.url)

    def seen(after_s: float, **changes: Any) -> bool:
        again = violation(-1).model_copy(update={"time": made.time + timedelta(seconds=after_s)} | changes)
        return deleted.knows(again, 3.0)

    assert [seen(s) for s in (-3.2, -2.9, 0.0, 2.9, 3.2)] == [False, True, True, True, False]
    assert not seen(0.0, source="/cameras/lane-2")
    assert not seen(0.0, type="dome.violation.speeding.v1")
    assert not seen(0.0, type="dome.passage.v1", id=made.id), "only violations are asked about"
    deleted.close()


def test_of_what_was_deleted_only_hashes_are_kept_and_for_a_year(house: House) -> None:
    made = gone(house)
    held = [name.decode() for name in house.redis.zrange(keys.VIOLATIONS_DELETED, 0, -1)]
    assert len(held) == 2
    assert made.id in held
    assert not any(word in name for name in held for word in (made.camera_id, "bus_lane", "123ABC02"))
    prune(house, house.now + 390 * DAYS)
    assert house.redis.zcard(keys.VIOLATIONS_DELETED) == 2
    prune(house, house.now + 398 * DAYS)
    assert house.redis.zcard(keys.VIOLATIONS_DELETED) == 0


def test_of_too_many_those_that_are_forgotten_first_go_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.store.results.REMEMBERED", 4)
    first, *others = (gone(house, days) for days in (31, 32, 33))
    prune(house, house.now)
    held = {name.decode() for name in house.redis.zrange(keys.VIOLATIONS_DELETED, 0, -1)}
    assert len(held) == 4
    assert held >= {each.id for each in others}
    assert first.id not in held


def test_where_nobody_knows_the_time_only_what_is_too_much_goes_and_is_remembered(house: House) -> None:
    old, new = house.writes(ago=DAYS), house.writes()
    house.decides(new, "rejected")
    store = ResultsStore(house.url, retention=Retention(keep_days=1.0, max_events=4))
    assert store.prune(0.0) == 3
    assert house.deleted() == [old.id]
    prune(house, house.now + 360 * DAYS)
    assert house.results.write([old]).gone == {0}
    store.close()


def prune(house: House, at: datetime) -> None:
    house.results.prune(at.timestamp())
