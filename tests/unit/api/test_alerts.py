"""Live events: who sees what, and that a listener misses nothing and sees nothing twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
import redis
from apiclient import speeding, write

from flows.domain.events import PASSAGE, Event
from flows.domain.people import Person
from flows.domain.plates import PlateRecord, plate_event
from flows.pictures.steadiness import CAMERA_FITNESS
from serve.api import alerts
from serve.api.alerts import AlertHub, Filter, TooMany
from serve.api.scope import Bounds
from serve.api.scopes.alerts import Alerts

OPERATOR = Person(sub="o", roles=frozenset({"operator"}), districts=frozenset({"esil"}))
EVERYTHING = Filter(OPERATOR)


@pytest.fixture
async def hub(redis_url: str) -> AsyncIterator[AlertHub]:
    hub = AlertHub(redis_url, most=3)
    await hub.start()
    yield hub
    await hub.close()


def told(chunk: bytes) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for part in chunk.decode().strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in part.splitlines())
        found.append((fields["id"], json.loads(fields["data"])))
    return found


async def take(stream: Any, count: int) -> list[tuple[str, dict[str, Any]]]:
    """So many events of a stream, or more where they come together; greetings and heartbeats are none."""
    found: list[tuple[str, dict[str, Any]]] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            chunk = await anext(stream)
            if not chunk.startswith(b":"):
                found += told(chunk)
    return found


async def word(stream: Any) -> str:
    """What is said next that is no heartbeat."""
    async with asyncio.timeout(20):
        while (chunk := await anext(stream)).startswith(b":"):
            pass
    return str(chunk.decode())


async def opened(hub: AlertHub, filter: Filter = EVERYTHING, since: str = "") -> Any:
    stream = hub.follow(filter, since)
    assert (await anext(stream)).startswith(b": connected")
    return stream


@pytest.mark.slow
async def test_who_comes_back_gets_what_was_written_meanwhile_once(hub: AlertHub, redis_url: str) -> None:
    async with aclosing(await opened(hub)) as stream:
        write(redis_url, *[speeding(n) for n in range(3)])
        seen = (await take(stream, 2))[:2]
    write(redis_url, *[speeding(n) for n in range(3, 700)])  # more than a queue, and than a chunk
    async with aclosing(await opened(hub, since=seen[-1][0])) as stream:
        seen += await take(stream, 600)
        write(redis_url, *[speeding(n) for n in range(700, 720)])
        seen += await take(stream, 720 - len(seen))
    assert [event["id"] for _, event in seen] == [speeding(n).id for n in range(720)]


@pytest.mark.slow
async def test_a_slow_listener_catches_up_and_misses_nothing(
    hub: AlertHub, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "QUEUE", 4)
    async with aclosing(await opened(hub)) as stream, aclosing(await opened(hub)) as quick:
        write(redis_url, speeding(0))
        seen = await take(stream, 1)
        for n in range(1, 60):
            write(redis_url, speeding(n))
            await take(quick, 1 if n > 1 else 2)
        seen += await take(stream, 59)
    assert [event["id"] for _, event in seen] == [speeding(n).id for n in range(60)]


async def test_of_a_new_lead_listeners_hear_that_one_waits_and_nothing_more(
    hub: AlertHub, redis_url: str
) -> None:
    client = redis.Redis.from_url(redis_url)
    patrol = Filter(OPERATOR.model_copy(update={"roles": frozenset({"patrol", "auditor"})}))
    async with aclosing(await opened(hub)) as stream, aclosing(await opened(hub, patrol)) as other:
        for district in ("almaly", "esil"):
            lead = {
                "lead": "l-1",
                "case": "c-1",
                "purpose": "missing_child",
                "first": "1",
                "camera": "hall-1",
            }
            client.xadd("{dome}:alerts", lead | {"district": district, "at_ms": "1", "radius_m": "1000"})
        hint = await word(stream)
        write(redis_url, speeding(0))
        assert [event["id"] for _, event in await take(other, 1)] == [speeding(0).id]
        seen = await take(stream, 1)
    event, data = hint.strip().splitlines()
    assert event == "event: dome.search.waiting.v1", (
        "without an id: who comes back goes on from the last event"
    )
    told_of = {"type": "dome.search.waiting.v1", "subject": "esil", "data": {"first": True}}
    assert json.loads(data.removeprefix("data: ")) == told_of
    assert [each["id"] for _, each in seen] == [speeding(0).id]


async def test_who_listens_before_anything_is_read_misses_no_lead(redis_url: str) -> None:
    hub, client = AlertHub(redis_url, most=1), redis.Redis.from_url(redis_url)
    async with aclosing(await opened(hub)) as stream:
        client.xadd("{dome}:alerts", {"lead": "l-1", "district": "esil", "first": "1"})
        await hub.start()
        assert (await word(stream)).startswith("event: dome.search.waiting.v1")
    await hub.close()


async def test_whose_queue_ran_over_hears_all_the_same_that_a_lead_waits(
    hub: AlertHub, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hint has no place in the stream, so it cannot be read again there."""
    monkeypatch.setattr(alerts, "QUEUE", 4)
    client = redis.Redis.from_url(redis_url)
    async with aclosing(await opened(hub)) as stream:
        write(redis_url, speeding(0))
        seen = [(await take(stream, 1))[0]]
        write(redis_url, *[speeding(n) for n in range(1, 20)])
        async with asyncio.timeout(20):
            while not next(iter(hub._listeners)).ran_over:
                await asyncio.sleep(0.01)
        for lead in ("l-1", "l-2"):
            client.xadd("{dome}:alerts", {"lead": lead, "district": "esil", "first": "0"})
        async with asyncio.timeout(20):
            while hub._alerted.encode() != client.xrevrange("{dome}:alerts", count=1)[0][0]:  # type: ignore[index]
                await asyncio.sleep(0.01)
            text = b""
            while text.count(b"\nid: ") + text.startswith(b"id: ") < 19:
                text += await anext(stream)
    assert text.count(b"event: dome.search.waiting.v1") == 1
    assert len(seen) == 1


