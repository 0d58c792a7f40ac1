"""``dome evaluate``: what it prints where there was nothing to measure."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from cluster.cli import evaluate
from models.evaluation.faces import Pair, score_pairs


def refused(word: str) -> Any:
    raise AssertionError(f"{word} is not JSON")


@pytest.mark.parametrize(("same", "unknown"), [(True, "fpir"), (False, "fnir")])
def test_a_share_of_nothing_is_null_in_json_and_a_dash_in_the_table(
    capsys: pytest.CaptureFixture[str], same: bool, unknown: str
) -> None:
    score = evaluate._plain(score_pairs([Pair("a", "b", same)], np.array([0.5])))
    evaluate._show(score, True)
    said = json.loads(capsys.readouterr().out, parse_constant=refused)
    assert said[unknown] == {"value": None, "low": 0.0, "high": 1.0, "hits": 0, "of": 0}
    evaluate._show(score, False)
    table = capsys.readouterr().out
    assert "nan" not in table
    assert "value -, low 0.000" in table
