"""Things left behind: their pictures, and nothing in which people are not blurred."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiclient import stored

from flows.domain.events import Event


async def test_pictures_are_shown_and_the_clip_with_everybody_in_it_is_not(api: Any) -> None:
    at = datetime.now(UTC)
    event = Event.of(
        "dome.object.abandoned.v1", camera_id="hall", district="esil", at=at, data={"object": "bag"}
    )
    files = {"placing.jpg": b"placing", "now.jpg": b"now", "now-crop.jpg": b"crop", "clip.mp4": b"clip"}
    api.app.state.services.evidence.write(f"x/{event.id}", files, b"{}")
    api.write(event, stored(event, *files))
    row = (await api.get(f"/objects?until={datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", "operator")).json()[
        "items"
    ][0]
    assert [p["name"] for p in row["pictures"]] == ["placing", "now"]
    shown = await api.get(row["pictures"][0]["href"].removeprefix("/api/v1"), "operator")
    assert (shown.content, shown.headers["content-type"]) == (b"placing", "image/jpeg")
    for hidden in ("now-crop.jpg", "clip.mp4"):
        answer = await api.get(f"/objects/{event.id}/pictures/{hidden}", "operator")
        assert answer.status_code in (404, 422)


async def test_pictures_say_where_in_them_the_thing_is_and_the_newest_of_each_moment_is_shown(
    api: Any,
) -> None:
    at = datetime.now(UTC) - timedelta(minutes=5)

    def told(kind: str, minute: int, *names: str) -> Event:
        then = at + timedelta(minutes=minute)
        moments = [{"name": name, "at": then.isoformat(), "xyxy": [10.0, 20.0, 30.0, 44.0]} for name in names]
        data = {"object": "bag", "moments": moments}
        return Event.of(f"dome.object.{kind}.v1", camera_id="hall", district="esil", at=then, data=data)

    first, later = told("abandoned", 0, "placing", "leaving", "now"), told("escalated", 1, "now")
    api.write(first, stored(first, "placing.jpg", "leaving.jpg", "now.jpg"), later, stored(later, "now.jpg"))
    answer = await api.get(f"/objects?until={datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", "operator")
    (row,) = answer.json()["items"]
    assert [(p["name"], p["href"].split("/")[-3]) for p in row["pictures"]] == [
        ("placing", first.id), ("leaving", first.id), ("now", later.id)
    ]  # fmt: skip
    assert all(p["xyxy"] == [10.0, 20.0, 30.0, 44.0] for p in row["pictures"])


@pytest.mark.slow
async def test_what_a_patrol_has_dealt_with_is_open_no_more(api: Any) -> None:
    at = datetime.now(UTC)
    event = Event.of(
        "dome.object.abandoned.v1", camera_id="hall", district="esil", at=at, data={"object": ""}
    )
    api.write(event)

    async def listed(more: str = "") -> list[Any]:
        until = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        rows: list[Any] = (await api.get(f"/objects?until={until}{more}", "operator")).json()["items"]
        return rows

    assert [row["patrol"] for row in await listed()] == [None]
    sent = await api.post("/patrol/tasks", {"kind": "object", "about": event.id}, "operator")
    task = sent.json()["id"]
    assert [row["patrol"] for row in await listed()] == ["open"]
    for version, step in enumerate(("accept", "resolve")):
        body = {"version": version, "note": "an empty suitcase"}
        answer = await api.post(f"/patrol/tasks/{task}/{step}", body, "patrol", sub="timur")
        assert answer.status_code == 200, answer.text
    assert await listed() == []
    assert [row["patrol"] for row in await listed("&closed=true")] == ["resolved"]
