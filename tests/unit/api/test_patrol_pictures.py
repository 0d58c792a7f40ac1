"""Whom or what a patrol looks for: shown to who has accepted the task, while that goes on, and to nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import access
import pytest
from searching import make_case

from flows.domain.patrol import Task
from flows.domain.people import ROLES
from flows.store import keys

PICTURES = {"seen": b"jpeg", "probe": b"photo"}


def path(task: str, name: str = "seen") -> str:
    return f"/patrol/tasks/{task}/pictures/{name}"


async def accepted(api: Any, **changes: Any) -> tuple[str, str]:
    """The lead and the task of somebody that ``timur`` looks for in esil."""
    lead, task = await access.sent(api, "esil", **changes)
    answer = await api.post(f"/patrol/tasks/{task}/accept", {"version": 0}, "patrol", sub="timur")
    assert answer.is_success, answer.text
    return lead, task


async def seen(api: Any) -> list[tuple[str, str, str, Any]]:
    """Of the audit log: who saw which pictures, for which task."""
    log = (await api.get("/audit", "auditor")).json()["items"]
    looks = [entry for entry in log if entry["details"].get("picture")]
    return [(e["who"], e["action"], e["subject"], e["details"].get("task")) for e in looks]


@pytest.mark.parametrize("purpose", ["missing_child", "missing_person", "wanted_by_court_order"])
async def test_who_has_accepted_a_lead_s_task_sees_whom_they_look_for_and_it_is_written_down(
    api: Any, purpose: str
) -> None:
    terms = make_case().terms.model_copy(update={"first": purpose == "missing_child"})
    lead, task = await accepted(api, purpose=purpose, terms=terms)
    for name, picture in PICTURES.items():
        answer = await api.get(path(task, name), "patrol", sub="timur")
        assert (answer.status_code, answer.content) == (200, picture)
        assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("image/jpeg", "no-store")
    assert await seen(api) == [("timur", "lead.viewed", lead, task), ("timur", "probe.viewed", "p1", task)]
    arrived = await api.post(f"/patrol/tasks/{task}/arrive", {"version": 1}, "patrol", sub="timur")
    assert arrived.is_success
    assert (await api.get(path(task), "patrol", sub="timur")).is_success, "on the spot, too"


def closed(api: Any, lead: str) -> None:
    services = api.app.state.services
    services.cases.close(services.leads.raw(lead).case, "somebody", "found")


def unlawful(api: Any, lead: str) -> None:
    services = api.app.state.services
    services.cases.reject(services.leads.raw(lead).case, "other", "no grounds")


def rejected(api: Any, lead: str) -> None:
    api.app.state.services.leads.reject(lead, "third")


def stopped(api: Any, lead: str) -> None:
    api.app.state.services.cases.stop_all("somebody", "false leads everywhere")


def expired(api: Any, lead: str) -> None:
    """By the clock: nobody has put the case away."""
    services = api.app.state.services
    at = services.cases.get(services.leads.raw(lead).case).ends_at
    for store in (services.leads, services.patrol):
        store._ledger._clock = lambda: at


async def refused(api: Any, task: str, status: int, sub: str = "timur", *roles: Any, **more: Any) -> None:
    """Neither picture is shown, and nobody is said to have seen one."""
    for name in PICTURES:
        answer = await api.get(path(task, name), *(roles or ("patrol",)), sub=sub, **more)
        assert answer.status_code == status, (name, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
    assert [who for who, *_ in await seen(api)] == []


@pytest.mark.parametrize("end", [closed, unlawful, rejected, stopped, expired])
async def test_nobody_sees_them_once_the_search_is_over(api: Any, end: Callable[[Any, str], None]) -> None:
    lead, task = await accepted(api)
    end(api, lead)
    await refused(api, task, 409)


async def test_nobody_sees_them_before_they_accept(api: Any) -> None:
    _, task = await access.sent(api, "esil")
    await refused(api, task, 409)
    await refused(api, task, 409, "timur", "patrol", "operator")


@pytest.mark.slow
async def test_no_other_patrol_sees_them_and_no_other_role(api: Any) -> None:
    _, task = await accepted(api)
    await refused(api, task, 409, "dana")
    for role in set(ROLES) - {"patrol"}:
        await refused(api, task, 403, "timur", role)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["resolve", "hand_over"])
async def test_nobody_sees_them_once_the_task_is_out_of_their_hands(api: Any, step: str) -> None:
    _, task = await accepted(api)
    asked = {"version": 1, "note": "somebody else"}
    assert (await api.post(f"/patrol/tasks/{task}/{step}", asked, "patrol", sub="timur")).is_success
    await refused(api, task, 409)
    if step == "hand_over":
        await api.post(f"/patrol/tasks/{task}/accept", {"version": 2}, "patrol", sub="dana")
        await refused(api, task, 409)
        assert (await api.get(path(task), "patrol", sub="dana")).content == b"jpeg"


@pytest.mark.slow
async def test_nobody_sees_them_outside_of_their_districts(api: Any) -> None:
    _, task = await accepted(api)
    await refused(api, task, 404, districts=("almaly",))


async def test_one_s_own_task_opens_no_other_s(api: Any) -> None:
    await accepted(api)
    _, other = await access.sent(api, "esil")
    await refused(api, other, 409)


async def test_a_task_about_nobody_has_no_pictures(api: Any) -> None:
    at = datetime.now(UTC)
    made = Task.of("object", "bag-1", "abandoned", district="esil", by="asel", at=at)
    store = api.app.state.services.patrol
    store.add(made)
    store.step(made.id, "accept", "timur", 0)
    await refused(api, made.id, 404)
    await refused(api, "unknown", 404)
    answer = await api.get(path(made.id, "now"), "patrol", sub="timur")
    assert answer.status_code == 422


@pytest.mark.parametrize("end", [closed, rejected, stopped])
async def test_what_ends_at_the_moment_of_looking_is_seen_by_nobody(
    api: Any, monkeypatch: pytest.MonkeyPatch, end: Callable[[Any, str], None]
) -> None:
    lead, task = await accepted(api)
    leads = api.app.state.services.leads
    look = leads._looked

    def late(*asked: Any) -> bytes:
        monkeypatch.undo()
        end(api, lead)
        found: bytes = look(*asked)
        return found

    monkeypatch.setattr(leads, "_looked", late)
    answer = await api.get(path(task), "patrol", sub="timur")
    assert answer.status_code == 409, answer.text
    assert await seen(api) == []


async def test_who_hands_it_over_at_the_moment_of_looking_sees_nothing(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, task = await accepted(api)
    services = api.app.state.services
    look = services.leads._looked

    def late(*asked: Any) -> bytes:
        services.patrol.step(task, "hand_over", "timur", 1, "called away")
        found: bytes = look(*asked)
        return found

    monkeypatch.setattr(services.leads, "_looked", late)
    await refused(api, task, 409)


async def test_the_pictures_are_gone_with_their_case(api: Any) -> None:
    lead, task = await accepted(api)
    client, case = api.app.state.services.results._client, api.app.state.services.leads.raw(lead).case
    assert client.exists(f"{{dome}}:case:{case}:probes") == 1
    api.app.state.services.cases.reject(case, "other", "no grounds")
    assert client.exists(f"{{dome}}:case:{case}:probes", f"{{dome}}:lead:{lead}") == 0
    await refused(api, task, 409)


async def test_each_look_is_written_down(api: Any) -> None:
    _, task = await accepted(api)
    for _ in range(2):
        assert (await api.get(path(task), "patrol", sub="timur")).is_success
    assert len(await seen(api)) == 2


async def looked(api: Any, task: str, sub: str = "timur", **more: Any) -> list[Any]:
    """What a violation's task shows, and who is said to have looked."""
    answers = [await api.get(f"/patrol/tasks/{task}/{name}", "patrol", sub=sub, **more)
               for name in ("seen", "pictures/seen")]  # fmt: skip
    log = (await api.get("/audit", "auditor")).json()["items"]
    views = [(e["who"], e["details"]["about"]) for e in log if e["action"] == "task.viewed"]
    return [*answers, views]


