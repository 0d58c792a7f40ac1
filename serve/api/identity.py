"""Who a bearer token belongs to: signature, issuer, audience and time checked, roles and districts read."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import jwt
from pydantic import ValidationError

from flows.domain.errors import DomeError, StoreError
from flows.domain.people import ROLES, Person
from serve.api.config import OidcConfig
from serve.api.devkey import public_jwks

log = logging.getLogger(__name__)

ALGORITHMS: Final = frozenset({"ES256", "ES384", "RS256", "PS256", "EdDSA"})
"""Asymmetric ones: with a shared secret, whoever can check tokens could make them."""
REMEMBERED: Final = 4096
"""Tokens found good: checking a signature again for each request costs more than most answers."""
FETCH_S: Final = 5.0
FRESH_S: Final = 300.0
"""An issuer's keys are fetched again after that."""
AGAIN_S: Final = 10.0
"""Or after that, for a key unknown or because it failed: whoever guesses, or waits for an issuer, does not ask it."""


class Unknown(DomeError):
    """Nobody can be made of what came instead of a good token; says why, without the token."""

    code = "token"


class Keys(Protocol):
    """Public keys by id."""

    def key(self, kid: str) -> jwt.PyJWK:
        """The key.

        Raises:
            Unknown: If there is none of that id.
            StoreError: If that cannot be told now.
        """
        ...


class DevelopmentKeys:
    """The key of ``dome token``."""

    def __init__(self, home: Path) -> None:
        self._known = _by_id(public_jwks(home))

    def key(self, kid: str) -> jwt.PyJWK:
        return _in(self._known, kid)


class FileKeys:
    """A JWK set in a file, read again when it changes. While it cannot be read, the keys read last are good."""

    def __init__(self, path: Path) -> None:
        self._path, self._stamp = path, (0, 0)
        self._known: dict[str, jwt.PyJWK] = {}

    def key(self, kid: str) -> jwt.PyJWK:
        away = ""
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if stamp != self._stamp:
                self._known, self._stamp = _by_id(json.loads(self._path.read_text())), stamp
        except (OSError, ValueError, jwt.PyJWTError) as error:
            away = _away(error)
        return _in(self._known, kid, away)


