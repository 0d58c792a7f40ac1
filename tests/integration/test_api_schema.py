"""Schemathesis against the API's own description: no server error, nothing without a token, bounded in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from apiclient import bearer, config_for, speeding, stored, token, write
from evidencestore import store_in
from hypothesis import HealthCheck, Phase, given, settings

from flows.domain.people import ROLES
from flows.store.redis_server import EmbeddedRedis
from serve.api.app import create_app

SECONDS = 60.0
"""For all operations together; each gets its share."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """The API on a port of this machine, as Serve would show it, and headers that may do everything."""
    home: Path = tmp_path_factory.mktemp("schema")
    with EmbeddedRedis(home / "redis") as redis:
        config = config_for(redis.url, home)
        store_in(config.settings.evidence)
        events = [speeding(n) for n in range(20)]
        write(redis.url, *events, *[stored(e, "clip.mp4") for e in events])
        server = uvicorn.Server(uvicorn.Config(create_app(config), port=0, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", bearer(token(config, *ROLES, districts=["*"]))
        server.should_exit = True
        thread.join(20)


def described(served: tuple[str, dict[str, str]]) -> Any:
    base, headers = served
    found = schemathesis.openapi.from_url(f"{base}/api/v1/openapi.json", headers=headers)
    return found.exclude(path_regex="/alerts/stream$")  # it never ends; its door is tested by itself


class Prober:
    """Asks, and notes what should not have been answered so."""

    def __init__(self, base: str, headers: dict[str, str]) -> None:
        self._base, self._headers = base, headers
        self._client = httpx.Client(timeout=30)
        self._bare = httpx.Client(base_url=base, timeout=30)
        self.wrong: list[str] = []
        self.asked = 0

    def ask(self, case: Any) -> None:
        sent = case.as_transport_kwargs(base_url=self._base)
        content = (
            {"content": sent["data"]} if isinstance(sent.get("data"), bytes) else {"data": sent.get("data")}
        )
        headers = {n: v for n, v in dict(sent.get("headers") or {}).items() if n.lower() != "authorization"}
        try:
            answer = self._client.request(
                sent["method"], sent["url"], params=sent.get("params"), json=sent.get("json"),
                cookies=sent.get("cookies"), headers=headers | self._headers, **content,
            )  # fmt: skip
        except (ValueError, TypeError, httpx.InvalidURL, httpx.LocalProtocolError):
            return  # nothing that a client could send
        self.asked += 1
        kind = str(answer.headers.get("content-type", ""))
        where = f"{case.method} {case.path}: {answer.status_code}"
        if answer.status_code >= 500 and answer.status_code != 503:
            self.wrong.append(f"{where} {answer.text[:200]}")
        own = "/open311/" in case.path and kind.startswith(
            ("application/json", "text/xml")
        )  # the standard's form
        if answer.status_code >= 400 and "problem+json" not in kind and not own:
            self.wrong.append(f"{where} is no problem: {kind}")
        if case.path != "/api/v1/health":
            bare = self._bare.request(case.method, case.formatted_path)
            if bare.status_code != 401:
                self.wrong.append(f"{case.method} {case.formatted_path} without a token: {bare.status_code}")


def test_no_request_makes_a_server_error_and_none_is_answered_without_a_token(
    served: tuple[str, dict[str, str]],
) -> None:
    prober = Prober(*served)
    operations = [each.ok() for each in described(served).get_all_operations()]
    share_s = SECONDS / len(operations)
    for operation in operations:
        deadline_s = time.monotonic() + share_s

        @settings(
            max_examples=25,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def probe(case: Any) -> None:
            if time.monotonic() < deadline_s:  # noqa: B023  called in this round
                prober.ask(case)

        probe()
    assert not prober.wrong, "\n".join(prober.wrong[:20])
    assert prober.asked > 3 * len(operations)
