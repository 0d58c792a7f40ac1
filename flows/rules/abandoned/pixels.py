"""What the pixels of a look say of somebody beside a thing."""

from __future__ import annotations

from dataclasses import dataclass

from flows.domain.things import Box, PixelLook
from flows.objects.company import covered


@dataclass(frozen=True, slots=True)
class Pixels:
    """What differs from the empty place at a look.

    Attributes:
        look: The look; None where nothing was looked at.
        size: Width and height of the picture, px.
    """

    look: PixelLook | None = None
    size: tuple[int, int] = (0, 0)

    def share_there(self, thing: Box, body: Box) -> float | None:
        """Which share of somebody's place differs from the empty place, without the thing."""
        if self.look is None:
            return None
        own = covered(body, by=thing)
        return (self.look.share_changed(body, *self.size) - own) / max(1.0 - own, 0.1)