async def test_who_is_sent_to_a_violation_reads_which_vehicle_it_is_and_it_is_written_down(api: Any) -> None:
    violation, task = await access.pursued(api, "esil")
    assert (await api.post(f"/patrol/tasks/{task}/accept", {"version": 0}, "patrol", sub="timur")).is_success
    seen, picture, views = await looked(api, task)
    told = seen.json()
    assert (told["what"], told["vehicle"], told["picture"]) == ("speeding", "car", True)
    assert told["plate"]["text"] == "777AAA01", "as the reviewer read it"
    assert datetime.fromisoformat(told["at"]) == api.app.state.services.results.event(violation).event.time
    assert (picture.content, picture.headers["content-type"]) == (b"car", "image/jpeg"), "not the street"
    assert {seen.headers["cache-control"], picture.headers["cache-control"]} == {"no-store"}
    assert views == [("timur", f"violation {violation}")] * 2
    assert (await api.get(path(task, "probe"), "patrol", sub="timur")).status_code == 404


async def test_nobody_else_reads_which_vehicle_it_is_nor_before_nor_after(api: Any) -> None:
    _, task = await access.pursued(api, "esil")

    async def statuses(**more: Any) -> list[int]:
        seen, picture, views = await looked(api, task, **more)
        assert views == []
        return [seen.status_code, picture.status_code]

    assert await statuses() == [409, 409], "not before they accept"
    store = api.app.state.services.patrol
    store.step(task, "accept", "timur", 0)
    assert await statuses(sub="dana") == [409, 409]
    assert await statuses(districts=("almaly",)) == [404, 404]
    store.step(task, "hand_over", "timur", 1, "called away")
    assert await statuses() == [409, 409]


