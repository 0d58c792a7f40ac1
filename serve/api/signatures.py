"""Requests that a channel signs instead of sending a token: checked once, here, with the body they were signed with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from flows.domain.channels import HEADERS, Channel, Unseen, check, check_head
from flows.domain.people import EVERYWHERE, Person
from flows.store.channels import ChannelBook
from serve.api.bodies import replayed, whole
from serve.api.problems import Problem

MOST_BYTES: Final = 32 * 1024 * 1024
"""Longest signed body: a form with a photo of the largest kind. Clips come piece by piece."""
PREFIX: Final = "channel."
"""Before a channel's name in the login of what it signs."""


def is_signed(scope: Scope) -> bool:
    """Whether a request comes with a signature."""
    return scope["type"] == "http" and HEADERS[-1] in Headers(scope=scope)


def channel_of(person: Person) -> str:
    """The channel that somebody with that role is."""
    return person.sub.removeprefix(PREFIX)


class Signatures:
    """Checks signatures.

    Args:
        book: Channels and their keys.
        unseen: The memory of nonces.
        clock: Seconds since 1970.
    """

    def __init__(self, book: ChannelBook, unseen: Unseen, clock: Callable[[], float] = time.time) -> None:
        self.book, self._unseen, self.clock = book, unseen, clock

    async def person(self, scope: Scope, receive: Receive) -> tuple[Person, Receive]:
        """Whose request it is, and a way to receive its body again.

        Raises:
            SignatureRefused: If it was not signed so, not now, or not for the first time.
            Problem: 413 if its body is too long.
            StoreError: If the memory of nonces is away: nothing is accepted then.
        """
        headers = Headers(scope=scope)
        check_head(headers, self.clock())
        body = await whole(receive, MOST_BYTES)
        if body is None:
            raise Problem(413, f"the body is too long: expected at most {MOST_BYTES} bytes")
        channel = await asyncio.to_thread(self._checked, scope, headers, body)
        # Its own reports wherever they are: a channel is bound to what it brought, not to a district.
        person = Person(
            sub=f"{PREFIX}{channel.name}", name=channel.name, roles=frozenset({"channel"}),
            districts=frozenset({EVERYWHERE}),
        )  # fmt: skip
        return person, replayed(body, receive)

    def _checked(self, scope: Scope, headers: Headers, body: bytes) -> Channel:
        return check(
            headers, scope["method"], target_of(scope), body, self.book.all(), self.clock(), self._unseen
        )


def target_of(scope: Scope) -> str:
    """Path and query of a request, as they were sent."""
    raw = scope.get("raw_path")
    path = raw.decode("latin-1").partition("?")[0] if raw else quote(scope["path"])
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path
