"""The actor's shell stays thin: importing it brings no Ray, and what cameras use of the store stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest


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
