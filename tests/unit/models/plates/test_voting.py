from __future__ import annotations

import pytest

from models.plates.reading import Character, Reading
from models.plates.voting import merged, support, vote


def reading(text: str, *doubts: tuple[int, dict[str, float]]) -> Reading:
    characters = [Character({c: 0.95}) for c in text]
    for place, chances in doubts:
        characters[place] = Character(chances)
    return Reading(tuple(characters), (len(text),))


def test_places_are_decided_one_by_one() -> None:
    frames = [
        reading("123ABC02", (0, {"7": 0.5, "1": 0.45})),
        reading("123ABC02", (4, {"8": 0.6, "B": 0.4})),
        reading("123ABC02"),
    ]
    assert vote(frames)[0].text == "123ABC02"


def test_a_frame_that_lost_a_character_does_not_shift_the_others() -> None:
    assert vote([reading("123ABC02"), reading("23ABC02"), reading("123ABC02")])[0].text == "123ABC02"


def test_sure_frames_outvote_unsure_ones() -> None:
    unsure = Reading(tuple(Character({c: 0.3}) for c in "128ABC02"), (8,))
    assert vote([reading("123ABC02"), unsure, unsure])[0].text == "123ABC02"


def test_agreement_makes_nobody_surer_than_the_surest_frame() -> None:
    same = [Reading.of("AB12", 0.8)] * 5
    assert merged(same).confidence == pytest.approx(0.8**4)


def test_disagreement_lowers_the_place_it_concerns() -> None:
    together = merged([Reading.of("AB12", 0.9), Reading.of("AB17", 0.9)])
    assert [round(c.confidence, 2) for c in together.characters] == [0.9, 0.9, 0.9, 0.45]


def test_one_line_and_two_are_different_readings() -> None:
    two = Reading.joined([Reading.of("123"), Reading.of("ABC02")])
    one = Reading.of("123ABC02")
    assert len(vote([one, two])) == 2
    assert support([one, two], one) == 1.0, "looks for two lines say nothing of the length of one"


def test_nothing_read_is_no_vote() -> None:
    assert vote([Reading(()), Reading(())]) == []
