"""A small district sees its own, however much happens elsewhere: lists are read on until they are full of its rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiclient import AT, speeding

from flows.casework.review import step
from flows.domain.events import Event
from flows.domain.patrol import Task
from flows.domain.people import ROLES, Person
from flows.domain.plates import PlateRecord, plate_event
from flows.store.patrol import PatrolStore

BUSY = 7


def task(n: int, district: str, **more: Any) -> Task:
    return Task.of(
        "object", f"bag-{district}-{n}", "abandoned", district=district, by="aigul",
        at=datetime.now(UTC) - timedelta(minutes=1 if district == "almaly" else 5, seconds=n), camera="c",
        **{"place": (51.12 + (0.0001 if district == "almaly" else 0.001), 71.43)} | more,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("serve.api.scopes.objects.READ", "flows.store.results.STEP", "flows.store.proceedings.STEP",
                 "flows.store.patrol.MOST"):  # fmt: skip
        monkeypatch.setattr(name, 2)


async def test_things_left_behind(api: Any) -> None:
    now = datetime.now(UTC)

    def left(n: int, district: str, ago_s: int) -> Event:
        at = now - timedelta(seconds=ago_s)
        return Event.of("dome.object.abandoned.v1", camera_id=f"{district}-{n}", district=district, at=at,
                        data={"object": ""})  # fmt: skip

    own = [left(n, "esil", 600 + n) for n in range(2)]
    api.write(*own, *(left(n, "almaly", n + 1) for n in range(BUSY)))
    rows = (await api.get(f"/objects?until={now:%Y-%m-%dT%H:%M:%SZ}", "operator")).json()["items"]
    assert [row["id"] for row in rows] == [event.id for event in own]


@pytest.mark.parametrize("query", ["", "?latitude=51.12&longitude=71.43"])
async def test_tasks(api: Any, query: str) -> None:
    store = api.app.state.services.patrol
    for n in range(BUSY):
        store.add(task(n, "almaly"))
    own = [store.add(task(n, "esil")).id for n in range(2)]
    rows = (await api.get(f"/patrol/tasks{query}", "patrol")).json()["items"]
    assert sorted(row["task"]["id"] for row in rows) == sorted(own)


@pytest.mark.parametrize("districts", [("esil",), ("*",), ("esil", "almaly")])
async def test_the_nearest_tasks_and_no_others_are_read(
    api: Any, monkeypatch: pytest.MonkeyPatch, districts: tuple[str, ...]
) -> None:
    store, read, asked = api.app.state.services.patrol, PatrolStore._read, []
    own = "esil" if "almaly" not in districts and "*" not in districts else "almaly"
    for n in range(BUSY):
        store.add(task(n, "almaly"))
        store.add(task(n, "esil", place=(51.121 + 0.001 * n, 71.43)))

    def counted(self: PatrolStore, ids: list[bytes]) -> list[Task]:
        asked.extend([len(ids)] if ids else [])
        return read(self, ids)

    monkeypatch.setattr(PatrolStore, "_read", counted)
    rows = (
        await api.get("/patrol/tasks?latitude=51.12&longitude=71.43", "patrol", districts=districts)
    ).json()["items"]
    assert {row["task"]["district"] for row in rows} == {own}
    assert (len(rows), asked) == (2, [2])
    if own == "esil":
        assert [row["task"]["about"] for row in rows] == ["bag-esil-0", "bag-esil-1"]


async def test_who_is_called_from_afar_hears_it_however_much_is_nearer(api: Any) -> None:
    store = api.app.state.services.patrol
    for n in range(BUSY):
        store.add(task(n, "esil"))
    far = {"place": (51.30, 71.43), "radius_m": 30_000.0}
    calls = store.add(task(BUSY, "esil", **far)).id
    store.add(task(BUSY, "almaly", **far))
    rows = (await api.get("/patrol/tasks?latitude=51.12&longitude=71.43", "patrol")).json()["items"]
    assert [row["task"]["id"] for row in rows if row["calls"]] == [calls]
    assert len(rows) == 3


@pytest.mark.slow
async def test_what_waits_for_the_proceedings(api: Any) -> None:
    anyone = Person(sub="anyone", roles=frozenset(ROLES), districts=frozenset("*"))
    another = anyone.model_copy(update={"sub": "another"})
    results = api.app.state.services.results
    made = [speeding(n, "almaly") for n in range(BUSY)] + [speeding(BUSY)]
    read = PlateRecord(outcome="read", text="123ABC02", confident=True)
    api.write(*made, *(plate_event(event, read) for event in made))
    for event in made:
        for action, person in (("claim", anyone), ("confirm", anyone), ("issue", another)):
            entry = results.event(event.id)
            results.write([step(entry.case, action, person, AT)])
    rows = (await api.get("/exports?limit=1", "authoriser")).json()["items"]
    assert [row["violation"] for row in rows] == [made[-1].id]
    rows = (await api.get(f"/violations/{made[-1].id}/exports", "authoriser")).json()["items"]
    assert [row["state"] for row in rows] == ["waiting"]
