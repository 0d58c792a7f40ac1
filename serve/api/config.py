"""Settings of the API, from the environment, read once by whoever starts it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from flows.domain.errors import FieldError
from flows.settings import Settings


class OidcConfig(BaseModel):
    """Whose tokens are believed.

    Attributes:
        issuer: ``DOME_OIDC_ISSUER``: must equal the token's ``iss``.
        audience: ``DOME_OIDC_AUDIENCE``: must be in the token's ``aud``.
        jwks: ``DOME_OIDC_JWKS``: file or https address of the issuer's public keys (RFC 7517). Empty: only the
            development key below ``DOME_HOME`` is believed, with which ``dome token`` signs.
        leeway_s: ``DOME_OIDC_LEEWAY_S``: how far the issuer's clock may be off.
        client: ``DOME_OIDC_CLIENT``: what the issuer knows the console as; then people sign in there. Empty: they paste
            a token.
        client_secret: ``DOME_OIDC_CLIENT_SECRET``: the client's secret; empty for one that has none.
        scope: ``DOME_OIDC_SCOPE``: what the console asks for. Its access token must be one that is believed here; some
            issuers give a refresh token only for ``offline_access``.
    """

    model_config = ConfigDict(frozen=True)

    issuer: str = "dome-development"
    audience: str = "dome"
    jwks: str = ""
    leeway_s: float = Field(default=30.0, ge=0, le=300)
    client: str = ""
    client_secret: SecretStr = SecretStr("")
    scope: str = "openid profile"


class ApiConfig(BaseModel):
    """What an API replica needs to know. Picklable: the deployment gets it as an argument.

    Attributes:
        settings: Of the installation.
        redis_url: Where results are.
        oidc: Whose tokens are believed.
        rate_hz: ``DOME_API_RATE_HZ``: requests a second that one client may make for long, in each replica. A
            console page makes about ten at once, then one every few seconds.
        burst: ``DOME_API_BURST``: and how many at once.
        channel_rate_hz: ``DOME_API_CHANNEL_RATE_HZ``: the same for a channel of citizens' reports.
        refused_hz: ``DOME_API_REFUSED_HZ``: bad tokens and signatures a second from one address (of IPv6 one
            network of 64 bits) for long, in each replica; who has used them up waits, but for those whose token is
            known. Behind a proxy on another machine its address must be in ``FORWARDED_ALLOW_IPS``, or all share one.
        refused: ``DOME_API_REFUSED``: and how many at once: a control centre's tokens may end together.
        channels: ``DOME_CHANNELS``: file of channels and their keys; below ``DOME_HOME`` by default.
        timezone: ``DOME_TIMEZONE``: IANA zone in which a photo's clock that names none is read.
        body_bytes: Longest request body where a route says nothing else.
        listeners: Most live event streams in a replica.
        replicas: ``DOME_API_REPLICAS``: kept running. One serves a district's control centre; with two nobody waits
            while one that died is replaced.
        proceedings: ``DOME_PROCEEDINGS``: folder or https address that takes what is issued; empty keeps it waiting.
        proceedings_key: ``DOME_PROCEEDINGS_KEY``: what filings to an address are signed with.
        webhook_hosts: ``DOME_WEBHOOK_HOSTS``: hosts that webhooks may be at, with commas between.
        jurisdiction: ``DOME_JURISDICTION``: profile under which search cases are made.
        detector: ``DOME_API_DETECTOR``: detector behind ``/models/detect``; looks at citizens' photos and clips, too.
        faces: ``DOME_API_FACES``: models that check photos of search cases.
    """

    model_config = ConfigDict(frozen=True)

    settings: Settings
    redis_url: str
    oidc: OidcConfig = OidcConfig()
    rate_hz: float = Field(default=20.0, gt=0)
    burst: int = Field(default=100, ge=1)
    channel_rate_hz: float = Field(default=200.0, gt=0)
    refused_hz: float = Field(default=1.0, gt=0)
    refused: int = Field(default=60, ge=1)
    channels: Path | None = None
    timezone: str = "Asia/Almaty"
    body_bytes: int = Field(default=256 * 1024, ge=1024)
    listeners: int = Field(default=500, ge=1)
    replicas: int = Field(default=1, ge=1, le=100)
    proceedings: str = ""
    proceedings_key: SecretStr = SecretStr("")
    webhook_hosts: tuple[str, ...] = ()
    jurisdiction: str = "kz"
    detector: str = "embedded"
    faces: str = "dlib"

    @property
    def channels_path(self) -> Path:
        """Where channels and their keys are."""
        return self.channels or self.settings.home / "keys" / "channels.json"

    @classmethod
    def from_env(
        cls, redis_url: str, settings: Settings | None = None, env: Mapping[str, str] | None = None
    ) -> Self:
        """Reads the environment.

        Raises:
            FieldError: If a value has the wrong form.
        """
        env = os.environ if env is None else env
        jwks = env.get("DOME_OIDC_JWKS", "")
        if jwks.startswith("http:"):
            raise FieldError(
                "DOME_OIDC_JWKS", "a file or an https address", jwks, "keys need a safe way here"
            )
        oidc: dict[str, object] = {"jwks": jwks}
        for name in ("issuer", "audience", "client", "client_secret", "scope"):
            if value := env.get(f"DOME_OIDC_{name.upper()}"):
                oidc[name] = value
        if jwks and "issuer" not in oidc:
            raise FieldError("DOME_OIDC_ISSUER", "the issuer whose keys DOME_OIDC_JWKS holds", "nothing")
        _check_sign_in(oidc)
        if value := env.get("DOME_OIDC_LEEWAY_S"):
            oidc["leeway_s"] = _number("DOME_OIDC_LEEWAY_S", value)
        more: dict[str, object] = {}
        rates = ("rate_hz", "burst", "channel_rate_hz", "refused_hz", "refused")
        for field, name in ((field, f"DOME_API_{field.upper()}") for field in rates):
            if value := env.get(name):
                more[field] = _number(name, value)
        if value := env.get("DOME_API_REPLICAS"):
            if not value.isdecimal() or not 1 <= int(value) <= 100:
                raise FieldError("DOME_API_REPLICAS", "a whole number from 1 to 100", repr(value))
            more["replicas"] = int(value)
        for field in ("proceedings", "proceedings_key", "jurisdiction"):
            if value := env.get(f"DOME_{field.upper()}"):
                more[field] = value
        for field in ("detector", "faces"):
            if value := env.get(f"DOME_API_{field.upper()}"):
                more[field] = value
        if value := env.get("DOME_CHANNELS"):
            more["channels"] = Path(value).absolute()
        if value := env.get("DOME_TIMEZONE"):
            if value not in available_timezones():
                raise FieldError("DOME_TIMEZONE", "an IANA zone such as Asia/Almaty", repr(value))
            more["timezone"] = value
        hosts = env.get("DOME_WEBHOOK_HOSTS", "").split(",")
        more["webhook_hosts"] = tuple(host.strip() for host in hosts if host.strip())
        return cls.model_validate(
            {"settings": settings or Settings.from_env(env), "redis_url": redis_url, "oidc": oidc, **more}
        )


def _check_sign_in(oidc: Mapping[str, object]) -> None:
    """What signing in at the issuer needs besides its client.

    Raises:
        FieldError: If something of it is missing.
    """
    if "client" not in oidc:
        for name in ("client_secret", "scope"):
            if name in oidc:
                wanted = f"the client that DOME_OIDC_{name.upper()} is of"
                raise FieldError("DOME_OIDC_CLIENT", wanted, "nothing")
        return
    if not oidc["jwks"]:
        raise FieldError("DOME_OIDC_JWKS", "the keys of the issuer at which people sign in", "nothing")
    issuer = str(oidc["issuer"])
    if not issuer.startswith("https://"):
        hint = "people sign in there: its settings are read below that address"
        raise FieldError("DOME_OIDC_ISSUER", "an https address", issuer, hint)
    if "openid" not in str(oidc.get("scope", "openid")).split():
        raise FieldError("DOME_OIDC_SCOPE", "openid among them", repr(oidc["scope"]))


def _number(name: str, text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 < found < 1e6:
        raise FieldError(name, "a number above 0", repr(text))
    return found
