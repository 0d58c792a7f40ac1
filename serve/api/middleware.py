"""What every request passes before any route: headers, the unforeseen, who calls, how often, and doubled writes."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address, IPv6Network
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.domain.channels import SignatureRefused
from flows.domain.errors import StoreError
from flows.domain.people import Person
from serve.api.buckets import Buckets
from serve.api.identity import Identity, Unknown
from serve.api.problems import MEDIA_TYPE, Problem, problem_of
from serve.api.sessions import Sessions
from serve.api.signatures import Signatures, is_signed

log = logging.getLogger(__name__)

COOKIE: Final = "dome_session"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CSP: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""Answers of the API are data: nothing in them is to be run or shown as a page. A page sets its own."""
HEADERS: Final = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(self)",
    "strict-transport-security": "max-age=31536000",
}


class SecurityHeaders:
    """Puts the headers on every answer that does not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class Unforeseen:
    """Turns what nobody foresaw into a problem without its insides, and logs them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = replaced = False

        async def noted(message: Message) -> None:
            nonlocal begun, replaced
            begun = begun or message["type"] == "http.response.start"
            if message.get("status") == 413 and not _is_problem(
                message
            ):  # the framework says this one in plain text
                replaced = True
                await Problem(413, "the body is too long").response()(scope, receive, send)
            elif not replaced:
                await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if scope["type"] != "http" or begun:
                raise
            problem = problem_of(error)
            if problem.status == 500:
                log.exception("%s %s", scope["method"], scope["path"])
            await problem.response()(scope, receive, send)


class Authentication:
    """Finds out who calls; without a good token nothing but the public paths answers, not even with "not found".

    A channel may sign its requests instead (:mod:`flows.domain.channels`): then its body is read here, and given on. An
    address from where too many were refused waits, and nothing that it sends is looked at meanwhile; only whoever is
    known already goes on, so that one who guesses keeps nobody of a control centre from their work.

    Args:
        app: What comes after.
        identity: Gives the reader of tokens; asked at each request.
        sessions: Gives the reader of browsers' cookies.
        signatures: Gives the checker of signatures.
        public: Paths that answer without a token.
        refused_hz: Refusals a second that an address may have for long.
        refused: Refusals at once.
    """

    def __init__(
        self,
        app: ASGIApp,
        identity: Callable[[], Identity],
        sessions: Callable[[], Sessions],
        signatures: Callable[[], Signatures],
        public: Iterable[str],
        refused_hz: float,
        refused: int,
    ) -> None:
        self._app, self._identity, self._public = app, identity, frozenset(public)
        self._sessions = sessions
        self._signatures, self._refusals = signatures, Buckets(refused_hz, refused)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        address = _address(scope)
        wait_s = self._refusals.wait_s(address)
        if wait_s > 0 and not self._goes_on(scope):
            problem = _slower("too many were refused from your address: wait, then try again", wait_s)
            await problem.response()(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message.get("status") == 401:
                self._refusals.take(address)
            await send(message)

        try:
            if is_signed(scope):
                scope["person"], receive = await self._signatures().person(scope, receive)
            else:
                scope["person"] = await self._person(scope)
        except (Unknown, SignatureRefused) as error:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            await Problem(401, str(error), headers=challenge).response()(scope, receive, counted)
            return
        await self._app(scope, receive, counted)

    def _goes_on(self, scope: Scope) -> bool:
        """Whether a request is looked at whatever happened before: it asks for a page, or comes with a known token or
        session."""
        headers = Headers(scope=scope)
        token, session = bearer(headers), cookie(headers)
        if token or session:
            known = self._identity().knows(token) if token else self._sessions().knows(session)
            return not is_signed(scope) and known
        return scope["path"] in self._public and scope.get("method") in SAFE

    async def _person(self, scope: Scope) -> Person | None:
        headers = Headers(scope=scope)
        token, session = bearer(headers), cookie(headers)
        if session and not token and scope["method"] not in SAFE:
            check_same_origin(headers)
        if token or session:
            try:
                if token:
                    person = await self._identity().person(token)
                    scope["good_until_s"] = self._identity().good_until_s(token)
                else:
                    person, scope["good_until_s"] = await self._sessions().person(session)
                return person
            except (Unknown, StoreError):
                if scope["path"] not in self._public:
                    raise
                return None
        if scope["path"] in self._public:
            return None
        raise Unknown("no token: send Authorization: Bearer TOKEN (dome token makes one for development)")


def bearer(headers: Headers) -> str:
    """The token of the ``Authorization`` header; empty without one."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def cookie(headers: Headers, name: str = COOKIE) -> str:
    """A cookie, the session's id by default: browsers send it where no header can be set, too (streams, pictures)."""
    return cookie_parser(headers.get("cookie", "")).get(name, "")  # the library's refuses others' odd names


def check_same_origin(headers: Headers) -> None:
    """A browser sends cookies wherever a page asks it to: a write must come from a page of our own.

    Raises:
        Unknown: If it does not say so.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin", "")
    if site == "same-origin" or (site is None and origin.partition("://")[2] == headers.get("host")):
        return
    raise Unknown("a write with a session cookie must come from the same origin; send the token instead")


class RateLimit:
    """How often a client (the person, else the address) may ask.

    Args:
        app: What comes after.
        rate_hz: Requests a second for long.
        burst: Requests at once.
        channel_rate_hz: The same for a channel, behind which a country's citizens stand.
    """

    def __init__(self, app: ASGIApp, rate_hz: float, burst: int, channel_rate_hz: float = 0.0) -> None:
        self._app = app
        self._people = Buckets(rate_hz, burst)
        self._channels = Buckets(
            channel_rate_hz or rate_hz, round(burst * max(1.0, channel_rate_hz / rate_hz))
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            buckets = self._channels if _is_channel(scope) else self._people
            if (wait_s := buckets.take(_client(scope))) > 0:
                problem = _slower(f"too many requests: at most {buckets.rate_hz:g} a second for long", wait_s)
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _slower(why: str, wait_s: float) -> Problem:
    return Problem(429, why, headers={"Retry-After": str(max(1, math.ceil(wait_s)))})


def _is_channel(scope: Scope) -> bool:
    person = scope.get("person")
    return isinstance(person, Person) and person.has("channel")


def _client(scope: Scope) -> str:
    person = scope.get("person")
    return f"person:{person.sub}" if isinstance(person, Person) else f"address:{_address(scope)}"


def _address(scope: Scope) -> str:
    """Where it comes from; of IPv6 the network, in which whoever has one address has as many as they like.

    >>> [_address({"client": (host, 80)}) for host in ("192.0.2.7", "2001:db8::a:b:c:d", "::ffff:192.0.2.7", "test")]
    ['192.0.2.7', '2001:db8::/64', '192.0.2.7', 'test']
    """
    host = str((scope.get("client") or ("unknown",))[0])
    if ":" not in host:
        return host
    try:
        address = IPv6Address(host)
    except ValueError:
        return host
    return str(address.ipv4_mapped or IPv6Network((int(address) >> 64 << 64, 64)))


def _is_problem(message: Message) -> bool:
    return dict(message["headers"]).get(b"content-type") == MEDIA_TYPE.encode()
