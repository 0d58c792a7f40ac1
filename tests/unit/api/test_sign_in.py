"""People sign in at the issuer; the browser keeps an id, the server the tokens, and signing out ends both."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import redis
from apiclient import bearer, config_for, everything, running
from fastapi import FastAPI
from issuer import ADDRESS, CLIENT, Issuer

from flows.domain.errors import FieldError, StoreError
from flows.store.sessions import TURN_S, SessionStore
from serve.api.config import ApiConfig, OidcConfig
from serve.api.identity import FETCH_S, Identity, Unknown, keys_for
from serve.api.middleware import COOKIE
from serve.api.provider import Asked, Provider, Refused, Tokens
from serve.api.sessions import KEEP_S, LASTS_S, Sessions

SAME = {"Sec-Fetch-Site": "same-origin"}
NOW = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
BACK = "http://dome/console/callback"


@dataclass
class Console:
    """An API that knows an issuer, and a browser."""

    issuer: Issuer
    config: ApiConfig
    app: FastAPI
    client: httpx.AsyncClient

    async def comes_back(self, origin: str = "") -> httpx.Response:
        """Somebody signs in at the issuer; what the console answers when they come back."""
        sent = await self.client.get(f"{origin}/console/login")
        assert sent.status_code == 303
        return await self.client.get(self.issuer.signs_in(sent.headers["location"]))

    async def me(self) -> httpx.Response:
        return await self.client.get("/api/v1/me")


@pytest.fixture
async def console(redis_url: str, tmp_path: Path, routes: FastAPI) -> AsyncIterator[Console]:
    issuer = Issuer(tmp_path)
    oidc = OidcConfig(issuer=ADDRESS, jwks=issuer.jwks(tmp_path / "jwks.json"), client=CLIENT)
    config = config_for(redis_url, tmp_path, oidc=oidc)
    async with running(config, routes) as (app, client):
        services = app.state.services
        services.sessions.provider.close()
        services.sessions.provider = Provider(oidc, services.identity, httpx.MockTransport(issuer))
        yield Console(issuer, config, app, client)


async def test_who_signs_in_at_the_issuer_is_in_and_neither_browser_nor_redis_has_their_tokens(
    console: Console,
) -> None:
    assert (await console.client.get("/console/session")).json() == {"issuer": ADDRESS}
    came = await console.comes_back()
    assert (came.status_code, came.headers["location"]) == (303, "/console")
    (cookie,) = [text for text in came.headers.get_list("set-cookie") if text.startswith(COOKIE)]
    assert {"httponly", "samesite=strict", "path=/", f"max-age={LASTS_S}"} <= {*cookie.lower().split("; ")}
    me = (await console.me()).json()
    assert (me["sub"], me["roles"], me["districts"]) == ("aigul", ["reviewer"], ["esil"])
    kept = everything(console.config.redis_url)
    assert "{dome}:session:" in kept
    session = console.client.cookies[COOKIE]
    assert not [
        each
        for each in (session, "refresh-", "eyJhbGci", "eyJ0eXAi")
        if each in kept or each in cookie.replace(session, "")
    ]
    assert "dome_sign_in" not in console.client.cookies


async def test_a_token_of_any_length_signs_in(console: Console) -> None:
    console.issuer.more = {"groups": [f"g{n:04}" for n in range(2000)]}
    assert (await console.comes_back()).headers["location"] == "/console"
    assert (await console.me()).status_code == 200


async def test_who_signs_out_is_out_at_once_and_at_the_issuer(console: Console) -> None:
    await console.comes_back()
    stolen = {"Cookie": f"{COOKIE}={console.client.cookies[COOKIE]}"}
    left = await console.client.delete("/console/session", headers=SAME)
    at = urlsplit(left.json()["at"])
    asked = parse_qs(at.query)
    assert f"{at.scheme}://{at.netloc}{at.path}" == f"{ADDRESS}/leave"
    assert (asked["theme"], asked["client_id"]) == (["dark"], [CLIENT])
    assert asked["post_logout_redirect_uri"] == ["http://dome/console"]
    assert asked["id_token_hint"][0].startswith("eyJ")
    assert len(console.issuer.revoked) == 1
    assert COOKIE not in console.client.cookies
    assert (await console.client.get("/api/v1/me", headers=stolen)).status_code == 401
    assert "{dome}:session:" not in everything(console.config.redis_url)


async def test_who_signs_out_while_the_issuer_is_away_is_out_here(console: Console) -> None:
    await console.comes_back()
    stolen = {"Cookie": f"{COOKIE}={console.client.cookies[COOKIE]}"}
    console.issuer.away = True
    left = await console.client.delete("/console/session", headers=SAME)
    assert (left.status_code, left.json()) == (200, {"at": ""})
    assert (await console.client.get("/api/v1/me", headers=stolen)).status_code == 401


async def test_over_https_cookies_go_over_https_only(console: Console) -> None:
    sent = await console.client.get("https://dome/console/login")
    came = await console.client.get(console.issuer.signs_in(sent.headers["location"]))
    for text in (*sent.headers.get_list("set-cookie"), *came.headers.get_list("set-cookie")):
        assert "secure" in text.lower() or "max-age=0" in text.lower(), text
    assert came.headers["location"] == "/console"


async def test_whoever_signs_in_next_ends_the_session_that_the_browser_had(console: Console) -> None:
    await console.comes_back()
    first = {"Cookie": f"{COOKIE}={console.client.cookies[COOKIE]}"}
    await console.comes_back()
    assert (await console.me()).status_code == 200
    console.client.cookies.clear()
    assert (await console.client.get("/api/v1/me", headers=first)).status_code == 401
    assert console.issuer.revoked == [], "there it may be one session with the new one"


async def test_nobody_pastes_a_token_where_people_sign_in_and_scripts_send_theirs_as_before(
    console: Console,
) -> None:
    token = console.issuer._signed({"aud": "dome", "roles": ["reviewer"], "districts": ["esil"]})
    pasted = await console.client.post("/console/session", json={"token": token}, headers=SAME)
    assert (pasted.status_code, pasted.json()["code"]) == (409, "sign_in_there")
    assert "set-cookie" not in pasted.headers
    assert (await console.client.get("/api/v1/me", headers=bearer(token))).status_code == 200


async def test_without_an_issuer_there_is_no_way_there(api: Any) -> None:
    assert (await api.client.get("/console/session")).json() == {"issuer": ""}
    for path in ("/console/login", "/console/callback?code=x&state=y"):
        answer = await api.client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"more": {"aud": "another"}}, "sign_in_unknown"),
        ({"more": {"sub": "bolat"}}, "sign_in_refused"),
        ({"more": {"roles": "reviewer"}}, "sign_in_unknown"),
        ({"id_more": {"nonce": "of another time"}}, "sign_in_refused"),
        ({"id_more": {"aud": "another"}}, "sign_in_refused"),
        ({"id_more": {"iss": "https://another.example"}}, "sign_in_refused"),
        ({"id_more": {"exp": datetime(2020, 1, 1, tzinfo=UTC)}}, "sign_in_refused"),
        ({"id_more": {"aud": [CLIENT, "another"], "azp": "another"}}, "sign_in_refused"),
        (
            {"offers": {"token_endpoint": f"{ADDRESS}/token", "issuer": "https://evil.example"}},
            "sign_in_away",
        ),
        ({"offers": {"token_endpoint": "http://id.example/token"}}, "sign_in_away"),
        ({"offers": {"end_session_endpoint": "https://id.example:x/leave"}}, "sign_in_away"),
    ],
)
async def test_what_is_no_answer_to_what_was_asked_signs_nobody_in(
    console: Console, wrong: dict[str, Any], code: str
) -> None:
    vars(console.issuer).update(wrong)
    sent = await console.client.get("/console/login")
    there = sent.headers["location"]
    came = await console.client.get(console.issuer.signs_in(there)) if there.startswith(ADDRESS) else sent
    assert (came.status_code, came.headers["location"]) == (303, f"/console#not-in={code}")
    assert COOKIE not in console.client.cookies


@pytest.mark.parametrize("changed", ["state", "browser", "code", "twice", "refused"])
async def test_a_code_signs_in_only_the_browser_that_asked_and_once(console: Console, changed: str) -> None:
    sent = await console.client.get("/console/login")
    back = console.issuer.signs_in(sent.headers["location"])
    asked = console.client.cookies["dome_sign_in"]
    match changed:
        case "state":
            back = back.replace("state=", "state=x")
        case "browser":  # a link that somebody sends, to have others work in their name
            console.client.cookies.clear()
        case "code":
            back = back.replace("code=", "code=x")
        case "twice":
            await console.client.get(back)
            console.client.cookies.clear()
            console.client.cookies.set("dome_sign_in", asked)
        case "refused":
            state = parse_qs(urlsplit(back).query)["state"][0]
            back = f"{BACK}?error=access_denied&state={state}"
    came = await console.client.get(back)
    assert came.headers["location"] == "/console#not-in=sign_in_refused"
    assert COOKIE not in console.client.cookies
    if changed == "state":
        assert console.issuer.asked == [], "nothing of it was sent on"


async def test_an_issuer_that_is_away_is_told_in_words_and_its_settings_are_known_for_a_while(
    console: Console,
) -> None:
    console.issuer.away = True
    assert (await console.client.get("/console/login")).headers["location"] == "/console#not-in=sign_in_away"
    provider = console.app.state.services.sessions.provider
    provider._asked_s -= 11
    console.issuer.away = False
    sent = await console.client.get("/console/login")
    console.issuer.away = True
    came = await console.client.get(console.issuer.signs_in(sent.headers["location"]))
    assert came.headers["location"] == "/console#not-in=sign_in_away"
    provider._asked_s -= 4000
    assert (await console.client.get("/console/login")).headers["location"].startswith(ADDRESS), (
        "as it was last"
    )


@dataclass
class Room:
    """Sessions of some replicas over one Redis, an issuer, and a clock that the test sets."""

    url: str
    home: Path
    secret: str = ""
    at: datetime = NOW
    opened: list[Sessions] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.issuer = Issuer(self.home, self.secret, now=lambda: self.at)
        self.jwks = self.issuer.jwks(self.home / "jwks.json")

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def replica(self, secret: str | None = None) -> Sessions:
        given = self.secret if secret is None else secret
        oidc = OidcConfig.model_validate(
            {"issuer": ADDRESS, "jwks": self.jwks, "client": CLIENT, "client_secret": given}
        )
        clock = lambda: self.at.timestamp()  # noqa: E731
        identity = Identity(oidc, keys_for(oidc, self.home), clock)
        provider = Provider(oidc, identity, httpx.MockTransport(self.issuer), clock)
        self.opened.append(Sessions(SessionStore(self.url), identity, provider, clock))
        return self.opened[-1]

    def enter(self, sessions: Sessions) -> str:
        provider, asked = sessions.provider, Asked.anew()
        assert provider is not None
        back = self.issuer.signs_in(provider.address(asked, BACK))
        session, _ = sessions.begin(provider.exchange(urlsplit(back).query, asked, BACK))
        return session

    def refreshes(self) -> int:
        return sum(body["grant_type"] == "refresh_token" for body in self.issuer.asked)


@pytest.fixture
def room(redis_url: str, tmp_path: Path) -> Any:
    room = Room(redis_url, tmp_path)
    yield room
    for sessions in room.opened:
        sessions.close()


async def test_a_session_outlives_its_tokens_and_each_refresh_token_is_used_once(room: Room) -> None:
    replicas = [room.replica(), room.replica()]
    session = room.enter(replicas[0])
    for minute in range(1, 31):
        room.later(60)
        people = await asyncio.gather(*(replicas[n % 2].person(session) for n in range(6)))
        assert {person.sub for person, _ in people} == {"aigul"}, minute
    assert 5 <= room.refreshes() <= 8


async def test_a_tablet_that_slept_goes_on_and_has_the_roles_that_hold_now(room: Room) -> None:
    sessions = room.replica()
    session = room.enter(sessions)
    room.issuer.more = {"roles": ["auditor"]}
    room.later(3600)
    people = await asyncio.gather(*(sessions.person(session) for _ in range(6)))
    assert {role for person, _ in people for role in person.roles} == {"auditor"}
    assert room.refreshes() == 1


async def test_an_issuer_that_is_away_signs_nobody_out(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve.api.sessions.WAIT_S", 0.1)
    monkeypatch.setattr("serve.api.sessions.REST_S", 1)
    sessions = room.replica()
    session = room.enter(sessions)
    room.issuer.away = True
    room.later(300)
    assert (await sessions.person(session))[0].sub == "aigul", "its token is good for the leeway"
    room.later(60)
    with pytest.raises(StoreError):
        await sessions.person(session)
    room.issuer.away = False
    await asyncio.sleep(1.1)
    assert (await sessions.person(session))[0].sub == "aigul"


@pytest.mark.parametrize("away", ["keys", "redis"])
async def test_what_is_away_after_the_issuer_gave_a_new_token_signs_nobody_out(
    room: Room, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    monkeypatch.setattr("serve.api.sessions.REST_S", 1)
    sessions = room.replica()
    session = room.enter(sessions)
    await sessions.person(session)
    whom: Any = sessions._identity if away == "keys" else sessions._store
    name, missed = ("read", 1) if away == "keys" else ("change", 3)
    good = getattr(whom, name)

    def gone(*args: Any) -> Any:
        nonlocal missed
        missed -= 1
        if missed >= 0:
            raise StoreError(f"{away} are away")
        return good(*args)

    monkeypatch.setattr(whom, name, gone)
    room.later(310)  # it is to be renewed soon, and good for some time
    assert (await sessions.person(session))[0].sub == "aigul"
    await asyncio.sleep(1.1)
    room.later(3600)
    assert (await sessions.person(session))[0].sub == "aigul"
    assert missed < 0


@pytest.mark.parametrize("moment", ["read", "end_turn", "died"])
async def test_redis_or_a_replica_lost_in_a_turn_is_made_good_before_the_token_ends(
    room: Room, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    for place in ("serve.api.sessions.REST_S", "flows.store.sessions.REST_S"):
        monkeypatch.setattr(place, 1)
    sessions = room.replica()
    session = room.enter(sessions)
    room.later(310)  # it is to be renewed soon, and good for some time
    store, calls = sessions._store, 0
    good: Any = None if moment == "died" else getattr(store, moment)

    def gone(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:  # read: in the turn; end_turn: after the issuer was asked
            raise StoreError("redis is away")
        return good(*args)

    if moment == "died":
        assert store.take_turn(session)
    else:
        monkeypatch.setattr(store, moment, gone)
    room.issuer.away = True
    assert (await sessions.person(session))[0].sub == "aigul", "its token is good"
    room.issuer.away = False
    await asyncio.sleep(1.1)
    await sessions.person(session)
    assert room.refreshes() == 1


async def test_a_turn_that_has_lapsed_ends_no_other_and_one_outlasts_all_waits(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched_s = 4 * FETCH_S  # by httpx; for settings and keys perhaps after another who fetches them
    assert 2 * fetched_s + fetched_s + 2 * 2 * FETCH_S + KEEP_S + 3 * 3.0 < TURN_S
    monkeypatch.setattr("flows.store.sessions.REST_S", 1)
    store = room.replica()._store
    slow = store.take_turn("session")
    await asyncio.sleep(1.1)
    monkeypatch.undo()
    next_ = store.take_turn("session")
    assert slow
    assert next_
    assert not store.end_turn("session", slow, 60)
    assert not store.take_turn("session"), "it is the next one's"
    assert store.end_turn("session", next_)
    assert store.take_turn("session")


async def test_a_client_whose_secret_is_wrong_signs_nobody_out(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve.api.sessions.WAIT_S", 0.1)
    room = Room(redis_url, tmp_path, secret="s:cret/+")
    room.issuer._secret = "s%3Acret%2F%2B"
    first, wrong = room.replica(), room.replica("changed")
    session = room.enter(first)
    room.later(600)
    with pytest.raises(StoreError):
        await wrong.person(session)
    assert first._store.read(session)
    for sessions in room.opened:
        sessions.close()


def test_a_client_says_its_secret_as_the_issuer_takes_it(redis_url: str, tmp_path: Path) -> None:
    room = Room(redis_url, tmp_path, secret="s3cret")
    room.issuer.offers = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    sessions = room.replica()
    assert room.enter(sessions)
    sessions.close()


@pytest.mark.parametrize("why", ["over", "somebody else"])
async def test_a_session_that_has_ended_at_the_issuer_ends_here(room: Room, why: str) -> None:
    sessions = room.replica()
    session = room.enter(sessions)
    assert not sessions.knows("guessed")
    await sessions.person(session)
    assert sessions.knows(session)
    room.issuer.over = why == "over"
    room.issuer.more = {"sub": "bolat"}
    room.later(600)
    with pytest.raises(Unknown, match="sign in again"):
        await sessions.person(session)
    room.issuer.over, room.issuer.more = False, {}
    with pytest.raises(Unknown):
        await sessions.person(session)
    assert not sessions.knows(session)


async def test_who_signs_out_while_their_token_is_renewed_stays_out(room: Room) -> None:
    sessions = room.replica()
    session = room.enter(sessions)
    asked, answered, refresh = threading.Event(), threading.Event(), sessions.provider.refresh  # type: ignore[union-attr]

    def slow(tokens: Tokens) -> Tokens:
        asked.set()
        answered.wait(5)
        return refresh(tokens)

    sessions.provider.refresh = slow  # type: ignore[union-attr, method-assign, assignment]
    room.later(600)
    person = asyncio.create_task(sessions.person(session))
    await asyncio.to_thread(asked.wait, 5)
    await asyncio.to_thread(sessions.end, session, "http://dome/console")
    answered.set()
    with pytest.raises(Unknown):
        await person
    assert sessions._store.read(session) is None


async def test_a_session_lasts_a_shift_however_often_it_is_renewed(room: Room, redis_url: str) -> None:
    sessions = room.replica()
    session = room.enter(sessions)
    held: Any = redis.Redis.from_url(redis_url)
    (key,) = held.keys("{dome}:session:*")
    assert LASTS_S - 5 <= held.ttl(key) <= LASTS_S
    held.expire(key, 100)
    room.later(600)
    await sessions.person(session)
    assert room.refreshes() == 1
    assert 95 <= held.ttl(key) <= 100
    held.close()


async def test_a_live_stream_asks_again_within_minutes_whether_the_session_is_still_there(room: Room) -> None:
    sessions = room.replica()
    room.issuer.more = {"exp": room.at + timedelta(hours=8)}
    _, until_s = await sessions.person(room.enter(sessions))
    assert until_s - room.at.timestamp() <= 300


def test_what_redis_holds_opens_with_the_cookie_alone(room: Room, redis_url: str) -> None:
    store = SessionStore(redis_url)
    mine, other = store.begin("held", 60), store.begin("of another", 60)
    held: Any = redis.Redis.from_url(redis_url)
    one, two = held.keys("{dome}:session:*")
    assert (store.read(mine), store.read(other)) == ("held", "of another")
    sealed = held.mget(one, two)
    held.mset({one: sealed[1], two: sealed[0]})
    assert (store.read(mine), store.read(other)) == (None, None), "one's seal is no other's"
    held.close()
    store.close()


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({"CLIENT": "console", "ISSUER": ADDRESS}, "DOME_OIDC_JWKS: expected the keys"),
        ({"CLIENT": "console", "ISSUER": "http://id", "JWKS": "/x"}, "DOME_OIDC_ISSUER: expected an https"),
        ({"CLIENT": "console", "ISSUER": ADDRESS, "JWKS": "/x", "SCOPE": "profile"}, "DOME_OIDC_SCOPE"),
        ({"CLIENT_SECRET": "hush"}, "DOME_OIDC_CLIENT: expected"),
    ],
)
def test_settings_with_which_nobody_could_sign_in_are_refused_at_the_start(
    env: dict[str, str], why: str
) -> None:
    with pytest.raises(FieldError, match=why) as told:
        ApiConfig.from_env("unix:///x", env={f"DOME_OIDC_{name}": value for name, value in env.items()})
    assert "hush" not in str(told.value)


def test_a_secret_is_not_told() -> None:
    env = {
        "CLIENT": "console",
        "CLIENT_SECRET": "hush",
        "ISSUER": ADDRESS,
        "JWKS": "/x",
        "SCOPE": "openid dome",
    }
    config = ApiConfig.from_env("unix:///x", env={f"DOME_OIDC_{name}": value for name, value in env.items()})
    assert config.oidc.client_secret.get_secret_value() == "hush"
    assert (config.oidc.scope, "hush" in repr(config)) == ("openid dome", False)


def test_an_answer_that_is_none_is_told_apart_from_a_no(room: Room) -> None:
    sessions = room.replica()
    session = room.enter(sessions)
    provider = sessions.provider
    assert provider is not None
    tokens = Tokens(access="x", refresh="guessed")
    with pytest.raises(Refused):
        provider.refresh(tokens)
    for answer in (httpx.Response(200, text="<html>"), httpx.Response(200, json=[1]), httpx.Response(502)):
        provider._http = httpx.Client(transport=httpx.MockTransport(lambda _, answer=answer: answer))
        with pytest.raises(StoreError):
            provider.refresh(tokens)
    assert session
