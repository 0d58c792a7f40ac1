"""The application: routes, what they pass through, and the services behind them. No Ray here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from serve.api.access import anybody, authorised, public_paths, table
from serve.api.config import ApiConfig
from serve.api.idempotency import Idempotency
from serve.api.middleware import Authentication, RateLimit, SecurityHeaders, Unforeseen
from serve.api.problems import add_handlers, described
from serve.api.routes import routers
from serve.api.routes.open311 import FORM_BYTES
from serve.api.services import Services
from serve.console.routes import router as console

PREFIX: Final = "/api/v1"
REPEATABLE_BYTES: Final = FORM_BYTES
"""Longest body of a write with an idempotency key: as long as any route takes; their own limits hold all the same."""
DESCRIPTION: Final = (
    "Violations, alerts, search cases and evidence of Digital Dome. Send `Authorization: Bearer TOKEN`; what you see "
    "is bound to the districts in the token. Errors are problem details (RFC 9457). Writes take an `Idempotency-Key`."
)


def create_app(config: ApiConfig, open: Callable[[ApiConfig], Services] = Services.open) -> FastAPI:
    """The whole API as one ASGI application.

    Args:
        config: Of the API.
        open: Opens the services when the application starts.

    Raises:
        TypeError: If a route does not say who may call it.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services = open(config)
        app.state.services = services
        await services.start()
        try:
            yield
        finally:
            await services.close()

    app = FastAPI(
        title="Digital Dome",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    for router in routers():
        app.include_router(
            router,
            prefix=PREFIX,
            max_body_size=config.body_bytes,
            dependencies=[Depends(authorised)],
            responses=described(401, 403, 422, 429, 503),
        )
    app.include_router(console, max_body_size=config.body_bytes, dependencies=[Depends(authorised)])
    _serve_openapi(app)
    add_handlers(app)
    # The last one added comes first.
    app.add_middleware(Idempotency, answers=lambda: app.state.services.answers, most=REPEATABLE_BYTES)
    app.add_middleware(
        RateLimit, rate_hz=config.rate_hz, burst=config.burst, channel_rate_hz=config.channel_rate_hz
    )
    app.add_middleware(
        Authentication,
        identity=lambda: app.state.services.identity,
        sessions=lambda: app.state.services.sessions,
        signatures=lambda: app.state.services.signatures,
        public=public_paths(table(app)),
        refused_hz=config.refused_hz,
        refused=config.refused,
    )
    app.add_middleware(Unforeseen)
    app.add_middleware(SecurityHeaders)
    return app


def _serve_openapi(app: FastAPI) -> None:
    @app.get(f"{PREFIX}/openapi.json", include_in_schema=False, dependencies=[Depends(authorised)])
    @anybody()
    async def openapi() -> dict[str, Any]:
        return app.openapi()

    def described_whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            schema.setdefault("components", {})["securitySchemes"] = {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            }
            schema["security"] = [{"token": []}]
            schema["paths"][f"{PREFIX}/health"]["get"]["security"] = []
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = described_whole  # type: ignore[method-assign]


def _operation_id(route: APIRoute) -> str:
    return f"{(route.tags or ['api'])[0]}-{route.name}"
