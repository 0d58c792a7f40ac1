"""Who a browser's cookie stands for, and until when: the session's tokens are renewed here, out of its sight."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from pydantic import BaseModel, ConfigDict

from flows.domain.errors import StoreError
from flows.domain.people import Person
from flows.store.sessions import REST_S, TURN_S, SessionStore
from serve.api.identity import REMEMBERED, Identity, Unknown
from serve.api.provider import Provider, Refused, Tokens

log = logging.getLogger(__name__)

LASTS_S: Final = 12 * 3600
"""A shift. A token that cannot be renewed may end earlier; then so does its session."""
EARLY_S: Final = 60.0
"""Tokens are renewed so long before we stop believing them: nobody waits, and an issuer may be away for a moment."""
WAIT_S: Final = 3.0
"""Whose token has ended while another request renews it (a tablet that slept) waits so long."""
LOOK_S: Final = 0.1
KEEP_S: Final = 20.0
"""A new refresh token is written for so long while Redis is away: the one before it is used up. An embedded Redis that
died is mostly back by then."""
OPEN_S: Final = 300.0
"""What lasts longer than a request (the live stream) is asked again after that whether its session is still there."""
ENDED: Final = "the session has ended: sign in again"


class Session(BaseModel):
    """What a cookie stands for.

    Attributes:
        sub: Whose it is; a renewed token of anybody else ends it.
        until_s: Until when its access token is good, seconds since 1970.
        tokens: Of the issuer; pasted ones are an access token alone.
    """

    model_config = ConfigDict(frozen=True)

    sub: str
    until_s: float
    tokens: Tokens


class Sessions:
    """Sessions of the console.

    Args:
        store: Where they are.
        identity: Reads their tokens.
        provider: Renews them; None where nobody signs in at an issuer.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        store: SessionStore,
        identity: Identity,
        provider: Provider | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.provider = provider
        self._store, self._identity, self._clock = store, identity, clock
        self._known: OrderedDict[str, float] = OrderedDict()

    def close(self) -> None:
        """Gives the connections back."""
        self._store.close()
        if self.provider is not None:
            self.provider.close()

    def begin(self, tokens: Tokens) -> tuple[str, Person]:
        """A session of whoever some tokens are of; its id, for their cookie.

        Raises:
            Unknown: If they are not good.
            StoreError: If that cannot be told now, or Redis is away.
        """
        until_s, person = self._identity.read(tokens.access)
        lasts_s = LASTS_S if tokens.refresh else min(LASTS_S, math.ceil(until_s - self._clock()))
        begun = Session(sub=person.sub, until_s=until_s, tokens=tokens)
        return self._store.begin(begun.model_dump_json(), max(1, lasts_s)), person

    async def person(self, session: str) -> tuple[Person, float]:
        """Whose it is, and when that has to be asked again (seconds since 1970).

        Raises:
            Unknown: If it has ended, or never was.
            StoreError: If that cannot be told now.
        """
        try:
            found = await asyncio.to_thread(self._read, session)
            if self._due(found):
                found = await self._renewed(session, found)
            person = await self._identity.person(found.tokens.access)
        except Unknown:
            self._known.pop(session, None)
            raise
        now_s = self._clock()
        self._known[session] = now_s + LASTS_S
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return person, min(found.until_s, now_s + OPEN_S)

    def knows(self, session: str) -> bool:
        """Whether it was found good here before: to say so costs nothing, and lets nobody in."""
        return self._clock() < self._known.get(session, 0.0)

    def end(self, session: str, back: str) -> str:
        """Ends it here, in all replicas and at once, and at the issuer; where the browser ends its own, else empty.

        Args:
            session: Its id.
            back: Where the issuer may send the browser afterwards.

        Raises:
            StoreError: If Redis is away: then it has not ended.
        """
        tokens = self.drop(session)
        return "" if tokens is None or self.provider is None else self.provider.leave(tokens, back)

    def drop(self, session: str) -> Tokens | None:
        """Ends it here alone: the same person may have come again, and their new tokens are of the same session there.

        Raises:
            StoreError: If Redis is away: then it has not ended.
        """
        self._known.pop(session, None)
        held = self._store.end(session)
        return None if held is None else Session.model_validate_json(held).tokens

    def _read(self, session: str) -> Session:
        held = self._store.read(session)
        if held is None:
            raise Unknown(ENDED)
        return Session.model_validate_json(held)

    def _due(self, found: Session) -> bool:
        return bool(found.tokens.refresh) and self._clock() > found.until_s - EARLY_S

    def _good(self, found: Session) -> bool:
        return self._clock() < found.until_s

    async def _renewed(self, session: str, found: Session) -> Session:
        """With a new token; the old one does as long as it is good, and another request renews it or the issuer is
        away."""
        for _ in range(round(WAIT_S / LOOK_S)):
            # In a thread that nothing cancels: an issuer may take a refresh token once, and its answer must be kept.
            if (again := await asyncio.to_thread(self._renew, session, found)) is not None:
                return again
            if self._good(found):
                return found
            await asyncio.sleep(LOOK_S)
        raise StoreError("the session cannot be renewed now")

    def _renew(self, session: str, found: Session) -> Session | None:
        """Renews it if it is our turn; None if that cannot be done now."""
        if self.provider is None or not (turn := self._store.take_turn(session)):
            return None
        try:
            found = self._read(session)
            if self._due(found):  # else another did it just before
                if not self._store.end_turn(session, turn, TURN_S):
                    return None
                tokens = self.provider.refresh(found.tokens)
                # First of all, and whether or not the new access token can be read now: the old one is used up.
                refresh = found.tokens.model_copy(update={"refresh": tokens.refresh})
                kept = found.model_copy(update={"tokens": refresh})
                _insist(lambda: self._change(session, kept))
                until_s, person = self._identity.read(tokens.access)
                if person.sub != found.sub:
                    raise Refused("its new token is somebody else's")
                found = Session(sub=found.sub, until_s=until_s, tokens=tokens)
                self._change(session, found)
        except (Refused, Unknown) as error:
            log.warning("a session of %s ends: %s", found.sub, error)
            self._store.end(session)
            raise Unknown(ENDED) from None
        except StoreError as error:
            log.warning("a session of %s is not renewed yet: %s", found.sub, error)
            self._end_turn(session, turn, REST_S)
            return None
        self._end_turn(session, turn)
        return found

    def _end_turn(self, session: str, turn: str, after_s: int = 0) -> None:
        with suppress(StoreError):  # it lapses
            _insist(lambda: self._store.end_turn(session, turn, after_s))

    def _change(self, session: str, found: Session) -> None:
        if not self._store.change(session, found.model_dump_json()):
            raise Unknown(ENDED)  # signed out meanwhile


def _insist(write: Callable[[], object]) -> None:
    until_s = time.monotonic() + KEEP_S
    while True:
        try:
            write()
            return
        except StoreError:
            if time.monotonic() > until_s:
                raise
        time.sleep(LOOK_S)
