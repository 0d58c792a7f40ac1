"""Search cases, the stop switch, and leads with their blind second confirmation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from flows.casework.searches import row
from flows.domain.cases import LegalBasis, Purpose, SearchCase
from flows.domain.errors import FieldError
from flows.domain.leads import LeadView, Reason
from serve.api.access import may
from serve.api.problems import described
from serve.api.schemas import Answer, When
from serve.api.scope import scoped
from serve.api.scopes.searches import Searches, Waiting

router = APIRouter(tags=["searches"])
Scope = Annotated[Searches, scoped(Searches)]
CaseId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
ProbeId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", examples=["p1"])]
LeadId = Annotated[str, Path(pattern=r"^[0-9a-zA-Z-]{1,64}$")]
Text = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
PHOTOS_BYTES = 16 * 1024 * 1024

Unsearched: str = Field(
    default="",
    description="Why whom or what an active case is about is not searched for, or not with all their photos or "
    "everywhere, as the searches say now; empty where they say nothing.",
)


class CaseRow(Answer):
    """A case in a list: not who is searched for."""

    id: str
    state: str
    version: int
    purpose: str
    target: str
    cameras: list[str]
    districts: list[str]
    requester: str
    urgent: bool
    authorised: bool
    ends_at: AwareDatetime
    unsearched: str = Unsearched

    @classmethod
    def of(cls, case: SearchCase, unsearched: str = "") -> CaseRow:
        """From a case."""
        return cls(**row(case), unsearched=unsearched)


class CaseShown(SearchCase):
    """All of a case, and why it is not searched, or not in full."""

    unsearched: str = Unsearched


class CaseList(Answer):
    """Cases of your districts, the newest first; ``stopped`` says who has stopped all searching, and why."""

    items: list[CaseRow]
    stopped: str = ""


class AskedWindow(BaseModel):
    """Which footage may be searched, by capture time."""

    model_config = ConfigDict(extra="forbid")

    begins_at: When
    ends_at: When


class AskedSighting(BaseModel):
    """Where and when a missing person was seen last."""

    model_config = ConfigDict(extra="forbid")

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    at: When
    radius_m: float = Field(default=500.0, gt=0, le=100_000)


class CaseAsked(BaseModel):
    """A search that somebody asks for."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "purpose": "wanted_by_court_order",
                "basis": {"law": "KPK RK 232", "document": "17-2026"},
                "plate": "123ABC02",
                "districts": ["esil"],
                "window": {"begins_at": "2026-11-02T08:00:00Z", "ends_at": "2026-11-05T08:00:00Z"},
                "expires_at": "2026-11-05T08:00:00Z",
                "alert_radius_m": 1000,
                "registration": "R-1",
            }
        },
    )

    purpose: Purpose
    basis: LegalBasis
    person: str = Field(default="", max_length=500, description="The one person, by name, with photos ...")
    photos: dict[Text, str] = Field(
        default_factory=dict, max_length=10, description="... JPEG or PNG in base64 ..."
    )
    plate: str = Field(default="", max_length=20, description="... or the one vehicle.")
    cameras: list[Text] = Field(default_factory=list, max_length=500)
    districts: list[Text] = Field(default_factory=list, max_length=50)
    window: AskedWindow
    expires_at: When
    alert_radius_m: float = Field(default=1000.0, gt=0, le=100_000)
    urgent: bool = False
    impact_assessment: str = Field(default="", max_length=200)
    registration: str = Field(default="", max_length=200)
    last_seen: AskedSighting | None = None

    def values(self) -> dict[str, Any]:
        """As :func:`flows.casework.searches.new_case` takes them.

        Raises:
            FieldError: If a person and a vehicle are asked for: a case has one target, and neither is dropped unsaid.
        """
        if self.plate and self.person:
            raise FieldError("person", "one person or one vehicle: nothing where a plate is given", "both")
        target: dict[str, Any] = {"kind": "vehicle", "plate": self.plate}
        if not self.plate:
            target = {"kind": "person", "name": self.person, "probes": sorted(self.photos)}
        told = self.model_dump(mode="json", exclude={"person", "photos", "plate"})
        return told | {"target": target}


class GeoJSON(JSONResponse):
    """An answer that maps read."""

    media_type = "application/geo+json"


class Route(Answer):
    """Where the vehicle of a case was, in time order: a point a sighting and the line, as GeoJSON (RFC 7946).

    Sightings of cameras without a place have no geometry.
    """

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "example": {
                "type": "FeatureCollection",
                "features": [
                    {
                        "type": "Feature",
                        "geometry": {"type": "Point", "coordinates": [71.43, 51.13]},
                        "properties": {"kind": "sighting", "number": 1, "camera": "gate-1", "district": "esil",
                                       "at": "2026-11-02T08:00:00.000+00:00", "class": "car"},
                    }
                ],
            }
        },
    )  # fmt: skip

    type: Literal["FeatureCollection"]
    features: list[dict[str, JsonValue]]


class Why(BaseModel):
    """A reason, in your words."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(min_length=1, max_length=500, pattern=r"\S")


class CaseStep(Why):
    """A step on a case."""

    version: int = Field(ge=0, lt=2**31, description="The version that you looked at.")


class LeadAnswer(BaseModel):
    """What you say of a lead; the reason counts where you reject it."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = "not_this_person"


