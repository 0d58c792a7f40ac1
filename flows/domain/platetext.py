"""Number plates as text: one spelling for comparing, whoever wrote or read them."""

from __future__ import annotations

from typing import Final

_LATIN: Final = str.maketrans("АВЕКМНОРСТУХІ", "ABEKMHOPCTYXI")
"""Cyrillic letters that look like Latin ones: people type plates with either."""
_ALIKE: Final = str.maketrans("ODQILBU", "000118V")
"""Letters that are taken for digits, in pictures and by hand, or for one another: no form tells U from V."""


def normal_plate(text: str) -> str:
    """Capital letters and digits only, lookalike Cyrillic letters as Latin ones.

    >>> normal_plate("123 авс-02")
    '123ABC02'
    """
    return "".join(c for c in text.upper().translate(_LATIN) if c.isalnum())


def folded_plate(text: str) -> str:
    """The same with letters and digits that look alike folded together: equal ones may be one plate misread.

    >>> folded_plate("O1B") == folded_plate("0I8")
    True
    """
    return normal_plate(text).translate(_ALIKE)
