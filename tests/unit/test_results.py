"""The actor's shell stays thin: importing it brings no Ray, and what cameras use of the store stays light."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from flows.results import results_actor
from flows.settings import Settings


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


@pytest.mark.parametrize(("url", "elsewhere"), [("unix:///x", False), ("redis://shared", True)])
def test_it_starts_again_where_its_spool_is(
    monkeypatch: pytest.MonkeyPatch, url: str, elsewhere: bool
) -> None:
    """Elsewhere only if that machine has gone, and where the socket of an embedded Redis is: never."""
    given: dict[str, Any] = {}
    actor = SimpleNamespace(redis_url=SimpleNamespace(remote=lambda: url))

    def options(**told: Any) -> SimpleNamespace:
        given.update(told)
        return SimpleNamespace(remote=lambda *_: actor)

    monkeypatch.setattr(ray, "remote", lambda _: SimpleNamespace(options=options))
    monkeypatch.setattr(ray, "get", lambda answer: answer)
    node = "ab" * 28
    context = SimpleNamespace(get_node_id=lambda: node)
    monkeypatch.setattr(ray, "get_runtime_context", lambda: context)
    results_actor(Settings.from_env({}), url)
    assert given["scheduling_strategy"].node_id == node
    assert given["scheduling_strategy"].soft == elsewhere
    assert given["num_cpus"] == 0
    assert given["memory"] > 0, "Ray starts whoever asks for nothing anywhere"
    assert given.get("lifetime") == ("detached" if elsewhere else None)
