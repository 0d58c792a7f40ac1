"""The console: a page and files for everybody, a session for who has a good token, and words in three languages."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flows.domain.patrol import CONFIRMED
from flows.pictures.steadiness import CAMERA_FITNESS
from serve.api.access import table
from serve.api.app import PREFIX
from serve.api.middleware import COOKIE
from serve.console.routes import STATIC, worker_of

SAME = {"Sec-Fetch-Site": "same-origin"}


def sources() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(STATIC.rglob("*.js")))


def test_nothing_of_the_console_answers_without_a_token_but_its_files_and_the_door(api: Any) -> None:
    rows = [row for row in table(api.app) if not row.path.startswith(PREFIX)]
    files = {f"/console/{path.relative_to(STATIC).as_posix()}" for path in STATIC.rglob("*.*")}
    public = {(row.method, row.path) for row in rows if not row.roles}
    assert {path for _, path in public} == files - {"/console/console.html"} | {
        "/",
        "/console",
        "/console/session",
        "/console/login",
        "/console/callback",
    }
    assert len(public) == len(rows), "nothing of it is for some roles only"
    assert {method for method, path in public if path != "/console/session"} == {"GET"}


async def test_a_page_may_load_nothing_from_elsewhere_and_run_nothing_inline(api: Any) -> None:
    answer = await api.client.get("/console")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "//" not in policy
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", answer.text)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", sources())


async def test_files_come_with_a_mark_and_not_twice(api: Any) -> None:
    first = await api.client.get("/console/console.js")
    assert first.headers["content-type"].startswith("text/javascript")
    again = await api.client.get("/console/console.js", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert (await api.client.get("/console/../app.py")).status_code in (401, 404)


async def test_what_is_kept_on_a_device_is_the_page_s_own_files_and_nothing_that_anybody_said(
    api: Any,
) -> None:
    answer = await api.client.get("/console/worker.js")
    assert answer.headers["service-worker-allowed"] == "/console"
    (kept,) = re.findall(r"^const FILES = (\[.*\]);$", answer.text, re.MULTILINE)
    files = {f"/console/{path.relative_to(STATIC).as_posix()}" for path in STATIC.rglob("*.*")}
    assert {*json.loads(kept)} == files - {"/console/console.html", "/console/worker.js"} | {"/console"}
    public = {row.path for row in table(api.app) if not row.roles and row.method == "GET"}
    assert {*json.loads(kept)} <= public, "the same for everybody"


def test_a_device_takes_all_files_anew_where_one_has_changed() -> None:
    files = {"/console": b"page", "/console/a.js": b"script"}
    first, again = worker_of(b"", files), worker_of(b"", dict(files))
    assert first == again
    assert worker_of(b"", files | {"/console/a.js": b"other"}) != first
    assert worker_of(b"", {"/console": b"page", "/console/b.js": b"script"}) != first


async def test_a_good_token_becomes_a_session_that_scripts_cannot_read(api: Any) -> None:
    token = api.signed("reviewer")["Authorization"].removeprefix("Bearer ")
    answer = await api.client.post("/console/session", json={"token": token}, headers=SAME)
    assert answer.json()["roles"] == ["reviewer"]
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert (await api.client.get("/api/v1/me")).json()["sub"] == "aigul"
    ended = await api.client.delete("/console/session", headers=SAME)
    assert (ended.status_code, ended.json()) == (200, {"at": ""})
    assert COOKIE not in api.client.cookies
    kept = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    assert (await api.client.get("/api/v1/me", headers=kept)).status_code == 401, "ended, not only forgotten"


async def test_a_token_longer_than_a_browser_keeps_a_cookie_signs_in_too(api: Any) -> None:
    token = api.signed("reviewer", name="x" * 5000)["Authorization"].removeprefix("Bearer ")
    assert 4096 < len(token) < 8000
    answer = await api.client.post("/console/session", json={"token": token}, headers=SAME)
    assert (answer.status_code, len(answer.headers["set-cookie"]) < 300) == (200, True)
    assert (await api.client.get("/api/v1/me")).status_code == 200


async def test_a_bad_token_opens_nothing_and_is_not_repeated(api: Any) -> None:
    answer = await api.client.post("/console/session", json={"token": "x" * 40}, headers=SAME)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "xxx" not in answer.text


async def test_a_body_that_is_no_token_is_not_read_to_its_end(api: Any) -> None:
    body = {"token": "x" * api.config.body_bytes}
    answer = await api.client.post("/console/session", json=body, headers=SAME)
    assert answer.status_code == 413


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_session_does_not_let_another_site_write(api: Any, site: str) -> None:
    other = api.session("reviewer") | {"Sec-Fetch-Site": site}
    assert (await api.client.post("/api/v1/review/next", headers=other)).status_code == 401
    assert (await api.client.delete("/console/session", headers=other)).status_code == 401
    assert (await api.client.get("/api/v1/me", headers=other)).status_code == 200, "still signed in"


NEXT = """
for (const [name, value] of Object.entries({ localStorage: { getItem: () => null }, navigator: { language: "en" } }))
  Object.defineProperty(globalThis, name, { value });
