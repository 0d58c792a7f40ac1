"""Cameras, models, searches, audit and webhooks as people and services meet them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import access
import httpx
import numpy as np
import pytest
from apiclient import AT, PLATE_KEY, speeding, write
from PIL import Image
from searching import DAY, HOUR, make_case, make_vehicle_case

from flows.casework import webhooks
from flows.casework.webhooks import ATTEMPTS, Delivery, Sender, allowed, new_secret, signature
from flows.domain.cases import SearchTerms, Window
from flows.domain.detections import Detections
from flows.domain.errors import StoreError
from flows.domain.events import Event
from flows.domain.inference import DetectorSpec
from flows.domain.platehash import PlateHasher
from flows.domain.plates import PlateRecord, plate_event
from flows.domain.sightings import Sighting
from flows.domain.status import CameraStatus, Outline
from flows.domain.webhook import Webhook
from flows.store.audit import AuditStore
from flows.store.results import ResultsStore, Retention
from flows.store.webhooks import WebhookStore
from serve.api.services import shown_to


async def test_a_silent_camera_is_shown_as_silent(api: Any) -> None:
    cameras = api.app.state.services.cameras
    lane = Outline(kind="zone", name="lane", points=((0.1, 0.9), (0.5, 0.4), (0.9, 0.9)))
    cameras.put([CameraStatus(camera_id="esil-1", district="esil", frames_read=7)], {"esil-1": (lane,)})
    cameras.put([CameraStatus(camera_id="esil-2", district="esil", latitude=51.1, longitude=71.4)])
    cameras._client.delete("{dome}:status:esil-2")
    rows = {row["id"]: row for row in (await api.get("/cameras", "operator")).json()["items"]}
    assert (rows["esil-1"]["silent"], rows["esil-1"]["status"]["frames_read"]) == (False, 7)
    assert rows["esil-2"]["silent"]
    assert rows["esil-2"]["status"]["latitude"] == 51.1, (
        "where the one is that somebody has to go and look at"
    )
    assert rows["esil-2"]["last_report_at"]
    one = (await api.get("/cameras/esil-1", "operator")).json()
    assert [shape["name"] for shape in one["outlines"]] == ["lane"]
    assert rows["esil-1"]["outlines"] == [], "every console asks for the list every few seconds"
    silent = (await api.get("/cameras/esil-2", "operator")).json()
    assert silent == rows["esil-2"]


async def test_a_picture_is_asked_for_and_who_looks_is_written_down_once(api: Any) -> None:
    services = api.app.state.services
    services.cameras.put([CameraStatus(camera_id="esil-1", district="esil")])
    first = await api.get("/cameras/esil-1/picture", "operator")
    assert (first.status_code, services.pictures.wanted(["esil-1", "esil-2"])) == (503, ["esil-1"])
    services.pictures.put({"esil-1": (AT, b"jpeg"), "esil-2": (AT, b"x" * 100_000)})
    shown = await api.get("/cameras/esil-1/picture", "operator")
    assert (shown.content, shown.headers["dome-captured-at"]) == (b"jpeg", "2026-11-02T08:00:00.000+00:00")
    assert services.pictures.get("esil-2") is None, "a large picture is none of ours"
    seen = [(e.action, e.subject) for e in services.audit.entries()]
    assert seen == [("camera.viewed", "esil-1")]
    assert (await api.get("/cameras/esil-1/picture", "operator", sub="bolat")).is_success
    assert [e.who for e in services.audit.entries()] == ["aigul", "bolat"], (
        "whoever else looks at that moment, too"
    )


class FakeSeers:
    async def detect(self, picture: Any) -> tuple[DetectorSpec, Detections]:
        height, width = picture.shape[:2]
        box = np.array([[0, 0, width / 2, height]], np.float32)
        found = Detections(box, np.array([0.9], np.float32), np.array([0], np.int32), ("car",))
        return DetectorSpec("embedded", (64, 64), ("car",), "ab"), found


async def test_a_picture_goes_in_and_a_typed_result_comes_out(api: Any) -> None:
    api.app.state.services.seers = FakeSeers()
    noise = np.random.default_rng(1).integers(0, 255, (600, 800, 3), np.uint8)
    jpeg = io.BytesIO()
    Image.fromarray(noise).save(jpeg, "JPEG", quality=98)
    assert len(jpeg.getvalue()) > api.config.body_bytes
    headers = api.signed("operator") | {"Content-Type": "image/jpeg"}
    url = "/api/v1/models/detect"
    answer = await api.client.post(url, content=jpeg.getvalue(), headers=headers)
    assert answer.json()["items"] == [{"cls": "car", "score": 0.9, "xyxy": [0, 0, 400, 600]}]
    for broken in (b"", b"GIF89a", jpeg.getvalue()[:500], b"\xff\xd8\xff"):
        answer = await api.client.post(url, content=broken, headers=headers)
        assert answer.status_code == 422


async def test_models_that_do_not_run_here_are_said_to_be_away(api: Any) -> None:
    png = io.BytesIO()
    Image.new("RGB", (32, 32)).save(png, "PNG")
    headers = api.signed("operator") | {"Content-Type": "image/png"}
    for name in ("detect", "plates"):
        answer = await api.client.post(f"/api/v1/models/{name}", content=png.getvalue(), headers=headers)
        assert (answer.status_code, "dome run --api" in answer.json()["detail"]) == (503, True)


async def test_the_second_confirmation_is_blind(api: Any) -> None:
    call = await access.case("/leads/{lead}", lead=True)(api, "esil")

    async def answer(sub: str, name: str) -> httpx.Response:
        return await api.post(f"{call.path}/{name}", {}, "operator", sub=sub)

    assert (await answer("first", "dispatch")).status_code == 409
    assert (await answer("first", "confirm")).json()["own"]["verdict"] == "confirmed"
    blind = (await api.get(call.path, "operator", sub="second")).json()
    assert (blind["lead"]["state"], blind["others"], blind["own"]) == ("lead", [], None)
    assert (await answer("first", "confirm")).status_code == 409
    seen = (await answer("second", "confirm")).json()
    assert (seen["lead"]["state"], [a["by"] for a in seen["others"]]) == ("confirmed", ["first"])
    assert (await answer("second", "dispatch")).json()["lead"]["state"] == "dispatched"


@pytest.mark.slow
async def test_who_asks_for_a_search_does_not_authorise_it(api: Any) -> None:
    asked = (await access.new_case_in(api, "esil")).body
    made = (await api.post("/cases", asked, "operator", "authoriser", sub="asel")).json()
    assert (made["state"], made["requester"]) == ("draft", "asel")
    step = {"why": "lawful", "version": made["version"]}
    path = f"/cases/{made['id']}/authorise"
    assert (await api.post(path, step, "operator", "authoriser", sub="asel")).status_code == 409
    assert (await api.post(path, step, "authoriser", sub="bolat")).json()["state"] == "authorised"
    assert (await api.post(path, step, "authoriser", sub="dana")).status_code == 409, "of two, one decides"
    incomplete = asked | {"purpose": "missing_child", "plate": "", "person": ""}
    assert (await api.post("/cases", incomplete, "operator")).status_code == 422


async def test_who_authorises_a_search_sees_whom_it_is_for_and_that_is_written_down(api: Any) -> None:
    services = api.app.state.services
    services.cases.create(make_case(cameras=(), districts=("esil",)), {"p1": b"photo"})
    path = "/cases/case-1/photos/p1"
    seen = await api.get(path, "authoriser", sub="bolat")
    assert (seen.status_code, seen.content, seen.headers["content-type"]) == (200, b"photo", "image/jpeg")
    assert (await api.get("/cases/case-1/photos/p2", "authoriser")).status_code == 404
    assert (await api.get(path, "authoriser", districts=["almaly"])).status_code == 404
    log = (await api.get("/audit", "auditor")).json()["items"]
    looks = [(e["who"], e["case"], e["subject"]) for e in log if e["action"] == "probe.viewed"]
    assert looks == [("bolat", "case-1", "p1")]
    services.cases.reject("case-1", "bolat", "no ground")
    assert (await api.get(path, "authoriser", sub="bolat")).status_code == 404


async def test_all_that_a_search_lacks_is_named_at_once(api: Any) -> None:
    asked = (await access.new_case_in(api, "esil")).body
    answer = await api.post("/cases", asked | {"districts": [], "registration": ""}, "operator")
    assert answer.status_code == 422
    assert {e["field"] for e in answer.json()["errors"]} == {"cameras", "registration"}


async def test_a_search_for_a_person_and_a_vehicle_at_once_is_refused_by_name(api: Any) -> None:
    asked = (await access.new_case_in(api, "esil")).body
    answer = await api.post("/cases", asked | {"person": "A. B."}, "operator")
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == ["person"]
    assert "A. B." not in answer.text


async def test_the_route_of_a_vehicles_case_is_shown_while_it_is_active_and_who_looks_is_written_down(
    api: Any,
) -> None:
    services, now = api.app.state.services, datetime.now(UTC)
    case = make_vehicle_case(
        "123ABC02", cameras=(), districts=("esil",), expires_at=now + DAY,
        terms=SearchTerms(longest_days=30, look_back=True),
        window=Window(begins_at=now - DAY, ends_at=now + DAY),
        steps=({"deed": "created", "by": "asel", "at": now},),
    )  # fmt: skip
    services.cases.create(case, {})
    hasher = PlateHasher.of(PLATE_KEY)
    assert hasher is not None

    def seen(plate: str, camera: str, hours: int, district: str = "esil") -> Sighting:
        return Sighting(
            plate=hasher.hash(plate), camera=camera, district=district, at=now - hours * HOUR, cls="car",
            keep_days=7, latitude=51.0 + hours, longitude=71.0, id=camera,
        )  # fmt: skip

    services.sightings.put([seen("123ABC02", "gate-2", 1), seen("123ABC02", "gate-1", 2),
                            seen("777XYZ05", "gate-3", 1), seen("123ABC02", "far-1", 1, "almaly")])  # fmt: skip
    path = "/cases/case-1/route"
    assert (await api.get(path, "operator")).status_code == 409, "nobody has authorised it"
    services.cases.authorise("case-1", "bolat")
    services.cases.activate("case-1", "asel")
    assert (await api.get(path, "operator", districts=["almaly"])).status_code == 404
    answer = await api.get(path, "operator", sub="dana")
    assert answer.headers["content-type"] == "application/geo+json"
    *points, line = answer.json()["features"]
    assert [point["properties"]["camera"] for point in points] == ["gate-1", "gate-2"]
    assert line["geometry"]["coordinates"] == [[71.0, 53.0], [71.0, 52.0]]
    assert "123ABC02" not in answer.text
    log = (await api.get("/audit", "auditor")).json()["items"]
    assert [entry["who"] for entry in log if entry["action"] == "route.exported"] == ["dana"]


async def test_a_case_that_is_not_searched_says_so_to_those_who_may_see_it(api: Any) -> None:
    services = api.app.state.services
    for name, district in (("case-1", "esil"), ("case-2", "esil"), ("case-3", "almaly")):
        services.cases.create(make_case(id=name, cameras=(), districts=(district,)), {"p1": b"sealed"})
        services.cases.authorise(name, "bolat")
        services.cases.activate(name, "asel")
    why = "photo p1: dlib finds no face in it"
    services.cases.note_unsearched(services.cases.active().version, {"case-1": why, "case-3": why})
    said = {each["id"]: each["unsearched"] for each in (await api.get("/cases", "operator")).json()["items"]}
    assert said == {"case-1": why, "case-2": ""}
    assert (await api.get("/cases/case-1", "operator")).json()["unsearched"] == why
    assert (await api.get("/cases/case-2", "operator")).json()["unsearched"] == ""
    services.cases.close("case-2", "asel", "found")  # whoever searches says it anew, or it is well again
    assert (await api.get("/cases/case-1", "operator")).json()["unsearched"] == ""


async def test_a_persons_case_has_no_route(api: Any) -> None:
    case = make_case(cameras=(), districts=("esil",))
    api.app.state.services.cases.create(case, {"p1": b"sealed"})
    answer = await api.get("/cases/case-1/route", "operator")
    assert (answer.status_code, "vehicle" in answer.json()["detail"]) == (409, True)


@pytest.mark.slow
async def test_an_auditor_sees_their_districts_only(api: Any) -> None:
    for district in ("esil", "almaly"):
        violation = speeding(0, district)
        api.write(violation)
        path = f"/violations/{violation.id}/claim"
        await api.post(path, {"version": 0}, districts=[district], sub=f"r-{district}")
    await access.case("/cases/{id}")(api, "esil")
    await api.post("/searching/stop", {"why": "an exercise"}, "administrator", sub="admin")

    async def who(*districts: str) -> set[str]:
        items = (await api.get("/audit", "auditor", districts=districts)).json()["items"]
        return {item["who"] for item in items}

    assert await who("esil") == {"r-esil", "somebody", "admin"}
    assert await who("almaly") == {"r-almaly", "admin"}
    assert await who("*") == {"r-esil", "r-almaly", "somebody", "admin"}
    page = (await api.get("/audit?limit=1", "auditor", districts=["*"])).json()
    rest = (await api.get(f"/audit?since={page['next']}", "auditor", districts=["*"])).json()
    assert (len(page["items"]), len(rest["items"]), rest["next"]) == (1, 3, None)


async def test_whoever_reads_the_audit_log_begins_with_what_was_done_last(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.store.audit.PAGE", 2)
    for n in range(5):
        violation = speeding(n, "esil" if n != 2 else "almaly")
        api.write(violation)
        await api.post(f"/violations/{violation.id}/claim", {"version": 0}, districts=[violation.subject])

    async def pages(query: str) -> list[list[int]]:
        read, on = [], f"before={2**53 - 1}"
        while True:
            page = (await api.get(f"/audit?{on}&{query}", "auditor")).json()
            read.append([item["seq"] for item in page["items"]])
            if page["next"] is None:
                return read
            on = f"before={page['next']}"

    assert await pages("limit=3") == [[5, 4, 2], [1]]
    assert await pages("since=3&limit=3") == [[5, 4]]
    assert [item["seq"] for item in (await api.get("/audit", "auditor")).json()["items"]] == [1, 2, 4, 5]


def answering(status: int, body: httpx.AsyncByteStream | None = None) -> httpx.Response:
    """An answer whose body is still to come."""
    return httpx.Response(status, stream=body or httpx.ByteStream(b""))


class Service:
    """Another service; what it answers is said by the test."""

    def __init__(self) -> None:
        self.got: list[httpx.Request] = []
        self.status = 204

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.got.append(request)
        return answering(self.status)


def hook(**changes: Any) -> Webhook:
    values: dict[str, Any] = {"id": "h1", "url": "https://bus.example/in", "districts": {"esil"}, "secret": "s",
                              "made_by": "a", "made_at": AT}  # fmt: skip
    return Webhook.model_validate(values | changes)


@pytest.fixture
def sending(redis_url: str) -> tuple[WebhookStore, Service, Any]:
    store, service = WebhookStore(redis_url, shown_to), Service()
    sender = Sender(store, httpx.AsyncClient(transport=httpx.MockTransport(service)), lambda: sender.at)  # type: ignore[attr-defined]
    sender.at = AT  # type: ignore[attr-defined]
    return store, service, sender


def test_a_service_is_told_in_order_signed_and_without_plates(redis_url: str, sending: Any) -> None:
    store, service, sender = sending
    write(redis_url, speeding(9))
    store.add(hook())
    violation = speeding(0)
    read = plate_event(violation, PlateRecord(outcome="read", text="123ABC02", shown="123 ABC 02"))
    write(redis_url, violation, speeding(1, "almaly"), read)
    assert sender.deliver() == 3
    assert [r.headers["webhook-id"] for r in service.got] == [violation.id, read.id]
    for request in service.got:
        stamp = int(request.headers["webhook-timestamp"])
        expected = signature("s", request.headers["webhook-id"], stamp, request.content)
        assert request.headers["webhook-signature"] == expected
        assert b"ABC" not in request.content
    assert sender.deliver() == 0


def standard_accepts(secret: str, request: httpx.Request) -> bool:
    """How the standard's own libraries verify: https://github.com/standard-webhooks/standard-webhooks."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = (
        f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.{request.content.decode()}"
    )
    expected = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
    versions = [version.split(",", 1) for version in request.headers["webhook-signature"].split(" ")]
    return any(kind == "v1" and hmac.compare_digest(mac, expected) for kind, mac in versions)


