"""Moments that a rule wants shown later, before it knows whether there will be a violation.

The camera's ring of packets reaches back 20 s. A car that may stand for a minute, or a bag that may be left, needs
the picture of when it came, and that is gone by the time the verdict falls. So the rule says, frame by frame, which
moments of its candidates must not be lost; evidence keeps what those pictures are made of
(:mod:`flows.evidence.pinned`) and finds them again when an event names such a moment::

    self._pins = site.pins.open()                              # once, in the rule's __init__
    self._pins.keep(c.came.at for c in self._candidates)       # at the end of every observe()
    KeyMoment(name="placing", at=candidate.came.at, xyxy=...)  # in the event, as any other moment

A rule that has vehicles looked at closely does so for most of those that come. To decode such *views* again would take
thirty frames for five of them, so they are cut while a frame's pixels are at hand (:mod:`flows.evidence.viewshelf`). A
rule says that it expects somebody, so that the next frames' pixels are held until it has seen who is there, and then
which views it may ask for::

    self._pins.view(views)                                     # at the beginning of every observe(), ...
    self._pins.views |= {view}                                 # ... of a vehicle that is seen well now, ...
    self._pins.expects = True                                  # ... and at its end

There is nothing to give back: :meth:`Pins.keep` replaces what the rule wanted before, so a candidate that is
dropped takes its pictures along. An event is handed to evidence before the wishes of the same step are, so a rule may
let go of a candidate in the very step in which it reports it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from flows.domain.events import View


class Pins:
    """The wishes of one rule of one camera."""

    def __init__(self) -> None:
        self.wanted: frozenset[datetime] = frozenset()
        self.views: frozenset[View] = frozenset()
        self.expects = False

    def keep(self, ats: Iterable[datetime]) -> None:
        """What is wanted from now on, instead of what was wanted before. Called in every step, or when it changes.

        Args:
            ats: Capture times of frames that the camera has read; of a new one, not more than some 10 s ago, since
                it is taken from the ring. Ask late, for who surely stands rather than for who brakes.
        """
        self.wanted = frozenset(ats)

    def view(self, views: Iterable[View]) -> None:
        """Which vehicles may be looked at closely, instead of those before; in frames that have been seen."""
        self.views = frozenset(views)


class PinBook:
    """The wishes of all rules of one camera."""

    def __init__(self) -> None:
        self._pins: list[Pins] = []

    def open(self) -> Pins:
        """Wishes of a rule of its own, however many rules of its kind there are."""
        pins = Pins()
        self._pins.append(pins)
        return pins

    @property
    def wanted(self) -> frozenset[datetime]:
        """Capture times that any rule wants now."""
        return frozenset().union(*(pins.wanted for pins in self._pins))

    @property
    def views(self) -> frozenset[View]:
        """Vehicles in frames that any rule may ask for."""
        return frozenset().union(*(pins.views for pins in self._pins))

    @property
    def expects(self) -> bool:
        """Whether any rule may want views of the next frames."""
        return any(pins.expects for pins in self._pins)