globalThis.document = { cookie: "", documentElement: {} };
const asked = [];
globalThis.fetch = async (url) => { asked.push(url); return { ok: true, blob: async () => new Blob(["face"]) }; };
const { picture, pictures, shelf } = await import("./api.js");
const first = await picture("/a");
await picture("/a");
pictures.clear();
const faces = shelf();
await faces.picture("/a");
const again = await picture("/a");
console.log(JSON.stringify([asked.length, again === first]));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="no node: apt-get install nodejs")
def test_whoever_signs_in_next_is_shown_no_picture_that_they_did_not_ask_for(tmp_path: Path) -> None:
    for path in STATIC.glob("*.js"):
        shutil.copy(path, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "next.js").write_text(NEXT)
    told = subprocess.run(["node", "next.js"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert json.loads(told.stdout or "null") == [3, False], told.stderr
    console = (STATIC / "console.js").read_text("utf-8")
    assert len(re.findall(r"\bme = ", console)) == 1, "one place says who it is, and clears them"
    assert not re.search(r"import {.*\bpicture\b.*api", (STATIC / "pages" / "searches.js").read_text("utf-8"))


def test_every_word_that_a_page_says_is_there_in_three_languages() -> None:
    words = "".join((STATIC / name).read_text(encoding="utf-8") for name in ("words.js", "codes.js"))
    table = dict(re.findall(r'^  "?([\w.]+)"?: (\[.*\]),$', words, re.MULTILINE))
    assert len(table) > 100
    for key, row in table.items():
        assert len([word for word in json.loads(row) if word.strip()]) == 3, key
    said = set(re.findall(r'\bt\("([\w.]+)"\)', sources()))
    assert said
    assert not said - set(table)


def test_the_page_of_now_tells_of_a_knocked_camera_in_words() -> None:
    assert f"type={CAMERA_FITNESS.removesuffix('v1')}" in (STATIC / "pages" / "now.js").read_text("utf-8")
    for told in ("displaced", "restored", "shaking", "steady"):
        assert f'"fitness.{told}": [' in sources()


def test_a_patrol_is_offered_where_and_to_whom_the_api_would_send_one(api: Any) -> None:
    script = (STATIC / "task.js").read_text("utf-8")
    offered = {kind: frozenset(json.loads(states))
               for kind, states in re.findall(r"^  (\w+): (\[.*\]),$", script, re.MULTILINE)}  # fmt: skip
    assert offered == CONFIRMED
    [sends] = [
        row.roles for row in table(api.app) if (row.method, row.path) == ("POST", f"{PREFIX}/patrol/tasks")
    ]
    [said] = re.findall(r"^const SENDS = (\[.*\]);$", script, re.MULTILINE)
    assert frozenset(json.loads(said)) == frozenset(sends)
    pages = {"lead": "searches.js", "violation": "review.js", "object": "objects.js",
             "report": "reports.js"}  # fmt: skip
    for kind, page in pages.items():
        assert f'patrolButton("{kind}", ' in (STATIC / "pages" / page).read_text("utf-8")


async def test_hours_count_the_violations_of_ones_own_districts(api: Any) -> None:
    from apiclient import AT, speeding

    api.write(speeding(0), speeding(59), speeding(61), speeding(2, district="almaly"))
    answer = await api.get(f"/counts/hours?until={AT.isoformat().replace('+00:00', 'Z')}")
    counts = [hour["count"] for hour in answer.json()["items"]]
    assert (len(counts), counts[-1], sum(counts)) == (24, 2, 2)


@pytest.mark.parametrize("until", ["9999-12-31T23:30:00Z", "0001-01-01T00:00:00Z"])
async def test_hours_that_no_calendar_has_are_refused(api: Any, until: str) -> None:
    answer = await api.get(f"/counts/hours?until={until}")
    assert (answer.status_code, "until" in answer.text) == (422, True)