def test_what_is_sent_is_verified_as_the_standard_says(redis_url: str, sending: Any) -> None:
    store, service, sender = sending
    secret = new_secret()
    store.add(hook(secret=secret))
    write(redis_url, speeding(0))
    sender.deliver()
    [request] = service.got
    assert standard_accepts(secret, request)
    assert not standard_accepts(new_secret(), request)


async def test_whoever_makes_a_webhook_is_given_a_secret_of_the_standard(api: Any) -> None:
    made = (await api.post("/webhooks", {"url": "http://127.0.0.1:9/in"}, "administrator")).json()
    assert made["secret"].startswith("whsec_")
    assert 24 <= len(base64.b64decode(made["secret"].removeprefix("whsec_"), validate=True)) <= 64


@pytest.mark.slow
def test_a_secret_from_before_they_were_marked_signs_as_it_did(redis_url: str, sending: Any) -> None:
    store, service, sender = sending
    secret = "Zm9v-YmFy_cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV"
    store.add(hook(secret=secret))
    write(redis_url, speeding(0))
    sender.deliver()
    [request] = service.got
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
    mac = hmac.new(secret.encode(), signed + request.content, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"


def test_a_service_that_fails_is_asked_again_later_and_in_the_end_put_aside(
    redis_url: str, sending: Any
) -> None:
    store, service, sender = sending
    store.add(hook())
    service.status = 500
    first, second = speeding(0), speeding(1)
    write(redis_url, first, second)
    for attempt in range(1, ATTEMPTS):
        assert sender.deliver() == sender.deliver() == 0
        assert len(service.got) == attempt, "not asked again before its time"
        sender.at += timedelta(minutes=10)
    service.status = 204
    failing = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answering(500)))
    again = Sender(store, failing, lambda: sender.at)
    again.deliver()  # the last attempt fails too, and so does the first one for the next event
    assert [dead["id"] for dead in store.dead("h1")] == [first.id]
    sender.at += timedelta(minutes=10)
    assert sender.deliver() == 1
    assert service.got[-1].headers["webhook-id"] == second.id


