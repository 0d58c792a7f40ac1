"""Bodies that are read before a route reads them: whole, bounded, and given on as they came."""

from __future__ import annotations

from starlette.types import Message, Receive


async def whole(receive: Receive, most: int) -> bytes | None:
    """All of a body; None if it is longer than ``most`` bytes."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(pieces)
        pieces.append(bytes(message.get("body", b"")))
        size += len(pieces[-1])
        if size > most:
            return None
        if not message.get("more_body"):
            return b"".join(pieces)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A way to receive that gives the body once more, then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