class FetchedKeys:
    """A JWK set at an https address. While that is away, the keys that it gave last are good."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_S)
        self._clock, self._asked_s, self._away = clock, float("-inf"), ""
        self._known: dict[str, jwt.PyJWK] = {}
        self._lock = threading.Lock()

    def key(self, kid: str) -> jwt.PyJWK:
        # Whose key is known waits for nobody else's fetching.
        if self._lock.acquire(blocking=kid not in self._known):
            try:
                age_s = self._clock() - self._asked_s
                if age_s > (FRESH_S if kid in self._known and not self._away else AGAIN_S):
                    self._fetch()
            finally:
                self._lock.release()
        return _in(self._known, kid, self._away)

    def _fetch(self) -> None:
        self._asked_s = self._clock()
        try:
            self._known = {key.key_id: key for key in self._client.get_signing_keys() if key.key_id}
            self._away = ""
        except (OSError, ValueError, jwt.PyJWTError) as error:
            self._away = _away(error)


def keys_for(oidc: OidcConfig, home: Path) -> Keys:
    """The keys that a configuration names."""
    if not oidc.jwks:
        return DevelopmentKeys(home)
    return FetchedKeys(oidc.jwks) if oidc.jwks.startswith("https://") else FileKeys(Path(oidc.jwks))


class Identity:
    """Reads tokens. Safe to use from several threads.

    Args:
        oidc: Whose tokens are believed.
        keys: The issuer's.
        clock: Seconds since 1970.
    """

    def __init__(self, oidc: OidcConfig, keys: Keys, clock: Callable[[], float] = time.time) -> None:
        self._oidc, self._keys, self._clock = oidc, keys, clock
        self._known: OrderedDict[bytes, tuple[float, Person]] = OrderedDict()

    async def person(self, token: str) -> Person:
        """Whose token it is.

        Raises:
            Unknown: If it is not good, or not any more.
            StoreError: If that cannot be told now.
        """
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and self._clock() < known[0]:
            return known[1]
        until_s, person = await asyncio.to_thread(self.read, token)  # keys may have to be fetched
        self._known[digest] = until_s, person
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return person

    def good_until_s(self, token: str) -> float:
        """Until when a token that was found good is so, seconds since 1970; in the past for one that is not known."""
        known = self._known.get(hashlib.sha256(token.encode()).digest())
        return 0.0 if known is None else known[0]

    def knows(self, token: str) -> bool:
        """Whether a token was found good before, and still is: to say so costs nothing."""
        return self._clock() < self.good_until_s(token)

    def read(self, token: str) -> tuple[float, Person]:
        """Until when it is good (seconds since 1970, leeway included), and whose it is.

        Raises:
            Unknown: If it is not good.
            StoreError: If that cannot be told now.
        """
        claims = self.claims(token, self._oidc.audience)
        return self._until_s(claims), _person(claims)

    def claims(self, token: str, audience: str) -> dict[str, Any]:
        """What the issuer says in a token for some audience, if it holds now.

        Raises:
            Unknown: If it is not good.
            StoreError: If that cannot be told now.
        """
        try:
            key = self._keys.key(str(jwt.get_unverified_header(token).get("kid", "")))
            if key.algorithm_name not in ALGORITHMS:
                raise Unknown(f"tokens signed with {key.algorithm_name} are not believed")
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                [key.algorithm_name],
                audience=audience,
                issuer=self._oidc.issuer,
                leeway=self._oidc.leeway_s,
                options={"require": ["exp", "sub", "aud", "iss"], "verify_exp": False, "verify_nbf": False,
                         "verify_iat": False},
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise Unknown(str(error)) from None
        self._until_s(claims)
        return claims

    def _until_s(self, claims: dict[str, Any]) -> float:
        """Times are checked against our own clock, which tests can set."""
        now_s, leeway_s = self._clock(), self._oidc.leeway_s
        try:
            until_s = float(claims["exp"]) + leeway_s
            starts_s = max(float(claims.get(name) or 0) for name in ("nbf", "iat")) - leeway_s
        except (TypeError, ValueError):
            raise Unknown("a time in the token is no number") from None
        if now_s >= until_s:
            raise Unknown("the token has expired")
        if now_s < starts_s:
            raise Unknown("the token is not valid yet")
        return until_s


def _person(claims: dict[str, Any]) -> Person:
    """Roles of other services in the same token are none of ours. One spelling of a login is one person."""
    try:
        roles = frozenset(role for role in _texts(claims, "roles") if role in ROLES)
        sub = str(claims["sub"]).lower()
        return Person(
            sub=sub, name=str(claims.get("name") or sub)[:120], roles=roles,
            districts=frozenset(_texts(claims, "districts")),
        )  # fmt: skip
    except ValidationError as error:
        raise Unknown(f"claims: {error.errors(include_url=False)[0]['msg']}") from None


def _texts(claims: dict[str, Any], name: str) -> list[Any]:
    value = claims.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Unknown(f"{name}: expected a list of texts")
    return value


def _by_id(jwks: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    return {key.key_id: key for key in jwt.PyJWKSet.from_dict(jwks).keys if key.key_id}


def _in(known: Mapping[str, jwt.PyJWK], kid: str, away: str = "") -> jwt.PyJWK:
    """The key of an id; of one that is not known, while its issuer is away, nobody can say that it is none."""
    if kid in known:
        return known[kid]
    raise StoreError(away) if away else Unknown(f"no key {kid!r} of the issuer")


def _away(error: Exception) -> str:
    log.warning("the issuer's keys cannot be had: %s", error)
    return f"the issuer's keys cannot be had: {type(error).__name__}"