def put_aside(redis_url: str, sending: Any, *events: Event) -> list[str]:
    """Events that a service was away for."""
    store, service, sender = sending
    store.add(hook())
    write(redis_url, *events)
    service.status = 503
    for _ in range(ATTEMPTS * len(events)):
        sender.deliver()
        sender.at += timedelta(minutes=10)
    service.got.clear()
    return [row["id"] for row in store.dead("h1")]


def test_what_a_service_missed_is_sent_once_more_behind_what_is_new(redis_url: str, sending: Any) -> None:
    store, service, sender = sending
    first, second, new = (speeding(n) for n in range(3))
    assert put_aside(redis_url, sending, first, second) == [second.id, first.id]
    service.status = 204
    write(redis_url, new)
    store.again(hook(), "admin")
    assert (sender.deliver(), store.dead("h1")) == (3, [])
    assert [r.headers["webhook-id"] for r in service.got] == [new.id, first.id, second.id]
    assert (sender.deliver(), len(service.got)) == (0, 3)
    said = [(e.who, e.subject) for e in AuditStore(redis_url).entries() if e.action == "webhook.revived"]
    assert said == [("admin", "h1")]


def test_what_is_missed_again_is_tried_once_and_keeps_nothing_waiting(redis_url: str, sending: Any) -> None:
    store, service, sender = sending
    first, second, new = (speeding(n) for n in range(3))
    dead = put_aside(redis_url, sending, first, second)
    store.again(hook(), "admin")
    for _ in range(9):
        assert sender.deliver() == 0
    assert [r.headers["webhook-id"] for r in service.got] == [first.id, second.id]
    assert [row["id"] for row in store.dead("h1")] == dead
    store.again(hook(), "admin")
    service.status = 204
    ResultsStore(redis_url, retention=Retention(keep_days=1)).prune(time.time() + 2 * 86400)
    write(redis_url, new)
    sender.deliver()
    assert [r.headers["webhook-id"] for r in service.got[2:]] == [new.id], (
        "what was deleted since is not told"
    )
    assert store.dead("h1") == []


