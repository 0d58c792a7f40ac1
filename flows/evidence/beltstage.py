"""From candidates to violations: the looks at a vehicle go to a belt classifier, its answer decides.

A classifier that is away is asked again; a candidate that nobody looked at in time is dropped and counted. So is
one behind whose windscreen nobody could see. Nothing is kept of either: no picture, no event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from flows.domain.belts import AskedForBelts, BeltLook, doubts, looks_of, request_of, violation_of
from flows.domain.errors import SourceError
from flows.domain.events import Event, KeyMoment
from flows.evidence.platestage import PAUSES_S
from flows.sources.packets import RingPacket
from flows.sources.reel import Part, stills

MARGIN: Final = 0.12
"""Of the vehicle's width, kept on each side and below."""
REACH: Final = 1.45
"""Of the vehicle's width, kept above its lower edge: a detector's box may end at the bonnet, where the glass begins."""
UNAVAILABLE: Final = "belts_unavailable"
"""Refused because nobody looked."""
NO_PICTURE: Final = "belt_no_picture"
"""Refused because the recording of the looks is not held any more."""


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

    def judge(self, candidate: Event, packets: Sequence[RingPacket]) -> Verdict:
        """Looks at a candidate.

        Args:
            candidate: See :mod:`flows.domain.belts`.
            packets: The recording of its looks.

        Raises:
            ReaderAway: If nobody answered.
            ReaderFailed: If the classifier fails on these pictures.
        """
        try:
            looks = looks_at(looks_of(candidate), packets)
        except SourceError:
            return Verdict(None, frozenset({NO_PICTURE}))
        answer = self.ask(request_of(candidate, looks))
        return Verdict(violation_of(candidate, answer), frozenset(doubts(candidate, answer)))


def looks_at(moments: Sequence[KeyMoment], packets: Sequence[RingPacket]) -> tuple[BeltLook, ...]:
    """The vehicle in each moment, cut from the full-resolution frames, of which one at a time is in memory.

    Raises:
        SourceError: If they are not held any more.
    """
    shown = [(moment.at, moment.xyxy) for moment in moments if moment.xyxy is not None]
    parts = [_part(xyxy) for _, xyxy in shown]
    cut = stills(packets, [at for at, _ in shown], parts)
    return tuple(
        BeltLook(still.bgr, (x0 - part[0], y0 - part[1], x1 - part[0], y1 - part[1]))
        for still, part, (_, (x0, y0, x1, y1)) in zip(cut, parts, shown, strict=True)
        if still.bgr.size
    )


def _part(xyxy: tuple[float, float, float, float]) -> Part:
    left, top, right, bottom = xyxy
    width = right - left
    high = min(top, bottom - REACH * width)
    x0, y0 = np.maximum(np.floor([left - MARGIN * width, high]), 0).astype(int)
    x1, y1 = np.ceil([right + MARGIN * width, bottom + MARGIN * width]).astype(int)
    return int(x0), int(y0), int(x1), int(y1)
