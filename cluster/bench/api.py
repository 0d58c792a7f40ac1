"""The API on Ray Serve: events to browsers, lists out of a million violations, a reviewer's step.

Everything is asked through Serve's proxy, as a browser would. Lists and steps are measured while 200 listeners are
connected and events go on coming.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import redis
from PIL import Image
from rich.console import Console

from cluster.bench.report import Figure, at_most
from flows.domain.events import EVIDENCE_STORED, SPEEDING, Event, event_id
from flows.pictures.jpeg import jpeg
from flows.settings import Settings
from flows.store.evidence import EvidenceStore
from flows.store.lines import Line
from flows.store.redis_server import EmbeddedRedis
from flows.store.results import ResultsStore

LISTENERS: Final = 200
DISTRICTS: Final = tuple(f"district-{n}" for n in range(8))
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
RULES: Final = ("speeding", "red_light", "bus_lane", "solid_line")
PAGE: Final = 50
THOUSANDTH: Final = 1000
SEVEREST: Final = 9
"""Every ninth violation: these head the queue, and have a package."""
PICTURE_PX: Final = (1920, 1080)
EVERY_S: Final = 0.5
"""Between events while listeners listen: a busy city's alerts."""
CHUNK: Final = 256


def run(quick: bool = False) -> list[dict[str, Any]]:
    """Starts Ray, Serve and an embedded Redis of its own, measures, and ends them."""
    violations, events, rounds = (60_000, 10, 40) if quick else (1_000_000, 60, 200)
    with tempfile.TemporaryDirectory(prefix="dome-bench-") as home, served(Path(home)) as (config, base, _):
        figures = asyncio.run(_measure(config, base, violations, events, rounds))
        return [figure.model_dump() for figure in figures]


@contextmanager
def served(home: Path) -> Iterator[tuple[Any, str, EmbeddedRedis]]:
    """The API on Ray Serve, with everything of its own: its configuration, its address, its Redis."""
    from cluster.session import ray_for
    from flows.store.mounting import ready_evidence
    from serve.api.config import ApiConfig
    from serve.app import ApiArgs, ensure_api, start_serve

    settings = Settings.from_env({"DOME_HOME": str(home)})
    with EmbeddedRedis(home / "redis") as server, ray_for():
        limits = {
            "rate_hz": 100_000.0,
            "burst": 100_000,
            "channel_rate_hz": 100_000.0,
        }  # one client here asks for many
        config = ApiConfig.from_env(server.url, settings, env={}).model_copy(update=limits)
        ready_evidence(server.url, settings.evidence)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        start_serve(("127.0.0.1", port))
        ensure_api(ApiArgs(config=config))
        yield config, f"http://127.0.0.1:{port}", server


async def _measure(config: Any, base: str, violations: int, events: int, rounds: int) -> list[Figure]:
    from serve.api.devkey import sign

    token = sign(
        config.settings.home, config.oidc, sub="bench", roles=["operator", "reviewer"], districts=["*"]
    )
    store = ResultsStore(config.redis_url)
    latencies_s: list[float] = []
    _say(f"writing {violations:,} violations")
    filled_s = await asyncio.to_thread(_fill, config.redis_url, violations)
    picture = _packages(config, rounds + 1)
    _say(f"written in {filled_s:.0f} s")
    async with _listening(base, token, store, latencies_s) as publish:
        for _ in range(events):
            await publish()
        await asyncio.sleep(1.0)
        heard = list(latencies_s)
        _say(f"{len(heard)} events heard; asking for pages")
        beside = asyncio.create_task(_for_ever(publish))
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=f"{base}/api/v1", headers=headers, timeout=60) as client:
            first_s, last_s = await _lists(client, rounds)
            filtered_s = await _filtered(client, rounds)
            _say("reviewing")
            step_s = await _steps(client, rounds)
        beside.cancel()
    store.close()
    of = f"of {violations:,} in {len(DISTRICTS)} districts, {PAGE} a page, {rounds} times"
    beside_what = f"{LISTENERS} listeners and {1 / EVERY_S:g} events/s"
    load = f"beside {beside_what}; {os.cpu_count()} cores; filled in {filled_s:.0f} s"
    expected = events * LISTENERS
    return [
        at_most("event in Redis to browser, p95", _p95(heard) * 1000, 500, "ms",
                f"{LISTENERS} listeners, {events} events, {len(heard)} of {expected} received; "
                f"median {_median(heard) * 1000:.0f} ms"),
        at_most("events that a listener missed", float(expected - len(heard)), 0, "events", "same run"),
        at_most("violations, first page, p95", _p95(first_s) * 1000, 100, "ms", f"{of}; {load}"),
        at_most("violations, thousandth page, p95", _p95(last_s) * 1000, 100, "ms", f"{of}; {load}"),
        at_most("violations of a district, rule and state, p95", _p95(filtered_s) * 1000, 100, "ms", f"{of}; {load}"),
        at_most("reviewer's step: rejected, next item and its first picture here, p95", _p95(step_s) * 1000, 200, "ms",
                f"queue of {violations:,}, {rounds} steps, {len(picture) / 1e6:.1f} MB a picture; {load}"),
    ]  # fmt: skip


