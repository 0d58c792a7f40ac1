"""Detections to tracks.

Written by hand: supervision, trackers and norfair cost a camera actor about 100 MB (scipy, OpenCV, filterpy)
and count time in frames, while ours loses frames on purpose and must not mistake that for speed.

Each frame: predict (:mod:`flows.tracking.motion`), pair confirmed tracks with sure detections by overlap and
heading, then the others, then doubtful detections with what was seen a moment ago (ByteTrack, Zhang et al.
2022), correct, start tracks from what is left, end what has been away too long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from flows.domain.detections import Detections
from flows.domain.errors import FieldError
from flows.domain.tracks import Sighting, Track
from flows.tracking.assignment import assign
from flows.tracking.boxes import box_iou, to_centre, to_corners, widened
from flows.tracking.config import TrackerConfig
from flows.tracking.life import Life
from flows.tracking.motion import Motion, Noise, box_scale

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
_Free = tuple[NDArray[np.bool_], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """One frame's detections, cleaned.

    Attributes:
        at: Capture time.
        frame_index: The frame's index.
        found: Those worth a look.
        centre: ``(M, 4)`` centre and size.
        cls: Class names.
        group: ``(M,)`` class groups.
        sure: ``(M,)`` score at or above ``high_score``.
        crowd: ``(M,)`` greatest IoU with another detection.
    """

    at: datetime
    frame_index: int
    found: Detections
    centre: Floats
    cls: list[str]
    group: NDArray[np.int64]
    sure: NDArray[np.bool_]
    crowd: Floats

    def __len__(self) -> int:
        return len(self.centre)

    def sighting(self, column: int) -> Sighting:
        """One detection on its own (copied, so that it does not hold on to the frame's others)."""
        box = self.found.xyxy[column].copy()
        score, cls = float(self.found.score[column]), self.cls[column]
        return Sighting(self.at, self.frame_index, box, score, cls=cls)


class Tracker:
    """Follows the objects of one camera. Deterministic: same detections and times, same tracks.

    Args:
        config: What it believes; the default serves fixed street cameras.
        sure_score: The detector's score that means ``config.high_score``; others are bent accordingly.
    """

    def __init__(self, config: TrackerConfig | None = None, sure_score: float | None = None) -> None:
        self.config = config or TrackerConfig()
        sure = self.config.high_score if sure_score is None else sure_score
        # 0 and 1 stay what they are; in between a power puts the detector's threshold where ours is.
        self._bend = math.log(self.config.high_score) / math.log(min(max(sure, 0.01), 0.99))
        self._noise = _noise(self.config)
        self._groups = {name: i for i, names in enumerate(self.config.groups) for name in names}
        self._at: datetime | None = None
        self._known_at: datetime | None = None
        self._next_id = 1
        self._ended: list[Track] = []
        self._forget_all()

    def _forget_all(self) -> None:
        """Parallel rows: lives, groups, whether confirmed, motion, seconds and looks without a sighting,
        last detected centre."""
        self._lives: list[Life] = []
        self._group = np.zeros(0, np.int64)
        self._confirmed = np.zeros(0, bool)
        self._motion = Motion.start(np.zeros((0, 4)), self._noise)
        self._gap_s = np.zeros(0)
        self._misses = np.zeros(0, np.int64)
        self._last = np.zeros((0, 2))

    @property
    def active(self) -> list[Track]:
        """Tracks that are alive, seen in the newest frame or not, confirmed or not, by id."""
        return [life.track for life in self._lives]

    def moving(self, scales_per_s: float = 0.1) -> bool:
        """True when a confirmed track seen at the newest look is faster than this (box scales a second)."""
        if not self._lives:
            return False
        speed = np.hypot(self._motion.speed[:, 0], self._motion.speed[:, 1])
        fast = (speed > scales_per_s * box_scale(self._motion.value)[:, 0]) & (self._misses == 0)
        return bool((fast & self._confirmed).any())

    def step(self, detections: Detections, at: datetime, frame_index: int) -> list[Track]:
        """Takes one frame's detections.

        Args:
            detections: What the detector found, possibly nothing; full-resolution px.
            at: The frame's capture time, after the one before.
            frame_index: The frame's index.

        Returns:
            The tracks seen in this frame (new and unconfirmed ones too), by id.

        Raises:
            FieldError: If ``at`` is naive or not after the time before.
        """
        dt_s = self._advance(at)
        self._known_at = at
        if self._lives:
            self._motion.predict(dt_s, self._noise)
            self._gap_s += dt_s
            self._misses += 1
        elif not len(detections):
            return []
        seen = self._clean(detections, at, frame_index)
        rows, columns, shared = self._pair(seen)
        self._correct(rows, columns, seen, shared)
        self._start(columns, seen)
        self._end_missing()
        return self._report()

    def expire(self, at: datetime, still: bool = True) -> None:
        """Time goes on without a look; no miss for what was just seen.

        Tracks that were already missing go on missing, and end in their time.

        Args:
            at: The frame's capture time, after the one before.
            still: The gate held the frame back: nothing has moved. Of a frame that was left out or dropped nobody
                knows, and it is as if the camera had not sent it: the next look is predicted from the last one.

        Raises:
            FieldError: As :meth:`step`.
        """
        dt_s = self._advance(at)
        if still:
            self._known_at = at
            self._gap_s[self._misses > 0] += dt_s
            self._end_missing()

    def ended(self) -> list[Track]:
        """The tracks that ended since the last call, in the order they ended; unconfirmed ones too."""
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Ends all tracks; the camera stops."""
        self._ended += self.active
        self._forget_all()

    def _advance(self, at: datetime) -> float:
        """Seconds of which nobody knows what happened; many end all tracks."""
        if at.tzinfo is None:
            raise FieldError("at", "aware capture time", f"{at} without a time zone")
        if self._at is not None and at <= self._at:
            raise FieldError("at", f"capture time after {self._at}", at, "give frames in order, each once")
        self._at = at
        dt_s = 0.0 if self._known_at is None else (at - self._known_at).total_seconds()
        if dt_s > self.config.max_silence_s:
            self.close()
        return dt_s

    def _clean(self, detections: Detections, at: datetime, frame_index: int) -> _Seen:
        """Drops what has no area, is too doubtful or doubles a surer one."""
        config = self.config
        if self._bend != 1.0:
            score = np.clip(detections.score, 0.0, 1.0) ** np.float32(self._bend)
            detections = replace(detections, score=score)
        xyxy = detections.xyxy
        good = (detections.score >= config.low_score) & (xyxy[:, 2:] > xyxy[:, :2]).all(axis=1)
        good &= np.isfinite(xyxy).all(axis=1)
        found = detections if good.all() else detections[good]
        cls = found.class_names()
        group = np.array([self._group_of(name) for name in cls], np.int64)
        overlap = box_iou(found.xyxy, found.xyxy)
        np.fill_diagonal(overlap, 0.0)
        keep = _surest(overlap, found.score, config.duplicate_iou)
        if len(keep) < len(found):
            found, group, overlap = found[keep], group[keep], overlap[np.ix_(keep, keep)]
            cls = [cls[i] for i in keep]
        return _Seen(
            at,
            frame_index,
            found,
            to_centre(found.xyxy),
            cls,
            group,
            found.score >= config.high_score,
            overlap.max(axis=1, initial=0.0),
        )

    def _group_of(self, name: str) -> int:
        """The number of a class's group; classes named nowhere get the next free one."""
        return self._groups.setdefault(name, len(self._groups) + len(self.config.groups))

    def _pair(self, seen: _Seen) -> tuple[Rows, Rows, Floats]:
        """Which track takes which detection, three rounds; rows in ascending order.

        Also each pair's IoU with another confirmed track's prediction: such a box may show both.
        """
        pairs: list[tuple[int, int]] = []
        claims = np.zeros((len(self._lives), len(seen)))
        if self._lives and len(seen):
            overlap = box_iou(to_corners(self._motion.value), seen.found.xyxy)
            overlap[self._group[:, None] != seen.group] = 0.0
            claims = np.where(self._confirmed[:, None], overlap, 0.0)
            free = np.ones(len(self._lives), bool), np.ones(len(seen), bool)
            self._pair_sure(overlap, seen, free, pairs)
            self._pair_widened(seen, free, pairs)
            if not seen.sure.all():
                late = self._confirmed & (self._misses == 1)
                overlap[overlap < self.config.low_match_iou] = 0.0
                _round(overlap, late, ~seen.sure, free, pairs)
        table = np.array(sorted(pairs), np.intp).reshape(-1, 2)
        rows, columns = table[:, 0], table[:, 1]
        claims[rows, columns] = 0.0
        return rows, columns, claims[:, columns].max(axis=0, initial=0.0)

    def _pair_sure(self, overlap: Floats, seen: _Seen, free: _Free, pairs: list[tuple[int, int]]) -> None:
        """Confirmed tracks choose first, then the others; overlap and heading decide."""
        allowed = (overlap >= self.config.match_iou) & seen.sure
        if allowed.sum(axis=0).max() <= 1 and allowed.sum(axis=1).max() <= 1:
            gain = allowed.astype(np.float64)  # nobody competes, the usual frame
            _round(gain, np.ones(len(gain), bool), seen.sure, free, pairs)
            return
        gain = np.where(allowed, np.maximum(overlap + self._heading(seen), 1e-6), 0.0)
        _round(gain, self._confirmed, seen.sure, free, pairs)
        _round(gain, ~self._confirmed, seen.sure, free, pairs)

    def _pair_widened(self, seen: _Seen, free: _Free, pairs: list[tuple[int, int]]) -> None:
        """Who was seen a moment ago may have turned out faster or slower than predicted: look where it was."""
        config = self.config
        rows, columns = np.flatnonzero(free[0] & (self._misses == 1)), np.flatnonzero(free[1] & seen.sure)
        if not len(rows) or not len(columns):
            return
        last = np.array([self._lives[row].track.sightings[-1].xyxy for row in rows.tolist()], np.float64)
        overlap = box_iou(widened(last, config.widened), widened(seen.found.xyxy[columns], config.widened))
        overlap[(overlap < config.widened_iou) | (self._group[rows, None] != seen.group[columns])] = 0.0
        gain = np.zeros((len(self._lives), len(seen)))
        gain[np.ix_(rows, columns)] = overlap
        _round(gain, self._confirmed, seen.sure, free, pairs)
        _round(gain, ~self._confirmed, seen.sure, free, pairs)

    def _heading(self, seen: _Seen) -> Floats:
        """``(N, M)`` bonus: does the way from the last sighting to the detection follow the velocity?"""
        config = self.config
        scale = box_scale(self._motion.value)
        speed = self._motion.speed[:, :2] / scale
        path = (seen.centre[None, :, :2] - self._last[:, None]) / scale[:, None]
        speed_size = np.sqrt((speed**2).sum(-1))[:, None]
        path_size = np.sqrt((path**2).sum(-1))
        along = (path * speed[:, None]).sum(-1)
        # cosine, weighed down where the velocity or the path is too short to have a direction
        weight = np.maximum(speed_size, config.heading_speed) * np.maximum(path_size, config.heading_path)
        return np.asarray(config.heading_weight * along / weight, np.float64)

    def _correct(self, rows: Rows, columns: Rows, seen: _Seen, shared: Floats) -> None:
        if not len(rows):
            return
        config = self.config
        doubt = 1 + config.doubt_error * (1 - seen.found.score[columns])
        crowd = np.maximum(config.crowd_error * seen.crowd[columns], config.shared_error * shared)
        self._motion.update(rows, seen.centre[columns], self._noise, (1 + crowd) * doubt)
        self._gap_s[rows] = 0.0
        self._misses[rows] = 0
        self._last[rows] = seen.centre[columns, :2]
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            life = self._lives[row]
            life.see(seen.sighting(column), seen.cls[column], config)
            self._confirmed[row] = life.track.confirmed

    def _start(self, columns: Rows, seen: _Seen) -> None:
        """New tracks, appended, from sure detections that nobody took."""
        fresh = seen.found.score >= self.config.birth_score
        fresh[columns] = False
        born = np.flatnonzero(fresh)
        if not len(born):
            return
        for column in born.tolist():
            life = Life(Track(self._next_id, ""))
            life.see(seen.sighting(column), seen.cls[column], self.config)
            self._lives.append(life)
            self._next_id += 1
        count = len(born)
        self._motion = self._motion.join(Motion.start(seen.centre[born], self._noise))
        self._group = np.concatenate([self._group, seen.group[born]])
        self._confirmed = np.array([life.track.confirmed for life in self._lives])
        self._gap_s = np.concatenate([self._gap_s, np.zeros(count)])
        self._misses = np.concatenate([self._misses, np.zeros(count, np.int64)])
        self._last = np.vstack([self._last, seen.centre[born, :2]])

    def _end_missing(self) -> None:
        config = self.config
        if not self._misses.any():
            return
        longest_s = np.where(self._confirmed, config.max_gap_s, config.tentative_gap_s)
        looks = np.where(self._confirmed, config.min_misses, 1)
        gone = (self._gap_s > longest_s) & (self._misses >= looks)
        if gone.any():
            self._ended += [self._lives[i].track for i in np.flatnonzero(gone)]
            self._keep(np.flatnonzero(~gone))

    def _keep(self, stay: Rows) -> None:
        self._lives = [self._lives[i] for i in stay]
        self._motion = self._motion.keep(stay)
        self._group, self._confirmed = self._group[stay], self._confirmed[stay]
        self._gap_s, self._misses, self._last = self._gap_s[stay], self._misses[stay], self._last[stay]

    def _report(self) -> list[Track]:
        """The tracks just seen, each with its newest box."""
        tracks = [self._lives[row].track for row in np.flatnonzero(self._misses == 0).tolist()]
        if tracks:
            share = self.config.detected_share
            found = np.array([track.sightings[-1].xyxy for track in tracks])
            boxes = share * found + (1 - share) * to_corners(self._motion.value[self._misses == 0])
            for track, box in zip(tracks, boxes.astype(np.float32), strict=True):
                track.box = box
        return tracks


def _noise(config: TrackerConfig) -> Noise:
    def spread(centre: float, size: float) -> Floats:
        return np.array([centre, centre, size, size])

    return Noise(
        spread(config.centre_error, config.size_error),
        spread(config.centre_speed, config.size_speed),
        spread(config.centre_drive, config.size_drive),
        spread(config.centre_fade_s, config.size_fade_s),
        config.hurry,
        config.hurry_from,
    )


def _round(
    gain: Floats,
    tracks: NDArray[np.bool_],
    detections: NDArray[np.bool_],
    free: _Free,
    pairs: list[tuple[int, int]],
) -> None:
    """Pairs what is still free among the given tracks and detections; marks it taken."""
    rows, columns = np.flatnonzero(tracks & free[0]), np.flatnonzero(detections & free[1])
    if not len(rows) or not len(columns):
        return
    for r, c in assign(gain[rows[:, None], columns]):
        row, column = int(rows[r]), int(columns[c])
        pairs.append((row, column))
        free[0][row] = free[1][column] = False


def _surest(overlap: Floats, score: NDArray[np.float32], limit: float) -> NDArray[np.intp]:
    """Rows left after each surer detection has removed its doubles, in the order they came."""
    double = overlap > limit
    if not double.any():
        return np.arange(len(score))
    left = np.ones(len(score), bool)
    for row in np.argsort(-score, kind="stable"):
        if left[row]:
            left[double[row]] = False
    return np.flatnonzero(left)
