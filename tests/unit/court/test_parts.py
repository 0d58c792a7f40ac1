"""Essence, frames, record: what a package is put together from."""

from __future__ import annotations

import pytest
from packages import decision, material, package, violation

from flows.court import container, record
from flows.court.essence import same_essence, without_claim
from flows.court.facts import clock_unfit, valid_on
from flows.court.frames import from_csv, index_frames, to_csv, wrong_frames
from flows.domain.errors import SourceError
from flows.evidence.package import Manifest


def files() -> dict[str, bytes]:
    return dict(container.read(package()).files)


def test_a_signed_jpeg_without_its_claim_is_the_original() -> None:
    held = files()
    assert without_claim(held["signed/cam-1/last.jpg"]) == held["captured/cam-1/last.jpg"]
    assert held["signed/cam-1/last.jpg"] != held["captured/cam-1/last.jpg"]


def test_a_signed_clip_holds_the_same_frames_and_another_clip_does_not() -> None:
    held = files()
    original, copy = held["captured/cam-1/clip.mp4"], held["signed/cam-1/clip.mp4"]
    assert same_essence("video/mp4", original, copy)
    at = copy.index(b"mdat") + 500
    assert not same_essence("video/mp4", original, copy[:at] + bytes([copy[at] ^ 1]) + copy[at + 1 :])
    assert not same_essence("image/jpeg", held["captured/cam-1/first.jpg"], held["signed/cam-1/last.jpg"])


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\0\0\0\7mdat", b"\xff\xd8\xff\xe0\xff\xff", b"\0\0\0\0"]
)
def test_what_is_no_media_shares_nothing(data: bytes) -> None:
    assert not same_essence("image/jpeg", data, data)
    assert not same_essence("video/mp4", data, data)
    assert not same_essence("text/plain", data, data)


def test_frames_survive_being_written_and_a_wrong_one_is_named() -> None:
    captured = material().captured[0]
    clip, index = captured.files["clip.mp4"], Manifest.model_validate_json(captured.manifest).clip
    assert index is not None
    rows = index_frames(clip, index)
    assert from_csv(to_csv(rows)) == rows
    assert wrong_frames(clip, rows) == []
    assert sum(row.size for row in rows) > 0.9 * len(clip) - 3000
    changed = bytearray(clip)
    changed[rows[4].offset] ^= 1
    assert wrong_frames(bytes(changed), rows) == ["frame 5: its bytes have another hash"]
    assert "expected frame 1" in wrong_frames(clip, rows[1:])[0]
    with pytest.raises(SourceError, match="other times"):
        index_frames(clip, index.model_copy(update={"pts_us": [0, *index.pts_us[1:-1], 7]}))
    with pytest.raises(SourceError, match="cannot be read"):
        index_frames(b"no video at all", index)


def test_a_record_is_a_chain() -> None:
    events = [violation(), decision(violation()), decision(violation(), 2)]
    lines = record.to_lines(events)
    assert record.from_lines(lines) == events
    first, second, third = lines.splitlines(keepends=True)
    for broken in (
        first + third,
        second + third,
        first + third + second,
        first.replace(b"82.0", b"92.0") + second,
    ):
        with pytest.raises(ValueError, match="line"):
            record.from_lines(broken)
    assert record.head(first + second) != record.head(lines)


def test_a_clock_by_a_file_s_date_is_unfit() -> None:
    assert clock_unfit({"source": "file-time"})
    assert clock_unfit({})
    assert clock_unfit({"source": "rtcp"}) == ""


def test_a_survey_is_valid_from_its_day_to_its_last() -> None:
    from datetime import date

    survey = {"surveyed_on": "2026-01-01", "valid_until": "2026-12-31"}
    assert valid_on(survey, date(2026, 1, 1)) is True
    assert valid_on(survey, date(2026, 12, 31)) is True
    assert valid_on(survey, date(2027, 1, 1)) is False
    assert valid_on({"id": "x"}, date(2026, 1, 1)) is False
    assert valid_on({}, date(2026, 1, 1)) is None
