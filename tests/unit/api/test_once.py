"""What a write's Idempotency-Key does: it is done once, and nothing that it was answered is kept."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import access
import pytest
from apiclient import everything, speeding

from flows.domain.people import Person
from serve.api.idempotency import Idempotency, Once

KEY = {"Idempotency-Key": "k-1234567890"}
HOOK = {"url": "http://127.0.0.1:9/in"}


async def actions(api: Any) -> list[str]:
    log = (await api.get("/audit", "auditor", districts=["*"])).json()["items"]
    return [entry["action"] for entry in log]


async def test_an_original_is_given_again_neither_unlogged_nor_once_its_report_is_erased(api: Any) -> None:
    call = await access.report("/reports/{id}/files/{file}/original", access.WHY)(api, "esil")
    looks = [await api.post(call.path, call.body, "operator", headers=KEY) for _ in range(2)]
    assert [look.content for look in looks] == [b"jpeg", b"jpeg"]
    assert (await actions(api)).count("report.original_viewed") == 2, "who looks twice is written down twice"
    (tracking,) = [r["id"] for r in (await api.get("/reports", "operator")).json()["items"]]
    assert api.app.state.services.reception.erase("egov", tracking)
    assert (await api.post(call.path, call.body, "operator", headers=KEY)).status_code == 404
    held = everything(api.config.redis_url)
    assert "anBlZ" not in held, "nor in base64"


async def test_an_erased_report_does_not_come_back_by_being_sent_again(api: Any) -> None:
    sent = [
        await api.post("/reports", access.CLAIM | {"text": "Abay 17"}, "channel", headers=KEY) for _ in "12"
    ]
    assert [answer.status_code for answer in sent] == [201, 201]
    assert sent[0].json() == sent[1].json()
    erase = {"headers": api.signed("channel") | {"Idempotency-Key": "another"}}
    path = f"/api/v1/reports/{sent[0].json()['id']}"
    gone = [await api.client.delete(path, **erase) for _ in range(2)]
    assert [answer.status_code for answer in gone] == [204, 204], "who did not hear it is told the same"
    late = await api.post("/reports", access.CLAIM | {"text": "Abay 17"}, "channel", headers=KEY)
    assert (late.status_code, late.json()["errors"][0]["field"]) == (422, "reference")
    assert "Abay 17" not in everything(api.config.redis_url)


async def test_words_of_a_search_that_was_not_lawful_are_left_nowhere(api: Any) -> None:
    lead, task = await access.sent(api, "esil")
    services, path = api.app.state.services, f"/patrol/tasks/{task}"
    for version, (step, note) in enumerate([("accept", ""), ("arrive", ""), ("resolve", "at her aunt")]):
        key, body = {"Idempotency-Key": step}, {"version": version, "note": note}
        assert (await api.post(f"{path}/{step}", body, "patrol", headers=key)).status_code == 200
    assert "at her aunt" in everything(api.config.redis_url), "it is looked for where it was"
    services.cases.reject(services.leads.raw(lead).case, "judge", "unlawful")
    services.sweep_tasks()
    assert "at her aunt" not in everything(api.config.redis_url)
    again = await api.post(f"{path}/resolve", body, "patrol", headers=key)
    assert (again.status_code, again.json()["note"]) == (200, "")


async def test_no_key_remembers_more_than_that_it_was_done(api: Any) -> None:
    token = api.signed("operator")["Authorization"].split()[1]
    signed_in = api.session("operator") | {"Sec-Fetch-Site": "same-origin"}
    again = await api.client.post("/console/session", json={"token": token}, headers=KEY | signed_in)
    assert again.status_code == 200
    api.write(speeding(1))
    assert (await api.post("/review/next", None, headers={"Idempotency-Key": "next"})).json()["item"]
    assert (await api.post("/webhooks", HOOK, "administrator", headers=KEY)).status_code == 422, (
        "one key, two wants"
    )
    (hook,) = [await api.post("/webhooks", HOOK, "administrator", headers={"Idempotency-Key": "hook"})]
    assert hook.json()["secret"]
    rows = [row for row in everything(api.config.redis_url).splitlines() if row.startswith("{dome}:answer:")]
    assert len(rows) == 3
    assert all(len(row) < 256 for row in rows), rows
    assert token not in "".join(rows)


async def test_a_lead_s_answer_sent_again_is_one_person_s_one_answer(api: Any) -> None:
    call = await access.case("/leads/{lead}", lead=True)(api, "esil")
    steps = [("first", "confirm"), ("second", "confirm"), ("first", "dispatch")]
    for number, (by, name) in enumerate(steps):
        key = {"Idempotency-Key": f"{number}"}
        asked = [await api.post(f"{call.path}/{name}", {}, "operator", sub=by, headers=key) for _ in range(2)]
        assert [answer.status_code for answer in asked] == [200, 200], asked[1].text
        assert asked[0].json() == asked[1].json()
    lead = api.app.state.services.leads.raw(call.path.rsplit("/", 1)[1])
    assert ([answer.by for answer in lead.answers], lead.state) == (["first", "second"], "dispatched")


async def test_a_case_and_its_steps_are_made_once(api: Any) -> None:
    call = await access.new_case_in(api, "esil")
    made = [await api.post("/cases", call.body, "operator", headers={"Idempotency-Key": "new"}) for _ in "12"]
    assert [answer.status_code for answer in made] == [201, 201], made[1].text
    assert made[0].json() == made[1].json()
    assert len((await api.get("/cases", "operator")).json()["items"]) == 1
    path, body = f"/cases/{made[0].json()['id']}/authorise", access.WHY | {"version": 0}
    steps = [await api.post(path, body, "authoriser", sub="judge", headers=KEY) for _ in "12"]
    assert [answer.status_code for answer in steps] == [200, 200], steps[1].text
    for path, by in (("/searching/stop", "aigul"), ("/searching/resume", "bolat")):
        key = {"Idempotency-Key": path}
        sent = [await api.post(path, access.WHY, "authoriser", sub=by, headers=key) for _ in "12"]
        assert [answer.status_code for answer in sent] == [204, 204], sent[1].text
    assert [name for name in await actions(api) if name != "case.viewed"] == [
        "case.created", "case.authorised", "searching.stopped", "searching.resumed"]  # fmt: skip


async def test_who_asks_again_for_the_next_violation_gets_the_one_they_have(api: Any) -> None:
    api.write(speeding(1), speeding(2))
    first, again = [await api.post("/review/next", None, headers=KEY) for _ in "12"]
    one = first.json()["item"]["id"]
    assert again.json()["item"]["id"] == one
    version = again.json()["item"]["version"]
    await api.post(f"/violations/{one}/release", {"version": version})
    await api.post("/review/next", None, sub="bolat")
    late = await api.post("/review/next", None, headers=KEY)
    assert late.json()["item"]["id"] != one, "another has it now"


async def test_a_task_that_is_over_does_not_begin_anew_by_being_sent_again(api: Any) -> None:
    call = await access.task("/patrol/tasks", {"kind": "object"})(api, "esil")
    made = (await api.post("/patrol/tasks", call.body, "operator", headers=KEY)).json()
    for version, step in enumerate(["accept", "resolve"]):
        body = {"version": version, "note": "an empty box"}
        assert (await api.post(f"/patrol/tasks/{made['id']}/{step}", body, "patrol")).status_code == 200
    late = await api.post("/patrol/tasks", call.body, "operator", headers=KEY)
    assert (late.status_code, late.json()["state"]) == (201, "resolved")
    anew = await api.post("/patrol/tasks", call.body, "operator")
    assert (anew.status_code, anew.json()["state"]) == (201, "open")


async def test_a_piece_sent_again_says_how_far_the_upload_is(api: Any) -> None:
    call = await access.upload("/api/v1/reports/uploads/{id}")(api, "esil")
    headers = api.signed("channel") | KEY | {"Content-Type": "application/octet-stream", "Upload-Offset": "0"}
    sent = [await api.client.patch(call.path, content=b"\xff\xd8\xff", headers=headers) for _ in "12"]
    assert [(answer.status_code, answer.json()["offset"]) for answer in sent] == [(200, 3), (200, 3)]


async def test_what_a_client_went_away_from_is_done_once_all_the_same(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, begun, go_on = api.app.state.services, threading.Event(), threading.Event()
    add = services.webhooks.add

    def slow(*of: Any) -> None:
        begun.set()
        go_on.wait(20)
        add(*of)

    monkeypatch.setattr(services.webhooks, "add", slow)
    gone = asyncio.create_task(api.post("/webhooks", HOOK, "administrator", headers=KEY))
    assert await asyncio.to_thread(begun.wait, 20)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    meanwhile = await api.post("/webhooks", HOOK, "administrator", headers=KEY)
    assert (meanwhile.status_code, meanwhile.headers["retry-after"]) == (409, "1")
    go_on.set()
    for _ in range(200):
        again = await api.post("/webhooks", HOOK, "administrator", headers=KEY)
        if again.status_code != 409:
            break
        await asyncio.sleep(0.02)
    assert again.status_code == 201, again.text
    assert len((await api.get("/webhooks", "administrator")).json()["items"]) == 1


async def test_nothing_is_sent_to_who_went_away(api: Any) -> None:
    begun, go_on, seen = asyncio.Event(), asyncio.Event(), list[Once]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["once"])
        begun.set()
        await go_on.wait()
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def closed(message: Any) -> None:
        raise RuntimeError("the queue is closed")

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    person = Person(sub="aigul", roles=frozenset(), districts=frozenset())
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "person": person,
             "headers": [(b"idempotency-key", b"k-1")]}  # fmt: skip
    once = Idempotency(app, lambda: api.app.state.services.answers, 100)
    gone = asyncio.create_task(once(scope, receive, closed))
    await begun.wait()
    (work,) = once._working
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    go_on.set()
    await work
    with pytest.raises(RuntimeError, match="closed"):
        await once(scope, receive, closed)
    assert [each.again for each in seen] == [False, True]
