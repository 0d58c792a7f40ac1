"""What browsers get without the API's prefix: the page, its files, and the session's cookie."""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Callable, Mapping
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
