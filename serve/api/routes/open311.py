"""Open311 GeoReport v2 (http://wiki.open311.org/GeoReport_v2) for channels that speak it, in JSON and XML.

Beside the standard: ``reference`` (the channel's own number), ``happened_at`` and ``uploads`` (ids, spaces between) as
attributes, and photos in the form itself as ``media``; a ``media_url`` is refused, for nothing is fetched. Where it
happened ``lat`` and ``long`` say; an ``address_string`` is kept beside them, and not looked up. Fields that say who
reports (email, names, phone, device, account) are not kept: the channel knows them, and answers go through it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from flows.domain.errors import DomeError, FieldError
from flows.domain.reports import MOST_FILES, MOST_TEXT, SERVICES
from flows.reports.open311 import JSON, XML, error_rows, receipt_row, request_row, service_rows, to_xml
from flows.reports.reception import Claim
from serve.api.access import anybody, may
from serve.api.forms import read_form
from serve.api.problems import Problem, described, problem_of
from serve.api.routes.reports import Id, Mine, Reference
from serve.api.schemas import When

Form = Literal["json", "xml"]
FORM_BYTES: Final = 30 * 1024 * 1024
LISTED: Final = 1000
"""As the standard has it: at most so many requests in a list."""
_REFERENCE: Final[TypeAdapter[str]] = TypeAdapter(Reference)


class Standard(APIRoute):
    """A route whose errors come in the standard's own form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except (Problem, DomeError, RequestValidationError, HTTPException) as error:
                problem = problem_of(error)
                said = "; ".join(
                    [problem.detail, *(f"{e['field']}: {e['expected']}" for e in problem.errors)]
                )
                answer = _answer(
                    request.path_params.get("form", "json"),
                    "errors",
                    "error",
                    error_rows(problem.status, said),
                )
                answer.status_code = problem.status
                answer.headers.update(problem.headers)
                return answer

        return handled


router = APIRouter(prefix="/open311/v2", tags=["open311"], route_class=Standard)
BOTH: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"application/json": {}, "text/xml": {}}}}
FIELDS: Final[dict[str, Any]] = {
    "service_code": {"type": "string", "enum": [service.code for service in SERVICES]},
    "lat": {"type": "number", "minimum": -90, "maximum": 90},
    "long": {"type": "number", "minimum": -180, "maximum": 180},
    "address_string": {"type": "string", "maxLength": 500, "description": "Beside the place, not instead."},
    "description": {"type": "string", "maxLength": MOST_TEXT},
    "attribute[reference]": {"type": "string", "maxLength": 100},
    "attribute[happened_at]": {"type": "string", "format": "date-time"},
    "attribute[uploads]": {"type": "string", "description": "Ids of complete uploads, spaces between."},
}
SCHEMA: Final[dict[str, Any]] = {
    "type": "object", "required": ["service_code", "lat", "long"], "properties": FIELDS,
}  # fmt: skip
MEDIA: Final = {"type": "array", "items": {"type": "string", "format": "binary"}}
BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {"schema": SCHEMA},
            "multipart/form-data": {"schema": SCHEMA | {"properties": FIELDS | {"media": MEDIA}}},
        },
    }
}


@router.get("/services.{form}", response_class=Response, responses=BOTH)
@anybody()
def services(form: Form) -> Response:
    """What can be reported."""
    return _answer(form, "services", "service", service_rows())


@router.get("/services/{code}.{form}", response_class=Response, responses={**BOTH, **described(404)})
@anybody()
def definition(form: Form, code: Annotated[str, Path(pattern=r"^[a-z_]{1,64}$")]) -> Response:
    """What can be said of a service beside the standard's own fields."""
    if code not in [service.code for service in SERVICES]:
        raise Problem(404, "there is no such service")
    attributes = [
        _attribute(
            1, "reference", "string", "Your own number for the report; sent again, it is the same report"
        ),
        _attribute(2, "happened_at", "datetime", "When it happened, ISO 8601 with its zone; now by default"),
        _attribute(3, "uploads", "text", "Ids of photos and clips sent before, spaces between"),
    ]
    if form == "json":
        return _answer(form, "", "", [{"service_code": code, "attributes": attributes}])
    inner = to_xml("attributes", "attribute", attributes).partition(b"?>\n")[2]
    return Response(
        b"<?xml version='1.0' encoding='utf-8'?>\n<service_definition><service_code>" + code.encode()
        + b"</service_code>" + inner + b"</service_definition>", media_type=XML)  # fmt: skip


