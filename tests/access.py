"""Who may call which route, as people agreed on it: held against what the application says of itself.

Whoever adds a route adds its row here, in a call of :func:`row`, with a way to call it for something in a district.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from apiclient import AT, PROBE_KEY, speeding, stored
from citizens import report as citizen_report
from searching import HOUR, T0, make_case, make_found, make_vehicle_case

from flows.casework.review import step as review_step
from flows.domain.events import Event
from flows.domain.leads import Lead
from flows.domain.patrol import Task, task_id
from flows.domain.people import ROLES, Person, Role
from flows.domain.places import Places
from flows.domain.reports import Attachment, Thing, step
from flows.domain.site import District
from flows.domain.status import CameraStatus
from flows.domain.webhook import Webhook
from flows.store import keys
from flows.store.vault import Vault

Kind = Literal["one", "list", "free", "stream", "elsewhere"]
SEALED = Vault.of(PROBE_KEY).seal(b"jpeg")


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        path: With everything filled in, below ``/api/v1``.
        body: As JSON; None sends none.
        mark: Text that the answer holds if it shows the thing in the district.
    """

    path: str
    body: Any = None
    mark: str = ""


Make = Callable[[Any, str], Awaitable[Call]]
"""Makes something in a district and says how to ask for it."""


@dataclass(frozen=True)
class Row:
    """What people agreed on for one route.

    Attributes:
        roles: Who may call it.
        kind: ``one``: something of another district is not found; ``list``: it is left out; ``free``: nothing in it
            belongs to a district; ``elsewhere``: it is
            refused in another district; ``stream``: never ends, see the tests of the stream.
        make: Makes something to ask for.
        good: Statuses of a call that is allowed.
    """

    roles: frozenset[Role]
    kind: Kind
    make: Make
    good: tuple[int, ...] = (200, 201, 202, 204)


TABLE: dict[str, Row] = {}


def row(route: str, roles: str, kind: Kind, make: Make, good: tuple[int, ...] = (200, 201, 202, 204)) -> None:
    """Adds a row; ``roles`` are words, ``*`` is everybody with a token, nothing is everybody."""
    found = ROLES if roles == "*" else roles.split()
    TABLE[route] = Row(frozenset(found), kind, make, good)  # type: ignore[arg-type]


def plain(path: str, body: Any = None) -> Make:
    """Nothing has to be made."""

    async def make(api: Any, district: str) -> Call:
        return Call(path, body)

    return make


def violation(path: str, body: Any = None, state: str = "stands") -> Make:
    """A violation in the district."""

    async def make(api: Any, district: str) -> Call:
        event = written(api, district, state)
        return Call(path.format(id=event.id), body, event.id)

    return make


def written(api: Any, district: str, state: str = "stands") -> Event:
    written.count += 1  # type: ignore[attr-defined]
    event = speeding(written.count, district, state=state)  # type: ignore[attr-defined]
    api.write(event, stored(event, "clip.mp4"))
    api.app.state.services.evidence.write(f"x/{event.id}", {"clip.mp4": b"01"}, b"{}")
    return event


written.count = 0  # type: ignore[attr-defined]

WATCH = "operator reviewer authoriser analyst auditor"
row("GET /health", "", "free", plain("/health"))
row("GET /me", "*", "free", plain("/me"))
row("GET /openapi.json", "*", "free", plain("/openapi.json"))
row("GET /violations", WATCH, "list", violation("/violations"))
row("GET /violations/{violation_id}", WATCH, "one", violation("/violations/{id}"))
row("GET /violations/{violation_id}/files/{name:path}", "operator reviewer authoriser auditor", "one",
    violation("/violations/{id}/files/clip.mp4"))  # fmt: skip
row("POST /violations/{violation_id}/{step}", "operator reviewer authoriser", "one",
    violation("/violations/{id}/claim", {"version": 0}), (200, 403))  # fmt: skip
row("GET /violations/{violation_id}/package", "reviewer authoriser auditor", "one",
    violation("/violations/{id}/package"), (409,))  # fmt: skip
