"""Routes of vehicle cases: what a sweep asks of Redis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import redis
from cryptography.fernet import Fernet
from people import Clock
from searching import DAY, HOUR, T0, make_vehicle_case

from flows.domain.errors import CaseError
from flows.domain.platehash import PlateHasher
from flows.domain.sightings import Sighting
from flows.domain.status import CameraStatus
from flows.store.cameras import CameraStore
from flows.store.cases import CaseStore
from flows.store.sightings import SightingStore
from flows.store.vault import Vault

HASHER = PlateHasher.of("k1:" + "07" * 16)


def sighting(n: int, cls: str = "car", plate: str = "123ABC02") -> Sighting:
    return Sighting(id=f"e{n}", camera="hall-1", district="esil", at=T0 + timedelta(seconds=n), cls=cls,
                    keep_days=30, plate=HASHER.hash(plate))  # fmt: skip


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


def told(camera_id: str, read_plates: bool | None) -> CameraStatus:
    return CameraStatus(camera_id=camera_id, district="esil", read_plates=read_plates)


def test_of_a_vehicle_s_case_what_can_see_nothing_of_it_is_said(redis_url: str) -> None:
    clock = Clock()
    cases, sightings = CaseStore(redis_url, clock=clock), SightingStore(redis_url, HASHER, clock)
    cameras, keyless = CameraStore(redis_url), SightingStore(redis_url, clock=clock)
    cameras.put([told("hall-1", True), told("hall-2", False), told("hall-3", None)])
    for name, where in (
        ("all-see", {"cameras": ("hall-1", "hall-3"), "districts": ("esil",)}),
        ("some-see", {"cameras": ("hall-1", "hall-2", "typo")}),
        ("nobody-sees", {"cameras": (), "districts": ("nura",)}),
    ):
        cases.create(make_vehicle_case(**{"id": name} | where), {})
        cases.authorise(name, "bolat")
        cases.activate(name, "asel")
    sightings.sweep()
    site = "(read_plates in the site file)"
    assert cases.unsearched() == {
        "some-see": f"camera hall-2: it reads no plates {site}; camera typo: it has never reported",
        "nobody-sees": f"district nura: no camera there reads plates {site}",
    }
    keyless.sweep()
    assert {why.partition(":")[0] for why in cases.unsearched().values()} == {"DOME_PLATE_KEY"}
    assert len(cases.unsearched()) == 3
    for each in (cases, sightings, keyless):
        each.close_connections()
    cameras.close()


def test_a_full_redis_that_takes_no_blind_spot_goes_on_with_all_routes(redis_url: str) -> None:
    clock, client = Clock(), redis.Redis.from_url(redis_url)
    cases, sightings = CaseStore(redis_url, clock=clock), SightingStore(redis_url, HASHER, clock)
    cameras = CameraStore(redis_url)
    cameras.put([told("hall-1", True)])
    for name, plate, camera in (("blind", "777AAA02", "typo"), ("seen", "123ABC02", "hall-1")):
        cases.create(make_vehicle_case(plate, id=name, cameras=(camera,), districts=()), {})
        cases.authorise(name, "bolat")
        cases.activate(name, "asel")
    sightings.put([sighting(1)])
    clock.on(60)
    client.config_set("maxmemory", 1)
    try:
        assert sightings.sweep() == 1
    finally:
        client.config_set("maxmemory", 0)
    assert [s.id for s in sightings.route("seen", "asel")] == ["e1"]
    sightings.sweep()
    assert cases.unsearched() == {"blind": "camera typo: it has never reported"}
    for each in (cases, sightings):
        each.close_connections()
    cameras.close()
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


def test_of_an_urgent_case_that_nobody_authorised_in_time_no_route_is_shown_or_kept(redis_url: str) -> None:
    clock, client = Clock(), redis.Redis.from_url(redis_url)
    cases = CaseStore(redis_url, Vault(Fernet.generate_key()), clock=clock)
    sightings = SightingStore(redis_url, HASHER, clock)
    for name, plate in (("alone", "123ABC02"), ("authorised", "777AAA02")):
        cases.create(make_vehicle_case(plate, id=name, urgent=True, expires_at=T0 + 5 * DAY), {})
        cases.activate(name, "asel")
    sightings.put([sighting(1), sighting(2, plate="777AAA02")])
    clock.on(60)
    assert sightings.sweep() == 2

    def left(name: str) -> timedelta:
        life_ms = client.pttl(f"{{dome}}:case:{name}:route")
        return datetime.now(UTC) + timedelta(milliseconds=life_ms) - T0  # type: ignore[arg-type]

    soon = timedelta(hours=24, minutes=11)
    assert left("alone") < soon
    assert left("authorised") < soon
    cases.authorise("authorised", "bolat")
    assert left("authorised") > 30 * DAY, "kept for as long as the law allows, after its end"
    clock.at = T0 + 24 * HOUR
    assert len(sightings.route("authorised", "dana")) == 1
    log = client.xlen("{dome}:audit")
    with pytest.raises(CaseError, match="case alone: expected to be authorised by"):
        sightings.route("alone", "dana")
    assert client.xlen("{dome}:audit") == log, "nobody has seen it"
    for each in (cases, sightings):
        each.close_connections()
    client.close()
