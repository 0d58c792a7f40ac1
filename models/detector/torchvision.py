"""torchvision's COCO detectors: for a GPU, or by choice on CPU. torch is imported when one is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flows.domain.detections import Detections
from flows.domain.errors import WeightsError
from flows.domain.inference import DetectorSpec
from models.detector.base import MIN_SCORE, Image, check_picture


class TorchvisionDetector:
    """A detector of ``torchvision.models.detection`` with weights from our registry only.

    On a GPU the backbone runs in bfloat16 and channels_last; boxes are decoded in float32, since bfloat16 would
    round a coordinate of 800 px to 4 px. Nothing is compiled: on an H200 ``torch.compile`` made runs of 32 pictures
    3 % faster, and a replica's first run last 15 to 56 s, for which Serve would take it for dead. float16 loses what
    is small, and heads in halves were no faster.

    Args:
        path: A state dict as torchvision publishes it.
        name: Name in the weights registry: the builder's name with dashes.
        version: sha256 of the file.
        input_px: Width and height that pictures should fit in.
        threads: Threads of one run on CPU.
        min_score: Boxes below it are not reported.
        sure_score: See :class:`flows.domain.inference.DetectorSpec`.

    Raises:
        WeightsError: If the file does not fit the network.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        version: str,
        input_px: tuple[int, int],
        threads: int = 1,
        min_score: float = MIN_SCORE,
        sure_score: float = 0.6,
    ) -> None:
        import torch

        torch.set_num_threads(threads)
        builder = name.replace("-", "_")
        self._torch = torch
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = _build(builder, path, input_px).to(self._device).eval()
        if self._device.type == "cuda":
            self._model.backbone = _bf16(self._model.backbone)
        self._spec = DetectorSpec(name, input_px, _names(builder), version, sure_score)
        self._min_score = min_score

    @property
    def spec(self) -> DetectorSpec:
        """Name, input size, classes and version."""
        return self._spec

    @property
    def min_score(self) -> float:
        """Boxes below it are not reported."""
        return self._min_score

    def detect(self, pictures: Sequence[Image]) -> list[Detections]:
        """See :class:`models.detector.base.Detector`; all pictures run as one batch."""
        for picture in pictures:
            check_picture(picture)
        if not pictures:
            return []
        with self._torch.inference_mode():
            found = self._model([self._tensor(picture) for picture in pictures])
        return [self._detections(rows, p) for rows, p in zip(found, pictures, strict=True)]

    def _tensor(self, picture: Image) -> Any:
        """``(3, h, w)`` float32 RGB, 0 to 1, on the device."""
        # Turned to RGB over there: here it took longer than the network. A copy: the object store's are read-only.
        pixels = self._torch.from_numpy(np.array(picture)).to(self._device)
        return pixels.permute(2, 0, 1).flip(0).float().div_(255)

    def _detections(self, rows: dict[str, Any], picture: Image) -> Detections:
        score = rows["scores"].float().cpu().numpy()
        keep = score >= self._min_score
        xyxy = rows["boxes"].float().cpu().numpy()[keep]
        label = rows["labels"].cpu().numpy().astype(np.int32)[keep]
        height, width = picture.shape[:2]
        xyxy = np.clip(xyxy, 0, np.array([width, height] * 2, np.float32))
        order = np.argsort(-score[keep], kind="stable")
        return Detections(xyxy, score[keep].astype(np.float32), label, self._spec.names)[order]


def _build(builder: str, path: Path, input_px: tuple[int, int]) -> Any:
    """The network with the file's weights, its own resizing set to leave fitted pictures as they are."""
    import torch
    from torchvision.models import get_model

    sizes = {} if builder.startswith("ssd") else {"min_size": max(input_px), "max_size": max(input_px)}
    model = get_model(builder, weights=None, weights_backbone=None, num_classes=91, **sizes)
    try:
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, OSError, ValueError, EOFError) as error:
        raise WeightsError(f"{path}: expected the state dict of {builder}, torch says: {error}") from error
    return model


def _names(builder: str) -> tuple[str, ...]:
    from torchvision.models import get_model_weights

    return tuple(get_model_weights(builder).DEFAULT.meta["categories"])


def _bf16(backbone: Any) -> Any:
    """The backbone in bfloat16 and channels_last, with float32 in and out."""
    import torch

    class Bf16(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out_channels = getattr(backbone, "out_channels", 0)
            self.inner = backbone.to(memory_format=torch.channels_last)

        def forward(self, pictures: Any) -> Any:
            pictures = pictures.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cuda", dtype=torch.bfloat16):
                features = self.inner(pictures)
            if isinstance(features, torch.Tensor):
                return features.float()
            return type(features)((key, value.float()) for key, value in features.items())

    return Bf16()
