"""How well faces are told apart: verification of pairs, and searches, with exact intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv  # scipy.stats has it as beta.ppf, and takes a second to import

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval (Clopper and Pearson 1934: exact, never too narrow).

    Attributes:
        value: ``hits / of``; nan of nothing.
        low: Lower end.
        high: Upper end.
        hits: How many.
        of: Of how many.
    """

    value: float
    low: float
    high: float
    hits: int
    of: int

    @classmethod
    def of_counts(cls, hits: int, of: int) -> Share:
        """From counts.

        >>> Share.of_counts(0, 100).high < 0.037
        True
        """
        if of == 0:
            return cls(float("nan"), 0.0, 1.0, 0, 0)
        out = (1 - LEVEL) / 2
        low = 0.0 if hits == 0 else float(betaincinv(hits, of - hits + 1, out))
        high = 1.0 if hits == of else float(betaincinv(hits + 1, of - hits, 1 - out))
        return cls(hits / of, low, high, hits, of)


@dataclass(frozen=True, slots=True)
class PairScore:
    """What was measured on labelled pairs.

    Attributes:
        tpr_at_zero_fpr: Share of same pairs that are more alike than every pair of two people.
        threshold: Similarity halfway between the most alike pair of two people and the next same pair above it.
        tpr: ``tpr_at_zero_fpr`` with its interval.
        fpir: Searches for somebody who is not there that bring a hit, at the threshold of the pairs without them.
        fnir: Searches for somebody who is there that do not find them first, or not at that threshold.
        same: Pairs of one person.
        different: Pairs of two.
        without_face: Pictures in which no face was found; all their pairs count as not alike.
    """

    tpr_at_zero_fpr: float
    threshold: float
    tpr: Share
    fpir: Share
    fnir: Share
    same: int
    different: int
    without_face: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """One labelled pair of pictures."""

    x: str
    y: str
    same: bool


def score_pairs(
    pairs: Sequence[Pair], similarity: NDArray[np.floating], without_face: Sequence[str] = ()
) -> PairScore:
    """Scores labelled pairs.

    A picture's search is through all pictures that it is paired with. It is one for somebody who is not there
    once those of the same person are left out. Each search's threshold comes from the pairs in which its person is
    not: one from all pairs would lie above every stranger that it is tried on. Whoever's pairs are needed for
    there to be a threshold at all is not searched for. The intervals of ``fpir`` and ``fnir`` say how little some
    dozens of pictures tell.

    Args:
        pairs: N labelled pairs.
        similarity: ``(N,)``, higher is more alike.
        without_face: Pictures without a face, to be named.
    """
    same = np.array([pair.same for pair in pairs])
    threshold = _threshold(same, similarity)
    found = Share.of_counts(int((similarity[same] >= threshold).sum()), int(same.sum()))
    strangers, mates = _searches(pairs, same, similarity)
    return PairScore(
        tpr_at_zero_fpr=found.value,
        threshold=threshold,
        tpr=found,
        fpir=Share.of_counts(sum(strangers), len(strangers)),
        fnir=Share.of_counts(sum(mates), len(mates)),
        same=found.of,
        different=int((~same).sum()),
        without_face=tuple(without_face),
    )


def _threshold(same: NDArray[np.bool_], similarity: NDArray[np.floating]) -> float:
    """Halfway between the most alike pair of two people and the next pair of one above it."""
    highest = float(similarity[~same].max()) if (~same).any() else -1.0
    above = similarity[same & (similarity > highest)]
    return (highest + float(above.min())) / 2 if len(above) else float(np.nextafter(highest, 2))


def _searches(
    pairs: Sequence[Pair], same: NDArray[np.bool_], similarity: NDArray[np.floating]
) -> tuple[list[bool], list[bool]]:
    """For each picture: whether a stranger raises an alarm, and whether its own person is missed."""
    people = _people(pairs)
    who = np.array([(people[pair.x], people[pair.y]) for pair in pairs])
    strangers, mates = [], []
    for name, person in people.items():
        others = (who != person).all(axis=1)
        if not (others & ~same).any():
            continue
        threshold = _threshold(same[others], similarity[others])
        own = np.array([name in (pair.x, pair.y) for pair in pairs])
        best_stranger = similarity[own & ~same].max(initial=-np.inf)
        if (own & ~same).any():
            strangers.append(bool(best_stranger >= threshold))
        if (own & same).any():
            best_mate = similarity[own & same].max()
            mates.append(bool(best_mate < threshold or best_mate <= best_stranger))
    return strangers, mates


def _people(pairs: Sequence[Pair]) -> dict[str, int]:
    """A number for the person on each picture: pictures of pairs of one person, however linked, have the same."""
    people = {name: number for number, name in enumerate(dict.fromkeys(n for p in pairs for n in (p.x, p.y)))}
    for pair in pairs:
        if pair.same:
            joined, gone = people[pair.x], people[pair.y]
            people = {name: joined if number == gone else number for name, number in people.items()}
    return people