row("GET /review/queue", "operator reviewer authoriser auditor", "list", violation("/review/queue?limit=50"))
row("POST /review/next", "reviewer", "list", violation("/review/next"))
row("GET /counts/hours", WATCH, "free", plain("/counts/hours"))
row("GET /alerts/stream", WATCH + " patrol administrator", "stream", plain("/alerts/stream?after=x"), (422,))


def object_left(path: str) -> Make:
    """A thing left behind in the district."""

    async def make(api: Any, district: str) -> Call:
        written.count += 1  # type: ignore[attr-defined]
        mark = f"{district}-bag-{written.count}"  # type: ignore[attr-defined]
        api.write(
            Event.of(
                "dome.object.abandoned.v1", camera_id=mark, district=district, at=AT, data={"object": mark}
            )
        )
        if "{id}" not in path:
            return Call(path, None, mark)
        event = Event.of(
            "dome.object.abandoned.v1", camera_id=mark, district=district, at=AT, data={"object": mark}
        )
        services = api.app.state.services
        services.evidence.write(f"things/{event.id}", {"now.jpg": b"jpeg"}, b"{}")
        kept = stored(event, "now.jpg", "now-crop.jpg", "clip.mp4")
        api.write(kept.model_copy(update={"data": kept.data | {"folder": f"things/{event.id}"}}))
        return Call(path.format(id=event.id))

    return make


def task(path: str, body: Any = None) -> Make:
    """A patrol's task in the district, about a thing left behind."""

    async def make(api: Any, district: str) -> Call:
        left = await object_left(path)(api, district)
        about = str(left.mark)
        at = datetime.now(UTC)
        api.write(
            Event.of(
                "dome.object.abandoned.v1", camera_id=about, district=district, at=at, data={"object": about}
            )
        )
        made = Task.of("object", about, "abandoned", district=district, by="somebody", at=at, camera=about)
        if body != {"kind": "object"}:
            api.app.state.services.patrol.add(made)
        return Call(
            path.format(id=made.id),
            None if body is None else body | ({"about": about} if "kind" in body else {}),
            about,
        )

    return make


def camera(path: str, picture: bool = False) -> Make:
    """A camera in the district that reports."""

    async def make(api: Any, district: str) -> Call:
        name = f"{district}-cam"
        services = api.app.state.services
        services.cameras.put([CameraStatus(camera_id=name, district=district)])
        if picture:
            services.pictures.put({name: (AT, b"\xff\xd8jpeg")})
        return Call(path.format(id=name), None, "" if picture else f'"{name}"')

    return make


def case(path: str, body: Any = None, active: bool = False, lead: bool = False, person: bool = False) -> Make:
    """A search case in the district, of somebody else, for a vehicle or a person; active where asked for, with a
    lead."""

    async def make(api: Any, district: str) -> Call:
        written.count += 1  # type: ignore[attr-defined]
        name, services = f"case-{written.count}", api.app.state.services  # type: ignore[attr-defined]
        make_one = make_case if person else make_vehicle_case
        made = make_one(id=name, cameras=(), districts=(district,), requester="somebody")
        made = made.model_copy(update={"steps": (made.steps[0].model_copy(update={"by": "somebody"}),)})
        services.cases.create(made, {"p1": b"photo"} if person else {})
        if active or lead:
            services.cases.authorise(name, "other")
            services.cases.activate(name, "other")
        if not lead:
            return Call(path.format(id=name), body, name)
        found = make_found(case=name, track=written.count)  # type: ignore[attr-defined]
        event = found.event(camera_id=f"{district}-1", district=district, at=T0)
        kept = Lead.of(event, "missing_person", T0 + HOUR)
        values = {
            "json": kept.model_dump_json(),
            "state": "lead",
            "version": "0",
            "case": name,
            "crop": SEALED,
        }
        services.results._client.hset(keys.lead(event.id), mapping=values)
        services.results._client.zadd(keys.case(name, "leads"), {event.id: 1})
        services.results._client.zadd(keys.LEADS_DUE, {f"{name}/{event.id}": (T0 + HOUR).timestamp() * 1000})
        is_list = path.endswith(("/leads", "/waiting"))
        return Call(path.format(id=name, lead=event.id), body, event.id if is_list else "")

    return make


