"""Capture time from a stream's own clock: its timestamps (PTS) plus a wall-clock anchor.

A declared frame rate is never used. Times are whole microseconds inside: equal streams give equal times.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

from flows.domain.frames import ClockSource, ClockState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WRAP_BITS = (31, 32, 33)
"""Timestamps wrap at these widths: FLV (31, ms), RTP (32), MPEG-TS (33)."""
_ASSUMED_INTERVAL_US = 40_000
"""Stands in for the interval between frames until it has been measured."""
_NEW_TIMELINE_FRAMES = 3
"""So many odd timestamps in a row that agree with one another are a new timeline; fewer are mistakes.

Recorders are known that stamp one frame every few seconds hours away from its neighbours."""
_TIME_ERROR_S: dict[ClockSource, float] = {"scene": 0.0001}
"""Standard error of one capture time. Rendered scenes are exact; a camera stamps a frame when it has been
read out and encoded, 2 ms is what good cameras reach, and the measured jitter raises it."""
_PTS_TIME_ERROR_S = 0.002
_SCALE_ERROR: dict[ClockSource, float] = {"scene": 1e-6}
_PTS_SCALE_ERROR = 1e-4
"""Crystals of cameras are good to 50 ppm; doubled for heat and age."""


def micros(at: datetime) -> int:
    """Whole microseconds since 1970 of an aware time."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment(us: int) -> datetime:
    """The aware UTC time of whole microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=us)


_OLDEST_US = micros(datetime(2000, 1, 1, tzinfo=UTC))
"""Times before this were never set (MP4 counts from 1904, clocks without battery from 1970)."""
_DAY_US = 86_400_000_000


def plausible(us: int) -> bool:
    """Whether a recording may have been made then, microseconds since 1970: its recorder's clock was set.

    >>> plausible(micros(datetime(2026, 5, 4, tzinfo=UTC))), plausible(0), plausible(1 << 80)
    (True, False, False)
    """
    return _OLDEST_US < us < micros(datetime.now(UTC)) + _DAY_US


_SLEW = Fraction(1, 1000)
"""A clock that has to be moved is made to run this much faster or slower: no capture time ever jumps, and a
speed measured meanwhile is off by a tenth of a percent, which its interval accounts for."""
_LAG_WINDOW_US = 60_000_000
_MOST_DRIFT_US = 20_000
"""In a minute; bad crystals drift 6 ms. More is congestion, which must not be taken for time."""
_PACE_WINDOW_US = 2_000_000
"""Of so many frames one at least is not held up on its way."""
_PACE_WINDOWS = 3
"""The newest is compared with the one 4 s before: 20 ms by which a network wanders are half a per cent of that, and a
camera that falls to four fifths of its rate is noticed within 6 s."""
_PACE_KEPT = 30
"""Windows, a minute: encoders skip frames by fits and starts, as the scene is more or less busy."""
_UNPACED = 0.5
"""Scale error until elapsed arrival has been seen: a shutter as slow as the dark needs delivers half of the frames
that the camera goes on to count."""


def _quotient(a: int, b: int) -> int:
    """``round(Fraction(a, b))`` at a tenth of its cost: it is asked for three times a frame.

    >>> [_quotient(a, 8) for a in (3, 4, 12, 13, -4, -12)], round(Fraction(-12, 8))
    ([0, 0, 2, 2, 0, -2], -2)
    """
    whole, left = divmod(a, b)
    return whole + (2 * left > b or (2 * left == b and whole % 2))


class RateMeter:
    """Frame rate and jitter over the newest intervals; frames left out by the camera do not disturb it."""

    def __init__(self, window: int = 128) -> None:
        self._intervals: deque[int] = deque(maxlen=window)
        self._fresh = 0
        self.interval_us: float = _ASSUMED_INTERVAL_US
        self.rate_hz = float("nan")
        self.jitter_s = 0.0

    def add(self, interval_us: int) -> bool:
        """Takes one interval; True when the figures were worked out anew."""
        self._intervals.append(interval_us)
        self._fresh += 1
        # Often while there is little, then every tenth: sorting 128 intervals costs 10 us.
        if self._fresh < (1 if len(self._intervals) <= 16 else 10) or len(self._intervals) < 4:
            return False
        self._fresh = 0
        self.measure()
        return True

    def measure(self) -> None:
        """Works the figures out from the intervals so far; they stay unknown below four."""
        if len(self._intervals) < 4:
            return
        ordered = sorted(self._intervals)
        median = ordered[len(ordered) // 2]
        missed = [max(1, round(i / median)) for i in self._intervals]
        self.interval_us = sum(self._intervals) / sum(missed)
        self.rate_hz = 1e6 / self.interval_us
        off = [i - n * self.interval_us for i, n in zip(self._intervals, missed, strict=True)]
        self.jitter_s = (sum(d * d for d in off) / len(off)) ** 0.5 / 1e6


class LagWatch:
    """Notices when a camera's clock and ours run apart, by the least lag of arrival in each minute."""

    def __init__(self) -> None:
        self._window_from_us: int | None = None
        self._least_us = 0
        self._usual_us: int | None = None

    def add(self, at_us: int, arrival_us: int) -> int:
        """Takes a frame's times; once a minute gives by how much capture times should move, else 0."""
        lag_us = arrival_us - at_us
        if self._window_from_us is None:
            self._window_from_us, self._least_us = arrival_us, lag_us
        self._least_us = min(self._least_us, lag_us)
        if arrival_us - self._window_from_us < _LAG_WINDOW_US:
            return 0
        least_us, self._window_from_us = self._least_us, None
        if self._usual_us is None:
            self._usual_us = least_us
            return 0
        return max(-_MOST_DRIFT_US, min(_MOST_DRIFT_US, least_us - self._usual_us))


