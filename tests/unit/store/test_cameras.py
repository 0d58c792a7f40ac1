from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from flows.domain.status import CameraStatus, Outline
from flows.store.cameras import CameraStore

LANE = Outline(kind="zone", name="lane", points=((0.1, 0.9), (0.5, 0.4), (0.9, 0.9)))


@pytest.fixture
def store(redis_url: str) -> Iterator[CameraStore]:
    store = CameraStore(redis_url, status_s=0.2)
    yield store
    store.close()


@pytest.mark.slow
def test_cameras_report_and_fall_silent(store: CameraStore) -> None:
    statuses = [CameraStatus(camera_id=f"road-{n}", district="esil", frames_read=n) for n in range(3)]
    store.put(statuses[::-1])
    assert store.statuses() == statuses
    assert store.status("road-1")[0] == statuses[1]
    deadline_s = time.monotonic() + 20
    while store.statuses():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    assert set(store.last_reports()) == {"road-0", "road-1", "road-2"}
    status, reported_at = store.status("road-1")
    assert (status, reported_at) == (None, store.last_reports()["road-1"])
    assert store.status("road-9") == (None, None)
    assert store.districts() == dict.fromkeys(("road-0", "road-1", "road-2"), "esil")


@pytest.mark.slow
def test_a_camera_that_has_ended_is_not_taken_for_silent(store: CameraStore) -> None:
    played = CameraStatus(camera_id="archive", district="esil", state="ended", frames_read=300)
    store.put([played, CameraStatus(camera_id="road", district="esil", state="running")])
    deadline_s = time.monotonic() + 20
    while len(store.statuses()) > 1:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    assert store.statuses() == [played]


@pytest.mark.slow
def test_what_a_silent_camera_told_last_stays(store: CameraStore) -> None:
    told = CameraStatus(camera_id="road", name="Road", district="esil", latitude=51.1, longitude=71.4)
    store.put([told])
    deadline_s = time.monotonic() + 20
    while store.statuses():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    assert (store.last(), store.last_of("road"), store.last_of("road-9")) == ({"road": told}, told, None)


def test_outlines_stay_until_others_come(store: CameraStore) -> None:
    status = CameraStatus(camera_id="road", district="esil")
    assert store.outlines("road") == ()
    store.put([status], {"road": (LANE, LANE)})
    store.put([status])
    assert store.outlines("road") == (LANE, LANE)
    assert "lane" not in store.statuses()[0].model_dump_json()
    store.put([status], {"road": ()})
    assert store.outlines("road") == (), "its zones were taken out of the site"
