"""The results actor in a real Ray: found by name, fast, and back after it is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import ray

from flows.domain.errors import StoreError
from flows.domain.events import SPEEDING, Event
from flows.domain.status import CameraStatus
from flows.results import NAME, NAMESPACE, results_actor
from flows.settings import Settings
from flows.store.lines import to_json
from flows.store.redis_server import EmbeddedRedis
from flows.store.results import ResultsStore

ROOT = Path(__file__).resolve().parents[2]


def make_lines(count: int, first: int = 0) -> list[bytes]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    events = [
        Event.of(SPEEDING, camera_id="c", district="esil", at=start + timedelta(seconds=i), data={}, key=(i,))
        for i in range(first, first + count)
    ]
    return [to_json(event) for event in events]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A small Ray, unless the session has one."""
    if ray.is_initialized():
        yield
        return
    ray.init(
        address="local",  # not whatever else runs on this machine
        num_cpus=1,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )
    yield
    ray.shutdown()


class House:
    """An embedded Redis, and the actor that writes to it."""

    def __init__(self, home: Path, server: EmbeddedRedis) -> None:
        self.settings, self.server = Settings.from_env({"DOME_HOME": str(home)}), server
        self.actor = results_actor(self.settings, server.url)

    def ask(self, method: str, *args: object) -> Any:
        return ray.get(getattr(self.actor, method).remote(*args), timeout=60)

    def counted(self) -> int:
        store = ResultsStore(self.server.url)
        try:
            return sum(count.count for count in store.counters())
        finally:
            store.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with EmbeddedRedis(tmp_path / "redis") as server:
        house = House(tmp_path, server)
        yield house
        ray.kill(house.actor)
        wait_until_gone()


def wait_until_gone() -> None:
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        try:
            ray.get_actor(NAME, NAMESPACE)
        except ValueError:
            return
        time.sleep(0.05)


def test_killed_under_load_it_comes_back_and_every_event_is_written_once(house: House) -> None:
    batches = [make_lines(10, first) for first in range(0, 2000, 10)]
    house.ask("submit", batches[0])
    asked = [house.actor.submit.remote(batch) for batch in batches]
    pid = _pid_of(house)
    os.kill(pid, signal.SIGKILL)
    acks = ray.get(asked, timeout=120)
    assert all(ack.safe for ack in acks)
    status = house.ask("flush", 30.0)
    assert (status.spooled, status.lost, status.redis) == (0, 0, "up")
    assert status.restarts == 1
    assert house.counted() == 2000


def test_it_is_killed_while_redis_is_away_and_loses_nothing(house: House) -> None:
    house.ask("submit", make_lines(10))
    house.server.kill()
    assert house.ask("submit", make_lines(500, 10)).spooled == 500
    os.kill(_pid_of(house), signal.SIGKILL)
    ack = house.ask("submit", make_lines(10, 510))
    assert ack.spooled == 10
    assert house.ask("status").spooled == 510
    assert not house.ask("put_statuses", [CameraStatus(camera_id="c")])
    house.server.start()
    assert house.ask("flush", 30.0).spooled == 0
    assert house.counted() == 520
    assert house.ask("put_statuses", [CameraStatus(camera_id="c")])


def test_there_is_one_and_it_writes_to_one_redis(house: House) -> None:
    again = results_actor(house.settings, house.server.url)
    assert again._actor_id == house.actor._actor_id
    with pytest.raises(StoreError, match="writes to unix:"):
        results_actor(house.settings, "redis://127.0.0.1:1/0")


def test_a_job_with_another_evidence_store_has_an_actor_that_knows_it(house: House) -> None:
    house.ask("submit", make_lines(10))
    other = house.settings.model_copy(update={"evidence": str(house.settings.home / "other")})
    with pytest.raises(StoreError, match="another DOME_EVIDENCE"):
        results_actor(other, house.server.url, watched=True)
    before, house.actor = house.actor, results_actor(other, house.server.url)
    assert house.actor._actor_id != before._actor_id
    assert house.ask("submit", make_lines(20)).written == 10
    assert house.counted() == 20


def _pid_of(house: House) -> int:
    """The actor's process, by the lock that it holds on its spool."""
    lock = house.settings.spool / NAME / "lock"
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and int(fields[5].rpartition(":")[2]) == lock.stat().st_ino:
            return int(fields[4])
    raise AssertionError(f"nobody holds {lock}")
