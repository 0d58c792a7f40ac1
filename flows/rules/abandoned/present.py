"""Who is in the pictures that may be stored, for as long as one may be: whoever is in one must not be recognisable.

The rule forgets people after :attr:`flows.objects.company.CompanyConfig.remembers_s`, and follows nobody as low as a
bag, for those are mostly bags, nor whom the detector only may have seen. Of a picture all this is wrong: a child is as
low, a doubtful one may be somebody, and an owner may stay for an hour before leaving what was put down.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flows.domain.things import Box
from flows.objects.company import Company, around, filled

UNSURE: Final = 0
"""Instead of a number: whom a detector may have seen, or what is as low as a bag."""
IMAGINED: Final = -1
"""Whom it takes a thing for, and who is hidden all the same."""
SEEN_S: Final = 0.6
"""Whoever was found so shortly before or after is in the picture."""
SAME: Final = 0.5
"""Share to which boxes of two looks fill each other if they are one body."""
SHARE: Final = 0.5
"""Of the time for which people are remembered: as late as is safe, for by then it is known what was nobody."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Somebody in a picture.

    Attributes:
        number: Of the person in the company; for who may be somebody and is not followed :data:`UNSURE` or
            :data:`IMAGINED`.
        box: ``(4,)`` px, around all places where they were found about then.
    """

    number: int
    box: Box


class Present:
    """Remembers who was before one camera at the moments of pictures.

    Args:
        company: Everybody who is followed.
    """

    def __init__(self, company: Company) -> None:
        self._company = company
        self._unsure: deque[tuple[float, Shown]] = deque()
        self._kept: dict[datetime, list[Shown]] = {}

    def keep(self, moments: Mapping[datetime, float], now_s: float) -> None:
        """Notes who was there before it is forgotten; called at each look, before the company sees it.

        Args:
            moments: All moments of which a picture may still be told, each with its seconds on the rule's clock;
                the rest is forgotten, so that no more is kept than there are things.
            now_s: The present on that clock.
        """
        old_s = SHARE * self._company.config.remembers_s
        self._kept = {
            moment: self.at(moment, at_s)
            for moment, at_s in moments.items()
            if moment in self._kept or now_s - at_s >= old_s
        }

    def see_unsure(self, unsure: Sequence[Box], at_s: float, imagined: Sequence[Box] = ()) -> None:
        """Takes whom a detector calls a person and who is not followed as one; after :meth:`keep`."""
        self._unsure += ((at_s, Shown(UNSURE, box)) for box in unsure)
        self._unsure += ((at_s, Shown(IMAGINED, box)) for box in imagined)
        while self._unsure and self._unsure[0][0] < at_s - self._company.config.remembers_s:
            self._unsure.popleft()

    def at(self, moment: datetime, at_s: float) -> list[Shown]:
        """Who is in the picture of a moment, which is ``at_s`` on the rule's clock."""
        return self._kept[moment] if moment in self._kept else self._remembered(at_s)

    def _remembered(self, at_s: float) -> list[Shown]:
        out = []
        for person in self._company.people:
            near = [place.box for place in person.between(at_s - SEEN_S, at_s + SEEN_S)]
            if near:
                out.append(Shown(person.number, around(near)))
        return [*out, *self._unsure_at(at_s)]

    def _unsure_at(self, at_s: float) -> list[Shown]:
        """Those nobody follows, with one box for a body that is found in look after look."""
        out: list[Shown] = []
        for seen_s, shown in self._unsure:
            if abs(seen_s - at_s) > SEEN_S:
                continue
            same = next((k for k, other in enumerate(out) if filled(shown.box, other.box) > SAME), None)
            if same is None:
                out.append(shown)
            else:
                number = min(out[same].number, shown.number)
                out[same] = Shown(number, around([out[same].box, shown.box]))
        return out
