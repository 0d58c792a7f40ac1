"""A belt classifier behind Ray Serve: a thin shell round :mod:`models.belts`."""

from __future__ import annotations

from typing import cast

import numpy as np
from ray import serve

from flows.domain.belts import BeltAnswer, BeltLook, BeltReaderLike, BeltRequest
from flows.loading import made
from serve.deployments.engine import Engine
from serve.deployments.pictures import check_pictures


@serve.deployment
class BeltsDeployment:
    """Answers a :class:`BeltRequest`: the looks at one vehicle, voted on.

    Args:
        loader: ``module:function`` that makes the classifier.
    """

    def __init__(self, loader: str) -> None:
        self._reader = cast(BeltReaderLike, made(loader))
        self._engine = Engine("belts")

    async def look(self, request: BeltRequest) -> BeltAnswer:
        """Who wears a belt in the vehicle.

        Raises:
            ValueError: If a look is no picture, or there is none.
        """
        check_pictures("looks", [look.bgr for look in request.looks])
        if not request.looks:
            raise ValueError("looks: expected at least one, got none")
        return await self._engine.run(self._reader.look, request)

    async def check_health(self) -> None:
        """Serve calls it every few seconds and replaces a replica that hangs or fails on a blank picture."""
        blank = BeltLook(np.zeros((64, 64, 3), np.uint8), (0.0, 0.0, 64.0, 64.0))
        await self._engine.check(lambda: self._reader.look(BeltRequest((blank,))))
