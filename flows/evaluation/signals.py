"""How often a traffic light is read rightly, against labels that a person made frame by frame.

Judged is what rules judge by: a change is believed at its second look and dated from its first, and a crossing is
looked up some seconds later (:class:`flows.rules.signal_log.SignalLog`). How often the state was right at once,
before its change was believed, is told beside it.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydantic import Field, ValidationError

from flows.domain.config import Config, Name
from flows.domain.errors import FieldError
from flows.domain.frames import Frame
from flows.domain.ruleset import SignalConfig
from flows.domain.signals import Phase
from flows.domain.site import CameraConfig, FileSource
from flows.rules.signal_log import SignalLog
from flows.settings import Settings
from flows.signals import SignalBook
from flows.site.validation import complaints
from flows.site.yamlfile import dotted
from flows.sources import open_source


class Spell(Config):
    """Frames in which a head shows one phase, both ends included; frames in no spell are not judged."""

    first: int = Field(ge=0)
    last: int = Field(ge=0)
    phase: Phase


class LabelledSignal(SignalConfig):
    """A head and what it shows."""

    phases: tuple[Spell, ...]
    note: str = ""

    def truth(self, frame: int) -> Phase | None:
        """What it shows in a frame; None where nobody could tell."""
        return next((s.phase for s in self.phases if s.first <= frame <= s.last), None)


class SignalLabels(Config):
    """The label file of one video.

    Attributes:
        video: Its name.
        labelled: How and by whom the labels were made.
        signals: Its heads.
    """

    video: str = ""
    labelled: str = ""
    signals: tuple[LabelledSignal, ...] = Field(min_length=1)


class HeadScore(Config):
    """One head.

    Attributes:
        frames: Judged.
        right: Share of them in which the state is the labelled one.
        unknown: Share in which it is ``unknown`` and the label is not.
        red_as_green: Frames of red (alone or with amber) that were called green.
        green_as_red: The other way.
        confusion: Frames by label, then by state.
    """

    frames: int
    right: float
    unknown: float
    red_as_green: int
    green_as_red: int
    confusion: dict[str, dict[str, int]]


class SignalScore(HeadScore):
    """All heads of a video.

    Attributes:
        by_signal: Each head.
        right_at_once: Share of frames in which the state was right in that very frame.
        ms_per_look: CPU milliseconds to read one head once, pixels' conversion and all, in this process.
    """

    by_signal: dict[Name, HeadScore]
    right_at_once: float
    ms_per_look: float


def evaluate_signals(video: Path, labels: Path) -> SignalScore:
    """Reads the labelled heads in a video as a camera would, and compares.

    Args:
        video: Any file that PyAV reads.
        labels: See :class:`SignalLabels`.

    Raises:
        FieldError: If the labels cannot be used.
        SourceError: If the video cannot be read.
    """
    truth = read_labels(labels)
    signals = tuple(SignalConfig(**s.model_dump(exclude={"phases", "note"})) for s in truth.signals)
    camera = CameraConfig(id="evaluated", district="none", source=FileSource(path=video), signals=signals)
    source = open_source(camera, Settings.from_env({}))
    source.open()
    try:
        return score_frames(source.frames(), camera, truth)
    finally:
        source.close()


def score_frames(frames: Iterable[Frame], camera: CameraConfig, truth: SignalLabels) -> SignalScore:
    """As :func:`evaluate_signals`, over frames from anywhere; each is read, however many there are a second."""
    book, spent_s, looks, at_once = SignalBook(camera), 0.0, 0, 0
    logs = {signal.name: SignalLog(signal.name, spells=None) for signal in truth.signals}
    labelled: list[tuple[Name, datetime, Phase]] = []
    for number, frame in enumerate(frames):
        began = time.thread_time()
        book.look(frame)
        book.settle(frame.at)
        spent_s, looks = spent_s + time.thread_time() - began, looks + len(truth.signals)
        for signal in truth.signals:
            state = book.states.get(signal.name)
            logs[signal.name].see(state)
            label = signal.truth(number)
            if label is not None:
                labelled.append((signal.name, frame.at, label))
                at_once += state is not None and state.phase == label
    counts: dict[str, Counter[tuple[Phase, Phase]]] = defaultdict(Counter)
    for name, at, label in labelled:
        spell = logs[name].at(at)
        counts[name][label, spell.phase if spell else "unknown"] += 1
    whole: Counter[tuple[Phase, Phase]] = sum(counts.values(), Counter())
    return SignalScore(
        **_score(whole).model_dump(),
        by_signal={name: _score(count) for name, count in counts.items()},
        right_at_once=round(at_once / max(1, len(labelled)), 4),
        ms_per_look=round(1000 * spent_s / max(1, looks), 3),
    )


def read_labels(path: Path) -> SignalLabels:
    """The labels in a file.

    Raises:
        FieldError: If they cannot be used.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise FieldError(str(path), "a JSON file with labels", str(error)) from error
    try:
        return SignalLabels.model_validate(data)
    except ValidationError as error:
        first = complaints(error, SignalLabels, data)[0]
        raise FieldError(
            f"{path.name}: {dotted(first.loc)}", first.expected, first.got, first.hint
        ) from error


def _score(counts: Counter[tuple[Phase, Phase]]) -> HeadScore:
    frames = counts.total()
    confusion: dict[str, dict[str, int]] = defaultdict(dict)
    for (label, found), n in sorted(counts.items()):
        confusion[label][found] = n
    right = sum(n for (label, found), n in counts.items() if label == found)
    unknown = sum(n for (label, found), n in counts.items() if found == "unknown" != label)
    red = ("red", "red_amber")
    return HeadScore(
        frames=frames,
        right=round(right / max(1, frames), 4),
        unknown=round(unknown / max(1, frames), 4),
        red_as_green=sum(n for (label, found), n in counts.items() if label in red and found == "green"),
        green_as_red=sum(n for (label, found), n in counts.items() if label == "green" and found in red),
        confusion=dict(confusion),
    )
