"""The API behind Ray Serve: a thin shell round :mod:`serve.api.app`."""

from __future__ import annotations

from fastapi import FastAPI
from ray import serve

from serve.api.app import create_app
from serve.api.config import ApiConfig


@serve.deployment
@serve.ingress()
class ApiDeployment:
    """Answers HTTP. Any replica can answer anything: what lasts is in Redis.

    Args:
        config: Of the API.
    """

    def __init__(self, config: ApiConfig) -> None:
        self._config = config

    def __serve_build_asgi_app__(self) -> FastAPI:
        return create_app(self._config)
