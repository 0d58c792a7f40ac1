"""All traffic lights of one camera: read in its pictures, or told by their controllers."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from flows.domain.events import SIGNAL_CHANGED, Event
from flows.domain.frames import Frame, Picture
from flows.domain.ruleset import SignalConfig
from flows.domain.signals import SignalState
from flows.domain.site import CameraConfig
from flows.signals.anchor import Anchor, AnchorConfig
from flows.signals.feed import PhaseFeed
from flows.signals.memory import Memory
from flows.signals.reader import NOTHING, Reading, read

LOOKS_EVERY: Final = timedelta(seconds=0.095)
"""Ten looks a second, whatever the camera's rate: enough for a grace of half a second; a little less than a tenth,
so that a camera of 10 frames a second does not lose every other one to its jitter."""
Looks = Mapping[str, Reading]


class SignalBook:
    """What the lights of one camera show.

    :meth:`look` is called for every frame in order, outside the gate; :meth:`settle` for the same frames in the
    same order, later and maybe in another thread.

    Args:
        camera: The camera.
    """

    def __init__(self, camera: CameraConfig) -> None:
        self._camera = camera
        watched = [s for s in camera.signals if s.region_px is not None and camera.source.kind != "tracks"]
        size = camera.calibration.picture_px if camera.calibration else None
        self._heads = [_Head(signal, size) for signal in watched]
        self._memories = {signal.name: Memory() for signal in watched}
        live = camera.source.kind == "stream"
        self._feeds = {s.name: PhaseFeed(Path(s.feed), live) for s in camera.signals if s.feed is not None}
        self._looks: deque[tuple[datetime, Looks]] = deque()
        self._due: datetime | None = None
        self._states: dict[str, SignalState] = {}

    def look(self, frame: Frame) -> None:
        """Reads the heads in a frame, if it is time to. Needs its pixels."""
        if not self._heads or (self._due is not None and frame.at < self._due):
            return
        self._due = frame.at + LOOKS_EVERY
        self._looks.append(
            (frame.at, {head.name: head.read(frame.picture, frame.at) for head in self._heads})
        )

    def settle(self, at: datetime) -> list[Event]:
        """Takes what was seen up to a frame; the lights' changes as events."""
        events = []
        while self._looks and self._looks[0][0] <= at:
            looked_at, looks = self._looks.popleft()
            for name, reading in looks.items():
                changed = self._memories[name].see(looked_at, reading)
                if changed is not None:
                    events.append(self._event(name, changed, "picture"))
                state = self._memories[name].state
                if state is not None:
                    self._states[name] = state
        return events + self._heard(at)

    @property
    def states(self) -> Mapping[str, SignalState]:
        """What each light shows, as of the last :meth:`settle`."""
        return dict(self._states)

    def _heard(self, at: datetime) -> list[Event]:
        events = []
        for name, feed in self._feeds.items():
            state, old = feed.state(at), self._states.get(name)
            if state.phase != (old.phase if old else "unknown"):
                events.append(self._event(name, state, "feed"))
            self._states[name] = state
        return events

    def _event(self, name: str, state: SignalState, source: str) -> Event:
        old = self._states.get(name)
        begun_by = state.begun_by or state.since
        data: dict[str, Any] = {
            "signal": name,
            "phase": state.phase,
            "previous": old.phase if old else "unknown",
            "since": state.since.isoformat(),
            "begun_by": begun_by.isoformat(),
            "confidence": round(state.confidence, 3),
            "source": source,
        }
        return Event.of(
            SIGNAL_CHANGED,
            camera_id=self._camera.id,
            district=self._camera.district,
            at=state.at if source == "picture" else begun_by,
            data=data,
            key=(name, state.phase),
        )


class _Head:
    """One head in the picture.

    Args:
        config: Where it is.
        picture_px: Size of the picture that the region was drawn in; the first picture's if None.
    """

    def __init__(self, config: SignalConfig, picture_px: Sequence[int] | None) -> None:
        assert config.region_px is not None
        self.name, self._kind, self._region = config.name, config.head, config.region_px
        self._drawn_in = tuple(picture_px) if picture_px else None
        self._anchor, self._grow = Anchor(), AnchorConfig().grow

    def read(self, picture: Picture, at: datetime) -> Reading:
        """One look; unknown where the region is not wholly in the picture, or does not show its place."""
        size = picture.width_px, picture.height_px
        self._drawn_in = self._drawn_in or size
        scale = size[0] / self._drawn_in[0]
        if abs(size[1] - scale * self._drawn_in[1]) > 1.0:
            return NOTHING  # another picture altogether
        x0, y0, x1, y1 = (round(v * scale) for v in self._region)
        if x0 < -1 or y0 < -1 or x1 > size[0] + 1 or y1 > size[1] + 1:
            return NOTHING
        margin = round(self._grow * min(x1 - x0, y1 - y0))
        left, top = max(0, x0 - margin), max(0, y0 - margin)
        around = picture.region(left, top, min(size[0], x1 + margin), min(size[1], y1 + margin))
        head = max(0, x0 - left), max(0, y0 - top), x1 - left, y1 - top
        reading = read(around[head[1] : head[3], head[0] : head[2]], self._kind)
        return reading if self._anchor.holds(around, head, reading.phase, at) else NOTHING
