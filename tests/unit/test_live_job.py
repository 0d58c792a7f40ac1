"""The submitted job's exit status, without Ray."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from cluster.jobs import live


@pytest.mark.parametrize(
    "text",
    [
        "cameras: 5\n",
        "site: town\ncameras:\n  - id: bad\n    source: b.mp4\n    latitude: north\n",
    ],
)
def test_a_site_without_a_camera_to_run_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    def start(*_: object) -> NoReturn:
        raise AssertionError("something was started")

    monkeypatch.setattr(live, "run_live", start)
    site = tmp_path / "site.yaml"
    site.write_text(text)
    assert live.main([str(site)]) == 2
