"""Where a live job is found by ``dome apply``, without Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from cluster import applying, live
from cluster.live import LiveJob, LiveOptions, run_live
from flows.domain.errors import StoreError
from flows.domain.site import SiteConfig
from flows.settings import Settings


def at(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    context = SimpleNamespace(gcs_address=address)
    monkeypatch.setattr(applying, "ray", SimpleNamespace(get_runtime_context=lambda: context))


def test_a_job_that_cannot_start_leaves_the_address_of_the_one_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def there(*_: object) -> Iterator[str]:
        yield "redis://shared"

    def start(_: object) -> NoReturn:
        raise StoreError("the spool is in use by another process")

    monkeypatch.setattr(live, "redis_for", there)
    monkeypatch.setattr(live, "ray_for", there)
    monkeypatch.setattr(live, "ready_evidence", lambda *_: None)
    monkeypatch.setattr(LiveJob, "start", start)
    settings = Settings.from_env({"DOME_HOME": str(tmp_path)})
    at(monkeypatch, "10.0.0.1:1111")
    with applying.reachable(settings):
        at(monkeypatch, "10.0.0.1:2222")
        with pytest.raises(StoreError, match="spool"):
            run_live(
                SiteConfig(site="s", districts=(), cameras=()),
                (),
                LiveOptions(settings=settings),
                lambda *_: None,
            )
        assert (tmp_path / "ray-address").read_text() == "10.0.0.1:1111"
    assert not (tmp_path / "ray-address").exists()


def test_whoever_ends_leaves_the_address_of_a_job_that_began_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.from_env({"DOME_HOME": str(tmp_path)})
    at(monkeypatch, "10.0.0.1:1111")
    with applying.reachable(settings):
        (tmp_path / "ray-address").write_text("10.0.0.1:2222")
    assert (tmp_path / "ray-address").read_text() == "10.0.0.1:2222"