async def sent(api: Any, district: str, **changes: Any) -> tuple[str, str]:
    """A lead of a person's case in the district that two have confirmed and one has dispatched; the lead and its
    task."""
    written.count += 1  # type: ignore[attr-defined]
    name, services = f"case-{written.count}", api.app.state.services  # type: ignore[attr-defined]
    steps = ({"deed": "created", "by": "somebody", "at": T0},)
    values = {"id": name, "cameras": (), "districts": (district,), "requester": "somebody", "steps": steps}
    services.cases.create(make_case(**values | changes), {"p1": b"photo"})
    services.cases.authorise(name, "other")
    services.cases.activate(name, "other")
    event = make_found(case=name, crop=SEALED).event(
        camera_id=f"{district}-1", district=district, at=T0 + HOUR
    )
    assert services.leads.take(event)
    for by in ("first", "second"):
        services.leads.confirm(event.id, by)
    services.leads.dispatch(event.id, "first")
    return event.id, task_id("lead", event.id)


async def pursued(api: Any, district: str) -> tuple[str, str]:
    """A violation in the district that a reviewer has confirmed, who read its plate, and its task."""
    written.count += 1  # type: ignore[attr-defined]
    event, services = speeding(written.count, district), api.app.state.services  # type: ignore[attr-defined]
    files = {"plate.jpg": b"plate", "in-crop.jpg": b"far", "out.jpg": b"street", "out-crop.jpg": b"car"}
    api.write(event, stored(event, *files))
    services.evidence.write(f"x/{event.id}", files, b"{}")
    reviewer = Person(sub="reviewer", roles=frozenset(ROLES), districts=frozenset("*"))
    for action, plate in (("claim", ""), ("confirm", "777AAA01")):
        api.write(review_step(services.results.event(event.id).case, action, reviewer, AT, plate=plate))
    at = datetime.now(UTC)
    made = Task.of("violation", event.id, "confirmed", district=district, by="somebody", at=at)
    return event.id, services.patrol.add(made).id


async def whom(api: Any, district: str) -> Call:
    """Whom a task is about that the caller has accepted; the tests' people are all one login."""
    _, task = await sent(api, district)
    api.app.state.services.patrol.step(task, "accept", "aigul", 0)
    return Call(f"/patrol/tasks/{task}/pictures/seen")


async def what(api: Any, district: str) -> Call:
    """Which vehicle a task is about, likewise."""
    _, task = await pursued(api, district)
    api.app.state.services.patrol.step(task, "accept", "aigul", 0)
    return Call(f"/patrol/tasks/{task}/seen", None, "777AAA01")


def new_case_in(api: Any, district: str) -> Awaitable[Call]:
    async def make() -> Call:
        now = datetime.now(UTC)
        window = {"begins_at": now.isoformat(), "ends_at": (now + timedelta(days=1)).isoformat()}
        basis = {"law": "KPK RK 232", "document": "1"}
        body = {"purpose": "wanted_by_court_order", "basis": basis, "plate": "123ABC02", "districts": [district],
                "window": window, "expires_at": window["ends_at"], "registration": "r",
                "impact_assessment": "i"}  # fmt: skip
        return Call("/cases", body)

    return make()


def hook(path: str) -> Make:
    """A webhook of the district."""

    async def make(api: Any, district: str) -> Call:
        written.count += 1  # type: ignore[attr-defined]
        name = f"{written.count:x}"  # type: ignore[attr-defined]
        own, url = frozenset({district}), "http://127.0.0.1:9/in"
        made = Webhook(id=name, url=url, districts=own, secret="s", made_by="a", made_at=AT)
        api.app.state.services.webhooks.add(made)
        return Call(path.format(id=name), None, f'"{name}"' if path == "/webhooks" else "")

    return make


ALL_BUT_CHANNEL = WATCH + " patrol administrator"


def district(api: Any, name: str) -> Awaitable[Call]:
    async def make() -> Call:
        districts = tuple(District(id=each) for each in ("esil", "almaly", name))
        api.app.state.services.reports.put_places(Places(districts=districts))
        return Call("/districts", None, f'"{name}"')

    return make()


