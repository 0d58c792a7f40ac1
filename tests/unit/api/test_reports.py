"""Citizens' reports over HTTP: a channel files one and follows it to its end; every way to get it wrong is a row."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import redis
from apiclient import everything, speeding
from citizens import photo, report, signed
from PIL import Image

from flows.domain.channels import WINDOW_S
from flows.domain.errors import FieldError, StoreError
from flows.domain.events import OBJECT_ABANDONED, OBJECT_ESCALATED, PASSAGE, Event
from flows.domain.places import CameraPlace, Places
from flows.domain.reports import KEPT, Attachment, Report, Thing, folder_of, told
from flows.domain.site import District
from flows.reports.masked import Masked
from flows.reports.reception import Claim
from flows.reports.work import PATIENCE, Looked
from flows.store.channels import ChannelBook
from flows.uploads.inspector import HelperAway
from flows.uploads.kinds import UploadRefused

SQUARE = ((43.2, 76.8), (43.3, 76.8), (43.3, 77.0), (43.2, 77.0))
PLACES = Places(
    districts=(District(id="esil", polygon=SQUARE), District(id="almaly")),
    cameras=(CameraPlace(id="esil-1", district="esil", latitude=43.2401, longitude=76.91),),
)


def claim(reference: str = "17", **changes: Any) -> dict[str, Any]:
    return {"reference": reference, "service": "prohibited_stopping", "text": "On the crosswalk",
            "latitude": 43.24, "longitude": 76.91} | changes  # fmt: skip


class Channel:
    """An app that signs its requests."""

    def __init__(self, api: Any, name: str, key: str) -> None:
        self.api, self.name, self.key = api, name, key

    async def send(self, method: str, path: str, body: bytes = b"", *, nonce: str = "", late_s: float = 0,
                   key: str = "", said: bytes | None = None, **headers: str) -> Any:  # fmt: skip
        target = f"/api/v1{path}"
        own = signed(
            self.name, key or self.key, method, target, body if said is None else said, late_s, nonce
        )
        return await self.api.client.request(method, target, content=body, headers=own | headers)

    async def json(self, method: str, path: str, body: Any, **more: Any) -> Any:
        import json

        return await self.send(
            method, path, json.dumps(body).encode(), **{"Content-Type": "application/json"} | more
        )

    async def report(self, reference: str = "17", **changes: Any) -> Any:
        return await self.json("POST", "/reports", claim(reference, **changes))

    async def uploaded(self, data: bytes) -> str:
        asked = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        begun = (await self.json("POST", "/reports/uploads", asked)).json()
        done = await self.piece(begun["id"], 0, data)
        assert done.json()["complete"], done.text
        return str(begun["id"])

    async def piece(self, upload: str, offset: int, piece: bytes) -> Any:
        kind = {"Content-Type": "application/octet-stream", "Upload-Offset": str(offset)}
        return await self.send("PATCH", f"/reports/uploads/{upload}", piece, **kind)


@pytest.fixture
def egov(api: Any) -> Channel:
    services = api.app.state.services
    services.reports.put_places(PLACES)
    services.work.looker = Masked()  # who looks with a detector: see the integration tests
    return Channel(api, "egov", ChannelBook(api.config.channels_path).add("egov"))


@pytest.fixture
def bank(api: Any) -> Channel:
    return Channel(api, "bank", ChannelBook(api.config.channels_path).add("bank"))


async def looked_at(api: Any) -> None:
    """Waits until the machine has looked at everything; it does so by itself as well."""
    services = api.app.state.services
    for _ in range(100):
        await asyncio.to_thread(services.work.work)
        if not services.reports.waiting():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("reports wait for ever")


@pytest.mark.slow
async def test_a_report_is_filed_and_followed_to_its_end(api: Any, egov: Channel) -> None:
    upload = await egov.uploaded(photo())
    receipt = await egov.report(text="White Camry, call +7 701 123 45 67", uploads=[upload])
    assert receipt.status_code == 201, receipt.text
    tracking = receipt.json()["id"]
    assert (receipt.json()["state"], receipt.json()["open"]) == ("received", True)
    await looked_at(api)
    (row,) = (await api.get("/reports", "operator")).json()["items"]
    assert (row["id"], row["state"], row["district"], row["files"]) == (tracking, "forwarded", "esil", 1)
    detail = (await api.get(f"/reports/{tracking}", "operator")).json()
    assert detail["told"][0]["text"] == "White Camry, call [...]"
    body = {"version": detail["version"], "note": "The owner was fined"}
    confirmed = await api.post(f"/reports/{tracking}/confirm", body, "operator", sub="aigul")
    assert confirmed.status_code == 200, confirmed.text
    assert confirmed.json()["may"] == ["close"]
    status = (await egov.send("GET", f"/reports/{tracking}/status")).json()
    assert (status["state"], status["note"], status["reference"]) == (
        "confirmed",
        "The owner was fined",
        "17",
    )
    late = await api.post(f"/reports/{tracking}/confirm", body, "operator", sub="bolat")
    assert late.status_code == 409
    log = (await api.get("/audit", "auditor")).json()["items"]
    assert [(e["action"], e["who"], e["why"]) for e in log] == [
        ("report.confirmed", "aigul", "The owner was fined")
    ]


@pytest.mark.parametrize(
    ("step", "note", "district"), [("confirm", "seen ", ""), ("close", "", ""), ("forward", "ours", "almaly")]
)
async def test_a_step_that_could_not_be_told_is_told_when_it_is_sent_again(
    api: Any, egov: Channel, monkeypatch: pytest.MonkeyPatch, step: str, note: str, district: str
) -> None:
    services = api.app.state.services
    tracking = (await egov.report()).json()["id"]
    await looked_at(api)
    version = services.reports.get(tracking).version
    path, body = f"/reports/{tracking}/{step}", {"version": version, "note": note, "district": district}
    everywhere: dict[str, Any] = {"districts": ["esil", "almaly"], "sub": "aigul"}
    key = {"Idempotency-Key": "k-1234567890"}
    with monkeypatch.context() as patch:
        patch.setattr(services.results, "write", away)
        assert (await api.post(path, body, "operator", headers=key, **everywhere)).status_code == 503
    again = await api.post(path, body, "operator", headers=key, **everywhere)
    assert (again.status_code, again.json()["version"]) == (200, version + 1), again.text
    assert services.results.event(told(services.reports.get(tracking)).id) is not None
    assert (await api.post(path, body, "operator", **everywhere | {"sub": "bolat"})).status_code == 409
    log = (await api.get("/audit", "auditor", districts=["*"])).json()["items"]
    assert [entry["who"] for entry in log] == ["aigul"], "taken once"


@pytest.mark.slow
async def test_nothing_of_who_reported_is_shown_to_those_who_work_on_it(api: Any, egov: Channel) -> None:
    tracking = (await egov.report("secret-reference-4711")).json()["id"]
    await looked_at(api)
    for role in ("operator", "reviewer", "auditor"):
        for path in ("/reports", f"/reports/{tracking}", "/audit" if role == "auditor" else "/reports"):
            text = (await api.get(path, role)).text
            assert "4711" not in text
            assert "egov" not in text


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"key": "k" * 43}, "not this channel's"), ({"late_s": -WINDOW_S - 5}, "clock"),
     ({"late_s": WINDOW_S + 5}, "clock"), ({"said": b"{}"}, "not this channel's"),
     ({"nonce": "short"}, "16 to 64"), ({"X-Dome-Channel": "nobody"}, "not this channel's")],
)  # fmt: skip
async def test_what_is_not_signed_so_is_refused(
    api: Any, egov: Channel, changes: dict[str, Any], why: str
) -> None:
    answer = await egov.json("POST", "/reports", claim(), **changes)
    assert (answer.status_code, why in answer.json()["detail"]) == (401, True), answer.text
    assert (await api.get("/reports", "operator", districts=["*"])).json()["items"] == []


async def test_a_request_that_is_played_again_is_refused(egov: Channel) -> None:
    nonce = "n" * 20
    first = await egov.json("POST", "/reports", claim(), nonce=nonce)
    again = await egov.json("POST", "/reports", claim(), nonce=nonce)
    assert (first.status_code, again.status_code) == (201, 401)
    assert "used before" in again.json()["detail"]


async def test_a_channel_that_was_removed_or_whose_key_was_renewed(api: Any, egov: Channel) -> None:
    book, old = ChannelBook(api.config.channels_path), egov.key
    egov.key = book.renew("egov")
    assert (await egov.report("1")).status_code == 201
    assert (await egov.json("POST", "/reports", claim("2"), key=old)).status_code == 201
    book.renew("egov")
    assert (await egov.json("POST", "/reports", claim("3"), key=old)).status_code == 401
    book.remove("egov")
    assert (await egov.report("4")).status_code == 401


async def test_a_report_sent_again_gets_the_same_receipt_and_is_there_once(api: Any, egov: Channel) -> None:
    first, again = await egov.report(), await egov.report(text="other words")
    assert first.json() == again.json()
    key = {"Idempotency-Key": "k-1"}
    keyed = [await egov.json("POST", "/reports", claim("18"), **key) for _ in range(2)]
    assert keyed[0].json() == keyed[1].json()
    other = await egov.json("POST", "/reports", claim("19"), **key)
    assert (other.status_code, "another request" in other.json()["detail"]) == (422, True)
    assert len((await api.get("/reports", "operator")).json()["items"]) == 2


async def test_many_at_the_same_moment_are_one(api: Any, egov: Channel) -> None:
    receipts = await asyncio.gather(*(egov.report() for _ in range(6)))
    assert {r.status_code for r in receipts} == {201}
    assert len({r.json()["id"] for r in receipts}) == 1
    assert len((await api.get("/reports", "operator")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"service": "hunger"}, "service"), ({"latitude": 91}, "latitude"), ({"text": "x" * 5000}, "text"),
     ({"happened_at": "2020-01-01T00:00:00Z"}, "happened_at"), ({"reference": "a b"}, "reference"),
     ({"happened_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, "happened_at"),
     ({"uploads": ["7f0c6a52-1d6e-8c6e-9d0a-0c1f1f6f3f7b"]}, "upload"), ({"name": "Ivan"}, "name")],
)  # fmt: skip
async def test_what_is_no_report_is_refused_by_its_field(
    egov: Channel, changes: dict[str, Any], field: str
) -> None:
    answer = await egov.json("POST", "/reports", claim() | changes)
    assert answer.status_code == 422, answer.text
    assert field in answer.json()["errors"][0]["field"]


@pytest.mark.parametrize("data", [b"GIF89a" + bytes(99), b"MZ" + bytes(99), b"<svg onload=alert(1)/>"])
async def test_a_file_that_lies_about_its_type_is_refused_at_the_door(
    api: Any, egov: Channel, data: bytes
) -> None:
    begun = await egov.json(
        "POST", "/reports/uploads", {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    )
    answer = await egov.piece(begun.json()["id"], 0, data)
    assert (answer.status_code, "something else" in answer.json()["detail"]) == (422, True)


@pytest.mark.slow
async def test_a_file_that_only_begins_like_a_photo_is_removed_and_the_report_stays(
    api: Any, egov: Channel
) -> None:
    broken = photo()[:60] + bytes(4000)
    tracking = (await egov.report(uploads=[await egov.uploaded(broken)])).json()["id"]
    await looked_at(api)
    detail = (await api.get(f"/reports/{tracking}", "operator")).json()
    (file,) = detail["attachments"]
    assert (file["state"], "damaged" in file["why"], file["shown"]) == ("refused", True, [])
    assert detail["state"] == "forwarded"
    assert not list(Path(api.config.settings.evidence).rglob("*.jpg"))


async def test_a_photo_larger_than_photos_may_be_is_refused_with_its_first_piece(egov: Channel) -> None:
    begun = await egov.json("POST", "/reports/uploads", {"size": 26 * 2**20, "sha256": "0" * 64})
    answer = await egov.piece(begun.json()["id"], 0, photo())
    assert (answer.status_code, "at most 25 MB" in answer.json()["detail"]) == (422, True)
    too_large = await egov.json("POST", "/reports/uploads", {"size": 2**31, "sha256": "0" * 64})
    assert (too_large.status_code, too_large.json()["errors"][0]["field"]) == (422, "size")


@pytest.mark.slow
async def test_an_upload_that_broke_off_goes_on_where_it_was(api: Any, egov: Channel, bank: Channel) -> None:
    data = photo(size=(640, 480))
    asked = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    begun = (await egov.json("POST", "/reports/uploads", asked)).json()
    await egov.piece(begun["id"], 0, data[:1000])
    early = await egov.report(uploads=[begun["id"]])
    assert (early.status_code, "1000 of" in early.json()["detail"]) == (422, True)
    wrong = await egov.piece(begun["id"], 500, data[500:])
    assert (wrong.status_code, "from byte 1000" in wrong.json()["detail"]) == (409, True)
    assert (await bank.send("GET", f"/reports/uploads/{begun['id']}")).status_code == 404
    found = (await egov.json("POST", "/reports/uploads", asked)).json()
    assert (found["id"], found["offset"]) == (begun["id"], 1000)
    done = await egov.piece(begun["id"], 1000, data[1000:])
    assert done.json()["complete"]
    assert (await egov.report(uploads=[begun["id"]])).status_code == 201
    assert (await egov.send("GET", f"/reports/uploads/{begun['id']}")).status_code == 404
    first, again = [(await egov.report(uploads=[begun["id"]])) for _ in range(2)]
    assert (first.status_code, first.json()) == (201, again.json()), (
        "who has not heard of the receipt hears it again"
    )


@pytest.mark.slow
async def test_a_file_that_is_not_what_its_hash_says_is_thrown_away(egov: Channel) -> None:
    data = photo()
    begun = (await egov.json("POST", "/reports/uploads", {"size": len(data), "sha256": "0" * 64})).json()
    await egov.piece(begun["id"], 0, data)
    answer = await egov.report(uploads=[begun["id"]])
    assert (answer.status_code, "send it again" in answer.json()["detail"]) == (422, True)


@pytest.mark.slow
async def test_a_piece_that_is_too_long_is_refused(egov: Channel) -> None:
    begun = (await egov.json("POST", "/reports/uploads", {"size": 100, "sha256": "0" * 64})).json()
    assert (await egov.piece(begun["id"], 0, photo()[:101])).status_code == 422
    assert (await egov.piece(begun["id"], 0, bytes(9 * 2**20))).status_code == 413


@pytest.mark.slow
@pytest.mark.parametrize("gone", ["begin", "add", "unseen"])
async def test_without_redis_no_receipt_is_given_and_the_same_again_is_taken(
    api: Any, egov: Channel, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    upload = await egov.uploaded(photo())
    services = api.app.state.services

    def away(*_: object) -> None:
        raise StoreError("cannot write reports at unix:///x: gone")

    with monkeypatch.context() as patch:
        patch.setattr(services.reports, gone, away)
        if gone == "unseen":
            patch.setattr(services.signatures, "_unseen", away)
        refused = await egov.report(uploads=[upload])
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert (await api.get("/reports", "operator")).json()["items"] == []
    taken = await egov.report(uploads=[upload])
    assert taken.status_code == 201, taken.text
    await looked_at(api)
    detail = (await api.get(f"/reports/{taken.json()['id']}", "operator")).json()
    assert [f["state"] for f in detail["attachments"]] == ["seen"]


async def test_a_full_disk_refuses_before_the_receipt(
    api: Any, egov: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await egov.uploaded(photo())

    def full(*_: object) -> None:
        raise StoreError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(api.app.state.services.evidence, "put", full)
        assert (await egov.report(uploads=[upload])).status_code == 503
    assert (await egov.report(uploads=[upload])).status_code == 201


async def test_a_channel_sees_its_own_reports_alone(egov: Channel, bank: Channel) -> None:
    tracking = (await egov.report()).json()["id"]
    assert (await bank.send("GET", f"/reports/{tracking}/status")).status_code == 404
    assert (await bank.send("GET", f"/open311/v2/requests/{tracking}.json")).status_code == 404
    assert (await bank.send("DELETE", f"/reports/{tracking}")).status_code == 404
    assert (await bank.send("GET", "/open311/v2/requests.json")).json() == []
    assert len((await egov.send("GET", "/open311/v2/requests.json")).json()) == 1


@pytest.mark.slow
async def test_reports_of_the_same_become_one_with_all_who_told(
    api: Any, egov: Channel, bank: Channel
) -> None:
    first = (await egov.report("1", uploads=[await egov.uploaded(photo(1))])).json()["id"]
    await looked_at(api)
    second = await bank.report(
        "9", latitude=43.2402, text="I saw it too", uploads=[await bank.uploaded(photo(2))]
    )
    await looked_at(api)
    main = (await api.get(f"/reports/{first}", "operator")).json()
    assert [t["text"] for t in main["told"]] == ["On the crosswalk", "I saw it too"]
    assert [f["state"] for f in main["attachments"]] == ["seen", "seen"]
    for file in main["attachments"]:
        shown = await api.get(file["shown"][0].removeprefix("/api/v1"), "reviewer")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    body = {"version": main["version"], "note": "done"}
    await api.post(f"/reports/{first}/confirm", body, "reviewer")
    status = (await bank.send("GET", f"/reports/{second.json()['id']}/status")).json()
    assert (status["state"], status["open"], status["note"]) == ("confirmed", False, "done")


@pytest.mark.slow
async def test_a_forgotten_reporter_leaves_nothing_and_others_stay(
    api: Any, egov: Channel, bank: Channel
) -> None:
    told_of = claim("1", text="first words", uploads=[await egov.uploaded(photo(1))])
    first = (await egov.json("POST", "/reports", told_of, **{"Idempotency-Key": "k-1"})).json()["id"]
    await looked_at(api)
    second = (await bank.report("9", text="second words", uploads=[await bank.uploaded(photo(2))])).json()[
        "id"
    ]
    await looked_at(api)
    assert api.app.state.services.results.events(type="dome.report.state.v1")
    assert (await egov.send("DELETE", f"/reports/{first}")).status_code == 204
    assert (await egov.send("GET", f"/reports/{first}/status")).status_code == 404
    assert (await egov.send("GET", "/open311/v2/requests.json")).json() == []
    kept = (await api.get(f"/reports/{first}", "operator")).json()
    assert ([t["text"] for t in kept["told"]], kept["text"], len(kept["attachments"])) == (
        ["second words"], "second words", 1)  # fmt: skip
    folder = Path(api.config.settings.evidence) / "reports"
    assert [path.name for path in folder.iterdir()] == [second]
    assert (await bank.send("DELETE", f"/reports/{second}")).status_code == 204
    assert (await api.get(f"/reports/{first}", "operator")).status_code == 404
    assert not list(folder.iterdir())
    rows = everything(api.config.redis_url).splitlines()
    assert not any(words in row for row in rows for words in ("first words", "second words"))
    named = {row.split()[0] for row in rows for report_id in (first, second) if report_id in row}
    assert named == {"{dome}:audit"}, "events that told of them are gone, too"
    log = [e["action"] for e in (await api.get("/audit", "auditor", districts=["*"])).json()["items"]]
    assert log.count("report.erased") >= 2


@pytest.mark.slow
async def test_a_photo_that_two_sent_stays_until_both_are_forgotten(
    api: Any, egov: Channel, bank: Channel
) -> None:
    told = []
    for channel in (egov, bank):
        upload = await channel.uploaded(photo(1))
        told.append((await channel.report("1", uploads=[upload])).json()["id"])
        await looked_at(api)
    assert (await egov.send("DELETE", f"/reports/{told[0]}")).status_code == 204
    (kept,) = (await api.get(f"/reports/{told[0]}", "operator")).json()["attachments"]
    shown = await api.get(kept["shown"][0].removeprefix("/api/v1"), "reviewer")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert (await bank.send("DELETE", f"/reports/{told[1]}")).status_code == 204
    assert not list((Path(api.config.settings.evidence) / "reports").iterdir())


async def test_no_receipt_is_given_for_what_was_erased_while_others_tell_of_the_same(
    api: Any, egov: Channel, bank: Channel
) -> None:
    first = (await egov.report("1")).json()["id"]
    await looked_at(api)
    await bank.report("9")
    await looked_at(api)
    assert (await egov.send("DELETE", f"/reports/{first}")).status_code == 204
    upload = await egov.uploaded(photo())
    for again in (await egov.report("1"), await egov.report("1", uploads=[upload])):
        assert (again.status_code, again.json()["errors"][0]["field"]) == (422, "reference"), again.text
    body, kind = form(**{"attribute[reference]": "1"})
    assert (await egov.send("POST", "/open311/v2/requests.json", body, **kind)).status_code == 422
    assert (await egov.report("2", uploads=[upload])).status_code == 201


@pytest.mark.slow
async def test_what_was_kept_long_enough_goes_with_its_files(api: Any, egov: Channel) -> None:
    tracking = (await egov.report(uploads=[await egov.uploaded(photo())])).json()["id"]
    await looked_at(api)
    services = api.app.state.services
    services.reception._surely_now = lambda: datetime.now(UTC) + KEPT - timedelta(days=1)
    assert services.reception.forget() == 0
    services.reception._surely_now = lambda: datetime.now(UTC) + KEPT + timedelta(days=1)
    assert services.reception.forget() == 1
    assert (await egov.send("GET", f"/reports/{tracking}/status")).status_code == 404
    assert not list((Path(api.config.settings.evidence) / "reports").iterdir())


async def test_a_replica_whose_clock_is_ahead_deletes_no_report(api: Any, egov: Channel) -> None:
    tracking = (await egov.report(uploads=[await egov.uploaded(photo())])).json()["id"]
    reception = api.app.state.services.reception
    reception._now = reception._surely_now.__self__._clock = lambda: datetime.now(UTC) + 2 * KEPT
    assert reception.forget() == 0
    assert (await egov.send("GET", f"/reports/{tracking}/status")).status_code == 200


@pytest.mark.slow
async def test_files_whose_report_never_came_go_after_a_day(
    api: Any, egov: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = api.app.state.services

    def away(*_: object) -> None:
        raise StoreError("gone")

    upload = await egov.uploaded(photo())
    with monkeypatch.context() as patch:
        patch.setattr(services.reports, "add", away)
        await egov.report(uploads=[upload])
    folder = Path(api.config.settings.evidence) / "reports"
    assert list(folder.iterdir())
    services.reception._surely_now = lambda: datetime.now(UTC) + timedelta(hours=25)
    assert services.reception.forget() == 2, "its own, and the upload's pieces"
    assert not list(folder.iterdir())


@pytest.mark.slow
async def test_an_original_is_opened_with_a_reason_by_who_may_and_that_is_written_down(
    api: Any, egov: Channel
) -> None:
    data = photo()
    tracking = (await egov.report(uploads=[await egov.uploaded(data)])).json()["id"]
    await looked_at(api)
    (file,) = (await api.get(f"/reports/{tracking}", "operator")).json()["attachments"]
    path = f"/reports/{tracking}/files/{file['id']}/original"
    assert (await api.post(path, {"why": " "}, "operator")).status_code == 422
    assert (await api.post(path, {"why": "plate"}, "reviewer")).status_code == 403
    assert (await api.post(path, {"why": "plate"}, "operator", districts=["almaly"])).status_code == 404
    seen = await api.post(path, {"why": "the plate"}, "operator", sub="aigul")
    assert (seen.content, seen.headers["content-type"]) == (data, "image/jpeg")
    (said,) = (await api.get("/audit", "auditor")).json()["items"]
    assert (said["action"], said["who"], said["why"]) == ("report.original_viewed", "aigul", "the plate")
    shown = await api.get(file["shown"][0].removeprefix("/api/v1"), "operator")
    blocks = np.asarray(Image.open(io.BytesIO(shown.content)), np.float32)
    assert np.abs(np.diff(blocks[:, :8], axis=1)).mean() < 8, "a mosaic: neighbours within a block are alike"


def away(*_: object) -> None:
    raise StoreError("gone")


class Refusing:
    """Decodes nothing; cannot do so after some files.

    Args:
        most: How many it refuses.
    """

    def __init__(self, most: int = 100) -> None:
        self.left = most

    def inspect(self, path: Path) -> Any:
        assert path.is_file()
        self.left -= 1
        if self.left < 0:
            raise HelperAway("nobody is there")
        raise UploadRefused("damaged")

    def close(self) -> None:
        pass


class TwoCars:
    """A looker that finds two cars, and shows the first unless it is told otherwise."""

    def look(
        self, path: Path, seen: Any, attachment: Attachment, report: Report, found: bytes | None = None
    ) -> Looked:
        kept = 0 if found is None else attachment.thing
        name = f"{attachment.stem}.shown.jpg"
        boxes = [(0.0, 0.0, 40.0, 40.0), (60.0, 60.0, 90.0, 90.0)]
        made = tuple(
            Thing(id=n, cls="car", xyxy=xyxy, picture=name, kept=n == kept) for n, xyxy in enumerate(boxes)
        )
        return Looked({name: f"shows {kept}".encode()}, things=made, found=b"boxes", size_px=(320, 240))

    def close(self) -> None:
        pass


def nobody_else(services: Any) -> None:
    """Has the machine look at reports only where a test says so."""
    for task in services._tasks:
        task.cancel()


async def two_cars_seen(api: Any, egov: Channel) -> str:
    """A report with a photo of two cars, looked at already; what comes next is made when a test says so."""
    services = api.app.state.services
    services.work.looker = TwoCars()
    tracking = (await egov.report(uploads=[await egov.uploaded(photo())])).json()["id"]
    await looked_at(api)
    nobody_else(services)
    return str(tracking)


@pytest.mark.slow
async def test_who_works_on_a_report_says_which_of_what_was_found_it_is_about(
    api: Any, egov: Channel
) -> None:
    tracking = await two_cars_seen(api, egov)
    detail = (await api.get(f"/reports/{tracking}", "operator")).json()
    (file,) = detail["attachments"]
    first = file["shown"][0].removeprefix("/api/v1")
    assert [thing["kept"] for thing in file["things"]] == [True, False]
    path, body = f"/reports/{tracking}/files/{file['id']}/subject", {"version": detail["version"], "thing": 1}
    assert (await api.post(path, body | {"thing": 7}, "reviewer")).status_code == 422
    assert (await api.post(path, body | {"thing": [1, 2, 3, 4]}, "reviewer")).status_code == 422
    chosen = await api.post(path, body, "reviewer", sub="bolat")
    assert chosen.status_code == 200, chosen.text
    late = await api.post(path, body | {"thing": None}, "operator")
    assert (late.status_code, "somebody was faster" in late.json()["detail"]) == (409, True)
    (file,) = chosen.json()["attachments"]
    assert (file["state"], file["shown"], file["chosen_by"]) == ("chosen", [], "bolat")
    assert (await api.get(first, "operator")).status_code == 404, "the wrong one is seen no longer, at once"
    assert not list(Path(api.config.settings.evidence).rglob("*.shown.jpg"))

    await looked_at(api)
    detail = (await api.get(f"/reports/{tracking}", "operator")).json()
    (file,) = detail["attachments"]
    assert (file["state"], [thing["kept"] for thing in file["things"]]) == ("seen", [False, True])
    second = file["shown"][0].removeprefix("/api/v1")
    assert second != first, "no cache shows the old one by its name"
    assert (await api.get(second, "operator")).content == b"shows 1"
    assert (await api.get(first, "operator")).status_code == 404
    (said,) = (await api.get("/audit", "auditor")).json()["items"]
    assert (said["action"], said["who"], said["details"]["about"]) == (
        "report.subject_chosen",
        "bolat",
        "car",
    )
    none = await api.post(path, {"version": detail["version"], "thing": None}, "operator")
    assert none.status_code == 200, none.text
    await looked_at(api)
    (file,) = (await api.get(f"/reports/{tracking}", "operator")).json()["attachments"]
    assert [thing["kept"] for thing in file["things"]] == [False, False]
    status = (await egov.send("GET", f"/reports/{tracking}/status")).json()
    assert (status["state"], status["note"]) == ("forwarded", ""), "the reporter is told nothing of it"


@pytest.mark.slow
async def test_a_choice_that_could_not_be_told_is_told_when_it_is_sent_again(
    api: Any, egov: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = api.app.state.services
    tracking = await two_cars_seen(api, egov)
    report = services.reports.get(tracking)
    path = f"/reports/{tracking}/files/{report.files[0].sha256[:16]}/subject"
    body = {"version": report.version, "thing": 1}
    with monkeypatch.context() as patch:
        patch.setattr(services.results, "write", away)
        assert (await api.post(path, body, "reviewer", sub="bolat")).status_code == 503
    again = await api.post(path, body, "reviewer", sub="bolat")
    assert (again.status_code, again.json()["version"]) == (200, report.version + 1)
    assert services.results.event(told(services.reports.get(tracking)).id) is not None
    await looked_at(api)
    later = await api.post(path, body, "reviewer", sub="bolat")
    assert later.json()["attachments"][0]["state"] == "seen", "it stays made, whatever was done with it since"
    assert (await api.post(path, body, "reviewer", sub="dana")).status_code == 409
    assert (await api.post(path, body | {"thing": 0}, "reviewer", sub="bolat")).status_code == 409
    log = (await api.get("/audit", "auditor")).json()["items"]
    assert [entry["action"] for entry in log] == ["report.subject_chosen"]


@pytest.mark.slow
async def test_what_is_made_anew_is_tried_again_where_nobody_can_look_and_hidden_until_then(
    api: Any, egov: Channel
) -> None:
    services = api.app.state.services
    tracking = await two_cars_seen(api, egov)
    detail = (await api.get(f"/reports/{tracking}", "operator")).json()

    def away(*_: object) -> None:
        raise HelperAway("the helper for clips is gone")

    services.work.looker.look = away
    path = f"/reports/{tracking}/files/{detail['attachments'][0]['id']}/subject"
    assert (await api.post(path, {"version": detail["version"], "thing": 1}, "operator")).is_success
    await asyncio.to_thread(services.work.work)
    (file,) = (await api.get(f"/reports/{tracking}", "operator")).json()["attachments"]
    assert (file["state"], file["shown"], services.reports.waiting()) == ("chosen", [], 1)
    services.work.looker = TwoCars()
    await looked_at(api)
    (file,) = (await api.get(f"/reports/{tracking}", "operator")).json()["attachments"]
    assert (file["state"], [thing["kept"] for thing in file["things"]]) == ("seen", [False, True])


@pytest.mark.slow
async def test_what_cannot_be_made_anew_is_said_and_keeps_nobody_waiting(api: Any, egov: Channel) -> None:
    services = api.app.state.services
    services.work.looker = TwoCars()
    tracking = (await egov.report(uploads=[await egov.uploaded(photo())])).json()["id"]
    await looked_at(api)
    detail = (await api.get(f"/reports/{tracking}", "operator")).json()
    (kept,) = Path(api.config.settings.evidence).rglob("*.found.json")
    kept.unlink()
    path = f"/reports/{tracking}/files/{detail['attachments'][0]['id']}/subject"
    assert (await api.post(path, {"version": detail["version"], "thing": 1}, "operator")).is_success
    await looked_at(api)
    detail = (await api.get(f"/reports/{tracking}", "operator")).json()
    (file,) = detail["attachments"]
    assert (file["state"], file["shown"]) == ("seen", [])
    assert "could not be made again: what was found in it is not kept" in detail["unknown"][-1]


@pytest.mark.slow
async def test_of_a_report_that_has_ended_nothing_is_chosen(api: Any, egov: Channel) -> None:
    services = api.app.state.services
    services.work.looker = TwoCars()
    tracking = (await egov.report(uploads=[await egov.uploaded(photo())])).json()["id"]
    await looked_at(api)
    detail = (await api.get(f"/reports/{tracking}", "operator")).json()
    ended = await api.post(f"/reports/{tracking}/confirm", {"version": detail["version"]}, "operator")
    path = f"/reports/{tracking}/files/{detail['attachments'][0]['id']}/subject"
    answer = await api.post(path, {"version": ended.json()["version"], "thing": 1}, "operator")
    assert (answer.status_code, "expected an open one" in answer.json()["detail"]) == (409, True)
    nobodys = f"/reports/{tracking}/files/{'0' * 16}/subject"
    assert (await api.post(nobodys, {"version": 0, "thing": 1}, "operator")).status_code == 404


def seen_by_camera(kind: str, minutes: float, key: int = 0, camera: str = "esil-1", **data: Any) -> Event:
    """An event of the camera at the crosswalk, so many minutes ago."""
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    return Event.of(kind, camera_id=camera, district="esil", at=at, data=data, key=(kind, key))


def stood(minutes: float, key: int = 0, **more: Any) -> Event:
    """A violation of the very kind that is reported."""
    data = speeding(rule="prohibited_stopping").data
    return seen_by_camera("dome.violation.prohibited_stopping.v1", minutes, key, **data | more)


async def saw(api: Any, report_id: str, **who: Any) -> list[tuple[str, str]]:
    detail = (await api.get(f"/reports/{report_id}", "operator", **who)).json()
    return [(row["kind"], row["id"]) for row in detail["cameras_saw"]]


async def test_what_cameras_nearby_tell_of_that_time_is_there_however_late_they_tell_it(
    api: Any, egov: Channel
) -> None:
    tracking = (await egov.report()).json()["id"]
    far = (await egov.report("2", latitude=43.29)).json()["id"]
    await looked_at(api)
    assert await saw(api, tracking) == []
    other = seen_by_camera("dome.violation.speeding.v1", 1, **speeding().data)
    same = stood(12)
    api.write(other, same, stood(20, 1), stood(1, 2, camera="almaly-1"))
    assert await saw(api, tracking) == [("violation", same.id), ("violation", other.id)]
    assert await saw(api, far) == []
    detail = (await api.get(f"/reports/{tracking}", "operator")).json()
    row = detail["cameras_saw"][0]
    assert (row["rule"], row["camera"], detail["nearby"]) == ("prohibited_stopping", "esil-1", 2)
    opened = await api.get(row["href"].removeprefix("/api/v1"), "operator")
    assert (opened.status_code, opened.json()["id"]) == (200, same.id)


async def test_what_a_camera_saw_is_not_pushed_out_by_all_that_passes_it(api: Any, egov: Channel) -> None:
    same = stood(9)
    passed = [seen_by_camera(PASSAGE, 8 - n / 50, n, section="s", role="entry") for n in range(250)]
    api.write(same, *passed)
    tracking = (await egov.report()).json()["id"]
    await looked_at(api)
    assert await saw(api, tracking) == [("violation", same.id)]


async def test_a_thing_that_a_camera_saw_is_named_once_and_can_be_opened(api: Any, egov: Channel) -> None:
    left = seen_by_camera(OBJECT_ABANDONED, 4)
    api.write(left, seen_by_camera(OBJECT_ESCALATED, 2, object=left.id))
    tracking = (await egov.report(service="abandoned_object")).json()["id"]
    await looked_at(api)
    assert await saw(api, tracking) == [("object", left.id)]
    (row,) = (await api.get(f"/reports/{tracking}", "operator")).json()["cameras_saw"]
    opened = await api.get(row["href"].removeprefix("/api/v1"), "operator")
    assert [item["id"] for item in opened.json()["items"]] == [left.id]


async def test_what_a_camera_of_another_district_saw_is_counted_and_not_shown(
    api: Any, egov: Channel
) -> None:
    tracking = (await egov.report()).json()["id"]
    await looked_at(api)
    api.write(stood(1))
    reports = api.app.state.services.reports
    held = reports.get(tracking)
    reports.replace((held.model_copy(update={"district": "almaly", "version": held.version + 1}), held))
    assert await saw(api, tracking, districts=["almaly"]) == []
    detail = (await api.get(f"/reports/{tracking}", "operator", districts=["almaly"])).json()
    assert detail["nearby"] == 1


@pytest.mark.slow
async def test_whoever_tells_of_the_same_brings_what_cameras_saw_at_their_time(
    api: Any, egov: Channel, bank: Channel
) -> None:
    first = (await egov.report()).json()["id"]
    await looked_at(api)
    early, late = stood(20), stood(-10, 1)
    api.write(early, late)
    at = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    second = (await bank.report(happened_at=at)).json()["id"]
    await looked_at(api)
    assert (await api.get(f"/reports/{second}", "operator")).json()["merged_into"] == first
    assert await saw(api, first) == [("violation", late.id), ("violation", early.id)]
    (row,) = (await api.get("/reports?state=forwarded", "operator")).json()["items"]
    assert row["nearby"] == 2, "lists are as new as the last look"


@pytest.mark.slow
async def test_a_report_from_nowhere_is_seen_by_those_who_look_everywhere_and_given_on(
    api: Any, egov: Channel
) -> None:
    tracking = (await egov.report(latitude=10.0, longitude=10.0)).json()["id"]
    await looked_at(api)
    assert (await api.get(f"/reports/{tracking}", "operator")).status_code == 404
    found = (await api.get("/reports", "operator", districts=["*"])).json()["items"][0]
    assert found["district"] == ""
    body = {"version": found["version"], "district": "nowhere"}
    wrong = await api.post(f"/reports/{tracking}/forward", body, "operator", districts=["*"])
    assert (wrong.status_code, "almaly, esil" in wrong.json()["detail"]) == (422, True)
    body["district"] = "almaly"
    assert (
        await api.post(f"/reports/{tracking}/forward", body, "operator", districts=["*"])
    ).status_code == 200
    assert (await api.get(f"/reports/{tracking}", "operator", districts=["almaly"])).status_code == 200


@pytest.mark.slow
async def test_declining_says_why_to_who_reported(api: Any, egov: Channel) -> None:
    tracking = (await egov.report()).json()["id"]
    await looked_at(api)
    version = (await api.get(f"/reports/{tracking}", "operator")).json()["version"]
    path = f"/reports/{tracking}/decline"
    assert (await api.post(path, {"version": version}, "operator")).status_code == 422
    assert (
        await api.post(path, {"version": version, "note": "Stopping is allowed there"}, "operator")
    ).is_success
    row = (await egov.send("GET", f"/open311/v2/requests/{tracking}.json")).json()[0]
    assert (row["status"], row["status_notes"]) == ("closed", "declined: Stopping is allowed there")


@pytest.mark.slow
async def test_looking_gives_way_to_receipts_and_goes_on(api: Any, egov: Channel) -> None:
    services = api.app.state.services
    nobody_else(services)
    for n in range(12):
        await egov.report(str(n), latitude=43.21 + n / 1000)
    before = services.reports.waiting()
    services.work.busy = lambda: True
    assert services.work.work() == 0
    assert services.reports.waiting() == before - 1
    services.work.busy = lambda: False
    assert services.work.work() == before - 1
    assert services.reports.waiting() == 0


@pytest.mark.slow
async def test_a_report_that_cannot_be_worked_on_keeps_nobody_waiting(
    api: Any, egov: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = api.app.state.services
    nobody_else(services)
    stuck = (await egov.report("1", uploads=[await egov.uploaded(photo())])).json()["id"]
    behind = (await egov.report("2", service="speeding")).json()["id"]

    def unreadable(*_: object) -> None:
        raise StoreError("the disk is broken here")

    monkeypatch.setattr(services.evidence, "local", unreadable)
    for _ in range(2):
        with pytest.raises(StoreError, match="broken"):
            services.work.work()
    assert (services.reports.get(stuck).state, services.reports.get(behind).state) == (
        "received",
        "forwarded",
    )


async def test_a_report_whose_files_have_no_room_in_the_same_stays_by_itself(api: Any, egov: Channel) -> None:
    services = api.app.state.services
    nobody_else(services)
    files = [
        Attachment(sha256=f"{n:064x}", size=1, media_type="image/jpeg", state="refused") for n in range(100)
    ]
    services.work.inspector = Refusing()
    full = services.reports.add(report("1", files=files, state="forwarded"))
    folder = folder_of(report("2").id)
    last = Attachment(sha256="f" * 64, size=1, media_type="image/jpeg", folder=folder)
    services.evidence.put(folder, last.name, b"?")
    alone = services.reports.add(report("2", files=[last]))
    assert services.work.work() == 1
    found = services.reports.get(alone.id)
    assert (found.state, found.merged_into, services.reports.get(full.id)) == ("forwarded", "", full)


@pytest.mark.slow
async def test_what_is_refused_is_removed_once_that_is_written_and_what_is_gone_is_refused(
    api: Any, egov: Channel
) -> None:
    services = api.app.state.services
    nobody_else(services)
    uploads = [await egov.uploaded(photo(n)) for n in range(2)]
    tracking = (await egov.report(uploads=uploads)).json()["id"]
    folder = Path(api.config.settings.evidence) / folder_of(tracking)
    services.work.inspector = Refusing(most=1)
    assert services.work.work() == 0
    assert len(list(folder.iterdir())) == 2, "the report does not say yet that one is refused"
    gone, _ = services.reports.get(tracking).files
    services.evidence.drop(gone.folder, gone.name)
    services.work.inspector = Refusing()
    assert services.work.work() == 1
    found = services.reports.get(tracking)
    assert [file.why for file in found.files] == ["it is not kept any more", "damaged"]
    assert (found.state, list(folder.iterdir())) == ("forwarded", [])


class Meanwhile(Masked):
    """Something happens, once, when a file has been looked at and nothing is written yet."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens = [happens]

    def look(self, *of: Any, **more: Any) -> Looked:
        made = super().look(*of, **more)
        if self._happens:
            self._happens.pop()()
        return made


