"""``dome api``: the API on Ray Serve, on this installation's Redis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.doors import doors
from cluster.cli.shell import stderr

if TYPE_CHECKING:
    from flows.settings import Settings


def api(
    host: Annotated[
        str, typer.Option(metavar="HOST", help="Where it listens; put a proxy with TLS before anything else.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its port.")] = 8000,
    openapi: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write the API's description and end.")
    ] = None,
) -> None:
    """Serve the console and the API: violations, review, live alerts, cases, models.

    Uses DOME_REDIS_URL, else the embedded Redis below DOME_HOME, also beside a running `dome run` (whose models
    it reaches only when that was started with --api). DOME_API_REPLICAS says how many answer: with 2, nobody waits
    while one is replaced. Tokens are believed from DOME_OIDC_ISSUER with its keys in DOME_OIDC_JWKS (a file or an https
    address), else those that `dome token` signs; then DOME_HOME/sign-in.html, its owner's alone, has links that sign in
    while it runs. Ctrl-C ends it.

    With DOME_OIDC_CLIENT people sign in at the issuer, which knows the console by that id; without it they paste a
    token. DOME_OIDC_CLIENT_SECRET is for a client that has one, DOME_OIDC_SCOPE is what the console asks for ("openid
    profile"). The issuer must let people come back to /console/callback and, when they have signed out, to /console.

    DOME_OIDC_AUDIENCE and DOME_OIDC_LEEWAY_S say what else holds for tokens. DOME_API_DETECTOR looks at citizens'
    photos and clips, DOME_API_FACES checks photos of search cases, under the law of DOME_JURISDICTION. DOME_CHANNELS
    is the file of the apps' keys, DOME_TIMEZONE the zone of photos that name none. What is issued goes to
    DOME_PROCEEDINGS (a folder or an https address), signed with DOME_PROCEEDINGS_KEY; webhooks may be at
    DOME_WEBHOOK_HOSTS alone.

    Requests a second and at once: DOME_API_RATE_HZ and DOME_API_BURST of one client, DOME_API_CHANNEL_RATE_HZ of an
    app, DOME_API_REFUSED_HZ and DOME_API_REFUSED of bad tokens from one address.
    """
    from flows.settings import Settings
    from flows.store.redis_server import redis_beside

    settings = Settings.from_env()
    if openapi is not None:
        _describe(settings, openapi)
        return
    with redis_beside(settings) as url:
        serve_console(settings, url, host, port)


def serve_console(settings: Settings, url: str, host: str, port: int) -> None:
    """Serves the API and the console until Ctrl-C, and says where people sign in."""
    from cluster.session import ray_for, stopped_by_signal
    from flows.store.mounting import ready_evidence
    from serve.api.config import ApiConfig
    from serve.app import ApiArgs, ensure_api, start_serve

    config = ApiConfig.from_env(url, settings)
    ready_evidence(url, settings.evidence)
    with ray_for(), stopped_by_signal() as stop:
        start_serve((host, port))
        ensure_api(ApiArgs(config=config))
        with doors(config, f"http://{host}:{port}") as lines:
            for line in lines:
                stderr().print(line, soft_wrap=True, highlight=False)
            stop.wait()


def _describe(settings: Settings, path: Path) -> None:
    import json

    from serve.api.app import create_app
    from serve.api.config import ApiConfig

    app = create_app(ApiConfig.from_env("unix:///nowhere", settings))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