row("GET /districts", ALL_BUT_CHANNEL, "list", district)
row("GET /cameras", ALL_BUT_CHANNEL, "list", camera("/cameras"))
row("GET /cameras/{camera_id}", ALL_BUT_CHANNEL, "one", camera("/cameras/{id}"))
row(
    "GET /cameras/{camera_id}/picture",
    "operator administrator",
    "one",
    camera("/cameras/{id}/picture", picture=True),
)
row(
    "GET /objects/{event_id}/pictures/{name}",
    "operator patrol auditor",
    "one",
    object_left("/objects/{id}/pictures/now.jpg"),
)
row(
    "GET /objects",
    "operator patrol analyst auditor",
    "list",
    object_left(f"/objects?until={AT:%Y-%m-%d}T23:00:00Z"),
)
row(
    "POST /models/detect",
    "operator analyst administrator",
    "free",
    plain("/models/detect", "no picture"),
    (422,),
)
row("POST /models/plates", "operator administrator", "free", plain("/models/plates", "no picture"), (422,))
row("GET /exports", "authoriser auditor administrator", "list", plain("/exports"))
row(
    "GET /violations/{violation_id}/exports",
    "operator authoriser auditor",
    "one",
    violation("/violations/{id}/exports"),
)
row(
    "POST /violations/{violation_id}/exports/again",
    "authoriser",
    "one",
    violation("/violations/{id}/exports/again"),
    (409,),
)
row("GET /audit", "auditor", "list", plain("/audit"))
row("GET /patrol/tasks", "patrol operator auditor", "list", task("/patrol/tasks"))
row("POST /patrol/tasks", "operator", "one", task("/patrol/tasks", {"kind": "object"}))
row("GET /patrol/tasks/{task_id}/seen", "patrol", "one", what)
row("GET /patrol/tasks/{task_id}/pictures/{name}", "patrol", "one", whom)
row("POST /patrol/tasks/{task_id}/{step}", "patrol", "one", task("/patrol/tasks/{id}/accept", {"version": 0}))
row("GET /webhooks", "administrator auditor", "list", hook("/webhooks"))
row("POST /webhooks", "administrator", "free", plain("/webhooks", {"url": "http://127.0.0.1:9/in"}))
row("GET /webhooks/{webhook_id}/dead", "administrator auditor", "one", hook("/webhooks/{id}/dead"))
row(
    "POST /webhooks/{webhook_id}/dead/again",
    "administrator",
    "one",
    hook("/webhooks/{id}/dead/again"),
    (204,),
)
row("DELETE /webhooks/{webhook_id}", "administrator", "one", hook("/webhooks/{id}"))
WHY = {"why": "because"}
row("GET /cases", "operator authoriser auditor", "list", case("/cases"))
row("POST /cases", "operator", "elsewhere", new_case_in)
row("GET /cases/{case_id}", "operator authoriser auditor", "one", case("/cases/{id}"))
row("GET /cases/{case_id}/photos/{probe_id}", "authoriser", "one", case("/cases/{id}/photos/p1", person=True))
row("POST /cases/{case_id}/{step}", "authoriser", "one", case("/cases/{id}/authorise", WHY | {"version": 0}))
row(
    "PUT /cases/{case_id}/{step}",
    "operator authoriser",
    "one",
    case("/cases/{id}/close", WHY | {"version": 0}),
)
row("GET /cases/{case_id}/leads", "operator authoriser auditor", "one", case("/cases/{id}/leads", lead=True))
row(
    "GET /cases/{case_id}/route", "operator authoriser auditor", "one", case("/cases/{id}/route", active=True)
)
row("GET /leads/waiting", "operator authoriser", "list", case("/leads/waiting", lead=True))
row("GET /leads/{lead_id}", "operator authoriser auditor", "one", case("/leads/{lead}", lead=True))
row(
    "GET /leads/{lead_id}/package",
    "operator authoriser",
    "one",
    case("/leads/{lead}/package", lead=True),
    (409,),
)
row("GET /leads/{lead_id}/pictures/{which}", "operator authoriser", "one",
    case("/leads/{lead}/pictures/seen", lead=True))  # fmt: skip
