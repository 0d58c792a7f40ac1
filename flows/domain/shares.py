"""How sure a share is that was counted."""

from __future__ import annotations

import math


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); everything is possible where nothing was counted.

    >>> low, high = wilson(30, 30)
    >>> round(low, 3), round(high, 3)
    (0.886, 1.0)
    """
    if of == 0:
        return 0.0, 1.0
    z, share = 1.959964, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def counted(hits: int, of: int) -> str:
    """A share's counts and 95 % interval, in words.

    >>> counted(97, 100)
    '97 of 100, 95 % [0.915, 0.990]'
    """
    low, high = wilson(hits, of)
    return f"{hits} of {of}, 95 % [{low:.3f}, {high:.3f}]"
