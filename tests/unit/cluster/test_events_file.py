"""The events of a run as a file, by a Redis that is a list."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from cluster.events_file import EventsFile
from flows.domain.errors import StoreError
from flows.domain.events import PASSAGE, SPEEDING, Event
from flows.store.results import Entry, ResultsStore

ZERO = datetime(2026, 9, 1, 8, 30, tzinfo=UTC)


def make_event(index: int, camera: str = "c", type: str = SPEEDING) -> Event:
    at = ZERO + timedelta(seconds=index)
    return Event.of(type, camera_id=camera, district="d", at=at, data={}, key=(index,))


class Store:
    """Events in the order they were written; counts what is looked up."""

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self.held, self.looked_up, self.away = list(events), 0, False

    def newest(self) -> str:
        return str(len(self.held))

    def events(self, since: str, count: int) -> list[Entry]:
        if self.away:
            raise StoreError("Redis is away")
        found = list(enumerate(self.held, 1))[int(since) :][:count]
        return [Entry(str(place), event) for place, event in found]

    def entries(self, ids: Sequence[str]) -> list[Entry]:
        self.looked_up += len(ids)
        return [Entry("?", event) for event in self.held if event.id in ids]


def follow(path: Path, store: Store, *, goes_on: bool = False) -> EventsFile:
    return EventsFile(path, cast(ResultsStore, store), ["c"], goes_on=goes_on)


def written(path: Path) -> list[Event]:
    return [Event.model_validate_json(line) for line in path.read_text().splitlines()]


def test_each_event_is_there_once_by_capture_time_whenever_redis_had_it(tmp_path: Path) -> None:
    before, late, early = make_event(5), make_event(9), make_event(1)
    store = Store([before])
    with follow(tmp_path / "e.jsonl", store) as file:
        file.follow([before.id, late.id])
        store.held += [late, make_event(2, camera="other"), make_event(3, type=PASSAGE), early]
        file.follow([late.id, early.id])
        file.follow([before.id])
        assert written(tmp_path / "e.jsonl") == [before, late, early], "as they came, while it runs"
    assert written(tmp_path / "e.jsonl") == [early, before, late]


def test_what_redis_never_has_is_looked_up_once(tmp_path: Path) -> None:
    store = Store()
    with follow(tmp_path / "e.jsonl", store) as file:
        for _ in range(5):
            file.follow(["private"])
            store.looked_up, looked_up = 0, store.looked_up
            file.follow([])
            assert (looked_up, store.looked_up) == (1, 0)


def test_what_was_sent_while_redis_was_away_follows(tmp_path: Path) -> None:
    store, events = Store([make_event(0)]), [make_event(0), make_event(1)]
    with follow(tmp_path / "e.jsonl", store) as file:
        store.away = True
        file.follow([event.id for event in events])
        assert written(tmp_path / "e.jsonl") == []
        store.away = False
        store.held.append(events[1])
        file.follow([])
    assert written(tmp_path / "e.jsonl") == events


def test_it_remembers_so_many_ids_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.events_file.MOST_IDS", 3)
    store, events = Store(), [make_event(i) for i in range(10)]
    with follow(tmp_path / "e.jsonl", store) as file:
        store.away = True
        file.follow([f"sent-{i}" for i in range(10)])
        assert len(file._asked) == 3
        store.away = False
        for event in events:
            store.held.append(event)
            file.follow([event.id])
        assert len(file._known) == 3
        file.follow([events[0].id])
        assert len(written(tmp_path / "e.jsonl")) == 11, "forgotten, so written again ..."
    assert written(tmp_path / "e.jsonl") == events, "... and once at the end"


@contextmanager
def full_after(more_bytes: int) -> Iterator[None]:
    """A disk on which so many bytes are left for a file; as on a full one, what fits is written."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (more_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_ends_no_run_and_nothing_is_missing_once_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, store, events = tmp_path / "e.jsonl", Store(), [make_event(i) for i in range(4)]
    with follow(path, store) as file:
        store.held += events[:1]
        file.follow([])
        store.held += events[1:3]
        with full_after(path.stat().st_size + 20):
            file.follow([events[1].id])
            file.follow([])
        assert written(path) == events[:1], "no half line"
        store.held += events[3:]
        file.follow([])
        assert written(path) == events
    assert written(path) == events
    assert [r.levelname for r in caplog.records] == ["WARNING"], "told once, and not that events are missing"


def test_a_disk_that_stays_full_is_told_at_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, store = tmp_path / "e.jsonl", Store()
    with full_after(20), follow(path, store) as file:
        store.held.append(make_event(0))
        file.follow([])
    assert "lacks events, which Redis holds" in caplog.text


def test_a_file_that_is_moved_away_begins_again(tmp_path: Path) -> None:
    path, store = tmp_path / "e.jsonl", Store()
    with follow(path, store) as file:
        store.held.append(make_event(0))
        file.follow([])
        path.rename(tmp_path / "e.jsonl.1")
        store.held.append(make_event(1))
        file.follow([])
        assert written(path) == [make_event(1)]
        path.rename(tmp_path / "e.jsonl.2")
    assert not path.exists()


def test_a_live_jobs_file_goes_on_after_a_restart_with_each_event_once(tmp_path: Path) -> None:
    path, events = tmp_path / "e.jsonl", [make_event(i) for i in range(3)]
    path.write_text(
        f"{events[0].model_dump_json()}\n{events[1].model_dump_json()}\n" + '{"specversion":"1.0"'
    )
    store = Store(events[:2])
    with full_after(20), follow(path, store, goes_on=True):
        assert written(path) == events[:2], "no half line stays of a power cut, and that needs no room"
    with follow(path, store, goes_on=True) as file:
        store.held.append(events[2])
        file.follow([event.id for event in events])
        assert written(path) == events
    with follow(path, store) as file:
        assert written(path) == [], "a run of files has only its own"
