"""How good a detector is: average precision as COCO counts it, and how well box bottoms sit on the ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.domain.detections import Detections
from models.detector.nms import iou_matrix

HEIGHT_BINS_PX = (0.0, 30.0, 60.0, 120.0, 240.0, 10_000.0)
"""Classes of size for the error of the lower edge, full-resolution px."""
EDGE_GAP_PX = 3.0
"""Boxes that end so near the picture's lower border are cut off: their lower edge tells nothing."""
SURE = 0.5
"""Detections of this score or more count for the edges: what a tracker would believe at once."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What one picture really shows, in the same px as the detections.

    Attributes:
        xyxy: ``(N, 4)``.
        names: Class of each.
        ignore: ``(N,)`` bool: neither a hit nor a miss, whatever class it is found as.
        height_px: Of the picture.
    """

    xyxy: NDArray[np.float32]
    names: tuple[str, ...]
    ignore: NDArray[np.bool_]
    height_px: int


@dataclass(frozen=True, slots=True)
class EdgeError:
    """Error of the lower edge (found minus true, downwards positive) of boxes of one size.

    Attributes:
        from_px: Least height of the box.
        to_px: Height below which it lies.
        count: Boxes.
        bias_px: Mean error.
        sd_px: Standard deviation of the error.
        bias: Mean error as a share of the box's height.
        sd: Standard deviation likewise.
    """

    from_px: float
    to_px: float
    count: int
    bias_px: float
    sd_px: float
    bias: float
    sd: float


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Average precision of one class.

    Attributes:
        ap50: At IoU 0.5.
        ap50_95: Mean over IoU 0.5 to 0.95.
        truths: Objects to be found.
    """

    ap50: float
    ap50_95: float
    truths: int


@dataclass(frozen=True, slots=True)
class DetectorScore:
    """Scores of a detector.

    Attributes:
        map50: Mean over classes of average precision at IoU 0.5.
        map50_95: Mean over classes and IoU 0.5 to 0.95.
        per_class: By class name.
        images: Pictures.
        ms_per_image: Median time of one picture, one thread.
        lower_edge: Errors of the lower edge by size.
        detector: Name and digest of the detector.
    """

    map50: float
    map50_95: float
    per_class: dict[str, ClassScore]
    images: int
    ms_per_image: float = float("nan")
    lower_edge: tuple[EdgeError, ...] = field(default=())
    detector: str = ""


def score(truths: Sequence[Truth], found: Sequence[Detections], names: Sequence[str]) -> DetectorScore:
    """Average precision by faster-coco-eval, and the errors of the lower edge.

    Args:
        truths: One a picture.
        found: One a picture, with scores down to about 0.01: precision is counted over all of them.
        names: Classes to judge; detections of others are left out, classes without truth too.
    """
    present = [name for name in names if any(_counted(truth, name) for truth in truths)]
    precision = _precision(truths, found, present) if present else np.zeros((10, 101, 0))
    by_iou = np.where(precision < 0, 0, precision).mean(axis=1)  # (10 IoUs, classes)
    return DetectorScore(
        map50=float(by_iou[0].mean()) if present else 0.0,
        map50_95=float(by_iou.mean()) if present else 0.0,
        per_class={
            name: ClassScore(
                float(by_iou[0, i]), float(by_iou[:, i].mean()), sum(_counted(t, name) for t in truths)
            )
            for i, name in enumerate(present)
        },
        images=len(truths),
        lower_edge=lower_edge(truths, found),
    )


def lower_edge(truths: Sequence[Truth], found: Sequence[Detections]) -> tuple[EdgeError, ...]:
    """Errors of the lower edge of sure detections that overlap a truth by half or more, by size."""
    errors, heights = [np.zeros(0)], [np.zeros(0)]
    for truth, detections in zip(truths, found, strict=True):
        sure = detections[detections.score >= SURE]
        if not len(sure) or not len(truth.xyxy):
            continue
        iou = iou_matrix(truth.xyxy, sure.xyxy)
        best = iou.argmax(axis=1)
        whole = truth.xyxy[:, 3] < truth.height_px - EDGE_GAP_PX
        good = (iou[np.arange(len(best)), best] >= 0.5) & whole & ~truth.ignore
        errors.append(sure.xyxy[best[good], 3] - truth.xyxy[good, 3])
        heights.append((truth.xyxy[:, 3] - truth.xyxy[:, 1])[good])
    error, height = np.concatenate(errors), np.concatenate(heights)
    bins = pairwise(HEIGHT_BINS_PX)
    picked = [(low, high, (height >= low) & (height < high)) for low, high in bins]
    return tuple(_edge_error(low, high, error[m], height[m]) for low, high, m in picked if m.any())


def _edge_error(low: float, high: float, error: NDArray[Any], height: NDArray[Any]) -> EdgeError:
    share = error / height
    values = (error.mean(), error.std(), share.mean(), share.std())
    return EdgeError(low, high, len(error), *(float(value) for value in values))


def _precision(truths: Sequence[Truth], found: Sequence[Detections], names: Sequence[str]) -> NDArray[Any]:
    """``(10 IoUs, 101 recalls, classes)``, -1 where undefined."""
    from faster_coco_eval import COCO, COCOeval_faster

    gt = COCO(
        {
            "images": [{"id": i + 1} for i in range(len(truths))],
            "categories": [{"id": i + 1, "name": name} for i, name in enumerate(names)],
            "annotations": _annotations(truths, names),
        }
    )
    results = [row for i, d in enumerate(found) for row in _results(i + 1, d, names)]
    if not results:
        return np.zeros((10, 101, len(names)))
    judge = COCOeval_faster(gt, gt.loadRes(results), "bbox")
    judge.params.maxDets = [100]
    judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
    judge.evaluate()
    judge.accumulate()
    return np.asarray(judge.eval["precision"])[:, :, :, 0, 0]


def _annotations(truths: Sequence[Truth], names: Sequence[str]) -> list[dict[str, Any]]:
    """COCO annotations; what is to be ignored is a crowd of every class."""
    rows: list[dict[str, Any]] = []
    for image, truth in enumerate(truths):
        for xyxy, name, ignore in zip(truth.xyxy, truth.names, truth.ignore, strict=True):
            for category in names if ignore else (name,):
                if category in names:
                    row = {"image_id": image + 1, "category_id": list(names).index(category) + 1}
                    rows.append(row | _box(xyxy) | {"iscrowd": int(ignore), "id": len(rows) + 1})
    return rows


def _results(image: int, detections: Detections, names: Sequence[str]) -> list[dict[str, Any]]:
    known = {name: i + 1 for i, name in enumerate(names)}
    return [
        {"image_id": image, "category_id": known[name], "score": float(sure), "bbox": _box(xyxy)["bbox"]}
        for xyxy, sure, name in zip(detections.xyxy, detections.score, detections.class_names(), strict=True)
        if name in known
    ]


def _box(xyxy: NDArray[np.float32]) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(v) for v in xyxy)
    return {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}


def _counted(truth: Truth, name: str) -> int:
    return sum(n == name and not i for n, i in zip(truth.names, truth.ignore, strict=True))
