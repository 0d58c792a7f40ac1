"""Unit tests run in seconds without Ray: starting it here is an error, and what other tests started is not seen."""

from __future__ import annotations

import sys
from typing import NoReturn

import pytest


def _refuse(*_: object, **__: object) -> NoReturn:
    raise RuntimeError("a unit test tried to start Ray; move it to tests/integration")


@pytest.fixture(autouse=True)
def _no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ENABLE_AUTO_CONNECT", "0")
    ray = sys.modules.get("ray")
    if ray is not None:
        monkeypatch.setattr(ray, "init", _refuse)
        monkeypatch.setattr(ray, "is_initialized", lambda: False)
        monkeypatch.setattr(sys.modules["ray._private.worker"], "init", _refuse)
