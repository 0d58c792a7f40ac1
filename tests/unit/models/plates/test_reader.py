"""The whole reader, from a vehicle's pictures to an answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from quick import first

from cluster.bench import plates as bench
from cluster.plates import looks
from cluster.plates.compose import Placing, vehicle
from cluster.plates.surroundings import scene
from cluster.plates.wear import Wear, worn
from flows.domain.plates import PlateRequest
from models.detector.nms import iou_matrix
from models.plates.finder import Found, PlateFinder
from models.plates.grammar import home_first
from models.plates.reader import PlateReader, Sighting, answer
from models.plates.reading import Character, Reading

MILD = Wear(blur_px=0.6, motion_px=1.5, dark=0.0, noise=4.0, jpeg=(80, 95), glare=0.0)


@pytest.fixture(scope="module")
def reader() -> PlateReader:
    return PlateReader()


def views(seed: int, count: int = 2) -> tuple[looks.Plate, tuple[np.ndarray, ...], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    plate = looks.kazakhstan(rng)
    made = [vehicle(plate, (480, 384), rng, Placing((130, 150), narrow=0.95), MILD) for _ in range(count)]
    crops = tuple(np.ascontiguousarray(view.picture[..., ::-1]) for view in made)
    return plate, crops, [view.xyxy for view in made]


def sighting(*readings: Reading) -> Sighting:
    return Sighting(0, Found((10, 10, 110, 32), 0.9), readings)


@pytest.mark.slow
@pytest.mark.parametrize("seed", first(11, 12, 13))
def test_a_vehicle_is_known_by_its_plate(reader: PlateReader, seed: int) -> None:
    plate, crops, boxes = views(seed)
    told = reader.read(PlateRequest(crops, "KZ"))
    assert (told.outcome, told.text, told.country) == ("read", plate.text, "KZ")
    assert told.crop is not None
    assert iou_matrix(np.array([told.xyxy], np.float32), boxes[told.crop])[0, 0] > 0.6
    assert set(told.versions) == {"finder", "recogniser"}


@pytest.mark.slow
def test_the_same_pictures_give_the_same_answer(reader: PlateReader) -> None:
    _, crops, _ = views(14)
    assert reader.read(PlateRequest(crops, "KZ")) == reader.read(PlateRequest(crops, "KZ"))


@pytest.mark.slow
def test_a_covered_plate_is_unread_whatever_else_is_written_on_the_vehicle(reader: PlateReader) -> None:
    _, crops, boxes = views(15)
    covered = [crop.copy() for crop in crops]
    for crop, box in zip(covered, boxes, strict=True):
        x0, y0, x1, y1 = box[0].astype(int)
        crop[y0 - 4 : y1 + 5, x0 - 4 : x1 + 5] = (92, 88, 84)
    told = reader.read(PlateRequest(tuple(covered), "KZ"))
    assert (told.outcome, told.confident) == ("unread", False)


@pytest.mark.slow
def test_stickers_badges_and_grilles_are_no_plates(reader: PlateReader) -> None:
    read = []
    for seed in range(30, 36):
        rng = np.random.default_rng(seed)
        crop = worn(np.asarray(scene((480, 384), rng)), rng, MILD)[..., ::-1]
        told = reader.read(PlateRequest((np.ascontiguousarray(crop),), "KZ"))
        read += [told.text] if told.confident else []
    assert read == []


def test_no_picture_is_no_plate(reader: PlateReader) -> None:
    assert reader.read(PlateRequest((), "KZ")).outcome == "unread"


@pytest.mark.slow
def test_a_plate_on_a_large_picture_is_found_too(reader: PlateReader) -> None:
    plate, crops, boxes = views(16, 1)
    street = np.full((900, 1500, 3), 90, np.uint8)
    street[400:784, 700:1180] = crops[0]
    found = PlateFinder().find(street)
    best = iou_matrix(np.array([f.xyxy for f in found], np.float32), boxes[0] + [700, 400, 700, 400])
    assert best.max() > 0.6
    assert reader.read(PlateRequest((street,), "KZ")).text == plate.text


def test_a_text_that_fits_no_form_stays_and_is_unread() -> None:
    told = answer([sighting(Reading.of("FORSALE", 0.99))], home_first("KZ"), {})
    assert (told.outcome, told.text, told.confident) == ("unread", "FORSALE", False)
    assert "fits no plate" in told.reason


def doubtful(*places: tuple[int, dict[str, float]]) -> Reading:
    characters = list(Reading.of("123ABC02", 0.99).characters)
    for place, chances in places:
        characters[place] = Character(chances)
    return Reading(tuple(characters), (8,))


@pytest.mark.parametrize(
    ("readings", "why"),
    [
        ([doubtful((3, {"A": 0.6, "R": 0.4}))], "weakest character 0.60"),
        ([doubtful(), Reading.of("23ABC02", 0.99), Reading.of("123ABC0", 0.99)], "agree on its length"),
    ],
)
def test_an_unsure_answer_says_why(readings: Sequence[Reading], why: str) -> None:
    told = answer([sighting(*readings)], home_first("KZ"), {})
    assert told.text == "123ABC02"
    assert not told.confident
    assert why in told.reason


def test_a_sure_answer_stands_by_itself() -> None:
    told = answer([sighting(doubtful(), doubtful(), doubtful())], home_first("KZ"), {})
    assert (told.text, told.confident, told.reason) == ("123ABC02", True, "")


def test_the_bench_counts_what_it_says() -> None:
    right = answer([sighting(doubtful(), doubtful())], home_first("KZ"), {})
    wrong = answer([sighting(Reading.of("124ABC02", 0.99))], home_first("KZ"), {})
    outcomes = [
        bench.Outcome("kazakhstan", "123ABC02", right, right, (right, wrong)),
        bench.Outcome("kazakhstan", "123ABC02", wrong, right, (right, right)),
    ]
    values = {figure.figure: figure.value for figure in bench.figures(outcomes)}
    assert values["Kazakhstan plates, whole"] == 0.5
    assert values["the same, boxes given"] == 1.0
    assert values["the same, one view alone"] == 0.75
    assert values["confident and right"] == 0.5
