"""Scores of labelled pairs, on numbers that can be reckoned by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from cluster.evaluate_faces import evaluate_faces, labelled
from flows.domain.errors import FieldError
from flows.settings import Settings
from models.evaluation.faces import Pair, Share, score_pairs
from models.faces import load

PAIRS = [Pair("a", "b", True), Pair("c", "d", True), Pair("a", "c", False), Pair("b", "d", False)]


def test_a_perfect_separation() -> None:
    score = score_pairs(PAIRS, np.array([0.97, 0.95, 0.80, 0.85]))
    assert score.tpr_at_zero_fpr == 1
    assert score.threshold == pytest.approx(0.90)
    assert (score.fpir.hits, score.fpir.of) == (0, 4)
    assert (score.fnir.hits, score.fnir.of) == (0, 4)
    assert (score.same, score.different) == (2, 2)


def test_what_is_below_the_best_pair_of_strangers_is_not_found() -> None:
    score = score_pairs(PAIRS, np.array([0.97, 0.84, 0.80, 0.85]))
    assert score.tpr_at_zero_fpr == 0.5
    assert score.threshold == pytest.approx(0.91)
    assert (score.fnir.hits, score.fnir.of) == (2, 4)  # c and d


def test_where_strangers_are_more_alike_than_everybody_nothing_is_found_and_nothing_false() -> None:
    score = score_pairs(PAIRS, np.array([0.9, 0.9, 0.95, 0.1]))
    assert score.tpr_at_zero_fpr == 0
    assert score.fpir.hits == 0
    assert score.fnir.hits == 4


def test_exact_intervals() -> None:
    assert Share.of_counts(0, 100).high == pytest.approx(1 - 0.025 ** (1 / 100))
    assert Share.of_counts(100, 100).low == pytest.approx(0.025 ** (1 / 100))
    half = Share.of_counts(50, 100)
    assert half.low < 0.41 < 0.5 < 0.59 < half.high
    assert math.isnan(Share.of_counts(0, 0).value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "line 1: pairs.csv: expected the columns file_x, file_y, same_person"),
        (
            "file_x,file_y,same_person\na.jpg,b.jpg,maybe\n",
            "line 2: pairs.csv: expected two files and yes or no",
        ),
        ("file_x,file_y,same_person\n", "at least one pair"),
    ],
)
def test_mistakes_in_the_list_are_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(FieldError, match=message):
        labelled(tmp_path / "pairs.csv")


def test_a_missing_photograph_is_named_before_any_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("file_x,file_y,same_person\na.jpg,b.jpg,yes\n")
    pair = load("dlib", Settings.from_env({"DOME_HOME": str(tmp_path / "home")}))
    with pytest.raises(FieldError, match=r"--images: .* got no a\.jpg in"):
        evaluate_faces(tmp_path / "pairs.csv", tmp_path, pair)
