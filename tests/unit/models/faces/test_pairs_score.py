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

PAIRS = [
    *(Pair(x, y, True) for x, y in ("ab", "cd", "ef")),
    *(Pair(x, y, False) for x, y in ("ac", "bd", "ae", "cf")),
]


def test_a_perfect_separation() -> None:
    score = score_pairs(PAIRS, np.array([0.97, 0.95, 0.93, 0.75, 0.70, 0.60, 0.65]))
    assert score.tpr_at_zero_fpr == 1
    assert score.threshold == pytest.approx(0.84)
    assert (score.fpir.hits, score.fpir.of) == (0, 6)
    assert (score.fnir.hits, score.fnir.of) == (0, 6)
    assert (score.same, score.different) == (3, 4)


def test_what_is_below_the_best_pair_of_strangers_is_not_found() -> None:
    score = score_pairs(PAIRS, np.array([0.97, 0.84, 0.93, 0.80, 0.85, 0.60, 0.65]))
    assert score.tpr_at_zero_fpr == pytest.approx(2 / 3)
    assert score.threshold == pytest.approx(0.89)
    assert (score.fnir.hits, score.fnir.of) == (1, 6)  # d, which finds b first


def test_a_stranger_raises_an_alarm_at_the_threshold_of_the_pairs_without_them() -> None:
    score = score_pairs(PAIRS, np.array([0.97, 0.95, 0.93, 0.80, 0.70, 0.60, 0.91]))
    assert score.tpr_at_zero_fpr == 1
    assert (score.fpir.hits, score.fpir.of) == (2, 6)  # c at 0.765 (a-e, e-f), f at 0.875 (a-c, c-d)
    assert score.fnir.hits == 0


def test_an_embedder_that_guesses_raises_false_alarms() -> None:
    rng = np.random.default_rng(0)
    names = [f"{person}{side}" for person in range(8) for side in "xy"]
    pairs = [Pair(a, b, a[0] == b[0]) for i, a in enumerate(names) for b in names[i + 1 :]]
    guessed = [score_pairs(pairs, rng.uniform(-1, 1, len(pairs))).fpir for _ in range(20)]
    assert sum(fpir.hits for fpir in guessed) > 10


def test_without_pairs_of_other_people_no_search_is_counted() -> None:
    score = score_pairs(PAIRS[:2] + PAIRS[3:5], np.array([0.97, 0.95, 0.80, 0.85]))
    assert score.tpr_at_zero_fpr == 1
    assert (score.fpir.of, score.fpir.high, score.fnir.of) == (0, 1, 0)


def test_where_strangers_are_more_alike_than_everybody_nobody_is_found() -> None:
    score = score_pairs(PAIRS, np.array([0.9, 0.9, 0.9, 0.95, 0.95, 0.96, 0.95]))
    assert score.tpr_at_zero_fpr == 0
    assert score.fnir.hits == 6


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
