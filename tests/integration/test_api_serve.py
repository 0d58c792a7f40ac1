"""The API behind Ray Serve: it listens on this machine only, streams live events, and keeps no state of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import httpx
import psutil
import pytest
from apiclient import bearer, speeding, token, write
from serving import served

from flows.domain.errors import DomeError
from serve.api.config import ApiConfig
from serve.app import start_serve


@pytest.fixture(scope="module")
def api(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiConfig, str]]:
    with served(tmp_path_factory.mktemp("api")) as found:
        yield found


def test_it_answers_on_this_machine_only(api: tuple[ApiConfig, str]) -> None:
    config, base = api
    assert httpx.get(f"{base}/health").json()["redis"] == "up"
    assert httpx.get(f"{base}/me").status_code == 401
    own = httpx.get(f"{base}/me", headers=bearer(token(config, "operator")))
    assert own.json()["roles"] == ["operator"]
    port = httpx.URL(base).port
    listening = [
        c.laddr.ip for c in psutil.net_connections("tcp") if c.status == "LISTEN" and c.laddr.port == port
    ]
    assert set(listening) == {"127.0.0.1"}


def test_another_address_is_refused_where_serve_listens_already(api: tuple[ApiConfig, str]) -> None:
    port = httpx.URL(api[1]).port
    assert port is not None
    start_serve(("127.0.0.1", port))
    with pytest.raises(DomeError, match=f"listens at 127.0.0.1:{port}, not at 127.0.0.1:1"):
        start_serve(("127.0.0.1", 1))


def test_events_reach_a_listener_and_one_that_comes_back(api: tuple[ApiConfig, str], tmp_path: Path) -> None:
    config, base = api
    headers = bearer(token(config, "operator"))
    news: Queue[str] = Queue()

    def listen(last: str, count: int) -> None:
        more = {"Last-Event-ID": last} if last else {}
        with httpx.stream("GET", f"{base}/alerts/stream", headers=headers | more, timeout=60) as answer:
            place = ""
            for line in answer.iter_lines():
                place = line if line.startswith("id: ") else place
                if line.startswith(":"):
                    news.put(line)
                if line.startswith("data: "):
                    news.put(place)
                    count -= 1
                if count == 0:
                    return

    thread = threading.Thread(target=listen, args=("", 2), daemon=True)
    thread.start()
    assert news.get(timeout=60) == ": connected"
    write(config.redis_url, speeding(0), speeding(1))
    first = [news.get(timeout=60) for _ in range(2)]
    thread.join(60)
    write(config.redis_url, speeding(2))
    threading.Thread(target=listen, args=(first[0].removeprefix("id: "), 2), daemon=True).start()
    assert news.get(timeout=60) == ": connected"
    assert news.get(timeout=60) == first[1]
    assert news.get(timeout=60) > first[1]
