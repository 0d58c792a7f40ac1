"""``dome token`` and ``dome api``: what they print, and that the API believes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.settings import Settings
from serve.api.config import ApiConfig
from serve.api.identity import Identity, keys_for


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOME_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


async def test_a_token_that_is_signed_is_believed(dome: Any, home: Path) -> None:
    result = dome("token", "--role", "reviewer", "--role", "operator", "--district", "esil", "--sub", "Aigul")
    assert result.exit_code == 0, result.output
    config = ApiConfig.from_env("unix:///x", Settings.from_env({"DOME_HOME": str(home)}), env={})
    person = await Identity(config.oidc, keys_for(config.oidc, home)).person(result.stdout.strip())
    assert (person.sub, person.roles, person.districts) == ("aigul", {"reviewer", "operator"}, {"esil"})


@pytest.mark.parametrize(
    ("options", "why"),
    [(("--role", "boss"), "role: expected"), (("--role", "auditor", "--hours", "0"), "hours: expected")],
)
def test_a_token_that_cannot_be_is_refused(dome: Any, home: Path, options: tuple[str, ...], why: str) -> None:
    result = dome("token", *options)
    assert (result.exit_code, why in result.stderr) == (2, True)


@pytest.mark.slow
def test_the_description_names_every_route_with_examples(dome: Any, home: Path, tmp_path: Path) -> None:
    result = dome("api", "--openapi", tmp_path / "openapi.json")
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "openapi.json").read_text())
    assert {"/api/v1/violations", "/api/v1/review/next", "/api/v1/alerts/stream"} <= set(found["paths"])
    assert found["security"] == [{"token": []}]
    assert found["components"]["schemas"]["ViolationRow"]["example"]["plate"]["text"] == "123ABC02"
    operations = [op for path in found["paths"].values() for op in path.values()]
    assert all("401" in op["responses"] and op.get("description") for op in operations)
