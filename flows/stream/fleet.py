"""Which cameras should run, and seeing to it that they do. No Ray here: that is :mod:`flows.stream.fleet_actor`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from flows.backoff import Backoff
from flows.domain.site import CameraConfig
from flows.domain.status import OVER, CameraState, CameraStatus, Outlines

log = logging.getLogger(__name__)

EVENTS_REMEMBERED: Final = 100_000
RETRIES: Final = 3
"""Times that a file whose actor died is begun again: a machine may go, but some recordings kill decoders."""
LOOK_S: Final = 1.5
"""A camera that does not answer by then is looked at in the next round."""


Look = tuple[datetime, NDArray[np.uint8]]
"""Capture time and a small picture, ``(h, w, 3)`` uint8 BGR."""


class CameraGone(Exception):
    """A camera's actor is dead; says of what."""


class Report(Protocol):
    """See :class:`flows.stream.camera.Report`."""

    @property
    def status(self) -> CameraStatus: ...
    @property
    def ids(self) -> list[str]: ...
    @property
    def count(self) -> int: ...
    @property
    def outlines(self) -> Outlines | None: ...


class Handle(Protocol):
    """A started camera."""

    async def report(self, since: int) -> Report:
        """How it is doing.

        Raises:
            CameraGone: If it is dead.
        """
        ...

    async def stop(self) -> CameraStatus:
        """Drains and ends it.

        Raises:
            CameraGone: If it is dead.
        """
        ...

    async def look(self) -> Look | None:
        """A small picture; None until there is one.

        Raises:
            CameraGone: If it is dead.
        """
        ...

    def kill(self) -> None:
        """Ends its process, whatever it is doing."""
        ...


@dataclass(frozen=True, slots=True)
class FleetPolicy:
    """When to start, ask and give up.

    Attributes:
        starting: Cameras being started at once: Ray starts 1 to 1.5 actors a second, more would only queue
            and hold back those that are started again.
        poll_s: Between questions to a camera.
        silent_s: An actor that has answered before and then not for so long is hung, and is killed.
        drain_s: Time a camera has to finish and to tell its last events when it is stopped.
        restart_s: First and longest pause before a dead camera is started again.
        healthy_s: After so long alive the pauses begin anew.
    """

    starting: int = 4
    poll_s: float = 1.0
    silent_s: float = 60.0
    drain_s: float = 30.0
    restart_s: tuple[float, float] = (0.5, 60.0)
    healthy_s: float = 60.0


@dataclass(frozen=True, slots=True)
class SiteAnswer:
    """What a job says to another site: ids of its cameras, or why it stays with the one it has.

    Attributes:
        added: They start.
        changed: They start anew.
        removed: They have ended.
        unable: They cannot be started, with the reasons.
        refused: Why nothing was changed; empty where it was.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unable: tuple[str, ...] = ()
    refused: str = ""

    @classmethod
    def of(
        cls,
        before: Sequence[CameraConfig],
        after: Sequence[CameraConfig],
        unable: Sequence[CameraStatus] = (),
    ) -> Self:
        """What it comes to when one set of cameras takes another's place, and some could not be started."""
        old, new = ({camera.id: camera for camera in cameras} for cameras in (before, after))
        return cls(
            added=tuple(id for id in new if id not in old),
            changed=tuple(id for id in new if id in old and new[id] != old[id]),
            removed=tuple(id for id in old if id not in new),
            unable=tuple(f"{status.camera_id} ({status.message})" for status in unable),
        )


@dataclass(slots=True)
class Member:
    """One camera of the fleet and its fate."""

    camera: CameraConfig
    backoff: Backoff
    status: CameraStatus
    handle: Handle | None = None
    asking: asyncio.Task[None] | None = None
    before: CameraStatus | None = None
    seen: int = 0
    answered: bool = False
    over: bool = False
    restarts: int = 0
    started_s: float = 0.0
    answered_s: float = 0.0
    due_s: float = 0.0


