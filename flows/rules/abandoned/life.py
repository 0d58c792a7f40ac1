"""The life of one thing: ``placed -> attended -> unattended -> abandoned``, until it is gone. Times in, states out."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flows.domain.events import Event
from flows.domain.ruleset import AbandonedObjectRule
from flows.domain.things import Box, Thing
from flows.objects.company import Array, Person, around
from flows.rules.abandoned.thresholds import ObjectConfig

State = Literal["placed", "attended", "unattended", "abandoned"]


@dataclass(slots=True)
class Owner:
    """Somebody who brought it.

    Attributes:
        person: As they are followed.
        clothes: ``(2, 3)`` what they wore then, whatever becomes of their number.
        looks: The same look by look, when it came and shortly before: what is carried, and how they bend, changes it.
        itself: Looks in which their number was the thing's own, mistaken for a person.
        gone_s: When they were last detected in a place that was seen empty since.
    """

    person: Person
    clothes: Array
    looks: tuple[Array, ...] = ()
    itself: int = 0
    gone_s: float = -math.inf

    def is_lost(self, config: ObjectConfig) -> bool:
        """Whether their number went over to the thing: they are known by their clothes only."""
        return self.itself >= config.itself_looks


@dataclass(frozen=True, slots=True)
class Watch:
    """What a look showed of a thing's owners.

    Attributes:
        near: One of them watches it.
        in_sight: One of them is in the picture, detected or not.
        apart_m: How far off the nearest of these is; None without any.
        seen_s: When one was last detected.
    """

    near: bool = False
    in_sight: bool = False
    apart_m: float | None = None
    seen_s: float = 0.0


@dataclass(slots=True)
class Life:
    """What is known of one thing; seconds are on the rule's clock.

    Attributes:
        thing: As it was last told.
        placed_at: When it came, as far as there is a picture of it.
        since_s: When it came.
        state: Where it is in its life.
        owners: Who brought it, by their numbers.
        judged: It is known to be a thing that somebody brought.
        dismissed: Why it is none; empty as long as it may be.
        part_of: The thing that it was taken up into, or that it covers a piece of.
        stayed: Somebody stays by it, or has until it went.
        left_at: When an owner was last near.
        left_s: The same.
        heard_s: When the pixels last spoke of it.
        apart_m: How far off the nearest owner was when last seen.
        owner: Whether an owner is still in sight.
        looks: Looks at it, and of these those in which a person or a vehicle covered it.
        covered: See ``looks``.
        covered_s: The last of those.
        kept: Looks in which somebody was by it whom the picture's edge cuts off.
        shown: Looks in which nothing stood before it.
        solid: Of these, those in which a detector saw a body there, whatever it took it for.
        shown_s: For how long it has been seen since it stands as it does now, from look to look.
        looked_s: The last of those.
        clear: The latest looks in which nothing stood before it, for ``clear_s``: when, and the same in seconds.
        noticed_at: Since when it stands as it did then.
        known_as: What a detector called it.
        event: Its first event, once there is one.
        abandoned_s: When that was made.
        escalated: Whether it was told again.
        gone_at: When it had gone, until that is told.
        gone_s: When that was noticed.
        seen_s: When an owner was last detected.
        whole: Its box with all parts that came to stand one after the other; None as long as it is one.
        size_m: Its width and height.
        before: ``(N, 4)`` where people stayed before it came, surely seen or not.
    """

    thing: Thing
    placed_at: datetime
    since_s: float = 0.0
    state: State = "placed"
    owners: dict[int, Owner] = field(default_factory=dict)
    judged: bool = False
    dismissed: str = ""
    part_of: Life | None = None
    stayed: bool = False
    left_at: datetime | None = None
    left_s: float = 0.0
    heard_s: float = 0.0
    apart_m: float = 0.0
    owner: Literal["away", "gone"] = "gone"
    looks: int = 0
    covered: int = 0
    covered_s: float = 0.0
    kept: int = 0
    shown: int = 0
    solid: int = 0
    shown_s: float = 0.0
    looked_s: float = 0.0
    clear: deque[tuple[datetime, float]] = field(default_factory=deque)
    noticed_at: datetime | None = None
    known_as: str = ""
    event: Event | None = None
    abandoned_s: float = 0.0
    escalated: bool = False
    gone_at: datetime | None = None
    gone_s: float = 0.0
    seen_s: float = 0.0
    whole: Box | None = None
    size_m: tuple[float, float] = (0.0, 0.0)
    before: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))

    @property
    def box(self) -> Box:
        """Where it is, with all its parts."""
        return self.thing.xyxy if self.whole is None else self.whole

    def show(self, config: ObjectConfig, now_s: float, at: datetime) -> None:
        """Notes for how long it is seen to stand, and when."""
        if self.thing.noticed_at != self.noticed_at:
            self.noticed_at, self.shown_s = self.thing.noticed_at, 0.0
            self.clear.clear()  # it stood otherwise
        elif self.thing.standing == "stands":
            self.shown_s += now_s - self.looked_s
        if self.thing.standing == "stands":
            self.shown += 1
            self.clear.append((at, now_s))
        while self.clear and self.clear[0][1] < now_s - config.clear_s:
            self.clear.popleft()
        self.looked_s = now_s

    def look(self, somebody: bool, now_s: float) -> None:
        """Notes whether a person or a vehicle is seen where it stands."""
        self.looks += 1
        if somebody:
            self.covered += 1
            self.covered_s = now_s

    def is_somebody(self, config: ObjectConfig, now_s: float) -> bool:
        """Whether it is, by all looks, a person or a vehicle, and has been until of late."""
        mostly = self.covered > config.covered * self.looks
        return mostly and now_s - self.covered_s < config.freed_s

    def is_solid(self, config: ObjectConfig) -> bool:
        """Whether a detector has seen a body there for long enough: light has none."""
        return self.solid >= max(config.solid_looks, config.solid * self.shown)

    def watched(self, watch: Watch, now_s: float, at: datetime) -> None:
        """Notes what was seen of its owners."""
        self.owner = "away" if watch.in_sight else "gone"
        self.seen_s = max(self.seen_s, watch.seen_s)
        if watch.apart_m is not None:
            self.apart_m = watch.apart_m
        if watch.near:
            self.left_s, self.left_at = now_s, at
        if self.event is None:
            self.state = "attended" if watch.near else "unattended"

    def alone_s(self, now_s: float) -> float:
        """For how long no owner has been near; 0 where one was near until after it had gone."""
        return max(0.0, now_s - self.left_s)

    def take_up(self, part: Life, grows: bool = True) -> None:
        """Takes up what turns out to be a part of it: whoever owns that owns the whole, which is larger by it."""
        if grows:
            self.whole = around([self.box, part.box])
        self.owners = {**part.owners, **self.owners}

    def free(self, now_s: float, at: datetime) -> None:
        """Begins again as a thing of its own."""
        self.dismissed, self.part_of, self.shown_s = "", None, 0.0
        self.begin_anew(now_s, at)

    def begin_anew(self, now_s: float, at: datetime) -> None:
        """Counts anew. Nobody has looked for its owners until now, or at it: they may have been near."""
        self.left_s, self.left_at, self.looked_s = now_s, at, now_s

    def is_due(self, rule: AbandonedObjectRule, now_s: float) -> bool:
        """Whether it has been alone for long enough to be reported."""
        return self.state == "unattended" and self.thing.standing == "stands" and self._is_alone(rule, now_s)

    def _is_alone(self, rule: AbandonedObjectRule, now_s: float) -> bool:
        if self.owner == "away":
            return self.alone_s(now_s) >= rule.away_s
        return min(self.alone_s(now_s), now_s - self.seen_s) >= rule.gone_s

    def is_due_again(self, rule: AbandonedObjectRule, now_s: float) -> bool:
        """Whether it has stood for so long since that it is told once more, and no owner has come back to it."""
        stood = now_s - self.abandoned_s >= rule.escalate_s
        return stood and not self.escalated and self._is_alone(rule, now_s)
