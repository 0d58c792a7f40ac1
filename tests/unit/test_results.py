"""The actor's shell stays thin: importing it brings no Ray, and what cameras use of the store stays light."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from flows.domain.errors import StoreError
from flows.results import results_actor, terms
from flows.settings import Settings
from flows.store.results import Retention


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("flows.results", {"ray", "torch", "cv2", "pandas"}),
        ("flows.store.spool", {"ray", "redis", "torch", "cv2", "pandas"}),
        ("flows.store.lines", {"ray", "redis", "torch", "cv2", "pandas"}),
    ],
)
def test_importing_stays_light(module: str, absent: set[str]) -> None:
    code = f"import sys, {module}; print(*(set(sys.modules) & {absent!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


class Cluster:
    """Ray, as far as it is asked here: one named actor, which answers at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given: dict[str, Any] = {}
        self.running: Any = None
        self.spooled, self.flushed = 0, False
        node = SimpleNamespace(get_node_id=lambda: "ab" * 28)
        monkeypatch.setattr(ray, "remote", lambda _: SimpleNamespace(options=self._options))
        monkeypatch.setattr(ray, "get", lambda answer: answer)
        monkeypatch.setattr(ray, "kill", self._kill)
        monkeypatch.setattr(ray, "get_actor", self._named)
        monkeypatch.setattr(ray, "get_runtime_context", lambda: node)

    def _options(self, **given: Any) -> SimpleNamespace:
        self.given = given
        return SimpleNamespace(remote=self._started)

    def _started(self, settings: Settings, url: str, retention: Retention | None = None) -> Any:
        if self.running is None:
            held = terms(settings, retention)
            self.running = SimpleNamespace(
                redis_url=SimpleNamespace(remote=lambda: url),
                other_terms=SimpleNamespace(
                    remote=lambda wanted: [n for n in wanted if wanted[n] != held[n]]
                ),
                flush=SimpleNamespace(remote=self._flush),
            )
        return self.running

    def _flush(self, _: float) -> SimpleNamespace:
        self.flushed = True
        return SimpleNamespace(spooled=self.spooled)

    def _kill(self, actor: Any) -> None:
        assert self.flushed, "events that wait are written before it goes"
        assert actor is self.running
        self.running = None

    def _named(self, *_: str) -> Any:
        if self.running is None:
            raise ValueError
        return self.running


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(monkeypatch)


@pytest.mark.parametrize(("url", "elsewhere"), [("unix:///x", False), ("redis://shared", True)])
def test_it_starts_again_where_its_spool_is(cluster: Cluster, url: str, elsewhere: bool) -> None:
    """Elsewhere only if that machine has gone, and where the socket of an embedded Redis is: never."""
    results_actor(Settings.from_env({}), url)
    given = cluster.given
    assert given["scheduling_strategy"].node_id == "ab" * 28
    assert given["scheduling_strategy"].soft == elsewhere
    assert given["num_cpus"] == 0
    assert given["memory"] > 0, "Ray starts whoever asks for nothing anywhere"
    assert given.get("lifetime") == ("detached" if elsewhere else None)


URL = "redis://shared"
BEFORE = {"DOME_HOME": "/srv/dome", "DOME_PLATE_KEY": "k1:" + "07" * 16}
LAW = Retention(keep_days=365, unconfirmed_days=30)


@pytest.mark.parametrize(
    ("env", "law", "refused"),
    [
        ({"DOME_EVIDENCE": "/srv/other"}, LAW, "DOME_EVIDENCE"),
        ({"DOME_PLATE_KEY": "k2:" + "08" * 16}, LAW, "DOME_PLATE_KEY"),
        ({}, Retention(keep_days=365, unconfirmed_days=10), "jurisdiction"),
        ({"DOME_SPOOL": "/srv/spool"}, LAW, ""),
        ({"DOME_AUDIT": "/srv/audit"}, LAW, ""),
    ],
)
def test_a_job_is_not_served_by_what_an_earlier_one_left_behind(
    cluster: Cluster, env: dict[str, str], law: Retention, refused: str
) -> None:
    """Other law, keys and folders hold from the next job on; beside a job that runs only what they can do without."""
    before = results_actor(Settings.from_env(BEFORE), URL, LAW)
    assert results_actor(Settings.from_env(BEFORE), URL, LAW) is before
    wanted = Settings.from_env(BEFORE | env)
    if refused:
        with pytest.raises(StoreError, match=refused) as told:
            results_actor(wanted, URL, law, True)
        assert "08" * 16 not in str(told.value)
    else:
        assert results_actor(wanted, URL, law, True) is before
    assert cluster.running is before, "cameras of a job that runs rely on it"
    assert results_actor(wanted, URL, law) is not before


def test_newer_software_takes_over(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    before = results_actor(Settings.from_env(BEFORE), URL)
    monkeypatch.setattr("flows.results.code_sha256", lambda: "newer")
    after = results_actor(Settings.from_env(BEFORE), URL)
    assert after is not before
    del after.other_terms  # it is of a version that cannot tell
    assert results_actor(Settings.from_env(BEFORE), URL) is not after


def test_what_waits_on_an_earlier_jobs_disk_is_not_left_there(cluster: Cluster) -> None:
    before = results_actor(Settings.from_env(BEFORE), URL)
    cluster.spooled = 3
    with pytest.raises(StoreError, match="3 events"):
        results_actor(Settings.from_env(BEFORE | {"DOME_SPOOL": "/srv/spool"}), URL)
    assert cluster.running is before
