"""``dome evaluate detector``: a detector on rendered scenes that nobody trained it on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import av
import numpy as np

from cluster.dataset import SAMPLE_HZ, through_h264
from flows import scenes
from flows.scenes.truth import ObjectTruth
from flows.settings import Settings
from flows.sources.picture import AvPicture
from models.catalog import STREET_NAMES
from models.detector import Detector, load
from models.evaluation.detector import DetectorScore, Truth, score

KINDS = ("road", "crossing", "street")
FIRST_SEED = 700
"""Training owns the seeds from 10000 on (``cluster.dataset``): other streets, cameras, light, traffic."""
SCENES = 8
"""Of each kind."""
FRAMES = 6
"""Of each scene, 2.5 s apart."""
MIN_SCORE = 0.01
"""Average precision is counted over weak detections too."""


def evaluate_detector(
    name: str = "embedded",
    settings: Settings | None = None,
    scenes_a_kind: int = SCENES,
    frames: int = FRAMES,
) -> DetectorScore:
    """Scores a detector on unseen scenes, pictures as a camera would hand them over.

    Args:
        name: Name in the weights registry.
        settings: Where weights lie; the environment's by default.
        scenes_a_kind: Scenes of each kind.
        frames: Frames of each scene.

    Raises:
        WeightsError: If the detector cannot be had.
        SceneUnavailable: If this machine has no OpenGL.
    """
    detector = load(name, settings or Settings.from_env(), min_score=MIN_SCORE)
    truths, found, times = [], [], []
    for kind in KINDS:
        for seed in range(FIRST_SEED, FIRST_SEED + scenes_a_kind):
            for picture, objects in frames_of(kind, seed, frames):
                small, sx, sy = small_of(picture, detector)
                started = time.perf_counter()
                detections = detector.detect([small])[0]
                times.append(time.perf_counter() - started)
                found.append(detections.scaled(1 / sx, 1 / sy))
                truths.append(truth_of(objects, picture.height))
    return replace(
        score(truths, found, STREET_NAMES),
        ms_per_image=1e3 * float(np.median(times)),
        detector=f"{name} {detector.spec.version}",
    )


def frames_of(kind: str, seed: int, count: int) -> Iterator[tuple[av.VideoFrame, tuple[ObjectTruth, ...]]]:
    """Frames of a scene after H.264, with what they show."""
    scene = scenes.build(kind, seed=seed, fps=SAMPLE_HZ, duration_s=count / SAMPLE_HZ)
    rendered = list(scene.frames())
    decoded = through_h264([frame.rgb for frame in rendered], crf=23)
    yield from zip(decoded, (frame.objects for frame in rendered), strict=True)


def small_of(picture: av.VideoFrame, detector: Detector) -> tuple[np.ndarray, float, float]:
    """The picture at the detector's size, and the scale in each axis."""
    width, height = detector.spec.fit(picture.width, picture.height)
    return AvPicture(picture).bgr(width, height), width / picture.width, height / picture.height


def truth_of(objects: tuple[ObjectTruth, ...], height_px: int) -> Truth:
    """What a frame shows, as the score wants it."""
    return Truth(
        np.array([thing.xyxy for thing in objects], np.float32).reshape(-1, 4),
        tuple(thing.cls for thing in objects),
        np.array([thing.ignore for thing in objects], bool),
        height_px,
    )
