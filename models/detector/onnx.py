"""The YOLOX family (nano to x, and our embedded detector) in onnxruntime."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.domain.detections import Detections
from flows.domain.errors import WeightsError
from flows.domain.inference import DetectorSpec
from models.detector.base import MIN_SCORE, Image, check_picture
from models.detector.freesize import freed
from models.detector.letterbox import Letterbox, padded, resized
from models.detector.nms import nms

STRIDES = (8, 16, 32)
MAX_IOU = 0.5
"""Overlap above which two boxes of a class are one object: YOLOX takes 0.45 to show, 0.65 to evaluate."""
MARGIN_PX = 16
"""Grey left below a picture: the network has learnt that objects at the lower edge are followed by some, and
without it finds an eighth fewer of those that a 4:3 picture cuts off."""
CANDIDATES = 300
"""Boxes looked at before suppression; a street picture has below 100 objects."""


class OnnxDetector:
    """A YOLOX network: input ``(1, 3, H, W)`` float32 BGR 0-255, output ``(1, N, 5 + C)`` in grid units.

    A row is ``x, y, log w, log h, objectness, class scores``, cells of stride 8 first, row by row. A network
    with dynamic height and width is padded only to the next multiple of 32.

    Args:
        path: The ONNX file.
        name: Name in the weights registry.
        version: sha256 of the file.
        names: Class names; else the file's own metadata entry ``names`` (a JSON list).
        input_px: Width and height; needed only where the file's are dynamic and it has no ``input_px`` entry.
        threads: Threads of one run; 1 gives the same bits every time and lets replicas scale.
        min_score: Boxes below it are not reported.
        sure_score: See :class:`flows.domain.inference.DetectorSpec`.
        as_published: Keep the one input size that the file states, and its grey padding.

    Raises:
        WeightsError: If the file is no such network.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        version: str,
        names: tuple[str, ...] = (),
        input_px: tuple[int, int] | None = None,
        threads: int = 1,
        min_score: float = MIN_SCORE,
        as_published: bool = False,
        sure_score: float = 0.6,
    ) -> None:
        self._session, free = _open(path, threads, as_published)
        self._margin_px = MARGIN_PX if free else 0
        self._input: str = self._session.get_inputs()[0].name
        meta: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        names = names or tuple(json.loads(meta.get("names", "[]")))
        _check_shape(path, self._session, len(names))
        height, width = self._session.get_inputs()[0].shape[2:]
        self._dynamic = not (isinstance(height, int) and isinstance(width, int))
        size = input_px or _declared_px(meta) or (416, 416) if self._dynamic else (width, height)
        self._spec = DetectorSpec(name, size, names, version, sure_score)
        self._min_score = min_score
        self._letterbox = Letterbox()
        self._offset_px = np.array(json.loads(meta.get("offset_px", "[0, 0, 0, 0]")), np.float32)

    @property
    def spec(self) -> DetectorSpec:
        """Name, input size, classes and version."""
        return self._spec

    @property
    def min_score(self) -> float:
        """Boxes below it are not reported."""
        return self._min_score

    def detect(self, pictures: Sequence[Image]) -> list[Detections]:
        """See :class:`models.detector.base.Detector`; one run a picture: a batch gains nothing on CPU."""
        return [self._detect(picture) for picture in pictures]

    def _detect(self, picture: Image) -> Detections:
        check_picture(picture)
        height, width = picture.shape[:2]
        fit = self._spec.fit(width, height)
        small = picture if fit == (width, height) else resized(picture, *fit)
        tensor = self._letterbox.fill(small, *self._tensor_px(*fit))
        rows = self._session.run(None, {self._input: tensor})[0][0]
        found = decode(rows, tensor.shape[2], tensor.shape[3], self._min_score, self._spec.names)
        found.xyxy[:] -= self._offset_px
        scaled = found if fit == (width, height) else found.scaled(width / fit[0], height / fit[1])
        np.clip(scaled.xyxy, 0, np.array([width, height] * 2, np.float32), out=scaled.xyxy)
        return scaled

    def _tensor_px(self, width: int, height: int) -> tuple[int, int]:
        if not self._dynamic:
            return self._spec.input_px
        limit_w, limit_h = self._spec.input_px
        return padded(width, limit_w, STRIDES[-1]), padded(height + self._margin_px, limit_h, STRIDES[-1])


