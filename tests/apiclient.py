"""The API without Ray: an application over a real (embedded) Redis, called in process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import redis
from evidencestore import store_in
from fastapi import FastAPI

from flows.domain.events import EVIDENCE_STORED, Event
from flows.domain.people import Role
from flows.settings import Settings
from flows.store.results import ResultsStore
from serve.api.app import create_app
from serve.api.config import ApiConfig
from serve.api.devkey import sign
from serve.api.services import Services

PROBE_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
PLATE_KEY = "k1:" + "07" * 16
AT = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


def config_for(url: str, home: Path, **changes: Any) -> ApiConfig:
    """An installation's configuration, as if its environment said nothing."""
    env = {"DOME_HOME": str(home), "DOME_REDIS_URL": url, "DOME_PROBE_KEY": PROBE_KEY,
           "DOME_PLATE_KEY": PLATE_KEY}  # fmt: skip
    settings = Settings.from_env(env)
    values: dict[str, Any] = {"rate_hz": 10_000.0, "burst": 10_000, "refused_hz": 10_000.0, "refused": 10_000,
                              "webhook_hosts": ("127.0.0.1",)}  # fmt: skip
    return ApiConfig.from_env(url, settings, env={}).model_copy(update=values | changes)


def token(
    config: ApiConfig, *roles: Role, districts: Iterable[str] = ("esil",), sub: str = "aigul", **more: Any
) -> str:
    """A good token of the development key."""
    return sign(config.settings.home, config.oidc, sub=sub, roles=roles, districts=districts, **more)


def reusable() -> FastAPI:
    """An application that :func:`running` may start again and again: building its routes takes longer than a test."""
    anywhere = config_for("redis://127.0.0.1:9", Path("nowhere"))
    app = create_app(anywhere, lambda _: Services.open(app.state.config))
    return app


@asynccontextmanager
async def running(
    config: ApiConfig, app: FastAPI | None = None
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """The application, started, and a client without a token.

    Args:
        config: Of its services, which are its own; and of its routes, unless those are built already.
        app: A :func:`reusable` one.
    """
    app = app or create_app(config)
    app.state.config = config
    store_in(config.settings.evidence)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://dome") as client:
            yield app, client


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def speeding(
    n: int = 0, district: str = "esil", low_kmh: float = 85.0, camera: str = "", **data: Any
) -> Event:
    """A speeding violation, ``n`` minutes after :data:`AT`."""
    values: dict[str, Any] = {
        "rule": "speeding", "rule_version": "1", "article": "KoAP RK 592", "track": n, "cls": "car",
        "measured": {"speed": {"value": low_kmh + 1.5, "low": low_kmh, "high": low_kmh + 3, "unit": "km/h"}},
        "threshold": {"limit_kmh": 60.0, "tolerance_kmh": 10.0}, "moments": [], "trace": [[0.0, 1.0, 2.0]],
        "state": "stands", "profile": "kz@1",
    }  # fmt: skip
    at = AT + timedelta(minutes=n)
    kind = f"dome.violation.{data.get('rule', 'speeding')}.v1"
    return Event.of(
        kind, camera_id=camera or f"{district}-1", district=district, at=at, data=values | data, key=(n,)
    )


def stored(violation: Event, *files: str) -> Event:
    """Its package is stored."""
    data = {"violation": violation.id, "folder": f"x/{violation.id}", "files": list(files), "problems": []}
    return Event.of(
        EVIDENCE_STORED, camera_id=violation.camera_id, district=violation.subject, at=violation.time, data=data,
        key=(violation.id,),
    )  # fmt: skip


def write(url: str, *events: Event) -> None:
    store = ResultsStore(url)
    store.write(events)
    store.close()


def everything(url: str) -> str:
    """All that Redis holds: each key with what is in it."""
    held: Any = redis.Redis.from_url(url, decode_responses=True, encoding_errors="replace")
    read = {
        "string": held.get,
        "hash": held.hgetall,
        "list": lambda key: held.lrange(key, 0, -1),
        "set": held.smembers,
        "zset": lambda key: held.zrange(key, 0, -1, withscores=True),
        "stream": held.xrange,
    }
    return "\n".join(f"{key} {read[held.type(key)](key)}" for key in held.scan_iter())
