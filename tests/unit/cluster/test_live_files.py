"""The files that a live job writes, without Ray: its actors are fakes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster import live
from cluster.live import LiveOptions, run_live
from flows.domain.errors import DomeError, FieldError
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

    def start(self) -> None:
        STARTED.append("the job")

    def look(self) -> None: ...
    def heed(self) -> None: ...
    def stop(self) -> None: ...
    def over(self) -> bool:
        return True


STARTED: list[str] = []


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def ready(*_: object) -> Iterator[str]:
        STARTED.append("what it needs")
        yield "unix:none"

    STARTED.clear()
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


@pytest.mark.parametrize("option", ["events", "summary"])
@pytest.mark.parametrize("path", ["folder", "site.yaml/file.json"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_starts(
    tmp_path: Path, option: str, path: str
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(FieldError, match=f"--{option}: expected a file that can be written"):
        run(tmp_path, **{option: tmp_path / path})
    assert STARTED == []


def test_one_file_does_not_take_both(tmp_path: Path) -> None:
    with pytest.raises(FieldError, match="--summary: expected another file than that of --events"):
        run(tmp_path, events=tmp_path / "a", summary=tmp_path / "home" / ".." / "a")
    assert not (tmp_path / "a").exists()


def test_counts_are_not_lost_with_the_disk_that_was_to_hold_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "new" / "s.json"
    monkeypatch.setattr(Job, "stop", lambda _: summary.parent.rmdir())
    with pytest.raises(DomeError, match=r'--summary: cannot write .*"written":7'):
        run(tmp_path, summary=summary)
