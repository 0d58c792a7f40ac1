"""What browsers get without the API's prefix: the page, its files, and how somebody signs in and out."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import mimetypes
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from flows.domain.errors import StoreError
from flows.domain.people import Person
from serve.api.access import public
from serve.api.identity import Unknown
from serve.api.middleware import COOKIE, cookie
from serve.api.problems import Problem
from serve.api.provider import Asked, Refused, Tokens
from serve.api.scope import services_of
from serve.api.sessions import LASTS_S

Site = Literal["lax", "strict"]

log = logging.getLogger(__name__)

STATIC: Final = Path(__file__).parent / "static"
ASKED: Final = "dome_sign_in"
"""The cookie of a browser whose person is at the issuer. A strict one would not come when they come back from there."""
ASKED_S: Final = 600
"""As long as that may take: whoever is longer begins again."""
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


class SignIn(BaseModel):
    """A token that is to become a session."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(min_length=20, max_length=8000)


@router.get("/")
@public()
def root() -> Response:
    """To the console."""
    return Response(status_code=307, headers={"Location": "/console"})


class Door(BaseModel):
    """How people sign in.

    Attributes:
        issuer: Where; empty where they paste a token.
    """

    issuer: str


class Left(BaseModel):
    """Who has signed out.

    Attributes:
        at: Where the browser signs out of the issuer, too; empty where that has no such address, or is away.
    """

    at: str


@router.get("/console/session")
@public()
def door(request: Request) -> Door:
    """How people sign in here."""
    provider = services_of(request).sessions.provider
    return Door(issuer=provider.issuer if provider else "")


@router.post("/console/session")
@public()
async def paste(request: Request, asked: SignIn, response: Response) -> Person:
    """Makes a good token a session, for whose cookie scripts cannot read and other sites cannot send.

    Raises:
        Problem: 401 if the token is not good, 409 where people sign in at an issuer.
        StoreError: If Redis is away.
    """
    sessions = services_of(request).sessions
    if sessions.provider is not None:
        raise Problem(
            409, f"sign in at {sessions.provider.issuer}: open /console/login", code="sign_in_there"
        )
    try:
        return await _enter(request, response, Tokens(access=asked.token))
    except Unknown as error:
        raise Problem(401, str(error), code=error.code) from None


@router.get("/console/login")
@public()
async def login(request: Request) -> Response:
    """To the issuer, to sign in there."""
    provider = services_of(request).sessions.provider
    if provider is None:
        return _page()
    asked = Asked.anew()
    try:
        address = await asyncio.to_thread(provider.address, asked, _here(request, "/console/callback"))
    except StoreError as error:
        return _failed("sign_in_away", error)
    response = Response(status_code=303, headers={"Location": address})
    _set(request, response, ASKED, str(asked), ASKED_S, "/console", "lax")
    return response


@router.get("/console/callback")
@public()
async def callback(request: Request) -> Response:
    """Back from the issuer: what it says becomes a session, or the page tells that it did not."""
    provider = services_of(request).sessions.provider
    if provider is None:
        return _page()
    response, back = _page(), _here(request, "/console/callback")
    try:
        asked = Asked.of(cookie(request.headers, ASKED))
        tokens = await asyncio.to_thread(provider.exchange, request.url.query, asked, back)
        await _enter(request, response, tokens)
    except StoreError as error:
        response = _failed("sign_in_away", error)
    except Unknown as error:
        response = _failed("sign_in_unknown", error)
    except Refused as error:
        response = _failed(error.code, error)
    response.delete_cookie(ASKED, path="/console", httponly=True, samesite="lax")
    return response


@router.delete("/console/session")
@public()
async def sign_out(request: Request, response: Response) -> Left:
    """Ends the session, whether or not anybody knows any more whose it is.

    Raises:
        StoreError: If Redis is away: then it has not ended.
    """
    at, sessions = "", services_of(request).sessions
    if session := cookie(request.headers):
        at = await asyncio.to_thread(sessions.end, session, _here(request, "/console"))
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return Left(at=at)


async def _enter(request: Request, response: Response, tokens: Tokens) -> Person:
    """Begins a session. One that the browser had is over: nobody is left behind by whoever comes next."""
    sessions = services_of(request).sessions
    session, person = await asyncio.to_thread(sessions.begin, tokens)
    await asyncio.to_thread(sessions.drop, cookie(request.headers))
    _set(request, response, COOKIE, session, LASTS_S, "/", "strict")
    return person


def _set(
    request: Request, response: Response, name: str, value: str, lasts_s: int, path: str, site: Site
) -> None:
    response.set_cookie(name, value, max_age=lasts_s, path=path, httponly=True, samesite=site,
                        secure=request.url.scheme == "https")  # fmt: skip


def _here(request: Request, path: str) -> str:
    """One of our own addresses, as the browser knows it."""
    return f"{request.url.scheme}://{request.url.netloc}{path}"


def _page(said: str = "") -> Response:
    return Response(status_code=303, headers={"Location": f"/console{said}"})


def _failed(code: str, error: Exception) -> Response:
    """The page, which has words for it; why is for the log: who signs in cannot mend it."""
    log.warning("nobody was signed in: %s", error)
    return _page(f"#not-in={code}")


def worker_of(script: bytes, files: Mapping[str, bytes]) -> bytes:
    """The worker that keeps the page's files on a device, behind the names of what it keeps and their version.

    Args:
        script: ``worker.js``.
        files: Contents of the page's files by their paths; where one changes, so does the version.
    """
    said = json.dumps([hashlib.sha256(data).hexdigest() for data in files.values()])
    version = hashlib.sha256(said.encode()).hexdigest()[:16]
    return (
        f"const VERSION = {json.dumps(version)};\nconst FILES = {json.dumps([*files])};\n".encode() + script
    )


def _add(path: str, name: str, content: Callable[[], bytes], more: Mapping[str, str] | None = None) -> None:
    """A route of its own for every file: nothing else in the folder, or above it, can be asked for."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kind = "text/javascript" if name.endswith(".js") else kind

    @lru_cache(maxsize=1)
    def read() -> tuple[bytes, str]:
        data = content()
        return data, f'"{hashlib.sha256(data).hexdigest()[:16]}"'

    def send(request: Request) -> Response:
        data, etag = read()
        headers = {"ETag": etag, "Cache-Control": "no-cache", "Content-Security-Policy": CSP, **(more or {})}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers, media_type=kind)

    send.__doc__ = f"The file {name}."
    endpoint: Callable[[Request], Response] = public()(send)
    router.add_api_route(path, endpoint, methods=["GET"], name=f"console-{name}")


WORKER: Final = STATIC / "worker.js"
FILES: Final = {"/console": STATIC / "console.html"} | {
    f"/console/{file.relative_to(STATIC).as_posix()}": file
    for file in sorted(STATIC.rglob("*"))
    if file.suffix in (".js", ".css", ".svg") and file != WORKER
}
"""What a browser needs for the page to open."""
for _path, _file in FILES.items():
    _add(_path, _file.name, _file.read_bytes)
_add(
    "/console/worker.js",
    WORKER.name,
    lambda: worker_of(WORKER.read_bytes(), {path: file.read_bytes() for path, file in FILES.items()}),
    {"Service-Worker-Allowed": "/console"},  # it lies below the page, which it is to open, too
)