class LeadList(Answer):
    """Leads of a case, the newest first. What others answered is shown once you have answered."""

    items: list[LeadView]


class WaitingList(Answer):
    """Leads that wait for your answer; the live stream says when there is another (`dome.search.waiting.v1`)."""

    items: list[Waiting]


@router.get("/cases")
@may("operator", "authoriser", "auditor")
def cases(scope: Scope) -> CaseList:
    """Search cases of your districts, without saying who is searched for."""
    unsearched = scope.unsearched()
    items = [CaseRow.of(case, unsearched.get(case.id, "")) for case in scope.all()]
    return CaseList(items=items, stopped=scope.stopped())


@router.post("/cases", status_code=201, responses=described(403), max_body_size=PHOTOS_BYTES)
@may("operator")
def create_case(scope: Scope, asked: CaseAsked) -> CaseRow:
    """Asks for a search. Whatever the law of the place asks for and is missing is named."""
    return CaseRow.of(scope.create(asked.values(), asked.photos))


@router.get("/cases/{case_id}", responses=described(404))
@may("operator", "authoriser", "auditor")
def case(scope: Scope, case_id: CaseId) -> CaseShown:
    """All of a case. That you have seen it is written down."""
    found = scope.view(case_id)
    return CaseShown(**found.model_dump(), unsearched=scope.unsearched().get(case_id, ""))


@router.get(
    "/cases/{case_id}/photos/{probe_id}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **described(404)},
)
@may("authoriser")
def photo(scope: Scope, case_id: CaseId, probe_id: ProbeId) -> Response:
    """A photo of whom a case is about, for whoever says if the search is lawful. That you look is written down."""
    return Response(scope.photo(case_id, probe_id), media_type="image/jpeg")


@router.post("/cases/{case_id}/{step}", responses=described(404, 409))
@may("authoriser")
def judge_case(
    scope: Scope, case_id: CaseId, step: Literal["authorise", "reject"], asked: CaseStep
) -> CaseRow:
    """Says that a search is lawful, or that it must not be (then all that it brought is deleted). Never the one who
    asked for it."""
    return CaseRow.of(scope.step(case_id, step, asked.why, asked.version))


@router.put("/cases/{case_id}/{step}", responses=described(404, 409))
@may("operator", "authoriser")
def run_case(scope: Scope, case_id: CaseId, step: Literal["activate", "close"], asked: CaseStep) -> CaseRow:
    """Begins a search that is authorised (or urgent, for 24 hours), or ends it."""
    return CaseRow.of(scope.step(case_id, step, asked.why, asked.version))


@router.post("/searching/stop", status_code=204)
@may("operator", "authoriser", "administrator")
def stop_searching(scope: Scope, asked: Why) -> None:
    """The stop switch: ends all searching, everywhere, within seconds."""
    scope.stop_all(asked.why)


@router.post("/searching/resume", status_code=204)
@may("authoriser", "administrator")
def resume_searching(scope: Scope, asked: Why) -> None:
    """Lets searching go on; never the one who stopped it."""
    scope.resume(asked.why)


@router.get("/cases/{case_id}/leads", responses=described(404))
@may("operator", "authoriser", "auditor")
def leads(scope: Scope, case_id: CaseId) -> LeadList:
    """Leads of a case. That you have seen them is written down."""
    return LeadList(items=scope.leads(case_id))


@router.get("/cases/{case_id}/route", response_class=GeoJSON, responses=described(404, 409))
@may("operator", "authoriser", "auditor")
def route(scope: Scope, case_id: CaseId) -> Route:
    """Where the vehicle of a case was seen, once the case is active. That you have seen it is written down."""
    return Route.model_validate(scope.route(case_id))


@router.get("/leads/waiting")
@may("operator", "authoriser")
def waiting(scope: Scope) -> WaitingList:
    """Leads of your districts that you have not answered: missing children first, then the oldest."""
    return WaitingList(items=scope.waiting())


@router.get("/leads/{lead_id}", responses=described(404))
@may("operator", "authoriser", "auditor")
def lead(scope: Scope, lead_id: LeadId) -> LeadView:
    """One lead."""
    return scope.lead(lead_id)


@router.get(
    "/leads/{lead_id}/pictures/{which}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **described(404)},
)
@may("operator", "authoriser")
def lead_picture(scope: Scope, lead_id: LeadId, which: Literal["seen", "probe"]) -> Response:
    """The face as seen, or the photo that it was matched with. That you look is written down."""
    return Response(scope.crop(lead_id, which), media_type="image/jpeg")


@router.post("/leads/{lead_id}/{answer}", responses=described(404, 409))
@may("operator", "authoriser")
def answer_lead(
    scope: Scope, lead_id: LeadId, answer: Literal["confirm", "reject", "dispatch"], asked: LeadAnswer
) -> LeadView:
    """Two people confirm, blind to one another, before anybody is dispatched; one who rejects is enough."""
    return scope.answer(lead_id, answer, asked.reason)
