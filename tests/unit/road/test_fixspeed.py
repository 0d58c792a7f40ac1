from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from quick import first

from flows.domain.fixes import Fix
from flows.domain.frames import ClockState
from flows.domain.tracks import Sighting
from flows.road.fixspeed import estimate_fixes
from flows.road.speed import Refusal, SpeedEstimate
from flows.tracking.reported import NO_BOX

ZERO = datetime(2026, 9, 1, 8, 30, tzinfo=UTC)
CLOCK = ClockState("device", ZERO, 10.0)


def drive(
    kmh: float, *, span_s: float = 4.0, rate_hz: float = 10.0, accel: float = 0.0, noise_m: float = 0.0,
    drift: float = 0.0, seed: int = 0, own_kmh: float | None = None,
) -> list[Sighting]:  # fmt: skip
    """Places of a vehicle; ``drift`` 0..1 is how much of the noise goes on from place to place."""
    rng = np.random.default_rng(seed)
    t = np.arange(0, span_s + 1e-9, 1 / rate_hz)
    way = kmh / 3.6 * t + accel * (t - t[-1] / 2) ** 2 / 2
    noise = rng.normal(0, 1, (len(t), 2))
    for i in range(1, len(t)):
        noise[i] = drift * noise[i - 1] + np.sqrt(1 - drift**2) * noise[i]
    xy = np.column_stack([0.6 * way, 0.8 * way]) + noise_m * noise
    own = None if own_kmh is None else own_kmh / 3.6
    return [
        Sighting(
            ZERO + timedelta(seconds=float(s)), i, NO_BOX, 1.0, Fix("1", "car", (float(x), float(y)), own)
        )
        for i, (s, (x, y)) in enumerate(zip(t, xy, strict=True))
    ]


def measured(sightings: list[Sighting], error_m: float = 0.3, clock: ClockState = CLOCK) -> SpeedEstimate:
    found = estimate_fixes(sightings, error_m, clock)
    assert isinstance(found, SpeedEstimate), found
    return found


def refused(sightings: list[Sighting], error_m: float = 0.3) -> Refusal:
    found = estimate_fixes(sightings, error_m, CLOCK)
    assert isinstance(found, Refusal), found
    return found


@pytest.mark.parametrize("accel", [0.0, 1.5, -2.5])
def test_the_mean_speed_is_exact_where_places_are(accel: float) -> None:
    found = measured(drive(72, accel=accel))
    assert found.value_kmh == pytest.approx(72, abs=0.01)
    assert found.low_kmh < 72 < found.high_kmh
    assert found.accel_mps2 == pytest.approx(accel, abs=0.01)
    assert found.position_m == pytest.approx((found.trace[-1][1], found.trace[-1][2]), abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("drift", first(0.0, 0.7, 0.97))
def test_the_interval_holds_the_truth_however_alike_a_device_s_errors_are(drift: float) -> None:
    found = [measured(drive(60, noise_m=0.3, drift=drift, seed=seed)) for seed in range(200)]
    inside = np.mean([f.low_kmh <= 60 <= f.high_kmh for f in found])
    assert inside >= 0.93, "the target; independent errors are covered more often than that"
    assert max(f.high_kmh - f.low_kmh for f in found) < 4.0


def test_the_stated_error_and_the_clock_widen_the_interval() -> None:
    def half(error_m: float, clock: ClockState = CLOCK) -> float:
        found = measured(drive(60), error_m, clock)
        return (found.high_kmh - found.low_kmh) / 2

    assert half(0.6) == pytest.approx(2 * half(0.3), rel=0.05)
    assert half(0.3, ClockState("device", ZERO, 10.0, scale_error=0.02)) > 1.5 * half(0.3)


def test_a_wild_place_changes_little() -> None:
    rows = drive(60, noise_m=0.1)
    wild = rows[20]
    rows[20] = Sighting(wild.at, 20, NO_BOX, 1.0, Fix("1", "car", (wild.fix.xy_m[0] + 6, wild.fix.xy_m[1])))  # type: ignore[union-attr]
    assert measured(rows).value_kmh == pytest.approx(60, abs=0.5)


def test_on_a_bend_nobody_was_faster_than_they_were() -> None:
    rows = drive(36, span_s=3.0)
    turned = []
    for s in rows:
        angle = 10.0 * (s.at - ZERO).total_seconds() / 40
        xy = (40 * np.sin(angle), 40 * (1 - np.cos(angle)))
        turned.append(Sighting(s.at, s.frame_index, NO_BOX, 1.0, Fix("1", "car", xy)))
    assert 34 < measured(turned).value_kmh <= 36.01


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (drive(60)[:5], "too_few"),
        (drive(200, rate_hz=50)[:11], "too_short"),
        (drive(3), "too_short"),
        (drive(60, noise_m=3.0), "disagreement"),
        (drive(60, own_kmh=80), "disagreement"),
        (drive(60)[:20] + drive(60, span_s=6)[45:], None),
        (drive(60, span_s=0.5, rate_hz=20), "too_uncertain"),
    ],
)
def test_what_cannot_be_known_is_refused(rows: list[Sighting], reason: str | None) -> None:
    if reason is None:
        assert measured(rows).value_kmh == pytest.approx(60, abs=0.1), "a gap alone does no harm"
    else:
        assert refused(rows).reason == reason


def test_two_vehicles_in_one_track_disagree() -> None:
    fast, slow = drive(90, span_s=2.0), drive(30, span_s=2.0)
    end = fast[-1]
    assert end.fix is not None
    ex, ey = end.fix.xy_m
    joined = list(fast)
    for s in slow[1:]:
        assert s.fix is not None
        fix = Fix("1", "car", (ex + s.fix.xy_m[0], ey + s.fix.xy_m[1]))
        joined.append(Sighting(end.at + (s.at - ZERO), 0, NO_BOX, 1.0, fix))
    assert refused(joined).reason == "disagreement"


def test_a_device_s_own_speed_that_agrees_is_welcome() -> None:
    assert measured(drive(60, own_kmh=61)).value_kmh == pytest.approx(60, abs=0.01)
