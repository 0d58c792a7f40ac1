"""Round Serve's HTTP proxy: what a replica that died leaves unanswered is answered here, and never with a bare 500.

Serve gives a request to another replica as long as none has taken it, and while none is there it waits. One that a
replica had taken when it died ends without an answer, which the server says as "500 Internal Server Error" in plain
text. Here a read that has no body is asked once more (once: what kills replicas must not go from one to the next);
anything else is answered 503 with ``Retry-After`` and problem details. Whether a write was done is not known then.
Sent again, a report is the same by its ``reference``, a piece of an upload by its offset, a step by the ``version`` it
was taken on, and any write by its ``Idempotency-Key``, unless its replica died between doing it and keeping the answer.

An answer that had begun when its replica died cannot be taken back: the connection ends before the answer does, as
clients of event streams know. ``RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH`` is Serve's own way to put this in;
:func:`serve.app.start_serve` sets it. Where Serve was started by others, they set it: ``serve.api.proxy.middlewares``.
"""

from __future__ import annotations

import logging
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.api.middleware import SecurityHeaders
from serve.api.problems import AGAIN, Problem

log = logging.getLogger(__name__)

CALLBACK: Final = {"RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": f"{__name__}.middlewares"}
REPEATABLE: Final = frozenset({"GET", "HEAD"})
OWN: Final = "/-/"
"""Paths that Serve's proxy answers by itself, for probes that expect its own words."""
LOST: Final = (
    "whoever worked on this ended before it answered; send the same again (a write with its Idempotency-Key)"
)
NOBODY: Final = "nobody can answer this now; send the same again"


def middlewares() -> list[Middleware]:
    """What Serve's proxy puts round itself; it calls this when it starts."""
    return [Middleware(Answered)]


class Answered:
    """Answers what comes back from Serve without an answer, or with one in Serve's own plain words.

    Args:
        app: Serve's proxy.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(OWN):
            await self._app(scope, receive, send)
            return
        request, answer = _Request(receive), _Answer(send)
        await self._app(scope, request.receive, answer.send)
        if (
            scope["method"] in REPEATABLE
            and request.empty
            and not (answer.given or answer.refused or request.left)
        ):
            log.warning("%s %s has no answer, asking once more", scope["method"], scope["path"])
            request.again()
            await self._app(scope, request.receive, answer.send)
        if answer.given or request.left:
            return
        log.warning("%s %s has no answer", scope["method"], scope["path"])
        problem = Problem(503, NOBODY if answer.refused else LOST, headers=AGAIN)
        await SecurityHeaders(problem.response())(scope, receive, send)


class _Request:
    """What a client sends; one without a body can be given a second time.

    Attributes:
        empty: Whether it has no body, as far as anybody has asked for it.
        left: Whether the client has gone.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive, self.empty, self.left = receive, True, False
        self._came: list[Message] = []
        self._held: list[Message] = []

    def again(self) -> None:
        """The same from the beginning."""
        self._held = self._came.copy()

    async def receive(self) -> Message:
        """ASGI's."""
        if self._held:
            return self._held.pop(0)
        message = await self._receive()
        self.empty = self.empty and not message.get("body")
        self.left = self.left or message["type"] == "http.disconnect"
        if self.empty:
            self._came.append(message)
        return message


class _Answer:
    """Passes an answer on, but for a refusal in Serve's own words.

    Attributes:
        given: Whether some of it went on to the client.
        refused: Whether Serve has refused.
    """

    def __init__(self, send: Send) -> None:
        self._send, self.given, self.refused = send, False, False

    async def send(self, message: Message) -> None:
        """ASGI's."""
        if message["type"] == "http.response.start":
            self.refused = _is_serves(message)
        if not self.refused:
            self.given = True
            await self._send(message)


def _is_serves(message: Message) -> bool:
    """Serve says in plain text that a deployment is there no more; whatever our API says is JSON or XML."""
    kind = Headers(raw=message["headers"]).get("content-type", "")
    return bool(message["status"] == 503 and kind.startswith("text/plain"))
