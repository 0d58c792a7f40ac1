from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cluster import applying
from flows.domain.site import SiteConfig
from flows.stream.fleet import SiteAnswer


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOME_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def test_it_says_what_the_job_did(dome, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_in: list[SiteConfig] = []

    def hand_in(config: SiteConfig, *_: object) -> SiteAnswer:
        handed_in.append(config)
        return SiteAnswer(added=("good",), removed=("old", "older"))

    monkeypatch.setattr(applying, "hand_in", hand_in)
    result = dome("apply", site)
    assert (result.exit_code, result.stdout) == (0, "added: good; removed: old, older\n")
    assert [camera.id for camera in handed_in[0].cameras] == ["good"]


def test_a_camera_that_cannot_be_started_is_a_failure(
    dome, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "hand_in", lambda *_: SiteAnswer(unable=("good (no weights)",)))
    result = dome("apply", site)
    assert (result.exit_code, result.stdout) == (1, "not started: good (no weights)\n")


def test_a_file_with_one_bad_camera_changes_nothing(
    dome, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "hand_in", lambda *_: pytest.fail("handed in"))
    site.write_text(site.read_text() + "  - id: bad\n    source: b.mp4\n    latitude: north\n")
    result = dome("apply", site)
    assert result.exit_code == 2
    assert "error: cameras.bad.latitude" in result.stderr
    assert "nothing was changed" in result.stderr


def test_without_a_job_it_says_where_it_looked(dome, site: Path, tmp_path: Path) -> None:
    result = dome("apply", site)
    assert result.exit_code == 1
    assert f"no live job runs with DOME_HOME {tmp_path / 'home'}" in result.stderr.replace("\n", " ")


def test_an_address_that_a_killed_job_left_behind_is_not_waited_for(dome, site: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "ray-address").write_text(f"127.0.0.1:{port}")
    result = dome("apply", site)
    assert result.exit_code == 1
    assert "no live job runs" in result.stderr
