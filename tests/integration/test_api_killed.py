"""A replica of the API dies while it is asked: whoever asks hears an answer or "again, soon", never a bare error."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest
import ray
import redis
from apiclient import bearer, token
from serving import served

from flows.store.reports import ReportsStore
from serve.api.config import ApiConfig

WAIT_S = 120.0
LONG = b"x" * 1000


@pytest.fixture(scope="module")
def api(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiConfig, str]]:
    with served(tmp_path_factory.mktemp("killed")) as found:
        yield found


def replica() -> Any:
    """The one replica that runs."""
    found: list[Any] = []

    def there() -> bool:
        named = ray.util.list_named_actors(all_namespaces=True)
        found[:] = [n for n in named if n["name"].startswith("SERVE_REPLICA::api#")]
        return len(found) == 1

    until(there)
    return ray.get_actor(found[0]["name"], found[0]["namespace"])


def pid_of(actor: Any) -> int:
    found: int = ray.get(actor.__ray_call__.remote(lambda _: os.getpid()))
    return found


def kill(pid: int) -> None:
    """As the kernel does when memory is short."""
    process = psutil.Process(pid)
    process.send_signal(signal.SIGKILL)
    process.wait(WAIT_S)


def until(true: Any) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline_s, "it did not come to that"
        time.sleep(0.02)


def at_work(actor: Any, count: int) -> bool:
    """Whether a replica works on so many requests."""
    return bool(ray.get(actor.get_num_ongoing_requests.remote()) == count)


def half_sent(base: str, auth: dict[str, str]) -> socket.socket:
    """A write of which the rest is still to come: its replica waits for that."""
    to = socket.create_connection(("127.0.0.1", httpx.URL(base).port or 0), WAIT_S)
    lines = [
        "POST /api/v1/reports HTTP/1.1",
        "Host: dome",
        f"Content-Length: {len(LONG)}",
        "Connection: close",
    ]
    lines += [f"{name}: {value}" for name, value in auth.items()]
    to.sendall("\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode() + LONG[:10])
    return to


def read(answers: socket.socket) -> tuple[int, dict[str, str], str]:
    with answers:
        whole = b"".join(iter(lambda: answers.recv(65536), b"")).decode()
    head, _, body = whole.partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in rest), body


def test_a_write_whose_replica_was_killed_is_told_to_come_again(api: tuple[ApiConfig, str]) -> None:
    config, base = api
    actor = replica()
    waits = half_sent(base, bearer(token(config, "channel", sub="egov")))
    until(lambda: at_work(actor, 1))
    kill(pid_of(actor))
    status, headers, body = read(waits)
    assert (status, headers["content-type"]) == (503, "application/problem+json")
    assert int(headers["retry-after"]) >= 1
    assert "send the same again" in body


def test_a_read_whose_replica_was_killed_is_answered_by_the_next(api: tuple[ApiConfig, str]) -> None:
    config, base = api
    actor = replica()
    pid = pid_of(actor)
    store = psutil.Process(int(redis.Redis.from_url(config.redis_url).info("server")["process_id"]))
    headers = bearer(token(config, "operator"))
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(httpx.get(f"{base}/violations", headers=headers, timeout=WAIT_S))

    asks = threading.Thread(target=ask)
    store.suspend()  # so that it is at work until it is killed
    try:
        asks.start()
        until(lambda: at_work(actor, 1))
        kill(pid)
    finally:
        store.resume()
    asks.join(WAIT_S)
    assert [(answer.status_code, answer.json()["items"]) for answer in answers] == [(200, [])]


def test_whoever_asks_meanwhile_waits_for_the_next_replica(api: tuple[ApiConfig, str]) -> None:
    config, base = api
    kill(pid_of(replica()))
    answer = httpx.get(f"{base}/me", headers=bearer(token(config, "operator")), timeout=WAIT_S)
    assert answer.json()["roles"] == ["operator"]


def test_reports_that_are_sent_until_there_is_a_receipt_are_there_once(api: tuple[ApiConfig, str]) -> None:
    config, base = api
    auth = bearer(token(config, "channel", sub="egov"))
    url, statuses, receipts = f"{base}/reports", list[int](), dict[str, str]()
    replica()

    def until_taken(reference: str) -> None:
        said = {"reference": reference, "service": "speeding", "latitude": 43.24, "longitude": 76.91}
        while reference not in receipts:
            answer = httpx.post(url, json=said, headers=auth, timeout=WAIT_S)
            statuses.append(answer.status_code)
            if answer.status_code == 201:
                receipts[reference] = answer.json()["id"]
                return
            assert answer.headers["content-type"] == "application/problem+json"
            time.sleep(min(0.2, float(answer.headers["retry-after"])))

    def send(who: int) -> None:
        for n in range(30):
            until_taken(f"{who}-{n}")

    senders = [threading.Thread(target=send, args=(who,)) for who in range(3)]
    for sender in senders:
        sender.start()
    for least in (10, 40):
        until(lambda least=least: len(receipts) >= least)
        kill(pid_of(replica()))
    for sender in senders:
        sender.join(WAIT_S)
    assert set(statuses) <= {201, 503}
    assert len(set(receipts.values())) == len(receipts) == 90
    store = ReportsStore(config.redis_url)
    # Whoever goes on for another, which the machine may have found out by now, has its reporters, too.
    told = [
        r.reference
        for report in store.page([""], None, 200)
        for r in report.reporters
        if r.tracking == report.id
    ]
    store.close()
    assert sorted(told) == sorted(receipts)