class PaceWatch:
    """Holds a live stream's elapsed time against elapsed arrival: many a camera counts its nominal rate.

    A camera that adds 1/25 s a frame and delivers 20 is a fifth slow, and every vehicle that it sees a quarter too
    fast; its timestamps alone are perfectly regular. The least lag of arrival grows by what its time loses.
    """

    def __init__(self) -> None:
        self._from_us: int | None = None
        self._least_us = 0
        self._leasts: deque[tuple[int, int]] = deque(maxlen=_PACE_WINDOWS)
        self._errors: deque[float] = deque(maxlen=_PACE_KEPT)
        self._usual_us: int | None = None

    def add(self, at_us: int, arrival_us: int) -> bool:
        """Takes a frame's times; True when the figures were worked out anew."""
        lag_us = arrival_us - at_us
        if self._from_us is None:
            self._from_us, self._least_us = arrival_us, lag_us
        self._least_us = min(self._least_us, lag_us)
        if arrival_us - self._from_us < _PACE_WINDOW_US:
            return False
        self._leasts.append((arrival_us, self._least_us))
        self._from_us = None
        self._usual_us = self._least_us if self._usual_us is None else self._usual_us
        if len(self._leasts) == _PACE_WINDOWS:
            (then_us, before_us), (now_us, newest_us) = self._leasts[0], self._leasts[-1]
            self._errors.append(abs(newest_us - before_us) / (now_us - then_us))
        return True

    def moved(self) -> None:
        """The stream's time was moved to a better anchor: another lag is the usual one from now on."""
        self._from_us = self._usual_us = None

    @property
    def error(self) -> float:
        """By which share elapsed time was off at worst in the last minute."""
        return max(self._errors, default=_UNPACED)

    @property
    def off_us(self) -> int:
        """How much more, or less, than usual frames lag: the stream's time has fallen behind by it, or the network."""
        return abs(self._leasts[-1][1] - self._usual_us) if self._leasts and self._usual_us is not None else 0


class Stamp(NamedTuple):
    """A frame's capture time.

    Attributes:
        at: Aware UTC, later than every one before.
        own: The frame's own timestamp was used; False where it was missing, backward or absurd.
    """

    at: datetime
    own: bool