class Fleet:
    """Starts cameras, notices those that die and starts them again; one camera's trouble stays its own.

    Attributes:
        redrawn: Outlines that cameras told, until they are passed on.

    Args:
        launch: Starts one camera; returns at once.
        policy: When to do what.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        launch: Callable[[CameraConfig], Handle],
        policy: FleetPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._launch, self._policy, self._clock = launch, policy or FleetPolicy(), clock
        self._members: dict[str, Member] = {}
        self._applying = asyncio.Lock()
        self.redrawn: dict[str, Outlines] = {}
        self._ids: deque[str] = deque(maxlen=EVENTS_REMEMBERED)
        self._count = 0

    async def apply(self, cameras: Iterable[CameraConfig]) -> list[CameraStatus]:
        """Makes these the fleet: new ones start, changed ones start anew, others end; the others' last statuses.

        All that end do so at once, within ``drain_s``; a second call waits for the first.
        """
        wanted = {camera.id: camera for camera in cameras}
        async with self._applying:
            going = [member for id, member in self._members.items() if wanted.get(id) != member.camera]
            await asyncio.gather(*(self._end(member) for member in going))
            for member in going:
                del self._members[member.camera.id]
            for camera in wanted.values():
                if camera.id not in self._members:
                    waits = CameraStatus.of(camera, message="waiting for its turn")
                    self._members[camera.id] = Member(camera, Backoff(*self._policy.restart_s), waits)
            return [self._told(member) for member in going if member.camera.id not in wanted]

    async def stop(self) -> None:
        """Drains and ends all cameras; their last statuses stay."""
        await asyncio.gather(*(self._end(member) for member in self._members.values()))

    def status(self) -> list[CameraStatus]:
        """All cameras, also those that are dead or not yet started, in the order they were added."""
        return [self._told(member) for member in self._members.values()]

    def expected(self) -> dict[str, str]:
        """Live cameras that are to run, whatever has become of them, each with its district."""
        cameras = [m.camera for m in self._members.values() if m.camera.live and not m.over]
        return {camera.id: camera.district for camera in cameras}

    def sent(self, since: int) -> tuple[list[str], int]:
        """Ids of events that cameras sent since the count was ``since``, and the count now."""
        news = min(self._count - since, len(self._ids))
        return (list(self._ids)[-news:] if news else []), self._count

    def passed_on(self, outlines: Mapping[str, Outlines]) -> None:
        """These are where they belong; what was told meanwhile still waits."""
        for name, shapes in outlines.items():
            if self.redrawn.get(name) is shapes:
                del self.redrawn[name]

    async def look(self, camera_ids: Iterable[str]) -> dict[str, Look]:
        """Small pictures of some cameras; those that have none now are left out."""
        handles = {name: m.handle for name in camera_ids if (m := self._members.get(name)) and m.handle}
        asked = (asyncio.wait_for(handle.look(), LOOK_S) for handle in handles.values())
        seen = await asyncio.gather(*asked, return_exceptions=True)
        return {
            name: look
            for name, look in zip(handles, seen, strict=True)
            if look is not None and not isinstance(look, BaseException)
        }

    async def run(self) -> None:
        """Keeps the fleet going for ever; cancel it to end."""
        while True:
            self.tick()
            await asyncio.sleep(self._policy.poll_s)

    def tick(self) -> None:
        """One round: starts what is due, asks everybody how they are. Called about every ``poll_s``."""
        now_s = self._clock()
        starting = sum(m.handle is not None and not m.answered for m in self._members.values())
        for member in self._members.values():
            if member.over:
                continue
            if member.handle is None:
                if now_s >= member.due_s and starting < self._policy.starting:
                    self._start(member, now_s)
                    starting += member.handle is not None
            elif member.asking is None or member.asking.done():
                member.asking = asyncio.create_task(self._ask(member, member.handle))
            elif member.answered and now_s - member.answered_s > self._policy.silent_s:
                member.handle.kill()
                self._fell(member, f"did not answer for {self._policy.silent_s:g} s")

    def _start(self, member: Member, now_s: float) -> None:
        try:
            member.handle = self._launch(member.camera)
        except CameraGone as error:
            self._fell(member, str(error))
            return
        member.started_s, member.answered, member.seen, member.asking = now_s, False, 0, None
        member.status = member.status.model_copy(update={"state": "starting", "message": ""})

    async def _ask(self, member: Member, handle: Handle) -> None:
        try:
            report = await handle.report(member.seen)
        except CameraGone as error:
            if member.handle is handle:
                self._fell(member, str(error))
            return
        if member.handle is not handle:
            return  # it was replaced while it answered
        member.answered, member.answered_s, member.seen = True, self._clock(), report.count
        member.status = report.status
        self._note(member, report)
        if member.answered_s - member.started_s > self._policy.healthy_s:
            member.backoff.reset()
        if report.status.state in OVER:
            self._over(member, handle)

    def _over(self, member: Member, handle: Handle) -> None:
        """It came to an end by itself: a file ends or cannot be used, a live camera is tried again."""
        handle.kill()
        if member.camera.live and member.status.state != "stopped":
            self._fell(member, member.status.message, failed=True)
        else:
            member.handle, member.over = None, True

    async def _end(self, member: Member) -> None:
        handle, member.handle = member.handle, None
        member.over = True
        state: CameraState = "stopped"
        if handle is not None:
            try:
                async with asyncio.timeout(self._policy.drain_s):
                    member.status = await handle.stop()
                    state = member.status.state
                    report = await handle.report(member.seen)
                self._note(member, report)
            except CameraGone as error:
                member.status = member.status.model_copy(update={"message": str(error)})
            except TimeoutError:
                note = f"did not finish within {self._policy.drain_s:g} s"
                member.status = member.status.model_copy(update={"message": note})
            handle.kill()
        if member.status.state not in OVER:
            member.status = member.status.model_copy(update={"state": state if state in OVER else "stopped"})

    def _note(self, member: Member, report: Report) -> None:
        self._ids.extend(report.ids)
        self._count += len(report.ids)
        if report.outlines is not None:
            self.redrawn[member.camera.id] = report.outlines

    def _fell(self, member: Member, reason: str, failed: bool = False) -> None:
        """A camera is down: its counts are kept, its next start is set."""
        log.warning("camera %s: %s", member.camera.id, reason)
        if not member.camera.live and member.restarts >= RETRIES:  # or nobody sees its end
            member.handle, member.over = None, True
            told = f"{reason}; it died {1 + RETRIES} times and is given up"
            member.status = member.status.model_copy(update={"state": "failed", "message": told})
            return
        if member.camera.live:
            member.before = self._sum(member)
        member.restarts += 1
        member.handle = None
        member.due_s = self._clock() + member.backoff.next_s()
        kept = member.status if not member.camera.live else CameraStatus.of(member.camera)
        member.status = kept.model_copy(
            update={
                "state": "failed" if failed else "restarting",
                "message": reason,
            }
        )

    def _told(self, member: Member) -> CameraStatus:
        return self._sum(member).model_copy(update={"restarts": member.restarts})

    def _sum(self, member: Member) -> CameraStatus:
        """Counts of a live camera's earlier instances are added; a file began again and counts anew."""
        return added(member.before, member.status) if member.before is not None else member.status


_TOTALS: Final = (
    *("frames_read", "sampled_out", "gated", "detected", "dropped", "detections", "faces"),
    *("reconnects", "processing_s", "lost"),
)
_TALLIES: Final = ("errors", "events", "refusals")


def added(before: CameraStatus, now: CameraStatus) -> CameraStatus:
    """The newer status with the older one's counts added."""
    totals = {name: getattr(before, name) + getattr(now, name) for name in _TOTALS}
    tallies = {name: dict(Counter(getattr(before, name)) + Counter(getattr(now, name))) for name in _TALLIES}
    return now.model_copy(update={**totals, **tallies, "last_at": now.last_at or before.last_at})
