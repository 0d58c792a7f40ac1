"""What is said of a front seat, by number."""

from __future__ import annotations

from typing import Final

NAMES: Final = ("nobody", "worn", "unworn", "hidden")
"""Nobody sits there; a belt is worn; none is; the glass hides it."""
NOBODY, WORN, UNWORN, HIDDEN = range(4)
