"""Tokens for development: a key made on first use below ``DOME_HOME``, and what it signs.

Whoever can read the key can be anybody, so it is believed only where no issuer's keys are configured.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from flows.domain.errors import FieldError
from flows.domain.people import ROLES
from flows.ownfile import write_own
from serve.api.config import OidcConfig

ALGORITHM: Final = "ES256"
LONGEST: Final = timedelta(days=30)


def key_path(home: Path) -> Path:
    """Where the private key lies."""
    return home / "keys" / "token-development.jwk"


def private_jwk(home: Path) -> dict[str, Any]:
    """The development key, made if there is none; only its owner may read it.

    Raises:
        FieldError: If the file is there but is no key, or others may read it.
    """
    path = key_path(home)
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise FieldError(str(path), "a key that only its owner can read", "wider rights", f"chmod 600 {path}")
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        jwt.PyJWK(found, ALGORITHM)
    except (ValueError, KeyError, jwt.PyJWTError) as error:
        raise FieldError(str(path), "a private key as JWK", str(error), "remove it to have another") from None
    return found


def public_jwks(home: Path) -> dict[str, Any]:
    """The key's public half as a JWK set."""
    return {"keys": [{k: v for k, v in private_jwk(home).items() if k != "d"}]}


def sign(
    home: Path,
    oidc: OidcConfig,
    *,
    sub: str,
    roles: Iterable[str],
    districts: Iterable[str],
    name: str = "",
    valid: timedelta = timedelta(hours=8),
    now: datetime | None = None,
) -> str:
    """A token as an identity provider would give it.

    Raises:
        FieldError: If a role is none, or it would be valid for too long.
    """
    held, places = sorted(set(roles)), sorted(set(districts))
    unknown = [role for role in held if role not in ROLES]
    if unknown or not held:
        raise FieldError("role", f"some of {', '.join(ROLES)}", ", ".join(unknown) or "none")
    if not timedelta(0) < valid <= LONGEST:
        raise FieldError("hours", f"more than 0, at most {LONGEST.days * 24}", valid.total_seconds() / 3600)
    now = now or datetime.now(UTC)
    key = jwt.PyJWK(private_jwk(home), ALGORITHM)
    claims = {"iss": oidc.issuer, "aud": oidc.audience, "sub": sub, "name": name or sub, "iat": now,
              "exp": now + valid, "roles": held, "districts": places}  # fmt: skip
    return jwt.encode(claims, key.key, ALGORITHM, headers={"kid": key.key_id})


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(key, as_dict=True)
    text = json.dumps({**jwk, "alg": ALGORITHM, "use": "sig", "kid": f"development-{os.urandom(4).hex()}"})
    write_own(path, text.encode(), first=True)
