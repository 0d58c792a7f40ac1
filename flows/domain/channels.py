"""Channels: apps of the government or a bank that send citizens' reports, each request signed with a shared key.

A request carries ``X-Dome-Channel``, ``X-Dome-Timestamp`` (seconds since 1970), ``X-Dome-Nonce`` and
``X-Dome-Signature``::

    v1=hex(HMAC-SHA256(key, "v1\\n" timestamp "\\n" nonce "\\n" METHOD "\\n" path?query "\\n" hex(SHA-256(body))))

The clock window bounds how long a nonce must be remembered; a nonce that was seen is refused. Pure but for the memory
of nonces, which is handed in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from flows.domain.errors import DomeError

WINDOW_S: Final = 300
"""Clocks of servers are within seconds; a request may wait in a queue for a minute or two."""
LEAST_KEY: Final = 32
_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
HEADERS: Final = ("x-dome-channel", "x-dome-timestamp", "x-dome-nonce", "x-dome-signature")

ChannelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""It is part of a login."""
Unseen = Callable[[str, int], bool]
"""Remembers a nonce for so many seconds; False if it was known already."""


class SignatureRefused(DomeError):
    """A request that a channel did not sign so; says why without the key."""


class Channel(BaseModel):
    """One channel.

    Attributes:
        name: As tokens, receipts and reports name it.
        keys: Shared keys, newest first; two while one is being replaced.
    """

    model_config = ConfigDict(frozen=True)

    name: ChannelName
    keys: tuple[SecretStr, ...]

    @field_validator("keys")
    @classmethod
    def _long_enough(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not value or any(len(key.get_secret_value()) < LEAST_KEY for key in value):
            raise ValueError(f"expected one or two keys of at least {LEAST_KEY} letters")
        return value


def signature(key: str, timestamp: int, nonce: str, method: str, target: str, body: bytes) -> str:
    """What ``X-Dome-Signature`` must say.

    Args:
        key: The channel's.
        timestamp: Seconds since 1970.
        nonce: Another one for each request.
        method: HTTP method.
        target: Path, with its query if any, as sent.
        body: As sent.
    """
    digest = hashlib.sha256(body).hexdigest()
    text = "\n".join(("v1", str(timestamp), nonce, method.upper(), target, digest))
    return "v1=" + hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def check_head(headers: Mapping[str, str], now_s: float) -> None:
    """What can be said of a request before its body was read: whoever sends nonsense is not listened to for long.

    Raises:
        SignatureRefused: If its headers are none, or its clock is off.
    """
    _, stamp, nonce, _ = (headers.get(header, "") for header in HEADERS)
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12 or not _NONCE.fullmatch(nonce):
        raise SignatureRefused(
            f"expected {', '.join(HEADERS)}: seconds since 1970, and 16 to 64 letters and digits"
        )
    if abs(now_s - int(stamp)) > WINDOW_S:
        raise SignatureRefused(
            f"its timestamp is more than {WINDOW_S} s off: see whether your clock is right"
        )


def check(
    headers: Mapping[str, str],
    method: str,
    target: str,
    body: bytes,
    channels: Mapping[str, Channel],
    now_s: float,
    unseen: Unseen,
) -> Channel:
    """The channel that signed a request.

    Args:
        headers: Of the request, names in lower case.
        method: HTTP method.
        target: Path, with its query if any.
        body: Whole.
        channels: All there are, by name.
        now_s: Seconds since 1970.
        unseen: The memory of nonces, asked last: only a good signature may fill it.

    Raises:
        SignatureRefused: If it was not signed so, not now, or not for the first time.
    """
    check_head(headers, now_s)
    name, stamp, nonce, given = (headers.get(header, "") for header in HEADERS)
    channel = channels.get(name)
    keys = channel.keys if channel is not None else (SecretStr("-" * LEAST_KEY),)
    wanted = [signature(k.get_secret_value(), int(stamp), nonce, method, target, body) for k in keys]
    # Every comparison is made, and takes as long for an unknown channel.
    right = [hmac.compare_digest(each.encode(), given.encode()) for each in wanted]
    if channel is None or not any(right):
        raise SignatureRefused("its signature is not this channel's")
    if not unseen(f"{name}:{nonce}", 2 * WINDOW_S):
        raise SignatureRefused("its nonce was used before: a request that is sent again needs a new one")
    return channel
