"""The table of a pair of models is measured where that pair's strangers are, whatever its range."""

from __future__ import annotations

import numpy as np
import pytest

from cluster.bench import faces
from flows.domain.errors import DomeError
from flows.faces.thresholds import budget_per_face
from models.faces.base import FacePair, unit

SEARCHES = 2_000


class Embedder:
    """Of this only the version is asked."""

    version = "0" * 64


def pair() -> FacePair:
    return FacePair("retinaface+arcface", None, Embedder())  # type: ignore[arg-type]


def people(alike: float) -> faces.Array:
    """Eighty people of whom any two are about so alike."""
    own = np.random.default_rng(1).standard_normal((80, 64)).astype(np.float32)
    own[:, 0] = 0
    shared = np.eye(1, 64, dtype=np.float32)
    return unit(np.sqrt(alike) * shared + np.sqrt(1 - alike) * unit(own))


@pytest.mark.parametrize(("alike", "lowest", "highest"), [(0.0, 0.3, 0.7), (0.9, 0.92, 0.97)])
def test_thresholds_lie_above_the_pairs_own_strangers_and_no_higher_than_they_ask(
    monkeypatch: pytest.MonkeyPatch, alike: float, lowest: float, highest: float
) -> None:
    monkeypatch.setattr(faces, "real_people", lambda _: people(alike))
    measured = faces.measure(pair(), SEARCHES)
    threshold = measured.table.threshold(1, budget_per_face(10, 4, 0))
    assert lowest < threshold < highest
    looser = measured.table.threshold(1, 0.1)
    assert looser < threshold
    assert measured.table.false_alarms(1, looser) == pytest.approx(0.1, rel=0.1)
    assert measured.hits[0, 0] > 0.4 * faces.trials(SEARCHES, 1)
    assert measured.hits[-1, -1] == 0


def test_a_table_that_made_up_people_never_reach_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "real_people", lambda _: people(0.0))
    monkeypatch.setattr(faces, "similarities", lambda _: np.array([0.9, 0.901]))
    with pytest.raises(DomeError, match=r"as alike as half of the real ones .* no threshold can follow"):
        faces.measure(pair(), SEARCHES)
