"""Who is in pictures: remembered as long as a picture may be told, and no longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from flows.domain.things import Box
from flows.objects.company import Company, around
from flows.rules.abandoned.present import IMAGINED, UNSURE, Present
from flows.rules.abandoned.telling import MARGIN

START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
SIZE = (1280, 720)


def a_box(x: float, height: float = 105.0) -> Box:
    return np.array([x - 14, 600 - height, x + 14, 600], np.float32)


class Scene:
    """Looks of one camera."""

    def __init__(self) -> None:
        self.company = Company()
        self.present = Present(self.company)

    def look(self, at_s: float, people: list[Box], low: list[Box], pictures_s: list[float]) -> None:
        self.present.keep({START + timedelta(seconds=s): s for s in pictures_s}, at_s)
        self.present.see_unsure(low, at_s)
        self.company.see(people, [0] * len(people), at_s, None, SIZE)

    def boxes(self, at_s: float) -> list[list[float]]:
        return [s.box.tolist() for s in self.present.at(START + timedelta(seconds=at_s), at_s)]


def test_a_low_one_who_trembles_is_one_box_and_two_are_two() -> None:
    scene = Scene()
    for k in range(4):
        scene.present.see_unsure([a_box(100.0 + k, 40.0), a_box(300.0, 40.0)], 10.0 + 0.1 * k)
    assert scene.boxes(10.0) == [[86.0, 560.0, 117.0, 600.0], [286.0, 560.0, 314.0, 600.0]]


@pytest.mark.parametrize("hz", [3, 10, 25])
def test_who_walks_in_or_steps_out_from_behind_a_pillar_is_hidden_from_their_first_look_on(hz: int) -> None:
    scene, walked = Scene(), {}
    for k in range(6 * hz):
        at_s = k / hz
        walked[at_s] = a_box(
            100.0 + 120.0 * at_s
        )  # twice as fast as people walk, to the scale of their height
        scene.look(at_s, [] if 2.0 <= at_s < 3.5 else [walked[at_s]], [], [])
    for at_s, box in walked.items():
        if not 2.0 <= at_s < 3.5:
            assert scene.boxes(at_s), at_s
            shown = around([np.array(b) for b in scene.boxes(at_s)])
            margin = MARGIN * (shown[2] - shown[0])
            head = (box[0] + box[2]) / 2 + 6 * np.array([-1, 1])
            assert shown[0] - margin <= head[0], at_s
            assert head[1] <= shown[2] + margin, at_s


def test_who_is_in_a_picture_is_kept_with_it_however_long_no_look_is_taken() -> None:
    scene = Scene()
    scene.look(0.0, [a_box(200.0)], [a_box(400.0, 40.0)], [])
    before = scene.boxes(0.0)
    assert len(before) == 2
    scene.look(500.0, [], [], [0.0])
    scene.look(900.0, [], [], [0.0])
    assert scene.boxes(0.0) == before


def test_nobody_is_kept_longer_than_the_picture() -> None:
    scene = Scene()
    scene.look(0.0, [a_box(200.0)], [a_box(400.0, 40.0)], [])
    scene.look(500.0, [], [], [0.0])
    scene.look(501.0, [], [], [])
    assert scene.boxes(0.0) == []


def test_whom_a_thing_is_taken_for_is_not_one_of_those_who_may_be_that_thing() -> None:
    scene = Scene()
    scene.present.see_unsure([a_box(100.0, 40.0), a_box(300.0)], 10.0, imagined=[a_box(301.0)])
    shown = scene.present.at(START + timedelta(seconds=10), 10.0)
    assert [one.number for one in shown] == [UNSURE, IMAGINED]
