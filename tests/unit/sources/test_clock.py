from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise, repeat

import numpy as np
import pytest

from flows.domain.frames import ClockSource, ClockState
from flows.sources.clock import LagWatch, RateMeter, StreamClock, micros

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
TICK = Fraction(1, 90_000)
STEP = 3600  # 40 ms


def make_clock(max_gap_s: float = 5.0, origin: int | None = 0) -> StreamClock:
    clock = StreamClock(max_gap_s)
    clock.anchor(START, "site", TICK, origin)
    return clock


def seconds(clock: StreamClock, pts: list[int | None], arrivals: list[float] | None = None) -> list[float]:
    out = []
    for number, ticks in enumerate(pts):
        arrival = START + timedelta(seconds=arrivals[number]) if arrivals else None
        out.append((clock.stamp(ticks, arrival).at - START).total_seconds())
    return out


def test_capture_time_is_anchor_plus_timestamp_to_the_microsecond() -> None:
    clock = StreamClock(5.0)
    clock.anchor(START, "site", Fraction(1001, 30_000), origin=7)
    ats = [clock.stamp(7 + i).at for i in range(4)]
    assert [(at - START) // timedelta(microseconds=1) for at in ats] == [0, 33367, 66733, 100100]


@pytest.mark.parametrize(
    ("pts", "expected"),
    [
        pytest.param([0, STEP, STEP, 2 * STEP], [0, 0.04, 0.06, 0.08], id="one timestamp twice"),
        pytest.param([0, STEP, STEP - 900, 2 * STEP], [0, 0.04, 0.06, 0.08], id="one step back"),
        pytest.param([0, STEP, None, 3 * STEP], [0, 0.04, 0.08, 0.12], id="one missing"),
        pytest.param([None, None, None], [0, 0.04, 0.08], id="none at all"),
        pytest.param([0, STEP, 10**9, 3 * STEP], [0, 0.04, 0.06, 0.12], id="one hours ahead"),
        pytest.param([0, STEP, -(10**9), 3 * STEP], [0, 0.04, 0.06, 0.12], id="one hours back"),
        pytest.param([0, 4 * STEP, 5 * STEP], [0, 0.16, 0.2], id="frames left out"),
    ],
)
def test_odd_timestamps_never_bring_time_back(pts: list[int | None], expected: list[float]) -> None:
    assert seconds(make_clock(), pts) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("bits", [31, 32, 33])
def test_timestamps_that_wrap_go_on(bits: int) -> None:
    first = (1 << bits) - 2 * STEP
    clock = make_clock(origin=first)
    pts: list[int | None] = [(first + i * STEP) % (1 << bits) for i in range(6)]
    assert seconds(clock, pts) == pytest.approx([i * 0.04 for i in range(6)], abs=1e-6)
    assert clock.restamped == 0


def test_a_new_timeline_is_joined_to_the_old_one() -> None:
    clock = make_clock()
    jump = -(10**9)
    got = seconds(
        clock, [0, STEP, 2 * STEP, *(jump + i * STEP for i in range(6))], [i * 0.04 for i in range(9)]
    )
    assert got == sorted(set(got))
    assert got[-1] - got[-2] == pytest.approx(0.04)
    assert got[-1] == pytest.approx(8 * 0.04, abs=0.1)


def test_a_pause_is_believed_when_the_frames_stayed_away() -> None:
    believed = seconds(make_clock(), [0, STEP, STEP + 60 * 90_000], [0, 0.04, 60.05])
    doubted = seconds(make_clock(), [0, STEP, STEP + 60 * 90_000], [0, 0.04, 0.08])
    assert believed[-1] == pytest.approx(60.04)
    assert doubted[-1] < 0.1


def test_a_reconnect_anchored_too_early_still_goes_forward() -> None:
    clock = make_clock()
    before = [clock.stamp(i * STEP).at for i in range(10)][-1]
    clock.anchor(START, "arrival", TICK, None)
    after = [clock.stamp(5000 + i * STEP).at for i in range(3)]
    assert before < after[0] < before + timedelta(seconds=0.1)
    assert after[2] - after[1] == timedelta(milliseconds=40)


def test_a_replaced_timestamp_says_how_far_it_may_be_off() -> None:
    clock = make_clock()
    own = [clock.stamp(i * STEP) for i in range(20)][-1]
    odd = clock.stamp(None)
    assert clock.state_for(own).time_error_s == pytest.approx(0.002)
    assert clock.state_for(odd).time_error_s == pytest.approx(0.02)


def test_discipline_slews_without_a_jump_and_then_names_its_source() -> None:
    clock = make_clock()
    stamps = [clock.stamp(i * STEP) for i in range(10)]
    clock.discipline(START + timedelta(milliseconds=-100), "rtcp")
    assert clock.state is not None
    assert clock.state.scale_error == pytest.approx(1e-3)
    stamps += [clock.stamp(i * STEP) for i in range(10, 3000)]
    steps = {(b.at - a.at) // timedelta(microseconds=1) for a, b in pairwise(stamps)}
    assert min(steps) >= 39_960
    assert max(steps) <= 40_000
    assert clock.state.source == "rtcp"
    assert clock.state.scale_error == pytest.approx(1e-4)
    assert clock.state.rate_hz == pytest.approx(25, abs=1e-6)
    assert stamps[-1].at == START + timedelta(seconds=2999 * 0.04 - 0.1)


@pytest.mark.parametrize("drift", [0.0, 3e-5, -3e-5])
def test_a_cameras_own_clock_that_was_learnt_late_is_kept_and_its_drift_noticed(drift: float) -> None:
    """Frames arrive 0.1 s after they were captured, which was taken for their time until the camera told its own."""
    clock = StreamClock(5.0)
    clock.anchor(START + timedelta(seconds=0.1), "arrival", TICK, 0)
    off_s = []
    for number in range(40 * 60 * 2):
        true_at = START + timedelta(seconds=number / 2)
        stamp = clock.stamp(round(number * 45_000 * (1 + drift)), true_at + timedelta(seconds=0.1))
        if number == 4:
            clock.discipline(START, "rtcp")
        off_s.append((stamp.at - true_at).total_seconds())
    assert clock.state is not None
    assert clock.state.source == "rtcp"
    settled = off_s[300:]
    assert max(map(abs, settled)) < 0.012, "a minute is watched, another compared with it, both drift by 2 ms"
    if not drift:
        assert set(settled) == {0.0}


@pytest.mark.parametrize(
    ("jump", "frames"), [(-(10**9), 2990), (10**9, 2990), (10**9, 1)], ids=["back", "ahead", "one ahead"]
)
def test_odd_timestamps_while_the_clock_is_moved_do_not_draw_it_along(jump: int, frames: int) -> None:
    clock = make_clock()
    stamps = [clock.stamp(i * STEP) for i in range(10)]
    clock.discipline(START + timedelta(milliseconds=-100), "rtcp")
    for number in range(10, 3000):
        odd = jump if number < 10 + frames else 0
        stamps.append(clock.stamp(odd + number * STEP, START + timedelta(seconds=number * 0.04)))
    assert clock.state is not None
    assert (clock.state.source, clock.state.unsettled_s) == ("rtcp", 0.0)
    off_s = (stamps[-1].at - START).total_seconds() - (2999 * 0.04 - 0.1)
    assert abs(off_s) < 0.061, "three that nobody believes are replaced by half an interval each"
    assert clock.restamped == min(frames, 3)


def test_an_odd_packet_is_as_old_as_the_newest_frame() -> None:
    """What is held of the last seconds is held by these times."""
    clock = make_clock()
    newest = [clock.stamp(i * STEP).at for i in range(10)][-1]
    assert clock.estimate(10 * STEP) == newest + timedelta(milliseconds=40)
    assert [clock.estimate(pts) for pts in (None, 3600 * 90_000, -3600 * 90_000, 1 << 62)] == [newest] * 4


def test_a_time_at_which_nothing_was_recorded_is_none() -> None:
    """However many frames of a file say so: a damaged fragment of one, or its first packet."""
    far = 1 << 60
    odd: list[int | None] = [far + i * STEP for i in range(2, 7)]
    clock = make_clock()
    got = seconds(clock, [0, STEP, *odd, *(i * STEP for i in range(7, 12))])
    assert got == pytest.approx([i * 0.04 for i in range(12)], abs=1e-6)
    assert clock.restamped == 5
    clock = make_clock()
    assert clock.estimate(far) is None
    assert seconds(clock, [far, STEP, 2 * STEP]) == pytest.approx([0, 0.04, 0.08], abs=1e-6)


def test_a_camera_that_begins_anew_with_absurd_timestamps_is_followed() -> None:
    pts: list[int | None] = [0, STEP, *((1 << 60) + i * STEP for i in range(2, 12))]
    got = seconds(make_clock(), pts, [i * 0.04 for i in range(12)])
    assert got[-1] - got[-2] == pytest.approx(0.04)
    assert got[-1] == pytest.approx(11 * 0.04, abs=0.1)


def test_rate_ignores_frames_left_out() -> None:
    meter = RateMeter()
    for number in range(60):
        meter.add(80_000 if number % 7 == 0 else 40_000)
    assert meter.rate_hz == pytest.approx(25)
    assert meter.jitter_s == pytest.approx(0)


def test_rate_is_unknown_before_enough_was_seen() -> None:
    meter = RateMeter()
    meter.add(40_000)
    assert math.isnan(meter.rate_hz)


def test_jitter_is_the_deviation_of_the_intervals() -> None:
    meter = RateMeter()
    for number in range(100):
        meter.add(45_000 if number % 2 else 35_000)
    assert meter.jitter_s == pytest.approx(0.005, rel=0.02)


def test_drift_is_noticed_and_congestion_is_not_taken_for_it() -> None:
    def corrections(lag_s: list[float]) -> list[int]:
        watch = LagWatch()
        times = (micros(START) + second * 1_000_000 for second in range(len(lag_s)))
        return [
            c for at, lag in zip(times, lag_s, strict=True) if (c := watch.add(at, at + round(lag * 1e6)))
        ]

    assert corrections([0.05] * 200) == []
    drifting = corrections([0.05 + second * 1e-4 for second in range(200)])
    assert drifting
    assert all(3_000 < c < 20_000 for c in drifting)
    spiky = [0.05 if second % 10 == 0 else 3.0 for second in range(200)]
    assert corrections(spiky) == []
    stuck = corrections([0.05] * 70 + [9.0] * 130)
    assert max(stuck) <= 20_000


def arrives(
    clock: StreamClock, fps: Iterable[float], lag_s: Iterable[float] = repeat(0.05)
) -> list[ClockState]:
    """States of a live stream that counts 25 frames a second and delivers them at these rates, frame by frame."""
    states, at_s, arrival_s = [], 0.0, 0.0
    for number, (rate, late_s) in enumerate(zip(fps, lag_s, strict=False)):
        arrival_s = max(arrival_s, at_s + late_s)  # none overtakes another
        states.append(clock.state_for(clock.stamp(number * STEP, START + timedelta(seconds=arrival_s))))
        at_s += 1 / rate
    return states


@pytest.mark.parametrize("source", ["arrival", "rtcp"])
@pytest.mark.parametrize("fps", [15, 20, 22, 24, 30])
def test_a_camera_that_counts_its_nominal_rate_is_not_believed(fps: int, source: ClockSource) -> None:
    """Its timestamps are perfectly regular; every speed is off by as much as its rate."""
    clock = StreamClock(5.0)
    clock.anchor(START, source, TICK, 0)
    states = arrives(clock, [fps] * 600 * fps)
    share = abs(fps / 25 - 1)
    assert min(s.scale_error for s in states) >= 0.95 * share, "from the first frame on"
    assert states[-1].scale_error == pytest.approx(share, rel=0.05)
    assert states[-1].rate_hz == pytest.approx(25, rel=0.005)
    assert states[-1].unsettled_s == pytest.approx(600 * share, rel=0.05), (
        "a section's entry was so long before"
    )


def test_a_camera_that_falls_below_its_rate_is_noticed_at_once_and_trusted_again_after_a_minute() -> None:
    clock = StreamClock(5.0)
    clock.anchor(START, "arrival", TICK, 0)
    dusk, dawn, end = 60 * 25, 60 * 25 + 60 * 20, 60 * 25 + 60 * 20 + 90 * 25
    states = arrives(clock, [25] * dusk + [20] * (dawn - dusk) + [25] * (end - dawn))
    assert {s.scale_error for s in states[7 * 25 : dusk]} == {1e-4}
    assert min(s.scale_error for s in states[dusk + 6 * 20 : dawn]) > 0.09, "enough to refuse any speed"
    assert min(s.scale_error for s in states[dusk + 9 * 20 : dawn + 59 * 25]) > 0.19
    assert states[-1].scale_error <= 1e-3
    assert states[-1].unsettled_s == pytest.approx(12, abs=0.1), "what it lost stays lost"


def test_a_network_that_wanders_costs_no_speed() -> None:
    """Many frames late by up to 0.2 s, and those behind them; the best by 20 ms more or less from second to second."""
    rng = np.random.default_rng(4)
    number = 300 * 25
    best = np.repeat(rng.uniform(0.05, 0.07, 300), 25)
    late = np.where(rng.random(number) < 0.7, 0.0, rng.uniform(0.0, 0.2, number))
    clock = StreamClock(5.0)
    clock.anchor(START, "arrival", TICK, 0)
    states = arrives(clock, [25] * number, best + late)
    assert max(s.scale_error for s in states[7 * 25 :]) < 0.005
    assert max(s.unsettled_s for s in states) < 0.03


def test_a_file_has_no_arrival_to_be_held_against() -> None:
    clock = make_clock()
    assert {clock.state_for(clock.stamp(i * STEP)).scale_error for i in range(1000)} == {1e-4}
