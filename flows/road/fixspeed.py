"""A vehicle's speed from places in metres that a device reports, with a 95 % interval, or why there is none.

A curve with constant acceleration is fitted to the places, robustly (Huber 1964); the mean speed is its chord over
the time. On a bend the chord is shorter than the way: nobody is told to have been faster than they were.

The interval is that of two places alone, first and last, each off by the stated error: a device that smooths its
tracks is off the same way for seconds, so that many places tell no more than two. Where they scatter by more than
is stated, by what they scatter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flows.domain.frames import ClockState
from flows.domain.tracks import Sighting
from flows.median import median
from flows.road.speed import KMH, Refusal, SpeedConfig, SpeedEstimate

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FixSpeedConfig:
    """Thresholds beyond those of :class:`flows.road.speed.SpeedConfig`, each with its reason.

    Attributes:
        huber: Residuals above so many spreads count less (95 % efficient for a normal distribution).
        max_scatter: Places that lie this many times farther from one motion than stated contradict the statement,
            or are not one vehicle's.
        max_own_share: Places and a device's own (Doppler) speed that differ by a larger share contradict
            one another: one of the two is not that vehicle's.
    """

    huber: float = 1.345
    max_scatter: float = 2.0
    max_own_share: float = 0.1


@dataclass(frozen=True, slots=True)
class _Curve:
    """Constant acceleration through places.

    Attributes:
        at_s: ``(N,)`` seconds, 0 in the middle of the stretch.
        xy: ``(N, 2)`` places.
        terms: ``(3, 2)`` place, velocity, half the acceleration.
        off: ``(N,)`` distance of each place from it.
        spread_m: Standard deviation of a place, each axis, by what the middle half shows.
    """

    at_s: Array
    xy: Array
    terms: Array
    off: Array
    spread_m: float

    @property
    def velocity(self) -> Array:
        """``(2,)`` mean velocity: of a parabola it is that in the middle."""
        return np.asarray(self.terms[1])

    def at(self, s: float) -> Array:
        """``(2,)`` place at a time."""
        return np.asarray(np.array([1.0, s, s * s]) @ self.terms)


def estimate_fixes(
    sightings: Sequence[Sighting],
    error_m: float,
    clock: ClockState,
    config: SpeedConfig | None = None,
    own: FixSpeedConfig | None = None,
) -> SpeedEstimate | Refusal:
    """Measures one vehicle.

    Args:
        sightings: Its reported places in time order.
        error_m: Stated standard error of a place, each axis.
        clock: The clock that stamped them.
        config: Thresholds that all speeds share; the defaults if None.
        own: Those of places; the defaults if None.
    """
    config, own = config or SpeedConfig(), own or FixSpeedConfig()
    used = [s for s in sightings if s.fix is not None]
    if len(used) < config.min_sightings:
        return Refusal("too_few", f"{len(used)} places")
    span_s = (used[-1].at - used[0].at).total_seconds()
    if span_s < config.min_span_s:
        return Refusal("too_short", f"seen for {span_s:.2f} s")
    curve = _fit(used, own.huber)
    speed = float(np.hypot(*curve.velocity))
    if speed * span_s < config.min_path_m:
        return Refusal("too_short", f"moved {speed * span_s:.1f} m")
    sd_mps = math.sqrt(2) * max(error_m, curve.spread_m) / span_s
    refusal = _check(curve, used, sd_mps, error_m, config, own)
    return refusal or _report(curve, used, sd_mps, clock, error_m, config)


def _fit(used: Sequence[Sighting], huber: float) -> _Curve:
    seconds = np.array([(s.at - used[0].at).total_seconds() for s in used])
    at_s = seconds - seconds[-1] / 2
    xy = np.array([s.fix.xy_m for s in used if s.fix is not None], np.float64)
    design = np.column_stack([np.ones_like(at_s), at_s, at_s**2])
    weight = np.ones_like(at_s)
    for _ in range(15):
        root = np.sqrt(weight)[:, None]
        terms, *_ = np.linalg.lstsq(design * root, xy * root, rcond=None)
        off = np.linalg.norm(xy - design @ terms, axis=1)
        # Median of a Rayleigh distribution: 1.177 standard deviations of each axis.
        spread_m = max(median(off) / 1.177, 1e-6)
        weight = np.minimum(1.0, huber * spread_m / np.maximum(off, 1e-9))
    return _Curve(at_s, xy, np.asarray(terms), off, spread_m)


def _check(
    curve: _Curve,
    used: Sequence[Sighting],
    sd_mps: float,
    error_m: float,
    config: SpeedConfig,
    own: FixSpeedConfig,
) -> Refusal | None:
    speed = float(np.hypot(*curve.velocity))
    if curve.spread_m > own.max_scatter * error_m:
        return Refusal("disagreement", f"places scatter by {curve.spread_m:.2f} m, stated are {error_m:.2f}")
    far = 3.0 * max(error_m, curve.spread_m)
    inliers = float((curve.off <= far).mean())
    if inliers < config.min_inliers:
        return Refusal("disagreement", f"only {inliers:.0%} of the places agree with one motion")
    stated = [s.fix.speed_mps for s in used if s.fix is not None and s.fix.speed_mps is not None]
    if 2 * len(stated) > len(used):
        measured = float(np.mean(stated))
        if abs(measured - speed) > own.max_own_share * speed + config.max_jump * sd_mps:
            return Refusal(
                "disagreement", f"places say {speed * KMH:.1f}, the device {measured * KMH:.1f} km/h"
            )
    return _check_halves(curve, sd_mps, config)


def _check_halves(curve: _Curve, sd_mps: float, config: SpeedConfig) -> Refusal | None:
    """Each half, straight, must tell the mean speed that the whole curve has there."""
    count = len(curve.at_s)
    if count < 2 * config.min_sightings:
        return None
    speed = float(np.hypot(*curve.velocity))
    for half in (slice(0, count // 2), slice(count // 2, count)):
        at_s, xy = curve.at_s[half], curve.xy[half]
        line = np.asarray(np.polynomial.polynomial.polyfit(at_s - at_s.mean(), xy, 1))[1]
        there = curve.velocity + 2 * curve.terms[2] * at_s.mean()
        off = float(np.hypot(*(line - there)))
        if off > 2 * config.max_jump * sd_mps + 0.03 * speed:
            return Refusal("disagreement", f"half of the track is {off * KMH:.1f} km/h off the whole")
    return None


def _report(
    curve: _Curve,
    used: Sequence[Sighting],
    sd_mps: float,
    clock: ClockState,
    error_m: float,
    config: SpeedConfig,
) -> SpeedEstimate | Refusal:
    speed, end_s = float(np.hypot(*curve.velocity)), float(curve.at_s[-1])
    drift = math.hypot(clock.scale_error, math.sqrt(2) * clock.time_error_s / (2 * end_s)) * speed
    half_kmh = config.coverage * math.hypot(sd_mps, drift) * KMH
    value = speed * KMH
    if half_kmh > max(config.max_half_width_kmh, config.max_half_width * value):
        return Refusal("too_uncertain", f"{value:.1f} ± {half_kmh:.1f} km/h")
    ahead = curve.velocity / speed
    last, middle = curve.at(end_s), curve.at(0.0)
    trace = [
        (round(float(t + end_s), 4), round(float(x), 3), round(float(y), 3))
        for t, (x, y) in zip(curve.at_s, curve.xy, strict=True)
    ]
    return SpeedEstimate(
        value_kmh=value,
        low_kmh=max(0.0, value - half_kmh),
        high_kmh=value + half_kmh,
        used=used,
        closest=used[-1],
        position_m=(float(last[0]), float(last[1])),
        velocity_mps=(float(curve.velocity[0]), float(curve.velocity[1])),
        middle_m=(float(middle[0]), float(middle[1])),
        trace=trace,
        span_s=2 * end_s,
        path_m=speed * 2 * end_s,
        accel_mps2=float(2 * curve.terms[2] @ ahead),
        spread=curve.spread_m / error_m,
        parts_kmh={"places": sd_mps * KMH, "clock": drift * KMH},
    )
