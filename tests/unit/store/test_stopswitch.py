"""The stop switch where Redis answers what is read, but takes little or nothing of what is written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from cryptography.fernet import Fernet
from people import Clock
from searching import make_case

from flows.domain.errors import StoreError
from flows.store.cases import CaseStore
from flows.store.searching import Searching
from flows.store.vault import Vault

FULL = ("maxmemory", "1", "0")
NO_REPLICAS = ("min-replicas-to-write", "1", "0")


class House:
    """Two cases, of which the first is active, and a search; Redis may be made to take nothing."""

    def __init__(self, url: str) -> None:
        self.redis, vault = redis.Redis.from_url(url), Vault(Fernet.generate_key())
        self.cases, self.searching = CaseStore(url, vault, clock=Clock()), Searching(url, vault)
        for name in ("case-1", "case-2"):
            self.cases.create(make_case(id=name), {"p1": b"photo"})
        self.cases.authorise("case-1", "bolat")
        self.cases.activate("case-1", "asel")

    @property
    def searched(self) -> list[str]:
        return [case.id for case in self.searching.active().cases]


@pytest.fixture
def house(redis_url: str) -> Iterator[House]:
    house = House(redis_url)
    yield house
    for name, _, usual in (FULL, NO_REPLICAS):
        house.redis.config_set(name, usual)
    house.cases.close_connections(), house.searching.close(), house.redis.close()


def test_a_redis_that_is_full_lets_people_stop_and_end_searches_and_begin_none(house: House) -> None:
    house.redis.config_set(*FULL[:2])
    assert house.searched == ["case-1"]
    with pytest.raises(StoreError, match="maxmemory"):
        house.cases.authorise("case-2", "bolat")
    house.cases.stop_all("erlan", "a doubt")
    assert house.searched == []
    assert house.cases.reject("case-1", "dana", "unlawful").state == "rejected"


def test_where_nobody_could_stop_a_search_nobody_is_searched_for(house: House) -> None:
    house.redis.config_set(*NO_REPLICAS[:2])
    with pytest.raises(StoreError, match="cannot stop all searching"):
        house.cases.stop_all("erlan", "a doubt")
    assert [case.id for case in house.cases.active().cases] == ["case-1"], "people may read what is active"
    with pytest.raises(StoreError, match="cannot see whether searching could be stopped"):
        house.searching.active()
    house.redis.config_set(NO_REPLICAS[0], NO_REPLICAS[2])
    assert house.searched == ["case-1"]


def test_the_system_stops_where_nobody_has_and_a_person_resumes(house: House) -> None:
    house.cases.stop_by_itself("Redis is older than its seals")
    assert house.searched == []
    house.cases.stop_by_itself("again")
    assert house.cases.stopped().startswith("system at 2090-05-04T08:00:00+00:00: Redis is older")
    house.cases.resume("bolat", "looked through")
    assert house.searched == ["case-1"]
