"""A plate reader behind Ray Serve: a thin shell round :mod:`models.plates`."""

from __future__ import annotations

from typing import cast

import numpy as np
from ray import serve

from flows.domain.plates import PlateAnswer, PlateReaderLike, PlateRequest
from flows.loading import made
from serve.deployments.engine import Engine
from serve.deployments.pictures import check_pictures


@serve.deployment
class PlatesDeployment:
    """Answers a :class:`PlateRequest`: the crops of one vehicle, voted on.

    Args:
        loader: ``module:function`` that makes the reader.
    """

    def __init__(self, loader: str) -> None:
        self._reader = cast(PlateReaderLike, made(loader))
        self._engine = Engine("plates")

    async def read(self, request: PlateRequest) -> PlateAnswer:
        """The vehicle's plate.

        Raises:
            ValueError: If a crop is no picture.
        """
        check_pictures("crops", request.crops)
        return await self._engine.run(self._reader.read, request)

    async def check_health(self) -> None:
        """Serve calls it every few seconds and replaces a replica that hangs or fails on a blank picture."""
        blank = PlateRequest((np.zeros((64, 64, 3), np.uint8),))
        await self._engine.check(lambda: self._reader.read(blank))
