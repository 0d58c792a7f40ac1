"""A small identity provider in process: what the console asks it over HTTP, and the page at which people sign in."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jwt

from serve.api.devkey import private_jwk

ADDRESS = "https://id.example/realms/dome"
CLIENT = "console"


class Issuer:
    """Signs people in with PKCE; each code and each refresh token is good once.

    Attributes:
        away: It does not answer.
        offers: What it says of itself besides, or instead.
        more: Claims of access tokens, besides or instead.
        id_more: The same of ID tokens.
        over: Sessions have ended here: no refresh token is good.
        asked: Bodies that came to its token endpoint.
        revoked: Refresh tokens that were given back.
    """

    def __init__(self, home: Path, secret: str = "", now: Callable[[], datetime] = lambda: datetime.now(UTC)):
        self._key, self._secret, self._now = private_jwk(home), secret, now
        self.away, self.over = False, False
        self.offers: dict[str, Any] = {}
        self.more: dict[str, Any] = {}
        self.id_more: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        self.revoked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._refresh: set[str] = set()

    def jwks(self, path: Path) -> str:
        """Its public keys as a file."""
        path.write_text(json.dumps({"keys": [{k: v for k, v in self._key.items() if k != "d"}]}))
        return str(path)

    def signs_in(self, address: str) -> str:
        """Somebody signs in at the page to which the console has sent them; where they are sent to then."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{ADDRESS}/authorise?")
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert (asked["code_challenge_method"], "openid" in asked["scope"].split()) == ("S256", True)
        code = secrets.token_hex(8)
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectTimeout("away")
        path = str(request.url).removeprefix(ADDRESS)
        if path == "/.well-known/openid-configuration":
            return httpx.Response(200, json=self._itself())
        body = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        if not self._knows(request, body):
            return httpx.Response(401, json={"error": "invalid_client"})
        if path == "/revoke":
            self.revoked.append(body["token"])
            return httpx.Response(200)
        assert path == "/token"
        self.asked.append(body)
        return self._coded(body) if body["grant_type"] == "authorization_code" else self._refreshed(body)

    def _itself(self) -> dict[str, Any]:
        return {
            "issuer": ADDRESS, "authorization_endpoint": f"{ADDRESS}/authorise", "token_endpoint": f"{ADDRESS}/token",
            "end_session_endpoint": f"{ADDRESS}/leave?theme=dark", "revocation_endpoint": f"{ADDRESS}/revoke",
        } | self.offers  # fmt: skip

    def _knows(self, request: httpx.Request, body: dict[str, str]) -> bool:
        if not self._secret:
            return body.get("client_id") == CLIENT
        said = base64.b64encode(f"{CLIENT}:{self._secret}".encode()).decode()
        by_header = request.headers.get("authorization") == f"Basic {said}"
        if "token_endpoint_auth_methods_supported" in self.offers:
            return not by_header and (body.get("client_id"), body.get("client_secret")) == (
                CLIENT,
                self._secret,
            )
        return by_header

    def _coded(self, body: dict[str, str]) -> httpx.Response:
        asked = self._codes.pop(body["code"], None)
        verifier = hashlib.sha256(body.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != body["redirect_uri"]
        ):
            return httpx.Response(400, json={"error": "invalid_grant"})
        id_token = self._signed({"aud": CLIENT, "nonce": asked["nonce"]} | self.id_more)
        return self._given(id_token=id_token)

    def _refreshed(self, body: dict[str, str]) -> httpx.Response:
        if self.over or body["refresh_token"] not in self._refresh:
            return httpx.Response(
                400, json={"error": "invalid_grant", "error_description": "Token\nnot active"}
            )
        self._refresh.discard(body["refresh_token"])
        return self._given()

    def _given(self, **more: str) -> httpx.Response:
        refresh = f"refresh-{secrets.token_hex(8)}"
        self._refresh.add(refresh)
        access = self._signed({"aud": "dome", "roles": ["reviewer"], "districts": ["esil"]} | self.more)
        given = {"access_token": access, "token_type": "Bearer", "expires_in": 300, "refresh_token": refresh}
        return httpx.Response(200, json=given | more)

    def _signed(self, claims: dict[str, Any]) -> str:
        now = self._now()
        times = {"iat": now, "exp": now + timedelta(minutes=5)}
        key = jwt.PyJWK(self._key, "ES256")
        whole = {"iss": ADDRESS, "sub": "Aigul", "jti": secrets.token_hex(4)} | times | claims
        return jwt.encode(whole, key.key, "ES256", headers={"kid": key.key_id})
