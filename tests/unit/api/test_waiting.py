"""Leads that wait for people: children first, blind, and only where all of the case is theirs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import access
import pytest
from searching import HOUR, make_vehicle_case

from flows.store import keys, leads


async def waiting(api: Any, sub: str = "aigul", **more: Any) -> list[dict[str, Any]]:
    answer = await api.get("/leads/waiting", "operator", sub=sub, **more)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["items"]
    return rows


async def lead(api: Any, district: str = "esil", first: bool = False) -> str:
    made = (await access.case("/leads/{lead}", lead=True)(api, district)).path.rsplit("/", 1)[1]
    services = api.app.state.services
    case = services.cases.get(services.leads.raw(made).case)
    terms = case.terms.model_copy(update={"first": first})
    changed = case.model_copy(update={"terms": terms}).model_dump_json()
    services.results._client.hset(keys.case(case.id), "json", changed)
    return made


@pytest.mark.slow
async def test_children_come_first_and_what_was_answered_or_decided_waits_no_more(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leads, "STEP", 2)
    elder, child, elsewhere = await lead(api), await lead(api, first=True), await lead(api, "almaly")
    rows = await waiting(api)
    assert [row["lead"] for row in rows] == [child, elder]
    assert set(rows[0]) == {"lead", "case", "purpose", "first", "camera", "district", "at"}, (
        "not who, nor how alike"
    )
    assert elsewhere not in [row["lead"] for row in rows]
    await api.post(f"/leads/{child}/confirm", {}, "operator")
    assert [row["lead"] for row in await waiting(api)] == [elder]
    assert [row["lead"] for row in await waiting(api, sub="bolat")] == [child, elder], (
        "blind: as if nobody had"
    )
    await api.post(f"/leads/{elder}/reject", {}, "operator", sub="bolat")
    assert await waiting(api) == []


async def test_a_list_that_is_full_begins_with_the_child_all_the_same(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve.api.scopes.searches.WAITING", 2)
    elder = [await lead(api) for _ in range(3)]
    child = await lead(api, first=True)
    assert [row["lead"] for row in await waiting(api)] == [child, elder[0]]


async def test_of_a_case_that_is_over_nothing_waits(api: Any) -> None:
    services, made = api.app.state.services, await lead(api)
    services.cases.close(services.leads.raw(made).case, "somebody", "found")
    assert await waiting(api) == []


async def test_whoever_opens_a_case_that_is_over_is_not_told_whom_it_was_about(api: Any) -> None:
    now = datetime.now(UTC)
    steps = ({"deed": "created", "by": "somebody", "at": now - 2 * HOUR},)
    about = {"cameras": (), "districts": ("esil",), "requester": "somebody", "steps": steps}
    case = make_vehicle_case("123ABC02", id="over", expires_at=now - HOUR, **about)
    api.app.state.services.cases.create(case, {})
    answer = await api.get("/cases/over", "operator")
    assert (answer.status_code, answer.json()["state"]) == (200, "expired")
    assert "123ABC02" not in answer.text


@pytest.mark.parametrize("districts", [("esil",), ("*",)])
async def test_who_may_still_answer_reads_no_other_s_answer_in_the_audit_log_either(
    api: Any, districts: tuple[str, ...]
) -> None:
    made = await lead(api)
    assert (await api.post(f"/leads/{made}/confirm", {}, "operator", sub="first")).status_code == 200

    async def answers(*roles: Any, sub: str = "second") -> list[str]:
        log = (await api.get("/audit", *roles, sub=sub, districts=districts)).json()["items"]
        return [entry["who"] for entry in log if entry["action"] == "lead.confirmed"]

    assert await answers("auditor", "operator") == []
    assert await answers("auditor", "authoriser") == []
    assert await answers("auditor") == ["first"], "who answers nothing may know"
    assert await answers("auditor", "operator", sub="first") == ["first"]
    assert (await api.post(f"/leads/{made}/confirm", {}, "operator", sub="second")).status_code == 200
    assert await answers("auditor", "operator") == ["first", "second"]
