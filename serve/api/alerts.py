"""Live events for many listeners: one reader of the Redis stream a replica, fanned out to all of them.

A listener that is behind (it has just come back, or its queue ran over because its network is slow) reads from Redis
itself until it has caught up: nothing is missed, and since places only grow nothing is seen twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from flows.backoff import Backoff
from flows.domain.errors import StoreError
from flows.domain.masking import masked
from flows.domain.people import Person, Role
from flows.store import keys
from flows.store.connection import driver

log = logging.getLogger(__name__)

BLOCK_MS: Final = 5_000
ANSWER_S: Final = 15.0
"""Above the block, or the connection would be given up while it waits as it should."""
CONNECTIONS: Final = 8
"""One for the reader, the others for listeners that catch up."""
CHUNK: Final = 200
QUEUE: Final = 256
"""Items that a listener may be behind before it reads from Redis itself."""
AT_ONCE: Final = 20
BREATH_S: Final = 0.02
"""So many listeners are told at once, then others have their turn: behind Serve it takes them about so long."""
HEARTBEAT_S: Final = 15.0
"""A comment so often keeps proxies from closing a silent stream, and shows us that a listener is gone."""

_WATCH: Final[frozenset[Role]] = frozenset(
    {"operator", "reviewer", "authoriser", "patrol", "analyst", "auditor"}
)
SEEN_BY: Final[dict[str, frozenset[Role]]] = {
    "dome.violation.": _WATCH,
    "dome.evidence.stored.": _WATCH,
    "dome.plate.read.": _WATCH,
    "dome.decision.": _WATCH,
    "dome.object.": _WATCH,
    "dome.patrol.task.": frozenset({"patrol", "operator", "auditor"}),
    "dome.camera.fitness.": frozenset({"operator", "administrator"}),
    "dome.report.": frozenset({"operator", "reviewer", "auditor"}),
    "dome.search.waiting.": frozenset({"operator", "authoriser"}),
}
"""Who sees which events, by the beginning of their type. What is not named is seen by nobody: passages, leads of
search cases. Those who may see them ask for them by case."""
WAITING: Final = "dome.search.waiting.v1"
"""Says that a lead waits for people to look, and whether it presses; not of which case, nor where but for the district.
It is no event and has no place in the stream: who was away asks what waits (``GET /leads/waiting``)."""
NAMES_A_PLATE: Final = {"dome.plate.read.": ("text", "shown"), "dome.decision.": ("plate",)}
"""Fields that name a plate; a violation's package and trace are left out for everybody, they are asked for by id."""
LEFT_OUT: Final = ("trace", "moments", "entry", "exit", "lists")


@dataclass(frozen=True, slots=True)
class Item:
    """One event on its way to listeners.

    Attributes:
        place: Its stream id, as numbers: they compare as Redis orders them. None: it is told once, to who listens.
        type: Its type.
        district: Its district.
        text: As a server-sent event, for those who see plates.
        blind: The same without plates.
    """

    place: tuple[int, int] | None
    type: str
    district: str
    text: bytes
    blind: bytes


