"""``dome case``: what is not searched is said, and a no is heard."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from searching import DAY, T0, make_case, make_vehicle_case

from flows.casework.auditing import Seals
from flows.settings import Settings
from flows.store import keys
from flows.store.audit import AuditStore
from flows.store.cases import CaseStore
from flows.store.connection import client
from flows.store.ledger import to_ms
from flows.store.vault import Vault

WHY = "photo p1: dlib finds no face in it"


def test_a_case_that_is_not_searched_says_so(
    dome, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOME_REDIS_URL", redis_url)
    monkeypatch.setenv("DOME_HOME", str(tmp_path))
    cases = CaseStore(redis_url, Vault(Fernet.generate_key()))
    for name in ("case-1", "case-2"):
        cases.create(make_case(id=name), {"p1": b"sealed"})
        cases.authorise(name, "bolat")
        cases.activate(name, "asel")
    cases.note_unsearched(cases.active().version, {"case-1": WHY})
    cases.close_connections()
    said = {
        each["id"]: each["unsearched"] for each in json.loads(dome("case", "list", "--json").stdout)["cases"]
    }
    assert said == {"case-1": WHY, "case-2": ""}
    assert f"case-1: not searched, or not in full: {WHY}" in dome("case", "list").stdout
    assert f"unsearched: {WHY}" in dome("case", "show", "case-1", "--as", "dana").stdout
    assert "unsearched" not in dome("case", "show", "case-2", "--as", "dana").stdout


def test_setting_the_clock_ends_no_case_by_the_wrong_time(
    dome, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOME_REDIS_URL", redis_url)
    monkeypatch.setenv("DOME_HOME", str(tmp_path))
    cases = CaseStore(redis_url, Vault(Fernet.generate_key()))
    cases.create(make_case(), {"p1": b"sealed"})
    cases.authorise("case-1", "bolat")
    cases.activate("case-1", "asel")
    client(redis_url, 1.0).set(keys.CLOCK, str(to_ms(T0 + 30 * DAY)))
    assert cases.active().cases == ()
    assert dome("case", "clock", "--as", "dana", "--why", "it was ahead").exit_code == 0
    assert [case.id for case in cases.active().cases] == ["case-1"]
    cases.close_connections()


@pytest.fixture
def home(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with its keys."""
    monkeypatch.setenv("DOME_REDIS_URL", redis_url)
    monkeypatch.setenv("DOME_HOME", str(tmp_path))
    monkeypatch.setenv("DOME_PROBE_KEY", Fernet.generate_key().decode())
    monkeypatch.setenv("DOME_PLATE_KEY", "k1:" + "07" * 16)
    return tmp_path


def asked(*more: str | Path, plate: str = "777AAA02") -> list[str | Path]:
    """What ``asel`` fills in for the case of a vehicle."""
    until = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    return ["case", "create", "--as", "asel", "--purpose", "wanted_by_court_order", "--law", "KPK RK 232",
            "--document", "17-2026", "--plate", plate, "--camera", "good", "--until", until, "--alert-radius-m", "500",
            "--impact-assessment", "I-1", "--registration", "R-1", *more]  # fmt: skip


def made(dome, *more: str | Path) -> str:
    return str(json.loads(dome(*asked(*more), "--json").stdout)["id"])


def test_after_a_no_to_a_vehicle_s_case_nobody_begins_an_urgent_one_alone(dome, home: Path) -> None:
    first = made(dome)
    assert dome("case", "reject", first, "--as", "bob", "--why", "no grounds").exit_code == 0
    second = made(dome, "--urgent")
    begun = dome("case", "activate", second, "--as", "asel")
    assert begun.exit_code == 1
    assert f"case {first} on the same target was rejected" in " ".join(begun.stderr.split())


def test_where_no_job_ever_ran_nothing_is_said_of_files_that_cannot_be_removed(
    dome, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert dome("case", "reject", made(dome), "--as", "bob", "--why", "no grounds").exit_code == 0
    assert dome("case", "list").exit_code == 0
    assert caplog.text == ""


def test_all_searching_can_be_stopped_where_the_key_is_none(
    dome, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOME_PROBE_KEY", "no key")
    assert dome("case", "stop-all", "--as", "bob", "--why", "now").exit_code == 0


@pytest.mark.parametrize(("reads", "status"), [("false", 2), ("true", 0)])
def test_a_vehicle_is_not_searched_for_where_no_camera_of_the_site_reads_plates(
    dome, home: Path, site: Path, reads: str, status: int
) -> None:
    site.write_text(f"{site.read_text()}    read_plates: {reads}\n")
    answer = dome(*asked("--site", site))
    assert answer.exit_code == status
    assert ("--camera: expected a camera that reads plates, got good" in answer.stderr) == bool(status)


@pytest.mark.slow
def test_what_commands_write_is_sealed_where_no_job_runs(
    dome, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOME_REDIS_URL")  # one of its own
    made(dome)
    told = json.loads(dome("audit", "verify", "--json").stdout)
    assert (told["ok"], told["seals"], told["sealed"]) == (True, 1, told["entries"])


def test_leads_of_a_case_that_never_was_are_no_empty_list(dome, home: Path) -> None:
    asked = dome("lead", "list", "case-typo", "--as", "dana")
    assert asked.exit_code == 2
    assert "case: expected the id of a case, got 'case-typo'" in asked.stderr
    assert json.loads(dome("audit", "verify", "--json").stdout)["entries"] == 0


def test_a_command_by_a_redis_that_is_older_than_its_seals_stops_all_searching_first(
    dome, redis_url: str, home: Path
) -> None:
    cases, audit, redis = CaseStore(redis_url), AuditStore(redis_url), client(redis_url, 1.0)
    seals = Seals(Settings.from_env().audit)
    cases.create(make_vehicle_case(), {})
    cases.authorise("case-1", "bolat")
    cases.activate("case-1", "asel")
    seals.write(audit, T0)
    backup: Any = {key: redis.dump(key) for key in redis.keys("*")}
    cases.reject("case-1", "dana", "it was unlawful")
    seals.write(audit, T0)
    redis.flushall()
    for key, held in backup.items():
        redis.restore(key, 0, held)
    told = dome("case", "list")
    assert "Redis came back older than its seals" in cases.stopped()
    assert "searching is stopped" in (told.stdout + told.stderr).lower()
    for each in (cases, audit):
        each.close_connections()
    redis.close()
