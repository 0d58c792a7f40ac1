"""Patrols: near me, one of two gets it, and nothing is lost or doubled on a bad connection."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import access
import pytest
from searching import make_case

from flows.domain.errors import StoreError
from flows.domain.events import Event
from flows.domain.patrol import Task, task_id
from flows.domain.status import CameraStatus
from flows.store import keys


def left_behind(camera: str, district: str = "esil") -> Event:
    at = datetime.now(UTC)
    return Event.of(
        "dome.object.abandoned.v1",
        camera_id=camera,
        district=district,
        at=at,
        data={"object": f"{camera}-bag"},
    )


async def sent(api: Any, camera: str, place: tuple[float, float] | None = None) -> dict[str, Any]:
    latitude, longitude = place or (None, None)
    status = CameraStatus(camera_id=camera, district="esil", latitude=latitude, longitude=longitude)
    api.app.state.services.cameras.put([status])
    api.write(left_behind(camera))
    answer = await api.post(
        "/patrol/tasks", {"kind": "object", "about": f"{camera}-bag", "text": "look"}, "operator"
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_the_nearest_come_first_and_the_far_not_at_all(api: Any) -> None:
    near, middle = await sent(api, "a", (51.1282, 71.4304)), await sent(api, "b", (51.14, 71.43))
    await sent(api, "c", (43.24, 76.89))
    answer = await api.get("/patrol/tasks?latitude=51.1280&longitude=71.4300&radius_m=5000", "patrol")
    rows = answer.json()["items"]
    assert [row["task"]["id"] for row in rows] == [near["id"], middle["id"]]
    assert rows[0]["away_m"] < 50 < rows[1]["away_m"] < 1500


async def test_a_camera_that_has_fallen_silent_stands_where_it_stood(api: Any) -> None:
    place = {"latitude": 51.1282, "longitude": 71.4304}
    cameras = api.app.state.services.cameras
    cameras.put([CameraStatus(camera_id="a", district="esil", **place)])
    cameras._client.delete(keys.status("a"))
    api.write(left_behind("a"))
    made = await api.post("/patrol/tasks", {"kind": "object", "about": "a-bag"}, "operator")
    assert {name: made.json()[name] for name in place} == place


@pytest.mark.parametrize(("end", "status"), [("", 201), ("closed", 409), ("stopped", 409)])
async def test_a_patrol_is_sent_to_a_lead_while_its_search_runs(api: Any, end: str, status: int) -> None:
    services = api.app.state.services
    call = await access.case("/leads/{lead}", lead=True)(api, "esil")
    lead = call.path.rsplit("/", 1)[1]
    for by, name in (("first", "confirm"), ("second", "confirm"), ("first", "dispatch")):
        assert (await api.post(f"{call.path}/{name}", {}, "operator", sub=by)).status_code == 200
    if end == "closed":
        services.cases.close(services.leads.raw(lead).case, "somebody", "found")
    if end == "stopped":
        services.cases.stop_all("somebody", "false leads everywhere")
    answer = await api.post("/patrol/tasks", {"kind": "lead", "about": lead}, "operator")
    assert answer.status_code == status, answer.text
    (row,) = (await api.get("/patrol/tasks", "operator")).json()["items"]
    assert row["task"]["ended"] == {"": "", "closed": "case_closed", "stopped": "searching_stopped"}[end]


async def test_who_asks_for_a_patrol_does_not_learn_whether_another_has_confirmed(api: Any) -> None:
    call = await access.case("/leads/{lead}", lead=True)(api, "esil")
    asked = {"kind": "lead", "about": call.path.rsplit("/", 1)[1]}
    before = await api.post("/patrol/tasks", asked, "operator", sub="second")
    assert (await api.post(f"{call.path}/confirm", {}, "operator", sub="first")).status_code == 200
    after = await api.post("/patrol/tasks", asked, "operator", sub="second")
    assert (before.status_code, after.json()) == (409, before.json())


async def test_a_lead_of_a_case_that_searches_elsewhere_too_is_none_of_theirs(api: Any) -> None:
    lead, _ = await access.sent(api, "esil")
    services = api.app.state.services
    case = services.cases.get(services.leads.raw(lead).case).model_copy(
        update={"districts": ("esil", "almaly")}
    )
    services.results._client.hset(keys.case(case.id), "json", case.model_dump_json())
    asked = {"kind": "lead", "about": lead}
    assert (await api.post("/patrol/tasks", asked, "operator")).status_code == 404
    assert (await api.post("/patrol/tasks", asked, "operator", districts=case.districts)).status_code == 201


async def dispatched(api: Any, place: tuple[float, float], **changes: Any) -> str:
    """A lead at a place that two have confirmed and one has dispatched; patrols within 3 km are called."""
    call = await access.case("/leads/{lead}", lead=True)(api, "esil")
    services, lead_id = api.app.state.services, call.path.rsplit("/", 1)[1]
    lead = services.leads.raw(lead_id)
    values = {"latitude": place[0], "longitude": place[1]}
    services.results._client.hset(
        keys.lead(lead_id), "json", lead.model_copy(update=values).model_dump_json()
    )
    case = services.cases.get(lead.case).model_copy(update={"alert_radius_m": 3000.0} | changes)
    services.results._client.hset(keys.case(case.id), "json", case.model_dump_json())
    assert (await api.get("/patrol/tasks", "patrol")).json()["items"] == []
    for by, name in (("first", "confirm"), ("second", "confirm"), ("first", "dispatch")):
        assert (await api.post(f"/leads/{lead_id}/{name}", {}, "operator", sub=by)).status_code == 200
        tasks = (await api.get("/patrol/tasks", "patrol")).json()["items"]
        assert len(tasks) == (name == "dispatch"), "an unconfirmed hit calls nobody"
    return lead_id


async def test_what_has_no_place_is_in_every_list_after_what_is_near(api: Any) -> None:
    hall = await sent(api, "hall")
    gate = await sent(api, "gate", (51.1282, 71.4304))
    lead, _ = await access.sent(api, "esil")  # its camera has no place either

    async def listed() -> list[tuple[str, bool]]:
        path = "/patrol/tasks?latitude=51.128&longitude=71.43&radius_m=500"
        rows = (await api.get(path, "patrol")).json()["items"]
        assert not any(row["calls"] for row in rows)
        return [(row["task"]["about"], row["away_m"] is None) for row in rows]

    assert await listed() == [(gate["about"], False), (lead, True), (hall["about"], True)]
    for version, step in enumerate(["accept", "resolve"]):
        asked = {"version": version, "note": "nothing"}
        assert (await api.post(f"/patrol/tasks/{hall['id']}/{step}", asked, "patrol")).is_success
    assert await listed() == [(gate["about"], False), (lead, True)]
    elsewhere = await api.get("/patrol/tasks?latitude=51.128&longitude=71.43", "patrol", districts=["almaly"])
    assert elsewhere.json()["items"] == []


async def near(api: Any, latitude: float, radius_m: int = 500) -> list[tuple[str, bool]]:
    answer = await api.get(f"/patrol/tasks?latitude={latitude}&longitude=71.43&radius_m={radius_m}", "patrol")
    return [(row["task"]["about"], row["calls"]) for row in answer.json()["items"]]


@pytest.mark.slow
async def test_a_dispatched_lead_calls_the_patrols_within_its_case_s_radius(api: Any) -> None:
    lead = await dispatched(api, (51.12, 71.43))
    assert await near(api, 51.12) == [(lead, True)]
    assert await near(api, 51.14) == [(lead, True)], "farther than they look, nearer than the case calls"
    assert await near(api, 51.15) == []
    assert await near(api, 51.15, 20_000) == [(lead, False)]
    task = (await api.get("/patrol/tasks", "patrol")).json()["items"][0]["task"]
    told = [e.event for e in api.app.state.services.results.events(type="dome.patrol.task.v1")]
    assert [(e.data["about"], e.data["radius_m"]) for e in told] == [(lead, 3000.0)]
    await api.post(f"/patrol/tasks/{task['id']}/accept", {"version": 0}, "patrol", sub="timur")
    assert await near(api, 51.12) == [(lead, False)], "somebody is on the way"


async def test_a_missing_child_goes_before_whatever_is_newer_or_nearer(api: Any) -> None:
    terms = make_case().terms.model_copy(update={"first": True})
    child = await dispatched(api, (51.14, 71.43), terms=terms)
    await sent(api, "a", (51.12, 71.43))
    listed = (await api.get("/patrol/tasks", "patrol")).json()["items"]
    assert [row["task"]["about"] for row in listed] == [child, "a-bag"]
    assert await near(api, 51.12) == [(child, True), ("a-bag", False)]


def ends(api: Any, lead: str, end: str) -> None:
    """Somebody rejects a lead, or closes its case."""
    services = api.app.state.services
    if end == "closed":
        services.cases.close(services.leads.raw(lead).case, "somebody", "found")
    else:
        services.leads.reject(lead, "third")


@pytest.mark.slow
@pytest.mark.parametrize(("end", "why"), [("rejected", "lead_rejected"), ("closed", "case_closed")])
async def test_nobody_sets_out_for_a_lead_that_is_over(api: Any, end: str, why: str) -> None:
    lead = await dispatched(api, (51.12, 71.43))
    task = (await api.get("/patrol/tasks", "patrol")).json()["items"][0]["task"]
    ends(api, lead, end)
    assert await near(api, 51.12) == []
    refused = await api.post(f"/patrol/tasks/{task['id']}/accept", {"version": 0}, "patrol")
    assert (refused.status_code, "nobody goes" in refused.json()["detail"]) == (409, True)
    (row,) = (await api.get("/patrol/tasks", "patrol")).json()["items"]
    assert (row["task"]["state"], row["task"]["ended"]) == ("ended", why), "it says why"


@pytest.mark.parametrize("query", ["", "?latitude=51.12&longitude=71.43"])
async def test_who_is_on_the_way_reads_that_it_has_ended_and_says_what_they_found(
    api: Any, query: str
) -> None:
    lead = await dispatched(api, (51.12, 71.43))
    path = "/patrol/tasks/" + task_id("lead", lead)
    assert (await api.post(f"{path}/accept", {"version": 0}, "patrol", sub="bolat")).is_success
    ends(api, lead, "closed")
    rows = (await api.get(f"/patrol/tasks{query}", "patrol", sub="bolat")).json()["items"]
    assert [(row["task"]["ended"], row["task"]["holder"]) for row in rows] == [("case_closed", "bolat")]
    others = (await api.get(f"/patrol/tasks{query}", "patrol", sub="dana")).json()["items"]
    assert len(others) == (query == ""), "near a place only one's own"
    asked = {"version": 1, "note": "it was somebody else"}  # written down before they read it
    assert (await api.post(f"{path}/resolve", asked, "patrol", sub="dana")).status_code == 409
    done = await api.post(f"{path}/resolve", asked, "patrol", sub="bolat")
    assert (done.status_code, done.json()["state"], done.json()["note"]) == (
        200,
        "resolved",
        "it was somebody else",
    )
    told = [e.event.data["state"] for e in api.app.state.services.results.events(type="dome.patrol.task.v1")]
    assert told == ["open", "accepted", "ended", "resolved"]


@pytest.mark.parametrize("how", ["rejected", "closed", "unlawful", "stopped"])
async def test_who_is_on_the_way_hears_at_once_that_the_search_is_over(api: Any, how: str) -> None:
    lead, task = await access.sent(api, "esil")
    await api.post(f"/patrol/tasks/{task}/accept", {"version": 0}, "patrol")
    services = api.app.state.services
    case = services.cases.get(services.leads.raw(lead).case)
    body, close = {"why": "found", "version": case.version}, f"/api/v1/cases/{case.id}/close"
    if how == "closed":
        answer = await api.client.put(close, json=body, headers=api.signed("operator"))
    else:
        path, role = {"rejected": (f"/leads/{lead}/reject", "operator"), "stopped": ("/searching/stop", "operator"),
                      "unlawful": (f"/cases/{case.id}/reject", "authoriser")}[how]  # fmt: skip
        asked = {"rejected": {}, "stopped": {"why": "false leads"}, "unlawful": body}[how]
        answer = await api.post(path, asked, role, sub="gulnara")
    assert answer.is_success, answer.text
    last = services.results.events(type="dome.patrol.task.v1")[-1].event
    assert (last.data["state"], last.data["id"]) == ("ended", task)


async def test_words_about_somebody_who_is_searched_for_are_in_no_event(api: Any) -> None:
    lead = await dispatched(api, (51.12, 71.43))
    path = "/patrol/tasks/" + task_id("lead", lead)
    await api.post(f"{path}/accept", {"version": 0}, "patrol")
    await api.post(f"{path}/resolve", {"version": 1, "note": "a boy in red"}, "patrol")
    events = api.app.state.services.results.events(type="dome.patrol.task.v1")
    assert [e.event.data["state"] for e in events] == ["open", "accepted", "resolved"]
    assert not any("red" in e.event.model_dump_json() for e in events)


async def test_of_two_patrols_one_gets_it(api: Any) -> None:
    made = await sent(api, "a")
    path = f"/patrol/tasks/{made['id']}/accept"
    answers = await asyncio.gather(
        *(api.post(path, {"version": 0}, "patrol", sub=name) for name in ("bolat", "dana"))
    )
    assert sorted(a.status_code for a in answers) == [200, 409]


async def test_a_step_sent_twice_is_taken_once_and_answered_alike(api: Any) -> None:
    made = await sent(api, "a")
    path, key = f"/patrol/tasks/{made['id']}/accept", {"Idempotency-Key": "k-1234567890"}
    first = await api.post(path, {"version": 0}, "patrol", headers=key)
    again = await api.post(path, {"version": 0}, "patrol", headers=key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()


async def test_a_step_that_could_not_be_told_is_told_when_it_is_sent_again(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, results = await sent(api, "a"), api.app.state.services.results

    def away(*_: object) -> None:
        raise StoreError("gone")

    path, key = f"/patrol/tasks/{made['id']}/accept", {"Idempotency-Key": "k-1234567890"}
    with monkeypatch.context() as patch:
        patch.setattr(results, "write", away)
        assert (await api.post(path, {"version": 0}, "patrol", sub="bolat", headers=key)).status_code == 503
    again = await api.post(path, {"version": 0}, "patrol", sub="bolat", headers=key)
    assert (again.status_code, again.json()["state"], again.json()["version"]) == (200, "accepted", 1)
    task = Task.model_validate(again.json())
    assert results.event(task.told(task.made_at).id) is not None
    assert (await api.post(path, {"version": 0}, "patrol", sub="dana")).status_code == 409
    log = (await api.get("/audit", "auditor")).json()["items"]
    assert [e["action"] for e in log] == ["task.made", "task.accepted"]


@pytest.mark.slow
async def test_a_resolved_task_is_no_longer_near_and_every_step_is_in_the_log(api: Any) -> None:
    made = await sent(api, "a", (51.1282, 71.4304))
    for version, (step, note) in enumerate([("accept", ""), ("arrive", ""), ("resolve", "an empty box")]):
        answer = await api.post(
            f"/patrol/tasks/{made['id']}/{step}", {"version": version, "note": note}, "patrol"
        )
        assert answer.status_code == 200, answer.text
    near = await api.get("/patrol/tasks?latitude=51.1280&longitude=71.4300", "patrol")
    assert near.json()["items"] == []
    log = (await api.get("/audit", "auditor")).json()["items"]
    assert [e["action"] for e in log] == ["task.made", "task.accepted", "task.arrived", "task.resolved"]


async def test_what_is_not_resolved_is_shown_however_old_it_is(api: Any) -> None:
    services, (old, done) = api.app.state.services, [await sent(api, camera) for camera in "ab"]
    for version, step in enumerate(["accept", "resolve"]):
        asked = {"version": version, "note": "a box"}
        assert (await api.post(f"/patrol/tasks/{done['id']}/{step}", asked, "patrol")).is_success
    real = services.now
    services.now = lambda: real() + timedelta(days=2)
    rows = (await api.get("/patrol/tasks", "operator")).json()["items"]
    assert [row["task"]["id"] for row in rows] == [old["id"]]


async def test_a_patrol_is_sent_again_to_what_was_resolved(api: Any) -> None:
    made = await sent(api, "a", (51.1282, 71.4304))
    for version, step in enumerate(["accept", "resolve"]):
        asked = {"version": version, "note": "nobody there"}
        assert (await api.post(f"/patrol/tasks/{made['id']}/{step}", asked, "patrol")).is_success
    again = await sent(api, "a", (51.1282, 71.4304))
    assert (again["id"], again["state"], again["holder"], again["version"]) == (made["id"], "open", "", 3)
    assert await sent(api, "a") == again, "it is on its way already"
    near = (await api.get("/patrol/tasks?latitude=51.128&longitude=71.43", "patrol")).json()["items"]
    assert [row["task"]["version"] for row in near] == [3]
    assert (await api.post(f"/patrol/tasks/{made['id']}/accept", {"version": 3}, "patrol")).is_success


async def test_a_violation_that_nobody_has_confirmed_sends_nobody(api: Any) -> None:
    from apiclient import speeding

    event = speeding()
    api.write(event)
    answer = await api.post("/patrol/tasks", {"kind": "violation", "about": event.id}, "operator")
    assert answer.status_code == 409
    assert "confirm it first" in answer.json()["detail"]
