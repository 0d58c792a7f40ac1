from __future__ import annotations

import json
from pathlib import Path

import pytest
from packages import identity, package
from typer.testing import CliRunner

from cluster.cli import app
from flows.store.evidence import EvidenceStore
from flows.store.mounting import ready_evidence

runner = CliRunner()


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    path = tmp_path / "p.zip"
    path.write_bytes(package())
    return path


def test_a_whole_package_exits_with_nought(zipped: Path, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(identity().pem)
    result = runner.invoke(app, ["evidence", "verify", str(zipped), "--trust", str(tmp_path / "root.pem")])
    assert result.exit_code == 0
    assert "good" in result.stdout
    assert "warning signed with a certificate for development" in result.stdout


def test_a_changed_byte_exits_with_one_and_names_the_file(zipped: Path) -> None:
    data = bytearray(package())
    at = data.index(b"captured/cam-1/clip.mp4") + 2000
    data[at] ^= 1
    zipped.write_bytes(bytes(data))
    result = runner.invoke(app, ["evidence", "verify", str(zipped)])
    assert result.exit_code == 1
    assert "broken  captured/cam-1/clip.mp4 expected sha256" in result.stdout


def test_what_is_no_package_exits_with_two(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"hello")
    for path in (tmp_path / "x.zip", tmp_path / "nothing.zip"):
        result = runner.invoke(app, ["evidence", "verify", str(path)])
        assert result.exit_code == 2
        assert "not a package" in result.stderr
    result = runner.invoke(app, ["evidence", "verify", "--json", str(tmp_path / "x.zip")])
    assert json.loads(result.stdout)["verdict"] == "not a package"


def test_json_is_for_machines(zipped: Path) -> None:
    found = json.loads(runner.invoke(app, ["evidence", "verify", "--json", str(zipped)]).stdout)
    assert (found["verdict"], found["faults"], found["complete"]) == ("good", [], True)
    assert found["files"] == found["files_as_hashed"]
    assert len(found["signer_sha256"]) == 64


def test_trust_in_a_file_that_is_none_is_bad_input(zipped: Path, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("hello")
    result = runner.invoke(app, ["evidence", "verify", str(zipped), "--trust", str(tmp_path / "root.pem")])
    assert result.exit_code == 2
    assert "--trust" in result.stderr


def test_a_new_disk_is_begun_with_when_somebody_says_so(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOME_HOME", str(tmp_path))
    monkeypatch.setenv("DOME_REDIS_URL", redis_url)
    ready_evidence(redis_url, str(tmp_path / "evidence"))
    (tmp_path / "evidence").rename(tmp_path / "lost")
    begun = runner.invoke(app, ["evidence", "begin"])
    assert begun.exit_code == 0, begun.stderr
    assert begun.stdout.split()[-1] == EvidenceStore(str(tmp_path / "evidence")).set_up()
    ready_evidence(redis_url, str(tmp_path / "evidence"))
    EvidenceStore(str(tmp_path / "evidence")).put("lane-1/2026-09-01/a", "a.jpg", b"picture")
