"""Lists and pages of violations, one of them, and its files."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis
from apiclient import AT, speeding, stored

from flows.domain.events import SIGNAL_CHANGED, Event
from flows.domain.plates import PlateRecord, plate_event
from flows.store import keys


async def all_pages(api: Any, query: str = "", **more: Any) -> list[dict[str, Any]]:
    rows, cursor = [], ""
    while True:
        page = (await api.get(f"/violations?limit=7{query}&cursor={cursor}", **more)).json()
        rows += page["items"]
        if (cursor := page["next"]) is None:
            return rows


async def test_pages_bring_each_violation_once_newest_first(api: Any) -> None:
    at_once = [speeding(3, track=n, rule="bus_lane" if n % 2 else "speeding") for n in range(2)]
    made = [speeding(n // 4, low_kmh=80 + n, track=n) for n in range(0, 40, 4)] + at_once
    api.write(*made)
    rows = await all_pages(api)
    assert len(rows) == len({e.id for e in made}) == len({r["id"] for r in rows})
    assert [r["captured_at"] for r in rows] == sorted((r["captured_at"] for r in rows), reverse=True)


async def test_many_of_one_moment_are_paged_too(api: Any) -> None:
    """A back-fill may bring more violations of one millisecond than a page holds."""
    same = [speeding(1, low_kmh=80 + n) for n in range(3)]
    many = [e.model_copy(update={"id": f"{i:03d}"}) for i in range(20) for e in same[:1]]
    api.write(*many)
    assert [r["id"] for r in await all_pages(api)] == [f"{i:03d}" for i in reversed(range(20))]


async def test_filters_narrow_and_combine(api: Any) -> None:
    api.write(
        speeding(0), speeding(1, rule="bus_lane"), speeding(2, state="needs_review"), speeding(3, "almaly")
    )
    assert len(await all_pages(api)) == 3
    assert [r["rule"] for r in await all_pages(api, "&rule=bus_lane")] == ["bus_lane"]
    assert len(await all_pages(api, "&state=needs_review&rule=speeding")) == 1
    assert len(await all_pages(api, "&state=detected")) == 3
    assert len(await all_pages(api, "&since=2026-11-02T08:01:00Z&until=2026-11-02T08:02:00Z")) == 1
    assert len(await all_pages(api, "", districts=["*"])) == 4
    assert len(await all_pages(api, "&district=almaly", districts=["esil", "almaly"])) == 1


async def test_the_violations_of_one_camera_are_paged_among_all_that_is_known_of_it(api: Any) -> None:
    made = [speeding(n, camera="abay-1" if n % 2 else "abay-2") for n in range(20)]
    elsewhere = speeding(3, "almaly", camera="abay-1")
    read = PlateRecord(outcome="read", text="123ABC02", confident=True)
    api.write(*made, elsewhere, *(stored(event) for event in made), plate_event(made[5], read))
    found = await all_pages(api, "&camera=abay-1")
    assert [row["id"] for row in found] == [event.id for event in reversed(made[1::2])]
    assert [row["id"] for row in await all_pages(api, "&camera=abay-1&plate=123ABC02")] == [made[5].id]
    assert await all_pages(api, "&camera=abay-2&plate=123ABC02") == []
    assert await all_pages(api, "&camera=abay-1&rule=bus_lane") == []


async def test_a_redis_that_is_older_than_the_index_of_cameras_shows_all_that_it_has(
    api: Any, redis_url: str
) -> None:
    old = [speeding(n, camera="abay-1") for n in range(3)]
    api.write(*old)
    redis.Redis.from_url(redis_url).delete(keys.violations_of_camera("abay-1"), keys.VIOLATIONS_CAMERAS)
    new = speeding(3, camera="abay-1")
    api.write(new)
    assert [row["id"] for row in await all_pages(api, "&camera=abay-1")] == [e.id for e in (new, *old[::-1])]


async def test_a_light_that_changes_often_makes_no_list_of_its_camera_s_violations_slow(
    api: Any, redis_url: str
) -> None:
    lights = [
        Event.of(SIGNAL_CHANGED, camera_id="abay-1", district="esil", at=AT + timedelta(seconds=n), data={}, key=(n,))
        for n in range(1000)
    ]  # fmt: skip
    made = speeding(3, camera="abay-1")
    api.write(*lights, made)
    held = redis.Redis.from_url(redis_url)
    held.config_resetstat()
    assert [row["id"] for row in await all_pages(api, "&camera=abay-1")] == [made.id]
    stats: Any = held.info("commandstats")
    assert sum(each["calls"] for each in stats.values()) < 100


async def test_the_few_that_are_asked_for_of_a_camera_with_many_are_found_without_a_look_at_each(
    api: Any, redis_url: str
) -> None:
    many = [speeding(n / 10, camera="abay-1") for n in range(300)]
    few = [speeding(n, camera="abay-1", rule="bus_lane", state="needs_review") for n in range(3)]
    elsewhere = [speeding(n, camera="abay-2", state="needs_review") for n in range(3)]
    api.write(*many, *few, *elsewhere)
    held = redis.Redis.from_url(redis_url)
    held.config_resetstat()
    wanted = [event.id for event in reversed(few)]
    assert [row["id"] for row in await all_pages(api, "&camera=abay-1&state=needs_review")] == wanted
    assert [row["id"] for row in await all_pages(api, "&camera=abay-1&rule=bus_lane")] == wanted
    assert await all_pages(api, "&camera=abay-1&state=confirmed") == []
    stats: Any = held.info("commandstats")
    assert sum(each["calls"] for each in stats.values()) < 100


async def test_a_plate_is_found_by_those_who_see_plates(api: Any) -> None:
    violation = speeding(0)
    read = plate_event(violation, PlateRecord(outcome="read", text="123ABC02", confident=True, country="KZ"))
    api.write(violation, speeding(1), read)
    (row,) = await all_pages(api, "&plate=123 abc 02")
    assert (row["id"], row["plate"]["text"]) == (violation.id, "123ABC02")
    assert (await api.get("/violations?plate=123ABC02", "analyst")).status_code == 403
    blind = (await api.get("/violations", "analyst")).json()["items"]
    assert [r["plate"] for r in blind] == [None, None]
    assert "123ABC02" not in (await api.get(f"/violations/{violation.id}", "analyst")).text
    assert await all_pages(api, "&plate=123ABC02", districts=["almaly"]) == []


@pytest.mark.parametrize("cursor", ["x", "e30", "WzFd", "%00", "WzEsImEiLCJ4Il0"])
async def test_a_cursor_of_another_question_is_refused(api: Any, cursor: str) -> None:
    answer = await api.get(f"/violations?cursor={cursor}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == "cursor"


async def test_one_says_with_which_parameters_its_rule_judged(api: Any) -> None:
    violation = speeding(0, parameters={"limit_kmh": 60.0, "zone": "left"})
    api.write(violation)
    seen = (await api.get(f"/violations/{violation.id}")).json()
    assert (seen["rule_version"], seen["parameters"]) == ("1", {"limit_kmh": 60.0, "zone": "left"})


async def test_another_district_is_as_if_it_did_not_exist(api: Any) -> None:
    theirs = speeding(0, "almaly")
    api.write(theirs, speeding(1))
    assert (await api.get(f"/violations/{theirs.id}")).json() == (await api.get("/violations/none")).json()
    assert (await api.get("/violations?district=almaly")).status_code == 403
    assert (await api.get("/violations", districts=[])).json() == {"items": [], "next": None}


async def test_files_come_whole_and_in_ranges(api: Any) -> None:
    violation = speeding(0)
    api.write(violation, stored(violation, "clip.mp4"))
    api.app.state.services.evidence.write(f"x/{violation.id}", {"clip.mp4": b"0123456789"}, b"{}")
    base = f"/violations/{violation.id}/files"
    (file,) = (await api.get(f"/violations/{violation.id}")).json()["evidence"]
    assert file["href"].endswith(f"{base}/clip.mp4")
    whole = await api.get(f"{base}/clip.mp4")
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (
        200,
        b"0123456789",
        "video/mp4",
    )
    part = await api.get(f"{base}/clip.mp4", headers={"Range": "bytes=2-5"})
    assert part.headers["cache-control"] == "no-store", "no browser shows it to whoever signs in next"
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"2345", "bytes 2-5/10")
    assert (await api.get(f"{base}/clip.mp4", headers={"Range": "bytes=99-"})).status_code == 416
    assert (await api.get(f"{base}/manifest.json")).status_code == 404
    assert (await api.get(f"{base}/clip.mp4", "auditor", districts=["almaly"])).status_code == 404
    assert (await api.get(f"{base}/..%2Fclip.mp4")).status_code in (404, 422)


async def test_of_a_section_both_sides_are_seen(api: Any) -> None:
    side = {
        "camera": "esil-7", "at": AT.isoformat(), "plate": {"outcome": "read", "text": "123ABC02"},
        "moments": [{"name": "gate", "at": AT.isoformat(), "xyxy": [1.0, 2.0, 3.0, 4.0]}],
        "clock": {"source": "rtcp"}, "calibration": {"id": "survey-7"}, "evidence": "y/entry",
    }  # fmt: skip
    doubts = ["truck at the entry, car at the exit: see whether it is one vehicle"]
    violation = speeding(0, rule="section_speed", entry=side, doubts=doubts)
    package = stored(violation, "gate.jpg", "entry/gate.jpg")
    package.data["entry_folder"] = "y/entry"
    api.write(violation, package)
    evidence = api.app.state.services.evidence
    evidence.write(f"x/{violation.id}", {"gate.jpg": b"the exit"}, b"{}")
    evidence.write("y/entry", {"gate.jpg": b"the entry", "clip.mp4": b"not told"}, b"{}")
    seen = (await api.get(f"/violations/{violation.id}")).json()
    assert seen["doubts"] == doubts
    entry = seen["entry"]
    assert (entry["camera"], entry["plate"]["text"], entry["moments"][0]["name"]) == (
        "esil-7",
        "123ABC02",
        "gate",
    )
    assert (entry["clock"], entry["calibration"]) == ({"source": "rtcp"}, {"id": "survey-7"})
    hrefs = {file["name"]: file["href"].removeprefix("/api/v1") for file in seen["evidence"]}
    assert [(await api.get(href)).content for href in hrefs.values()] == [b"the exit", b"the entry"]
    base = f"/violations/{violation.id}/files"
    assert (await api.get(f"{base}/entry/clip.mp4")).status_code == 404
    assert (await api.get(f"{base}/entry/..%2Fgate.jpg")).status_code in (404, 422)
    assert "123ABC02" not in (await api.get(f"/violations/{violation.id}", "analyst")).text