async def test_listeners_see_their_districts_their_types_and_no_plates_unless_they_may(
    hub: AlertHub, redis_url: str
) -> None:
    violation = speeding(0)
    plate = plate_event(violation, PlateRecord(outcome="read", text="123ABC02", shown="123 ABC 02"))
    passage = Event.of(PASSAGE, camera_id="c", district="esil", at=violation.time, data={})
    last = speeding(9)
    analyst = OPERATOR.model_copy(update={"roles": frozenset({"analyst"})})
    channel = OPERATOR.model_copy(update={"roles": frozenset({"channel", "administrator"})})
    async with (
        aclosing(await opened(hub)) as sees,
        aclosing(await opened(hub, Filter(analyst, ("dome.plate.",)))) as blind,
        aclosing(await opened(hub, Filter(channel))) as nobody,
    ):
        write(redis_url, speeding(1, "almaly"), violation, plate, passage, last)
        shown = [event for _, event in await take(sees, 3)]
        assert [event["id"] for event in shown] == [violation.id, plate.id, last.id]
        assert "trace" not in shown[0]["data"]
        ((_, event),) = await take(blind, 1)
        assert event["data"]["outcome"] == "read"
        assert "ABC" not in json.dumps(event)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(nobody), 0.05)


async def test_who_can_do_something_about_a_knocked_camera_is_told(hub: AlertHub, redis_url: str) -> None:
    knocked, elsewhere = (
        Event.of(CAMERA_FITNESS, camera_id=f"{district}-1", district=district, at=speeding(0).time,
                 data={"fitness": "displaced"})
        for district in ("esil", "almaly")
    )  # fmt: skip
    last = speeding(9)
    administrator = OPERATOR.model_copy(update={"roles": frozenset({"administrator"})})
    analyst = OPERATOR.model_copy(update={"roles": frozenset({"analyst"})})
    async with (
        aclosing(await opened(hub)) as operates,
        aclosing(await opened(hub, Filter(administrator))) as administers,
        aclosing(await opened(hub, Filter(analyst))) as counts,
    ):
        write(redis_url, elsewhere, knocked, last)
        assert [event["id"] for _, event in await take(operates, 2)] == [knocked.id, last.id]
        ((_, event),) = await take(administers, 1)
        assert (event["id"], event["data"]["fitness"]) == (knocked.id, "displaced")
        assert [event["id"] for _, event in await take(counts, 1)] == [last.id]


async def test_many_who_come_at_once_are_all_let_in(redis_url: str) -> None:
    hub = AlertHub(redis_url, most=500)
    await hub.start()
    write(redis_url, speeding(0))
    streams = await asyncio.gather(*(opened(hub, since="0") for _ in range(250)))
    firsts = await asyncio.gather(*(take(stream, 1) for stream in streams))
    assert {place for ((place, _),) in firsts} == {firsts[0][0][0]}
    for stream in streams:
        await stream.aclose()
    await hub.close()


async def test_one_more_listener_than_there_is_room_for_is_told_so(hub: AlertHub) -> None:
    streams = [await opened(hub) for _ in range(3)]
    with pytest.raises(TooMany, match="3 streams"):
        await anext(hub.follow(Filter(OPERATOR)))
    await streams[0].aclose()
    await (await opened(hub)).aclose()
    for stream in streams[1:]:
        await stream.aclose()


@pytest.mark.parametrize("place", ["x", "1-", "-1", "1-2-3", "٣-0", "9" * 30])
async def test_a_place_that_is_none_is_refused(api: Any, place: str) -> None:
    answer = await api.get(f"/alerts/stream?after={place}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Last-Event-ID")


async def test_a_foreign_district_is_refused_at_the_door(api: Any) -> None:
    assert (await api.get("/alerts/stream?district=almaly")).status_code == 403


async def test_a_stream_ends_with_its_token(api: Any) -> None:
    services = api.app.state.services
    scope = Alerts(services, Bounds(OPERATOR, services.now().timestamp() + 3600))
    stream = await scope.follow((), (), "")
    assert (await anext(stream)).startswith(b": connected")
    api.write(speeding(0))
    assert b"violation" in await anext(stream)
    real = services.now
    services.now = lambda: real() + timedelta(hours=2)
    api.write(speeding(1))
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert services.alerts.listening == 0


async def test_who_has_heard_nothing_yet_comes_back_to_where_they_were(
    hub: AlertHub, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "HEARTBEAT_S", 0.05)
    write(redis_url, speeding(0))
    async with aclosing(hub.follow(EVERYTHING)) as stream:
        greeting = place(await anext(stream))
        async with asyncio.timeout(20):
            write(redis_url, speeding(1, district="almaly"))  # none of theirs
            while (beat := place(await anext(stream))) == greeting:
                pass
    write(redis_url, speeding(2))
    for since in (greeting, beat):
        async with aclosing(await opened(hub, since=since)) as stream:
            assert [event["id"] for _, event in await take(stream, 1)] == [speeding(2).id]


def place(chunk: bytes) -> str:
    (said,) = [line for line in chunk.decode().splitlines() if line.startswith("id: ")]
    return said.removeprefix("id: ")