async def test_an_administrator_has_it_sent_again(api: Any) -> None:
    store = api.app.state.services.webhooks
    store.add(hook(id="a1"))
    store.put_aside("a1", Delivery("1-1", "e1", None), "answered 503")
    path, once = "/webhooks/a1/dead/again", {"Idempotency-Key": "k-1234567890"}
    for _ in range(2):
        assert (await api.post(path, None, "administrator", headers=once)).status_code == 204
    assert [d.id for d in store.waiting(hook(id="a1"), "9-9", 9)] == ["e1"]
    assert [e.action for e in AuditStore(api.config.redis_url).entries()][1:] == ["webhook.revived"]


class Endless(httpx.AsyncByteStream):
    """A body that comes byte by byte, each in time."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield b"x"


async def silent(request: httpx.Request) -> httpx.Response:
    """Says nothing, and keeps the connection."""
    await asyncio.Event().wait()
    raise AssertionError


def test_a_service_that_never_ends_its_answer_keeps_no_other_waiting(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "ANSWER_S", 0.3)
    monkeypatch.setattr(webhooks, "ROUND_S", 0.05)
    store, service = WebhookStore(redis_url, shown_to), Service()
    answers = {"a.example": silent, "b.example": lambda _: answering(200, Endless()), "c.example": service}

    async def answer(request: httpx.Request) -> httpx.Response:
        found = answers[request.url.host](request)
        return found if isinstance(found, httpx.Response) else await found

    sender = Sender(store, httpx.AsyncClient(transport=httpx.MockTransport(answer)), lambda: AT)
    for name in "abc":
        store.add(hook(id=name, url=f"https://{name}.example/in"))
    write(redis_url, speeding(0))
    assert sender.deliver() == 1
    write(redis_url, speeding(1))
    assert sender.deliver() == 1
    assert [r.headers["webhook-id"] for r in service.got] == [speeding(n).id for n in range(2)]
    while store.progress("a").failures == 0 or store.progress("b").place == "0-0":
        sender.deliver()  # who says nothing in time is asked again; who said that it took it has had it
    assert (store.progress("a").place, store.progress("b").failures) == ("0-0", 0)
    store.remove(hook(id="b"), "a")
    sender.deliver()
    sender.close()
    assert store.progress("b").place == "0-0", "whatever was under way to one that is removed leaves nothing"


@pytest.mark.parametrize(
    "odd", [RuntimeError("odd"), ExceptionGroup("odd", [OverflowError("port must be 0-65535.")])]
)
def test_a_webhook_that_nobody_can_post_to_fails_alone(redis_url: str, odd: Exception) -> None:
    store, service = WebhookStore(redis_url, shown_to), Service()

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "a.example":
            raise odd
        return service(request)

    sender = Sender(store, httpx.AsyncClient(transport=httpx.MockTransport(answer)), lambda: AT)
    for name in "ab":
        store.add(hook(id=name, url=f"https://{name}.example/in"))
    write(redis_url, speeding(0))
    assert sender.deliver() == 1
    assert [store.progress(name).failures for name in "ab"] == [1, 0]
    sender.close()


def away(_: object) -> NoReturn:
    raise StoreError("Redis is away")


def test_a_webhook_of_which_nothing_can_be_read_fails_alone(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, service = WebhookStore(redis_url, shown_to), Service()
    progress = store.progress
    monkeypatch.setattr(store, "progress", lambda name: progress(name) if name == "b" else int("odd"))
    sender = Sender(store, httpx.AsyncClient(transport=httpx.MockTransport(service)), lambda: AT)
    for name in "ab":
        store.add(hook(id=name, url=f"https://{name}.example/in"))
    write(redis_url, speeding(0))
    assert sender.deliver() == 1
    monkeypatch.setattr(store, "progress", away)
    with pytest.raises(StoreError):
        sender.deliver()
    sender.close()


@pytest.mark.parametrize(
    "url",
    ["http://bus.example/in", "https://evil.example/", "https://bus.example@evil.example/", "file:///etc/passwd",
     "https://user:pw@bus.example/", "https://", "bus.example", "https://[::1]/", "https://bus.example:99999/",
     "https://bus.example:0/", "https://xn--/in", "https://bus.example/\ud800"],
)  # fmt: skip
def test_events_are_posted_to_known_hosts_only(url: str) -> None:
    assert not allowed(url, ["bus.example"])
