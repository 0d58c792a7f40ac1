"""The tracker's figures on MOTChallenge files: MOTA, IDF1, HOTA and identity switches.

Scored by trackeval, the MOTChallenge's own library (numpy and scipy only; motmetrics brings pandas and has
no HOTA). Conventions: truth rows count when their flag is 1, a match needs an IoU of 0.5, and a frame's boxes
are reported when the frame is processed, never later.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.domain.detections import Detections
from flows.domain.errors import FieldError
from flows.tracking import Tracker, TrackerConfig
from flows.tracking.boxes import box_iou

MATCH_IOU = 0.5
"""MOTChallenge's threshold for a hit."""
MOST_FRAMES = 10_000_000
"""Four days at 30 frames a second; a greater frame number is a mistake, and would be stepped up to."""
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Capture time of frame 0; only differences matter."""


@dataclass(frozen=True, slots=True)
class MotRows:
    """Rows of one MOTChallenge file.

    Attributes:
        frame: ``(N,)`` int64, from 1.
        id: ``(N,)`` int64 identity; -1 in detections.
        xyxy: ``(N, 4)`` float64 px.
        mark: ``(N,)`` float64: the flag of a truth row, the score of a detection.
    """

    frame: NDArray[np.int64]
    id: NDArray[np.int64]
    xyxy: NDArray[np.float64]
    mark: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, mask: NDArray[np.bool_]) -> MotRows:
        """Rows picked by a mask."""
        return MotRows(self.frame[mask], self.id[mask], self.xyxy[mask], self.mark[mask])


@dataclass(frozen=True, slots=True)
class TrackingScore:
    """How well tracks agree with the truth.

    Attributes:
        mota: 1 - (misses + false alarms + switches) / true boxes.
        idf1: F1 of boxes that carry the right identity.
        hota: Mean over IoU thresholds 0.05 to 0.95.
        switches: Identity switches.
        misses: True boxes not found.
        false_alarms: Boxes reported where nothing is.
        truth_boxes: True boxes.
        tracks: Identities reported.
        frames: Frames stepped through.
        ms_per_frame: Milliseconds of the tracker alone a frame, wall clock.
    """

    mota: float
    idf1: float
    hota: float
    switches: int
    misses: int
    false_alarms: int
    truth_boxes: int
    tracks: int
    frames: int
    ms_per_frame: float


@dataclass(frozen=True, slots=True)
class _Run:
    """A tracked sequence: what came out, and what it cost."""

    rows: MotRows
    frames: int
    spent_s: float


def read_rows(path: Path, *, truth: bool = False) -> MotRows:
    """Reads ``frame, id, left, top, width, height, mark, ...`` rows.

    Args:
        path: A MOTChallenge ``gt.txt`` or ``det.txt``.
        truth: Identities must be there, and once a frame at most; sizes must be above 0.

    Raises:
        FieldError: If the file is absent or a row is malformed, with its line.
    """
    if not path.is_file():
        raise FieldError(str(path), "a MOTChallenge text file", "no file there")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise FieldError(str(path), "UTF-8 text", f"byte {error.start} that is not") from error
    parsed = [(n, _parse(path, n, line)) for n, line in enumerate(lines, 1) if line.strip()]
    if truth:
        _check_truth(path, parsed)
    table = np.array([row for _, row in parsed], np.float64).reshape(-1, 7)
    left_top = table[:, 2:4]
    return MotRows(
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        np.hstack([left_top, left_top + table[:, 4:6]]),
        table[:, 6],
    )


def _parse(path: Path, line: int, text: str) -> list[float]:
    """The first seven columns of a row."""
    parts = text.split(",")
    if len(parts) < 7:
        raise FieldError(
            path.name,
            "at least 7 columns (frame, id, left, top, width, height, mark)",
            f"{len(parts)}: {text.strip()[:80]!r}",
            line=line,
        )
    try:
        row = [float(part) for part in parts[:7]]
    except ValueError as error:
        raise FieldError(path.name, "numbers", repr(text.strip()[:80]), line=line) from error
    if not np.isfinite(row).all():
        raise FieldError(path.name, "finite numbers", repr(text.strip()[:80]), line=line)
    if not 1 <= row[0] <= MOST_FRAMES or row[0] != int(row[0]):
        raise FieldError(
            f"{path.name} frame", f"a whole number from 1 to {MOST_FRAMES}", parts[0].strip(), line=line
        )
    return row


def _check_truth(path: Path, parsed: Sequence[tuple[int, list[float]]]) -> None:
    """Each identity once a frame, and of a size."""
    seen: dict[tuple[float, float], int] = {}
    for line, row in parsed:
        if row[4] <= 0 or row[5] <= 0:
            raise FieldError(
                f"{path.name} width, height", "sizes above 0", f"{row[4]:g}, {row[5]:g}", line=line
            )
        first = seen.setdefault((row[0], row[1]), line)
        if first != line:
            raise FieldError(
                f"{path.name} id",
                "an identity once a frame",
                f"identity {row[1]:g} in frame {row[0]:g} on line {first} too",
                line=line,
            )


def _track(detections: MotRows, fps: float, config: TrackerConfig | None) -> _Run:
    if not (np.isfinite(fps) and fps > 0):
        raise FieldError("fps", "frames a second above 0", fps)
    frames = [
        (frame, _frame_detections(rows))
        for frame, rows in _by_frame(detections, _unit_scores(detections.mark))
    ]
    tracker = Tracker(config)
    out: list[tuple[float, ...]] = []
    begin = perf_counter()
    for frame, found in frames:
        tracks = tracker.step(found, EPOCH + timedelta(seconds=frame / fps), frame)
        out.extend((frame, t.id, *t.box.tolist(), 1.0) for t in tracks if t.confirmed)
    spent_s = perf_counter() - begin
    table = np.array(out, np.float64).reshape(-1, 7)
    rows = MotRows(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2:6], table[:, 6])
    return _Run(rows, len(frames), spent_s)


def _unit_scores(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores from 0 to 1, or all 1 where their scale is unknown."""
    if len(score) and (score.min() < 0 or score.max() > 1):
        return np.ones_like(score)
    return score