@asynccontextmanager
async def _listening(
    base: str, token: str, store: ResultsStore, latencies_s: list[float]
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Listeners that note how long each event took; gives what publishes one."""
    sent_s: dict[str, float] = {}
    ready = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(_listen(base, token, ready, sent_s, latencies_s)) for _ in range(LISTENERS)]
    for _ in tasks:
        await asyncio.wait_for(ready.acquire(), 120)
    assert not any(task.done() for task in tasks), "every listener listens"
    _say(f"{LISTENERS} listeners")
    count = 0

    async def publish() -> None:
        nonlocal count
        count += 1
        event = _violation(count, datetime.now(UTC))
        sent_s[event.id] = time.perf_counter()
        await asyncio.to_thread(store.write, [event])
        await asyncio.sleep(EVERY_S)

    try:
        yield publish
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(
    base: str, token: str, ready: asyncio.Semaphore, sent_s: dict[str, float], latencies_s: list[float]
) -> None:
    """One browser: a bare connection, so that 200 of them cost this process little."""
    url = httpx.URL(base)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    request = (
        f"GET /api/v1/alerts/stream HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    writer.write(request.encode())
    while b": connected" not in (line := await reader.readline()):
        assert line, "the API closed the stream"
    ready.release()
    while line := await reader.readline():
        if line.startswith(b"data: "):
            began_s = sent_s.get(json.loads(line[6:])["id"])
            if began_s is not None:
                latencies_s.append(time.perf_counter() - began_s)


async def _for_ever(publish: Callable[[], Awaitable[None]]) -> None:
    while True:
        await publish()


async def _lists(client: httpx.AsyncClient, rounds: int) -> tuple[list[float], list[float]]:
    first_s = [(await _timed(client, "GET", f"/violations?limit={PAGE}"))[0] for _ in range(rounds)]
    cursor, left = "", PAGE * (THOUSANDTH - 1)
    while left:  # a cursor does not say how long pages are
        _, page = await _timed(client, "GET", f"/violations?limit={min(left, 200)}&cursor={cursor}")
        cursor, left = page["next"], left - len(page["items"])
    last_s = []
    for _ in range(rounds):
        took_s, page = await _timed(client, "GET", f"/violations?limit={PAGE}&cursor={cursor}")
        assert len(page["items"]) == PAGE, "the thousandth page is there"
        last_s.append(took_s)
    return first_s, last_s


async def _filtered(client: httpx.AsyncClient, rounds: int) -> list[float]:
    took_s = []
    for n in range(rounds):
        query = f"district={DISTRICTS[n % 8]}&rule={RULES[n % 4]}&state=stands&limit={PAGE}"
        until = (START + timedelta(seconds=37 * 60 * n)).isoformat().replace("+", "%2B")
        took_s.append((await _timed(client, "GET", f"/violations?{query}&until={until}"))[0])
    return took_s


async def _steps(client: httpx.AsyncClient, rounds: int) -> list[float]:
    """From each decision until a browser has the next item and the picture that it shows of it, which it had not asked
    for before: the console mostly has."""
    _, shown = await _timed(client, "POST", "/review/next")
    took_s = []
    for _ in range(rounds):
        item = shown["item"]
        answer = {"version": item["version"], "reason": "not_visible"}
        rejected_s, _ = await _timed(client, "POST", f"/violations/{item['id']}/reject", answer)
        next_s, shown = await _timed(client, "POST", "/review/next")
        began_s = time.perf_counter()
        picture = await client.get(client.base_url.join(shown["item"]["evidence"][0]["href"]))
        took_s.append(rejected_s + next_s + time.perf_counter() - began_s)
        picture.raise_for_status()
    return took_s


async def _timed(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> tuple[float, Any]:
    began_s = time.perf_counter()
    answer = await client.request(method, path, json=body)
    took_s = time.perf_counter() - began_s
    answer.raise_for_status()
    return took_s, answer.json()


def _fill(url: str, count: int) -> float:
    """Writes violations by the script that writes all results. The append-only file is off
    meanwhile (it would grow to gigabytes on a disk that is not measured here)."""
    began_s = time.perf_counter()
    admin = redis.Redis.from_url(url)
    admin.config_set("appendonly", "no")
    store = ResultsStore(url)
    template = _template()
    for start in range(0, count, CHUNK):
        store.write([_line(n, template) for n in range(start, min(start + CHUNK, count))])
    store.close()
    admin.close()
    return time.perf_counter() - began_s


def _packages(config: Any, count: int) -> bytes:
    """Stores packages of the violations that head the queue; the picture that each holds: blocks of noise, 0.6 MB, as
    three photographs of streets of that size have 0.5 MB as evidence."""
    noise = np.random.default_rng(1).integers(0, 256, (PICTURE_PX[1] // 20, PICTURE_PX[0] // 20, 3), np.uint8)
    picture = jpeg(np.asarray(Image.fromarray(noise).resize(PICTURE_PX)))
    store, evidence = ResultsStore(config.redis_url), EvidenceStore(config.settings.evidence)
    for n in range(SEVEREST - 1, SEVEREST * count, SEVEREST):
        id, folder, name = event_id("bench", n), f"bench/{n}", "crossed.jpg"
        evidence.write(folder, {name: picture}, b"{}")
        data = {"violation": id, "folder": folder, "files": [name], "problems": []}
        at, district = START + timedelta(seconds=19 * n), DISTRICTS[n % 8]
        kept = Event.of(EVIDENCE_STORED, camera_id="bench", district=district, at=at, data=data, key=(id,))
        store.write([kept])
    store.close()
    return picture


def _violation(n: int, at: datetime) -> Event:
    data: dict[str, Any] = {
        "rule": "speeding", "rule_version": "1", "article": "KoAP RK 592", "track": n, "cls": "car",
        "measured": {"speed": {"value": 86.0, "low": 84.5, "high": 87.5, "unit": "km/h"}},
        "threshold": {"limit_kmh": 60.0, "tolerance_kmh": 10.0}, "moments": [], "state": "stands",
        "trace": [[round(i * 0.1, 1), 1.0, 2.4 * i] for i in range(20)],
        "clock": {"source": "site", "rate_hz": 25.0}, "calibration": {"id": "survey-1", "valid_until": "2027-01-01"},
        "profile": "kz@1",
    }  # fmt: skip
    return Event.of(SPEEDING, camera_id="bench", district=DISTRICTS[n % 8], at=at, data=data, key=(n, at))


def _template() -> str:
    """A violation as text, to be filled in: validating a million events would take longer than writing them."""
    event = _violation(0, START)
    return event.model_dump_json().replace(event.id, "%ID%").replace("2026-01-01T00:00:00Z", "%AT%")


def _line(n: int, event: str) -> Line:
    """The ``n``-th violation: one every 19 seconds."""
    id, at = event_id("bench", n), START + timedelta(seconds=19 * n)
    rule, district = RULES[n // 8 % 4], DISTRICTS[n % 8]
    text = event.replace("%ID%", id).replace("%AT%", at.isoformat()).replace('"speeding"', f'"{rule}"')
    text = text.replace('"district-0"', f'"{district}"')
    return Line(
        json=text.encode(), id=id, type=f"dome.violation.{rule}.v1", camera=f"camera-{n % 500}", district=district,
        time_ms=round(at.timestamp() * 1000), day=at.date().isoformat(), state="stands", severity=1 + n % SEVEREST,
    )  # fmt: skip


def _say(text: str) -> None:
    Console(stderr=True).print(f"bench api: {text}", style="dim")


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
