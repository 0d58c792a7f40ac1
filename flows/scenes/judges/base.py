"""Exact ways of everyone in a scene, and what a judge says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flows.domain.ruleset import Rule
from flows.scenes.layout import Layout
from flows.scenes.truth import FrameTruth
from flows.scenes.world import Actor, World

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

STEP_S = 0.04
HIDDEN_S = 0.8
"""Out of sight for no longer is in sight: whoever follows a vehicle bridges it."""


@dataclass(frozen=True, eq=False)
class Trail:
    """One actor's exact way through the scene, every :data:`STEP_S`.

    Attributes:
        actor: Whose.
        t_s: ``(N,)`` scene times.
        xy_m: ``(N, 2)`` middle of the body.
        ahead: ``(N, 2)`` unit vector it points along.
        speed_mps: ``(N,)``.
        seen: ``(N,)`` whether it can be found in the picture.
    """

    actor: Actor
    t_s: Array
    xy_m: Array
    ahead: Array
    speed_mps: Array
    seen: Mask

    @property
    def front_m(self) -> Array:
        """``(N, 2)`` middle of the front bumper."""
        return self.xy_m + self.ahead * self.actor.body.length_m / 2

    @property
    def rear_m(self) -> Array:
        """``(N, 2)`` middle of the rear bumper."""
        return self.xy_m - self.ahead * self.actor.body.length_m / 2

    @property
    def is_vehicle(self) -> bool:
        return self.actor.body.cls != "person"


@dataclass(frozen=True)
class Verdict:
    """What a judge says of one actor.

    Attributes:
        track: Whose.
        from_s: When the offence begins.
        until_s: When it is over.
        sure: An offence by a clear margin and in sight; else borderline.
        facts: What else is known of it.
    """

    track: int
    from_s: float
    until_s: float
    sure: bool
    facts: dict[str, Any] = field(default_factory=dict)


class Judge(Protocol):
    """The truth of one rule in one scene."""

    @property
    def rule(self) -> Rule:
        """As the site file states it."""
        ...

    @property
    def alike(self) -> tuple[str, ...]:
        """Roles of those who do something that looks like the offence and is none."""
        ...

    def verdicts(self, trails: Mapping[int, Trail], layout: Layout) -> Iterator[Verdict]:
        """All offences, clear or borderline."""
        ...


def trails(world: World, frames: Sequence[FrameTruth], fps: float, duration_s: float) -> dict[int, Trail]:
    """Everyone's way, by track."""
    found = _found(frames, fps)
    out = {}
    for actor in world.actors:
        start, end = max(0.0, actor.from_s), min(duration_s, actor.until_s)
        if end - start < STEP_S:
            continue
        t = np.arange(start, end, STEP_S)
        places = actor.places(t)
        turn = np.radians(places[:, 2])
        out[actor.track] = Trail(
            actor,
            t,
            places[:, :2],
            np.column_stack([np.sin(turn), np.cos(turn)]),
            places[:, 3],
            _seen(found.get(actor.track, np.zeros(0)), t, fps),
        )
    return out


def _found(frames: Sequence[FrameTruth], fps: float) -> dict[int, Array]:
    times: dict[int, list[float]] = {}
    for frame in frames:
        for thing in frame.objects:
            if not thing.ignore:
                times.setdefault(thing.track, []).append(frame.index / fps)
    return {track: np.array(t) for track, t in times.items()}


def _seen(found_s: Array, t_s: Array, fps: float) -> Mask:
    """Whether it is found at each time: between two findings that are close, too."""
    if not len(found_s):
        return np.zeros(len(t_s), bool)
    after = np.searchsorted(found_s, t_s)
    before_s = found_s[np.clip(after - 1, 0, None)]
    after_s = found_s[np.clip(after, None, len(found_s) - 1)]
    at_one = np.minimum(np.abs(t_s - before_s), np.abs(t_s - after_s)) <= 0.6 / fps
    between = (before_s <= t_s) & (after_s >= t_s) & (after_s - before_s <= HIDDEN_S)
    return np.asarray(at_one | between)


def spells(mask: Mask) -> list[slice]:
    """Stretches in which a mask holds.

    >>> spells(np.array([False, True, True, False, True]))
    [slice(1, 3, None), slice(4, 5, None)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
