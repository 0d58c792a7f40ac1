"""Which weights there are: where each comes from, what it must hash to, and under which licence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from models import coco

Kind = Literal["embedded", "yolox-onnx", "torchvision", "face-finder", "face-embedder"]

YOLOX_RELEASE = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
TORCH = "https://download.pytorch.org/models"
DEEPFACE = "https://github.com/serengil/deepface_models/releases/download/v1.0"
OPENCV = "https://github.com/opencv/opencv_zoo/raw/main/models"
STREET_NAMES = ("person", "car", "truck", "bus", "motorcycle")
"""Classes of the embedded detector."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of weights.

    Attributes:
        name: What a site file calls it.
        kind: Which engine reads it.
        file: File name looked for.
        url: Source address; empty for the one in the package.
        sha256: Hex digest, or its first digits where the publisher gives no more; None: pinned by the first
            fetch and honestly called unverified. That of the embedded one is in ``embedded/SHA256SUMS``.
        size_bytes: Size of the file, where known.
        licence: SPDX identifier.
        input_px: Width and height of the network's input.
        names: Class names, where the file does not carry them.
        note: For people.
        also_sha256: Other files under the same name that are known to be good.
        sure_score: Score from which its detections are believed at once; measured for the embedded one (precision
            and recall are both 0.90 there on unseen scenes), an estimate for the others.
    """

    name: str
    kind: Kind
    file: str
    url: str
    sha256: str | None
    size_bytes: int | None
    licence: str
    input_px: tuple[int, int]
    names: tuple[str, ...] = ()
    note: str = ""
    also_sha256: tuple[str, ...] = ()
    sure_score: float = 0.4
    package: str = ""

    @property
    def exact(self) -> bool:
        """Whether the registry knows the whole digest."""
        return self.sha256 is not None and len(self.sha256) == 64


def _yolox(
    size: str, px: int, sha256: str | None, size_bytes: int | None, note: str, also: tuple[str, ...] = ()
) -> Entry:
    file = f"yolox_{size}.onnx"
    url = f"{YOLOX_RELEASE}/{file}"
    return Entry(
        f"yolox-{size}",
        "yolox-onnx",
        file,
        url,
        sha256,
        size_bytes,
        "Apache-2.0",
        (px, px),
        coco.NAMES,
        note,
        also,
    )


def _torchvision(name: str, file: str, px: int, note: str) -> Entry:
    digits = file.removesuffix(".pth").rsplit("-", 1)[
        1
    ]  # PyTorch publishes the first eight digits in the name
    return Entry(
        name, "torchvision", file, f"{TORCH}/{file}", digits, None, "BSD-3-Clause", (px, px), (), note
    )


def _face(name: str, kind: Kind, file: str, licence: str, note: str, **more: Any) -> Entry:
    known: dict[str, Any] = {"url": "", "sha256": None, "size_bytes": None, "input_px": (112, 112), **more}
    return Entry(f"face-{name}", kind, file, licence=licence, note=note, **known)


_ENTRIES = (
    Entry(
        "embedded",
        "embedded",
        "detector.onnx",
        "",
        None,
        None,
        "Apache-2.0",
        (416, 416),
        STREET_NAMES,
        "in the package; trained on our rendered scenes, for them only, not for streets",
    ),
    _yolox(
        "nano",
        416,
        "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
        None,
        "COCO mAP 25.8; fastest on CPU",
        # The same network exported again (3,678,356 bytes); what this project's figures were measured with.
        ("e8af074932d4ed7e232278e3055cefcdea3edf178874a3694ae292649fb464dd",),
    ),
    _yolox(
        "tiny",
        416,
        "427cc366d34e27ff7a03e2899b5e3671425c262ea2291f88bb942bc1cc70b0f7",
        20_219_662,
        "COCO mAP 32.8",
    ),
    _yolox(
        "s",
        640,
        "c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063",
        35_858_002,
        "COCO mAP 40.5",
    ),
    _yolox("m", 640, None, None, "COCO mAP 47.2"),
    _yolox("l", 640, None, None, "COCO mAP 50.1"),
    _yolox("x", 640, None, None, "COCO mAP 51.5; for a GPU"),
    _torchvision(
        "ssdlite320-mobilenet-v3-large",
        "ssdlite320_mobilenet_v3_large_coco-a79551df.pth",
        320,
        "small, 50 ms on CPU",
    ),
    _torchvision(
        "fasterrcnn-mobilenet-v3-large-320-fpn",
        "fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth",
        640,
        "light",
    ),
    _torchvision(
        "fasterrcnn-mobilenet-v3-large-fpn",
        "fasterrcnn_mobilenet_v3_large_fpn-fb6a3cc7.pth",
        1024,
        "for a GPU",
    ),
    _torchvision(
        "fasterrcnn-resnet50-fpn-v2", "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth", 1024, "for a GPU"
    ),
    _torchvision(
        "retinanet-resnet50-fpn-v2", "retinanet_resnet50_fpn_v2_coco-5905b1c5.pth", 1024, "for a GPU"
    ),
    _torchvision("fcos-resnet50-fpn", "fcos_resnet50_fpn_coco-99b0c9b7.pth", 1024, "for a GPU"),
    _face(
        "dlib-landmarks",
        "face-finder",
        "shape_predictor_5_face_landmarks.dat",
        "CC0-1.0",
        "in the package face_recognition_models; its detector is in dlib itself (BSL-1.0)",
        sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
        size_bytes=9_150_489,
        package="face_recognition_models",
    ),
    _face(
        "dlib",
        "face-embedder",
        "dlib_face_recognition_resnet_model_v1.dat",
        "CC0-1.0",
        "in the package face_recognition_models; the embedded default",
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        size_bytes=22_466_066,
        input_px=(150, 150),
        package="face_recognition_models",
    ),
    _face(
        "yunet",
        "face-finder",
        "face_detection_yunet_2023mar.onnx",
        "MIT",
        "small and fast",
        url=f"{OPENCV}/face_detection_yunet/face_detection_yunet_2023mar.onnx",
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        size_bytes=232_589,
        input_px=(640, 640),
    ),
    _face(
        "retinaface",
        "face-finder",
        "retinaface.onnx",
        "MIT",
        "finds small and turned faces; for a GPU",
        url=f"{DEEPFACE}/retinaface.onnx",
        input_px=(640, 640),
    ),
    _face(
        "sface",
        "face-embedder",
        "face_recognition_sface_2021dec.onnx",
        "Apache-2.0",
        "small; the licence allows any use",
        url=f"{OPENCV}/face_recognition_sface/face_recognition_sface_2021dec.onnx",
        sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        size_bytes=38_696_353,
    ),
    _face(
        "arcface",
        "face-embedder",
        "arcface_weights.onnx",
        "MIT",
        "trained on pictures that were licensed for research: ask counsel",
        url=f"{DEEPFACE}/arcface_weights.onnx",
    ),
    _face(
        "buffalo-l",
        "face-embedder",
        "webface_r50.onnx",
        "LicenseRef-InsightFace-non-commercial",
        "research only; needs the package insightface; the publisher has no address for single files: "
        "see deepface's Buffalo_L for where to get it",
    ),
)

CATALOG: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}

DETECTORS: dict[str, Entry] = {
    name: entry for name, entry in CATALOG.items() if entry.kind in ("embedded", "yolox-onnx", "torchvision")
}
"""Those that a camera may name as its detector."""
