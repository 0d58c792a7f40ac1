"""Routes of vehicle cases: what a sweep asks of Redis."""

from __future__ import annotations

from datetime import timedelta

import redis
from people import Clock
from searching import T0, make_vehicle_case

from flows.domain.platehash import PlateHasher
from flows.domain.sightings import Sighting
from flows.store.cases import CaseStore
from flows.store.sightings import SightingStore

HASHER = PlateHasher.of("k1:" + "07" * 16)


def sighting(n: int, cls: str = "car") -> Sighting:
    return Sighting(id=f"e{n}", camera="hall-1", district="esil", at=T0 + timedelta(seconds=n), cls=cls,
                    keep_days=30, plate=HASHER.hash("123ABC02"))  # fmt: skip


def test_a_sweep_reads_a_long_route_once(redis_url: str) -> None:
    clock = Clock()
    cases, sightings = CaseStore(redis_url, clock=clock), SightingStore(redis_url, HASHER, clock)
    client = redis.Redis.from_url(redis_url)
    case = cases.create(make_vehicle_case(), {})
    cases.authorise(case.id, "bolat")
    cases.activate(case.id, "asel")

    def reads() -> int:
        client.config_resetstat()
        assert sightings.sweep() == 0, "all are in the route already"
        return int(client.info("commandstats")["cmdstat_zrange"]["calls"])

    sightings.put([sighting(1)])
    clock.on(60)
    assert sightings.sweep() == 1
    short = reads()
    sightings.put([sighting(n) for n in range(2, 42)])
    assert sightings.sweep() == 40
    assert reads() == short
    assert len(sightings.route(case.id, "asel")) == 41
    for each in (cases, sightings):
        each.close_connections()
    client.close()


def test_a_passage_that_was_seen_again_and_called_otherwise_is_in_the_route_once(redis_url: str) -> None:
    clock = Clock()
    cases, sightings = CaseStore(redis_url, clock=clock), SightingStore(redis_url, HASHER, clock)
    case = cases.create(make_vehicle_case(), {})
    cases.authorise(case.id, "bolat")
    cases.activate(case.id, "asel")
    sightings.put([sighting(1), sighting(1, "truck"), sighting(2)])
    clock.on(60)
    assert sightings.sweep() == 2
    assert [s.id for s in sightings.route(case.id, "asel")] == ["e1", "e2"]
    for each in (cases, sightings):
        each.close_connections()
