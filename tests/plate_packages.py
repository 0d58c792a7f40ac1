"""What evidence packages are made of in tests: a moving square, a violation of it, somebody who reads plates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from media import STARTED_AT, square_at

from flows.domain.events import SPEEDING, Event, KeyMoment, Measured, Violation
from flows.domain.plates import PlateAnswer, PlateRequest
from flows.evidence.package import EvidenceContext, ModelRef

CONTEXT = EvidenceContext(
    site="almaty",
    camera_id="cam-1",
    district="center",
    detector=ModelRef(name="embedded", sha256="ab" * 32),
    software="0.1.0",
)
READ = PlateAnswer(
    "read",
    text="123ABC02",
    shown="123 ABC 02",
    country="KZ",
    kind="car",
    confidence=0.97,
    confident=True,
    crop=1,
    xyxy=(4, 10, 20, 15),
    seen=2,
    versions={"finder": "f" * 64},
)


class Reader:
    """Answers as told; keeps what it was asked."""

    def __init__(self, *answers: PlateAnswer | Exception) -> None:
        self.answers: list[PlateAnswer | Exception] = list(answers)
        self.asked: list[PlateRequest] = []

    def __call__(self, request: PlateRequest) -> PlateAnswer:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def violation(cls: str = "car", frames: Sequence[int] = (40, 55)) -> Event:
    moments = []
    for index in frames:
        left, top = square_at(index, 320, 240)
        moments.append(
            KeyMoment(
                name=f"m{index}",
                at=STARTED_AT + timedelta(seconds=index / 25),
                xyxy=(left, top, left + 24, top + 24),
            )
        )
    payload = Violation(
        rule="speeding",
        rule_version="1",
        track=7,
        cls=cls,
        measured={"speed": Measured(value=82.0, low=80.5, high=83.5, unit="km/h")},
        threshold={"limit_kmh": 60.0},
        moments=moments,
    )
    data = payload.model_dump(mode="json")
    return Event.of(SPEEDING, camera_id="cam-1", district="center", at=moments[-1].at, data=data)
