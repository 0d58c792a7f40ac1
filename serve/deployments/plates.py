"""A plate reader behind Ray Serve: a thin shell round :mod:`models.plates`."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import cast

import numpy as np
from ray import serve

from flows.domain.plates import PlateAnswer, PlateReaderLike, PlateRequest
from serve.deployments.pictures import check_pictures


@serve.deployment
class PlatesDeployment:
    """Answers a :class:`PlateRequest`: the crops of one vehicle, voted on.

    Args:
        loader: ``module:function`` that makes the reader.
    """

    def __init__(self, loader: str) -> None:
        module, _, function = loader.partition(":")
        self._reader = cast(PlateReaderLike, getattr(import_module(module), function)())
        # One thread: the engines take one caller at a time, and the event loop stays free for health checks.
        self._engine = ThreadPoolExecutor(1, thread_name_prefix="plates")

    async def read(self, request: PlateRequest) -> PlateAnswer:
        """The vehicle's plate.

        Raises:
            ValueError: If a crop is no picture.
        """
        check_pictures("crops", request.crops)
        return await self._run(request)

    async def check_health(self) -> None:
        """Serve calls it every few seconds and replaces a replica that fails on a blank picture."""
        await self._run(PlateRequest((np.zeros((64, 64, 3), np.uint8),)))

    async def _run(self, request: PlateRequest) -> PlateAnswer:
        return await asyncio.get_running_loop().run_in_executor(self._engine, self._reader.read, request)
