from __future__ import annotations

import numpy as np
import pytest

from cluster.plates import looks
from models.plates.glances import split
from models.plates.reading import ALPHABET, Reading
from models.plates.recogniser import RapidOcr, decode


@pytest.fixture(scope="module")
def recogniser() -> RapidOcr:
    return RapidOcr()


def chances(text: str, sure: float = 0.9) -> np.ndarray:
    """Rows as the network gives them: ``-`` for nothing."""
    rows = np.full((len(text), 1 + len(ALPHABET)), (1 - sure) / len(ALPHABET), np.float32)
    for row, sign in zip(rows, text, strict=True):
        row[0 if sign == "-" else 1 + ALPHABET.index(sign)] = sure
    return rows


@pytest.mark.parametrize(("rows", "text"), [("-AA-A-11", "AA1"), ("----", ""), ("ABC", "ABC")])
def test_repeated_characters_are_one_until_nothing_lies_between(rows: str, text: str) -> None:
    assert decode(chances(rows), len(rows)).text == text


def test_a_reading_keeps_second_thoughts_and_places() -> None:
    rows = chances("-O-1")
    rows[1, 1 + ALPHABET.index("0")] = 0.08
    first, second = decode(rows, 4).characters
    assert first.chances["0"] == pytest.approx(0.08)
    assert (first.at, second.at) == (0.375, 0.875)


@pytest.mark.parametrize("maker", [looks.kazakhstan, looks.kazakhstan_older, looks.russia])
def test_a_clean_plate_is_read(recogniser: RapidOcr, maker: object) -> None:
    plate = maker(np.random.default_rng(5))  # type: ignore[operator]
    (reading,) = recogniser.read([np.ascontiguousarray(plate.picture[8:-8, 10:-10, ::-1])])
    assert plate.text.replace("O", "0") in reading.text.replace("O", "0")


def test_two_lines_are_cut_between_them(recogniser: RapidOcr) -> None:
    plate = looks.kazakhstan_square(np.random.default_rng(7))
    upper, lower = split(np.ascontiguousarray(plate.picture[..., ::-1]))
    reading = Reading.joined(recogniser.read([upper[:, 70:], lower]))
    assert reading.text.replace("O", "0") == plate.text.replace("O", "0")
    assert reading.breaks == (3, 5)


def test_its_weights_are_named(recogniser: RapidOcr) -> None:
    assert len(recogniser.version) == 64
