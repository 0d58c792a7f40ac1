"""The API over an embedded Redis, and somebody who calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from apiclient import bearer, config_for, reusable, running, token, write
from fastapi import FastAPI

from flows.domain.events import Event
from flows.domain.people import Role
from serve.api.config import ApiConfig
from serve.api.middleware import COOKIE
from serve.api.provider import Tokens


@dataclass
class Api:
    """A running API and somebody who calls it."""

    config: ApiConfig
    app: FastAPI
    client: httpx.AsyncClient

    def write(self, *events: Event) -> None:
        write(self.config.redis_url, *events)

    def signed(self, *roles: Role, **more: Any) -> dict[str, str]:
        return bearer(token(self.config, *roles, **more))

    def session(self, *roles: Role, **more: Any) -> dict[str, str]:
        """The cookie of a browser in which somebody has signed in."""
        tokens = Tokens(access=token(self.config, *roles, **more))
        session, _ = self.app.state.services.sessions.begin(tokens)
        return {"Cookie": f"{COOKIE}={session}"}

    async def get(self, path: str, *roles: Role, headers: Any = None, **more: Any) -> httpx.Response:
        """Calls as a person of those roles (a reviewer of esil by default)."""
        own = self.signed(*(roles or ("reviewer",)), **more)
        return await self.client.get(f"/api/v1{path}", headers=own | (headers or {}))

    async def post(
        self, path: str, body: Any = None, *roles: Role, headers: Any = None, **more: Any
    ) -> httpx.Response:
        own = self.signed(*(roles or ("reviewer",)), **more)
        return await self.client.post(f"/api/v1{path}", json=body, headers=own | (headers or {}))


@pytest.fixture(scope="session")
def routes() -> FastAPI:
    return reusable()


@pytest.fixture
async def api(redis_url: str, tmp_path: Path, routes: FastAPI) -> AsyncIterator[Api]:
    config = config_for(redis_url, tmp_path)
    async with running(config, routes) as (app, client):
        yield Api(config, app, client)