row(
    "POST /leads/{lead_id}/{answer}",
    "operator authoriser",
    "one",
    case("/leads/{lead}/reject", {}, lead=True),
)
row(
    "POST /searching/stop",
    "operator authoriser administrator",
    "free",
    plain("/searching/stop", WHY),
    (204, 409),
)
row("POST /searching/resume", "authoriser administrator", "free", plain("/searching/resume", WHY), (204, 409))


def report(path: str, body: Any = None) -> Make:
    """A citizen's report in the district, that a person may work on."""

    async def make(api: Any, district: str) -> Call:
        written.count += 1  # type: ignore[attr-defined]
        services, number = api.app.state.services, f"r-{written.count}"  # type: ignore[attr-defined]
        file = Attachment(sha256=f"{written.count:064x}", size=4, media_type="image/jpeg",  # type: ignore[attr-defined]
                          folder=f"reports/{number}", state="seen", shown=("a.jpg",),
                          things=(Thing(id=0, cls="car", xyxy=(0, 0, 9, 9), picture="a.jpg", kept=True),))  # fmt: skip
        made = citizen_report(number, district=district, files=(file,))
        for state in ("checked", "forwarded"):
            made = step(made, state, "machine", made.received_at)  # type: ignore[arg-type]
        services.evidence.write(file.folder, {"a.jpg": b"jpeg", file.name: b"jpeg"}, b"{}")
        services.reports.add(made)
        return Call(
            path.format(id=made.id, file=file.sha256[:16]), body, made.id if path == "/reports" else ""
        )

    return make


def filed(path: str, body: Any = None) -> Make:
    """A report that the caller's own channel brought; the tests' people are all one login."""

    async def make(api: Any, district: str) -> Call:
        written.count += 1  # type: ignore[attr-defined]
        made = citizen_report(f"f-{written.count}", channel="aigul", district=district)  # type: ignore[attr-defined]
        api.app.state.services.reports.add(made)
        return Call(path.format(id=made.id), body)

    return make


def upload(path: str) -> Make:
    """An upload of the caller's own channel."""

    async def make(api: Any, district: str) -> Call:
        return Call(path.format(id=api.app.state.services.uploads.begin("aigul", 9, "0" * 64).id))

    return make


STAFF = "operator reviewer auditor"
CLAIM = {"reference": "1", "service": "speeding", "latitude": 43.2, "longitude": 76.9}
row("POST /reports", "channel", "free", plain("/reports", CLAIM))
row("POST /reports/uploads", "channel", "free", plain("/reports/uploads", {"size": 9, "sha256": "0" * 64}))
row("GET /reports/uploads/{upload_id}", "channel", "free", upload("/reports/uploads/{id}"))
row("PATCH /reports/uploads/{upload_id}", "channel", "free", upload("/reports/uploads/{id}"), (422,))
row("GET /reports/{report_id}/status", "channel", "free", filed("/reports/{id}/status"))
row("DELETE /reports/{report_id}", "channel", "free", filed("/reports/{id}"), (204, 404))
row("GET /reports", STAFF, "list", report("/reports"))
row("GET /reports/{report_id}", STAFF, "one", report("/reports/{id}"))
row("GET /reports/{report_id}/files/{name}", STAFF, "one", report("/reports/{id}/files/a.jpg"))
row(
    "POST /reports/{report_id}/files/{file_id}/original",
    "operator",
    "one",
    report("/reports/{id}/files/{file}/original", WHY),
)
row("POST /reports/{report_id}/files/{file_id}/subject", "operator reviewer", "one",
    report("/reports/{id}/files/{file}/subject", {"version": 2, "thing": None}))  # fmt: skip
row("POST /reports/{report_id}/{step}", "operator reviewer", "one",
    report("/reports/{id}/confirm", {"version": 2}))  # fmt: skip
row("GET /open311/v2/services.{form}", "*", "free", plain("/open311/v2/services.json"))
row("GET /open311/v2/services/{code}.{form}", "*", "free", plain("/open311/v2/services/speeding.xml"))
row("POST /open311/v2/requests.{form}", "channel", "free", plain("/open311/v2/requests.json", {}), (422,))
row("GET /open311/v2/requests.{form}", "channel", "free", plain("/open311/v2/requests.xml"))
row("GET /open311/v2/requests/{report_id}.{form}", "channel", "free", filed("/open311/v2/requests/{id}.json"))