@pytest.mark.parametrize("ends", ["once the new one is there", "before the new one is there"])
async def test_a_report_that_is_erased_and_sent_anew_while_it_is_looked_at_is_the_new_one(
    api: Any, egov: Channel, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    services = api.app.state.services
    nobody_else(services)
    tracking = (await egov.report("1", text="old", uploads=[await egov.uploaded(photo(1))])).json()["id"]
    anew = Claim(channel="egov", reference="1", service="other", latitude=43.24, longitude=76.91, text="new")
    late: list[Report] = []

    def waits(made: Report) -> Report:
        late.append(made)
        return made

    def again() -> None:
        assert services.reception.erase("egov", tracking)
        with monkeypatch.context() as slow:
            if ends.startswith("before"):
                slow.setattr(services.reports, "add", waits)
            services.reception.accept(anew, [photo(2)])

    services.work.looker = Meanwhile(again)
    assert services.work.work() == 0
    for made in late:
        services.reports.add(made)
    assert services.work.work() == 1
    held = services.reports.get(tracking)
    (file,) = held.files
    assert (held.text, held.state) == ("new", "forwarded")
    folder = Path(api.config.settings.evidence) / file.folder
    assert {each.name for each in folder.iterdir()} == {file.name, *file.shown}, (
        "nothing is left of the old one"
    )
    assert services.evidence.read(file.folder, file.name) == photo(2)


async def test_a_photo_whose_report_was_received_outlives_a_full_disk(
    api: Any, egov: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = api.app.state.services
    nobody_else(services)
    tracking = (await egov.report(uploads=[await egov.uploaded(photo())])).json()["id"]
    helper = services.work.inspector._helper
    with monkeypatch.context() as full:
        ask = helper.ask
        full.setattr(helper, "ask", lambda asked, *more: ask(asked | {"preview": "/dev/full"}, *more))
        assert services.work.work() == 0
        assert (services.reports.get(tracking).state, services.reports.waiting()) == ("received", 1)
        later = datetime.now(UTC) + PATIENCE
        full.setattr(services.work, "now", lambda: later)
        assert services.work.work() == 1, "people go on with a report that no machine could look at for a day"
    detail = (await api.get(f"/reports/{tracking}", "operator")).json()
    (file,) = detail["attachments"]
    assert (detail["state"], file["state"], file["shown"]) == ("forwarded", "waiting", [])
    original = f"/reports/{tracking}/files/{file['id']}/original"
    assert (await api.post(original, {"why": "the plate"}, "operator")).content == photo()


async def test_a_report_that_waited_for_days_before_anybody_looked_gets_a_second_try_too(
    api: Any, egov: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = api.app.state.services
    nobody_else(services)
    tracking = (await egov.report(uploads=[await egov.uploaded(photo())])).json()["id"]
    later = datetime.now(UTC) + 2 * PATIENCE
    monkeypatch.setattr(services.work, "now", lambda: later)
    inspector, services.work.inspector = services.work.inspector, Refusing(0)
    assert services.work.work() == 0
    services.work.inspector = inspector
    assert services.work.work() == 1
    (file,) = services.reports.get(tracking).files
    assert file.state == "seen"


@pytest.mark.slow
async def test_pages_go_on_where_they_were(api: Any, egov: Channel) -> None:
    made = [(await egov.report(str(n), latitude=43.21 + n / 100)).json()["id"] for n in range(5)]
    first = (await api.get("/reports?limit=2", "operator")).json()
    second = (await api.get(f"/reports?limit=2&cursor={first['next']}", "operator")).json()
    last = (await api.get(f"/reports?limit=2&cursor={second['next']}", "operator")).json()
    ids = [row["id"] for page in (first, second, last) for row in page["items"]]
    assert (sorted(ids), last["next"]) == (sorted(made), None)
    other = await api.get(f"/reports?limit=2&state=closed&cursor={first['next']}", "operator")
    assert other.status_code == 422


def form(*photos: bytes, **fields: str) -> tuple[bytes, dict[str, str]]:
    import httpx

    said = {
        "service_code": "prohibited_stopping",
        "lat": "43.24",
        "long": "76.91",
        "description": "A car",
    } | fields
    files = [("media", (f"{n}.jpg", data, "image/jpeg")) for n, data in enumerate(photos)]
    request = httpx.Request("POST", "http://dome", data=said, files=files or None)
    return request.read(), {"Content-Type": request.headers["content-type"]}


@pytest.mark.slow
async def test_open311_takes_a_form_with_a_photo_in_json_and_in_xml(api: Any, egov: Channel) -> None:
    body, kind = form(photo(), **{"attribute[reference]": "o-1", "email": "a@b.kz", "first_name": "Aigerim"})
    answer = await egov.send("POST", "/open311/v2/requests.json", body, **kind)
    assert answer.status_code == 201, answer.text
    tracking = answer.json()[0]["service_request_id"]
    body, kind = form(description="ү <b> & \x0b")
    answer = await egov.send("POST", "/open311/v2/requests.xml", body, **kind)
    again = await egov.send("POST", "/open311/v2/requests.xml", body, **kind)
    assert (answer.status_code, answer.content) == (201, again.content)
    root = ElementTree.fromstring(answer.content)
    assert (root.tag, root[0].tag) == ("service_requests", "request")
    await looked_at(api)
    detail = (await api.get(f"/reports/{tracking}", "operator")).json()
    assert detail["reporters"] == 2, "the second one tells of the same"
    held = redis.Redis.from_url(api.config.redis_url)
    kept = b"".join(b"".join(held.hgetall(key).values()) for key in held.scan_iter("*report:*"))
    assert b"Aigerim" not in kept
    assert b"a@b.kz" not in kept


@pytest.mark.slow
async def test_a_form_may_be_as_long_with_an_idempotency_key_as_without(api: Any, egov: Channel) -> None:
    body, kind = form(photo() + bytes(17 * 2**20))
    answer = await egov.send("POST", "/open311/v2/requests.json", body, **kind, **{"Idempotency-Key": "k-1"})
    assert answer.status_code == 201, answer.text


@pytest.mark.slow
async def test_open311_lists_what_can_be_reported_and_says_errors_in_its_own_form(
    api: Any, egov: Channel
) -> None:
    listed = (await egov.send("GET", "/open311/v2/services.json")).json()
    assert "prohibited_stopping" in [service["service_code"] for service in listed]
    root = ElementTree.fromstring((await egov.send("GET", "/open311/v2/services.xml")).content)
    assert [root.tag, root[0].tag, root[0][0].tag] == ["services", "service", "service_code"]
    defined = (await egov.send("GET", "/open311/v2/services/speeding.json")).json()
    assert [a["code"] for a in defined["attributes"]] == ["reference", "happened_at", "uploads"]
    ElementTree.fromstring((await egov.send("GET", "/open311/v2/services/speeding.xml")).content)
    body, kind = form(lat="north")
    wrong = await egov.send("POST", "/open311/v2/requests.json", body, **kind)
    assert (wrong.status_code, wrong.json()[0]["code"]) == (422, 422)
    assert "lat: expected degrees" in wrong.json()[0]["description"]
    body, kind = form(b"GIF89a")
    wrong = await egov.send("POST", "/open311/v2/requests.xml", body, **kind)
    error = ElementTree.fromstring(wrong.content)[0]
    assert (wrong.status_code, error.findtext("code")) == (422, "422")
    body, kind = form(service_code="hunger")
    assert (await egov.send("POST", "/open311/v2/requests.json", body, **kind)).status_code == 422


@pytest.mark.parametrize(
    ("said", "field", "help"),
    [({"media_url": "https://app.example/a.jpg"}, "media_url", "as `media`"),
     ({"lat": "", "long": "", "address_string": "Abay 17"}, "lat", "an address is not looked up")],
)  # fmt: skip
async def test_what_open311_allows_and_nobody_would_look_at_here_is_refused_with_what_to_send(
    egov: Channel, said: dict[str, str], field: str, help: str
) -> None:
    body, kind = form(**said)
    answer = await egov.send("POST", "/open311/v2/requests.json", body, **kind)
    assert answer.status_code == 422, answer.text
    assert (field in answer.text, help in answer.text) == (True, True), answer.text
    body, kind = form(media_url="")
    assert (await egov.send("POST", "/open311/v2/requests.json", body, **kind)).status_code == 201


async def test_open311_lists_those_that_are_named_without_unknown_ones(egov: Channel, bank: Channel) -> None:
    one, two = [(await egov.report(n)).json()["id"] for n in ("1", "2")]
    others = (await bank.report("3")).json()["id"]
    named = ",".join([one, "00000000-0000-0000-0000-000000000000", others, two])
    answer = await egov.send("GET", f"/open311/v2/requests.json?service_request_id={named}")
    assert answer.status_code == 200, answer.text
    assert [row["service_request_id"] for row in answer.json()] == [one, two]


async def test_open311_lists_by_code_time_and_status(api: Any, egov: Channel) -> None:
    one = (await egov.report("1")).json()["id"]
    two = (await egov.report("2", service="speeding")).json()["id"]

    async def ids(query: str) -> list[str]:
        answer = await egov.send("GET", f"/open311/v2/requests.json?{query}")
        assert answer.status_code == 200, answer.text
        return [row["service_request_id"] for row in answer.json()]

    assert await ids("service_code=speeding") == [two]
    assert set(await ids("status=open")) == {one, two}
    assert await ids("status=closed") == []
    assert await ids(f"service_request_id={one}") == [one]
    assert await ids("end_date=2026-01-01T00:00:00Z") == []


def test_a_book_of_channels_is_for_its_owner_only_and_tells_no_key(tmp_path: Path) -> None:
    book = ChannelBook(tmp_path / "keys" / "channels.json")
    assert book.all() == {}
    key = book.add("egov")
    assert book.path.stat().st_mode & 0o777 == 0o600
    assert key not in repr(book.all())
    for wrong in ("egov", "E Gov", ""):
        with pytest.raises(FieldError, match="channel"):
            book.add(wrong)
    book.path.chmod(0o644)
    with pytest.raises(FieldError, match="chmod 600"):
        book.all()


def test_a_damaged_book_does_not_repeat_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "channels.json"
    path.touch(0o600)
    path.write_text('{"egov": ["tooshort-secret"]}')
    with pytest.raises(FieldError, match="as JSON") as caught:
        ChannelBook(path).all()
    assert "secret" not in str(caught.value)
