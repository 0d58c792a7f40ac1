"""Errors as problem details (RFC 9457): what is wrong, with which field, what was expected, what came."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from flows.domain.errors import (
    DetectorAway,
    DomeError,
    EvidenceAway,
    FieldError,
    LostFile,
    ReaderAway,
    StoreError,
)
from flows.domain.masking import masked
from flows.domain.review import NotTheirs
from flows.uploads.inspector import HelperAway
from flows.uploads.kinds import UploadRefused

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
AGAIN: Final = {"Retry-After": "2"}
"""When to try again while Redis, a disk or a model is away."""


class Problem(Exception):
    """Ends a request with problem details.

    Args:
        status: HTTP status.
        detail: What is wrong, for people.
        errors: The fields concerned.
        headers: More headers.
        code: In a word what the status alone does not say; the console finds its own words by it.
        **more: Members beside those of the RFC.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        code: str = "",
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors
        self.headers, self.more = dict(headers or {}), ({"code": code} if code else {}) | more

    def body(self) -> dict[str, Any]:
        """The members."""
        found = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status}
        found |= {"detail": self.detail} | self.more
        return found | ({"errors": list(self.errors)} if self.errors else {})

    def response(self) -> Response:
        """As an answer."""
        text = json.dumps(self.body(), ensure_ascii=False)
        return Response(text, self.status, headers=self.headers, media_type=MEDIA_TYPE)


NO_SUCH: Final = "there is none, or it is not in a district of yours"
"""Both answered alike: whether another district has it is not told."""


def problem_of(error: Exception) -> Problem:
    """What an error is to whoever called; 500 for one that nobody foresaw."""
    match error:
        case Problem():
            return error
        case FieldError():
            told = [
                {
                    "field": each.field,
                    "expected": each.expected,
                    "got": masked(str(each.got)),
                    "hint": each.hint,
                }
                for each in getattr(error, "problems", (error,))
            ]
            return Problem(422, masked(str(error)), errors=told)
        case UploadRefused():
            return Problem(
                422, str(error), errors=[{"field": "file", "expected": str(error)}], code=error.code
            )
        case NotTheirs():
            return Problem(403, str(error))
        # Where evidence lies is written into the log, and told to nobody who calls.
        case LostFile():
            log.error("%s", masked(str(error)))
            return Problem(404, "this file should be kept, but it is lost", code=error.code)
        case EvidenceAway():
            log.error("%s", masked(str(error)))
            return Problem(503, "the files are away now", headers=AGAIN, code=error.code)
        case HelperAway() | StoreError() | DetectorAway() | ReaderAway():
            return Problem(503, masked(str(error)), headers=AGAIN)
        case DomeError():
            return Problem(409, masked(str(error)), code=error.code)
        case RequestValidationError():
            return Problem(422, "the request has fields that cannot be accepted", errors=_fields(error))
        case HTTPException():
            return Problem(error.status_code, str(error.detail), headers=error.headers)
    return Problem(500, "something went wrong here; it is in the log")


def _fields(error: RequestValidationError) -> list[dict[str, Any]]:
    return [
        {"field": ".".join(str(part) for part in each["loc"]), "expected": each["msg"],
         "got": repr(each.get("input"))[:200]}
        for each in error.errors()
    ]  # fmt: skip


def add_handlers(app: FastAPI) -> None:
    """Makes an application answer so."""

    async def answer(_: Request, error: Exception) -> Response:
        return problem_of(error).response()

    for kind in (Problem, DomeError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)


PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that may end so; what every route may end with is added by itself."""
    content = {MEDIA_TYPE: {"schema": PROBLEM_SCHEMA}}
    return {s: {"description": HTTPStatus(s).phrase, "content": content} for s in statuses}
