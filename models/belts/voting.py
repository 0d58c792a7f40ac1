"""What several looks at one seat say together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.domain.belts import SeatAnswer
from models.belts.names import HIDDEN, NOBODY, UNWORN, WORN

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VoteConfig:
    """Thresholds, each with its reason.

    Attributes:
        scale: Of the mean logits of several looks, so that the probabilities come true; fitted in training on
            streets that the network did not learn from, and kept in its file.
        unworn: Probability from which a belt is missing: a wrong accusation is worse than a missed one.
        steady: It must stay above this whichever look is left out.
        sure: Probability from which a belt is worn, or a seat is empty: nobody is harmed by a mistake.
        hidden: Probability from which a glare is the reason for knowing nothing.
    """

    scale: float = 1.0
    unworn: float = 0.97
    steady: float = 0.90
    sure: float = 0.80
    hidden: float = 0.30


def vote(logits: Array, config: VoteConfig) -> SeatAnswer:
    """One answer of all looks.

    Args:
        logits: ``(N, 4)`` of each look, in the order of :data:`models.belts.names.NAMES`; at least one.
        config: Thresholds.
    """
    every = chances(logits, config.scale)
    bare = float(every[UNWORN])
    left = range(len(logits)) if len(logits) > 1 else ()
    without = [float(chances(np.delete(logits, i, axis=0), config.scale)[UNWORN]) for i in left]
    low, high = min([bare, *without]), max([bare, *without])
    if bare >= config.unworn and low >= config.steady and len(logits) > 1:
        return SeatAnswer("unworn", "", bare, low, high)
    if every[WORN] >= config.sure:
        return SeatAnswer("worn", "", bare, low, high)
    if every[NOBODY] >= config.sure:
        return SeatAnswer("nobody", "", bare, low, high)
    return SeatAnswer("unknown", "glare" if every[HIDDEN] >= config.hidden else "unsure", bare, low, high)


def chances(logits: Array, scale: float) -> Array:
    """Probabilities ``(4,)`` from the logits ``(N, 4)`` of several looks.

    >>> chances(np.array([[0.0, 2.0, 0.0, 0.0]]), 100.0).round(3).tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    mean = scale * np.asarray(logits, float).mean(axis=0)
    weight = np.exp(mean - mean.max())
    return np.asarray(weight / weight.sum())
