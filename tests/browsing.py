"""Debian's Chromium, and the rules of accessibility that pages are held to."""

from __future__ import annotations

import shutil
from typing import Any

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def check_accessible(page: Any) -> None:
    """Fails with axe's own report."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
