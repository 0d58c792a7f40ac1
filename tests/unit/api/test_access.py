"""The whole table of who may call what: every role, every route, in one's own district and in another's."""

from __future__ import annotations

from typing import Any

import pytest
from access import TABLE, Call
from fastapi import APIRouter

from flows.domain.people import ROLES
from serve.api import app as apps
from serve.api.access import table
from serve.api.app import PREFIX, create_app


async def ask(api: Any, route: str, call: Call, role: str, districts: list[str]) -> Any:
    method = route.split()[0]
    headers = api.signed(role, districts=districts)
    return await api.client.request(method, f"{PREFIX}{call.path}", json=call.body, headers=headers)


@pytest.mark.slow
def test_every_route_of_the_application_is_in_the_table_with_the_same_roles(api: Any) -> None:
    rows = [row for row in table(api.app) if row.path.startswith(PREFIX)]  # the console's: see test_console
    said = {f"{row.method} {row.path.removeprefix(PREFIX)}": row.roles for row in rows}
    assert said == {route: row.roles for route, row in TABLE.items()}


@pytest.mark.parametrize("route", TABLE)
async def test_who_has_no_token_is_refused_everywhere_but_at_the_door(api: Any, route: str) -> None:
    call = await TABLE[route].make(api, "esil")
    method, _, path = route.partition(" ")
    answer = await api.client.request(method, f"{PREFIX}{call.path}", json=call.body)
    assert answer.status_code == (401 if TABLE[route].roles else 200)
    assert (path == "/health") == (not TABLE[route].roles)


@pytest.mark.slow
@pytest.mark.parametrize("route", TABLE)
async def test_each_role_gets_what_the_table_says_and_nothing_of_another_district(
    api: Any, route: str
) -> None:
    row = TABLE[route]
    for role in ROLES:
        call = await row.make(api, "esil")
        other = await ask(api, route, call, role, ["almaly"])
        own = await ask(api, route, call, role, ["esil"])
        if row.roles and role not in row.roles:
            assert (own.status_code, other.status_code) == (403, 403), role
            continue
        assert own.status_code in row.good, (role, own.text)
        assert call.mark not in other.text or call.mark == "", (role, other.text)
        if row.kind == "one":
            assert other.status_code == 404, (role, other.text)
        if row.kind == "elsewhere":
            assert other.status_code == 403, (role, other.text)
        if row.kind == "list" and own.status_code == 200:
            assert call.mark in (await ask(api, route, call, role, ["*"])).text or call.mark in own.text


def test_a_route_that_says_nothing_keeps_the_api_from_starting(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = APIRouter()
    router.add_api_route("/new", lambda: {})
    monkeypatch.setattr(apps, "routers", lambda: [router])
    with pytest.raises(TypeError, match=r"/api/v1/new: its endpoint does not say who may call it"):
        create_app(api.config)
