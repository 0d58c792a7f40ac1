"""``dome case list`` and ``show``: what is not searched is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from searching import DAY, T0, make_case

from flows.store import keys
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
