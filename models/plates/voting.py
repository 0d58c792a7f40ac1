"""Several readings of one plate make one: by character, each weighed by how sure it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from models.plates.reading import Character, Reading


def vote(readings: Sequence[Reading]) -> list[Reading]:
    """One reading for each form (length and line breaks) that was read, the best supported first.

    Readings of the same plate agree on most places; a frame that lost a character must not shift the others,
    so only readings of one form are merged. A merged place is as sure as the weighted mean of what was seen
    there, never surer than its surest frame.
    """
    groups: dict[tuple[int, ...], list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.characters:
            groups[reading.breaks].append(reading)
    ranked = sorted(groups.values(), key=lambda g: -sum(weight(r) for r in g))
    return [merged(group) for group in ranked]


def support(readings: Sequence[Reading], form: Reading) -> float:
    """Share of the weight of the readings with as many lines that has the form of ``form``."""
    alike = [r for r in readings if len(r.breaks) == len(form.breaks)]
    total = sum(weight(r) for r in alike)
    same = sum(weight(r) for r in alike if r.breaks == form.breaks)
    return same / total if total else 0.0


def weight(reading: Reading) -> float:
    """How much a reading counts: the geometric mean of its characters' probabilities, squared."""
    count = len(reading.characters)
    return float(reading.confidence ** (2 / count)) if count else 0.0


def merged(readings: Sequence[Reading]) -> Reading:
    """Readings of one form as one; each place is decided by the weighted mean of probabilities."""
    weights = [max(weight(r), 1e-6) for r in readings]
    total = sum(weights)
    characters = []
    for place in zip(*(r.characters for r in readings), strict=True):
        chances: dict[str, float] = defaultdict(float)
        for character, share in zip(place, weights, strict=True):
            for sign, chance in character.chances.items():
                chances[sign] += share / total * chance
        known = [(c.at, share) for c, share in zip(place, weights, strict=True) if c.at is not None]
        at = sum(at * share for at, share in known) / total if len(known) == len(place) else None
        characters.append(Character(dict(chances), at))
    return Reading(tuple(characters), readings[0].breaks)
