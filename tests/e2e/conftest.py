"""A browser at the console of what a test module has prepared (its fixture ``config``)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apiclient import token
from browsing import CHROMIUM, FLAGS, served

from serve.api.config import ApiConfig

MADE = ("net::ERR_FAILED", "status of 409")
"""What the browser says of connections that a test breaks, and of steps that it has refused."""


@pytest.fixture(scope="module")
def address(config: ApiConfig) -> Iterator[str]:
    """The application on a port of its own."""
    with served(config) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def shots() -> Path:
    """Where pictures of the pages stay, to be looked at: ``.screenshots`` unless DOME_SCREENSHOTS says otherwise."""
    folder = Path(os.environ.get("DOME_SCREENSHOTS") or Path(__file__).parents[2] / ".screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def desk(browser: Any, address: str, config: ApiConfig) -> Iterator[Any]:
    """Opens the console as somebody; whatever the page complains of fails the test."""
    complaints: list[str] = []
    contexts = []

    def enter(
        *roles: Any,
        sub: str = "aigul",
        language: str = "en",
        districts: tuple[str, ...] = ("esil",),
        **more: Any,
    ) -> Any:
        context = browser.new_context(
            locale=language, viewport={"width": 1440, "height": 900}, reduced_motion="reduce", **more
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(f"{address}/console#token={token(config, *roles, sub=sub, districts=districts)}")
        page.wait_for_selector("nav a")
        return page

    yield enter
    for context in contexts:
        context.close()
    assert [said for said in complaints if not any(made in said for made in MADE)] == []
