"""Debian's Chromium, what it is shown, and the rules of accessibility that pages are held to."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from serve.api.app import create_app
from serve.api.config import ApiConfig

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


@contextmanager
def served(config: ApiConfig, port: int = 0) -> Iterator[str]:
    """The application as Serve would run it; its address.

    Args:
        config: Of the API.
        port: Where; 0: on a port of its own.
    """
    import uvicorn

    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind(("127.0.0.1", port))
    place.listen()  # so that a browser that comes before the application waits for it
    uses = uvicorn.Config(create_app(config), log_level="warning", lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(uses)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{place.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        place.close()
