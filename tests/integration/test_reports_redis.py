"""Reports in a real Redis."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from citizens import AT, photo, report
from evidencestore import store_in

from flows.domain.errors import StoreError
from flows.domain.reports import Reporter, merged, step
from flows.reports.reception import Claim, Reception
from flows.store.evidence import EvidenceStore
from flows.store.redis_server import EmbeddedRedis
from flows.store.reports import ReportChanged, ReportsStore


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path_factory.mktemp("reports") / "redis") as server:
        yield server


@pytest.fixture
def store(server: EmbeddedRedis) -> Iterator[ReportsStore]:
    redis.Redis.from_url(server.url).flushall()
    store = ReportsStore(server.url)
    yield store
    store.close()


def test_a_report_sent_by_many_at_once_is_kept_once(store: ReportsStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(lambda n: store.add(report(text=f"words {n}")), range(12)))
    assert len({each.text for each in kept}) == 1
    assert store.get(report().id) == kept[0]
    assert len(store.page(["esil"], None, 50)) == 1


def test_of_two_people_who_change_a_report_one_is_told_to_look_again(store: ReportsStore) -> None:
    made = store.add(report())
    store.replace((step(made, "checked", "aigul", AT), made))
    with pytest.raises(ReportChanged):
        store.replace((step(made, "declined", "bolat", AT), made))
    found = store.get(made.id)
    assert found is not None
    assert found.state == "checked"


def test_a_merge_is_whole_or_not_at_all(store: ReportsStore) -> None:
    one, two = store.add(report("1")), store.add(report("2", channel="bank"))
    main, ended = merged(one, two, "machine", AT)
    store.replace((step(two, "checked", "aigul", AT), two))
    with pytest.raises(ReportChanged):
        store.replace((main, one), (ended, two))
    assert store.get(one.id) == one
    two = store.get(two.id) or two
    main, ended = merged(one, two, "machine", AT)
    store.replace((main, one), (ended, two))
    assert [r.channel for r in (store.get(one.id) or one).reporters] == ["egov", "bank"]
    assert [r.id for r in store.near(43.24, 76.91, 100)] == [one.id]


def test_open_reports_are_found_by_place_and_others_by_district_newest_first(store: ReportsStore) -> None:
    for n in range(3):
        at = AT + timedelta(minutes=n)
        reporter = (Reporter(channel="egov", reference=str(n), at=at),)
        store.add(
            report(str(n), latitude=43.24 + n / 1000, reporters=reporter, district="esil" if n else "almaly")
        )
    assert [r.reporters[0].reference for r in store.near(43.24, 76.91, 150)] == ["0", "1"]
    assert [r.reporters[0].reference for r in store.page(["esil", "almaly"], None, 2)] == ["2", "1"]
    assert store.districts() == ["almaly", "esil"]
    assert store.page([], None, 50) == []


def test_a_report_that_is_given_to_another_district_leaves_the_first(store: ReportsStore) -> None:
    made = store.add(report())
    moved = step(made, "checked", "aigul", AT).model_copy(update={"district": "almaly"})
    store.replace((moved, made))
    assert store.page(["esil"], None, 50) == []
    assert store.page(["almaly"], None, 50) == [moved]


def test_a_nonce_is_new_once(store: ReportsStore) -> None:
    assert store.unseen("egov:abc", 60)
    assert not store.unseen("egov:abc", 60)
    assert store.unseen("bank:abc", 60)


def claim(n: int) -> Claim:
    return Claim("egov", str(n), "speeding", 43.24, 76.91, f"words {n}", happened_at=AT)


def test_every_receipt_outlives_a_redis_that_is_killed_while_reports_come(tmp_path: Path) -> None:
    receipts: dict[str, bytes] = {}
    refused = threading.Event()
    with EmbeddedRedis(tmp_path / "redis") as server:
        store, evidence = ReportsStore(server.url), store_in(tmp_path / "evidence")
        reception = Reception(store, evidence, now=lambda: AT)

        def send(first: int) -> None:
            for n in range(first, 90, 3):
                while True:  # as a channel does: what has no receipt is sent again
                    try:
                        receipts[reception.accept(claim(n), [photo(n)]).id] = photo(n)
                        break
                    except StoreError:
                        refused.set()
                        time.sleep(0.01)

        senders = [threading.Thread(target=send, args=(n,)) for n in range(3)]
        for sender in senders:
            sender.start()
        while len(receipts) < 20:
            time.sleep(0.002)
        server.kill()
        assert refused.wait(20)
        server.start()
        for sender in senders:
            sender.join()
        kept = store.several(receipts)
        assert len(kept) == len(receipts) == 90
        for report in kept:
            (file,) = report.files
            assert evidence.read(file.folder, file.name) == receipts[report.id]
        assert store.waiting() == 90, "each is looked at, too"
        store.close()


def test_who_is_forgotten_is_gone_from_the_append_only_file_too(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / "redis") as server:
        store, evidence = ReportsStore(server.url), store_in(tmp_path / "evidence")
        reception = Reception(store, evidence, now=lambda: AT)
        made = reception.accept(
            Claim("egov", "secret-4711", "speeding", 43.24, 76.91, "words of hers"), [photo()]
        )
        file = server.folder / "appendonly.aof"
        assert b"words of hers" in file.read_bytes()
        assert reception.erase("egov", made.id)
        wanted, deadline_s = redis.Redis.from_url(server.url), time.monotonic() + 20
        while (held := file.read_bytes()) and (b"words of hers" in held or b"secret-4711" in held):
            assert time.monotonic() < deadline_s, "it still stands there"
            if wanted.exists("{dome}:cases:uncompacted"):
                reception.forget()
            time.sleep(0.05)
        assert not list((tmp_path / "evidence" / "reports").iterdir())
        store.close()


def test_a_file_behind_fsspec_is_kept_read_and_removed(tmp_path: Path) -> None:
    evidence, brought = EvidenceStore("memory://reports"), tmp_path / "clip"
    brought.write_bytes(b"film")
    evidence.put("reports/a", "x.mp4", brought)
    evidence.put("reports/a", "y.jpg", b"photo")
    with evidence.local("reports/a", "x.mp4") as path:
        assert path.read_bytes() == b"film"
    evidence.drop("reports/a", "x.mp4")
    evidence.drop("reports/a", "x.mp4")
    with pytest.raises(StoreError, match="cannot be read"), evidence.local("reports/a", "x.mp4"):
        pass
    evidence.remove("reports/a")
    with pytest.raises(StoreError):
        evidence.read("reports/a", "y.jpg")


def test_without_redis_nothing_is_accepted(tmp_path: Path) -> None:
    away = ReportsStore("redis://127.0.0.1:9/0")
    for call in (lambda: away.add(report()), lambda: away.unseen("n", 1), lambda: away.near(0, 0, 1)):
        with pytest.raises(StoreError):
            call()