def _by_frame(rows: MotRows, score: NDArray[np.float64]) -> Iterable[tuple[int, MotRows]]:
    """Each frame's rows, from the first frame to the last, frames without any included."""
    order = np.argsort(rows.frame, kind="stable")
    frame = rows.frame[order]
    last = int(frame[-1]) if len(frame) else 0
    starts = np.searchsorted(frame, np.arange(1, last + 2))
    for number in range(1, last + 1):
        pick = order[starts[number - 1] : starts[number]]
        yield number, MotRows(rows.frame[pick], rows.id[pick], rows.xyxy[pick], score[pick])


def _frame_detections(rows: MotRows) -> Detections:
    """The tracker's currency: one class, whatever it is."""
    return Detections(
        rows.xyxy.astype(np.float32),
        rows.mark.astype(np.float32),
        np.zeros(len(rows), np.int32),
        ("object",),
    )


def evaluate_tracking(
    truth: Path, detections: Path, fps: float, config: TrackerConfig | None = None
) -> TrackingScore:
    """Tracks the detections of one sequence and scores the tracks (``dome evaluate tracking``).

    Args:
        truth: MOTChallenge ``gt.txt``.
        detections: MOTChallenge ``det.txt``.
        fps: Frames a second.
        config: The tracker's configuration, the default of live cameras if left out.

    Raises:
        FieldError: If a file is absent or malformed, or holds no truth.
    """
    results, run = _evaluate(truth, detections, fps, config)
    return _score([results], [run])


def evaluate_tracking_folder(
    folder: Path, config: TrackerConfig | None = None
) -> tuple[dict[str, TrackingScore], TrackingScore]:
    """Scores every sequence below ``folder`` (each with gt.txt, det.txt, seqinfo.ini), and all together.

    Together means what MOTChallenge means: counts are added up, then the figures formed.

    Raises:
        FieldError: If there is no sequence, or one is malformed.
    """
    scores: dict[str, TrackingScore] = {}
    results: list[dict[str, Any]] = []
    runs: list[_Run] = []
    for ini in sorted(folder.glob("*/seqinfo.ini")):
        result, run = _evaluate(ini.parent / "gt.txt", ini.parent / "det.txt", _frame_rate(ini), config)
        scores[ini.parent.name] = _score([result], [run])
        results.append(result)
        runs.append(run)
    if not scores:
        raise FieldError(str(folder), "folders with gt.txt, det.txt and seqinfo.ini", "none")
    return scores, _score(results, runs)


