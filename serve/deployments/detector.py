"""A detector behind Ray Serve: a thin shell round a back end of ``models``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from ray import serve

from flows.domain.detections import Detections
from flows.domain.inference import DetectorLike, DetectorSpec, DetectRequest, detect_at_full_size
from flows.loading import made
from flows.settings import Settings
from serve.deployments.engine import HUNG_S, Engine


class Batching(BaseModel):
    """Joining requests of several cameras into one run; may be changed while running (``user_config``).

    Attributes:
        requests: Most requests in a run. 1 on CPU, where a batched ONNX session gains nothing; on a GPU as
            many as keep it busy.
        wait_s: How long the first request of a run waits for others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: int = Field(default=1, ge=1, le=64)
    wait_s: float = Field(default=0.005, ge=0, le=1)


@serve.deployment
class DetectorDeployment:
    """Answers :class:`DetectRequest` with detections in full-resolution pixels.

    Args:
        name: Name in the weights registry.
        settings: Where weights lie.
        loader: ``module:function`` that makes the detector from a name and the settings.
        hung_s: A run that takes longer will never end.
    """

    def __init__(self, name: str, settings: Settings, loader: str, hung_s: float = HUNG_S) -> None:
        self._detector = cast(DetectorLike, made(loader, name, settings))
        self._engine = Engine("detector", hung_s)
        self._batching = Batching()

    def reconfigure(self, user_config: dict[str, object]) -> None:
        """Serve calls it at the start and whenever ``user_config`` changes, without a restart."""
        self._batching = Batching.model_validate(user_config)
        together: Any = self._together  # the decorator adds the setters
        together.set_max_batch_size(self._batching.requests)
        together.set_batch_wait_timeout_s(self._batching.wait_s)

    def spec(self) -> DetectorSpec:
        """What a camera must know: input size, class names, version."""
        return self._detector.spec

    async def detect(self, request: DetectRequest) -> list[Detections]:
        """Detections of each picture of the request, in full-resolution pixels.

        Raises:
            ValueError: If the request has the wrong form.
        """
        if self._batching.requests == 1:
            return (await self._run([request]))[0]
        return await self._together(request)

    async def check_health(self) -> None:
        """Serve calls it every few seconds and replaces a replica that hangs or fails on a blank picture."""
        width_px, height_px = self._detector.spec.input_px
        blank = DetectRequest(np.zeros((1, height_px, width_px, 3), np.uint8), (width_px, height_px))
        await self._engine.check(lambda: detect_at_full_size(self._detector, [blank]))

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.005)
    async def _together(self, requests: list[DetectRequest]) -> list[list[Detections]]:
        return await self._run(requests)

    async def _run(self, requests: Sequence[DetectRequest]) -> list[list[Detections]]:
        return await self._engine.run(detect_at_full_size, self._detector, requests)
