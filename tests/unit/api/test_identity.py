"""Nothing answers without a good token, and a token is good only if everything about it is."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from apiclient import bearer, token
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from flows.domain.errors import FieldError, StoreError
from serve.api.config import ApiConfig, OidcConfig
from serve.api.devkey import key_path, private_jwk, sign
from serve.api.identity import FetchedKeys, FileKeys, Identity, Unknown, keys_for

OIDC = OidcConfig()
NOW = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


class Clock:
    """Seconds since 1970, as the test says."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def identity(tmp_path: Path, clock: Clock) -> Identity:
    return Identity(OIDC, keys_for(OIDC, tmp_path), clock)


def make(home: Path, **changes: Any) -> str:
    values = {"sub": "Aigul", "roles": ["reviewer"], "districts": ["esil"], "now": NOW} | changes
    return sign(home, values.pop("oidc", OIDC), **values)


async def test_a_good_token_says_who_and_where(identity: Identity, tmp_path: Path) -> None:
    person = await identity.person(make(tmp_path))
    assert (person.sub, person.roles, person.districts) == ("aigul", {"reviewer"}, {"esil"})


async def test_a_token_is_good_from_its_time_to_its_time_give_or_take_the_leeway(
    identity: Identity, tmp_path: Path, clock: Clock
) -> None:
    text = make(tmp_path, valid=timedelta(hours=1))
    for offset_s, good in ((-31, False), (-29, True), (3629, True), (3631, False)):
        clock.at = NOW + timedelta(seconds=offset_s)
        if good:
            assert await identity.person(text)
        else:
            with pytest.raises(Unknown, match=r"expired|not valid yet"):
                await identity.person(text)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"oidc": OidcConfig(issuer="another")}, "issuer"),
        ({"oidc": OidcConfig(audience="another")}, "[Aa]udience"),
        ({"sub": "a b"}, "pattern"),
    ],
)
async def test_a_token_for_somebody_else_is_none(
    identity: Identity, tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(Unknown, match=why):
        await identity.person(make(tmp_path, **changes))


async def test_signatures_of_others_are_none(identity: Identity, tmp_path: Path) -> None:
    good = make(tmp_path)
    head, body, signature = good.split(".")
    kid = private_jwk(tmp_path)["kid"]
    claims = jwt.decode(good, options={"verify_signature": False})
    other = ec.generate_private_key(ec.SECP256R1())
    public = json.dumps({k: v for k, v in private_jwk(tmp_path).items() if k != "d"})
    forged = [
        jwt.encode(claims, other, "ES256", headers={"kid": kid}),
        jwt.encode(claims, other, "ES256", headers={"kid": "no-such"}),
        jwt.encode(claims, None, "none", headers={"kid": kid}),
        jwt.encode(claims, public * 2, "HS256", headers={"kid": kid}),
        f"{head}.{body}.",
        f"{head}.{body}x.{signature}",
        "no token",
        "",
    ]
    for text in forged:
        with pytest.raises(Unknown):
            await identity.person(text)


@pytest.mark.slow
async def test_keys_in_a_file_may_be_changed_while_running(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "jwks.json"
    keys = {n: rsa.generate_private_key(public_exponent=65537, key_size=2048) for n in "ab"}

    def publish(name: str) -> None:
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(keys[name].public_key(), as_dict=True)
        path.write_text(json.dumps({"keys": [jwk | {"kid": name, "alg": "RS256"}]}) + " " * (name == "b"))

    def signed(name: str) -> str:
        claims = {"iss": "idp", "aud": "dome", "sub": "a", "iat": NOW, "exp": NOW + timedelta(hours=1)}
        return jwt.encode(claims, keys[name], "RS256", headers={"kid": name})

    publish("a")
    identity = Identity(OidcConfig(issuer="idp"), FileKeys(path), clock)
    assert (await identity.person(signed("a"))).districts == frozenset()
    publish("b")
    assert (await identity.person(signed("b"))).sub == "a"
    with pytest.raises(Unknown, match="no key"):
        identity.read(signed("a"))


def jwks(home: Path) -> dict[str, Any]:
    return {"keys": [{k: v for k, v in private_jwk(home).items() if k != "d"}]}


class Issuer:
    """An issuer at an address; without keys it is away."""

    def __init__(self) -> None:
        self.asked, self.keys, self.at_s = 0, {}, 0.0
        self.fetched = FetchedKeys("https://idp/jwks", lambda: self.at_s)
        self.fetched._client.fetch_data = self  # type: ignore[method-assign]

    def __call__(self) -> dict[str, Any]:
        self.asked += 1
        if not self.keys:
            raise jwt.PyJWKClientConnectionError("timed out")
        return self.keys


def test_who_is_known_does_not_wait_while_another_asks_an_issuer_that_hangs(tmp_path: Path) -> None:
    issuer, kid = Issuer(), private_jwk(tmp_path)["kid"]
    issuer.keys = jwks(tmp_path)
    issuer.fetched.key(kid)
    asking, answered = threading.Event(), threading.Event()

    def hangs() -> dict[str, Any]:
        asking.set()
        answered.wait(5)
        return issuer()

    issuer.fetched._client.fetch_data = hangs  # type: ignore[method-assign]
    issuer.at_s = 400.0
    with ThreadPoolExecutor(2) as people:
        first = people.submit(issuer.fetched.key, kid)
        assert asking.wait(5)
        second = people.submit(issuer.fetched.key, kid)
        try:
            assert second.result(timeout=2).key_id == kid
            assert not first.done()
        finally:
            answered.set()
        assert first.result().key_id == kid


def test_an_issuer_that_is_away_signs_nobody_out_and_is_not_asked_by_each_request(tmp_path: Path) -> None:
    issuer, kid = Issuer(), private_jwk(tmp_path)["kid"]
    for _ in range(5):
        with pytest.raises(StoreError, match="cannot be had"):
            issuer.fetched.key(kid)
    assert issuer.asked == 1
    issuer.at_s, issuer.keys = 11.0, jwks(tmp_path)
    assert issuer.fetched.key(kid).key_id == kid
    with pytest.raises(Unknown, match="no key"):
        issuer.fetched.key("guessed")
    issuer.at_s, issuer.keys = 400.0, {}
    assert [issuer.fetched.key(kid).key_id for _ in range(5)] == [kid] * 5
    assert issuer.asked == 3
    with pytest.raises(StoreError):
        issuer.fetched.key("perhaps of a new one")
    issuer.at_s, issuer.keys = 411.0, {"keys": [jwks(tmp_path)["keys"][0] | {"kid": "new"}]}
    with pytest.raises(Unknown):
        issuer.fetched.key(kid)
    assert issuer.fetched.key("new").key_id == "new"


def test_a_file_of_keys_that_cannot_be_read_signs_nobody_out(tmp_path: Path) -> None:
    path, kid = tmp_path / "jwks.json", private_jwk(tmp_path)["kid"]
    keys = FileKeys(path)
    with pytest.raises(StoreError, match="cannot be had"):
        keys.key(kid)
    path.write_text(json.dumps(jwks(tmp_path)))
    assert keys.key(kid).key_id == kid
    path.write_text("{")
    assert keys.key(kid).key_id == kid


async def test_who_cannot_be_told_now_is_asked_to_come_again_and_is_not_counted_as_refused(api: Any) -> None:
    api.app.state.services.identity = Identity(api.config.oidc, Issuer().fetched)
    signed = bearer(token(api.config, "operator"))
    answer = await api.client.get("/api/v1/me", headers=signed)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert (await api.client.get("/console", headers=signed)).status_code == 200


def test_the_development_key_is_its_owners_alone(tmp_path: Path) -> None:
    first = private_jwk(tmp_path)
    assert key_path(tmp_path).stat().st_mode & 0o777 == 0o600
    assert private_jwk(tmp_path) == first
    key_path(tmp_path).chmod(0o644)
    with pytest.raises(FieldError, match="chmod 600"):
        private_jwk(tmp_path)


def test_a_token_for_no_role_is_not_signed(tmp_path: Path) -> None:
    with pytest.raises(FieldError, match="role: expected some of operator"):
        make(tmp_path, roles=["boss"])


def test_keys_are_fetched_over_https_only() -> None:
    with pytest.raises(FieldError, match="DOME_OIDC_JWKS: expected a file or an https address"):
        ApiConfig.from_env("unix:///x", env={"DOME_OIDC_JWKS": "http://idp/jwks"})
    with pytest.raises(FieldError, match="DOME_OIDC_ISSUER"):
        ApiConfig.from_env("unix:///x", env={"DOME_OIDC_JWKS": "https://idp/jwks"})


@pytest.mark.parametrize("path", ["/violations", "/no-such-thing", "/openapi.json", "/../health", "/me"])
async def test_nothing_answers_without_a_token(api: Any, path: str) -> None:
    answer = await api.client.get(f"/api/v1{path}")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["status"] == 401
    wrong = await api.client.get(f"/api/v1{path}", headers=bearer("x.y.z"))
    assert wrong.status_code == 401


async def test_health_answers_anybody_and_tells_nothing(api: Any) -> None:
    answer = await api.client.get("/api/v1/health", headers=bearer("x.y.z"))
    assert (answer.status_code, answer.json()) == (200, {"status": "up", "redis": "up", "listeners": 0})


async def test_browsers_may_send_a_cookie_and_write_only_from_our_own_pages(api: Any) -> None:
    cookie = api.session("reviewer")
    me = "/api/v1/me"
    assert (await api.client.get(me, headers=cookie)).json()["sub"] == "aigul"
    assert (await api.client.post(me, headers=cookie)).status_code == 401
    evil = cookie | {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert (await api.client.post(me, headers=evil)).status_code == 401
    own = cookie | {"Sec-Fetch-Site": "same-origin"}
    assert (await api.client.post(me, headers=own)).status_code == 405


@pytest.mark.parametrize("theirs", ["a/b=1", "theme[x]=1", "foo@bar=1", "a,b=1", "=", ""])
async def test_cookies_of_a_neighbouring_site_lock_nobody_out(api: Any, theirs: str) -> None:
    cookies = {"Cookie": f"{theirs}; {api.session('reviewer')['Cookie']}"}
    assert (await api.client.get("/api/v1/me", headers=cookies)).json()["sub"] == "aigul"
    assert (await api.client.get("/console", headers=cookies)).status_code == 200


async def test_every_answer_carries_the_security_headers(api: Any) -> None:
    for answer in (await api.get("/me"), await api.client.get("/x"), await api.get("/violations?limit=0")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "two", "101"])
def test_how_many_replicas_run_is_a_whole_number(value: str) -> None:
    assert ApiConfig.from_env("unix:///x", env={"DOME_API_REPLICAS": "2"}).replicas == 2
    with pytest.raises(FieldError, match="DOME_API_REPLICAS: expected a whole number from 1 to 100"):
        ApiConfig.from_env("unix:///x", env={"DOME_API_REPLICAS": value})
