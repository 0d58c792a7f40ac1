"""What browsers get without the API's prefix: the page, its files, and the session's cookie."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from flows.domain.people import Person
from serve.api.access import anybody, public
from serve.api.identity import Unknown
from serve.api.middleware import COOKIE
from serve.api.problems import Problem
from serve.api.scope import services_of

STATIC: Final = Path(__file__).parent / "static"
SESSION_S: Final = 12 * 3600
"""A shift. The token itself may end earlier; then so does what the cookie opens."""
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


@router.post("/console/session")
@public()
async def sign_in(request: Request, asked: SignIn, response: Response) -> Person:
    """Keeps a good token in a cookie that scripts cannot read and other sites cannot send.

    Raises:
        Problem: 401 if the token is not good.
    """
    try:
        person = await services_of(request).identity.person(asked.token)
    except Unknown as error:
        raise Problem(401, str(error), code=error.code) from None
    response.set_cookie(COOKIE, asked.token, max_age=SESSION_S, path="/", httponly=True, samesite="strict",
                        secure=request.url.scheme == "https")  # fmt: skip
    return person


@router.delete("/console/session", status_code=204)
@anybody()
async def sign_out(response: Response) -> None:
    """Forgets the session."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")


def _add(path: str, file: Path) -> None:
    """A route of its own for every file: nothing else in the folder, or above it, can be asked for."""
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    kind = "text/javascript" if file.suffix == ".js" else kind

    @lru_cache(maxsize=1)
    def read() -> tuple[bytes, str]:
        data = file.read_bytes()
        return data, f'"{hashlib.sha256(data).hexdigest()[:16]}"'

    def send(request: Request) -> Response:
        data, etag = read()
        headers = {"ETag": etag, "Cache-Control": "no-cache", "Content-Security-Policy": CSP}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers, media_type=kind)

    send.__doc__ = f"The file {file.name}."
    endpoint: Callable[[Request], Response] = public()(send)
    router.add_api_route(path, endpoint, methods=["GET"], name=f"console-{file.name}")


_add("/console", STATIC / "console.html")
for _file in sorted(STATIC.rglob("*")):
    if _file.is_file() and _file.suffix in (".js", ".css", ".svg"):
        _add(f"/console/{_file.relative_to(STATIC).as_posix()}", _file)