class StreamClock:
    """Turns the timestamps of one camera into strictly increasing capture times.

    Args:
        max_gap_s: A longer step forward is believed only when arrival confirms it, or when it lasts.
    """

    def __init__(self, max_gap_s: float) -> None:
        self._max_gap_us = round(max_gap_s * 1e6)
        self._tick_us = Fraction(1)
        self._anchor_us = 0
        self._origin: int | None = None
        self._last_us: int | None = None
        self._last_ticks: int | None = None
        self._last_arrival_us: int | None = None
        self._wrapped = 0
        self._odd_ticks: int | None = None
        self._odd_run = 0
        self._source: ClockSource = "arrival"
        self._target_us: int | None = None
        self._target_source: ClockSource = "arrival"
        self._lag = LagWatch()
        self._pace: PaceWatch | None = None
        self._meter = RateMeter()
        self._state: ClockState | None = None
        self.restamped = 0

    @property
    def state(self) -> ClockState | None:
        """The clock's state; None before the first anchor."""
        return self._state

    @property
    def last_at(self) -> datetime | None:
        """The newest capture time given out."""
        return None if self._last_us is None else moment(self._last_us)

    @property
    def zero_at(self) -> datetime:
        """Capture time that the timestamp zero stands for."""
        return moment(self._at_us(0))

    @property
    def interval_us(self) -> int:
        """Measured time between two frames."""
        return round(self._meter.interval_us)

    def anchor(
        self,
        at: datetime,
        source: ClockSource,
        time_base: Fraction,
        origin: int | None,
        after_last: bool = False,
    ) -> None:
        """Called at each (re)connection, before its first frame.

        Args:
            at: Aware UTC of the timestamp ``origin``.
            source: Where ``at`` came from.
            time_base: Seconds a tick.
            origin: Timestamp in ticks; None takes the first one that comes.
            after_last: Move ``at`` behind the last frame if need be, for example when a file starts again.
        """
        self._anchor_us = micros(at)
        if after_last and self._last_us is not None:
            self._anchor_us = max(self._anchor_us, self._last_us + self.interval_us)
        self._tick_us, self._origin, self._source = time_base * 1_000_000, origin, source
        self._last_ticks, self._last_arrival_us, self._wrapped = None, None, 0
        self._odd_ticks, self._odd_run = None, 0
        self._target_us, self._lag, self._pace = None, LagWatch(), None
        self._renew_state()

    def discipline(self, at: datetime, source: ClockSource) -> None:
        """Moves the anchor to a better one, little by little.

        Args:
            at: Aware UTC of the timestamp zero.
            source: Where it came from.
        """
        self._target_us = micros(at) + round((self._origin or 0) * self._tick_us)
        self._target_source = source
        self._lag = LagWatch()  # the usual lag is another one by the better anchor
        self._renew_state()

    def estimate(self, pts: int | None) -> datetime | None:
        """Capture time of a packet that has not been decoded yet, or never will be.

        An odd one has the newest that was given out: what is held of the last seconds must not go for it.
        """
        if pts is None or self._origin is None:
            return self.last_at
        at_us = self._at_us(pts + self._wrapped)
        odd = self._far(at_us) and (self._last_ticks is not None or not plausible(at_us))
        return self.last_at if odd else moment(at_us)

    def stamp(self, pts: int | None, arrival: datetime | None = None) -> Stamp:
        """Capture time of the next frame in presentation order.

        Args:
            pts: Its timestamp in ticks; None where the stream gives none.
            arrival: When its packet came in, for live streams.
        """
        arrival_us = None if arrival is None else micros(arrival)
        if arrival_us is not None and self._pace is None:
            self._pace = PaceWatch()
            self._renew_state()
        if pts is None:
            return self._restamp(self.interval_us, None, arrival_us)
        ticks = self._unwrapped(pts)
        if self._origin is None:
            self._origin = ticks
        settled = arrival_us is None or self._last_ticks is None  # else a camera began its timestamps anew
        if settled and self._far(self._at_us(ticks)) and not plausible(self._at_us(ticks)):
            return self._restamp(self.interval_us, None, arrival_us)
        if self._last_ticks is None:
            return self._first(ticks, arrival_us)
        slewed = self._slew(ticks)
        step = self._at_us(ticks) - self._last()
        if 0 < step <= self._max_gap_us or (step > 0 and self._confirmed(step, arrival_us)):
            return self._accept(ticks, step, arrival_us, slewed)
        return self._odd(ticks, arrival_us)

    def state_for(self, stamp: Stamp) -> ClockState:
        """The clock's state as it goes with a frame; a replaced timestamp may be off by half an interval."""
        state = self._state
        assert state is not None, "anchor() comes before stamp()"
        if state.guesses != self.restamped:
            state = self._state = replace(state, guesses=self.restamped)
        if stamp.own:
            return state
        return replace(state, time_error_s=max(state.time_error_s, self._meter.interval_us / 2e6))

    def _slew(self, ticks: int) -> int:
        if self._target_us is None or self._last_ticks is None:
            return 0
        elapsed_us = min(round((ticks - self._last_ticks) * self._tick_us), self._max_gap_us)
        most_us = max(0, round(elapsed_us * _SLEW))
        ahead_us = self._target_us - self._anchor_us
        by_us = max(-most_us, min(most_us, ahead_us))
        self._anchor_us += by_us
        if self._anchor_us == self._target_us:
            self._target_us = None
            if self._pace is not None and self._source != self._target_source:
                self._pace.moved()
            self._source = self._target_source
            self._renew_state()
        return by_us

    def _far(self, at_us: int) -> bool:
        """Whether it is a long step from the frame before, or of the first one from the anchor."""
        before_us = self._anchor_us if self._last_ticks is None else self._last()
        return abs(at_us - before_us) > self._max_gap_us

    def _last(self) -> int:
        return self._anchor_us if self._last_us is None else self._last_us

    def _at_us(self, ticks: int) -> int:
        elapsed = (ticks - (self._origin or 0)) * self._tick_us.numerator
        return self._anchor_us + _quotient(elapsed, self._tick_us.denominator)

    def _unwrapped(self, pts: int) -> int:
        ticks = pts + self._wrapped
        if self._last_ticks is None or ticks > self._last_ticks:
            return ticks
        for bits in _WRAP_BITS:
            ahead = round((ticks + (1 << bits) - self._last_ticks) * self._tick_us)
            if 0 < ahead <= self._max_gap_us:
                self._wrapped += 1 << bits
                return ticks + (1 << bits)
        return ticks

    def _first(self, ticks: int, arrival_us: int | None) -> Stamp:
        at_us = self._at_us(ticks)
        if self._last_us is not None and at_us <= self._last_us:
            # The new anchor lies behind what was given out: move it, capture time never goes back.
            self._anchor_us += self._last_us + self.interval_us - at_us
            self._renew_state()
        return self._take(ticks, self._at_us(ticks), arrival_us, own=True)

    def _accept(self, ticks: int, step_us: int, arrival_us: int | None, slewed_us: int = 0) -> Stamp:
        self._odd_ticks, self._odd_run = None, 0
        measured = self._meter.add(max(1, step_us - slewed_us))
        at_us = self._last() + step_us
        paced = arrival_us is not None and self._pace is not None and self._pace.add(at_us, arrival_us)
        if measured or paced:
            self._renew_state()
        if arrival_us is not None and self._target_us is None:  # a move under way is no drift
            drift_us = self._lag.add(at_us, arrival_us)
            if drift_us:
                self._target_us, self._target_source = self._anchor_us + drift_us, self._source
        return self._take(ticks, at_us, arrival_us, own=True)

    def _confirmed(self, step_us: int, arrival_us: int | None) -> bool:
        """A long pause is real when the frames stayed away for about as long."""
        if arrival_us is None or self._last_arrival_us is None:
            return False
        waited = arrival_us - self._last_arrival_us
        return abs(step_us - waited) <= max(2_000_000, step_us // 5)

    def _odd(self, ticks: int, arrival_us: int | None) -> Stamp:
        before, self._odd_ticks = self._odd_ticks, ticks
        follows = before is not None and 0 < round((ticks - before) * self._tick_us) <= self._max_gap_us
        self._odd_run = self._odd_run + 1 if follows else 1
        if self._odd_run < _NEW_TIMELINE_FRAMES:
            # Half an interval, so that a good timestamp after it is still later.
            return self._restamp(self.interval_us // 2, None, arrival_us)
        forward = self._at_us(ticks) - self._last()
        if arrival_us is None and forward > 0:  # a file says so for good: a recorder that paused
            return self._accept(ticks, forward, arrival_us)
        stamp = self._restamp(self.interval_us // 2, ticks, arrival_us)
        if self._target_us is not None:
            self._target_us += self._last() - self._anchor_us
        self._origin, self._anchor_us = ticks, self._last()
        self._odd_ticks, self._odd_run = None, 0
        self._renew_state()
        return stamp

    def _restamp(self, ahead_us: int, ticks: int | None, arrival_us: int | None) -> Stamp:
        self.restamped += 1
        at_us = self._last() + (max(1, ahead_us) if self._last_us is not None else 0)
        return self._take(self._last_ticks if ticks is None else ticks, at_us, arrival_us, own=False)

    def _take(self, ticks: int | None, at_us: int, arrival_us: int | None, own: bool) -> Stamp:
        self._last_ticks, self._last_us, self._last_arrival_us = ticks, at_us, arrival_us
        return Stamp(moment(at_us), own)

    def _renew_state(self) -> None:
        base_s = _TIME_ERROR_S.get(self._source, _PTS_TIME_ERROR_S)
        to_go_us = 0 if self._target_us is None else abs(self._target_us - self._anchor_us)
        off_us, pace_error = (0, 0.0) if self._pace is None else (self._pace.off_us, self._pace.error)
        self._state = ClockState(
            source=self._source,
            anchored_at=moment(self._anchor_us),
            rate_hz=self._meter.rate_hz,
            jitter_s=self._meter.jitter_s,
            # Two stamps with this error each make the jitter of the interval between them.
            time_error_s=max(base_s, self._meter.jitter_s / 2**0.5),
            scale_error=max(
                _SCALE_ERROR.get(self._source, _PTS_SCALE_ERROR),
                float(_SLEW) if self._target_us is not None else 0.0,
                pace_error,
            ),
            guesses=self.restamped,
            unsettled_s=max(to_go_us, off_us) / 1e6,
        )