def place_of(text: str) -> tuple[int, int]:
    """A stream id as numbers.

    >>> place_of("1718000000000-3")
    (1718000000000, 3)

    Raises:
        ValueError: If it is none.
    """
    match = re.fullmatch(r"([0-9]{1,18})(?:-([0-9]{1,18}))?", text)
    if match is None:
        raise ValueError(f"expected a stream id such as 1718000000000-0, got {text[:40]!r}")
    return int(match[1]), int(match[2] or 0)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a listener sees: bound to the person once, when the stream begins."""

    person: Person
    types: tuple[str, ...] = ()
    districts: frozenset[str] = frozenset()

    def shows(self, item: Item) -> bytes | None:
        """The event as this listener gets it; None if it is none of theirs."""
        if not self.person.covers(item.district) or (self.districts and item.district not in self.districts):
            return None
        if self.types and not item.type.startswith(self.types):
            return None
        roles = next((r for start, r in SEEN_BY.items() if item.type.startswith(start)), frozenset())
        if not self.person.has(*roles):
            return None
        return item.text if self.person.sees_plates else item.blind


@dataclass(eq=False, slots=True)
class Listener:
    """One stream's queue.

    Attributes:
        queue: What it has not had yet.
        ran_over: Some did not fit; they are read from Redis.
        unplaced: Those of them that cannot be, each kind once: that something waits need not be told twice.
    """

    queue: asyncio.Queue[Item] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    ran_over: bool = False
    unplaced: dict[Item, None] = field(default_factory=dict)

    def offer(self, item: Item) -> None:
        """Never waits: a slow listener must not keep the others."""
        try:
            self.queue.put_nowait(item)
        except asyncio.QueueFull:
            self.ran_over = True
            if item.place is None:
                self.unplaced[item] = None

    def missed(self) -> list[Item]:
        """What did not fit and cannot be read again; asked for once."""
        items, self.unplaced = list(self.unplaced), {}
        return items


class TooMany(StoreError):
    """The replica has as many listeners as it takes."""


class AlertHub:
    """The live stream of one replica.

    Args:
        url: Redis.
        most: Listeners at once.
    """

    def __init__(self, url: str, most: int) -> None:
        options: dict[str, Any] = {"socket_timeout": ANSWER_S, "protocol": 2, "retry": Retry(NoBackoff(), 0),
                                   "driver_info": driver()}  # fmt: skip
        self._address, self._most = masked(url), most
        # Two hundred who come at once wait for one another; a pool that refuses would turn half of them away.
        pool: Any = redis.asyncio.BlockingConnectionPool.from_url(
            url, max_connections=CONNECTIONS, timeout=ANSWER_S, **options
        )
        self._client = redis.asyncio.Redis(connection_pool=pool)
        self._listeners: set[Listener] = set()
        self._reader: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self._last: tuple[int, int] | None = None
        self._alerted = ""
        self.problem = ""

    async def start(self) -> None:
        """Begins to read."""
        self._reader = asyncio.create_task(self._read())

    async def close(self) -> None:
        """Ends the reader and gives the connections back."""
        while self._reader is not None and not self._reader.done():
            self._reader.cancel()  # a client that is just connecting swallows the first one
            await asyncio.wait([self._reader], timeout=0.005)
        await self._client.aclose()

    @property
    def listening(self) -> int:
        """Listeners now."""
        return len(self._listeners)

    async def follow(self, filter: Filter, since: str = "") -> AsyncIterator[bytes]:
        """Events after a place as server-sent events, for ever; from now on if ``since`` is empty.

        Raises:
            TooMany: If there are too many listeners.
            StoreError: If Redis is away at the beginning; later it is waited for.
        """
        if len(self._listeners) >= self._most:
            raise TooMany(f"{self._most} streams are open here; try again, or another replica")
        listener = Listener()
        self._listeners.add(listener)
        try:
            # What the reader has passed on is not to come again; all that it passes on from now on is queued.
            newest = await self._begin()
            sent = place_of(since) if since else newest
            yield b": connected\nretry: 2000\n" + _up_to(sent)
            async for text in self._from(listener, filter, sent, behind=bool(since)):
                yield text
        finally:
            self._listeners.discard(listener)

    async def _from(
        self, listener: Listener, filter: Filter, sent: tuple[int, int], behind: bool
    ) -> AsyncIterator[bytes]:
        while True:
            if behind or listener.ran_over:
                listener.ran_over = False
                items = await self._patiently(sent)
                behind = len(items) == CHUNK
                items += listener.missed()
            else:
                try:
                    items = [await asyncio.wait_for(listener.queue.get(), HEARTBEAT_S)]
                except TimeoutError:
                    yield b": still here\n" + _up_to(sent)
                    continue
                while not listener.queue.empty():
                    items.append(listener.queue.get_nowait())
            texts = []
            for item in items:
                if item.place is None or item.place > sent:
                    sent = item.place or sent
                    if (text := filter.shows(item)) is not None:
                        texts.append(text)
            if texts:  # together: behind Serve each part of a stream costs about two milliseconds
                yield b"".join(texts)

    async def _patiently(self, after: tuple[int, int]) -> list[Item]:
        pause = Backoff(0.2, 5.0)
        while True:
            try:
                return await self._after(after)
            except redis.RedisError as error:
                log.debug("events cannot be read: %s", masked(str(error)))
                await asyncio.sleep(pause.next_s())

    async def _after(self, after: tuple[int, int]) -> list[Item]:
        rows: Any = await self._client.xrange(keys.EVENTS, min=f"({after[0]}-{after[1]}", count=CHUNK)
        return await self._items(rows)

    async def _newest(self, stream: str = keys.EVENTS) -> tuple[int, int]:
        try:
            rows: Any = await self._client.xrevrange(stream, count=1)
        except redis.RedisError as error:
            raise StoreError(f"cannot follow events at {self._address}: {masked(str(error))}") from error
        return place_of(rows[0][0].decode()) if rows else (0, 0)

    async def _items(self, rows: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> list[Item]:
        pipe = self._client.pipeline(transaction=False)
        for _, fields in rows:
            pipe.hget(keys.event(fields[b"id"].decode()), "json")
        records: list[bytes | None] = await pipe.execute() if rows else []
        return [item_of(place.decode(), fields, record)
                for (place, fields), record in zip(rows, records, strict=True)]  # fmt: skip

    async def _read(self) -> None:
        """The one reader; whatever happens to Redis it goes on from where it was."""
        pause = Backoff(0.1, 5.0)
        while True:
            try:
                last = await self._begin()
                places: Any = {keys.EVENTS: "{}-{}".format(*last), keys.ALERTS: self._alerted}
                answer: Any = await self._client.xread(places, count=CHUNK, block=BLOCK_MS)
                for name, rows in answer or []:
                    if name.decode() == keys.ALERTS:
                        self._alerted = rows[-1][0].decode()
                        await self._fan_out([hint_of(fields) for _, fields in rows])
                        continue
                    # A back-fill that nobody follows costs no more than its places.
                    items = await self._items(rows) if self._listeners else []
                    self._last = place_of(rows[-1][0].decode())
                    await self._fan_out(items)
                pause.reset()
                self.problem = ""
            except (redis.RedisError, StoreError) as error:
                self.problem = masked(str(error))
                log.warning("live events: %s", self.problem)
                await asyncio.sleep(pause.next_s())

    async def _begin(self) -> tuple[int, int]:
        """The place up to which events were passed on; the first who asks, listener or reader, finds where to begin.

        Raises:
            StoreError: If Redis is away.
        """
        async with self._beginning:
            if self._last is None:
                newest, alerted = await self._newest(), await self._newest(keys.ALERTS)
                self._last, self._alerted = newest, "{}-{}".format(*alerted)
            return self._last

    async def _fan_out(self, items: Sequence[Item]) -> None:
        """To all listeners, some at a time: a reviewer's click must not wait until two hundred have had an event.

        Who comes meanwhile begins after these items.
        """
        later = list(self._listeners)
        while later:
            now, later = later[:AT_ONCE], later[AT_ONCE:]
            for listener in now:
                for item in items:
                    listener.offer(item)
            if later:
                await asyncio.sleep(BREATH_S)


def item_of(place: str, fields: dict[bytes, bytes], record: bytes | None) -> Item:
    """An entry of the stream as listeners get it; of an event removed meanwhile only its place is left."""
    type, district = fields[b"type"].decode(), fields[b"district"].decode()
    event: dict[str, Any] = json.loads(record) if record else {}
    text = _sse(place, type, slim(event, type, plates=True))
    blind = (
        _sse(place, type, slim(event, type, plates=False)) if type.startswith(tuple(NAMES_A_PLATE)) else text
    )
    return Item(place_of(place), type if record else "", district, text, blind)


def hint_of(fields: dict[bytes, bytes]) -> Item:
    """An alert of a new lead as listeners get it: that one waits."""
    district, first = fields[b"district"].decode(), fields.get(b"first") == b"1"
    said = json.dumps({"type": WAITING, "subject": district, "data": {"first": first}}, separators=(",", ":"))
    text = f"event: {WAITING}\ndata: {said}\n\n".encode()
    return Item(None, WAITING, district, text, text)


def slim(event: dict[str, Any], type: str, *, plates: bool) -> dict[str, Any]:
    """An event as it is told to others: without what is asked for by id, and without plates for who does not see
    them."""
    secret = () if plates else next((n for start, n in NAMES_A_PLATE.items() if type.startswith(start)), ())
    data = {k: v for k, v in event.get("data", {}).items() if k not in (*LEFT_OUT, *secret)}
    return event | {"data": data}


def _up_to(place: tuple[int, int]) -> bytes:
    """So that who hears nothing before the line breaks goes on from here, too: an id without an event is kept."""
    return "id: {}-{}\n\n".format(*place).encode()


def _sse(place: str, type: str, event: dict[str, Any]) -> bytes:
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"id: {place}\nevent: {type}\ndata: {text}\n\n".encode()
