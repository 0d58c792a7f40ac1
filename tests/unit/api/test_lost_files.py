"""A file that should be kept and is not there, and one whose disk is away: each said in one way, whoever asks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import access
import pytest
from evidencestore import kept_in

CLIP = access.violation("/violations/{id}/files/clip.mp4")
FILES = {
    "clip": ("GET", CLIP),
    "part of a clip": ("RANGE", CLIP),
    "package of a violation": ("GET", access.violation("/violations/{id}/package")),
    "thing": ("GET", access.object_left("/objects/{id}/pictures/now.jpg")),
    "report": ("GET", access.report("/reports/{id}/files/a.jpg")),
    "original of a report": (
        "POST",
        access.report("/reports/{id}/files/{file}/original", {"why": "the plate"}),
    ),
}


async def asked(api: Any, which: str, spoil: Any) -> Any:
    """The answer to whoever asks for a file after the store was spoilt."""
    method, make = FILES[which]
    call = await make(api, "esil")
    spoil(Path(api.config.settings.evidence))
    roles = ("operator", "reviewer", "auditor")
    if method == "POST":
        return await api.post(call.path, call.body, *roles)
    return await api.get(call.path, *roles, headers={"Range": "bytes=0-0"} if method == "RANGE" else None)


def lose(store: Path) -> None:
    for file in kept_in(store):
        file.unlink()


def unmount(store: Path) -> None:
    """An empty folder stays where a disk was mounted."""
    shutil.rmtree(store)
    store.mkdir()


def remove(store: Path) -> None:
    shutil.rmtree(store)


def break_down(store: Path) -> None:
    """Every file is there, and none of them can be read."""
    for file in kept_in(store):
        file.unlink()
        file.mkdir()


@pytest.mark.parametrize("which", FILES)
async def test_a_lost_file_is_told_as_lost(api: Any, which: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = await asked(api, which, lose)
    assert (answer.status_code, answer.json().get("code")) == (404, "file_lost"), answer.text
    assert "Retry-After" not in answer.headers, "to ask again would not help"
    told_nobody_where(api, answer, caplog.text)


@pytest.mark.parametrize("spoil", [unmount, remove, break_down])
@pytest.mark.parametrize("which", FILES)
async def test_of_a_disk_that_is_away_nothing_is_lost(
    api: Any, which: str, spoil: Any, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await asked(api, which, spoil)
    assert (answer.status_code, answer.json().get("code")) == (503, "evidence_away"), answer.text
    assert answer.headers["Retry-After"] == "2"
    told_nobody_where(api, answer, caplog.text)


def told_nobody_where(api: Any, answer: Any, log: str) -> None:
    """Where files lie stands in the log alone."""
    folder = str(api.config.settings.evidence)
    assert folder in log
    assert not [part for part in (folder, "x/", "things/", "reports/", "Errno") if part in answer.text]


@pytest.mark.parametrize("which", ["seen", "probe"])
async def test_a_picture_of_a_lead_that_was_removed_is_there_no_more(api: Any, which: str) -> None:
    """They lie sealed in Redis, and go by law: nothing is lost, and nothing is wrong with what was asked."""
    call = await access.case(f"/leads/{{lead}}/pictures/{which}", lead=True)(api, "esil")
    lead = call.path.split("/")[2]
    services = api.app.state.services
    services.results._client.hdel(f"{{dome}}:lead:{lead}", "crop")
    answer = await api.get(call.path, "operator")
    assert (answer.status_code, answer.json()["detail"]) == (404, "the picture was removed")