async def test_a_vehicle_without_pictures_is_told_all_the_same(api: Any) -> None:
    _, task = await access.pursued(api, "esil")
    services = api.app.state.services
    services.patrol.step(task, "accept", "timur", 0)
    found = services.results.event(services.patrol.one(task).about)
    services.results._client.hdel(keys.event(found.event.id), "evidence")
    seen, picture, _ = await looked(api, task)
    assert (seen.json()["picture"], seen.json()["vehicle"], picture.status_code) == (False, "car", 404)


async def test_who_is_sent_to_a_citizen_s_report_reads_it_as_others_see_it(api: Any) -> None:
    call = await access.report("/reports/{id}")(api, "esil")
    asked = {"kind": "report", "about": call.path.rsplit("/", 1)[1], "text": "look"}
    assert (await api.post("/patrol/tasks", asked, "operator")).status_code == 409, "nobody has confirmed it"
    assert (await api.post(f"{call.path}/confirm", {"version": 2}, "operator")).is_success
    report = (await api.get(call.path, "operator")).json()
    sent = await api.post("/patrol/tasks", asked, "operator")
    made = sent.json()
    assert (sent.status_code, made["latitude"], made["longitude"]) == (
        201,
        report["latitude"],
        report["longitude"],
    )
    assert (await api.post("/patrol/tasks", asked, "operator", districts=("almaly",))).status_code == 404
    assert [answer.status_code for answer in (await looked(api, made["id"]))[:2]] == [409, 409]
    await api.post(f"/patrol/tasks/{made['id']}/accept", {"version": 0}, "patrol", sub="timur")
    seen, picture, views = await looked(api, made["id"])
    told = seen.json()
    assert (told["what"], told["text"], told["picture"]) == (report["service"], report["text"], True)
    assert (picture.content, len(views)) == (b"jpeg", 2)
    events = api.app.state.services.results.events(type="dome.patrol.task.v1")
    assert [e.event.data["state"] for e in events] == ["open", "accepted"]
    assert not any('"look"' in e.event.model_dump_json() for e in events), "words go with their report"