def decode(
    rows: NDArray[np.float32], height_px: int, width_px: int, min_score: float, names: tuple[str, ...]
) -> Detections:
    """Boxes from a YOLOX output, after class-wise suppression.

    Args:
        rows: ``(N, 5 + C)`` float32, N cells of all strides.
        height_px: Height of the network's input.
        width_px: Width of the network's input.
        min_score: Least objectness times class score.
        names: The C class names.

    Returns:
        Boxes in input pixels, best score first.
    """
    likely = np.flatnonzero(rows[:, 4] >= min_score)  # the score cannot exceed objectness
    rows = rows[likely]
    label = rows[:, 5:].argmax(axis=1).astype(np.int32)
    score = rows[:, 4] * rows[np.arange(len(rows)), 5 + label]
    sure = score >= min_score
    rows, label, score, likely = rows[sure], label[sure], score[sure], likely[sure]
    grid, stride = _grid(height_px, width_px)
    centre = (rows[:, :2] + grid[likely]) * stride[likely]
    half = np.exp(np.minimum(rows[:, 2:4], 10)) * stride[likely] / 2  # e^10 cells is wider than any picture
    xyxy = np.concatenate([centre - half, centre + half], axis=1)
    keep = nms(xyxy, score, label, MAX_IOU, CANDIDATES)
    return Detections(xyxy[keep], score[keep], label[keep], names)


@lru_cache(maxsize=16)
def _grid(height_px: int, width_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cell corners ``(N, 2)`` in cells, and strides ``(N, 1)`` in px."""
    cells, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: height_px // stride, : width_px // stride]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def _open(path: Path, threads: int, as_published: bool) -> tuple[Any, bool]:
    """The session, and whether its size was freed."""
    import onnxruntime as ort
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0" if threads == 1 else "1")
    wanted = [
        p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in ort.get_available_providers()
    ]
    bad = (
        state.Fail,
        state.InvalidProtobuf,
        state.InvalidGraph,
        state.InvalidArgument,
        state.NoSuchFile,
    )
    free = None if as_published else freed(path)
    if free is not None:
        try:
            session = ort.InferenceSession(free, options, providers=wanted)
            if _takes_sizes(session):
                return session, True
        except (*bad, state.RuntimeException):
            pass  # it was tied to its size after all
    try:
        return ort.InferenceSession(str(path), options, providers=wanted), False
    except bad as error:
        raise WeightsError(f"{path}: expected an ONNX model, onnxruntime says: {error}") from error


def _takes_sizes(session: Any) -> bool:
    """Whether a freed network answers with the cells of an input of another size."""
    height, width = 64, 96
    picture = np.zeros((1, 3, height, width), np.float32)
    rows = session.run(None, {session.get_inputs()[0].name: picture})[0]
    return bool(rows.shape[1] == len(_grid(height, width)[0]))


def _check_shape(path: Path, session: Any, classes: int) -> None:
    given, out = session.get_inputs()[0].shape, session.get_outputs()[0].shape
    if len(given) != 4 or given[1] != 3 or len(out) != 3 or out[2] != 5 + classes:
        raise WeightsError(
            f"{path}: expected a YOLOX network, input (1, 3, H, W) and output (1, N, {5 + classes}) for "
            f"{classes} classes, got {given} and {out}"
        )


def _declared_px(meta: dict[str, str]) -> tuple[int, int] | None:
    if "input_px" not in meta:
        return None
    width, height = json.loads(meta["input_px"])
    return int(width), int(height)
