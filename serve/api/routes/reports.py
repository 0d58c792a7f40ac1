"""Citizens' reports: channels bring them and hear what became of them; people work through them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Header, Path, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from flows.domain.reports import MOST_FILES, MOST_TEXT, SERVICE_CODES, Report, State
from flows.reports.reception import Claim
from flows.store.uploads import PIECE_BYTES, Upload
from serve.api.access import may
from serve.api.pages import MOST
from serve.api.problems import described
from serve.api.ranges import ranged
from serve.api.schemas import Answer, When
from serve.api.scope import scoped
from serve.api.scopes.reports import Own, ReportDetail, ReportPage, Reports, status_of

router = APIRouter(prefix="/reports", tags=["reports"])
Mine = Annotated[Own, scoped(Own)]
Scope = Annotated[Reports, scoped(Reports)]
Id = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$", examples=["7f0c6a52-1d6e-8c6e-9d0a-0c1f1f6f3f7b"])]
Reference = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class UploadAsked(BaseModel):
    """A file that is to come."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"size": 41231874, "sha256": "9f86d081884c7d65" * 4}}
    )

    size: int = Field(gt=0, lt=2**40, description="Bytes.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the whole.")


class UploadRow(Answer):
    """How far an upload has come: go on from `offset`."""

    id: str
    offset: int
    size: int
    complete: bool

    @classmethod
    def of(cls, upload: Upload) -> UploadRow:
        """From an upload."""
        return cls(id=upload.id, offset=upload.offset, size=upload.size, complete=upload.complete)


class ReportAsked(BaseModel):
    """What somebody says happened. Send nothing that says who they are: the channel knows, nobody here needs to."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"reference": "2026-117", "service": "prohibited_stopping", "text": "On the crosswalk again",
                        "latitude": 43.2389, "longitude": 76.9455, "happened_at": "2026-11-02T08:00:00Z",
                        "uploads": ["7f0c6a52-1d6e-8c6e-9d0a-0c1f1f6f3f7b"]}
        },
    )  # fmt: skip

    reference: Reference
    service: Literal[SERVICE_CODES]  # type: ignore[valid-type]
    text: str = Field(default="", max_length=MOST_TEXT)
    latitude: float = Field(ge=-90, le=90, allow_inf_nan=False)
    longitude: float = Field(ge=-180, le=180, allow_inf_nan=False)
    address: str = Field(default="", max_length=500)
    happened_at: When | None = Field(default=None, description="Now by default.")
    uploads: list[Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]] = Field(
        default=[], max_length=MOST_FILES
    )


class ReportStatus(Answer):
    """What became of a report, for whoever brought it."""

    id: str
    reference: str
    state: State
    open: bool
    note: str
    received_at: AwareDatetime
    changed_at: AwareDatetime

    @classmethod
    def of(cls, report: Report) -> ReportStatus:
        """From a report of the channel's own."""
        state, note, changed_at = status_of(report)
        own = next(r for r in report.reporters if r.tracking == report.id)
        return cls(
            id=report.id, reference=own.reference, state=state, open=report.open, note=note, received_at=own.at,
            changed_at=changed_at,
        )  # fmt: skip


class StepAsked(BaseModel):
    """A step on a report; what `note` says the reporter hears, too."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"version": 2, "note": "The driver was found by a camera as well."}},
    )

    version: int = Field(ge=0, lt=2**31, description="The version that you looked at.")
    note: str = Field(default="", max_length=2000)
    district: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9_-]{0,63})?$", description="Of `forward`.")


class SubjectAsked(BaseModel):
    """What a file of a report is about."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"version": 2, "thing": 1}})

    version: int = Field(ge=0, lt=2**31, description="The version that you looked at.")
    thing: Annotated[int, Field(ge=-1000, lt=2**31)] | None = Field(
        description="`id` of one of the file's `things`; null: nothing of it is to be shown."
    )


