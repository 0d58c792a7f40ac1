"""Plates on real photographs: 110 of the OpenALPR benchmark's US set, read whole (``../shared/data/plates/us``)."""

from __future__ import annotations

from typing import Final

from cluster.bench.material import material
from cluster.bench.report import Figure, at_least
from cluster.evaluate_plates import PlateScore, evaluate_plates
from flows.domain.shares import counted

IMAGES: Final = "plates/us"


def run(quick: bool = False) -> list[Figure]:
    """The figures; see :mod:`cluster.bench.__main__`. There is nothing to leave out for a quick look.

    Raises:
        Absent: If the photographs are not on this machine.
    """
    return figures(evaluate_plates(material(IMAGES)))


def figures(score: PlateScore) -> list[Figure]:
    """Read whole with the plate's box given, and with the plate found by us in the whole photograph."""

    def how(share: float, tolerant: float) -> str:
        return (
            f"{counted(round(share * score.images), score.images)}; {tolerant:.3f} with O for 0 and I for 1"
        )

    return [
        at_least("US photographs, box given", score.exact, 0.80, "share", how(score.exact, score.tolerant)),
        at_least(
            "US photographs, found by us",
            score.found_exact,
            0.65,
            "share",
            f"{how(score.found_exact, score.found_tolerant)}; {score.located:.3f} located",
        ),
    ]
