"""A live job over recordings that are damaged, each in its way, beside one that is not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import street
from live_run import SPEEDERS, Run
from media import cut_short, flip_bits, write_video

from flows.domain.events import DECISION, EVIDENCE_STORED, SPEEDING


def test_damaged_files_end_and_say_so_and_the_good_one_is_whole(job: Run, clip: Path, tmp_path: Path) -> None:
    small = street.write_street(tmp_path / "street.ts", [street.Car(40, 62, 1)], 3).read_bytes()
    large = write_video(tmp_path / "other.ts", 20, size=(800, 600), first_index=200).read_bytes()
    resized = tmp_path / "resized.ts"
    resized.write_bytes(small + large)
    cut = cut_short(clip, 0.5)
    torn = tmp_path / "torn.ts"
    torn.write_bytes(small[: len(small) // 2 // 188 * 188 + 100])
    cameras = {
        "good": clip,
        "cut": cut,
        "torn": torn,
        "flipped": flip_bits(clip, tmp_path / "flipped.mp4"),
        "resized": resized,
    }

    summary = job.go("site: test\ncameras:" + "".join(street.camera_yaml(*each) for each in cameras.items()))

    told = summary.cameras
    assert {camera: status.state for camera, status in told.items()} == dict.fromkeys(cameras, "ended")
    assert all(c.frames_read == c.gated + c.detected + c.dropped for c in told.values())
    assert 0 < told["cut"].frames_read < 200
    assert told["cut"].message == f"{cut.name}: {told['cut'].frames_read} of 200 frames could be read"
    assert told["cut"].errors["cut_off"] == told["torn"].errors["cut_off"] == 1
    assert told["torn"].message.startswith("torn.ts was cut off")
    assert set(told["flipped"].errors) == {"decode"}
    assert told["flipped"].frames_read > 100
    assert told["resized"].errors == {"size_changed": 1}
    assert (told["good"].message, told["good"].errors, told["good"].frames_read) == ("", {}, 200)
    assert told["good"].events == {SPEEDING: SPEEDERS, EVIDENCE_STORED: SPEEDERS}

    events = job.events()
    assert len({event.id for event in events}) == len(events)
    said = [e for e in events if e.type != DECISION]  # of clips that are cut short
    assert Counter(e.type for e in said if e.camera_id == "good") == told["good"].events
    sent = sum((Counter(c.events) for c in told.values()), Counter())
    assert Counter(event.type for event in said) == sent