def _frame_rate(ini: Path) -> float:
    parser = configparser.ConfigParser()
    try:
        parser.read_string(ini.read_text(encoding="utf-8"))
        return float(parser["Sequence"]["frameRate"])
    except (configparser.Error, KeyError, ValueError) as error:
        raise FieldError(f"{ini}: Sequence.frameRate", "frames a second", error) from error


def _evaluate(
    truth: Path, detections: Path, fps: float, config: TrackerConfig | None
) -> tuple[dict[str, Any], _Run]:
    gt = read_rows(truth, truth=True)
    gt = gt[gt.mark == 1]
    if not len(gt):
        raise FieldError(str(truth), "at least one row with flag 1", "none")
    run = _track(read_rows(detections), fps, config)
    return score_rows(gt, run.rows), run


def score_rows(truth: MotRows, tracks: MotRows) -> dict[str, Any]:
    """trackeval's results for one sequence, by metric: ``CLEAR``, ``Identity``, ``HOTA``."""
    data = _trackeval_data(truth, tracks)
    return {name: metric.eval_sequence(data) for name, metric in _metrics().items()}


def _metrics() -> dict[str, Any]:
    # imported here: trackeval and scipy cost 50 MB that no camera should pay
    from trackeval.metrics import CLEAR, HOTA, Identity

    quiet = {"PRINT_CONFIG": False, "THRESHOLD": MATCH_IOU}
    return {"CLEAR": CLEAR(dict(quiet)), "Identity": Identity(dict(quiet)), "HOTA": HOTA()}


def _trackeval_data(truth: MotRows, tracks: MotRows) -> dict[str, Any]:
    """The dictionary that trackeval's metrics take: ids from 0 and an IoU matrix for each frame."""
    frames = np.union1d(truth.frame, tracks.frame)
    gt_names, gt_ids = np.unique(truth.id, return_inverse=True)
    track_names, track_ids = np.unique(tracks.id, return_inverse=True)
    gt_at = [np.flatnonzero(truth.frame == f) for f in frames]
    tracks_at = [np.flatnonzero(tracks.frame == f) for f in frames]
    return {
        "num_timesteps": len(frames),
        "num_gt_ids": len(gt_names),
        "num_tracker_ids": len(track_names),
        "num_gt_dets": len(truth),
        "num_tracker_dets": len(tracks),
        "gt_ids": [gt_ids[i] for i in gt_at],
        "tracker_ids": [track_ids[i] for i in tracks_at],
        "similarity_scores": [
            box_iou(truth.xyxy[g], tracks.xyxy[t]) for g, t in zip(gt_at, tracks_at, strict=True)
        ],
    }


def _score(results: Sequence[dict[str, Any]], runs: Sequence[_Run]) -> TrackingScore:
    """Adds sequences up and forms the figures."""
    total = {
        name: metric.combine_sequences({str(i): r[name] for i, r in enumerate(results)})
        for name, metric in _metrics().items()
    }
    clear = total["CLEAR"]
    frames = sum(r.frames for r in runs)
    return TrackingScore(
        mota=float(clear["MOTA"]),
        idf1=float(total["Identity"]["IDF1"]),
        hota=float(np.mean(total["HOTA"]["HOTA"])),
        switches=int(clear["IDSW"]),
        misses=int(clear["CLR_FN"]),
        false_alarms=int(clear["CLR_FP"]),
        truth_boxes=int(clear["CLR_TP"] + clear["CLR_FN"]),
        tracks=sum(len(np.unique(r.rows.id)) for r in runs),
        frames=frames,
        ms_per_frame=1e3 * sum(r.spent_s for r in runs) / max(frames, 1),
    )
