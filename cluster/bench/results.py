"""Events a second from many cameras through the results actor into Redis, counted there afterwards."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cluster.bench.report import Figure, at_least, at_most
from flows.domain.events import SPEEDING, Event
from flows.results import Ack, results_actor
from flows.settings import Settings
from flows.store.lines import to_json
from flows.store.redis_server import redis_for
from flows.store.results import ResultsStore

CAMERAS = 8
BATCH = 10
"""Events in one submit: a camera sends what one pipeline step brought."""

IN_FLIGHT = 4
"""Submits that one camera has under way."""


def run(quick: bool = False) -> list[dict[str, Any]]:
    """Starts Ray and an embedded Redis of its own, measures, and ends both."""
    rounds, events = (1, 4_000) if quick else (3, 20_000)
    with tempfile.TemporaryDirectory(prefix="dome-bench-") as home, _ray():
        settings = Settings.from_env({"DOME_HOME": home})
        with redis_for(settings) as url:
            return [f.model_dump() for f in _measure(settings, url, rounds, events)]


def _measure(settings: Settings, url: str, rounds: int, events: int) -> list[Figure]:
    import ray

    actor = results_actor(settings, url)
    camera: Any = ray.remote(_Camera).options(num_cpus=0)
    cameras: list[Any] = [camera.remote(f"bench-{i}", actor) for i in range(CAMERAS)]
    ray.get([c.make.remote("warm", 200) for c in cameras])
    ray.get([c.send.remote() for c in cameras])
    rates, lost, sent = [], 0, CAMERAS * 200
    for number in range(rounds):
        each = events // CAMERAS
        ray.get([c.make.remote(number, each) for c in cameras])
        started_s = time.perf_counter()
        acks = [ack for part in ray.get([c.send.remote() for c in cameras]) for ack in part]
        rates.append(each * CAMERAS / (time.perf_counter() - started_s))
        sent += each * CAMERAS
        lost += sum(ack.lost + ack.rejected for ack in acks)
    ray.get([c.send.remote() for c in cameras])  # the last round again: nothing may be doubled
    ray.get(actor.flush.remote(60.0))
    stream, counted = _held(url)
    ray.kill(actor)
    detail = (
        f"median of {rounds} x {events} events of {CAMERAS} camera actors, {BATCH} a submit; "
        f"{min(rates):.0f} to {max(rates):.0f}; {os.cpu_count()} cores, shared by senders, actor and Redis"
    )
    wrong = max(abs(stream - sent), abs(counted - sent)) + lost
    return [
        at_least("results actor to Redis", statistics.median(rates), 2_000, "events/s", detail),
        at_most(
            "events lost or doubled",
            wrong,
            0,
            "events",
            f"{sent} sent (the last round twice), {stream} in the stream, {counted} in the counters",
        ),
    ]


def _held(url: str) -> tuple[int, int]:
    """Events in the stream and in the counters."""
    store = ResultsStore(url)
    counted = sum(count.count for count in store.counters())
    since, stream = "0-0", 0
    while page := store.events(since, count=2_000):
        stream, since = stream + len(page), page[-1].place
    store.close()
    return stream, counted


class _Camera:
    """Stands for a camera actor: makes events beforehand, then sends them with a few submits under way."""

    def __init__(self, camera_id: str, results: Any) -> None:
        self._camera_id, self._results = camera_id, results
        self._lines: list[bytes] = []

    def make(self, key: object, count: int) -> None:
        """Makes ``count`` violations of about 1.9 kB."""
        start = datetime(2026, 1, 1, tzinfo=UTC)
        trace = [[i * 0.04, 1.75, i * 0.8] for i in range(60)]
        data = {"rule": "speeding", "track": 1, "cls": "car", "trace": trace}
        self._lines = [
            to_json(
                Event.of(
                    SPEEDING,
                    camera_id=self._camera_id,
                    district="bench",
                    at=start + timedelta(seconds=i),
                    data=data,
                    key=(key,),
                )
            )
            for i in range(count)
        ]

    async def send(self) -> list[Ack]:
        """Sends them all; returns when all are answered."""
        import asyncio

        batches = iter([self._lines[i : i + BATCH] for i in range(0, len(self._lines), BATCH)])

        async def line() -> list[Ack]:
            return [await self._results.submit.remote(batch) for batch in batches]

        answers = await asyncio.gather(*(line() for _ in range(IN_FLIGHT)))
        return [ack for part in answers for ack in part]


@contextmanager
def _ray() -> Iterator[None]:
    import ray

    root = str(Path(__file__).resolve().parents[2])
    ray.init(
        address="local",
        num_cpus=os.cpu_count(),
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        runtime_env={"env_vars": {"PYTHONPATH": root}},
    )
    try:
        yield
    finally:
        ray.shutdown()
