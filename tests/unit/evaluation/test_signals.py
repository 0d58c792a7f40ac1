from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import heads
import pytest

from flows.domain.errors import FieldError
from flows.domain.frames import ClockState, Frame
from flows.domain.signals import Phase
from flows.domain.site import CameraConfig, FileSource
from flows.evaluation.signals import SignalLabels, read_labels, score_frames
from flows.sources.picture import ArrayPicture

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
HEAD = heads.Head(width_px=16, seed=3)
SHOWN: tuple[Phase, ...] = ("red",) * 10 + ("green",) * 10


def frames() -> Iterator[Frame]:
    for index, phase in enumerate(SHOWN):
        picture = ArrayPicture(heads.show(HEAD, phase, index % 2)[0])
        at = START + timedelta(seconds=index / 10)
        yield Frame("evaluated", index, at, picture, ClockState("site", START))


def labels(*phases: tuple[int, int, Phase]) -> SignalLabels:
    region = heads.show(HEAD, "red")[1]
    spells = [{"first": a, "last": b, "phase": p} for a, b, p in phases]
    return SignalLabels.model_validate({"signals": [{"name": "main", "region_px": region, "phases": spells}]})


def camera(truth: SignalLabels) -> CameraConfig:
    source = FileSource(path=Path("none.mp4"))
    return CameraConfig(id="evaluated", district="none", source=source, signals=truth.signals)


@pytest.mark.slow
def test_right_and_wrong_frames_are_counted() -> None:
    truth = labels((0, 9, "red"), (10, 19, "green"))
    score = score_frames(frames(), camera(truth), truth)
    assert (score.frames, score.red_as_green) == (20, 0)
    assert score.confusion["red"] == {"red": 10}
    assert score.confusion["green"] == {
        "green": 10
    }  # a change is believed at the second look and dated from the first
    assert (score.right, score.right_at_once) == (1.0, 0.95)
    assert score.ms_per_look > 0
    assert score.by_signal["main"].frames == 20


@pytest.mark.slow
def test_a_wrong_label_shows_as_a_confusion() -> None:
    truth = labels((0, 9, "red"), (10, 19, "red"))
    score = score_frames(frames(), camera(truth), truth)
    assert score.red_as_green >= 8
    assert score.right < 0.7


@pytest.mark.slow
def test_frames_without_a_label_are_not_judged() -> None:
    truth = labels((0, 4, "red"))
    assert score_frames(frames(), camera(truth), truth).frames == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "a JSON file with labels"),
        ('{"signals": []}', "signals"),
        ("{}", "signals: expected a list .required., got nothing"),
        (
            json.dumps({"signals": [{"name": "a", "region_px": [0, 0, 9, 9], "phases": [{"first": 0}]}]}),
            "last",
        ),
        (json.dumps({"signals": [{"name": "a", "phases": []}]}), "either region_px or feed"),
    ],
)
def test_labels_that_cannot_be_used_are_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "labels.json"
    file.write_text(text)
    with pytest.raises(FieldError, match=words):
        read_labels(file)
