"""How alike is alike enough: read off a measured table, never guessed.

The table says, for galleries of some sizes and for similarities in small steps, of how many faces of other people
one is at least so alike to somebody of the gallery (``python -m cluster.bench faces`` measures it). Between its
rows and columns the safer neighbour is taken; beyond its ends nothing is vouched for.

A gallery is one case's photos: its budget is of its own leads a day, however many other cases run, and what they
search with makes nobody more alike to these. Whoever looks at the leads of ten cases gets the sum of ten budgets.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from importlib import resources
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from flows.domain.errors import WeightsError

FACES_A_DAY: Final = 10_000
"""Faces that a camera at a busy gate sees in a day: budgets of false alarms per day are divided by it."""
DISTRICT_CAMERAS: Final = 50
"""Cameras of a district, where a case names the district and not them."""


class Thresholds:
    """One embedder's measured table.

    Args:
        sizes: ``(S,)`` gallery sizes, ascending.
        similarities: ``(T,)`` ascending.
        false_alarms: ``(S, T)`` share of other people's faces that reach the similarity: upper ends of 95 % intervals.
        model: Name and digest of the embedder.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        similarities: NDArray[np.float64],
        false_alarms: NDArray[np.float64],
        model: str = "",
    ) -> None:
        if false_alarms.shape != (len(sizes), len(similarities)):
            raise ValueError(
                f"false_alarms: expected ({len(sizes)}, {len(similarities)}), got {false_alarms.shape}"
            )
        self.sizes, self.similarities, self.model = tuple(sizes), similarities, model
        # What is measured wiggles; a higher similarity is never met more often.
        self.rates = np.maximum.accumulate(false_alarms[:, ::-1], axis=1)[:, ::-1]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From what the bench writes."""
        table: dict[str, Any] = json.loads(text)
        return cls(
            table["sizes"], np.array(table["similarities"]), np.array(table["false_alarms"]), table["model"]
        )

    def check(self, model: str) -> None:
        """Refuses to judge by what was measured of another embedder.

        Raises:
            WeightsError: If it was.
        """
        if self.model != model:
            raise WeightsError(
                f"faces: expected thresholds that were measured for {model}, got those of {self.model}; run "
                "`python -m cluster.bench.faces PAIR`"
            )

    def row(self, gallery: int) -> NDArray[np.float64]:
        """Rates for a gallery of that size, or the next larger one that was measured.

        Raises:
            WeightsError: If it is larger than all of them.
        """
        at = bisect_left(self.sizes, gallery)
        if at == len(self.sizes):
            raise WeightsError(
                f"gallery: expected at most {self.sizes[-1]} photos, got {gallery}: false alarms were not measured "
                "beyond; choose the best of them"
            )
        rates: NDArray[np.float64] = self.rates[at]
        return rates

    def threshold(self, gallery: int, budget: float) -> float:
        """The least similarity that keeps the budget.

        Args:
            gallery: Photos that each face is compared with.
            budget: Share of other people's faces that may raise an alarm.

        Raises:
            WeightsError: If no similarity is known to keep it.
        """
        kept = np.flatnonzero(self.row(gallery) <= budget)
        if not len(kept):
            raise WeightsError(
                f"false alarms: expected a budget of {float(self.row(gallery)[-1]):.2g} a face or more at a gallery of "
                f"{gallery}, got {budget:.2g}; fewer were not measured"
            )
        return float(self.similarities[kept[0]])

    def false_alarms(self, gallery: int, similarity: float) -> float:
        """Share of other people's faces that are at least so alike to somebody of the gallery; 1 below the table."""
        at = int(np.searchsorted(self.similarities, similarity, side="right")) - 1
        return 1.0 if at < 0 else float(self.row(gallery)[at])


def built_in(pair: str) -> Thresholds:
    """The table of a pair of models.

    Raises:
        WeightsError: If nobody has measured it.
    """
    file = resources.files("models.faces") / "thresholds" / f"{pair}.json"
    if not file.is_file():
        raise WeightsError(
            f"faces {pair}: expected measured thresholds, there are none; run `python -m cluster.bench.faces {pair}`"
        )
    return Thresholds.from_json(file.read_text(encoding="utf-8"))


def budget_per_face(false_alarms_per_day: float, cameras: int, districts: int) -> float:
    """A case's budget for one face.

    >>> budget_per_face(1.0, cameras=4, districts=0)
    2.5e-05
    """
    return false_alarms_per_day / (FACES_A_DAY * max(1, cameras + DISTRICT_CAMERAS * districts))
