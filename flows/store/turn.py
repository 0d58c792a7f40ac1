"""Whose turn it is: of many processes that could do some work, one does it at a time."""

from __future__ import annotations

import secrets
from typing import Any, Final

import redis

from flows.store import keys

_KEEP: Final = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


class Turn:
    """One process's claim on some work. It lapses by itself when the process dies.

    It keeps two from doing the same most of the time, not always (a process that hung goes on when it wakes up):
    what must be done once needs ids besides.

    Args:
        client: Of Redis.
        name: Of the work.
        lasts_s: How long a turn lasts unless it is taken again.
    """

    def __init__(self, client: redis.Redis, name: str, lasts_s: float) -> None:
        self._key, self._me = keys.turn(name), secrets.token_hex(8)
        self._lasts_ms = int(lasts_s * 1000)
        self._keep: Any = client.register_script(_KEEP)

    def mine(self) -> bool:
        """Takes or prolongs the turn; False while another has it."""
        return bool(self._keep(keys=[self._key], args=[self._me, self._lasts_ms]))
