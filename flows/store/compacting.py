"""What was deleted in Redis still stands in its append-only file until that is written anew; here it is asked to."""

from __future__ import annotations

import logging
from contextlib import suppress

import redis

from flows.store import keys
from flows.store.connection import told

log = logging.getLogger(__name__)


def compact(client: redis.Redis, address: str, went: bool = True) -> None:
    """Has deleted things leave the disk.

    While Redis is writing its file already, for what was deleted before, it is asked again by the next call.

    Args:
        client: Of Redis.
        address: Of Redis, without its password.
        went: Whether something was deleted; else only what could not be asked before is asked now.

    Raises:
        StoreError: If Redis is away.
    """
    with told("have deleted things leave the disk", address):
        if went:
            with suppress(redis.exceptions.OutOfMemoryError):  # a full one gets room by what went
                client.set(keys.UNCOMPACTED, "1")
        elif not client.exists(keys.UNCOMPACTED):
            return
    try:
        client.bgrewriteaof()
        client.delete(keys.UNCOMPACTED)
    except redis.RedisError as error:
        log.debug("the append-only file is not written anew now: %s", error)
