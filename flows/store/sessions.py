"""Sessions of the console: what a browser's cookie stands for, for as long as it does.

The cookie is a random id. Redis knows it by a hash and holds the session's tokens sealed with a key made from the id:
who reads Redis, or a copy of its disk, can be nobody; and ended once is ended in every replica.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any, Final

import redis

from flows.domain.errors import Unopened
from flows.store import keys
from flows.store.connection import client, told
from flows.store.vault import Vault

ID_BYTES: Final = 32
REST_S: Final = 15
"""A turn that came to nothing (an issuer is away, a process died, Redis was lost) keeps others away for so long: a
token is renewed early enough for some of them."""
TURN_S: Final = 120
"""How long one process may be asking an issuer for a session's tokens. Longer than all that it may wait for, about 110
s: an issuer's settings and its answer (each has 5 s to connect, for a place, to send and to answer), its keys,
another's fetching of either, and Redis (20 s to write what came)."""

_END: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


class SessionStore:
    """Sessions in Redis.

    Args:
        url: Of Redis.
    """

    def __init__(self, url: str) -> None:
        self._client: redis.Redis = client(url, 3.0)
        self._end_turn: Any = self._client.register_script(_END)

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()

    def begin(self, held: str, lasts_s: int) -> str:
        """A new session that holds something; its id, which is kept nowhere here.

        Raises:
            StoreError: If Redis is away.
        """
        session = secrets.token_urlsafe(ID_BYTES)
        with told("begin a session", "Redis"):
            self._client.set(_key(session), _sealed(session, held), ex=lasts_s)
        return session

    def read(self, session: str) -> str | None:
        """What a session holds; None if there is none, or none any more.

        Raises:
            StoreError: If Redis is away.
        """
        with told("read a session", "Redis"):
            return _opened(session, self._client.get(_key(session)))

    def change(self, session: str, held: str) -> bool:
        """Has it hold something else until its old end; False if it has ended meanwhile, and then it stays so.

        Raises:
            StoreError: If Redis is away.
        """
        with told("renew a session", "Redis"):
            return bool(self._client.set(_key(session), _sealed(session, held), xx=True, keepttl=True))

    def end(self, session: str) -> str | None:
        """Ends it; what it held.

        Raises:
            StoreError: If Redis is away.
        """
        with told("end a session", "Redis"):
            return _opened(session, self._client.getdel(_key(session)))

    def take_turn(self, session: str) -> str:
        """Our turn to renew its tokens, for :data:`REST_S`: an issuer may take a refresh token once only.

        Returns:
            The turn, for :meth:`end_turn`; empty while another has it.

        Raises:
            StoreError: If Redis is away.
        """
        turn = secrets.token_hex(8)
        with told("renew a session", "Redis"):
            taken = self._client.set(_key(session, "turn"), turn, nx=True, ex=REST_S)
        return turn if taken else ""

    def end_turn(self, session: str, turn: str, after_s: int = 0) -> bool:
        """Has a turn end now or after some seconds; False if it has lapsed: it may be another's by now, and stays.

        Raises:
            StoreError: If Redis is away.
        """
        with told("renew a session", "Redis"):
            return bool(self._end_turn(keys=[_key(session, "turn")], args=[turn, after_s]))


def _key(session: str, part: str = "") -> str:
    return keys.session(hashlib.sha256(b"dome session name\n" + session.encode()).hexdigest(), part)


def _vault(session: str) -> Vault:
    digest = hashlib.sha256(b"dome session seal\n" + session.encode()).digest()
    return Vault(base64.urlsafe_b64encode(digest))


def _sealed(session: str, held: str) -> str:
    return _vault(session).seal(held.encode())


def _opened(session: str, sealed: Any) -> str | None:
    if sealed is None:
        return None
    try:
        return _vault(session).open(sealed.decode()).decode()
    except Unopened:
        return None
