"""Uploads as strangers may send them, at the API itself: taken whole, or refused with a clear word and nothing kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from citizens import photo
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from serve.api.background import ended

pytestmark = pytest.mark.slow
fuzzed = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # fmt: skip
FORM = "/api/v1/open311/v2/requests.json"
FIELDS = {"service_code": "speeding", "lat": "43.24", "long": "76.91", "attribute[reference]": "17"}
SOUND = httpx.Request(
    "POST", f"http://dome{FORM}", data=FIELDS, files=[("media", ("a.jpg", photo(size=(64, 48)), "image/jpeg"))]
)  # fmt: skip
BODY, KIND = SOUND.read(), SOUND.headers["content-type"]
BOUNDARY = KIND.partition("boundary=")[2].encode()
WORDS = st.sampled_from(
    [b"", b"\r\n", b"--", b"--" + BOUNDARY, b"--" + BOUNDARY + b"--", b'name="lat"', b"\xff\xd8\xff", b"\0", b"nan",
     b"43.24", b"speeding", b"filename*=utf-8''%00", b"\xed\xa0\x80", b"content-disposition: form-data"]
)  # fmt: skip
CHANGES = st.lists(
    st.tuples(st.integers(0, len(BODY)), st.integers(0, 400), st.one_of(WORDS, st.binary(max_size=40))),
    min_size=1, max_size=4,
)  # fmt: skip
KINDS = st.one_of(
    st.just(KIND),
    st.sampled_from(["", "multipart/form-data", "multipart/form-data; boundary=", "application/json", KIND + "x",
                     "multipart/form-data; boundary=\"", "application/x-www-form-urlencoded", "text/plain; charset=x"]),
)  # fmt: skip


def changed(changes: list[tuple[int, int, bytes]]) -> bytes:
    """The sound form with parts of it replaced."""
    made = bytearray(BODY)
    for at, length, put in changes:
        made[at : at + length] = put
    return bytes(made)


class Kept:
    """What the installation holds of reports and uploads."""

    def __init__(self, api: Any) -> None:
        self._redis = redis.Redis.from_url(api.config.redis_url)
        self._folder = Path(str(api.config.settings.evidence))

    def now(self) -> tuple[dict[bytes, bytes], list[str]]:
        held = {key: self._redis.dump(key) or b"" for key in self._redis.scan_iter("{dome}:report*")}
        held |= {key: self._redis.dump(key) or b"" for key in self._redis.scan_iter("{dome}:upload*")}
        return held, sorted(str(path) for path in self._folder.rglob("*") if path.is_file())


@pytest.fixture
async def kept(api: Any) -> Kept:
    await ended(api.app.state.services._tasks)  # what was taken is looked at later: not here
    return Kept(api)


def check(answer: httpx.Response, before: Any, kept: Kept) -> None:
    if answer.is_success:
        return
    assert 400 <= answer.status_code < 500, answer.text
    told = answer.json()
    said = told[0]["description"] if isinstance(told, list) else told["detail"]
    assert len(said) > 10, "a clear word"
    assert kept.now() == before, "nothing of what was refused is kept"


@fuzzed
@given(CHANGES, KINDS)
@example([], KIND)
@example([(0, len(BODY), b"")], KIND)
@example([(BODY.index(b"43.24"), 5, b"nan")], KIND)
async def test_a_report_s_form_with_anything_wrong_in_it(
    api: Any, kept: Kept, changes: list[tuple[int, int, bytes]], kind: str
) -> None:
    before = kept.now()
    own = api.signed("channel", sub="egov") | {"Content-Type": kind}
    answer = await api.client.post(FORM, content=changed(changes), headers=own)
    check(answer, before, kept)
    assert answer.status_code == 201 or changes, answer.text


@fuzzed
@given(
    st.one_of(st.integers(-5, 9), st.integers(), st.text(max_size=20), st.none(), st.floats()),
    st.one_of(st.just("0" * 64), st.text(max_size=70), st.none(), st.integers()),
)
async def test_a_beginning_with_anything_wrong_in_it(api: Any, kept: Kept, size: Any, sha256: Any) -> None:
    before = kept.now()
    body = json.dumps({"size": size, "sha256": sha256}).encode()
    own = api.signed("channel", sub="egov") | {"Content-Type": "application/json"}
    check(await api.client.post("/api/v1/reports/uploads", content=body, headers=own), before, kept)


@fuzzed
@given(
    st.binary(max_size=60),
    st.one_of(st.integers(-3, 45).map(str), st.text("0123456789-+ .ex", max_size=12), st.just("9" * 40)),
    st.sampled_from(["application/octet-stream", "application/json", "multipart/form-data; boundary=x", ""]),
    st.sampled_from([b"", b"x", b"%00", b"?a=1"]),
)
async def test_a_piece_with_anything_wrong_in_it(
    api: Any, kept: Kept, piece: bytes, offset: str, kind: str, tail: bytes
) -> None:
    own = api.signed("channel", sub="egov")
    asked = {"size": 40, "sha256": "0" * 64}
    begun = (await api.client.post("/api/v1/reports/uploads", json=asked, headers=own)).json()
    before = kept.now()
    path = f"/api/v1/reports/uploads/{begun['id']}{tail.decode()}"
    headers = own | {"Content-Type": kind, "Upload-Offset": offset.strip()}
    check(await api.client.patch(path, content=piece, headers=headers), before, kept)
