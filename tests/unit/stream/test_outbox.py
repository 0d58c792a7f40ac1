from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flows.backoff import Backoff
from flows.domain.errors import StoreError
from flows.domain.events import SPEEDING, Event
from flows.store.spool import Spool
from flows.stream.outbox import Outbox


def make_event(number: int) -> Event:
    at = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
    return Event.of(SPEEDING, camera_id="c", district="d", at=at, data={}, key=(number,))


@dataclass
class Ack:
    lost: int = 0
    rejected: int = 0


class Results:
    """Takes events, after having failed ``fails`` times."""

    def __init__(self, fails: int = 0, ack: Ack | None = None, error: Exception | None = None) -> None:
        self.fails, self.ack, self.error = fails, ack or Ack(), error or StoreError("away")
        self.got: list[bytes] = []

    async def submit(self, lines: Sequence[bytes]) -> Ack:
        if self.fails:
            self.fails -= 1
            raise self.error
        self.got += lines
        return self.ack


def make_outbox(folder: Path, results: Results, max_events: int = 100) -> Outbox:
    return Outbox(Spool(folder, "c", max_events), results.submit, Backoff(0.001, 0.002))


async def deliver(outbox: Outbox) -> bool:
    running = asyncio.create_task(outbox.run())
    done = await outbox.drained(5)
    running.cancel()
    return done


async def test_events_arrive_once_in_order(tmp_path: Path) -> None:
    results = Results()
    outbox = make_outbox(tmp_path, results)
    outbox.put([make_event(1), make_event(2)])
    assert await deliver(outbox)
    assert [Event.model_validate_json(line).id for line in results.got] == [make_event(n).id for n in (1, 2)]
    assert len(outbox) == 0


async def test_they_wait_on_disk_until_somebody_takes_them(tmp_path: Path) -> None:
    results = Results(fails=3)
    outbox = make_outbox(tmp_path, results)
    outbox.put([make_event(1)])
    assert await deliver(outbox)
    assert len(results.got) == 1
    assert outbox.problem == ""


async def test_an_error_that_nobody_foresaw_ends_no_delivery(tmp_path: Path) -> None:
    outbox = make_outbox(tmp_path, Results(fails=2, error=KeyError("unforeseen")))
    outbox.put([make_event(1)])
    assert await deliver(outbox)
    assert outbox.problem == ""


async def test_a_successor_delivers_what_a_killed_camera_left(tmp_path: Path) -> None:
    first = make_outbox(tmp_path, Results())
    first.put([make_event(1)])
    first.close()  # what the death of its process does
    results = Results()
    assert await deliver(make_outbox(tmp_path, results))
    assert len(results.got) == 1


async def test_what_does_not_fit_is_counted_as_lost(tmp_path: Path) -> None:
    outbox = make_outbox(tmp_path, Results(), max_events=2)
    outbox.put([make_event(n) for n in range(5)])
    assert (len(outbox), outbox.lost) == (2, 3)


async def test_events_that_results_could_not_keep_are_sent_again(tmp_path: Path) -> None:
    results = Results(ack=Ack(lost=1))
    outbox = make_outbox(tmp_path, results)
    outbox.put([make_event(1)])
    running = asyncio.create_task(outbox.run())
    while len(results.got) < 2:
        await asyncio.sleep(0.001)
    results.ack = Ack()
    assert await outbox.drained(5)
    running.cancel()
    assert outbox.lost == 0


async def test_ids_are_told_once_to_whoever_follows(tmp_path: Path) -> None:
    outbox = make_outbox(tmp_path, Results())
    outbox.put([make_event(1)])
    ids, count = outbox.ids(0)
    assert ids == [make_event(1).id]
    outbox.put([make_event(2)])
    assert outbox.ids(count) == ([make_event(2).id], 2)
    assert outbox.ids(2) == ([], 2)