@router.post(
    "/requests.{form}",
    response_class=Response,
    status_code=201,
    responses={201: BOTH[200], **described(413)},
    openapi_extra=BODY,
    max_body_size=FORM_BYTES,
)
@may("channel")
async def report(mine: Mine, form: Form, request: Request) -> Response:
    """Takes a report in; the answer is the receipt. It comes when everything is kept: 503 promises nothing."""
    form_said = read_form(await request.body(), request.headers.get("content-type", ""))
    photos, fields = form_said.files.get("media", []), form_said.fields
    asked = _Asked(fields, photos)
    made = await run_in_threadpool(mine.accept, asked.reference, photos, asked.uploads, asked.claim)
    answer = _answer(form, "service_requests", "request", [receipt_row(made)])
    answer.status_code = 201
    return answer


@router.get("/requests.{form}", response_class=Response, responses=BOTH)
@may("channel")
def requests(
    mine: Mine,
    form: Form,
    service_request_id: Annotated[str, Query(max_length=4000, description="Ids with commas between.")] = "",
    service_code: Annotated[str, Query(max_length=1000, description="Codes with commas between.")] = "",
    start_date: When | None = None,
    end_date: When | None = None,
    status: Annotated[str, Query(pattern="^((open|closed)(,(open|closed))?)?$")] = "",
) -> Response:
    """Your own reports and what became of them: the newest 1000, or those that are named, without any unknown one."""
    ids = [each for each in service_request_id.split(",") if each]
    found = mine.named(ids) if ids else mine.newest(LISTED)
    codes, states = {c for c in service_code.split(",") if c}, {s for s in status.split(",") if s}
    rows = [
        request_row(report)
        for report in found
        if (not codes or report.service in codes)
        and (start_date is None or report.received_at >= start_date)
        and (end_date is None or report.received_at <= end_date)
        and (not states or ("open" if report.open else "closed") in states)
    ]
    return _answer(form, "service_requests", "request", rows)


@router.get("/requests/{report_id}.{form}", response_class=Response, responses={**BOTH, **described(404)})
@may("channel")
def one_request(mine: Mine, form: Form, report_id: Id) -> Response:
    """What became of a report that you brought."""
    return _answer(form, "service_requests", "request", [request_row(mine.one(report_id))])


class _Asked:
    """A form's fields, checked."""

    def __init__(self, fields: dict[str, str], photos: list[bytes]) -> None:
        self._fields = fields
        if url := fields.get("media_url", "").strip():
            raise FieldError(
                "media_url", "nothing", repr(url[:60]), "send photos in the form itself, as `media`"
            )
        said = self._extra("reference") or _derived(fields, photos)
        try:
            self.reference = _REFERENCE.validate_python(said)
        except ValidationError:
            raise FieldError(
                "attribute[reference]", "up to 100 printable letters", repr(said[:120])
            ) from None
        self.uploads = self._extra("uploads").split()[:MOST_FILES]

    def claim(self, channel: str, reference: str) -> Claim:
        """What it says."""
        return Claim(
            channel=channel,
            reference=reference,
            service=self._fields.get("service_code", ""),
            text=self._fields.get("description", "")[:MOST_TEXT],
            latitude=self._number("lat", 90.0),
            longitude=self._number("long", 180.0),
            address=self._fields.get("address_string", "")[:500],
            happened_at=self._time(),
        )

    def _number(self, name: str, most: float) -> float:
        text = self._fields.get(name, "")
        try:
            found = float(text)
        except ValueError:
            found = float("nan")
        if not -most <= found <= most:
            raise FieldError(
                name,
                f"degrees, at most {most:g}",
                repr(text[:40]),
                "both lat and long are needed: an address is not looked up",
            )
        return found

    def _time(self) -> datetime | None:
        text = self._extra("happened_at")
        if not text:
            return None
        try:
            at = datetime.fromisoformat(text)
            if at.tzinfo is not None:
                return at.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise FieldError("attribute[happened_at]", "a time with its zone (ISO 8601)", repr(text[:60]))

    def _extra(self, name: str) -> str:
        return (self._fields.get(f"attribute[{name}]") or self._fields.get(name) or "").strip()


def _derived(fields: dict[str, str], photos: list[bytes]) -> str:
    """A number for who has none of their own: the same report sent again is the same one."""
    digest = hashlib.sha256()
    for name, value in sorted(fields.items()):
        digest.update(f"{len(name)} {name} {len(value)} {value}\n".encode("utf-8", "surrogatepass"))
    for photo in photos:
        digest.update(hashlib.sha256(photo).digest())
    return f"sha256-{digest.hexdigest()[:40]}"


def _attribute(order: int, code: str, datatype: str, description: str) -> dict[str, Any]:
    return {"variable": True, "code": code, "datatype": datatype, "required": False, "order": order,
            "description": description, "datatype_description": ""}  # fmt: skip


def _answer(form: str, root: str, item: str, rows: list[Any]) -> Response:
    if form == "xml":
        return Response(to_xml(root, item, rows), media_type=XML)
    import json

    body: Any = rows[0] if not root and rows else rows
    return Response(json.dumps(body, ensure_ascii=False), media_type=JSON)
