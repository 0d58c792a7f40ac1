"""``dome token``: a token for development, signed with this installation's own key."""

from __future__ import annotations

from typing import Annotated

import typer


def token(
    role: Annotated[
        list[str],
        typer.Option(
            metavar="ROLE",
            help="operator, reviewer, authoriser, patrol, analyst, auditor, administrator, channel; repeatable.",
        ),
    ],
    district: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A district; repeatable. * is all (the default).")
    ] = None,
    sub: Annotated[str, typer.Option(metavar="LOGIN", help="Whose it is.")] = "developer",
    hours: Annotated[float, typer.Option(help="How long it is good.")] = 8.0,
) -> None:
    """Sign a token for the API of this DOME_HOME, for development.

    The key is made on first use below DOME_HOME/keys, for its owner only. An API that knows an identity provider
    (DOME_OIDC_JWKS) does not believe it.
    """
    from datetime import timedelta

    from flows.settings import Settings
    from serve.api.config import ApiConfig
    from serve.api.devkey import sign

    settings = Settings.from_env()
    config = ApiConfig.from_env("unix:///nowhere", settings)
    typer.echo(
        sign(
            settings.home,
            config.oidc,
            sub=sub,
            roles=role,
            districts=district or ["*"],
            valid=timedelta(hours=hours),
        )
    )