class WhyAsked(BaseModel):
    """Why an original is needed: it stays in the log."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(min_length=1, max_length=500, pattern=r"\S")


@router.post("/uploads", status_code=201)
@may("channel")
def begin_upload(mine: Mine, asked: UploadAsked) -> UploadRow:
    """Begins a photo or clip that comes piece by piece; begun again, it says how far it has come."""
    return UploadRow.of(mine.begin(asked.size, asked.sha256))


@router.get("/uploads/{upload_id}", responses=described(404))
@may("channel")
def upload(mine: Mine, upload_id: Id) -> UploadRow:
    """How far an upload has come. What has not grown for a day is forgotten."""
    return UploadRow.of(mine.upload(upload_id))


@router.patch("/uploads/{upload_id}", responses=described(404, 409, 413), max_body_size=PIECE_BYTES)
@may("channel")
def append(
    mine: Mine,
    upload_id: Id,
    piece: Annotated[bytes, Body(media_type="application/octet-stream")],
    upload_offset: Annotated[int, Header(ge=0, lt=2**40, description="Where the piece begins.")],
) -> UploadRow:
    """Adds a piece, which is on the disk when this answers; 409 if it does not begin where the file ends."""
    return UploadRow.of(mine.append(upload_id, upload_offset, piece))


@router.post("", status_code=201)
@may("channel")
def report(mine: Mine, asked: ReportAsked) -> ReportStatus:
    """Takes a report in; the answer is the receipt, with the tracking id.

    It comes when report and files are kept, and not before: 503 promises nothing, send the same again. The same
    `reference` of a channel is the same report, however often it is sent.
    """

    def claim(channel: str, reference: str) -> Claim:
        said = asked.model_dump(exclude={"reference", "uploads"})
        return Claim(channel=channel, reference=reference, **said)

    return ReportStatus.of(mine.accept(asked.reference, (), asked.uploads, claim))


@router.get("", responses=described(403))
@may("operator", "reviewer", "auditor")
def reports(
    scope: Scope,
    district: Annotated[
        list[Annotated[str, Query(pattern=r"^[a-z0-9_-]{1,64}$")]] | None, Query(max_length=50)
    ] = None,
    state: Annotated[list[State] | None, Query(max_length=20)] = None,
    cursor: Annotated[str, Query(max_length=400, description="`next` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
) -> ReportPage:
    """Reports of your districts, the newest first."""
    return scope.page(tuple(district or ()), tuple(state or ()), cursor, limit)


@router.get("/{report_id}", responses=described(404))
@may("operator", "reviewer", "auditor")
def one_report(scope: Scope, report_id: Id) -> ReportDetail:
    """One report: the claim, its files against it, what else there is, and nothing of who reported."""
    return scope.detail(report_id)


@router.get("/{report_id}/status", responses=described(404))
@may("channel")
def status(mine: Mine, report_id: Id) -> ReportStatus:
    """What became of a report that you brought; of one that was merged, what became of the one that goes on for it."""
    return ReportStatus.of(mine.one(report_id))


@router.delete("/{report_id}", status_code=204, responses=described(404, 409))
@may("channel")
def erase(mine: Mine, report_id: Id) -> None:
    """Forgets whoever told of it, with their words and files. What others told of the same stays."""
    mine.erase(report_id)


@router.get(
    "/{report_id}/files/{name}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}, "video/mp4": {}}}, 206: {"description": "A part"},
               **described(404, 416)},
)  # fmt: skip
@may("operator", "reviewer", "auditor")
def shown(
    scope: Scope,
    report_id: Id,
    name: Annotated[str, Path(pattern=NAME)],
    range: Annotated[str, Header()] = "",
) -> Response:
    """A file as others see it, whole or a range of it: nobody can be recognised in it whom the report is not about."""
    kind = "video/mp4" if name.endswith(".mp4") else "image/jpeg"
    return ranged(scope.shown(report_id, name), range, kind, etag=f"{report_id}-{name}")


@router.post(
    "/{report_id}/files/{file_id}/original",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}, "image/png": {}, "image/webp": {}, "video/mp4": {}}},
               **described(404)},
)  # fmt: skip
@may("operator")
def original(
    scope: Scope, report_id: Id, file_id: Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")], asked: WhyAsked
) -> Response:
    """A file as it was sent, with everybody in it. Who opened it and why is written down first."""
    file, data = scope.original(report_id, file_id, asked.why)
    headers = {"Content-Disposition": "inline"}
    return Response(data, media_type=file.media_type, headers=headers)


@router.post("/{report_id}/files/{file_id}/subject", responses=described(404, 409))
@may("operator", "reviewer")
def choose(
    scope: Scope, report_id: Id, file_id: Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")], asked: SubjectAsked
) -> ReportDetail:
    """Says what a file is about where the machine took something else for it; 409 if somebody was faster. Written down.

    Only vehicles and things that were found can be chosen, never a person or a box of your own. Until what is shown is
    made anew (`state` of the file is `chosen`), nothing of it is shown.
    """
    return scope.choose(report_id, file_id, asked.version, asked.thing)


@router.post("/{report_id}/{step}", responses=described(404, 409))
@may("operator", "reviewer")
def take_step(
    scope: Scope,
    report_id: Id,
    step: Literal["confirm", "decline", "close", "reopen", "forward"],
    asked: StepAsked,
) -> ReportDetail:
    """Takes a step; 409 if somebody was faster, or its state does not allow it.

    Confirming makes no violation: only a camera's own evidence does. `decline` and `reopen` say why; `forward` gives it
    to another district.
    """
    return scope.step(report_id, step, asked.version, asked.note, asked.district)
