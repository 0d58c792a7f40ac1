"""The files that a live job writes, without Ray: its actors are fakes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster import live
from cluster.live import LiveOptions, run_live
from flows.domain.site import SiteConfig
from flows.domain.status import ResultsStatus, Summary
from flows.settings import Settings
from flows.site.sitefile import load_site

FILE = "source: a.mp4"
CAMERA = 'source: "rtsp://192.0.2.1/a"'


class Job:
    """A live job that is over at once."""

    def __init__(self, site: SiteConfig, *_: object) -> None:
        self.cameras, self.statuses, self.sent = site.cameras, (), ()
        self.results = ResultsStatus(written=7)

    def start(self) -> None: ...
    def look(self) -> None: ...
    def heed(self) -> None: ...
    def stop(self) -> None: ...
    def over(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def ready(*_: object) -> Iterator[str]:
        yield "unix:none"

    for name in ("redis_for", "ray_for", "reachable"):
        monkeypatch.setattr(live, name, ready)
    store = SimpleNamespace(
        newest=lambda: "0", events=lambda *_, **__: [], entries=lambda _: [], close=lambda: None
    )
    monkeypatch.setattr(live, "ResultsStore", lambda _: store)
    monkeypatch.setattr(live, "ready_evidence", lambda *_: None)
    monkeypatch.setattr(live, "LiveJob", Job)


def run(tmp_path: Path, source: str = FILE, **options: Path) -> Summary:
    (tmp_path / "site.yaml").write_text(f"site: town\ncameras:\n  - {{id: a, {source}}}\n")
    settings = Settings.from_env({"DOME_HOME": str(tmp_path / "home")})
    site = load_site(tmp_path / "site.yaml").config
    return run_live(site, [], LiveOptions(settings=settings, **options), lambda *_: None)


@pytest.mark.parametrize(("source", "left"), [(FILE, ""), (CAMERA, "what an earlier run left\n")])
def test_a_restart_empties_no_live_cameras_file(tmp_path: Path, source: str, left: str) -> None:
    events = tmp_path / "e.jsonl"
    events.write_text("what an earlier run left\n")
    run(tmp_path, source, events=events)
    assert events.read_text() == left
