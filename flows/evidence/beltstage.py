"""From candidates to violations: the looks at a vehicle go to a belt classifier, its answer decides.

A classifier that is away is asked again; a candidate that nobody looked at in time is dropped and counted. So is
one behind whose windscreen nobody could see. Nothing is kept of either: no picture, no event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from flows.domain.belts import AskedForBelts, BeltLook, doubts, looks_of, request_of, violation_of
from flows.domain.errors import SourceError
from flows.domain.events import Event, KeyMoment, View
from flows.domain.frames import Cutout
from flows.evidence.platestage import PAUSES_S
from flows.evidence.viewshelf import part_of
from flows.sources.packets import RingPacket
from flows.sources.reel import Reel, run_up

UNAVAILABLE: Final = "belts_unavailable"
"""Refused because nobody looked."""
NO_PICTURE: Final = "belt_no_picture"
"""Refused because the recording of the looks is not held any more."""
NOTHING: Final[Mapping[View, Cutout]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a candidate.

    Attributes:
        violation: The violation that it is; None where it is none.
        refused: Why a seat could not be judged, words to count by.
    """

    violation: Event | None
    refused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BeltStage:
    """Asks about a candidate.

    Attributes:
        ask: A belt classifier; raises ``ReaderAway`` or ``ReaderFailed``.
        pauses_s: Between attempts; one more attempt than pauses.
    """

    ask: AskedForBelts
    pauses_s: tuple[float, ...] = PAUSES_S

    def judge(
        self, candidate: Event, packets: Sequence[RingPacket], held: Mapping[View, Cutout] = NOTHING
    ) -> Verdict:
        """Looks at a candidate.

        Args:
            candidate: See :mod:`flows.domain.belts`.
            packets: The recording of its looks.
            held: Those that were cut out of it when they came.

        Raises:
            ReaderAway: If nobody answered.
            ReaderFailed: If the classifier fails on these pictures.
        """
        try:
            looks = looks_at(looks_of(candidate), packets, held)
        except SourceError:
            return Verdict(None, frozenset({NO_PICTURE}))
        answer = self.ask(request_of(candidate, looks))
        return Verdict(violation_of(candidate, answer), frozenset(doubts(candidate, answer)))


def looks_at(
    moments: Sequence[KeyMoment], packets: Sequence[RingPacket], held: Mapping[View, Cutout] = NOTHING
) -> tuple[BeltLook, ...]:
    """The vehicle in each moment, cut from the full-resolution frames, of which one at a time is in memory.

    Raises:
        SourceError: If they are not held any more.
    """
    reel, looks = Reel(packets), []
    for view in (moment.view for moment in moments):
        if view is None:
            continue
        at, (x0, y0, x1, y1) = view
        left, top, *_ = part = part_of(view[1])
        if view in held:
            run_up(packets, at)  # or there would be no picture of what is told
            bgr = held[view].bgr()
        else:
            bgr = reel.still(at, part).bgr
        if bgr.size:
            looks.append(BeltLook(bgr, (x0 - left, y0 - top, x1 - left, y1 - top)))
    return tuple(looks)
