"""``dome case``, ``dome lead`` and ``dome audit`` over a real Redis, as people type them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from searching import make_found
from typer.testing import CliRunner, Result

from cluster.cli import app
from flows.domain.events import KeyMoment
from flows.domain.platehash import PlateHasher
from flows.domain.probes import ProbeCheck
from flows.domain.sightings import VehicleSeen, seen
from flows.settings import Settings
from flows.store.audit import AuditStore
from flows.store.patrol import PatrolStore
from flows.store.redis_server import EmbeddedRedis
from flows.store.results import ResultsStore
from flows.store.vault import Vault

Dome = Callable[..., Result]
PLATE_KEY = "k1:" + "07" * 16


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path_factory.mktemp("cli") / "redis") as server:
        yield server


@pytest.fixture
def dome(server: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dome:
    from flows.store.connection import client

    client(server.url, 5).flushall()
    monkeypatch.setenv("DOME_REDIS_URL", server.url)
    monkeypatch.setenv("DOME_HOME", str(tmp_path))
    monkeypatch.setenv("DOME_PROBE_KEY", Fernet.generate_key().decode())
    monkeypatch.setenv("DOME_PLATE_KEY", PLATE_KEY)
    monkeypatch.setattr("models.faces.load", lambda name, places: None)
    monkeypatch.setattr("models.faces.probe.ProbeChecker", lambda pair: OneFace())

    def run(*args: object) -> Result:
        return CliRunner().invoke(app, [str(a) for a in args])

    return run


class OneFace:
    def check(self, bgr: object) -> ProbeCheck:
        return ProbeCheck(1, 100, 1, 0, (), {})


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    from PIL import Image

    path = tmp_path / "photo.jpg"
    Image.new("RGB", (300, 200)).save(path)
    return path


def until(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def create(dome: Dome, *more: object) -> Result:
    return dome(
        "case", "create", "--as", "asel", "--law", "KPK RK 232", "--document", "17-2026", "--registration", "R-1",
        "--camera", "hall-1", "--until", until(3), "--alert-radius-m", 1500, "--json", *more,
    )  # fmt: skip


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def person(dome: Dome, photo: Path) -> str:
    return str(told(create(dome, "--purpose", "missing_child", "--person", "A. B.", "--photo", photo))["id"])


def bring_lead(server: EmbeddedRedis, case: str, track: int = 7) -> str:
    vault = Vault.of(Settings.from_env().probe_key.get_secret_value())
    found = make_found(case=case, track=track, crop=vault.seal(jpeg()), template=vault.seal(b"template"))
    event = found.event(camera_id="hall-1", district="esil", at=datetime.now(UTC))
    store = ResultsStore(server.url)
    assert store.write([event]).written == 1
    store.close()
    return event.id


def jpeg() -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (60, 80), (9, 9, 200)).save(out, "JPEG")
    return out.getvalue()


def test_from_the_request_to_the_end(dome: Dome, server: EmbeddedRedis, photo: Path, tmp_path: Path) -> None:
    case = person(dome, photo)
    refused = dome("case", "authorise", case, "--as", "asel")
    assert refused.exit_code == 1
    assert "another person than the requester" in refused.stderr
    assert told(dome("case", "authorise", case, "--as", "bolat", "--json"))["state"] == "authorised"
    assert told(dome("case", "activate", case, "--as", "asel", "--json"))["state"] == "active"
    lead, other = bring_lead(server, case), bring_lead(server, case, track=8)

    sheet = tmp_path / "both.jpg"
    assert dome("lead", "show", lead, "--as", "dana", "--picture", sheet).exit_code == 0
    assert sheet.stat().st_size > 1000
    assert told(dome("lead", "confirm", lead, "--as", "dana", "--json"))["state"] == "confirmed_once"
    views = {v["id"]: v for v in told(dome("lead", "list", case, "--as", "erlan", "--json"))["leads"]}
    assert views[lead]["state"] == "lead"
    assert "dana" not in json.dumps(views)
    assert lead in dome("lead", "list", case, "--as", "erlan").stdout, "whole: the next command asks for it"
    shown = dome("case", "show", case, "--as", "dana").stdout
    assert "target: kind person, name A. B." in shown
    assert "{" not in shown
    assert "answered already" in dome("lead", "confirm", lead, "--as", "dana").stderr
    assert told(dome("lead", "confirm", lead, "--as", "erlan", "--json"))["state"] == "confirmed"
    assert told(dome("lead", "dispatch", lead, "--as", "erlan", "--json"))["state"] == "dispatched"
    with closing(PatrolStore(server.url)) as patrol:
        (task,) = patrol.newest(datetime.now(UTC) - timedelta(hours=1))
    assert (task.about, task.state, task.first) == (lead, "open", True)
    assert task.radius_m == told(dome("case", "show", case, "--as", "dana", "--json"))["alert_radius_m"]
    assert told(dome("lead", "reject", other, "--as", "erlan", "--json"))["state"] == "rejected"
    assert told(dome("case", "show", case, "--as", "dana", "--json"))["suppressed"] == [other]

    listed = dome("case", "list")
    assert case in listed.stdout
    assert "A. B." not in listed.stdout
    assert told(dome("case", "close", case, "--as", "asel", "--why", "found", "--json"))["state"] == "closed"
    assert told(dome("case", "list", "--json"))["cases"] == []

    month = f"{datetime.now(UTC):%Y-%m}"
    figures = told(dome("audit", "report", "--month", month, "--json"))
    assert (figures["cases"], figures["leads"]) == ({"missing_child": 1}, 2)
    assert (figures["confirmed"], figures["rejected"], figures["false_positive_rate"]) == (1, 1, 0.5)
    assert "false positive rate" in dome("audit", "report", "--month", month).stdout
    assert told(dome("audit", "verify", "--json"))["ok"]


def test_a_lead_leaves_the_house_once_two_people_have_confirmed_it(
    dome: Dome, server: EmbeddedRedis, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = person(dome, photo)
    dome("case", "authorise", case, "--as", "bolat")
    dome("case", "activate", case, "--as", "asel")
    lead, file = bring_lead(server, case), tmp_path / "lead.zip"

    def exported() -> Result:
        return dome("evidence", "export", lead, "--out", file, "--as", "aigul", "--json")

    dome("lead", "confirm", lead, "--as", "dana")
    refused = exported()
    assert (refused.exit_code, file.exists()) == (1, False)
    assert "expected one that two people have confirmed" in refused.stderr
    assert "dana" not in refused.stderr
    dome("lead", "confirm", lead, "--as", "erlan")
    report = told(exported())
    assert (report["verdict"], report["event"]) == ("good", lead)
    with zipfile.ZipFile(file) as zipped:
        assert zipped.read("captured/hall-1/seen.jpg") == jpeg()
        assert zipped.read("probe/probe.jpg")
        assert json.loads(zipped.read("facts.json"))["versions"][0]["name"] == "dlib"
    (entry,) = [e for e in AuditStore(server.url).entries() if e.action == "evidence.exported"]
    assert (entry.who, entry.case, entry.subject) == ("aigul", case, lead)
    assert (entry.details["district"], entry.details["sha256"]) == ("esil", report["sha256"])
    monkeypatch.delenv("DOME_PROBE_KEY")
    assert "DOME_PROBE_KEY" in exported().stderr
    assert "still kept" in dome("evidence", "export", "nothing").stderr


def test_everything_missing_is_named(dome: Dome) -> None:
    result = dome("case", "create", "--as", "asel", "--purpose", "missing_child", "--plate", "123ABC02")
    assert result.exit_code == 2
    for field in ("basis.law", "basis.document", "alert_radius_m", "window.ends_at", "expires_at"):
        assert f"error: {field}: expected" in result.stderr
    assert told(dome("case", "list", "--json"))["cases"] == []


def test_without_a_key_no_photo_is_taken(dome: Dome, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOME_PROBE_KEY")
    result = create(dome, "--purpose", "missing_child", "--person", "A. B.", "--photo", photo)
    assert result.exit_code == 2
    assert "DOME_PROBE_KEY: expected a key" in result.stderr


def test_a_camera_that_the_site_does_not_have_is_refused(dome: Dome, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("site: town\njurisdiction: kz\ncameras:\n  - id: good\n    source: good.mp4\n")
    result = create(dome, "--purpose", "missing_child", "--plate", "123ABC02", "--site", site)
    assert result.exit_code == 2
    assert "--camera: expected one of good, got 'hall-1'" in result.stderr


def test_the_stop_switch(dome: Dome, photo: Path) -> None:
    case = person(dome, photo)
    dome("case", "authorise", case, "--as", "bolat")
    dome("case", "activate", case, "--as", "asel")
    assert dome("case", "stop-all", "--as", "dana", "--why", "false leads").exit_code == 0
    assert "all searching is stopped by dana" in dome("case", "list").stdout
    assert "another person" in dome("case", "resume", "--as", "dana", "--why", "me").stderr
    assert "1 active case" in dome("case", "resume", "--as", "erlan", "--why", "corrected").stdout


def test_the_route_of_a_vehicle_is_a_geojson_file(dome: Dome, server: EmbeddedRedis, tmp_path: Path) -> None:
    case = told(create(dome, "--purpose", "missing_person", "--plate", "123 ABC 02", "--camera", "hall-2"))[
        "id"
    ]
    assert "once the case is active" in dome("case", "route", case, "--as", "dana").stderr
    dome("case", "authorise", case, "--as", "bolat")
    dome("case", "activate", case, "--as", "asel")
    hasher = PlateHasher.of(PLATE_KEY)
    assert hasher is not None
    store, now = ResultsStore(server.url), datetime.now(UTC)
    for n, camera in enumerate(("hall-1", "hall-2")):
        at = now + timedelta(milliseconds=n)
        vehicle = VehicleSeen(camera=camera, district="esil", at=at, cls="car", keep_days=7, latitude=43.2 + n,
                              longitude=76.9, moments=(KeyMoment(name="view-1", at=at),))  # fmt: skip
        store.write([seen(vehicle.event(), hasher.hash("123ABC02"))])
    store.close()
    out = tmp_path / "route.geojson"
    assert "2 sightings" in dome("case", "route", case, "--as", "dana", "--out", out).stdout
    features = json.loads(out.read_text())["features"]
    assert [f["properties"].get("camera") for f in features] == ["hall-1", "hall-2", None]
    assert features[2]["geometry"] == {"type": "LineString", "coordinates": [[76.9, 43.2], [76.9, 44.2]]}
    assert "ABC" not in out.read_text()


def test_a_log_that_was_touched_fails_the_command(dome: Dome, server: EmbeddedRedis, photo: Path) -> None:
    from flows.store.connection import client

    case = person(dome, photo)
    dome("case", "authorise", case, "--as", "bolat")
    assert "whole: entries: 2, 0 seals" in dome("audit", "verify").stdout
    client(server.url, 5).xdel("{dome}:audit", "1-1")
    result = dome("audit", "verify")
    assert result.exit_code == 1
    assert "entry 1: missing" in result.stdout


def test_who_checks_the_log_writes_nothing_into_it(
    dome: Dome, server: EmbeddedRedis, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sweep(store: object, now: object = None) -> int:
        raise AssertionError("swept")

    person(dome, photo)
    monkeypatch.setattr("flows.store.cases.CaseStore.sweep", sweep)
    assert "whole: entries: 1" in dome("audit", "verify").stdout


def test_a_capital_letter_makes_no_second_person(dome: Dome, photo: Path) -> None:
    case = person(dome, photo)
    result = dome("case", "authorise", case, "--as", "Asel")
    assert result.exit_code == 2
    assert "by: expected a login" in result.stderr


def test_keys_are_rotated_and_who_did_is_written_down(
    dome: Dome, server: EmbeddedRedis, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = person(dome, photo)
    old, new = Settings.from_env().probe_key.get_secret_value(), Fernet.generate_key().decode()
    monkeypatch.setenv("DOME_PROBE_KEY", f"{new},{old}")
    assert told(dome("case", "reseal", "--as", "dana", "--json")) == {"photos": 1, "crops": 0}
    monkeypatch.setenv("DOME_PROBE_KEY", new)
    assert told(dome("case", "reseal", "--as", "dana", "--json")) == {"photos": 1, "crops": 0}
    noted = [e for e in AuditStore(server.url).entries() if (e.case, e.action) == (case, "case.resealed")]
    assert [entry.who for entry in noted] == ["dana", "dana"]
    assert dome("case", "reseal").exit_code == 2, "nobody opens photos unnamed"
