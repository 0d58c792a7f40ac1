"""Whether a character is missing: one that was hidden by a tow bar or by dirt leaves a hole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from models.plates.reading import Character

IN_GROUP, BETWEEN_GROUPS, AT_EDGE = 1.65, 2.2, 2.9
"""Widest distances, in the line's own usual distance from character to character. One hidden character makes 2
of 1 inside a group, and about 2.7 of 1.7 between two; a strip with a flag keeps the first up to 2.5 from the edge."""
LEAST = 4
"""Characters that a line must have for its usual distance to be known."""


def hole(line: Sequence[Character], starts: Sequence[int]) -> str:
    """Where a line has room for one more character; empty if nowhere, or if places are not known.

    Args:
        line: Its characters, with their places.
        starts: Indices at which a new group begins.
    """
    if len(line) < LEAST or any(character.at is None for character in line):
        return ""
    at = [character.at or 0.0 for character in line]
    steps = [b - a for a, b in pairwise(at)]
    inside = [step for index, step in enumerate(steps, 1) if index not in starts]
    usual = median(inside or steps)
    for index, step in enumerate(steps, 1):
        if step > usual * (BETWEEN_GROUPS if index in starts else IN_GROUP):
            return f"between {line[index - 1].best} and {line[index].best}"
    if at[0] > AT_EDGE * usual:
        return f"before {line[0].best}"
    return f"behind {line[-1].best}" if 1 - at[-1] > AT_EDGE * usual else ""
