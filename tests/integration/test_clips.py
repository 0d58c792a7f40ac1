"""Clips of strangers: decoded by a process that may die, looked at by one beside the API."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest
from citizens import photo, report
from media import write_video
from PIL import Image

from flows.domain.reports import Attachment, Report, Thing
from flows.reports.work import Looked
from flows.settings import Settings
from flows.uploads.frames import ClipFrame, clip_frames
from flows.uploads.inspector import HelperAway, Inspector
from flows.uploads.kinds import Limits, UploadRefused
from serve.clips import ClipLooker

DEMO = Path(__file__).resolve().parents[2] / "cluster/demo/clips/crossing.mp4"


def frames(path: Path, **more: object) -> list[ClipFrame]:
    with clip_frames(path, "mp4", **more) as found:  # type: ignore[arg-type]
        return list(found)


def test_frames_come_small_and_ten_times_a_second(tmp_path: Path) -> None:
    found = frames(DEMO)
    assert found[0].bgr.shape == (540, 960, 3)
    assert [f.after_s for f in found] == sorted(f.after_s for f in found)
    assert 200 < len(found) <= 241  # of 24 s
    small = frames(write_video(tmp_path / "a.mp4", 50))
    assert len(small) == pytest.approx(20, abs=2)


def test_a_clip_that_breaks_off_ends_with_what_could_be_seen(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mp4"
    with av.open(str(DEMO)) as source, av.open(str(whole), "w", options={"movflags": "faststart"}) as sink:
        out = sink.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = out
                sink.mux(packet)
    part = tmp_path / "part.mp4"
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert 20 < len(frames(part)) < 200


@pytest.mark.parametrize("data", [b"", bytes(9000), bytes(4) + b"ftypisom" + bytes(9000)])
def test_what_is_no_clip_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(data)
    with pytest.raises(UploadRefused, match="damaged"):
        frames(tmp_path / "a.mp4")


def test_a_decoder_that_takes_too_much_is_ended() -> None:
    with pytest.raises(UploadRefused, match="damaged"):
        frames(DEMO, wall_s=0.0)
    with pytest.raises(UploadRefused, match="damaged"):
        frames(DEMO, limits=Limits(memory_bytes=200 * 2**20))


def attachment(data: bytes, kind: str) -> Attachment:
    return Attachment(sha256=hashlib.sha256(data).hexdigest(), size=len(data), media_type=kind)


@pytest.fixture(scope="module")
def claim() -> Report:
    return report(service="speeding", happened_at=datetime.now(UTC))


@pytest.fixture(scope="module")
def looker() -> Iterator[ClipLooker]:
    looker = ClipLooker("embedded", Settings.from_env({}))
    yield looker
    looker.close()


@pytest.fixture(scope="module")
def demo(looker: ClipLooker, claim: Report) -> Looked:
    """What was seen in the demo's clip: a look at all of it takes a quarter of a minute of a core."""
    with Inspector() as inspector:
        return looker.look(DEMO, inspector.inspect(DEMO), attachment(DEMO.read_bytes(), "video/mp4"), claim)


def test_a_clip_is_looked_at_beside_the_api_and_a_photo_too(
    demo: Looked, looker: ClipLooker, claim: Report, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(photo())
    with Inspector() as inspector:
        picture = looker.look(tmp_path / "a.jpg", inspector.inspect(tmp_path / "a.jpg"),
                              attachment(photo(), "image/jpeg"), claim)  # fmt: skip
    assert sorted(Path(name).suffix for name in demo.shown) == [".jpg", ".mp4"]
    assert ["speeding" in said for said in demo.unknown] == [True]
    assert demo.proposals == ()
    assert list(picture.shown) == [f"{attachment(photo(), '').sha256[:32]}.shown.jpg"]


def recognisable(original: np.ndarray, shown: bytes, thing: Thing) -> bool:
    """Whether the lower part of a box is on the picture as it was."""
    x0, y0, x1, y1 = (round(v) for v in thing.xyxy)
    part = np.s_[(y0 + y1) // 2 + 2 : y1 - 2, x0 + 2 : x1 - 2]
    with Image.open(io.BytesIO(shown)) as picture:
        now = np.asarray(picture.convert("RGB"), np.float32)
    return bool(np.abs(now[part] - original[part]).mean() < 6)


@pytest.mark.parametrize("kind", ["image/jpeg", "video/mp4"])
def test_what_a_person_says_it_is_about_is_made_anew_without_another_look(
    demo: Looked, looker: ClipLooker, claim: Report, tmp_path: Path, kind: str
) -> None:
    frame = frames(DEMO)[20].bgr[:, :, ::-1]
    path = DEMO
    if kind == "image/jpeg":
        path = tmp_path / "a.jpg"
        Image.fromarray(np.ascontiguousarray(frame)).save(path, quality=95)
    file = attachment(path.read_bytes(), kind)
    blind = ClipLooker("no-such-detector", Settings.from_env({}))
    try:
        with Inspector() as inspector:
            seen = inspector.inspect(path)
            first = demo if path == DEMO else looker.look(path, seen, file, claim)
            other = next(t for t in first.things if not t.kept)
            chosen = file.model_copy(update={"thing": other.id, "choices": 1})
            second = looker.look(path, seen, chosen, claim, first.found)
            none = looker.look(path, seen, file.model_copy(update={"choices": 2}), claim, first.found)
            with pytest.raises(HelperAway):
                blind.look(path, seen, chosen, claim, first.found)
    finally:
        blind.close()
    assert set(first.shown).isdisjoint(second.shown)
    assert [t.id for t in second.things if t.kept] == [other.id]
    assert [t.id for t in none.things if t.kept] == []
    if kind == "image/jpeg":
        (mine,) = [t for t in first.things if t.kept]
        for looked, kept in ((first, mine), (second, other), (none, None)):
            (picture,) = looked.shown.values()
            assert [t for t in (mine, other) if recognisable(frame, picture, t)] == [t for t in (kept,) if t]


@pytest.mark.parametrize(
    ("detector", "script"),
    [("no-such-detector", ""), ("", "print('nonsense')"), ("", "import sys; sys.exit(1)"),
     ("", """input(); print('{"refused": "damaged"}')""")],
)  # fmt: skip
def test_where_nobody_can_look_everything_is_a_mosaic_and_that_is_said(detector: str, script: str) -> None:
    command = (lambda: [sys.executable, "-c", script]) if script else None
    looker = ClipLooker(detector, Settings.from_env({}), command=command)
    with Inspector() as inspector:
        looked = looker.look(DEMO, inspector.inspect(DEMO), attachment(b"x", "video/mp4"), report())
    looker.close()
    (said,) = looked.unknown
    assert said.startswith("nobody could look at it")
    assert [name.endswith(".jpg") for name in looked.shown] == [True]
