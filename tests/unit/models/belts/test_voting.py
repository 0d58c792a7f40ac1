from __future__ import annotations

import numpy as np
import pytest

from models.belts.names import HIDDEN, NAMES, NOBODY, UNWORN, WORN
from models.belts.voting import VoteConfig, vote

CONFIG = VoteConfig()


def look(label: int, by: float) -> list[float]:
    row = [0.0] * len(NAMES)
    row[label] = by
    return row


@pytest.mark.parametrize(("label", "state"), [(WORN, "worn"), (UNWORN, "unworn"), (NOBODY, "nobody")])
def test_looks_that_agree_say_so(label: int, state: str) -> None:
    told = vote(np.array([look(label, 6.0)] * 5), CONFIG)
    assert (told.state, told.doubt) == (state, "")
    assert told.low <= told.chance <= told.high


def test_nobody_is_accused_by_one_look_alone() -> None:
    rows = [look(UNWORN, 40.0)] + [look(WORN, 0.5)] * 3
    told = vote(np.array(rows), CONFIG)
    assert told.state == "unknown"
    assert told.chance > CONFIG.unworn, "all of them together would"
    assert told.low < CONFIG.steady
    assert vote(np.array([look(UNWORN, 9.0)]), CONFIG).state == "unknown"


def test_looks_that_contradict_one_another_say_nothing() -> None:
    told = vote(np.array([look(UNWORN, 4.0), look(WORN, 4.0)] * 2), CONFIG)
    assert (told.state, told.doubt) == ("unknown", "unsure")


def test_a_glare_is_named() -> None:
    told = vote(np.array([look(HIDDEN, 3.0)] * 4), CONFIG)
    assert (told.state, told.doubt) == ("unknown", "glare")


def test_a_smaller_scale_is_less_sure() -> None:
    rows = np.array([look(UNWORN, 6.0)] * 4)
    assert vote(rows, VoteConfig(scale=0.5)).chance < vote(rows, VoteConfig(scale=1.0)).chance
    assert vote(rows, VoteConfig(scale=0.5)).state == "unknown"
