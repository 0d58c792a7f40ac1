from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cluster.cli import app
from cluster.evaluate_plates import evaluate_plates, labelled, tolerant
from cluster.plates import looks
from cluster.plates.compose import Placing, vehicle
from cluster.plates.wear import Wear
from flows.domain.errors import FieldError

pytestmark = pytest.mark.slow

CLEAN = Wear(blur_px=0.3, motion_px=1.0, dark=0.0, noise=3.0, jpeg=(85, 95), glare=0.0)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plates")
    rng = np.random.default_rng(8)
    for index in range(3):
        plate = looks.kazakhstan(rng)
        made = vehicle(plate, (480, 384), rng, Placing((150, 170), 1.0, 0.02, 1.0, 0.02), CLEAN)
        Image.fromarray(made.picture).save(folder / f"{index}.jpg", quality=95)
        x0, y0, x1, y1 = (round(float(v)) for v in made.xyxy[0])
        fields = (f"{index}.jpg", x0, y0, x1 - x0, y1 - y0, plate.text)
        (folder / f"{index}.txt").write_text("\t".join(map(str, fields)) + "\n")
    return folder


def test_plates_are_read_in_given_boxes_and_found(photographs: Path) -> None:
    score = evaluate_plates(photographs)
    assert (score.images, score.country) == (3, "KZ")
    assert score.located == 1.0
    assert score.exact == score.tolerant == score.found_exact == score.found_tolerant == 1.0


def test_each_of_two_plates_on_a_photograph_is_held_against_its_own(
    photographs: Path, tmp_path: Path
) -> None:
    left, right = (np.asarray(Image.open(photographs / f"{n}.jpg")) for n in (0, 1))
    Image.fromarray(np.hstack([left, right])).save(tmp_path / "both.jpg", quality=95)
    labels = [(photographs / f"{n}.txt").read_text().split("\t") for n in (0, 1)]
    for label, shift in zip(labels, (0, left.shape[1]), strict=True):
        label[:2] = "both.jpg", str(int(label[1]) + shift)
    (tmp_path / "both.txt").write_text("".join("\t".join(label) for label in labels))
    score = evaluate_plates(tmp_path)
    assert (score.images, score.located) == (2, 1.0)
    assert score.exact == score.found_exact == score.found_tolerant == 1.0


def test_the_command_prints_one_object(photographs: Path) -> None:
    done = CliRunner().invoke(app, ["evaluate", "plates", "--images", str(photographs), "--json"])
    assert done.exit_code == 0, done.output
    keys = {"images", "located", "exact", "tolerant", "found_exact", "found_tolerant"}
    assert keys <= set(json.loads(done.stdout))


def test_wrong_texts_are_counted_wrong(photographs: Path, tmp_path: Path) -> None:
    for path in photographs.glob("*.jpg"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
        label = (photographs / f"{path.stem}.txt").read_text().split("\t")
        (tmp_path / f"{path.stem}.txt").write_text("\t".join([*label[:5], "999ZZZ20"]))
    score = evaluate_plates(tmp_path, country="kz")
    assert score.located == 1.0
    assert score.exact == score.found_tolerant == 0.0


def test_o_and_i_are_tolerated_as_digits() -> None:
    assert tolerant("O1I0") == "0110"


@pytest.mark.parametrize(
    ("line", "why"),
    [("a.jpg\t1\t2\t3", "file, x, y, w, h, plate"), ("b.jpg\t1\t2\t3\t4\tAB12", "photograph beside")],
)
def test_a_wrong_label_is_told_with_its_file(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "a.txt").write_text(line)
    with pytest.raises(FieldError, match=rf"a\.txt.*{why}"):
        labelled(tmp_path)


def test_a_folder_without_labels_is_told(tmp_path: Path) -> None:
    with pytest.raises(FieldError, match="--images"):
        labelled(tmp_path)
    with pytest.raises(FieldError, match="--country"):
        evaluate_plates(tmp_path, country="xx")


@pytest.mark.parametrize(
    ("label", "picture", "said"),
    [
        ("0.jpg\t10\t10\t90\t30\tABC123", b"no picture", "0.jpg: expected a photograph that can be read"),
        (
            "0.jpg\t10\t10\t90\t30\tABC123",
            b"\xff\xd8\xff\xe0cut",
            "0.jpg: expected a photograph that can be read",
        ),
        ("0.jpg\t10\t10\t0\t30\tABC123", b"", "line 1: 0.txt: expected a box of a pixel or more, got 0 x 30"),
        ("0.jpg\t10\t10\tnan\t30\tABC123", b"", "line 1: 0.txt: expected a box of a pixel or more"),
        ("\xff\xfe", b"", "line 1: 0.txt: expected file, x, y, w, h, plate"),
    ],
)
def test_what_cannot_be_read_is_named(label: str, picture: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "0.txt").write_text(label, encoding="latin-1")
    (tmp_path / "0.jpg").write_bytes(picture)
    done = CliRunner().invoke(app, ["evaluate", "plates", "--images", str(tmp_path)])
    assert (done.exit_code, type(done.exception)) == (2, SystemExit), done.exception
    assert said in " ".join(done.stderr.split())
